import Attacks
import ClipModels
import Diagnostics
import Files
import Networks
import Tensors
import TestSupport
import Testing

@testable import Defences

@Suite struct DefenceTests {
  private static func classifier(_ seed: UInt64 = 3) throws -> ZeroShotClassifier {
    let model = try ClipModel.random(
      ClipConfiguration(
        embedding: 6, imageSize: 8, patchSize: 4,
        vision: .init(width: 8, layers: 1, heads: 2), text: .init(width: 4, layers: 1, heads: 1)),
      seed: seed)
    return try ZeroShotClassifier(model.frozen(), classNames: ["cat", "dog", "bus"])
  }

  private static func images(_ count: Int = 4) throws -> Tensor {
    var stream = RandomSource(seed: 8).stream(.script)
    return try Tensor.random([count, 3, 9, 7], stream: &stream) * 0.8 + 0.1
  }

  private static let names = TestTimeDefences.all.map(\.name)

  private static func defended(_ name: String) throws -> DefendedClassifier {
    var defence = try #require(TestTimeDefences.all.first { $0.name == name })
    defence.seed = 5
    return try DefendedClassifier(classifier(), defence)
  }

  /// A verdict is a function of image and seed: not of the batch, its order, or earlier calls.
  @Test(arguments: names) func verdictsDoNotDependOnTheBatch(name: String) throws {
    let (defended, images) = (try Self.defended(name), try Self.images())
    let all = try defended.logits(images).doubles()
    for row in 0..<4 {
      let alone = try defended.logits(images.narrowed(0, start: row, length: 1).contiguous())
      let own = try alone.doubles()
      #expect(mismatch(own, Array(all[row * 3..<row * 3 + 3]), rtol: 1e-4, atol: 1e-5) == nil)
    }
    #expect(try defended.logits(images).doubles() == all)
    #expect(all.allSatisfy { $0.isFinite })
    #expect(try all != Self.classifier().logits(images).doubles(), "it must change something")
  }

  /// Attacks see through it: gradients reach the images and point uphill.
  @Test(arguments: names) func gradientsReachTheImages(name: String) throws {
    let (defended, images) = (try Self.defended(name), try Self.images())
    let point = try images.setRequiresGradient(true)
    let loss = try Tensor.crossEntropy(
      logits: defended.logits(point), labels: Tensor([0, 1, 2, 0] as [Int64], shape: [4]),
      reduction: .sum)
    let gradient = try Tensor.gradients(of: loss, with: [point])[0]
    #expect(try gradient.abs().max().item() > 0)
    let result = try ProjectedGradientDescent(steps: 5).run(
      defended.classifier, images: images.detached(), criterion: .misclassified([0, 1, 2, 0]),
      settings: AttackSettings(budget: try Budget(.linf, 0.1)))
    let before = try ProjectedGradientDescent(steps: 1).run(
      defended.classifier, images: images.detached(), criterion: .misclassified([0, 1, 2, 0]),
      settings: AttackSettings(budget: try Budget(.linf, 0)))
    #expect(result.report.loss.reduce(0, +) > before.report.loss.reduce(0, +))
  }

  /// The counter-attack of PyTorch with the same noise, on both sides of the threshold.
  @Test func counterAttackAgreesWithTorch() throws {
    let fixture = try JSONValue.parse(FileReader.bytes(at: TestFiles.fixture("defences.json")))
    func numbers(_ name: String) throws -> [Double] {
      try #require(fixture[name]?.array).compactMap(\.double)
    }
    let folder = TestFiles.fixture("objectives")
    let model = try ClipModel.load(folder + "/original").converted(to: .float64)
    let images = try SafetensorsFile(path: folder + "/cases.safetensors").tensor("images")
    var defence = CounterAttack()
    (defence.epsilon, defence.step) = (8.0 / 255, 2.0 / 255)
    defence.threshold = try #require(fixture["threshold"]?.double)
    let delta = try defence.counter(
      images, noise: Tensor(numbers("noise"), shape: images.shape), model)
    try expectClose(
      delta, Tensor(numbers("delta"), shape: images.shape), rtol: 1e-9, atol: 1e-12, "delta")
  }

