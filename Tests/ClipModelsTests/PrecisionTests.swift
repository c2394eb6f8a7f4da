import ClipModels
import Kernels
import Tensors
import TestSupport
import Testing

/// bfloat16 products: close to float32, and never behind a verdict.
@Suite struct PrecisionTests {
  private func model(_ precision: ProductPrecision) throws -> ClipModel {
    try ClipModel.load(TestFiles.fixture("clip-quick_gelu")).with(precision: precision)
  }

  private func images() throws -> Tensor {
    var stream = RandomSource(seed: 5).stream(.script)
    return try Tensor.random([3, 3, 32, 32], stream: &stream)
  }

  private func gradient(_ model: ClipModel, _ x: Tensor) throws -> Tensor {
    let x = try x.cloned().setRequiresGradient(true)
    let loss = try model.encodeImage(x).narrowed(1, start: 0, length: 3).sum()
    return try Tensor.gradients(of: loss, with: [x])[0]
  }

  @Test("features and gradients stay within bfloat16's rounding of float32's, and differ from them")
  func closeness() throws {
    guard ProductKernels.takeBFloat16 else {
      print("skipped: this processor has no bfloat16 products")
      return
    }
    let (exact, rounded, x) = (try model(.float32), try model(.bfloat16), try images())
    for (wide, narrow) in [
      (try exact.encodeImage(x), try rounded.encodeImage(x)),
      (try gradient(exact, x), try gradient(rounded, x)),
    ] {
      let size = try wide.doubles().map(abs).max() ?? 0
      try expectClose(narrow, wide, rtol: 0, atol: 0.05 * size)
      #expect(try narrow.doubles() != wide.doubles())
    }
  }

  @Test("weights are shared, float32 and untouched by a copy in another precision")
  func sharing() throws {
    let (exact, rounded) = (try model(.float32), try model(.bfloat16))
    let again = try rounded.with(precision: .float32)
    #expect(again.precision == .float32 && rounded.precision == .bfloat16)
    #expect(try rounded.frozen().precision == .bfloat16)
    #expect(try rounded.copy().precision == .bfloat16)
    let x = try images()
    #expect(try again.encodeImage(x).doubles() == exact.encodeImage(x).doubles())
  }

  @Test("an attack's classifier takes steps in bfloat16 and gives verdicts in float32")
  func verdicts() throws {
    guard ProductKernels.takeBFloat16 else { return }
    let names = ["cat", "dog"]
    let tinyConfiguration = try #require(
      ClipConfiguration.named.first { $0.name == "tiny" }?.configuration)
    let tiny = try ClipModel.random(tinyConfiguration, seed: 3, precision: .bfloat16)
    let rounded = try ZeroShotClassifier(tiny, classNames: names)
    let exact = try ZeroShotClassifier(tiny.with(precision: .float32), classNames: names)
    let (judge, x) = (try rounded.judge(), try images())
    #expect(try judge.stepLogits(x).doubles() == exact.logits(x).doubles())
    #expect(try rounded.logits(x).doubles() == exact.logits(x).doubles())
    #expect(try rounded.predict(x).scores.doubles() == exact.predict(x).scores.doubles())
    let step = try rounded.stepLogits(x)
    let recorded = try rounded.logits(x.cloned().setRequiresGradient(true))
    #expect(try recorded.detached().doubles() == step.doubles())
    #expect(try step.doubles() != exact.logits(x).doubles())
    let own = try tiny.logits(images: tiny.encodeImage(x), texts: rounded.textFeatures())
    #expect(try step.doubles() == own.doubles())
  }
}
