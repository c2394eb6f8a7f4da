internal import AttackPlans
internal import Attacks
internal import Diagnostics
internal import Tensors

/// Reports of several models over the same data, side by side, with paired differences to the first.
package struct RobustnessComparison {
  /// A row that two reports share, over the samples that both count.
  package struct Difference: Equatable, Sendable {
    /// The report that is compared with the first.
    package let name: String
    /// The row's label.
    package let row: String
    /// The difference of their strict accuracies; `value` is this report's minus the first's.
    package let paired: PairedDifference
    /// p corrected for the number of tests, when that was asked for.
    package var corrected: Double?

    /// Whether it is called a difference: see `PairedDifference.isDifference(p:)`.
    package var isDifference: Bool { paired.isDifference(p: corrected ?? paired.p) }
  }

  /// How p-values of one comparison are corrected for their number.
  package enum Correction: String, Sendable, CaseIterable {
    /// Not at all.
    case none
    /// Holm's step-down correction.
    case holm
  }

  /// The reports under the names they are shown with.
  package let reports: [(name: String, report: RobustnessReport)]
  /// Differences to the first report, by report and row.
  package let differences: [Difference]
  /// Labels of all rows, in the order in which they appear.
  package let rows: [String]
  /// How p-values are corrected.
  package let correction: Correction
  /// What a reader must know.
  package let notes: [String]

  /// Compares reports.
  ///
  /// - Parameters:
  ///   - reports: names and reports, the one that others are compared with first.
  ///   - correction: for the number of tests.
  ///   - seed: root of the bootstrap.
  /// - Throws: `KilpiError` when there are fewer than two, names are not different, or the samples, their
  ///   classes or the threat models differ. Attacks that differ in strength alone are noted.
  package init(
    _ reports: [(name: String, report: RobustnessReport)], correction: Correction = .none,
    seed: UInt64 = 0
  ) throws {
    self.correction = correction
    guard reports.count >= 2, let first = reports.first else {
      throw KilpiError("a comparison needs at least two reports, not \(reports.count)")
    }
    var seen = Set<String>()
    for (name, report) in reports {
      guard seen.insert(name).inserted else {
        throw KilpiError("two reports have the name '\(name)'")
      }
      try Self.requireSameData((name, report), first)
      for (what, own, other) in [
        (
          "data", report.dataName + " " + report.split,
          first.report.dataName + " " + first.report.split
        ),
        (
          "threat model", report.place == first.report.place ? "" : report.threatTitle,
          report.place == first.report.place ? "" : first.report.threatTitle
        ), ("threat model", Self.threats(report, first.report), Self.threats(first.report, report)),
        ("way of running sets", Self.order(report), Self.order(first.report)),
      ] where own != other {
        throw KilpiError(
          "'\(name)' and '\(first.name)' differ in their \(what): \(own), \(other)",
          advice: "evaluate both alike")
      }
    }
    self.reports = reports
    var labels: [String] = []
    for (_, report) in reports {
      for row in report.scenarios where !labels.contains(row.label) { labels.append(row.label) }
    }
    // `worst` stands at the end of every report, and stays there.
    func isWorst(_ label: String) -> Bool { label == "worst" || label.hasPrefix("worst/") }
    rows = labels.filter { !isWorst($0) } + labels.filter(isWorst)
    var differences: [Difference] = []
    var notes: [String] = []
    for (name, report) in reports.dropFirst() {
      for label in rows {
        guard let before = Self.row(first.report, label), let after = Self.row(report, label) else {
          continue
        }
        if before.members != after.members {
          notes.append(
            "\(label) of '\(name)' is over other rows than that of '\(first.name)': not compared")
          continue
        }
        let changes = AttackDifferences(before, after)
        if let change = changes.ofThreat.first {
          throw KilpiError(
            "'\(name)' and '\(first.name)' differ in what \(label) may do: \(change)",
            advice: "evaluate both alike")
        }
        if let text = changes.text {
          notes.append(
            "\(label) of '\(name)' is another attack than that of '\(first.name)', which may be the "
              + "difference: \(text)")
        }
        let known = Dictionary(
          before.counted.map { ($0.id, $0.isStrictlyCorrect) }, uniquingKeysWith: { a, _ in a })
        let shared = after.counted.compactMap { sample in
          known[sample.id].map { (before: $0, after: sample.isStrictlyCorrect) }
        }
        // A row of targeted attacks may leave all samples out.
        if shared.isEmpty { continue }
        differences.append(
          .init(
            name: name, row: label,
            paired: try PairedDifference(
              before: shared.map(\.before), after: shared.map(\.after),
              random: RandomSource(seed: seed))))
      }
    }
    if correction == .holm {
      let corrected = PairedTests.holm(differences.map(\.paired.p))
      for index in differences.indices { differences[index].corrected = corrected[index] }
    }
    self.differences = differences
    for (name, report) in reports {
      if let clean = report.scenarios.first,
        let note = clean.chanceNote(classes: report.classNames.count)
      {
        notes.append("\(name): \(note)")
      }
    }
    self.notes = notes
  }

  /// What a report's rows may change, those that another one has too and differs in.
  private static func threats(_ report: RobustnessReport, _ other: RobustnessReport) -> String {
    report.scenarios.filter { row in
      Self.row(other, row.label).map { $0.threat != row.threat } ?? false
    }.map { "\($0.label) \($0.threatText)" }.joined(separator: ", ")
  }

  /// Rows of attacks on all samples and on survivors are not the same measure.
  private static func order(_ report: RobustnessReport) -> String {
    let rows = report.scenarios.filter(\.isOnSurvivors).map {
      $0.label + " after " + $0.follows.joined(separator: ", ")
    }
    return rows.isEmpty
      ? "every attack on all samples" : "on survivors: " + rows.joined(separator: "; ")
  }

  static func row(_ report: RobustnessReport, _ label: String) -> ScenarioResult? {
    report.scenarios.first { $0.label == label }
  }

  /// The difference of a report to the first in a row.
  package func difference(_ name: String, row: String) -> PairedDifference? {
    tested(name, row: row)?.paired
  }

  /// The difference with what was made of it.
  package func tested(_ name: String, row: String) -> Difference? {
    differences.first { $0.name == name && $0.row == row }
  }

  /// A report by its name.
  ///
  /// - Throws: `KilpiError` that names the reports there are.
  package func report(_ name: String) throws -> RobustnessReport {
    guard let found = reports.first(where: { $0.name == name }) else {
      throw KilpiError(
        "there is no model '\(name.prefix(60))'",
        advice: "there are " + reports.map(\.name).joined(separator: ", "))
    }
    return found.report
  }
}
