import Attacks
import Diagnostics
import Tensors
import Testing

/// AutoAttack: its stages, its name, and that a sample is broken when any of them breaks it.
@Suite struct EnsembleTests {
  static func model(_ classes: Int) -> ToyModel {
    ToyModel(kind: .gelu, shape: [3, 3, 2], classes: classes)
  }

  static func run(
    _ attack: AutoAttack, classes: Int, _ epsilon: Double = 1e-4, norm: Norm = .linf,
    samples: Int = 4, probes: Bool = false, draws: Int = 1, _ classifier: Spy? = nil
  ) throws -> AttackResult {
    let model = model(classes)
    let (images, labels) = try model.samples(samples)
    var settings = AttackSettings(budget: try Budget(norm, epsilon), seed: 3)
    settings.reporting.probes = probes
    settings.search.draws = draws
    return try attack.run(
      classifier?.see ?? model.classifier(), images: images, criterion: .misclassified(labels),
      settings: settings)
  }

  static let stages: [(version: AutoAttack.Version, classes: Int, name: String, stages: [String])] =
    [
      (.standard, 12, "AA/standard", ["apgd-ce", "apgd-t", "fab-t", "square"]),
      (.standard, 4, "AA/standard", ["apgd-ce", "apgd-t", "fab-t", "square"]),
      (.standard, 3, "AA/standard-C3", ["apgd-ce", "fab-t", "square"]),
      (.standard, 2, "AA/standard-C2", ["apgd-ce", "fab-t", "square"]),
      (.plus, 5, "AA/plus", ["apgd-ce", "apgd-dlr", "fab", "square", "apgd-t", "fab-t"]),
      (.plus, 2, "AA/plus-C2", ["apgd-ce", "fab", "square", "fab-t"]),
      (.rand, 3, "AA/rand", ["apgd-ce", "apgd-dlr"]),
      (.ceDLR, 3, "AA/ce+dlr", ["apgd-ce", "apgd-dlr"]),
      (.ceDLR, 2, "AA/ce+dlr-C2", ["apgd-ce"]),
      (.ceT, 4, "AA/ce+t", ["apgd-ce", "apgd-t"]),
      (.ceT, 2, "AA/ce+t-C2", ["apgd-ce"]),
    ]

  @Test("the subset is in the name, and few classes leave stages out", arguments: stages)
  func names(
    _ row: (version: AutoAttack.Version, classes: Int, name: String, stages: [String])
  ) throws {
    let attack = AutoAttack(row.version, steps: 3, queries: 10)
    let report = try Self.run(attack, classes: row.classes).report
    #expect(report.attack == row.name && attack.name(classes: row.classes) == row.name)
    #expect(report.stages.map(\.name) == row.stages)
    #expect(report.stages.allSatisfy { $0.attacked == 3 && $0.broken == 0 })
    // Sample 3 is wrong when clean: broken, and no stage's success.
    #expect(report.success == [false, false, false, true])
  }

