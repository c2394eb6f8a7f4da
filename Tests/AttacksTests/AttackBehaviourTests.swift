import Attacks
import Diagnostics
import Tensors
import Testing

/// What the settings do, and the rest of the bug catalogue's image rows.
@Suite struct AttackBehaviourTests {
  static let model = ToyModel(kind: .gelu, shape: [3, 3, 2], classes: 5)

  /// Plain settings at an L∞ budget, without probes.
  static func settings(_ epsilon: Double = 0.1) throws -> AttackSettings {
    var settings = AttackSettings(budget: try Budget(.linf, epsilon), seed: 3)
    settings.reporting.probes = false
    return settings
  }

  /// A classifier that answers by the first pixel: `logits = (p, 1 − p)` times 10.
  static var brightness: Classifier {
    Classifier { images in
      let first = try images.flattened(from: 1).narrowed(1, start: 0, length: 1)
      return try Tensor.concatenated([first, 1.0 - first], axis: 1) * 10.0 + 0.5
    }
  }

  /// Images of one pixel and their labels by `brightness`: class 0 above one half.
  static func pixels(_ values: [Float]) throws -> Tensor {
    try Tensor(values, shape: [values.count, 1, 1, 1])
  }

  @Test("I7: samples that are wrong when clean: skipped and counted, or attacked and counted")
  func wrongWhenClean() throws {
    let images = try Self.pixels([0.9, 0.52, 0.1, 0.45])
    let criterion = Criterion.misclassified([0, 0, 0, 1])
    for attacksAll in [false, true] {
      var settings = try Self.settings(0.1)
      settings.search.attacksAll = attacksAll
      let result = try ProjectedGradientDescent().run(
        Self.brightness, images: images, criterion: criterion, settings: settings)
      let report = result.report
      #expect(report.cleanCorrect == [true, true, false, true])
      #expect(report.success == [false, true, true, true])
      #expect(report.cleanAccuracy == 0.75 && report.robustAccuracy == 0.25)
      #expect(report.successRateDrop == 0.5 && report.strictAccuracy == 0.25)
      #expect(try abs(#require(report.successRateLost) - 2.0 / 3) < 1e-15)
      let isUnchanged = try result.images.floats()[2] == images.floats()[2]
      #expect(isUnchanged == !attacksAll)
    }
  }

  @Test("early stop: solved samples leave, and the result is theirs")
  func earlyStop() throws {
    let images = try Self.pixels([0.51, 0.9, 0.52, 0.99])
    var settings = try Self.settings(0.1)
    settings.search.stopsEarly = true
    let attack = ProjectedGradientDescent(steps: 10, startsAtRandom: false)
    let report = try attack.run(
      Self.brightness, images: images, criterion: .misclassified([0, 0, 0, 0]), settings: settings
    ).report
    #expect(report.success == [true, false, true, false])
    #expect(report.backwards == [2, 10, 2, 10])
    settings.search.stopsEarly = false
    let whole = try attack.run(
      Self.brightness, images: images, criterion: .misclassified([0, 0, 0, 0]), settings: settings
    ).report
    #expect(whole.success == report.success && whole.backwards == [10, 10, 10, 10])
  }

  @Test("training asks for nothing but the steps")
  func trainingCounts() throws {
    let (images, labels) = try Self.model.samples(6)
    let spy = Spy(Self.model.classifier())
    let report = try ProjectedGradientDescent(steps: 7).run(
      spy.see, images: images, criterion: .misclassified(labels),
      settings: try Self.settings().forTraining()
    ).report
    #expect(spy.batches.count == 7 && spy.images == 42)
    #expect(report.backwards == [Int](repeating: 7, count: 6) && !report.isJudged)
    #expect(report.success.isEmpty)
  }

