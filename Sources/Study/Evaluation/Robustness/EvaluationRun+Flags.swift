internal import AttackPlans
internal import Attacks
internal import Datasets
internal import Diagnostics
internal import Tensors

// Signs of masked gradients that no single attack can see.

extension EvaluationRun {
  /// Attacks of an evaluation's own on up to 64 of its samples: what gradients find must beat what is
  /// found without them.
  ///
  /// Nothing is probed without an image attack in L∞ or L2, whose budget is taken.
  func probedFlags() throws -> (flags: [AttackFlag], note: String?) {
    let attack = plan.rows.first {
      $0.kind == .image && [.linf, .l2].contains($0.image?.settings.threat.budget.norm)
        && ($0.image?.settings.threat.budget.epsilon ?? 0) > 0
    }
    guard evaluation.probesGradients, let budget = attack?.image?.settings.threat.budget else {
      return ([], nil)
    }
    if let probed = known.probed { return probed }
    // A quarter of the samples, so that probes of a small evaluation stay smaller than itself.
    let count = min(64, max(min(8, data.count), data.count / 4))
    let batch = try data.batch((0..<count).map { $0 * data.count / count })
    guard let labels = try batch.labels?.integers().map({ Int($0) }) else { return ([], nil) }
    var probes = SearchProbes(seed: evaluation.seed ?? 0)
    probes.firstIndex = 1
    probes.progress = state.meter.handler("probes", evaluation.progress)
    var (flags, note): ([AttackFlag], String?) = ([], nil)
    do {
      flags = try probes.flags(
        subject.classifier, images: placed(batch.images), labels: labels, budget: budget)
    } catch let error as KilpiError where error.kind == .host {
      // A model without gradients can be evaluated without them all the same.
      note = "the probes for masked gradients could not run: \(error.problem)"
    }
    try state.record?.append(FinishedUnits.line(probes: flags, note: note))
    return (flags, note)
  }

  /// `blackbox_beats_whitebox`: attacks without gradients, or with those of other models, that broke
  /// what earlier attacks with gradients had left.
  ///
  /// Only attacks that were allowed at least as much count: a larger budget beats a smaller one rightly.
  func flagBlackBoxes() {
    func broken(_ index: Int) -> Set<Int> {
      Set(
        rows[index].samples.indices.filter {
          let sample = rows[index].samples[$0]
          return !sample.isCorrect && sample.isCleanCorrect && !sample.isLeftOut
        })
    }
    func isBlackBox(_ image: ImageAttackSpecification) -> Bool {
      !image.settings.search.sources.isEmpty || !image.attack.usesGradients
    }
    for (index, row) in plan.rows.enumerated() where row.kind == .image {
      guard let image = row.image, isBlackBox(image), image.targets == nil else { continue }
      let before = plan.rows.indices[..<index].filter { other in
        guard let earlier = plan.rows[other].image, plan.rows[other].kind == .image else {
          return false
        }
        return image.threat.isNested(in: earlier.threat) && earlier.targets == nil
      }
      guard before.contains(where: { plan.rows[$0].image.map { !isBlackBox($0) } ?? false }) else {
        continue
      }
      let found = before.reduce(broken(index)) { $0.subtracting(broken($1)) }
      if let flag = AttackFlag.blackboxBeatsWhitebox(
        survivorsBroken: found.count, of: rows[index].samples.count)
      {
        rows[index].flags.append((flag, 1))
      }
    }
  }
}