  @Test(
    "I8, I10: broken is what any stage breaks; the stages' counts add up", arguments: Norm.allCases)
  func union(_ norm: Norm) throws {
    let sizes: [Norm: Double] = [.linf: 0.05, .l2: 0.15, .l1: 0.35]
    let epsilon = sizes[norm] ?? 0
    let (model, count) = (Self.model(5), 16)
    let (images, labels) = try model.samples(count)
    let spy = Spy(model.classifier())
    let whole = try Self.run(
      AutoAttack(steps: 8, queries: 40), classes: 5, epsilon, norm: norm, samples: count, spy)
    let report = whole.report
    #expect(report.forwards.reduce(0, +) == spy.images)
    var settings = AttackSettings(budget: try Budget(norm, epsilon), seed: 3)
    settings.reporting.probes = false
    settings.search.stopsEarly = true
    if norm == .l1 { settings.search.restarts = 5 }
    let first = try AutoProjectedGradientDescent(steps: 8, beginsWide: norm == .l1).run(
      model.classifier(), images: images, criterion: .misclassified(labels), settings: settings
    ).report
    for index in labels.indices where first.success[index] { #expect(report.success[index]) }
    #expect(
      report.stages[0].broken == zip(first.success, first.cleanCorrect).filter { $0 && $1 }.count)
    for (a, b) in zip(report.stages, report.stages.dropFirst()) {
      #expect(b.attacked == a.attacked - a.broken)
    }
    let broken = report.stages.reduce(0) { $0 + $1.broken }
    let clean = report.cleanCorrect.filter { $0 }.count
    #expect(abs((report.robustAccuracy ?? .nan) - Double(clean - broken) / Double(count)) < 1e-12)
    #expect(broken > 2 && broken < clean)
    #expect(report.distance[norm].allSatisfy { $0 <= epsilon })
    let tops = try model.classifier()(whole.images).argmax(axis: 1).integers()
    #expect(report.success == zip(tops, labels).map { Int($0) != $1 })
  }

  @Test("I11: a sample alone gives the same bits")
  func independence() throws {
    let model = Self.model(5)
    let (images, labels) = try model.samples(6)
    var settings = AttackSettings(budget: try Budget(.linf, 0.05), seed: 3)
    settings.reporting.probes = false
    let attack = AutoAttack(steps: 6, queries: 20)
    let whole = try bits(
      attack.run(
        model.classifier(), images: images, criterion: .misclassified(labels), settings: settings
      ).images)
    for index in labels.indices {
      settings.search.sampleIDs = [UInt64(index + 1)]
      let alone = try attack.run(
        model.classifier(), images: images.narrowed(0, start: index, length: 1),
        criterion: .misclassified([labels[index]]), settings: settings)
      #expect(try bits(alone.images) == Array(whole[index * 18..<(index + 1) * 18]))
    }
  }

  /// Gradients of two steps that a sample costs which nothing breaks: walks x steps x draws.
  static let gradients: [(version: AutoAttack.Version, norm: Norm, classes: Int, count: Int)] = [
    (.rand, .linf, 3, 2 * 2 * 20), (.rand, .l1, 3, 2 * 2 * 20),
    (.ceDLR, .linf, 3, 2 * 2), (.ceDLR, .l1, 3, 2 * 2),
    (.ceT, .linf, 12, (1 + 9) * 2), (.ceT, .l1, 12, (1 + 9) * 2),
  ]

  @Test("rand averages over 20 passes, or as many more as are asked for", arguments: [1, 20, 30])
  func draws(_ asked: Int) throws {
    let report = try Self.run(AutoAttack(.rand, steps: 2), classes: 3, draws: asked).report
    #expect(report.backwards[0] == 2 * 2 * max(asked, 20))
  }

  @Test(
    "rand averages over 20 passes; one restart in every norm but in standard's L1",
    arguments: gradients)
  func averages(
    _ row: (version: AutoAttack.Version, norm: Norm, classes: Int, count: Int)
  ) throws {
    let report = try Self.run(
      AutoAttack(row.version, steps: 2), classes: row.classes, norm: row.norm
    ).report
    #expect(report.backwards[0] == row.count)
  }

  @Test("L1: standard walks through wider balls, the other versions do not")
  func wideBalls() throws {
    let (images, _) = try Self.model(5).samples(4)
    for (version, widest) in [
      (AutoAttack.Version.ceDLR, 1.0), (.ceT, 1), (.rand, 1), (.standard, 3),
    ] {
      let spy = Spy(Self.model(5).classifier())
      let attack = AutoAttack(version, steps: 10, queries: 2)
      _ = try Self.run(attack, classes: 5, 0.3, norm: .l1, spy)
      // The last sample is wrong when clean, and not walked; the first walk begins on the surface.
      let start = try #require(spy.batches.first { $0.shape[0] == 3 })
      let own = try images.narrowed(0, start: 0, length: 3)
      for distance in try Distances(from: own, to: start).l1 {
        #expect(abs(distance / 0.3 - widest) < 0.01, "\(version)")
      }
    }
  }

