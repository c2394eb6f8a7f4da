internal import Tensors

extension AttackRun {
  /// Signs of masked gradients, once the samples are judged: what the attack's own numbers say, and
  /// what a few more passes over the first samples tell.
  func lookForMaskedGradients(_ moved: Tensor, _ report: inout AttackReport) throws {
    guard settings.reporting.probes, report.isJudged, !report.success.isEmpty, let objective else {
      return
    }
    let count = min(ModelProbes.limit, settings.reporting.probedSamples, images.shape[0])
    let takesGradients = ledger.backwards.contains { $0 > 0 }
    if count > 0 {
      let part = try images.narrowed(0, start: 0, length: count)
      var probes = modelProbes(objective)
      if settings.threat.mask != nil {
        // Probes change no other pixels than the attack.
        let ball = try ball(part, .unlimited(.linf), Array(0..<count))
        probes.hold = { try ball.rows(Array(0..<$0.shape[0])).held($0) }
      }
      report.flags += try probes.outputFlags(part)
      if objective.goal != nil { report.flags += try probes.inputFlags(part) }
      if takesGradients, let flag = try singleStep(objective, count, report) {
        report.flags.append(flag)
      }
    }
    if let flag = AttackFlag.zeroGradient(ledger.firstSizes, isBroken: report.success) {
      report.flags.append(flag)
    }
    if let flag = try flatLoss(moved, report) { report.flags.append(flag) }
  }

  /// Probes of the attacked classifier, counted.
  private func modelProbes(_ objective: ClassifierObjective) -> ModelProbes {
    ModelProbes(
      logits: { [ledger] images in
        ledger.count(probes: images.shape[0])
        return try Tensor.withoutGradients { try objective.logits(images) }
      },
      loss: { [ledger] images, isWanted in
        let rows = Array(0..<images.shape[0])
        ledger.count(forwards: rows)
        return try ModelProbes.differentiated(images, isWanted) { images, pass in
          try objective.loss(objective.logits(images, pass), rows)
        } counted: {
          ledger.count(backwards: rows)
        }
      })
  }

  /// One step of the whole budget from some of the clean images, beside what the attack achieved.
  private func singleStep(
    _ objective: ClassifierObjective, _ limit: Int, _ report: AttackReport
  ) throws -> AttackFlag? {
    guard case .within(let attack) = plan, attack.followsGradient, attack.plannedVisits > 1,
      settings.search.sources.isEmpty, settings.threat.budget.epsilon > 0, objective.goal != nil
    else { return nil }
    let rows = Array(
      report.cleanCorrect.indices.filter { report.cleanCorrect[$0] }.prefix(min(32, limit)))
    guard !rows.isEmpty else { return nil }
    let clean = try images.rows(rows)
    ledger.count(forwards: rows)
    let gradient = try PixelLeaf.at(clean) { leaf in
      try leaf.gradient(of: objective.loss(objective.logits(leaf.images, .step), rows))
    }
    guard let gradient else { return nil }
    ledger.count(backwards: rows)
    let point = try ball(clean, settings.threat.budget, rows)
      .stepped(clean, along: gradient, by: settings.threat.budget.epsilon)
    ledger.count(forwards: rows)
    let logits = try Tensor.withoutGradients { try objective.logits(point) }
    guard let verdicts = try judge.verdicts(logits, rows) else { return nil }
    let single = zip(verdicts.predictions, rows).filter { judge.isMet($0, row: $1) }.count
    return AttackFlag.singleBeatsIterative(
      single: single, iterative: rows.filter { report.success[$0] }.count, of: rows.count)
  }

  // MARK: A loss that does not grow

  /// How much of the room that its pixels had, in L∞, an image has used, in `0 ... 1`.
  ///
  /// Black and white pixels have room on one side only. Where a pixel stayed nobody knows to which side it
  /// was to move: the mean of both rooms counts. On drawings in black and white half of the pixels stay
  /// under any attack, which so comes to two thirds.
  private func usedRoom(_ moved: Tensor, _ row: Int) throws -> Double {
    let epsilon = settings.threat.budget.epsilon
    let image = try images.narrowed(0, start: row, length: 1).contiguous()
    let clean = try image.doubles()
    let now = try moved.narrowed(0, start: row, length: 1).contiguous().doubles()
    let flags = try ball(image, settings.threat.budget, [row]).mask?.integers()
    var (way, room) = (0.0, 0.0)
    for (index, (old, new)) in zip(clean, now).enumerated() where flags?[index] != 0 {
      let (up, down) = (min(epsilon, 1 - old), min(epsilon, old))
      way += abs(new - old)
      room += new == old ? (up + down) / 2 : new > old ? up : down
    }
    return room > 0 ? way / room : 0
  }

  private func flatLoss(_ moved: Tensor, _ report: AttackReport) throws -> AttackFlag? {
    let (halfLosses, fullLosses) = (ledger.halfLosses, ledger.fullLosses)
    guard !halfLosses.isEmpty, settings.threat.budget.epsilon > 0 else { return nil }
    let survivors = report.success.indices.filter {
      !report.success[$0] && halfLosses[$0].isFinite && fullLosses[$0].isFinite
    }
    guard !survivors.isEmpty else { return nil }
    let (half, full) = (survivors.map { halfLosses[$0] }, survivors.map { fullLosses[$0] })
    guard AttackFlag.lossFlat(half: half, full: full, used: 0) != nil else { return nil }
    let (norm, epsilon) = (settings.threat.budget.norm, settings.threat.budget.epsilon)
    let used = try survivors.map { row in
      norm == .linf ? try usedRoom(moved, row) : report.distance[norm][row] / epsilon
    }
    let first = ledger.firstSizes.compactMap { $0 }.sorted()
    let median = first.isEmpty ? 0 : first[first.count / 2]
    return AttackFlag.lossFlat(
      half: half, full: full,
      used: used.reduce(0, +) / Double(used.count),
      vanished: survivors.count { row in ledger.lastSizes[row].map { $0 <= 1e-12 * median } ?? false
      })
  }
}
