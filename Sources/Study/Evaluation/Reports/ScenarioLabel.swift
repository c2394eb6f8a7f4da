internal import AttackPlans
internal import Diagnostics

/// What a row of a result can be asked for by.
struct ScenarioLabel {
  /// Scenario and attack: `image/pgd@2/255`.
  let label: String
  /// Other names: the scenario, and scenario and attack without a budget.
  let others: [String]
  let threat: ThreatModel?

  init(_ label: String, kind: ScenarioKind, family: String, threat: ThreatModel?) {
    self.label = label
    others = [kind.rawValue] + (family.isEmpty ? [] : [kind.rawValue + "/" + family])
    self.threat = threat
  }

  /// The place of the row that a text stands for: its label, or one of its other names, where all rows of
  /// that name have one threat model; the first of those.
  ///
  /// - Throws: `KilpiError` that names the rows there are.
  static func place(of text: String, among rows: [ScenarioLabel]) throws -> Int {
    if let place = rows.firstIndex(where: { $0.label == text }) { return place }
    let kin = rows.indices.filter { rows[$0].others.contains(text) }
    guard let first = kin.first else {
      throw KilpiError(
        "there is no scenario '\(text.prefix(60))'",
        advice: "there are " + rows.map(\.label).joined(separator: ", "))
    }
    guard kin.allSatisfy({ rows[$0].threat == rows[first].threat }) else {
      throw KilpiError(
        "'\(text.prefix(60))' stands for rows of different budgets",
        advice: "name one of " + kin.map { rows[$0].label }.joined(separator: ", "))
    }
    return first
  }
}
