import Attacks
import Diagnostics
import Tensors
import Testing

/// Signs of masked gradients: each known family raises its flag, ordinary models raise none.
@Suite struct FlagTests {
  static let model = ToyModel(kind: .gelu, shape: [3, 4, 4], classes: 4, hidden: 24, seed: 3)

  /// What PGD's report says about a classifier.
  static func kinds(
    _ classifier: Classifier, epsilon: Double = 0.02, samples: Int = 12,
    attack: any FixedBudgetAttack = ProjectedGradientDescent()
  ) throws -> Set<AttackFlag.Kind> {
    let (images, labels) = try model.samples(samples)
    return Set(
      try attack.run(
        classifier, images: images, criterion: .misclassified(labels),
        settings: AttackSettings(budget: Budget(.linf, epsilon), seed: 1)
      ).report.flags.map(\.kind))
  }

  /// A model with masked gradients.
  struct Masked: CustomTestStringConvertible, @unchecked Sendable {
    var id: String
    var flag: AttackFlag.Kind
    var make: () -> Classifier
    var testDescription: String { id }
  }

  static let families: [Masked] = [
    Masked(id: "saturated softmax", flag: .zeroGradient) { model.classifier(scale: 1e5) },
    Masked(id: "8-bit rounding, straight through", flag: .quantisedInput) {
      Classifier { images in
        let step = try ((images * 255.0).round() / 255.0 - images).detached()
        return try model.classifier()(images + step)
      }
    },
    Masked(id: "8-bit rounding without a gradient", flag: .quantisedInput) {
      Classifier { images in
        let rounded = try ((images * 255.0).round() / 255.0).detached()
        return try model.classifier()(rounded + images * 0.0)
      }
    },
    Masked(id: "dead zone", flag: .zeroGradient) {
      Classifier { images in
        let dead = try (images - 2.0).relu().sum(axes: [1, 2, 3]).unsqueezed(1)
        return try model.classifier()(images).detached() + dead
      }
    },
    Masked(id: "input noise", flag: .randomisedOutput) {
      var draws = 0
      return Classifier { images in
        draws += 1
        var stream = RandomSource(seed: 1).stream(.probe, step: draws)
        let noise = try Tensor.randomNormal(images.shape, stream: &stream, dtype: images.dtype)
        return try model.classifier()(images + noise * 0.05)
      }
    },
    Masked(id: "statistics of the batch (B28)", flag: .trainMode) {
      Classifier { images in
        let logits = try model.classifier()(images)
        return try logits - logits.mean(axes: [0], keepDimensions: true)
      }
    },
  ]

  @Test("every masked family raises its flag", arguments: families)
  func masked(_ row: Masked) throws {
    #expect(try Self.kinds(row.make()).contains(row.flag))
    let (images, labels) = try Self.model.samples(12)
    let probes = ModelProbes(row.make(), labels: labels)
    let found = try (probes.outputFlags(images) + probes.inputFlags(images)).map(\.kind)
    if [.quantisedInput, .randomisedOutput, .trainMode].contains(row.flag) {
      #expect(found.contains(row.flag))
    }
  }

  static let ordinary: [ToyModel] = (1...20).map { seed in
    ToyModel(
      kind: [.linear, .relu, .gelu][seed % 3], shape: [3, 3 + seed % 3, 4],
      classes: 3 + seed % 4, hidden: 24, seed: UInt64(seed))
  }

  /// All twenty are run by `scripts/assure masking`.
  @Test("ordinary models raise none", arguments: ordinary.prefix(8))
  func silent(_ row: ToyModel) throws {
    let (images, labels) = try row.samples(16)
    for (norm, epsilon) in [(Norm.linf, 0.01), (.linf, 0.05), (.l2, 0.1)] {
      for attack in [
        ProjectedGradientDescent(), MomentumIterative(), FastGradientSign(),
      ] as [any FixedBudgetAttack] {
        let report = try attack.run(
          row.classifier(), images: images, criterion: .misclassified(labels),
          settings: AttackSettings(budget: Budget(norm, epsilon), seed: 1)
        ).report
        #expect(report.flags == [], "\(attack.name) \(norm) \(epsilon)")
      }
    }
    let flags = try SearchProbes(seed: 2).flags(
      row.classifier(), images: images, labels: labels, budget: Budget(.linf, 0.02))
    #expect(flags == [])
  }

  /// Gradients that point the wrong way everywhere but at the given images themselves.
  static func shattered(_ clean: Tensor) throws -> Classifier {
    let known = Set(try rows(clean))
    return Classifier { images in
      let logits = try model.classifier()(images)
      let isClean = try rows(images).map { known.contains($0) }
      let factors = try Tensor(
        isClean.map { $0 ? Float(1) : -1 }, shape: [isClean.count, 1])
      // The value stays, the gradient is multiplied.
      return try (logits * factors) + (logits - logits * factors).detached()
    }
  }

