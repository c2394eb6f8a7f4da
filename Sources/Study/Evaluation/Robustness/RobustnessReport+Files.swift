internal import Attacks
package import Files

extension RobustnessReport {
  /// The whole result but for the samples, which `samples.jsonl` holds.
  package var json: JSONValue {
    var members = record.object ?? []
    members.append(.init("conventions", RecordConventions.rates))
    members.append(.init("scenarios", .array(scenarios.map(Self.json))))
    members.append(.init("texts", .array(texts.map(\.json))))
    members.append(.init("flags", EvaluationUnit.json(flags)))
    members.append(.init("notes", .strings(notes)))
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

  private static func json(_ row: ScenarioResult) -> JSONValue {
    // Fails on an interrupt alone, which the next call reports.
    let bootstrap = try? Bootstrap.meanOverSets([row.accuracy])
    let hits: JSONValue =
      row.targetHits.map { hits in
        .record([
          "n": .integer(Int64(hits.total)), "hits": .integer(Int64(hits.count)),
          "share": .optional(hits.value),
        ])
      } ?? .null
    let flags = row.flags.map { flag, batches in
      JSONValue.record([
        "kind": .string(flag.kind.rawValue), "batches": .integer(Int64(batches)),
        "detail": .string(flag.detail),
      ])
    }
    let results: [JSONValue.Member] = [
      .init("on_survivors_of", .strings(row.follows)), .init("members", .strings(row.members)),
      .init("n", .integer(Int64(row.accuracy.total))),
      .init("left_out", .integer(Int64(row.leftOutCount))),
      .init("attacked", .integer(Int64(row.attackedCount))),
      .init("correct", .integer(Int64(row.accuracy.count))),
      .init("accuracy", .optional(row.accuracy.value)),
      .init("interval", .interval(row.accuracy.wilson)), .init("bootstrap", .interval(bootstrap)),
      .init("strict", .optional(row.strict.value)),
      .init("asr_drop", .optional(row.successDrop)),
      .init("asr_lost", .optional(row.successLost)), .init("target_hit", hits),
      .init(
        "max_distance",
        .record([
          "linf": .optional(row.largest(.linf)), "l2": .optional(row.largest(.l2)),
          "l1": .optional(row.largest(.l1)),
        ])),
      .init("text_attack", .string(row.textAttack)),
      .init("ssim", .optional(row.quality?.ssim)), .init("psnr", .optional(row.quality?.psnr)),
      .init("forwards", .integer(Int64(row.forwards))),
      .init("backwards", .integer(Int64(row.backwards))),
      .init("seconds", .number(row.seconds)), .init("parameters", row.record),
      .init("flags", .array(flags)), .init("problems", .strings(row.problems)),
    ]
    return .object(row.identity + results)
  }

  /// The file's conventions, then one JSON object a sample and row, a line each; what was not measured is
  /// left out.
  package var sampleLines: String {
    var text =
      JSONValue.object([
        .init("conventions", RecordConventions.samples),
        .init("class_names", .strings(classNames)),
      ]).serialized() + "\n"
    for row in scenarios {
      for sample in row.samples {
        text += JSONValue.object(sample.members(row: row.label)).serialized() + "\n"
      }
    }
    return text
  }

  /// Tables, `report.json`, and `samples.jsonl`, in which classes count from 0, as its first line says.
  package var files: ResultFiles { ResultFiles(kind: .robustness, lines: sampleLines) }
}
