import Attacks
import Diagnostics
import Tensors
import Testing

/// C&W's and DDN's own rows of the bug catalogue, and the texts of their refusals.
@Suite struct NearestCatalogueTests {
  static func settings() -> AttackSettings {
    var settings = AttackSettings(budget: .unlimited(.l2))
    settings.reporting.probes = false
    return settings
  }

  static let attacks: [NearestCase] = NearestCase.all.filter { $0.norms.contains(.l2) }

  @Test("B19: logits that are all below zero are broken as others are", arguments: attacks)
  func negativeLogits(_ row: NearestCase) throws {
    let model = ToyModel(kind: .gelu, shape: [3, 2, 2], classes: 4, seed: 5)
    let (images, labels) = try model.samples(6, margin: 0.3)
    func report(_ shift: Double) throws -> AttackReport {
      try row.attack.run(
        Classifier { try model.classifier(scale: 4)($0) + shift }, images: images,
        criterion: .misclassified(labels), settings: Self.settings()
      ).report
    }
    let (plain, negative) = (try report(0), try report(-100))
    #expect(negative.success == plain.success && plain.success.filter { $0 }.count >= 5)
    for (a, b) in zip(plain.nearest ?? [], negative.nearest ?? []) where a < .infinity {
      #expect(abs(a - b) <= 0.05 * a, "\(a) and \(b)")
    }
  }

  @Test("no sample gets more passes than the plan says", arguments: attacks)
  func plan(_ row: NearestCase) throws {
    let model = ToyModel(kind: .gelu, shape: [3, 2, 2], classes: 6, seed: 7)
    let (images, labels) = try model.samples(6, margin: 0.3)
    let report = try row.attack.run(
      model.classifier(), images: images, criterion: .misclassified(labels),
      settings: Self.settings()
    ).report
    let cost = row.attack.plannedCost(Self.settings())
    let (forwards, backwards) = (report.forwards.max() ?? 0, report.backwards.max() ?? 0)
    #expect(forwards <= cost.forwards && backwards <= cost.backwards)
    #expect(forwards > 1 && backwards > 0)
  }

  @Test("B21: images of nothing but 0 and 1 are broken on a linear model", arguments: attacks)
  func endsOfTheRange(_ row: NearestCase) throws {
    let values: [Float] = [0, 1, 0, 1, 1, 0, 1, 0, 1, 1, 0, 0]
    let images = try Tensor(values, shape: [1, 3, 2, 2])
    // A slope towards the inside of the box everywhere, so that no pixel is held back.
    let slope = values.map { $0 == 0 ? Float(0.5) : -0.25 }
    let linear = Classifier { images in
      let weight = try Tensor(slope, shape: [1, 12])
      let score = try (images.flattened(from: 1) * weight).sum(axes: [1]).unsqueezed(1) + 1.0
      return try Tensor.concatenated([score * 0.0, score], axis: 1)
    }
    // C&W starts where its map is nearly flat: the ends of the range take larger steps.
    let attack: any MinimumNormAttack =
      row.id == "cw"
      ? CarliniWagner(searchSteps: 6, steps: 300, learningRate: 0.1, initialConstant: 0.1)
      : row.oracle
    let result = try attack.run(
      linear, images: images, criterion: .misclassified([0]), settings: Self.settings())
    let clean = try linear(images).doubles()
    #expect(clean[1] < 0 && result.report.success == [true])
    #expect(try zip(result.images.floats(), values).allSatisfy { $0 != $1 })
    let norm = slope.reduce(0) { $0 + Double($1 * $1) }.squareRoot()
    let ratio = (result.report.nearest?[0] ?? .infinity) * norm / -clean[1]
    #expect(ratio >= 1 - 1e-4 && ratio <= 1.05, "\(ratio)")
  }

  @Test("a targeted search ends on its target", arguments: ["cw", "ddn"])
  func targeted(_ id: String) throws {
    let row = try #require(NearestCase.all.first { $0.id == id })
    let model = ToyModel(kind: .linear, shape: [3, 3, 3], classes: 4, seed: 12)
    let (images, labels) = try model.samples(6, margin: 0.45)
    let targets = labels.map { ($0 + 1) % 4 }
    let result = try row.oracle.run(
      model.classifier(scale: 100), images: images,
      criterion: .targeted(.classes(targets), labels: labels), settings: Self.settings())
    let tops = try model.classifier()(result.images).argmax(axis: 1).integers()
    #expect(tops.map { Int($0) } == targets)
    #expect(result.report.success.allSatisfy { $0 })
  }

