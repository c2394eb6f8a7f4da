import Attacks
import Tensors
import TestSupport
import Testing

/// R20: known-masked models raise their flags, ordinary models raise none.
@Suite struct MaskingAssuranceTests {
  @Test func masking() throws {
    let assurance = Assurance("masking")
    var outcome = Assurance.Outcome()
    for family in FlagTests.families {
      outcome.samples += 1
      outcome.add("families")
      if try FlagTests.kinds(family.make()).contains(family.flag) {
        outcome.add("families flagged")
      } else {
        outcome.violations.append("\(family.id) does not raise \(family.flag.rawValue)")
      }
    }
    // The twenty of the tests, and at full size other seeds of the same kinds of models.
    let count = assurance.amount(smoke: 3, quick: 20, full: 200)
    for index in 0..<count {
      var model = FlagTests.ordinary[index % FlagTests.ordinary.count]
      let round = UInt64(index / FlagTests.ordinary.count * assurance.parts + assurance.part)
      if round > 0 { model.seed = model.seed &+ 1000 &* (round &+ assurance.seed) }
      let alarms = try Self.alarms(model)
      outcome.samples += 1
      outcome.add("ordinary")
      if !alarms.isEmpty {
        outcome.add("false alarms")
        outcome.violations.append(
          "\(model.testDescription) of seed \(model.seed) raises \(alarms.sorted().joined(separator: ", "))"
        )
      }
    }
    outcome.controls = [
      ("flags are missed where nothing is probed", try Self.blindFlags() == 0),
      ("a masked model among the ordinary ones raises an alarm", try Self.maskedAlarms() > 0),
    ]
    try assurance.report(outcome)
    #expect(outcome.violations == [])
    #expect(outcome.controls.filter { !$0.isCaught }.map(\.id) == [])
  }

  /// Names of the flags that any attack, norm and budget raises on a model.
  private static func alarms(_ model: ToyModel) throws -> Set<String> {
    let (images, labels) = try model.samples(16)
    var found: Set<String> = []
    // Drawings in black and white: half of the pixels cannot move where the gradient points.
    let sharp = try Tensor(
      images.doubles().map { $0 < 0.5 ? 0.0 : 1.0 }, shape: images.shape
    ).converted(to: images.dtype)
    let own = try model.classifier()(sharp).argmax(axis: 1).integers().map { Int($0) }
    for epsilon in [0.004, 0.02] {
      for attack in [
        BasicIterativeMethod(steps: 30), ProjectedGradientDescent(steps: 30),
        AutoProjectedGradientDescent(steps: 30),
      ] as [any FixedBudgetAttack] {
        let report = try attack.run(
          model.classifier(), images: sharp, criterion: .misclassified(own),
          settings: AttackSettings(budget: Budget(.linf, epsilon), seed: 1)
        ).report
        found.formUnion(report.flags.map(\.kind.rawValue))
      }
    }
    for (norm, epsilon) in [(Norm.linf, 0.01), (.linf, 0.05), (.l2, 0.1)] {
      for attack in [ProjectedGradientDescent(), MomentumIterative(), FastGradientSign()]
        as [any FixedBudgetAttack]
      {
        let report = try attack.run(
          model.classifier(), images: images, criterion: .misclassified(labels),
          settings: AttackSettings(budget: Budget(norm, epsilon), seed: 1)
        ).report
        found.formUnion(report.flags.map(\.kind.rawValue))
      }
    }
    let flags = try SearchProbes(seed: 2).flags(
      model.classifier(), images: images, labels: labels, budget: Budget(.linf, 0.02))
    return found.union(flags.map(\.kind.rawValue))
  }

  /// Families that are flagged although probes are off: none may be.
  private static func blindFlags() throws -> Int {
    let (images, labels) = try FlagTests.model.samples(12)
    return try FlagTests.families.filter { family in
      var settings = AttackSettings(budget: try Budget(.linf, 0.02), seed: 1)
      settings.reporting.probes = false
      return try ProjectedGradientDescent().run(
        family.make(), images: images, criterion: .misclassified(labels), settings: settings
      ).report.flags.contains { $0.kind == family.flag }
    }.count
  }

  private static func maskedAlarms() throws -> Int {
    try FlagTests.families.filter { try !FlagTests.kinds($0.make()).isEmpty }.count
  }
}
