internal import Diagnostics

/// How an image attack and a text attack are put together.
///
/// Definitions: docs/methods/multimodal-attacks.md, section 4.1.
///
/// | method | row | procedure |
/// |---|---|---|
/// | `independent` | `mm_sep` | each side against the clean other: the published protocol |
/// | `adaptive` | `mm_t2i` | prompts first, then the image against the adversarial prompts |
/// | `imageFirst` | `mm_i2t` | image first, then for each image the worst prompts |
/// | `alternating` | `mm_alt` | `imageFirst`, then both sides again in turns |
/// | `coAttack` | `mm_co` | arXiv:2206.09391 in its form for dual encoders |
/// | `sga` | `mm_sga` | arXiv:2307.14061: texts, scaled views of the image, texts again |
/// | `worst` | `mm_worst` | for each sample the best of several |
public enum MultimodalMethod: String, Sendable, CaseIterable {
  /// Neither side sees the other.
  case independent
  /// The image attack sees the adversarial prompts.
  case adaptive
  /// The text attack sees the adversarial image.
  case imageFirst = "image-first"
  /// Image and text attack in turns, each against the other's last result.
  case alternating
  /// The image moves away from itself and from the adversarial text, in feature space.
  case coAttack = "co-attack"
  /// Set-level guidance: all captions, several scales.
  case sga
  /// The best of several methods, sample by sample.
  case worst

  /// The name of its row in reports.
  public var scenario: String {
    switch self {
    case .independent: return "mm_sep"
    case .adaptive: return "mm_t2i"
    case .imageFirst: return "mm_i2t"
    case .alternating: return "mm_alt"
    case .coAttack: return "mm_co"
    case .sga: return "mm_sga"
    case .worst: return "mm_worst"
    }
  }

  /// True for a method that attacks both sides of each sample at once, so that its images go with prompts
  /// of their own search.
  public var attacksTogether: Bool { self != .independent && self != .adaptive }

  /// The methods that images with captions, which have no classes, can be attacked by; `worst`
  /// chooses from the others.
  public static let captioned: [MultimodalMethod] = [.independent, .coAttack, .sga, .worst]

  /// What `worst` chooses from where images have captions.
  ///
  /// - Parameter methods: what is asked for; empty for all.
  /// - Throws: `KilpiError` for a method that needs classes.
  public static func captionMembers(_ methods: [MultimodalMethod]) throws -> [MultimodalMethod] {
    for method in methods { try method.checkTakesCaptions() }
    return methods.isEmpty ? captioned.filter { $0 != .worst } : methods
  }

  /// - Throws: `KilpiError` when the method needs classes.
  public func checkTakesCaptions() throws {
    guard Self.captioned.contains(self) else {
      throw KilpiError(
        "", "method \"\(rawValue)\" needs labels",
        advice: "captions take \"independent\", \"co-attack\", \"sga\" or \"worst\"")
    }
  }

  /// True where every image meets prompts of its own.
  var choosesPromptsPerImage: Bool {
    self == .imageFirst || self == .alternating
  }
}
