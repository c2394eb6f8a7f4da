internal import Diagnostics

/// How an image attack and a text attack are put together: one type each, behind one name.
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
package struct MultimodalMethod: RawRepresentable, CaseIterable, Hashable, Sendable {
  /// All methods: to add one is to add its file and its name here.
  package static let allCases: [MultimodalMethod] = [
    .independent, .adaptive, .imageFirst, .alternating, .coAttack, .sga, .worst,
  ]

  let procedure: any MultimodalProcedure

  init(_ procedure: any MultimodalProcedure) { self.procedure = procedure }

  /// The method of a name; nil for none.
  package init?(rawValue: String) {
    guard let known = Self.allCases.first(where: { $0.rawValue == rawValue }) else { return nil }
    self = known
  }

  /// Its name in scripts and records.
  package var rawValue: String { procedure.name }
  /// The name of its row in reports.
  package var scenario: String { procedure.scenario }
  /// True for a method that attacks both sides of each sample at once, so that its images go with prompts
  /// of their own search.
  package var attacksTogether: Bool { procedure.attacksTogether }
  /// The L∞ budget of its publication, which holds unless told otherwise; nil for methods without one.
  package var usualBudget: Double? { procedure.usualBudget }
  /// The parameters that it reads.
  package var parameterNames: Set<String> { procedure.parameterNames }

  /// How often it runs the image attack, at most; a look at scaled copies counts for each of them.
  package func imageRuns(_ parameters: MultimodalParameters) -> Int {
    procedure.imageRuns(parameters)
  }

  /// The methods that it may carry out: what it chooses from, else itself.
  package func members(_ parameters: MultimodalParameters) -> [MultimodalMethod] {
    guard self == .worst else { return [self] }
    return parameters.methods.isEmpty
      ? Self.allCases.filter { $0 != .worst } : parameters.methods
  }

  /// Methods are told apart by their names.
  package static func == (a: MultimodalMethod, b: MultimodalMethod) -> Bool {
    a.rawValue == b.rawValue
  }

  /// Hashes the name.
  package func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }

  /// The methods that images with captions, which have no classes, can be attacked by; `worst`
  /// chooses from the others.
  package static var captioned: [MultimodalMethod] {
    allCases.filter(\.procedure.takesCaptions)
  }

  /// What `worst` chooses from where images have captions.
  ///
  /// - Parameter methods: what is asked for; empty for all.
  /// - Throws: `KilpiError` for a method that needs classes.
  package static func captionMembers(_ methods: [MultimodalMethod]) throws -> [MultimodalMethod] {
    for method in methods { try method.checkTakesCaptions() }
    return methods.isEmpty ? captioned.filter { $0 != .worst } : methods
  }

  /// - Throws: `KilpiError` when the method needs classes.
  package func checkTakesCaptions() throws {
    guard procedure.takesCaptions else {
      let names = Self.captioned.map { "\"\($0.rawValue)\"" }
      throw KilpiError(
        "method \"\(rawValue)\" needs labels",
        advice: "captions take \(names.dropLast().joined(separator: ", ")) or \(names.last ?? "")")
    }
  }
}

/// What a multimodal method needs of the two attacks.
enum MultimodalNeed: Sendable {
  /// A text attack that finds the worst prompts of each image.
  case promptsPerImage
  /// A text attack that moves texts away from images.
  case textsAgainstImages
  /// An image attack within a ball.
  case ball
}

/// A multimodal method: its names, what it needs, and how it attacks.
protocol MultimodalProcedure: Sendable {
  /// Its name in scripts and records.
  var name: String { get }
  /// The name of its row in reports.
  var scenario: String { get }
  /// What it needs of the two attacks, in the order in which that is checked.
  var needs: [MultimodalNeed] { get }
  /// The parameters that it reads.
  var parameterNames: Set<String> { get }
  /// True when it attacks images with captions, too.
  var takesCaptions: Bool { get }
  /// See `MultimodalMethod`.
  var attacksTogether: Bool { get }
  /// See `MultimodalMethod`.
  var usualBudget: Double? { get }
  /// The step of PGD without one, as a share of `eps / steps`; nil for PGD's own rule.
  var stepShare: Double? { get }

  func imageRuns(_ parameters: MultimodalParameters) -> Int

  /// Attacks images and class prompts.
  func classes(_ run: MultimodalRun) throws -> MultimodalResult

  /// Attacks images and their captions; asked only where it takes captions.
  func captions(_ run: CaptionRun) throws -> CaptionAttackResult
}

extension MultimodalProcedure {
  var needs: [MultimodalNeed] { [] }
  var parameterNames: Set<String> { [] }
  var takesCaptions: Bool { false }
  var attacksTogether: Bool { true }
  var usualBudget: Double? { nil }
  var stepShare: Double? { nil }

  func imageRuns(_ parameters: MultimodalParameters) -> Int { 1 }

  func captions(_ run: CaptionRun) throws -> CaptionAttackResult {
    try MultimodalMethod(self).checkTakesCaptions()
    throw KilpiError("method \"\(name)\" has no form for captions")
  }
}