  static func rows(_ images: Tensor) throws -> [[Float]] {
    let values = try images.detached().floats()
    let width = values.count / max(images.shape[0], 1)
    return (0..<images.shape[0]).map { Array(values[$0 * width..<($0 + 1) * width]) }
  }

  @Test("shattered gradients: a single step, random points and the missing budget tell")
  func shatteredGradients() throws {
    let (images, labels) = try Self.model.samples(24)
    let kinds = Set(
      try SearchProbes(seed: 3).flags(
        Self.shattered(images), images: images, labels: labels, budget: Budget(.linf, 0.05)
      ).map(\.kind))
    #expect(kinds.contains(.singleBeatsIterative) && kinds.contains(.unboundedNotTotal))
    #expect(kinds.contains(.randomBeatsGradient))
  }

  @Test("a step that is far too small makes a flat loss")
  func flatLoss() throws {
    let tiny = ProjectedGradientDescent(steps: 10, step: 1e-7)
    #expect(try Self.kinds(Self.model.classifier(), attack: tiny).contains(.lossFlat))
    #expect(try !Self.kinds(Self.model.classifier()).contains(.lossFlat))
  }

  @Test("walks towards several classes have no loss that must grow, on black and white images")
  func incomparableLosses() throws {
    let (grey, labels) = try Self.model.samples(12)
    // Half of the pixels cannot move where the gradient points: little of the budget is used.
    let images = try Tensor(grey.floats().map { $0 < 0.5 ? Float(0) : 1 }, shape: grey.shape)
    var settings = AttackSettings(budget: try Budget(.linf, 1e-3), seed: 1)
    settings.search.loss = .targetedDLR
    let report = try AutoProjectedGradientDescent(steps: 20, aimsAtClasses: true).run(
      Self.model.classifier(), images: images, criterion: .misclassified(labels),
      settings: settings
    ).report
    #expect(report.success.contains(false))
    #expect(!report.flags.contains { $0.kind == .lossFlat })
  }

  @Test("gradients that reach one pixel alone are told of on grey and on black and white images")
  func gradientsOfOnePixel() throws {
    let (grey, labels) = try Self.model.samples(12)
    let values = try grey.floats()
    for pixels in [values, values.map { $0 < 0.5 ? 0 : 1 }] {
      let images = try Tensor(pixels, shape: grey.shape)
      let size = pixels.count / 12
      let mask = try Tensor(
        (0..<size).map { $0 == 0 ? Float(1) : 0 }, shape: [1] + grey.shape.dropFirst())
      let report = try BasicIterativeMethod(steps: 20).run(
        Classifier { images in
          let open = try images * mask
          return try Self.model.classifier()(open + (images - open).detached())
        }, images: images, criterion: .misclassified(labels),
        settings: AttackSettings(budget: Budget(.linf, 0.01), seed: 1)
      ).report
      #expect(report.success.contains(false))
      #expect(report.flags.contains { $0.kind == .lossFlat })
    }
  }

  @Test("a capped loss is flat although the images lie on the border of the ball")
  func cappedLoss() throws {
    let (images, labels) = try Self.model.samples(12)
    func report(_ cap: Double?) throws -> AttackReport {
      var settings = AttackSettings(budget: try Budget(.linf, 0.01), seed: 1)
      settings.search.loss = .margin(clamp: cap)
      return try ProjectedGradientDescent(steps: 10, step: 0.01).run(
        Self.model.classifier(), images: images, criterion: .misclassified(labels),
        settings: settings
      ).report
    }
    let free = try report(nil)
    #expect(free.flags == [])
    // A cap that the survivors would pass, before the class changes.
    let survivors = labels.indices.filter { !free.success[$0] }
    let cap = try #require(survivors.map { free.loss[$0] }.min()) - 1e-3
    #expect(cap < 0)
    let capped = try report(cap).flags.first { $0.kind == .lossFlat }
    #expect(capped?.detail.hasSuffix("have no gradient left") == true)
  }

  @Test(
    "loss_flat: the share of the budget, the rise and the gradients that are gone, at their borders",
    arguments: [
      // used, rise relative to the loss, gradients gone of 100, is raised
      (0.599, 0.0, 0, true), (0.6, 0.0, 0, false), (0.6, 0.0, 1, false), (0.6, 0.0, 2, true),
      (0.3, 0.0009, 0, true), (0.3, 0.0011, 0, false), (1, 0.0009, 2, true),
      (1, 0.0011, 2, false),
    ])
  func flatLossBorders(used: Double, rise: Double, gone: Int, isRaised: Bool) {
    let half = [Double](repeating: -2, count: 100)
    let flag = AttackFlag.lossFlat(
      half: half, full: half.map { $0 + rise * 2 }, used: used, vanished: gone)
    #expect((flag != nil) == isRaised)
  }

