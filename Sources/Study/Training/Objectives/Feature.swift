/// An encoding that the loss of a training method reads.
///
/// `.images`, `.texts` and `.classes` are of clean inputs by the model that is trained;
/// `.images.adversarial`, `.images.original`, `.images.raw` and `.images.adversarial.patches` say otherwise.
package struct Feature: Hashable, Sendable {
  /// What is encoded.
  package enum Source: String, Sendable {
    /// The batch's images, `[B, D]`.
    case images
    /// The batch's texts, `[B, D]`.
    case texts
    /// The prompts of all classes, `[C, D]`: the normalised mean over templates.
    case classes
  }

  /// What is encoded.
  package let source: Source
  /// Attacked inputs.
  package private(set) var isAdversarial = false
  /// Encoded by the model that the run began with, without a gradient.
  package private(set) var isOriginal = false
  /// As the encoder gives it; else L2-normalised.
  package private(set) var isRaw = false
  /// The tokens of patches behind the last norm and the projection, raw, `[B, T, D]`.
  package private(set) var isPatches = false

  private init(_ source: Source) { self.source = source }

  package static let images = Feature(.images)
  package static let texts = Feature(.texts)
  package static let classes = Feature(.classes)

  /// The same of attacked inputs.
  package var adversarial: Feature { changed { $0.isAdversarial = true } }
  /// The same by the model that the run began with.
  package var original: Feature { changed { $0.isOriginal = true } }
  /// The same as the encoder gives it.
  package var raw: Feature { changed { $0.isRaw = true } }
  /// The tokens of patches in place of the embedding.
  package var patches: Feature {
    changed {
      $0.isPatches = true
      $0.isRaw = true
    }
  }

  /// Encoded by the same model from the same kind of input: one forward can give both.
  func isBeside(_ other: Feature) -> Bool {
    source == other.source && isOriginal == other.isOriginal
  }

  private func changed(_ change: (inout Feature) -> Void) -> Feature {
    var copy = self
    change(&copy)
    return copy
  }
}
