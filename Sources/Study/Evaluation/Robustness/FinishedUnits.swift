internal import Attacks
internal import Diagnostics
internal import Files

/// One row over one batch of samples: what is finished or not at all.
struct EvaluationUnit {
  var samples: [SampleRecord]
  var seconds = 0.0
  var flags: [AttackFlag] = []
  var problems: [String] = []

  /// All but the samples, as lines hold it.
  var summary: [JSONValue.Member] {
    [
      .init("seconds", .number(seconds)), .init("flags", Self.json(flags)),
      .init("problems", .strings(problems)),
    ]
  }

  static func json(_ flags: [AttackFlag]) -> JSONValue {
    .array(
      flags.map { .record(["kind": .string($0.kind.rawValue), "detail": .string($0.detail)]) })
  }

  static func flags(_ list: [JSONValue]) -> [AttackFlag] {
    list.compactMap { flag in
      guard let kind = flag["kind"]?.string.flatMap({ AttackFlag.Kind(rawValue: $0) }) else {
        return nil
      }
      return AttackFlag(kind, flag["detail"]?.string ?? "")
    }
  }
}

extension EvaluationUnit {
  /// Reads what `summary` wrote.
  init(samples: [SampleRecord], _ line: JSONValue) {
    self.init(
      samples: samples, seconds: line["seconds"]?.anyDouble ?? 0,
      flags: Self.flags(line["flags"]?.array ?? []),
      problems: (line["problems"]?.array ?? []).compactMap(\.string))
  }
}

/// What the record of an evaluation holds: a line a sample and row, and a line for each row's finished
/// batch.
///
/// A row of a batch is taken up again only as a whole, since the last bits of a result may depend on
/// the batch. Samples that stand in the record of an unfinished one are kept, and computed once more.
struct FinishedUnits {
  private var units: [String: [Int: EvaluationUnit]] = [:]
  private var samples: [String: [Int: SampleRecord]] = [:]
  private var pixels: [Int: String] = [:]
  private var deviating: [String] = []
  /// Finished text attacks by name.
  private(set) var texts: [String: JSONValue] = [:]
  /// Flags of the probes, once they were run.
  private(set) var probed: (flags: [AttackFlag], note: String?)?

  /// Takes a line; false when it has another format.
  mutating func take(_ line: JSONValue) -> Bool {
    if let text = line["text_attack"] {
      guard let record = TextAttackRecord(text) else { return false }
      texts[record.name] = text
      return true
    }
    if let flags = line["probes"]?.array {
      probed = (EvaluationUnit.flags(flags), line["note"]?.string)
      return true
    }
    guard let row = line["row"]?.string else { return false }
    if let place = line["at"]?.int {
      guard let sample = SampleRecord(line) else { return false }
      samples[row, default: [:]][place] = sample
      if let digits = line["pixels"]?.string { pixels[place] = digits }
      return true
    }
    // Checked before they are added or counted to: a line can say anything.
    guard let first = line["finished"]?.int, (0..<1 << 40).contains(first),
      let count = line["count"]?.int, (0...(samples[row]?.count ?? 0)).contains(count)
    else { return false }
    let members = (0..<count).compactMap { samples[row]?[first + $0] }
    guard members.count == count else { return false }
    units[row, default: [:]][first] = EvaluationUnit(samples: members, line)
    return true
  }

  /// The line of what the probes found.
  static func line(probes flags: [AttackFlag], note: String?) -> [JSONValue.Member] {
    [
      .init("probes", EvaluationUnit.json(flags)), .init("note", note.map { .string($0) } ?? .null),
    ]
  }

  /// A row's finished batch; nil when it has to be computed.
  func unit(_ row: String, first: Int, count: Int) -> EvaluationUnit? {
    guard let unit = units[row]?[first], unit.samples.count == count else { return nil }
    return unit
  }

  /// The images of a batch must be those of the record.
  func check(pixels digits: [String], _ ids: [String], first: Int) throws {
    for (index, now) in digits.enumerated() {
      guard let known = pixels[first + index], known != now else { continue }
      throw KilpiError(
        "sample '\(ids[index])' has other pixels than when the record was begun",
        advice: "use the same data, or another out")
    }
  }

  /// Appends a row's batch, a line a sample, those that stand in the record left out.
  ///
  /// - Returns: the unit as the record has it.
  mutating func append(
    _ row: String, first: Int, _ unit: EvaluationUnit, pixels digits: [String]?,
    to record: RunRecord
  ) throws -> EvaluationUnit {
    var unit = unit
    for (index, sample) in unit.samples.enumerated() {
      let place = first + index
      if let known = samples[row]?[place] {
        // As text: a loss that is not a number equals itself there.
        func text(_ sample: SampleRecord) -> String {
          JSONValue.object(sample.members(row: row)).serialized()
        }
        if text(known) != text(sample) { deviating.append("\(row) \(sample.id)") }
        unit.samples[index] = known
        continue
      }
      var members = sample.members(row: row)
      members.append(.init("at", .integer(Int64(place))))
      if let digits { members.append(.init("pixels", .string(digits[index]))) }
      try record.append(members)
    }
    try record.append(
      [
        .init("row", .string(row)), .init("finished", .integer(Int64(first))),
        .init("count", .integer(Int64(unit.samples.count))),
      ] + unit.summary)
    return unit
  }

  /// Samples that were computed twice must have come out alike.
  var note: String? {
    guard let first = deviating.first else { return nil }
    return "\(deviating.count) samples came out differently when they were computed again, such as "
      + "\(first): this machine or build computes otherwise than the one that began the record"
  }
}
