internal import AttackPlans
internal import Attacks
internal import Files

// The worst over several rows, one for each threat model.

extension EvaluationRun {
  func family(_ row: PlannedRow) -> String {
    guard let image = row.image, !image.family.isEmpty else { return "" }
    return row.name.replacing(String(image.name.dropFirst(image.family.count)), with: "")
  }

  /// The worst over rows of one threat model, for each threat model with two attacks or more within it:
  /// attacks on images within its budget or a smaller one, and those on prompts.
  func worstRows(_ scenarios: [ScenarioResult]) -> [ScenarioResult] {
    let attacks = scenarios.dropFirst()
    var groups: [ThreatModel] = []
    for row in attacks {
      if let threat = row.threat, !groups.contains(threat) { groups.append(threat) }
    }
    guard groups.count > 1 else {
      return attacks.count < 2 ? [] : [worst(scenarios, within: groups.first, name: "")]
    }
    return groups.compactMap { group in
      let members = scenarios.filter { $0.threat?.isNested(in: group) ?? true }
      return members.count < 3
        ? nil : worst(members, within: group, name: group.description)
    }
  }

  /// Each sample's worst over some rows: right only where it is right in every one of them.
  private func worst(
    _ scenarios: [ScenarioResult], within threat: ThreatModel?, name: String
  ) -> ScenarioResult {
    var row = ScenarioResult(.worst, attack: name)
    row.threat = threat
    row.members = scenarios.map(\.label)
    row.samples = scenarios[0].samples.indices.map { index in
      let sample = scenarios[0].samples[index]
      let breaking = scenarios.filter {
        !$0.samples[index].isCorrect && !$0.samples[index].isLeftOut
      }
      var record = SampleRecord(
        id: sample.id, label: sample.label, cleanPrediction: sample.cleanPrediction,
        prediction: nil, isCorrect: breaking.isEmpty)
      // A row that did not run on the sample, since an earlier one had broken it, broke nothing.
      record.flags = breaking.filter { !$0.samples[index].wasBrokenBefore }
        .map { "broken_by:" + $0.label }
      return record
    }
    row.record = .array(row.members.map { .string($0) })
    row.problems = scenarios.flatMap { row in row.problems.map { row.label + ": " + $0 } }
    return row
  }
}
