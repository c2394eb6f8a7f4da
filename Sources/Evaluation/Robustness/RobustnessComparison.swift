internal import Diagnostics
public import Files
internal import Tensors

/// Reports of several models over the same data, side by side, with paired differences to the first.
public struct RobustnessComparison {
  /// A row that two reports share, over the samples that both have.
  public struct Difference: Equatable, Sendable {
    /// The report that is compared with the first.
    public let name: String
    /// The row's label.
    public let row: String
    /// Their accuracies' difference; `value` is this report's minus the first's.
    public let paired: PairedDifference
  }

  /// The reports under the names they are shown with.
  public let reports: [(name: String, report: RobustnessReport)]
  /// Differences to the first report, by report and row.
  public let differences: [Difference]
  /// Labels of all rows, in the order in which they appear.
  public let rows: [String]

  /// Compares reports.
  ///
  /// - Parameters:
  ///   - reports: names and reports, the one that others are compared with first.
  ///   - seed: root of the bootstrap.
  /// - Throws: `KilpiError` when there are fewer than two, names are not different, the data or the
  ///   threat models differ, or two reports share no sample.
  public init(_ reports: [(name: String, report: RobustnessReport)], seed: UInt64 = 0) throws {
    guard reports.count >= 2, let first = reports.first else {
      throw KilpiError("", "a comparison needs at least two reports, not \(reports.count)")
    }
    var seen = Set<String>()
    for (name, report) in reports {
      guard seen.insert(name).inserted else {
        throw KilpiError("", "two reports have the name '\(name)'")
      }
      for (what, own, other) in [
        (
          "data", report.dataName + " " + report.split,
          first.report.dataName + " " + first.report.split
        ),
        ("threat model", report.threatTitle, first.report.threatTitle),
        ("way of running sets", Self.order(report), Self.order(first.report)),
      ] where own != other {
        throw KilpiError(
          "", "'\(name)' and '\(first.name)' differ in their \(what): \(own), \(other)",
          advice: "evaluate both alike")
      }
    }
    self.reports = reports
    var labels: [String] = []
    for (_, report) in reports {
      for row in report.scenarios where !labels.contains(row.label) { labels.append(row.label) }
    }
    // `worst` is the last row of every report, and stays it.
    rows = labels.filter { $0 != "worst" } + labels.filter { $0 == "worst" }
    var differences: [Difference] = []
    for (name, report) in reports.dropFirst() {
      for label in rows {
        guard let before = Self.row(first.report, label), let after = Self.row(report, label) else {
          continue
        }
        let known = Dictionary(
          before.samples.map { ($0.id, $0.isCorrect) }, uniquingKeysWith: { a, _ in a })
        let shared = after.samples.compactMap { sample in
          known[sample.id].map { (before: $0, after: sample.isCorrect) }
        }
        guard !shared.isEmpty else {
          throw KilpiError(
            "", "'\(name)' and '\(first.name)' share no sample",
            advice: "evaluate both on the same samples")
        }
        differences.append(
          .init(
            name: name, row: label,
            paired: try PairedDifference(
              before: shared.map(\.before), after: shared.map(\.after),
              random: RandomSource(seed: seed))))
      }
    }
    self.differences = differences
  }

  /// Rows of attacks on all samples and on survivors are not the same measure.
  private static func order(_ report: RobustnessReport) -> String {
    let rows = report.scenarios.filter(\.isOnSurvivors).map(\.label)
    return rows.isEmpty
      ? "every attack on all samples" : "on survivors: " + rows.joined(separator: ", ")
  }

  static func row(_ report: RobustnessReport, _ label: String) -> ScenarioResult? {
    report.scenarios.first { $0.label == label }
  }

  /// The difference of a report to the first in a row.
  public func difference(_ name: String, row: String) -> PairedDifference? {
    differences.first { $0.name == name && $0.row == row }?.paired
  }

  // MARK: Showing it

  var dataTitle: String { reports[0].report.dataTitle }
  var threatTitle: String { reports[0].report.threatTitle }

