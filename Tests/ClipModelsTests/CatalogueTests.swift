import Diagnostics
import Files
import Kernels
import Networks
import Tensors
import TestSupport
import Testing

@testable import ClipModels

/// Defects of docs/methods/defects.md in models, by their numbers.
@Suite struct CatalogueTests {
  private func tiny(_ precision: ProductPrecision = .float32) throws -> ClipModel {
    let configuration = try #require(
      ClipConfiguration.named.first { $0.name == "tiny" }?.configuration)
    return try ClipModel.random(configuration, seed: 3, precision: precision)
  }

  private func images(_ count: Int = 3, side: Int = 16) throws -> Tensor {
    var stream = RandomSource(seed: 5).stream(.script)
    return try Tensor.random([count, 3, side, side], stream: &stream)
  }

  private func gradient(
    _ images: Tensor, _ loss: (Tensor) throws -> Tensor
  ) throws -> Tensor {
    let leaf = try images.cloned().setRequiresGradient(true)
    return try Tensor.gradients(of: loss(leaf), with: [leaf])[0]
  }

  @Test(
    "B02: a classifier normalises once: its gradient is that of the pipeline written out",
    arguments: ["tiny", "open_clip-resnet"])
  func normalisesOnce(_ name: String) throws {
    let model =
      try name == "tiny" ? tiny() : ClipModel.load(ArchitectureTests.folder(name))
    let side = model.configuration.imageSize
    // The same weights without a normalisation of their own.
    var plain = model.configuration
    (plain.mean, plain.deviation) = ([0, 0, 0], [1, 1, 1])
    let bare = try ClipModel(plain, parameters: model.parameters, origin: "test")
    let mean = try Tensor(model.configuration.mean, shape: [1, 3, 1, 1]).converted(to: .float32)
    let deviation = try Tensor(model.configuration.deviation, shape: [1, 3, 1, 1])
      .converted(to: .float32)
    let x = try images(side: side)
    var stream = RandomSource(seed: 6).stream(.script)
    let texts = try Tensor.random([4, model.configuration.embedding], stream: &stream).normalized()
    let labels = try Tensor([Int64(0), 2, 3], shape: [3])
    func loss(_ features: Tensor) throws -> Tensor {
      try Tensor.crossEntropy(
        logits: features.matmul(texts, transposeB: true) * 10.0, labels: labels, reduction: .sum)
    }
    let own = try gradient(x) { try loss(model.encodeImage($0)) }
    let written = try gradient(x) { try loss(bare.encodeImage(($0 - mean) / deviation)) }
    let size = try written.doubles().map(abs).max() ?? 0
    #expect(size > 0)
    try expectClose(own, written, rtol: 0, atol: 2e-5 * size)
    if name == "tiny" {
      let classifier = try ZeroShotClassifier(model, classNames: ["cat", "dog"])
      let features = try classifier.textFeatures()
      try expectClose(
        classifier.logits(x),
        bare.logits(images: bare.encodeImage((x - mean) / deviation), texts: features),
        rtol: 0, atol: 1e-4)
    }
  }

  @Test("B28: nothing is in training mode: batch norms keep their running statistics")
  func runningStatistics() throws {
    let model = try ClipModel.load(ArchitectureTests.folder("open_clip-resnet"))
    let x = try images(4, side: model.configuration.imageSize)
    let entries = model.parameters.entries
    #expect(entries.contains { $0.name.hasSuffix("running_mean") })
    let before = try entries.map { try $0.tensor.floats() }
    let still = try Tensor.withoutGradients { try model.encodeImage(x) }
    // As in training: weights and images record.
    for (_, weight) in entries { try weight.setRequiresGradient(true) }
    let leaf = try x.cloned().setRequiresGradient(true)
    let recorded = try model.encodeImage(leaf)
    try recorded.square().sum().backward()
    try expectClose(recorded.detached(), still, rtol: 0, atol: 1e-6)
    for (index, entry) in entries.enumerated() {
      #expect(try entry.tensor.detached().floats() == before[index], "\(entry.name)")
    }
    // Others in the batch, far from them, change nothing.
    let company = try Tensor.concatenated([x, x * 0.0, x * 0.0 + 1.0])
    let beside = try Tensor.withoutGradients { try model.encodeImage(company) }
    try expectClose(beside.narrowed(0, start: 0, length: 4), still, rtol: 0, atol: 1e-6)
  }

  @Test(
    "B34, I20: gradients far below float16's range keep their digits",
    arguments: [ProductPrecision.float32, .bfloat16])
  func tinyGradients(_ precision: ProductPrecision) throws {
    guard precision == .float32 || ProductKernels.takeBFloat16 else {
      print("skipped: this processor has no bfloat16 products")
      return
    }
    let (model, x) = (try tiny(precision), try images())
    func scaled(_ factor: Double) throws -> Tensor {
      try gradient(x) { try model.encodeImage($0).narrowed(1, start: 0, length: 3).sum() * factor }
    }
    // 2^-60 of them is below 1e-18; float16 ends at 6e-8. A power of two leaves the digits alone.
    let (whole, small) = (try scaled(1), try scaled(0x1p-60))
    #expect(small.dtype == .float32)
    let size = try whole.doubles().map(abs).max() ?? 0
    #expect(size > 0 && size < 1e3)
    let restored = try small.doubles().map { $0 * 0x1p60 }
    #expect(mismatch(restored, try whole.doubles(), rtol: 0, atol: 1e-6 * size) == nil)
    #expect(try small.doubles().count { $0 == 0 } == whole.doubles().count { $0 == 0 })
  }

  @Test("B45: an activation that is not known is an error, and none is guessed")
  func activations() throws {
    func message(_ change: (String) -> String) throws -> String {
      let text = try String(
        decoding: FileReader.bytes(at: TestFiles.fixture("clip-quick_gelu") + "/config.json"),
        as: UTF8.self)
      do {
        let read = try ClipConfiguration(json: JSONValue.parse(change(text)))
        return "\(read.vision.activation.rawValue) \(read.text.activation.rawValue)"
      } catch let error as KilpiError {
        return error.description
      }
    }
    #expect(try message { $0 } == "quick_gelu quick_gelu")
    #expect(
      try message { $0.replacing("\"quick_gelu\"", with: "\"gelu\"") } == "gelu gelu")
    #expect(
      try message { $0.replacing("\"quick_gelu\"", with: "\"qick_gelu\"") }
        == "configuration: the activation '\"qick_gelu\"' is not known (quick_gelu, gelu, "
        + "gelu_pytorch_tanh and relu are)")
    #expect(
      try message { $0.replacing("\"hidden_act\"", with: "\"act\"") }.contains(
        "is missing (pass activation = \"quick_gelu\" (OpenAI weights) or \"gelu\")"))
  }

  @Test("B47: the end of a text is the token that the configuration names, not the largest")
  func endOfText() throws {
    var configuration = try tiny().configuration
    let (end, larger) = (Int64(configuration.vocabulary - 3), Int64(configuration.vocabulary - 1))
    configuration.endToken = Int(end)
    let model = try ClipModel.random(configuration, seed: 4)
    let length = configuration.context
    func features(_ ids: [Int64]) throws -> Tensor {
      let row = ids + [Int64](repeating: 0, count: length - ids.count)
      return try model.encodeText(ids: Tensor(row, shape: [1, length]))
    }
    let text = try features([5, 6, 7, end])
    // What stands behind the end is not seen, whatever its number.
    try expectClose(features([5, 6, 7, end, larger]), text, rtol: 0, atol: 1e-6)
    // A larger token in the text does not end it.
    let inside = try features([5, larger, 7, end])
    let cut = try features([5, larger, 8, end])
    #expect(try mismatch(inside, cut, rtol: 0, atol: 1e-4) != nil)
    #expect(throws: KilpiError.self) { try features([5, 6, larger]) }
    // Without a name it is the largest, as in OpenAI's code.
    configuration.endToken = nil
    let old = try ClipModel(configuration, parameters: model.parameters, origin: "test")
    let row = [5, larger, 7, end] + [Int64](repeating: 0, count: length - 4)
    let largest = try old.encodeText(ids: Tensor(row, shape: [1, length]))
    #expect(try mismatch(largest, inside, rtol: 0, atol: 1e-4) != nil)
  }
}
