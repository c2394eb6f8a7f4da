internal import AttackPlans
internal import Attacks
internal import ClipModels
internal import Diagnostics
internal import Files

// Text attacks of an evaluation: once a prompt, before the first batch.

extension EvaluationRun {
  /// Attacks the prompts of all rows, or takes what the record holds of them.
  func attackTexts() throws {
    guard let zeroShot = subject.zeroShot, let reprompted = subject.reprompted else { return }
    for row in plan.rows {
      guard var attack = row.text, texts[row.textKey] == nil else { continue }
      attack.name = row.textKey
      let json = try once(known.texts[attack.name], line: { [.init("text_attack", $0)] }) {
        try perturbed(attack, zeroShot).json
      }
      guard let text = TextAttackRecord(json) else {
        throw KilpiError("a text attack of the first process cannot be read")
      }
      texts[attack.name] = (text, try reprompted(text.prompts.map(\.adversarial)))
      textOrder.append(attack.name)
    }
    for index in rows.indices where rows[index].kind == .text {
      rows[index].seconds = texts[rows[index].attack]?.record.seconds ?? 0
    }
    for index in rows.indices {
      guard let text = texts[plan.rows[index].textKey]?.record else { continue }
      rows[index].textAttack = text.name
      if let flag = text.limits.flag { rows[index].flags.append((flag, 1)) }
    }
  }

  private func perturbed(
    _ attack: TextAttackSpecification, _ zeroShot: ZeroShotClassifier
  ) throws -> TextAttackRecord {
    let begin = ContinuousClock.now
    let report = try named("text/" + attack.name) {
      try attack.perturb(
        zeroShot, progress: EvaluationMeter.own("text/" + attack.name, evaluation.progress))
    }
    let prompts = zeroShot.prompts
    guard report.texts.count == prompts.count else {
      throw KilpiError(
        "text/\(attack.name): the attack gave \(report.texts.count) prompts for "
          + "\(prompts.count)")
    }
    let hasEdits = report.results.contains { !$0.edits.isEmpty }
    return TextAttackRecord(
      name: attack.name, record: attack.record,
      prompts: report.results.map { result in
        .init(
          original: result.original, adversarial: result.adversarial,
          edits: result.edits.map { $0.old + " → " + $0.new }, levenshtein: result.levenshtein,
          cosine: result.cosine,
          stopped: [TextFlag.maxQueries, .maxSeconds].first { result.flags.contains($0) }?.rawValue)
      },
      changedShare: report.changedShare, synonymShare: hasEdits ? report.synonymShare : nil,
      classShare: hasEdits ? report.classShare : nil, encoded: report.queries.encoded,
      seconds: begin.seconds)
  }
}
