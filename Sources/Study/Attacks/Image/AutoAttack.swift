internal import Diagnostics
package import Tensors

/// AutoAttack: several attacks in order, each on the samples that those before did not break.
///
/// | version | stages |
/// |---|---|
/// | `standard` | APGD-CE, APGD-T, FAB-T, Square |
/// | `plus` | APGD-CE (5 restarts), APGD-DLR (5), FAB (5), Square, APGD-T, FAB-T |
/// | `rand` | APGD-CE and APGD-DLR with gradients averaged over 20 passes |
/// | `ce+dlr` | APGD-CE, APGD-DLR |
/// | `ce+t` | APGD-CE, APGD-T |
///
/// APGD and FAB take 100 steps, Square 5,000 queries, targeted stages the nine strongest classes, or all
/// others where there are fewer. In L1 APGD of `standard` begins in wider balls, its APGD-CE has five
/// restarts, and its APGD-T takes five classes, as in the released code; the other versions are in L1
/// what they are elsewhere. DLR needs three classes and its targeted form four: with fewer, these stages
/// fall away, and the name says so (`AA/standard-C2`).
///
/// The version is part of the name, since published numbers mean different ones. Stages choose their
/// losses, restarts and which point is kept. All of them are watched for gradients that vanish, those whose
/// losses compare for losses that do not grow (not walks towards several classes, nor through wider balls);
/// the passes that other flags cost are spent once, in the first stage.
///
/// Papers: Croce and Hein, arXiv:2003.01690; L1: arXiv:2103.01208.
package struct AutoAttack: ImageAttack {
  /// Which stages there are.
  package enum Version: String, Sendable, CaseIterable {
    /// The usual one.
    case standard
    /// More restarts.
    case plus
    /// For stochastic models.
    case rand
    /// What TeCoA and TGA-ZSR call AutoAttack.
    case ceDLR = "ce+dlr"
    /// What FARE calls AutoAttack.
    case ceT = "ce+t"
  }

  /// Which stages there are.
  package var version: Version
  /// Steps of APGD and FAB.
  package var steps: Int
  /// Queries of Square.
  package var queries: Int

  /// Creates the attack; other steps or queries than these make it another attack than the published.
  package init(_ version: Version = .standard, steps: Int = 100, queries: Int = 5000) {
    self.version = version
    self.steps = steps
    self.queries = queries
  }

  package var name: String { "AA/" + version.rawValue }
  package var method: String { "autoattack" }
  /// True: each stage has its own.
  package var choosesRestarts: Bool { true }
  /// Its stages have their own losses, restarts, starts and ways to keep points.
  package var unused: Set<SharedSetting> {
    [.loss, .restarts, .keep, .targets, .sources, .trace, .start]
  }
  /// The version; steps and queries are part of what it names.
  package static var parameters: [Parameter<Self>] {
    [
      Parameter("version", \.version, "which stages"),
      Parameter.steps(\.steps).unlisted(usual: .integer(100)),
      Parameter("queries", \.queries, 1...100_000_000, "queries of Square")
        .unlisted(usual: .integer(5000)),
    ]
  }

  /// The name where the number of classes is known: it ends in `-C2` or `-C3` where stages fall away.
  package func name(classes: Int) -> String {
    let whole = stages(.linf, classes: 10).count
    return stages(.linf, classes: classes).count == whole ? name : "\(name)-C\(classes)"
  }

  /// The sum of all stages, as if none broke a sample, for ten classes.
  package func plannedCost(_ settings: AttackSettings) -> AttackCost {
    stages(settings.threat.budget.norm, classes: 10).reduce(AttackCost(forwards: 1, backwards: 0)) {
      $0 + $1.attack.plannedCost(changed(settings, for: $1))
    }
  }

  // MARK: Stages

  /// One attack of the ensemble.
  struct Stage {
    var name: String
    var attack: any ImageAttack
    var restarts = 1
    var loss = AttackLoss.crossEntropy
    var needsClasses = 2
  }

  /// The stages for a number of classes.
  func stages(_ norm: Norm, classes: Int) -> [Stage] {
    let isSparse = self.isSparse(norm)
    let others = max(1, classes - 1)
    func gradient(_ name: String, _ loss: AttackLoss, restarts: Int, needs: Int) -> Stage {
      Stage(
        name: name, attack: AutoProjectedGradientDescent(steps: steps, beginsWide: isSparse),
        restarts: restarts, loss: loss, needsClasses: needs)
    }
    func entropy(_ restarts: Int) -> Stage {
      gradient("apgd-ce", .crossEntropy, restarts: restarts, needs: 2)
    }
    func ratio(_ restarts: Int) -> Stage {
      gradient("apgd-dlr", .dlr, restarts: restarts, needs: 3)
    }
    let targeted = Stage(
      name: "apgd-t",
      attack: AutoProjectedGradientDescent(
        steps: steps, aimsAtClasses: true, classes: min(isSparse ? 5 : 9, others),
        beginsWide: isSparse), loss: .targetedDLR, needsClasses: 4)
    let boundary = Stage(
      name: "fab-t", attack: FastAdaptiveBoundary(steps: steps, classes: min(9, others)))
    let square = Stage(name: "square", attack: SquareAttack(queries: queries))
    let usual = isSparse ? 5 : 1
    let all: [Stage]
    switch version {
    case .standard: all = [entropy(usual), targeted, boundary, square]
    case .plus:
      let free = Stage(
        name: "fab", attack: FastAdaptiveBoundary(steps: steps, classes: 0), restarts: 5)
      all = [entropy(5), ratio(5), free, square, targeted, boundary]
    case .rand, .ceDLR: all = [entropy(usual), ratio(usual)]
    case .ceT: all = [entropy(usual), targeted]
    }
    return all.filter { $0.needsClasses <= classes }
  }

  /// The published L1 attack: other versions have no L1 form of their own.
  private func isSparse(_ norm: Norm) -> Bool { norm == .l1 && version == .standard }

  private func changed(_ settings: AttackSettings, for stage: Stage) -> AttackSettings {
    var settings = settings
    settings.search.restarts = stage.restarts
    settings.search.loss = stage.loss
    settings.search.keep = nil
    settings.search.stopsEarly = true
    settings.threat.isWithinBudgetOnly = true
    settings.reporting.recordsTrace = false
    settings.search.startPoints = nil
    settings.reporting.judging = .alone
    if version == .rand { settings.search.draws = max(settings.search.draws, 20) }
    return settings
  }

  // MARK: The run

  package func run(
    _ classifier: Classifier, images: Tensor, criterion: Criterion,
    settings: AttackSettings
  ) throws -> AttackResult {
    guard !criterion.isTargeted else {
      throw KilpiError("\(name) has no targeted form", advice: "use attack.apgd")
    }
    guard settings.search.sources.isEmpty else {
      throw KilpiError("\(name) has no transfer form", advice: "use attack.apgd")
    }
    // A copy: a classifier of the caller's may write into the tensor between the stages.
    let images = try images.detached().cloned()
    let classes = try Self.classes(classifier, images)
    let stages = stages(settings.threat.budget.norm, classes: classes ?? 2)
    guard let first = stages.first else {
      throw KilpiError(
        "\(name) has no stage for \(classes ?? 0) classes", advice: "there must be 2 at least")
    }
    var result = try run(first, 0, classifier, images, criterion.labels, settings)
    let start = result.report.cleanCorrect.filter { $0 }.count
    result.report.stages = [
      AttackStage(name: first.name, attacked: start, broken: Self.broken(result.report))
    ]
    for (index, stage) in stages.enumerated().dropFirst() {
      let rows = criterion.labels.indices.filter { !result.report.success[$0] }
      if rows.isEmpty { break }
      let part = try run(
        stage, index, classifier, images.rows(rows), rows.map { criterion.labels[$0] },
        settings.rows(rows, of: criterion.labels.count))
      result = try merged(result, part, rows, stage.name)
      let broken = Self.broken(part.report)
      result.report.stages.append(
        AttackStage(name: stage.name, attacked: rows.count, broken: broken))
      if !stage.attack.usesGradients, settings.reporting.probes,
        let flag = AttackFlag.blackboxBeatsWhitebox(
          survivorsBroken: broken, of: criterion.labels.count)
      {
        result.report.flags.append(flag)
      }
    }
    result.report.attack = classes.map(name(classes:)) ?? name
    result.report.seed = settings.search.seed
    if let classes {
      result.report.forwards[0] += 1  // the pass that told the number of classes
      let isTargeted = stages.contains { $0.name.hasSuffix("-t") } || classes < 4
      let targets = isSparse(settings.threat.budget.norm) ? 5 : 9
      if settings.reporting.probes, isTargeted, version != .rand, version != .ceDLR,
        let flag = AttackFlag.fewClasses(classes, targets: targets)
      {
        result.report.flags.append(flag)
      }
    }
    return result
  }

  private static func broken(_ report: AttackReport) -> Int {
    zip(report.success, report.cleanCorrect).filter { $0 && $1 }.count
  }

  /// One stage on some of the samples.
  private func run(
    _ stage: Stage, _ index: Int, _ classifier: Classifier, _ images: Tensor,
    _ labels: [Int], _ settings: AttackSettings
  ) throws -> AttackResult {
    var changed = changed(settings, for: stage)
    changed.search.seed = settings.search.seed &+ UInt64(index)
    // Later stages tell what their own gradients and losses show, without a pass more.
    if index > 0 { changed.reporting.probedSamples = 0 }
    let title = "\(name) \(stage.name)"
    changed.reporting.progress = settings.reporting.progress.map { progress in
      { event in
        progress(
          ProgressEvent(
            name: title, completed: event.completed, total: event.total, note: event.note))
      }
    }
    return try stage.attack.run(
      classifier, images: images, criterion: .misclassified(labels), settings: changed)
  }

  /// What earlier stages and the last one found: its successes replace the survivors.
  private func merged(
    _ old: AttackResult, _ new: AttackResult, _ rows: [Int], _ stage: String
  ) throws -> AttackResult {
    var result = old
    result.images = try old.images.cloned()
    for (position, row) in rows.enumerated() {
      result.report.forwards[row] += new.report.forwards[position]
      result.report.backwards[row] += new.report.backwards[position]
      guard new.report.success[position] else { continue }
      try result.images.narrowed(0, start: row, length: 1)
        .assign(new.images.narrowed(0, start: position, length: 1))
      result.report.take(new.report, position, at: row)
    }
    for flag in new.report.flags
    where !result.report.flags.contains(where: { $0.kind == flag.kind }) {
      result.report.flags.append(AttackFlag(flag.kind, "\(stage): \(flag.detail)"))
    }
    result.report.seconds += new.report.seconds
    return result
  }

  /// The number of classes, from one image; nil where the first stage will say what is wrong.
  private static func classes(_ classifier: Classifier, _ images: Tensor) throws -> Int? {
    guard images.rank == 4, images.shape[0] > 0, images.dtype.isFloatingPoint else { return nil }
    try PixelCheck.range(images)
    let first = try images.narrowed(0, start: 0, length: 1).contiguous()
    let logits = try Tensor.withoutGradients { try classifier(first) }
    return logits.rank == 2 ? logits.shape[1] : nil
  }
}
