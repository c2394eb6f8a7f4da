internal import Attacks
public import Files

// What people read and what files hold.

extension RetrievalReport {
  /// The gallery: `flickr8k test, 1000 images and 5000 captions`.
  public var dataTitle: String {
    let set = split.isEmpty ? dataName : dataName + " " + split
    return "\(set), \(ids.count) images and \(owners.count) captions"
  }

  /// Where perturbations live.
  public var threatTitle: String {
    let place = "\(width) x \(height) pixels (native)"
    guard let first = scenarios.lazy.compactMap(\.threat).first else { return "images of " + place }
    return (showsBudgets ? "budgets of each row," : first.description) + " at " + place
  }

  /// Rows differ in their budgets: each has its own beside it.
  var showsBudgets: Bool {
    let threats = scenarios.compactMap(\.threat)
    return threats.contains { $0 != threats[0] }
  }

  private func rowTable() -> TextTable {
    let cutoffs = RetrievalEvaluation.cutoffs
    var columns: [TextTable.Column] = [
      .init("scenario", isNumber: false, isKey: true),
      .init("attack", isNumber: false, isKey: true),
    ]
    if showsBudgets { columns.append(.init("budget", isNumber: false, isKey: true)) }
    columns += [
      .init("finds", isNumber: false, isKey: true), .init("n", isNumber: true, rank: 3),
    ]
    columns += cutoffs.map { .init("R@\($0)", isNumber: true) }
    columns += cutoffs.map { .init("lost@\($0)", isNumber: true, rank: 1) }
    columns += cutoffs.map { .init("drop@\($0)", isNumber: true, rank: 2) }
    columns.append(.init("seconds", isNumber: true, rank: 4))
    var table = TextTable(columns: columns)
    guard let clean = scenarios.first else { return table }
    for row in scenarios {
      for direction in RetrievalDirection.allCases {
        let isFirst = direction == .imageToText
        var cells = [
          isFirst ? row.kind.rawValue + (row.problems.isEmpty ? "" : " (invalid)") : "",
          isFirst ? (row.attack.isEmpty ? "-" : row.attack) : "",
        ]
        if showsBudgets { cells.append(isFirst ? row.kind == .clean ? "-" : row.threatText : "") }
        cells += [
          direction == .imageToText ? "captions" : "images",
          String(row.ranks?.ranks(direction).count ?? 0),
        ]
        cells += cutoffs.map { NumberText.percent(row.recall(direction, at: $0)?.value) }
        let isClean = row.kind == .clean
        cells += cutoffs.map {
          isClean ? "" : NumberText.percent(row.lost(direction, at: $0, from: clean))
        }
        cells += cutoffs.map {
          isClean
            ? ""
            : row.drop(direction, at: $0, from: clean).map { NumberText.fixed(100 * $0, 1) }
              ?? "-"
        }
        cells.append(isFirst ? NumberText.fixed(row.seconds, 1) : "")
        table.rows.append(cells)
      }
    }
    return table
  }

