import Attacks
import Diagnostics
import Tensors
import Testing

/// APGD: checkpoints by hand, target classes, which point comes back.
@Suite struct AutoGradientTests {
  /// The points that APGD shows on `−(x − 0.6)²` from 0.1, one pixel at 0.5, budget 0.4.
  static func path(_ attack: AutoProjectedGradientDescent) throws -> [Double] {
    var settings = AttackSettings(budget: try Budget(.linf, 0.4))
    settings.reporting.probes = false
    settings.search.startPoints = try Tensor([0.1], shape: [1, 1, 1, 1])
    var shown: [Double] = []
    _ = try attack.maximize(
      { images, _, _ in
        shown.append(try images.detached().doubles()[0])
        return try -((images - 0.6).square().sum(axes: [1, 2, 3]))
      }, images: Tensor([0.5], shape: [1, 1, 1, 1]), settings: settings)
    return shown
  }

  @Test("rows 38: the first window compares with the loss of the start; compat with zero")
  func firstWindow() throws {
    // Step 1 goes from 0.1 to 0.9 and gains: no halving, so step 2 aims at 0.1 and its momentum makes
    // 0.9 + 0.75 (0.1 − 0.9) + 0.25 (0.9 − 0.1) = 0.5. The released code compares −0.09 with 0, halves,
    // aims at 0.5, and reaches 0.9 − 0.75 · 0.4 + 0.25 · 0.8 = 0.8.
    func expect(_ found: [Double], _ expected: [Double]) {
      #expect(found.count >= expected.count)
      for (a, b) in zip(found, expected) { #expect(abs(a - b) < 1e-12, "\(found)") }
    }
    expect(try Self.path(AutoProjectedGradientDescent(steps: 4)), [0.1, 0.9, 0.5])
    expect(
      try Self.path(AutoProjectedGradientDescent(steps: 4, isCompatible: true)), [0.1, 0.9, 0.8])
  }

  @Test("a step is halved after a window without enough gains, and the walk restarts at the best")
  func halving() throws {
    // 10 steps: windows of 2, then 1. From 0.5, the third point, everything overshoots: see `firstWindow`.
    // Window 1 (points 2 and 3: 0.9, 0.5): two gains of two, no halving. Step 3: from 0.5 towards 0.9 (η = 0.8), 0.5 +
    // 0.75 · 0.4 + 0.25 (0.5 − 0.9) = 0.7, loss as at 0.5: no gain, so η = 0.4 and back to 0.5, from
    // where step 4 aims at 0.9 and reaches 0.5 + 0.75 · 0.4 + 0.25 (0.5 − 0.5) = 0.8.
    let found = try Self.path(AutoProjectedGradientDescent(steps: 10))
    for (a, b) in zip(found, [0.1, 0.9, 0.5, 0.7]) { #expect(abs(a - b) < 1e-12, "\(found)") }
    #expect(abs(found[4] - 0.8) < 1e-9, "\(found)")
    #expect(found.count == 11)
  }

  @Test("of 100 steps the first 22 have one length, then the step may be halved")
  func firstWindowOfHundred() throws {
    let found = try Self.path(AutoProjectedGradientDescent(steps: 100))
    // The formula with a step of 2 eps = 0.8 throughout, inside 0.1 … 0.9.
    var points = [0.1, 0.9]
    while points.count < 40 {
      let (x, before) = (points[points.count - 1], points[points.count - 2])
      let aim = min(max(x + (x < 0.6 ? 0.8 : -0.8), 0.1), 0.9)
      points.append(min(max(x + 0.75 * (aim - x) + 0.25 * (x - before), 0.1), 0.9))
    }
    for step in 0...22 { #expect(abs(found[step] - points[step]) < 1e-9, "\(step)") }
    #expect((23..<40).contains { abs(found[$0] - points[$0]) > 1e-3 })
  }

  @Test("B18: APGD-T pulls towards one class after another, on the samples that are left")
  func targets() throws {
    let model = ToyModel(kind: .gelu, shape: [3, 3, 2], classes: 5)
    let (images, labels) = try model.samples(12)
    var settings = try AttackBehaviourTests.settings(0.06)
    settings.search.loss = .targetedDLR
    settings.reporting.recordsTrace = true
    let attack = AutoProjectedGradientDescent(steps: 10, aimsAtClasses: true)
    let result = try attack.run(
      model.classifier(), images: images, criterion: .misclassified(labels), settings: settings)
    let report = result.report
    let trace = try #require(report.trace?.loss)
    #expect(trace.count == 4 * 11)
    guard trace.count == 44 else { return }
    let (values, count) = (try model.classifier()(images).doubles(), 5)
    for (sample, label) in labels.enumerated() {
      let logits = Array(values[sample * count..<(sample + 1) * count])
      let others = (0..<count).filter { $0 != label }.sorted { logits[$0] > logits[$1] }
      var walks = 0
      for walk in 0..<4 {
        let losses = (0..<11).map { trace[walk * 11 + $0][sample] }
        guard let first = losses.first, first.isFinite else { continue }
        walks += 1
        // The start of each walk is the loss of its own class: nothing else explains the value.
        #expect(losses.allSatisfy(\.isFinite) && (losses.max() ?? 0) >= first)
      }
      #expect(others.count == 4)
      #expect(walks == 4 || report.success[sample])
      if !report.success[sample] { #expect(report.backwards[sample] == 40) }
    }
    #expect(report.success.contains(true) && report.success.contains(false))
    // Wrong when clean: one walk, as for any solved sample.
    #expect(report.backwards[3] == 10)
  }

  @Test("APGD-T reaches classes that the loss of the strongest one does not")
  func anotherClass() throws {
    // Classes 0 (label), 1 and 2 (equal on both sides), 3: only class 3 can be reached, although it
    // ranks last on the clean image.
    let classifier = Classifier { images in
      let x = try images.flattened(from: 1)
      let (a, b) = (try x.narrowed(1, start: 0, length: 1), try x.narrowed(1, start: 1, length: 1))
      let label = try a * 0.0 + 1.0
      return try Tensor.concatenated(
        [label, a * 0.5 + 0.6, a * 0.5 + 0.5, b * 8.0 - 4.3], axis: 1)
    }
    let images = try Tensor.full([1, 1, 1, 2], 0.5)
    var settings = try AttackBehaviourTests.settings(0.2)
    settings.search.loss = .targetedDLR
    let plain = try ProjectedGradientDescent(startsAtRandom: false).run(
      classifier, images: images, criterion: .misclassified([0]), settings: settings)
    #expect(plain.report.success == [false])
    for (classes, expected) in [(1, false), (3, true)] {
      let attack = AutoProjectedGradientDescent(steps: 20, aimsAtClasses: true, classes: classes)
      let result = try attack.run(
        classifier, images: images, criterion: .misclassified([0]), settings: settings)
      #expect(result.report.success == [expected])
    }
  }

  @Test("best_loss returns the point with the largest loss, successful or not")
  func largestLoss() throws {
    let model = ToyModel(kind: .gelu, shape: [3, 3, 2], classes: 5)
    let (images, labels) = try model.samples(12)
    let settings = try AttackBehaviourTests.settings(0.2)
    let truth = try Tensor(labels.map { Int64($0) }, shape: [12])
    let spy = Spy(model.classifier())
    let result = try AutoProjectedGradientDescent(steps: 10, keepsLargestLoss: true).run(
      spy.see, images: images, criterion: .misclassified(labels), settings: settings)
    func losses(_ batch: Tensor) throws -> [Double] {
      try Tensor.crossEntropy(
        logits: model.classifier()(batch), labels: truth, reduction: .none
      ).doubles()
    }
    let visited = try spy.batches.filter { $0.shape[0] == 12 }.map(losses)
    for (sample, loss) in try losses(result.images).enumerated() {
      #expect(visited.allSatisfy { $0[sample] <= loss })
    }
  }

  @Test("L1: walks through wider balls show no result outside the budget")
  func wideStart() throws {
    let model = ToyModel(kind: .gelu, shape: [3, 4, 4], classes: 5)
    let (images, labels) = try model.samples(12)
    var settings = AttackSettings(budget: try Budget(.l1, 0.8), seed: 2)
    settings.reporting.probes = false
    let spy = Spy(model.classifier())
    let result = try AutoProjectedGradientDescent(steps: 20, beginsWide: true).run(
      spy.see, images: images, criterion: .misclassified(labels), settings: settings)
    #expect(result.report.distance.l1.allSatisfy { $0 <= 0.8 })
    #expect(result.report.success.contains(true))
    let whole = spy.batches.filter { $0.shape[0] == 12 }
    let widest = try whole.map { try Distances(from: images, to: $0).l1.max() ?? 0 }
    #expect((widest.max() ?? 0) > 2.3 && (widest.max() ?? 9) <= 2.4)
    #expect((widest.suffix(9).max() ?? 9) <= 0.8)
  }

  @Test("L1: the second and third ball begin as sparse as the best point before them")
  func sparseContinuation() throws {
    // A linear model: a step adds the same to the entries it moves and the projection shortens all alike,
    // so that just those which were moved get larger.
    let model = ToyModel(kind: .linear, shape: [1, 10, 10], classes: 2)
    let (images, labels) = try model.samples(3, .float64, margin: 0.45)
    var settings = AttackSettings(budget: try Budget(.l1, 0.05), seed: 2)
    settings.reporting.probes = false
    settings.search.loss = .margin(clamp: nil)
    let spy = Spy(model.classifier())
    _ = try AutoProjectedGradientDescent(steps: 20, beginsWide: true).run(
      spy.see, images: images, criterion: .misclassified(labels), settings: settings)
    let walk = Array(
      spy.batches.filter { $0.shape[0] == 3 }.drop { batch in
        // The pass over the clean images comes first.
        (try? bits(batch)) == (try? bits(images))
      })
    // A start and six steps in either wide ball.
    for first in [7, 14] {
      let before = try (walk[first] - images).doubles()
      let after = try (walk[first + 1] - images).doubles()
      for sample in 0..<3 {
        let own = sample * 100..<(sample + 1) * 100
        let support = own.count { abs(before[$0]) > 1e-9 }
        let moved = own.count { abs(after[$0]) > abs(before[$0]) + 1e-12 }
        #expect(support < 30, "\(first)")
        #expect(moved <= max(1, support * 2 / 3), "\(first): \(moved) of \(support)")
      }
    }
  }
}