  @Test func aCounterAttackOfNothingChangesNothing() throws {
    var defence = CounterAttack()
    defence.epsilon = 0
    let (classifier, images) = (try Self.classifier(), try Self.images())
    let defended = try DefendedClassifier(classifier, defence)
    #expect(try defended.logits(images).doubles() == classifier.logits(images).doubles())
  }

  @Test func boundsAreThoseOfScipy() throws {
    let fixture = try JSONValue.parse(FileReader.bytes(at: TestFiles.fixture("defences.json")))
    for row in try #require(fixture["bounds"]?.array) {
      let values = try #require(row.array).compactMap(\.double)
      let mine = RandomizedSmoothing.lowerBound(
        Int(values[0]), of: Int(values[1]), alpha: values[2])
      #expect(abs(mine - values[3]) < 1e-9, "\(values): \(mine)")
    }
    for row in try #require(fixture["normal"]?.array) {
      let values = try #require(row.array).compactMap(\.double)
      #expect(abs(RandomizedSmoothing.inverseNormal(values[0]) - values[1]) < 1e-9)
    }
  }

  /// A radius is one: on a linear model the smoothed classifier's exact radius is the distance to its
  /// face, which the certificate never exceeds but for `alpha`.
  @Test func certificates() throws {
    let (classifier, images) = (try Self.classifier(), try Self.images(3))
    var smoothing = RandomizedSmoothing(deviation: 0.05)
    (smoothing.draws, smoothing.choosing) = (400, 50)
    let first = try smoothing.certify(images, classifier)
    #expect(try first == smoothing.certify(images, classifier), "the same seed gives the same")
    for certificate in first {
      #expect((certificate.label == nil) == (certificate.radius == 0))
      #expect(
        certificate.radius <= 0.05
          * RandomizedSmoothing.inverseNormal(
            RandomizedSmoothing.lowerBound(400, of: 400, alpha: 0.001)) + 1e-12)
    }
    smoothing.deviation = 1e-6
    let still = try smoothing.certify(images, classifier)
    let plain = try classifier.logits(images).argmax(axis: 1).integers().map { Int($0) }
    #expect(still.map { $0.label ?? -1 } == plain)
    smoothing.deviation = 0
    #expect(throws: KilpiError.self) { try smoothing.certify(images, classifier) }
  }

  /// No image gives no row, an image without pixels the classifier's own error, large settings numbers.
  @Test(arguments: names) func oddImages(name: String) throws {
    let defended = try Self.defended(name)
    #expect(try defended.logits(Tensor.zeros([0, 3, 8, 8])).shape == [0, 3])
    #expect(throws: KilpiError.self) { try defended.logits(Tensor.zeros([1, 3, 0, 4])) }
    #expect(throws: KilpiError.self) { try defended.logits(Tensor.zeros([3, 8, 8])) }
    for shape in [[1, 3, 1, 1], [2, 3, 1, 7]] {
      #expect(try defended.logits(Tensor.full(shape, 0.5)).doubles().allSatisfy { $0.isFinite })
    }
  }

  @Test func weightsOfStepsDoNotOverflow() throws {
    var defence = CounterAttack()
    (defence.steps, defence.sharpness) = (60, 50)
    let defended = try DefendedClassifier(Self.classifier(), defence)
    #expect(try defended.logits(Self.images()).doubles().allSatisfy { $0.isFinite })
  }

  @Test func parametersAreChecked() throws {
    var noise = NoisyViews()
    noise.count = 0
    #expect(throws: KilpiError.self) { try DefendedClassifier(Self.classifier(), noise) }
  }
}