  /// The result as text: title, threat model, two rows a scenario, notes.
  public func table(width: Int = 100) -> String {
    let width = max(width, 40)
    var lines = TextTable.wrapped("\(name): \(dataTitle)", width: width, indent: "  ")
    lines += TextTable.wrapped(threatTitle, width: width, indent: "  ")
    lines.append("")
    lines += rowTable().lines(width: width)
    lines.append("")
    lines += TextTable.wrapped(Self.explanation, width: width, indent: "  ")
    for note in textNotes() + notes {
      lines += TextTable.wrapped(note, width: width, indent: "  ")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static let explanation =
    "R@k: share with an own item among the first k, ties broken against it; lost: share of those found "
    + "before that are not found any more; drop: points of recall lost"

  /// The result in LaTeX: a `tabular` with the rules of booktabs; what else is known as comments.
  public var latex: String {
    rowTable().latex(
      remarks: ["\(name): \(dataTitle)", threatTitle, Self.explanation] + textNotes() + notes)
  }

  /// One line a row with changed captions: how many changed, and an example.
  private func textNotes() -> [String] {
    let flat = captions.flatMap { $0 }
    return scenarios.filter { !$0.texts.isEmpty }.map { row in
      var line = "\(row.label): \(row.changedTexts) of \(flat.count) captions changed"
      if let share = row.synonymShare {
        line += ", \(NumberText.percent(share)) of edits are synonyms"
      }
      if let limits = row.totals.limits.text { line += "; \(limits)" }
      if let example = zip(flat, row.texts).first(where: { $0 != $1 }) {
        line += "; for example '\(example.0)' → '\(example.1)'"
      }
      return line
    }
  }

  /// The result in Markdown.
  public var markdown: String {
    var text = "**\(name)**: \(dataTitle); \(threatTitle)\n\n" + rowTable().markdown()
    for note in textNotes() + notes { text += "\n- " + note.onOneLine }
    return text + "\n"
  }

  /// Comma-separated values, one line a row, direction and cut-off; shares in 0 … 1.
  public var csv: String {
    func number(_ value: Double?) -> String { value.map { "\($0)" } ?? "" }
    var rows = [
      [
        "model", "data", "split", "images", "captions", "width", "height", "scenario", "attack",
        "norm", "eps", "threat", "direction", "k", "n", "hits", "recall", "low", "high", "asr_drop",
        "asr_lost", "seconds", "problems",
      ]
    ]
    guard let clean = scenarios.first else { return TextTable.csv(rows) }
    for row in scenarios {
      for direction in RetrievalDirection.allCases {
        for k in RetrievalEvaluation.cutoffs {
          let recall = row.recall(direction, at: k)
          let interval = recall?.wilson
          rows.append([
            name, dataName, split, String(ids.count), String(owners.count), String(width),
            String(height), row.kind.rawValue, row.attack, row.budget?.norm.rawValue ?? "",
            number(row.budget?.epsilon), row.threatText, direction.rawValue, String(k),
            String(recall?.total ?? 0), String(recall?.count ?? 0), number(recall?.value),
            number(interval?.lowerBound), number(interval?.upperBound),
            number(row.drop(direction, at: k, from: clean)),
            number(row.lost(direction, at: k, from: clean)), number(row.seconds),
            row.problems.joined(separator: "; "),
          ])
        }
      }
    }
    return TextTable.csv(rows)
  }

  /// The whole result but for ranks and captions of single items.
  public var json: JSONValue {
    var members = record.object ?? []
    members.append(.init("conventions", RecordConventions.rates))
    members.append(.init("scenarios", .array(scenarios.map(json))))
    members.append(.init("notes", .array(notes.map { .string($0) })))
    members.append(.init("seconds", .number(seconds)))
    return .object(members)
  }

  private func json(_ row: RetrievalScenario) -> JSONValue {
    func optional(_ value: Double?) -> JSONValue { value.map { .number($0) } ?? .null }
    let directions = RetrievalDirection.allCases.map { direction -> JSONValue.Member in
      let cutoffs = RetrievalEvaluation.cutoffs.map { k -> JSONValue.Member in
        let recall = row.recall(direction, at: k)
        let interval = recall?.wilson
        return .init(
          "R@\(k)",
          .record([
            "n": .integer(Int64(recall?.total ?? 0)), "hits": .integer(Int64(recall?.count ?? 0)),
            "recall": optional(recall?.value),
            "interval": interval.map { .array([.number($0.lowerBound), .number($0.upperBound)]) }
              ?? .null,
            "asr_drop": optional(scenarios.first.flatMap { row.drop(direction, at: k, from: $0) }),
            "asr_lost": optional(scenarios.first.flatMap { row.lost(direction, at: k, from: $0) }),
          ]))
      }
      return .init(direction.rawValue, .object(cutoffs))
    }
    var members: [JSONValue.Member] = [
      .init("label", .string(row.label)), .init("scenario", .string(row.kind.rawValue)),
      .init("attack", .string(row.attack)), .init("family", .string(row.family)),
      .init("norm", row.budget.map { .string($0.norm.rawValue) } ?? .null),
      .init("eps", row.budget.map { .number($0.epsilon) } ?? .null),
      .init("threat", .string(row.threatText)),
      .init("threat_model", row.threat?.json ?? .null), .init("parameters", row.record),
    ]
    members += directions
    if let largest = row.largest {
      members.append(
        .init(
          "max_distance",
          .record([
            "linf": .number(largest.linf), "l2": .number(largest.l2), "l1": .number(largest.l1),
          ])))
    }
    if !row.texts.isEmpty {
      members.append(.init("changed_texts", .integer(Int64(row.changedTexts))))
      members.append(.init("synonym_share", optional(row.synonymShare)))
      members.append(.init("dropped_shares", row.droppedJSON))
      members.append(.init("encoded_texts", .integer(Int64(row.encodedTexts))))
      members.append(
        .init(
          "stopped",
          .object(row.totals.limits.counts.map { .init($0.limit, .integer(Int64($0.count))) })))
    }
    members += [
      .init("forwards", .integer(Int64(row.forwards))),
      .init("backwards", .integer(Int64(row.backwards))), .init("seconds", .number(row.seconds)),
      .init("problems", .array(row.problems.map { .string($0) })),
    ]
    return .object(members)
  }

  /// The file's conventions, then one JSON object a row and image: ranks counted from 0, and captions where
  /// they changed.
  public var itemLines: String {
    var text =
      JSONValue.object([.init("conventions", RecordConventions.items)]).serialized() + "\n"
    for row in scenarios {
      var caption = 0
      for (image, own) in captions.enumerated() {
        let places = caption..<(caption + own.count)
        caption += own.count
        var members: [JSONValue.Member] = [
          .init("row", .string(row.label)), .init("id", .string(ids[image])),
        ]
        if let ranks = row.ranks {
          members.append(.init("tr_rank", .integer(Int64(ranks.imageToText[image]))))
          members.append(
            .init("ir_ranks", .array(places.map { .integer(Int64(ranks.textToImage[$0])) })))
        }
        if row.kind == .clean {
          members.append(.init("captions", .array(own.map { .string($0) })))
        } else if !row.texts.isEmpty {
          members.append(.init("captions", .array(places.map { .string(row.texts[$0]) })))
        }
        text += JSONValue.object(members).serialized() + "\n"
      }
    }
    return text
  }

  /// Writes `report.json`, `items.jsonl`, `table.txt`, `table.md` and `table.csv` to a folder, which
  /// is made when it is not there.
  public func save(_ folder: String) throws {
    try ResultFolder.claim(folder, for: .retrieval)
    try AtomicFile.write(itemLines, to: folder + "/items.jsonl")
    try AtomicFile.write(table(), to: folder + "/table.txt")
    try AtomicFile.write(markdown, to: folder + "/table.md")
    try AtomicFile.write(csv, to: folder + "/table.csv")
    try AtomicFile.write(json.serialized(indent: 2) + "\n", to: folder + "/report.json")
  }
}