  @Test("kappa: the result has that margin, and lies farther away")
  func confidence() throws {
    let model = ToyModel(kind: .linear, shape: [3, 3, 3], classes: 4, seed: 13)
    let (images, labels) = try model.samples(3, margin: 0.45)
    func report(_ kappa: Double) throws -> AttackReport {
      var attack = CarliniWagner(searchSteps: 5, steps: 100, initialConstant: 0.1)
      attack.confidence = kappa
      return try attack.run(
        model.classifier(scale: 10), images: images, criterion: .misclassified(labels),
        settings: Self.settings()
      ).report
    }
    let (plain, sure) = (try report(0), try report(0.5))
    #expect(sure.margin.allSatisfy { $0 >= 0.5 - 1e-5 })
    #expect(zip(plain.nearest ?? [], sure.nearest ?? []).allSatisfy { $0 < $1 })
  }

  @Test("DDN's first steps are the formula's")
  func directionAndNorm() throws {
    // f = 3 x₁ + 4 x₂ − 5, the label is class 0 while f < 0; the direction is (0.6, 0.8).
    let images = try Tensor([0.5, 0.5] as [Double], shape: [1, 1, 1, 2])
    let spy = Spy(Self.line(5))
    _ = try DecoupledDirectionNorm(steps: 3, initialNorm: 0.2, gamma: 0.1).run(
      spy.see, images: images, criterion: .misclassified([0]), settings: Self.settings())
    // Clean pass, then the points: 0.22, 0.242 beyond no boundary, 0.2662, and the verdict.
    let points = try spy.batches.dropFirst().prefix(4).map { try $0.doubles() }
    for (point, length) in zip(points, [0, 0.22, 0.242, 0.2662]) {
      #expect(abs(point[0] - 0.5 - 0.6 * length) < 1e-12)
      #expect(abs(point[1] - 0.5 - 0.8 * length) < 1e-12)
    }
  }

  /// `f = 3 x₁ + 4 x₂ − bias` against class 0.
  private static func line(_ bias: Double) -> Classifier {
    Classifier { images in
      let x = try images.flattened(from: 1)
      let score =
        try x.narrowed(1, start: 0, length: 1) * 3.0
        + x.narrowed(1, start: 1, length: 1) * 4.0 - bias
      return try Tensor.concatenated([score * 0.0, score], axis: 1)
    }
  }

  @Test("a black image is far from its farthest corner: DDN reaches the plane")
  func blackImage() throws {
    let images = try Tensor([0, 0] as [Double], shape: [1, 1, 1, 2])
    let report = try DecoupledDirectionNorm(steps: 100).run(
      Self.line(2), images: images, criterion: .misclassified([0]), settings: Self.settings()
    ).report
    #expect(report.success == [true] && abs((report.nearest?[0] ?? 0) - 0.4) < 0.01)
  }

  @Test("DeepFool takes the steps that it is told: one reaches a plane")
  func deepFoolSteps() throws {
    let images = try Tensor([0.5, 0.5] as [Double], shape: [1, 1, 1, 2])
    let report = try DeepFool(steps: 1).run(
      Self.line(3.9), images: images, criterion: .misclassified([0]), settings: Self.settings()
    ).report
    #expect(report.success == [true] && abs((report.nearest?[0] ?? 0) - 0.08) < 0.01)
  }

  @Test("transfer: the search asks the sources, the verdict the attacked classifier")
  func transfer() throws {
    let model = ToyModel(kind: .gelu, shape: [3, 3, 2], classes: 5)
    let other = ToyModel(kind: .relu, shape: [3, 3, 2], classes: 5, seed: 4)
    let (images, labels) = try model.samples(6)
    let (attacked, source) = (Spy(model.classifier()), Spy(other.classifier()))
    var settings = Self.settings()
    settings.search.sources = [source.see]
    let result = try DecoupledDirectionNorm(steps: 10).run(
      attacked.see, images: images, criterion: .misclassified(labels), settings: settings)
    // Clean images, those that seem wrong again alone, and the verdicts.
    #expect(attacked.batches.allSatisfy { $0.shape[0] == 1 || $0.shape[0] == 6 })
    #expect(source.batches.count == 11 && source.images == 11 * 5)
    let tops = try model.classifier()(result.images).argmax(axis: 1).integers()
    #expect(result.report.success == zip(tops, labels).map { Int($0) != $1 })
  }

