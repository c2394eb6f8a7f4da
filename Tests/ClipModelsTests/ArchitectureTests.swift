import Diagnostics
import Networks
import Tensors
import TestSupport
import Testing

@testable import ClipModels

/// Tiny random models of every layout and architecture with outputs of open_clip, timm and
/// transformers in float64 (`scripts/reference/checkpoints.py`).
@Suite struct ArchitectureTests {
  struct Row: Sendable, CustomTestStringConvertible {
    let name: String
    /// A file in the folder; nil: the folder itself.
    var file: String?
    var testDescription: String { file.map { name + "/" + $0 } ?? name }
  }

  static let rows: [Row] = [
    Row(name: "open_clip-vit"),
    Row(name: "open_clip-nested"),
    Row(name: "open_clip-resnet"),
    Row(name: "open_clip-resnet", file: "state-dict.pt"),
    Row(name: "siglip-hf"),
  ]

  static func folder(_ name: String) -> String { TestFiles.fixture("checkpoints/" + name) }

  static func reference(_ name: String) throws -> SafetensorsFile {
    try SafetensorsFile(path: folder(name) + "/reference.safetensors")
  }

  @Test(arguments: rows) func agreesInFloat64(row: Row) throws {
    let path = row.file.map { Self.folder(row.name) + "/" + $0 } ?? Self.folder(row.name)
    try Self.expectAgreement(ClipModel.load(path), Self.reference(row.name))
  }

  /// timm's sizes are known by name only, so the tiny tower's configuration is written here.
  @Test func siglipOfOpenCLIP() throws {
    var configuration = ClipConfiguration(
      embedding: 24, imageSize: 16, patchSize: 4,
      vision: .init(width: 24, layers: 2, heads: 3, hidden: 48, activation: .gelu, epsilon: 1e-6),
      text: .init(width: 24, layers: 2, heads: 3, hidden: 48, activation: .gelu, epsilon: 1e-6),
      context: 9, vocabulary: 64, endToken: nil)
    configuration.imageStyle = .siglip
    configuration.textStyle = .siglip
    configuration.score = .sigmoid
    configuration.mean = [0.5, 0.5, 0.5]
    configuration.deviation = [0.5, 0.5, 0.5]
    let file = try SafetensorsFile(
      path: Self.folder("siglip-timm") + "/open_clip_model.safetensors")
    let kind = try CheckpointKind(file, path: file.path)
    #expect(kind.isSiglip && !kind.isImageTowerOnly)
    let (weights, problems) = try WeightReader(file, kind.layout).read(configuration.weightShapes)
    #expect(problems.description == nil)
    let model = try ClipModel(configuration, parameters: weights, origin: "test")
    try Self.expectAgreement(model, Self.reference("siglip-timm"), layout: kind.layout)
  }

  /// Features of every block, embeddings, logits, gradients of pixels and of every weight.
  static func expectAgreement(
    _ loaded: ClipModel, _ reference: SafetensorsFile, layout: WeightLayout? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let model = try loaded.converted(to: .float64)
    for (name, weight) in model.parameters.entries where !ClipModel.isBuffer(name) {
      try weight.setRequiresGradient(true)
    }
    var seen = 0
    func compare(_ key: String, _ value: Tensor, rtol: Double = 1e-9, atol: Double = 1e-9) throws {
      seen += 1
      try expectClose(
        value, reference.tensor(key), rtol: rtol, atol: atol, sourceLocation: sourceLocation)
    }
    var blocks: [(String, Tensor)] = []
    let images = try reference.tensor("images").cloned().setRequiresGradient(true)
    let ids = try reference.tensor("ids")
    // Observed, every token passes the last block; else the one alone that is read.
    try expectClose(
      model.encodeImage(images) { blocks.append(($0, $1)) }, reference.tensor("image_features"),
      rtol: 1e-9, atol: 1e-9, sourceLocation: sourceLocation)
    try expectClose(
      model.encodeText(ids: ids) { blocks.append(($0, $1)) }, reference.tensor("text_features"),
      rtol: 1e-9, atol: 1e-9, sourceLocation: sourceLocation)
    let image = try model.encodeImage(images)
    let text = try model.encodeText(ids: ids)
    try compare("image_features", image)
    try compare("text_features", text)
    try compare("raw_image_features", model.encodeImage(images, normalize: false))
    try compare("raw_text_features", model.encodeText(ids: ids, normalize: false))
    for (key, value) in blocks where key.contains("block") {
      // Behind the last end token a causal tower computes nothing.
      let whole = try reference.tensor(key)
      let cut = key.hasPrefix("text.") ? value.shape[1] : 0
      seen += 1
      try expectClose(
        value, cut > 0 ? whole.narrowed(1, start: 0, length: cut) : whole, rtol: 1e-9, atol: 1e-9,
        sourceLocation: sourceLocation)
    }
    let logits = try model.logits(images: image, texts: text)
    try compare("logits", logits)
    let loss = try Tensor.crossEntropy(
      logits: logits, labels: reference.tensor("labels"), reduction: .sum)
    try loss.backward()
    try compare("pixel_gradient", #require(images.gradient), rtol: 1e-8, atol: 1e-9)
    var gradients = ParameterList()
    for (name, weight) in model.parameters.entries {
      if let gradient = weight.gradient { gradients.set(name, gradient) }
    }
    let named = try (layout ?? WeightReference.layout(for: loaded, reference)).tensors(
      of: gradients)
    for key in reference.names where key.hasPrefix("gradient.") {
      let own = try #require(
        named[String(key.dropFirst("gradient.".count))], "\(key)", sourceLocation: sourceLocation)
      // Stored as float32.
      try compare(key, own.converted(to: .float32), rtol: 1e-6, atol: 1e-7)
    }
    #expect(seen == reference.names.count - 3, sourceLocation: sourceLocation)
    try expectFloat32(loaded, reference, sourceLocation)
  }

  /// The tolerances of the published comparison: 2e-5, cosine 0.99999, logits 2e-3.
  private static func expectFloat32(
    _ model: ClipModel, _ reference: SafetensorsFile, _ sourceLocation: SourceLocation
  ) throws {
    let images = try reference.tensor("images").converted(to: .float32)
    let image = try model.encodeImage(images)
    let text = try model.encodeText(ids: reference.tensor("ids"))
    for (value, key) in [(image, "image_features"), (text, "text_features")] {
      let wanted = try reference.tensor(key)
      try expectClose(value, wanted, rtol: 0, atol: 2e-5, sourceLocation: sourceLocation)
      let cosines = try (value.converted(to: .float64).normalized() * wanted.normalized())
        .sum(axes: [1])
      #expect(try cosines.doubles().allSatisfy { $0 > 0.99999 }, sourceLocation: sourceLocation)
    }
    try expectClose(
      model.logits(images: image, texts: text), reference.tensor("logits"), rtol: 0, atol: 2e-3,
      sourceLocation: sourceLocation)
  }
}

/// Under which names a reference keeps its gradients.
enum WeightReference {
  static func layout(for model: ClipModel, _ reference: SafetensorsFile) -> WeightLayout {
    let names = reference.names
    if names.contains(where: { $0.hasPrefix("gradient.vision_model.") }) {
      return .huggingFace(for: model.configuration)
    }
    let isNested = names.contains { $0.hasPrefix("gradient.text.") }
    return .openCLIP(textPrefix: isNested ? "text." : "")
  }
}
