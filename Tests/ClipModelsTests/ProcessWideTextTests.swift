import Kernels
import Tensors
import Testing

@testable import ClipModels

/// Alone in the process: they switch its deterministic mode.
@Suite("texts beside others", .serialized)
struct ProcessWideTextTests {
  /// Kilpi's own products need no mode for it.
  static let modes = ProductKernels.areOwn ? [true, false] : [true]

  @Test(
    "I11: a text's features have the same bits whatever stands beside it", arguments: modes)
  func batches(isDeterministic: Bool) throws {
    try check(.float32, isDeterministic)
  }

  @Test("I11 in float64, which needs the mode")
  func float64() throws { try check(.float64, true) }

  private func check(_ dtype: DType, _ isDeterministic: Bool) throws {
    BLAS.isDeterministic = isDeterministic
    defer { BLAS.isDeterministic = false }
    let model = try ClipModel.random(
      ClipConfiguration(
        embedding: 24, imageSize: 8, patchSize: 4,
        vision: .init(width: 8, layers: 1, heads: 2), text: .init(width: 48, layers: 2, heads: 3)),
      seed: 3
    ).converted(to: dtype)
    let texts = [
      "a photo of a very small dog on the beach", "cat", "a photo of a dog", "cat",
      "an old red bus that waits", "the sea",
    ]
    let together = try bits(model.encodeText(texts))
    for (index, text) in texts.enumerated() {
      #expect(try bits(model.encodeText([text]))[0] == together[index], "\(text)")
    }
    #expect(try bits(model.encodeText(Array(texts[1...3]))) == Array(together[1...3]))
  }

  private func bits(_ features: Tensor) throws -> [[UInt64]] {
    let (values, width) = (try features.doubles(), features.shape[1])
    return (0..<features.shape[0]).map { row in
      values[row * width..<(row + 1) * width].map(\.bitPattern)
    }
  }
}
