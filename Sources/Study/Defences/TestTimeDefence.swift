internal import AttackPlans
package import Attacks
package import ClipModels
package import Files
internal import Diagnostics
package import Tensors

/// A defence that acts when an image is classified: a value whose properties are its parameters.
///
/// To add one is to add its file, its row of `TestTimeDefences.all` and its row of the test of all defences.
/// Attacks see through it: its logits are differentiable with respect to the images, and its random draws
/// are a function of seed and image alone, so that a verdict does not depend on the batch.
package protocol TestTimeDefence: Parameterized, Sendable {
  /// Its name in tables and records.
  var name: String { get }
  /// One sentence for help.
  var summary: String { get }
  /// Root of its random draws.
  var seed: UInt64 { get set }
  /// It draws.
  var draws: Bool { get }

  /// Logits `[N, C]` of images `[N, 3, H, W]` in `[0, 1]`.
  ///
  /// - Parameter classifier: the classifier that is defended; its weights record no gradient.
  func logits(_ images: Tensor, _ classifier: ZeroShotClassifier) throws -> Tensor
}

extension TestTimeDefence {
  package var draws: Bool { true }

  /// One stream an image: its draws follow from the seed and the image's own values.
  func streams(_ images: Tensor, draw: Int = 0) throws -> [RandomStream] {
    let source = RandomSource(seed: seed)
    let values = try images.detached().contiguous().doubles()
    let width = max(images.shape.dropFirst().reduce(1, *), 1)
    return (0..<images.shape[0]).map { row in
      var hash: UInt64 = 0xCBF2_9CE4_8422_2325
      for value in values[row * width..<(row + 1) * width] {
        hash = (hash ^ value.bitPattern) &* 0x0000_0100_0000_01B3
        hash ^= hash >> 31
      }
      return source.stream(.defence, sample: hash, step: draw)
    }
  }

  /// Values for every image from streams of its own, in the images' shape.
  func drawn(
    _ images: Tensor, draw: Int = 0, _ make: (inout RandomStream, [Int]) throws -> Tensor
  ) throws -> Tensor {
    let shape = [1] + images.shape.dropFirst()
    let parts = try streams(images, draw: draw).map { stream in
      var stream = stream
      return try make(&stream, shape)
    }
    return try Tensor.concatenated(parts).converted(to: images.dtype)
  }
}

/// The defences by name.
package enum TestTimeDefences {
  /// Every defence; a new one is one more row.
  package static var all: [any TestTimeDefence] {
    [CounterAttack(), AugmentedViews(), NoisyViews()]
  }
}

/// A classifier behind a defence.
package final class DefendedClassifier {
  /// The defence.
  package let defence: any TestTimeDefence
  /// What it defends, with weights that record no gradient.
  package let base: ZeroShotClassifier

  /// - Throws: `KilpiError` for parameters outside their ranges.
  package init(_ base: ZeroShotClassifier, _ defence: any TestTimeDefence) throws {
    try defence.checkParameters()
    self.base = try base.with(model: base.model.frozen())
    self.defence = defence
  }

  /// `NAME(parameters)`, as tables print it.
  package var name: String { defence.name }

  /// Logits in float32, differentiable with respect to the images.
  ///
  /// - Throws: `KilpiError` unless the images are `[N, 3, H, W]` with pixels.
  package func logits(_ images: Tensor) throws -> Tensor {
    let judge = try base.judge()
    // No image, or none that a model takes: the classifier says what is wrong.
    guard images.rank == 4, !images.shape.contains(0) else { return try judge.logits(images) }
    return try defence.logits(images, judge)
  }

  /// What records say of it: parameters and the seed of its draws.
  package var record: JSONValue {
    .object(
      [.init("defence", .string(name))] + defence.recordedParameters
        + (defence.draws ? [.init("seed", .integer(Int64(bitPattern: defence.seed)))] : []))
  }

  /// The classifier that attacks see: through the defence.
  package var classifier: Classifier { Classifier { try self.logits($0) } }

  /// The same defence with other prompts.
  package func withPrompts(_ prompts: [String]) throws -> DefendedClassifier {
    try DefendedClassifier(base.withPrompts(prompts), defence)
  }
}