  @Test("B29: a result that fails alone, by the last bits, is moved outward until it does not")
  func pushedOutward() throws {
    let images = try Tensor([0.5, 0.5, 0.4, 0.6] as [Double], shape: [2, 1, 1, 2])
    // f = 3 x₁ + 4 x₂ − 3.7 against class 0; alone it is a little less than in a batch.
    let linear = Classifier { images in
      let x = try images.flattened(from: 1)
      let shift = images.shape[0] == 1 ? 4e-6 : 0
      let score =
        try 3.9 + shift - x.narrowed(1, start: 0, length: 1) * 3.0
        - x.narrowed(1, start: 1, length: 1) * 4.0
      return try Tensor.concatenated([score, score * 0.0], axis: 1)
    }
    let report = try DeepFool(overshoot: 0, stabiliser: 0).run(
      linear, images: images, criterion: .misclassified([0, 0]), settings: Self.settings()
    ).report
    #expect(report.success == [true, true])
    for (found, gap) in zip(report.nearest ?? [], [0.4, 0.3]) {
      #expect(found >= gap / 5 && found <= gap / 5 * (1 + 1.1e-3), "\(found)")
    }
    var settings = Self.settings()
    settings.threat.budget = try Budget(.l2, 0.0800001)
    settings.threat.isWithinBudgetOnly = true
    let limited = try DeepFool(overshoot: 0, stabiliser: 0).run(
      linear, images: images, criterion: .misclassified([0, 0]), settings: settings
    ).report
    // The first one would have to leave the budget.
    #expect(limited.success == [false, true])
  }

  @Test("eight-bit levels: the model sees them, and the result lies on them")
  func lattice() throws {
    let model = ToyModel(kind: .gelu, shape: [3, 3, 2], classes: 5)
    let (images, _) = try model.samples(6)
    let rounded = try (images * 255.0).round() / 255.0
    let labels = try model.classifier()(rounded).argmax(axis: 1).integers().map { Int($0) }
    for attack in [DeepFool(), DecoupledDirectionNorm()] as [any MinimumNormAttack] {
      var settings = Self.settings()
      settings.threat.isOnEightBitLevels = true
      let spy = Spy(model.classifier())
      let result = try attack.run(
        spy.see, images: rounded, criterion: .misclassified(labels), settings: settings)
      for batch in spy.batches + [result.images] {
        #expect(try batch.floats().allSatisfy { Float(($0 * 255).rounded()) / 255 == $0 })
      }
      #expect(result.report.success.filter { $0 }.count >= 5)
    }
  }

  @Test("refusals")
  func refusals() throws {
    let model = ToyModel(kind: .linear, shape: [3, 2, 2], classes: 3)
    let (images, labels) = try model.samples(2)
    func text(_ attack: any MinimumNormAttack, _ norm: Norm = .l2) -> String {
      message {
        var settings = Self.settings()
        settings.threat.budget = .unlimited(norm)
        _ = try attack.run(
          model.classifier(), images: images, criterion: .misclassified(labels), settings: settings)
      }
    }
    #expect(text(CarliniWagner(), .linf) == "cw has no form for norm = \"linf\" (it takes \"l2\")")
    #expect(text(CarliniWagner(searchSteps: 0)) == "search_steps is 0, at least 1 is needed")
    #expect(text(CarliniWagner(steps: 0)) == "steps is 0, at least 1 is needed")
    #expect(text(CarliniWagner(learningRate: 0)) == "lr is 0, a number above 0 is needed")
    #expect(text(CarliniWagner(initialConstant: -1)) == "c is -1, a number above 0 is needed")
    #expect(text(CarliniWagner(confidence: .nan)) == "kappa is nan, at least 0 is needed")
    #expect(
      text(DecoupledDirectionNorm(initialNorm: 0))
        == "init_norm is 0, a number above 0 is needed")
    #expect(text(DecoupledDirectionNorm(gamma: 1)) == "gamma is 1, outside 0 … 1 (exclusive)")
  }
}