  @Test("FGSM costs one gradient and the verdict; its clean pass is the clean verdict too")
  func fgsmCounts() throws {
    let (images, labels) = try Self.model.samples(6)
    let report = try FastGradientSign().run(
      Self.model.classifier(), images: images, criterion: .misclassified(labels),
      settings: try Self.settings()
    ).report
    #expect(report.forwards == [Int](repeating: 2, count: 6))
    #expect(report.backwards == [Int](repeating: 1, count: 6))
    #expect(report.cleanCorrect == [true, true, true, false, true, true])
  }

  @Test("B18: the targeted loss grows, and success means the target", arguments: [false, true])
  func targeted(_ isDLR: Bool) throws {
    let (images, labels) = try Self.model.samples(8)
    var settings = try Self.settings(0.3)
    settings.search.loss = isDLR ? .dlr : .crossEntropy
    settings.reporting.recordsTrace = true
    let targets = labels.map { ($0 + 2) % 5 }
    let result = try ProjectedGradientDescent(steps: 20, startsAtRandom: false).run(
      Self.model.classifier(), images: images,
      criterion: .targeted(.classes(targets), labels: labels), settings: settings)
    let tops = try Self.model.classifier()(result.images).argmax(axis: 1).integers()
    for index in labels.indices {
      #expect(result.report.targetHit?[index] == (Int(tops[index]) == targets[index]))
      #expect(
        result.report.broken[index]
          == (!result.report.cleanCorrect[index] || Int(tops[index]) != labels[index]))
      let first = try #require(result.report.trace?.loss.first?[index])
      #expect(result.report.loss[index] >= first)
    }
    #expect(result.report.success.contains(true))
    #expect(result.report.targets == targets)
  }

  @Test("accuracy is counted from predictions and labels, strict accuracy from what is right twice")
  func accuracies() throws {
    // The source turns brightness round, so that what is wrong when clean is put right.
    let images = try Self.pixels([0.9, 0.55, 0.45])
    var settings = try Self.settings(0.1)
    settings.search.sources = [Classifier { try Self.brightness(1 - $0) }]
    let labels = try Self.brightness(images).argmax(axis: 1).integers().map { Int($0) }
    let given = [labels[0], labels[1], 1 - labels[2]]
    let report = try ProjectedGradientDescent().run(
      Self.brightness, images: images, criterion: .misclassified(given), settings: settings
    ).report
    #expect(report.cleanCorrect == [true, true, false])
    let right = zip(report.prediction, given).map { $0 == $1 }
    #expect(report.correct == right && right[2] && report.broken[2])
    #expect(report.robustAccuracy == Double(right.count { $0 }) / 3)
    #expect(report.strictAccuracy == Double(right.prefix(2).count { $0 }) / 3)
    // An image beyond the budget stands for its clean one.
    settings.search.sources = []
    settings.threat.budget = try Budget(.l2, 0.01)
    let nearest = try DecoupledDirectionNorm().run(
      Self.brightness, images: Self.pixels([0.9, 0.49]), criterion: .misclassified([labels[0], 1]),
      settings: settings
    ).report
    #expect(nearest.success[0] && nearest.correct[0] && !nearest.broken[0])
  }

  @Test("targets by choice: the least likely class, or any but the label")
  func chosenTargets() throws {
    let (images, labels) = try Self.model.samples(8)
    let least = try ProjectedGradientDescent().run(
      Self.model.classifier(), images: images, criterion: .targeted(.leastLikely, labels: labels),
      settings: try Self.settings())
    let logits = try Self.model.classifier()(images).doubles()
    let expected = labels.enumerated().map { row, label in
      (0..<5).filter { $0 != label }.min { logits[row * 5 + $0] < logits[row * 5 + $1] }
    }
    #expect(least.report.targets == expected.compactMap { $0 })
    // Batch by batch the targets are the same, and never the label.
    var settings = try Self.settings()
    settings.search.batch = 3
    let parts = try ProjectedGradientDescent().run(
      Self.model.classifier(), images: images, criterion: .targeted(.leastLikely, labels: labels),
      settings: settings)
    #expect(parts.report.targets == least.report.targets)
    #expect(parts.report.success == least.report.success)
    let random = try FastGradientSign().run(
      Self.model.classifier(), images: images, criterion: .targeted(.random, labels: labels),
      settings: try Self.settings())
    let targets = try #require(random.report.targets)
    #expect(zip(targets, labels).allSatisfy { $0 != $1 && (0..<5).contains($0) })
    #expect(Set(targets).count > 1)
  }

  @Test("transfer: gradients from elsewhere, verdicts from the attacked classifier")
  func transfer() throws {
    let (images, labels) = try Self.model.samples(6)
    let other = ToyModel(kind: .relu, shape: [3, 3, 2], classes: 5, seed: 4)
    let (attacked, source) = (Spy(Self.model.classifier()), Spy(other.classifier()))
    var settings = try Self.settings()
    settings.search.sources = [source.see, other.classifier()]
    settings.search.stopsEarly = true
    let result = try ProjectedGradientDescent(steps: 5).run(
      attacked.see, images: images, criterion: .misclassified(labels), settings: settings)
    #expect(source.batches.count == 6 && attacked.batches.count == 1 + 6)
    let tops = try Self.model.classifier()(result.images).argmax(axis: 1).integers()
    #expect(result.report.success == zip(tops, labels).map { Int($0) != $1 })
  }

  @Test("B15: momentum is used", arguments: Norm.allCases)
  func momentum(_ norm: Norm) throws {
    let (images, labels) = try Self.model.samples(6)
    var settings = try Self.settings()
    settings.threat.budget = try Budget(norm, 0.3)
    settings.search.keep = .last
    func moved(_ attack: any FixedBudgetAttack) throws -> [Double] {
      try attack.run(
        Self.model.classifier(scale: 20), images: images, criterion: .misclassified(labels),
        settings: settings
      ).images.doubles()
    }
    let step = 0.2
    let plain = try moved(BasicIterativeMethod(steps: 6, step: step))
    #expect(try moved(MomentumIterative(steps: 6, step: step)) != plain)
    if norm != .l1 {  // both move the same pixel there
      #expect(
        try moved(MomentumIterative(steps: 6, step: step, looksAhead: true))
          != moved(MomentumIterative(steps: 6, step: step)))
    }
    let heavy = ProjectedGradientDescent(
      steps: 6, step: step, startsAtRandom: false, momentum: norm == .l2 ? 0.9 : 1.1)
    #expect(try moved(heavy) != plain)
    let still = try moved(MomentumIterative(steps: 6, step: step, decay: 0))
    for (a, b) in zip(still, plain) { #expect(abs(a - b) < 1e-5) }
  }

  @Test("B03, B21: pixels at 0 and 1 survive exactly, and can move")
  func endsOfTheRange() throws {
    let values: [Float] = [0, 1, 0, 1, 1, 0, 1, 0, 1, 1, 0, 0]
    let images = try Tensor(values, shape: [1, 3, 2, 2])
    let model = ToyModel(kind: .linear, shape: [3, 2, 2], classes: 2)
    let still = try FastGradientSign().maximize(
      { images, _, _ in try images.sum(axes: [1, 2, 3]) * 0.0 }, images: images,
      settings: try Self.settings())
    #expect(try still.images.floats() == values)
    let label = try model.classifier()(images).argmax(axis: 1).integers().map { Int($0) }
    let broken = try FastGradientSign().run(
      model.classifier(), images: images, criterion: .misclassified(label),
      settings: try Self.settings(1))
    #expect(broken.report.success == [true])
  }

  @Test("B29: the verdict is that of what is returned, on 8-bit levels too")
  func verdictOfTheResult() throws {
    let images = try Self.pixels([130, 133, 135].map { Float($0) / 255 })
    var settings = try Self.settings(4.0 / 255)
    settings.threat.isOnEightBitLevels = true
    let spy = Spy(Self.brightness)
    let result = try ProjectedGradientDescent().run(
      spy.see, images: images, criterion: .misclassified([0, 0, 0]), settings: settings)
    #expect(result.report.success == [true, false, false])
    for batch in spy.batches {
      #expect(try batch.floats().allSatisfy { Float(($0 * 255).rounded()) / 255 == $0 })
    }
  }

  @Test("B25: where the label is the third logit, dlr is flat but the sample is broken already")
  func thirdLogit() throws {
    let images = try Tensor.full([1, 1, 1, 3], 0.5)
    let offsets = try Tensor([0.2, 0.1, 0.0] as [Float], shape: [1, 3])
    var settings = try Self.settings()
    settings.search.loss = .dlr
    let result = try ProjectedGradientDescent(steps: 2).run(
      Classifier { try $0.flattened(from: 1) + offsets }, images: images,
      criterion: .misclassified([2]),
      settings: settings)
    #expect(result.report.success == [true])
  }

  @Test("EOT averages gradients and judges the mean logits")
  func expectation() throws {
    let images = try Self.pixels([0.6])
    var calls = 0
    // Half of the passes see class 0 shifted by ±4: alone they are useless, their mean is exact.
    let noisy = Classifier { batch in
      calls += 1
      let shift = calls % 2 == 0 ? 4.0 : -4.0
      let noise = try Tensor([shift, 0.0], shape: [1, 2]).converted(to: .float32)
      return try Self.brightness(batch) + noise
    }
    var settings = try Self.settings(0.2)
    settings.search.draws = 2
    settings.search.loss = .margin(clamp: nil)
    let report = try ProjectedGradientDescent(steps: 5).run(
      noisy, images: images, criterion: .misclassified([0]), settings: settings
    ).report
    #expect(report.cleanCorrect == [true] && report.success == [true])
    #expect(report.backwards == [10])
  }

  @Test("trace and progress tell every step")
  func traceAndProgress() throws {
    let (images, labels) = try Self.model.samples(5)
    var settings = try Self.settings()
    settings.reporting.recordsTrace = true
    settings.search.restarts = 2
    settings.search.batch = 2
    var events: [ProgressEvent] = []
    settings.reporting.progress = { events.append($0) }
    let trace = try #require(
      try ProjectedGradientDescent(steps: 4).run(
        Self.model.classifier(), images: images, criterion: .misclassified(labels),
        settings: settings
      ).report.trace)
    #expect(trace.loss.count == 10 && trace.margin.count == 10)
    #expect(trace.loss.allSatisfy { $0.count == 5 && $0.allSatisfy(\.isFinite) })
    settings.search.draws = 3
    let averaged = try #require(
      try ProjectedGradientDescent(steps: 4).run(
        Self.model.classifier(), images: images, criterion: .misclassified(labels),
        settings: settings
      ).report.trace)
    for (a, b) in zip(averaged.margin.joined(), trace.margin.joined()) {
      #expect(abs(a - b) < 1e-5)
    }
    for (a, b) in zip(averaged.loss.joined(), trace.loss.joined()) { #expect(abs(a - b) < 1e-5) }
    events = Array(events.prefix(30))
    #expect(events.count == 30 && events.last?.completed == 30 && events.last?.total == 30)
    #expect(events.map(\.completed) == Array(1...30))
  }

  @Test("start points are where the first run starts")
  func startPoints() throws {
    let images = try Self.pixels([0.5, 0.5])
    var settings = try Self.settings(0.2)
    settings.search.startPoints = try Self.pixels([0.6, 1])
    let spy = Spy(Self.brightness)
    _ = try ProjectedGradientDescent(steps: 1).run(
      spy.see, images: images, criterion: .misclassified([0, 1]), settings: settings)
    #expect(try spy.batches[1].floats() == [0.6, 0.7])
  }

  @Test("I13: weights that track gradients, and what they have collected, stay as they are")
  func weightsUntouched() throws {
    let weight = try Tensor((0..<24).map { Float($0) / 24 - 0.4 }, shape: [2, 12])
      .setRequiresGradient(true)
    try (weight * 3.0).sum().backward()
    let before = (try bits(weight), try bits(try #require(weight.gradient)))
    let images = try Tensor.full([3, 3, 2, 2], 0.5)
    for failsAt in [0, 1, 3, 5] {
      var calls = 0
      let classifier = Classifier { batch in
        calls += 1
        if calls == failsAt { throw KilpiError("stop") }
        return try batch.flattened(from: 1).matmul(weight, transposeB: true)
      }
      let text = message {
        _ = try Tensor.withoutGradients {
          try ProjectedGradientDescent(steps: 5).run(
            classifier, images: images, criterion: .misclassified([0, 1, 0]),
            settings: Self.settings())
        }
      }
      #expect(text == (failsAt == 0 ? "no error" : "stop"))
      #expect(GradientMode.isRecording)
      #expect(try bits(weight) == before.0)
      #expect(try bits(#require(weight.gradient)) == before.1)
    }
  }

  @Test("I22: scaled logits change nothing for dlr")
  func scaledLogits() throws {
    let (images, labels) = try Self.model.samples(6, .float64)
    var settings = try Self.settings()
    settings.search.loss = .dlr
    settings.search.keep = .last
    func moved(_ scale: Double) throws -> [Double] {
      try ProjectedGradientDescent().run(
        Self.model.classifier(scale: scale), images: images, criterion: .misclassified(labels),
        settings: settings
      ).images.doubles()
    }
    #expect(try moved(1) == moved(1024))
  }

  @Test("flags: a dead zone and random outputs are noticed, ordinary models are not")
  func flags() throws {
    let (images, labels) = try Self.model.samples(8)
    func kinds(_ classifier: Classifier) throws -> [AttackFlag.Kind] {
      var settings = try Self.settings(1e-3)
      settings.reporting.probes = true
      return try ProjectedGradientDescent().run(
        classifier, images: images, criterion: .misclassified(labels), settings: settings
      ).report.flags.map(\.kind)
    }
    for model in Combination.models where model.shape == Self.model.shape {
      #expect(try kinds(model.classifier()) == [])
    }
    let base = Self.model.classifier()
    // A ReLU that never opens, beside fixed logits of the right class.
    let rows = try base(images).detached()
    #expect(
      try kinds(
        Classifier { batch in
          let dead = try (batch - 2.0).relu().sum(axes: [1, 2, 3], keepDimensions: true)
            .reshaped([batch.shape[0], 1])
          return try dead + (batch.shape[0] == 8 ? rows : base(batch).detached())
        }) == [.zeroGradient, .lossFlat])
    var draw = 0.0
    #expect(
      try kinds(
        Classifier { batch in
          draw += 1
          return try base(batch) + (draw * 0.01)
        }) == [.randomisedOutput])
  }

  @Test("attacks without labels use the same steps, budget and counters")
  func withoutLabels() throws {
    let (images, _) = try Self.model.samples(5, margin: 0.3)
    let anchor = try Self.model.classifier()(images).detached()
    var seen: [[Int]] = []
    var settings = try Self.settings(0.05)
    settings.search.batch = 2
    let result = try ProjectedGradientDescent(steps: 6).maximize(
      { batch, rows, _ in
        seen.append(rows)
        let own = try anchor.indexSelected(0, Tensor(rows.map { Int64($0) }, shape: [rows.count]))
        return try (Self.model.classifier()(batch) - own).square().sum(axes: [1])
      }, images: images, settings: settings)
    #expect(Set(seen) == [[0, 1], [2, 3], [4]])
    #expect(result.report.loss.allSatisfy { $0 > 0 } && !result.report.isJudged)
    #expect(result.report.distance.linf.allSatisfy { $0 <= 0.05 && $0 > 0.04 })
    #expect(result.report.backwards == [6, 6, 6, 6, 6])
  }
}