  private func rowTable() -> TextTable {
    var columns: [TextTable.Column] = [.init("row", isNumber: false)]
    for (index, one) in reports.enumerated() {
      columns.append(.init(one.name, isNumber: true))
      if index > 0 {
        columns.append(.init("difference", isNumber: true))
        columns.append(.init("95 % interval", isNumber: true, rank: 1))
        columns.append(.init("p", isNumber: true, rank: 2))
      }
    }
    var table = TextTable(columns: columns)
    for label in rows {
      var cells = [label]
      for (index, one) in reports.enumerated() {
        cells.append(NumberText.percent(Self.row(one.report, label)?.accuracy.value))
        guard index > 0 else { continue }
        guard let paired = difference(one.name, row: label) else {
          cells += ["-", "-", "-"]
          continue
        }
        let sign = paired.value > 0 ? "+" : ""
        let mark = paired.isDifference ? "*" : " "
        cells.append(sign + NumberText.fixed(100 * paired.value, 1) + mark)
        cells.append(
          NumberText.fixed(100 * paired.interval.lowerBound, 1) + " … "
            + NumberText.fixed(100 * paired.interval.upperBound, 1))
        cells.append(paired.p < 0.0001 ? "<0.0001" : NumberText.fixed(paired.p, 4))
      }
      table.rows.append(cells)
    }
    return table
  }

  private var explanation: String {
    "difference to \(reports[0].name) in points over the same samples: paired bootstrap interval (* it "
      + "excludes 0), exact McNemar p"
  }

  /// Accuracies and differences as text.
  public func table(width: Int = 100) -> String {
    let width = max(width, 40)
    var lines = TextTable.wrapped(dataTitle, width: width, indent: "  ")
    lines += TextTable.wrapped(threatTitle, width: width, indent: "  ")
    lines.append("")
    lines += rowTable().lines(width: width)
    lines.append("")
    lines += TextTable.wrapped(explanation, width: width, indent: "  ")
    return lines.joined(separator: "\n") + "\n"
  }

  /// The table in Markdown.
  public var markdown: String {
    "\(dataTitle); \(threatTitle)\n\n" + rowTable().markdown() + "\n" + explanation + "\n"
  }

  /// One line a report and row; empty where nothing was measured.
  public var csv: String {
    var lines = [
      [
        "name", "row", "n", "accuracy", "low", "high", "difference", "difference_low",
        "difference_high", "p",
      ]
    ]
    for (name, report) in reports {
      for row in report.scenarios {
        let paired = difference(name, row: row.label)
        func text(_ value: Double?) -> String { value.map { "\($0)" } ?? "" }
        lines.append([
          name, row.label, String(row.samples.count), text(row.accuracy.value),
          text(row.accuracy.wilson?.lowerBound), text(row.accuracy.wilson?.upperBound),
          text(paired?.value), text(paired?.interval.lowerBound),
          text(paired?.interval.upperBound), text(paired?.p),
        ])
      }
    }
    return TextTable.csv(lines)
  }

  /// The reports' records and the differences.
  public var json: JSONValue {
    .record([
      "reports": .array(
        reports.map { .record(["name": .string($0.name), "report": $0.report.json]) }),
      "differences": .array(
        differences.map { one in
          .record([
            "name": .string(one.name), "to": .string(reports[0].name), "row": .string(one.row),
            "n": .integer(Int64(one.paired.total)), "difference": .number(one.paired.value),
            "interval": .array([
              .number(one.paired.interval.lowerBound), .number(one.paired.interval.upperBound),
            ]), "is_difference": .bool(one.paired.isDifference), "p": .number(one.paired.p),
            "lost": .integer(Int64(one.paired.lost)),
            "gained": .integer(Int64(one.paired.gained)),
          ])
        }),
    ])
  }

  /// Where a model's own record and report stand in a comparison's folder, `1-NAME`.
  public static func folder(of name: String, number: Int, in folder: String) -> String {
    "\(folder)/\(number)-\(FileNames.plain(name))"
  }

  /// Writes `comparison.json`, `comparison.txt`, `comparison.md` and `comparison.csv` to a folder.
  public func save(_ folder: String) throws {
    try FileReader.makeDirectory(folder)
    try AtomicFile.write(table(), to: folder + "/comparison.txt")
    try AtomicFile.write(markdown, to: folder + "/comparison.md")
    try AtomicFile.write(csv, to: folder + "/comparison.csv")
    try AtomicFile.write(json.serialized(indent: 2) + "\n", to: folder + "/comparison.json")
  }
}
