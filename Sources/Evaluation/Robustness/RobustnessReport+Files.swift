internal import Attacks
public import Files

extension RobustnessReport {
  /// The whole result but for the samples, which `samples.jsonl` holds.
  public var json: JSONValue {
    var members = record.object ?? []
    members.append(.init("conventions", RecordConventions.rates))
    members.append(.init("scenarios", .array(scenarios.map(Self.json))))
    members.append(.init("texts", .array(texts.map(\.json))))
    members.append(
      .init(
        "flags",
        .array(
          flags.map { .record(["kind": .string($0.kind.rawValue), "detail": .string($0.detail)]) }))
    )
    members.append(.init("notes", .array(notes.map { .string($0) })))
    members.append(
      .init(
        "planned",
        .record([
          "forwards": .integer(Int64(cost.total.forwards)),
          "backwards": .integer(Int64(cost.total.backwards)),
          "rows": .array(
            cost.rows.map {
              .record([
                "row": .string($0.label), "forwards": .integer(Int64($0.cost.forwards)),
                "backwards": .integer(Int64($0.cost.backwards)),
              ])
            }),
        ])))
    members.append(.init("seconds", .number(seconds)))
    return .object(members)
  }

  private static func optional(_ value: Double?) -> JSONValue {
    value.map { .number($0) } ?? .null
  }

  private static func json(_ row: ScenarioResult) -> JSONValue {
    let interval = row.accuracy.wilson
    // Fails on an interrupt alone, which the next call reports.
    let bootstrap = try? Bootstrap.meanOverSets([row.accuracy])
    let hits: JSONValue =
      row.targetHits.map { hits in
        .record([
          "n": .integer(Int64(hits.total)), "hits": .integer(Int64(hits.count)),
          "share": optional(hits.value),
        ])
      } ?? .null
    let leftOut = row.samples.count(where: \.isLeftOut)
    return .record([
      "label": .string(row.label), "scenario": .string(row.kind.rawValue),
      "attack": .string(row.attack), "family": .string(row.family),
      "norm": row.budget.map { .string($0.norm.rawValue) } ?? .null,
      "eps": row.budget.map { .number($0.epsilon) } ?? .null, "threat": .string(row.threatText),
      "threat_model": row.threat?.json ?? .null,
      "on_survivors_of": .array(row.follows.map { .string($0) }),
      "members": .array(row.members.map { .string($0) }),
      "n": .integer(Int64(row.accuracy.total)),
      "left_out": .integer(Int64(leftOut)),
      "attacked": .integer(Int64(row.attackedCount)),
      "correct": .integer(Int64(row.accuracy.count)), "accuracy": optional(row.accuracy.value),
      "interval": interval.map { .array([.number($0.lowerBound), .number($0.upperBound)]) }
        ?? .null,
      "bootstrap": bootstrap.map { .array([.number($0.lowerBound), .number($0.upperBound)]) }
        ?? .null,
      "strict": optional(row.strict.value), "asr_drop": optional(row.successDrop),
      "asr_lost": optional(row.successLost),
      "target_hit": hits,
      "max_distance": .record([
        "linf": optional(row.largest(.linf)), "l2": optional(row.largest(.l2)),
        "l1": optional(row.largest(.l1)),
      ]),
      "text_attack": .string(row.textAttack),
      "ssim": optional(row.quality?.ssim), "psnr": optional(row.quality?.psnr),
      "forwards": .integer(Int64(row.forwards)), "backwards": .integer(Int64(row.backwards)),
      "seconds": .number(row.seconds), "parameters": row.record,
      "flags": .array(
        row.flags.map { flag, batches in
          .record([
            "kind": .string(flag.kind.rawValue), "batches": .integer(Int64(batches)),
            "detail": .string(flag.detail),
          ])
        }), "problems": .array(row.problems.map { .string($0) }),
    ])
  }

  /// The file's conventions, then one JSON object a sample and row, a line each; what was not measured is
  /// left out.
  public var sampleLines: String {
    var text =
      JSONValue.object([
        .init("conventions", RecordConventions.samples),
        .init("class_names", .array(classNames.map { .string($0) })),
      ]).serialized() + "\n"
    for row in scenarios {
      for sample in row.samples {
        text += JSONValue.object(sample.members(row: row.label)).serialized() + "\n"
      }
    }
    return text
  }

  /// Writes `report.json`, `samples.jsonl`, `table.txt`, `table.md` and `table.csv` to a folder.
  ///
  /// The folder is made when it is not there. Classes in the files count from 0, as the first line of
  /// `samples.jsonl` says.
  public func save(_ folder: String) throws {
    try ResultFolder.claim(folder, for: .robustness)
    try AtomicFile.write(sampleLines, to: folder + "/samples.jsonl")
    try AtomicFile.write(table(), to: folder + "/table.txt")
    try AtomicFile.write(markdown, to: folder + "/table.md")
    try AtomicFile.write(csv, to: folder + "/table.csv")
    try AtomicFile.write(json.serialized(indent: 2) + "\n", to: folder + "/report.json")
  }
}
