internal import Attacks
package import Files

// What files hold.

extension RetrievalReport {
  /// The whole result but for ranks and captions of single items.
  package var json: JSONValue {
    var members = record.object ?? []
    members.append(.init("conventions", RecordConventions.rates))
    members.append(.init("scenarios", .array(scenarios.map(json))))
    members.append(.init("notes", .strings(notes)))
    members.append(.init("seconds", .number(seconds)))
    return .object(members)
  }

  private func json(_ row: RetrievalScenario) -> JSONValue {
    let clean = scenarios.first
    let directions = RetrievalDirection.allCases.map { direction -> JSONValue.Member in
      let cutoffs = RetrievalEvaluation.cutoffs.map { k -> JSONValue.Member in
        let recall = row.recall(direction, at: k)
        return .init(
          "R@\(k)",
          .record([
            "n": .integer(Int64(recall?.total ?? 0)), "hits": .integer(Int64(recall?.count ?? 0)),
            "recall": .optional(recall?.value), "interval": .interval(recall?.wilson),
            "asr_drop": .optional(clean.flatMap { row.drop(direction, at: k, from: $0) }),
            "asr_lost": .optional(clean.flatMap { row.lost(direction, at: k, from: $0) }),
          ]))
      }
      return .init(direction.rawValue, .object(cutoffs))
    }
    var members = row.identity + [.init("parameters", row.record)] + directions
    if let largest = row.largest {
      members.append(
        .init(
          "max_distance",
          .record([
            "linf": .number(largest.linf), "l2": .number(largest.l2), "l1": .number(largest.l1),
          ])))
    }
    if !row.texts.isEmpty {
      members += [
        .init("changed_texts", .integer(Int64(row.changedTexts))),
        .init("synonym_share", .optional(row.synonymShare)),
        .init("dropped_shares", row.droppedJSON),
        .init("encoded_texts", .integer(Int64(row.encodedTexts))),
        .init(
          "stopped",
          .object(row.totals.limits.counts.map { .init($0.limit, .integer(Int64($0.count))) })),
      ]
    }
    members += [
      .init("forwards", .integer(Int64(row.forwards))),
      .init("backwards", .integer(Int64(row.backwards))), .init("seconds", .number(row.seconds)),
      .init("problems", .strings(row.problems)),
    ]
    return .object(members)
  }

  /// The file's conventions, then one JSON object a row and image: ranks counted from 0, and captions where
  /// they changed.
  package var itemLines: String {
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
          members.append(.init("captions", .strings(own)))
        } else if !row.texts.isEmpty {
          members.append(.init("captions", .array(places.map { .string(row.texts[$0]) })))
        }
        text += JSONValue.object(members).serialized() + "\n"
      }
    }
    return text
  }

  /// Tables, `report.json`, and `items.jsonl`.
  package var files: ResultFiles { ResultFiles(kind: .retrieval, lines: itemLines) }
}