  @Test("randomised_output: with --deterministic passes may not differ at all")
  func sameBits() throws {
    let (images, labels) = try Self.model.samples(12)
    var passes = 0
    func flags(_ expectsSameBits: Bool, _ change: Double) throws -> [AttackFlag.Kind] {
      var probes = ModelProbes(
        Classifier { images in
          passes += 1
          return try Self.model.classifier()(images) * (passes % 2 == 0 ? 1 + change : 1)
        }, labels: labels)
      probes.expectsSameBits = expectsSameBits
      return try probes.outputFlags(images).map(\.kind)
    }
    #expect(try flags(false, 3e-6) == [] && flags(false, 1e-3) == [.randomisedOutput])
    #expect(try flags(true, 0) == [] && flags(true, 3e-6) == [.randomisedOutput])
  }

  @Test("a model that takes gradients to classify")
  func inferenceGradient() throws {
    let defence = Classifier { images in
      let pauses = GradientMode.isRecording ? 0 : 1
      if pauses > 0 { GradientMode.resume() }
      defer { if pauses > 0 { GradientMode.pause() } }
      let leaf = try images.detached().setRequiresGradient(true)
      let score = try Self.model.classifier()(leaf).sum()
      let gradient = try Tensor.gradients(of: score, with: [leaf])[0]
      return try Self.model.classifier()((images + gradient.sign() * 0.01).clamped(0, 1))
    }
    #expect(try Self.kinds(defence).contains(.inferenceGradient))
  }

  @Test("rules over numbers: their thresholds")
  func rules() {
    #expect(AttackFlag.singleBeatsIterative(single: 102, iterative: 100, of: 400) == nil)
    #expect(
      AttackFlag.singleBeatsIterative(single: 103, iterative: 100, of: 400) != nil
    )
    #expect(AttackFlag.singleBeatsIterative(single: 3, iterative: 1, of: 16) == nil)
    #expect(AttackFlag.blackboxBeatsWhitebox(survivorsBroken: 2, of: 1000) == nil)
    #expect(AttackFlag.blackboxBeatsWhitebox(survivorsBroken: 3, of: 1000) != nil)
    #expect(AttackFlag.randomBeatsGradient(random: 5, gradient: 5, of: 64) == nil)
    #expect(AttackFlag.randomBeatsGradient(random: 6, gradient: 5, of: 64) != nil)
    #expect(AttackFlag.fewClasses(10, targets: 9) == nil)
    #expect(AttackFlag.fewClasses(9, targets: 9)?.kind == .fewClasses)
    #expect(AttackFlag.lossFlat(half: [1, 1], full: [1.0005, 1], used: 0.5) != nil)
    #expect(AttackFlag.lossFlat(half: [1, 1], full: [1.01, 1], used: 0.5) == nil)
    #expect(AttackFlag.lossFlat(half: [1, 1], full: [1, 1], used: 0.9) == nil)
    #expect(AttackFlag.lossFlat(half: [1, 1], full: [1, 1], used: 0.9, vanished: 1) != nil)
    #expect(AttackFlag.lossFlat(half: [1, 1], full: [1.01, 1], used: 0.9, vanished: 1) == nil)
    let zero = AttackFlag.zeroGradient([1, 1, 0, nil], isBroken: [false, true, false, false])
    #expect(zero?.detail == "1 of 2 unbroken samples have no input gradient")
    #expect(AttackFlag.zeroGradient([1, 1, 0], isBroken: [false, false, true]) == nil)
    #expect(AttackFlag.zeroGradient([nil], isBroken: [false]) == nil)
  }

  @Test("probes are counted, and can be limited or left out")
  func counts() throws {
    let (images, labels) = try Self.model.samples(40)
    func passes(_ change: (inout AttackSettings) -> Void) throws -> (seen: Int, counted: Int) {
      var settings = AttackSettings(budget: try Budget(.linf, 0.02), seed: 1)
      change(&settings)
      let spy = Spy(Self.model.classifier())
      let report = try ProjectedGradientDescent(steps: 5).run(
        spy.see, images: images, criterion: .misclassified(labels), settings: settings
      ).report
      return (spy.images, report.forwards.reduce(0, +))
    }
    let (all, few, none) = (
      try passes { _ in }, try passes { $0.reporting.probedSamples = 0 },
      try passes { $0.reporting.probes = false }
    )
    #expect(all.seen == all.counted && few.seen == few.counted && few.seen == none.seen)
    // Six passes over 8 images and their negatives, four over 16, two over 32.
    #expect(all.seen - none.seen == 5 * 8 + 16 + 4 * 16 + 2 * 32)
  }
}
