import Attacks
import ClipModels
import Datasets
import Diagnostics
import Files
import Tensors
import TestSupport
import Testing

/// The small pretrained CLIP of the shared data against its reference outputs (extra: needs the
/// shared models and data).
@Suite struct TinyClipTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let reference: String
    let data: String
    var testDescription: String { data }
  }

  static let cases = [
    Case(reference: "reference-cifar10", data: "wds_cifar10"),
    Case(reference: "reference-tiny-imagenet", data: "wds_tiny-imagenet"),
  ]

  @Test(arguments: cases) func agreesWithTorch(_ test: Case) throws {
    guard let folder = TestFiles.shared("models/tinyclip-64"),
      let data = TestFiles.shared("data/" + test.data)
    else { return }
    let model = try ClipModel.load(folder)
    let reference = try SafetensorsFile(path: "\(folder)/\(test.reference).safetensors")
    let facts = try JSONValue.parse(FileReader.bytes(at: "\(folder)/\(test.reference).json"))
    let dataset = try WebDataset.open(folder: data, split: "test")
    let keys = try #require(facts["keys"]?.array).compactMap(\.string)
    // Ids are "test/0.tar/KEY" or the like: the key is the last part.
    let keysInOrder = dataset.ids.map { String($0.split(separator: "/").last ?? "") }
    let places = Dictionary(uniqueKeysWithValues: keysInOrder.enumerated().map { ($1, $0) })
    let indices = try keys.map { try #require(places[$0]) }

    let prompts = dataset.classNames.map { "This is a photo of a \($0)." }
    let ids = try model.tokenize(prompts)
    #expect(try ids.integers() == reference.tensor("token_ids").integers())
    let texts = try model.encodeText(prompts)
    try expectClose(texts, reference.tensor("text_features"), rtol: 0, atol: 2e-5, "text features")

    var features: [Tensor] = []
    for start in stride(from: 0, to: indices.count, by: 250) {
      let part = Array(indices[start..<min(start + 250, indices.count)])
      features.append(try model.encodeImage(dataset.batch(part).images))
    }
    let images = try Tensor.concatenated(features)
    try expectClose(
      images, reference.tensor("image_features"), rtol: 0, atol: 2e-5, "image features")
    let logits = try model.logits(images: images, texts: texts)
    try expectClose(logits, reference.tensor("logits"), rtol: 0, atol: 2e-3, "logits")
    let (mine, theirs) = (
      try logits.argmax(axis: 1), try reference.tensor("logits").argmax(axis: 1)
    )
    #expect(try mine.integers() == theirs.integers())

    let first = try dataset.batch(Array(indices.prefix(16)))
    let pixels = try first.images.setRequiresGradient(true)
    let loss = try Tensor.crossEntropy(
      logits: model.logits(images: model.encodeImage(pixels), texts: texts),
      labels: #require(first.labels), reduction: .sum)
    let gradient = try Tensor.gradients(of: loss, with: [pixels])[0]
    let expected = try reference.tensor("pixel_gradient_16")
    let largest = try expected.abs().max().item()
    try expectClose(gradient, expected, rtol: 0, atol: 1e-3 * largest, "pixel gradient")
    try compareAttacks(
      Classifier { try model.logits(images: model.encodeImage($0), texts: texts) }, dataset,
      indices, reference
    )
  }

  /// FGSM and PGD without random start, against torch's images: a sign may differ where a gradient is
  /// zero to rounding, so 99.9 % of the pixels must agree, and the verdicts of PGD but for one sample.
  private func compareAttacks(
    _ classifier: Classifier, _ dataset: Dataset, _ indices: [Int],
    _ reference: SafetensorsFile
  ) throws {
    let expected = try reference.tensor("pgd_correct").integers()
    let batch = try dataset.batch(Array(indices.prefix(expected.count)))
    let labels = try #require(batch.labels)
    var settings = AttackSettings(budget: try Budget(.linf, 1.0 / 255))
    settings.search.keep = .last
    settings.reporting.probes = false
    let sixteen = try batch.images.narrowed(0, start: 0, length: 16)
    let fgsm = try FastGradientSign().run(
      classifier, images: sixteen,
      criterion: .misclassified(labels.narrowed(0, start: 0, length: 16)), settings: settings)
    try expectAgreement(fgsm.images, reference.tensor("fgsm_16"))
    let pgd = try ProjectedGradientDescent(steps: 10, step: 0.25 / 255, startsAtRandom: false).run(
      classifier, images: batch.images, criterion: .misclassified(labels), settings: settings)
    try expectAgreement(
      pgd.images.narrowed(0, start: 0, length: 64), reference.tensor("pgd_64"))
    let mine = pgd.report.success.map { $0 ? 0 : 1 }
    let differing = zip(mine, expected).count { $0 != $1 }
    #expect(differing <= 1, "\(differing) verdicts differ")
  }

  private func expectAgreement(_ images: Tensor, _ expected: Tensor) throws {
    let (a, b) = (try images.doubles(), try expected.doubles())
    #expect(a.count == b.count)
    let close = zip(a, b).count { abs($0 - $1) < 1e-6 }
    #expect(Double(close) >= 0.999 * Double(a.count), "\(close) of \(a.count) pixels agree")
  }
}
