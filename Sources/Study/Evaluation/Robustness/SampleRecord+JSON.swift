internal import Attacks
internal import Files

extension SampleRecord {
  /// What was measured of it, in the order of its line.
  private static let measures: [(String, WritableKeyPath<SampleRecord, Double?> & Sendable)] = [
    ("margin", \.margin), ("loss", \.loss), ("linf", \.linf), ("l2", \.l2), ("l1", \.l1),
    ("ssim", \.ssim), ("psnr", \.psnr),
  ]
  private static let counts: [(String, WritableKeyPath<SampleRecord, Int?> & Sendable)] = [
    ("forwards", \.forwards), ("backwards", \.backwards), ("target", \.target),
  ]

  /// The members of its line in files; what was not measured is left out.
  func members(row label: String) -> [JSONValue.Member] {
    var members: [JSONValue.Member] = [
      .init("row", .string(label)), .init("id", .string(id)),
      .init("label", .integer(Int64(self.label))),
      .init("clean_prediction", .integer(Int64(cleanPrediction))),
    ]
    if let prediction { members.append(.init("prediction", .integer(Int64(prediction)))) }
    members.append(.init("correct", .bool(isCorrect)))
    for (key, path) in Self.measures {
      if let value = self[keyPath: path] { members.append(.init(key, .number(value))) }
    }
    for (key, path) in Self.counts {
      if let value = self[keyPath: path] { members.append(.init(key, .integer(Int64(value)))) }
    }
    if !flags.isEmpty { members.append(.init("flags", .strings(flags))) }
    return members
  }

  /// Reads what `members` wrote; nil when something is missing.
  init?(_ json: JSONValue) {
    guard let id = json["id"]?.string, let label = json["label"]?.int,
      let clean = json["clean_prediction"]?.int, let isCorrect = json["correct"]?.bool
    else { return nil }
    self.init(
      id: id, label: label, cleanPrediction: clean, prediction: json["prediction"]?.int,
      isCorrect: isCorrect)
    for (key, path) in Self.measures { self[keyPath: path] = json[key]?.anyDouble }
    for (key, path) in Self.counts { self[keyPath: path] = json[key]?.int }
    flags = json["flags"]?.array?.compactMap(\.string) ?? []
  }
}

extension TextAttackRecord {
  /// The whole record.
  var json: JSONValue {
    return .record([
      "name": .string(name), "parameters": record,
      "changed_share": .number(changedShare), "synonym_share": .optional(synonymShare),
      "class_share": .optional(classShare), "levenshtein": .optional(meanLevenshtein),
      "cosine": .optional(meanCosine),
      "stopped": .object(limits.counts.map { .init($0.limit, .integer(Int64($0.count))) }),
      "encoded": .integer(Int64(encoded)),
      "seconds": .number(seconds),
      "prompts": .array(
        prompts.map { prompt in
          .record([
            "original": .string(prompt.original), "adversarial": .string(prompt.adversarial),
            "edits": .strings(prompt.edits),
            "levenshtein": .integer(Int64(prompt.levenshtein)), "cosine": .optional(prompt.cosine),
            "stopped": prompt.stopped.map { .string($0) } ?? .null,
          ])
        }),
    ])
  }

  /// Reads what `json` wrote; nil when something is missing.
  init?(_ json: JSONValue) {
    guard let name = json["name"]?.string, let prompts = json["prompts"]?.array,
      let encoded = json["encoded"]?.int
    else { return nil }
    self.init(
      name: name, record: json["parameters"] ?? .null,
      prompts: prompts.map { prompt in
        Prompt(
          original: prompt["original"]?.string ?? "",
          adversarial: prompt["adversarial"]?.string ?? "",
          edits: prompt["edits"]?.array?.compactMap(\.string) ?? [],
          levenshtein: prompt["levenshtein"]?.int ?? 0, cosine: prompt["cosine"]?.anyDouble,
          stopped: prompt["stopped"]?.string)
      },
      changedShare: json["changed_share"]?.anyDouble ?? .nan,
      synonymShare: json["synonym_share"]?.anyDouble,
      classShare: json["class_share"]?.anyDouble, encoded: encoded,
      seconds: json["seconds"]?.anyDouble ?? 0)
  }
}
