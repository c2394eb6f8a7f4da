import ClipModels
import Diagnostics
import Networks
import Tensors
import TestSupport
import Testing

/// Tiny random models of Hugging Face's layout with outputs of transformers in float64
/// (`scripts/reference/clip.py`).
@Suite struct ReferenceTests {
  static let models = ["clip-quick_gelu", "clip-gelu"]

  private func open(_ name: String) throws -> (model: ClipModel, reference: SafetensorsFile) {
    let folder = TestFiles.fixture(name)
    return (
      try ClipModel.load(folder), try SafetensorsFile(path: folder + "/reference.safetensors")
    )
  }

  @Test("B45: either GELU agrees with transformers in float64", arguments: models)
  func agreesInFloat64(name: String) throws {
    let (loaded, reference) = try open(name)
    let model = try loaded.converted(to: .float64)
    var seen = 0
    func compare(_ key: String, _ value: Tensor) throws {
      seen += 1
      try expectClose(value, reference.tensor(key), rtol: 1e-9, atol: 1e-10)
    }
    var blocks: [(String, Tensor)] = []
    let images = try reference.tensor("images")
    let features = try model.encodeImage(images) { blocks.append(($0, $1)) }
    let texts = try model.encodeText(ids: reference.tensor("ids")) { blocks.append(($0, $1)) }
    try compare("image_features", features)
    try compare("text_features", texts)
    try compare("raw_image_features", model.encodeImage(images, normalize: false))
    try compare(
      "raw_text_features", model.encodeText(ids: reference.tensor("ids"), normalize: false))
    for (key, value) in blocks where key.contains("block") { try compare(key, value) }
    try compare("logits", model.logits(images: features, texts: texts))
    #expect(seen == 9)
  }

  @Test(arguments: models) func agreesInFloat32(name: String) throws {
    let (model, reference) = try open(name)
    let images = try reference.tensor("images").converted(to: .float32)
    let features = try model.encodeImage(images)
    let texts = try model.encodeText(ids: reference.tensor("ids"))
    try expectClose(features, reference.tensor("image_features"), rtol: 0, atol: 2e-5)
    try expectClose(texts, reference.tensor("text_features"), rtol: 0, atol: 2e-5)
    try expectClose(
      model.logits(images: features, texts: texts), reference.tensor("logits"), rtol: 0, atol: 2e-3)
  }

  @Test(arguments: models) func gradientsAgree(name: String) throws {
    let (loaded, reference) = try open(name)
    let model = try loaded.converted(to: .float64)
    for (_, weight) in model.parameters.entries { try weight.setRequiresGradient(true) }
    let images = try reference.tensor("images").cloned().setRequiresGradient(true)
    let logits = try model.logits(
      images: model.encodeImage(images), texts: model.encodeText(ids: reference.tensor("ids")))
    let loss = try Tensor.crossEntropy(
      logits: logits, labels: reference.tensor("labels"), reduction: .sum)
    try loss.backward()
    try expectClose(
      #require(images.gradient), reference.tensor("pixel_gradient"), rtol: 1e-8, atol: 1e-9)
    // The same translation that writes checkpoints names the gradients.
    let gradients = try model.parameters.mapped { name, weight in try #require(weight.gradient) }
    let theirs = try CheckpointTranslation.huggingFace(gradients, model.configuration)
    #expect(theirs.count == reference.names.filter { $0.hasPrefix("gradient.") }.count)
    for (key, gradient) in theirs {
      try expectClose(gradient, reference.tensor("gradient." + key), rtol: 1e-7, atol: 1e-9)
    }
  }

  @Test func roundTripKeepsEveryWeight() throws {
    let (model, _) = try open("clip-gelu")
    try withTemporaryDirectory { folder in
      try model.save(folder)
      let again = try ClipModel.load(folder)
      #expect(again.configuration == model.configuration)
      for (name, weight) in model.parameters.entries {
        #expect(try again.parameters.required(name).floats() == weight.floats(), "\(name)")
      }
    }
  }

  @Test func onlyThePixelGradientIsComputed() throws {
    let (model, reference) = try open("clip-gelu")
    let images = try reference.tensor("images").converted(to: .float32).setRequiresGradient(true)
    let texts = try model.encodeText(ids: reference.tensor("ids"))
    let loss = try model.logits(images: model.encodeImage(images), texts: texts).sum()
    _ = try Tensor.gradients(of: loss, with: [images])
    #expect(model.parameters.entries.allSatisfy { $0.tensor.gradient == nil })
    #expect(!texts.requiresGradient)
  }
}