  @Test("a gradient that only the loss of a later stage loses is told")
  func laterStages() throws {
    // The three strongest logits stand still: cross-entropy sees the fourth, DLR does not.
    let classifier = Classifier { images in
      let mean = try images.mean(axes: [1, 2, 3]).unsqueezed(1)
      let still = try mean * 0.0
      return try Tensor.concatenated([still + 3.0, still + 2.0, still + 1.0, mean - 1.0], axis: 1)
    }
    let (images, _) = try Self.model(4).samples(8)
    let labels = [Int](repeating: 0, count: 8)
    func flags(_ version: AutoAttack.Version, probes: Bool) throws -> [AttackFlag] {
      var settings = AttackSettings(budget: try Budget(.linf, 0.05), seed: 3)
      settings.reporting.probes = probes
      return try AutoAttack(version, steps: 8, queries: 8).run(
        classifier, images: images, criterion: .misclassified(labels), settings: settings
      ).report.flags.filter { $0.kind == .zeroGradient }
    }
    let found = try flags(.ceDLR, probes: true)
    #expect(
      found == [
        AttackFlag(
          .zeroGradient, "apgd-dlr: 8 of 8 unbroken samples have no input gradient")
      ])
    #expect(try flags(.ceDLR, probes: false) == [])
    #expect(try flags(.ceT, probes: true) == [])
  }

  @Test(
    "no stage tells of vanished gradients or flat losses on ordinary models",
    arguments: FlagTests.ordinary.prefix(2))
  func silent(_ model: ToyModel) throws {
    let (images, labels) = try model.samples(16)
    for (norm, epsilon) in [(Norm.linf, 0.02), (.l2, 0.1), (.l1, 0.3)] {
      let report = try AutoAttack(.plus, steps: 12, queries: 60).run(
        model.classifier(), images: images, criterion: .misclassified(labels),
        settings: AttackSettings(budget: Budget(norm, epsilon), seed: 1)
      ).report
      #expect(
        report.flags.filter { [.zeroGradient, .lossFlat].contains($0.kind) } == [], "\(norm)")
    }
  }

  @Test("flags: Square beats rounded inputs' gradients; few classes; nothing on an ordinary model")
  func flags() throws {
    let model = Self.model(4)
    func kinds(_ classifier: Classifier) throws -> Set<AttackFlag.Kind> {
      let flags = try Self.run(
        AutoAttack(steps: 6, queries: 120), classes: 4, 0.1, samples: 12, probes: true,
        Spy(classifier)
      ).report.flags
      return Set(flags.map(\.kind))
    }
    let plain = try kinds(model.classifier())
    #expect(!plain.contains(.blackboxBeatsWhitebox) && plain.contains(.fewClasses))
    let masked = try kinds(
      Classifier { images in
        try model.classifier()((images * 8.0).floor() / 8.0 + images * 0.0)
      })
    #expect(masked.contains(.blackboxBeatsWhitebox) && masked.contains(.zeroGradient))
  }

  @Test("refusals")
  func refusals() throws {
    let (images, labels) = try Self.model(4).samples(2)
    let classifier = Self.model(4).classifier()
    #expect(
      message {
        _ = try AutoAttack().run(
          classifier, images: images, criterion: .targeted(.leastLikely, labels: labels),
          settings: AttackSettings())
      } == "AA/standard has no targeted form (use attack.apgd)")
    var settings = AttackSettings()
    settings.search.sources = [classifier]
    #expect(
      message {
        _ = try AutoAttack(.ceT).run(
          classifier, images: images, criterion: .misclassified(labels), settings: settings)
      } == "AA/ce+t has no transfer form (use attack.apgd)")
  }
}
