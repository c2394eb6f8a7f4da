internal import Attacks
internal import Diagnostics
internal import Files

// Reports that were saved, read again: what `save` wrote, but for pictures.

extension RobustnessReport {
  /// The report that `save` wrote to a folder.
  ///
  /// - Throws: `KilpiError` that names the file, when one is missing or damaged or they do not fit.
  package init(saved folder: String) throws {
    let path = folder + "/report.json"
    guard FileReader.exists(path) else {
      throw KilpiError(
        "'\(folder)' holds no report",
        advice: "name a folder that save of a report or eval.robustness has written")
    }
    if let kind = ResultFolder.kind(of: folder), kind != .robustness {
      throw KilpiError(
        "'\(folder)' holds \(kind.text)", advice: "reports of robustness can be loaded")
    }
    let json = try ResultFolder.parsed(FileReader.text(at: path, limit: 1 << 30), path)
    func damaged(_ what: String) -> KilpiError {
      KilpiError("'\(path)' has no \(what)", advice: "it is damaged, or no robustness report")
    }
    guard let rows = json["scenarios"]?.array, !rows.isEmpty, json["threat"]?["width"] != nil else {
      throw damaged("rows of robustness")
    }
    let samples = try Self.samples(folder + "/samples.jsonl")
    let scenarios = try rows.map { row in
      guard let scenario = ScenarioResult(row) else { throw damaged("row that can be read") }
      var filled = scenario
      filled.samples = samples[scenario.label] ?? []
      let correct = row["correct"]?.int
      guard filled.accuracy.count == correct, filled.accuracy.total == row["n"]?.int else {
        throw KilpiError(
          "'\(folder)/samples.jsonl' has \(filled.accuracy.count) of \(filled.accuracy.total) right in "
            + "'\(scenario.label)', the report \(correct ?? 0) of \(row["n"]?.int ?? 0)",
          advice: "the files are not of one report")
      }
      return filled
    }
    guard let name = json["model"]?["name"]?.string, let data = json["data"]?["name"]?.string,
      let split = json["data"]?["split"]?.string, let whole = json["data"]?["of"]?.int,
      let width = json["threat"]?["width"]?.int, let height = json["threat"]?["height"]?.int,
      let place = json["threat"]?["perturb_at"]?.string.flatMap({
        PerturbationPlace(rawValue: $0)
      })
    else { throw damaged("model, data and threat") }
    let about = (json.object ?? []).filter { !Self.resultMembers.contains($0.key) }
    let planned = (json["planned"]?["rows"]?.array ?? []).map { row in
      (
        label: row["row"]?.string ?? "",
        cost: AttackCost(
          forwards: row["forwards"]?.int ?? 0, backwards: row["backwards"]?.int ?? 0)
      )
    }
    self.init(
      name: name,
      classNames: (json["prompts"]?["class_names"]?.array ?? []).compactMap(\.string),
      scenarios: scenarios,
      texts: (json["texts"]?.array ?? []).compactMap { TextAttackRecord($0) }, pictures: [],
      dataName: data, split: split, splitCount: whole, width: width, height: height,
      perturbationPlace: place, seconds: json["seconds"]?.anyDouble ?? 0,
      flags: EvaluationUnit.flags(json["flags"]?.array ?? []),
      cost: EvaluationCost(rows: planned, samples: scenarios[0].samples.count),
      record: .object(about), notes: (json["notes"]?.array ?? []).compactMap(\.string),
      isLoaded: true)
  }

  /// Members of a report's file that are no part of its record.
  static let resultMembers: Set<String> = [
    "conventions", "scenarios", "texts", "flags", "notes", "planned", "seconds",
  ]

  /// The samples of `samples.jsonl` by row; a first line with conventions is passed over.
  private static func samples(_ path: String) throws -> [String: [SampleRecord]] {
    var samples: [String: [SampleRecord]] = [:]
    for (index, line) in try FileReader.text(at: path).split(separator: "\n").enumerated() {
      let json = try ResultFolder.parsed(String(line), path, line: index + 1)
      if index == 0, json["conventions"] != nil { continue }
      guard let row = json["row"]?.string, let sample = SampleRecord(json) else {
        throw KilpiError("'\(path)' has another format in line \(index + 1)")
      }
      samples[row, default: []].append(sample)
    }
    return samples
  }
}

extension ScenarioResult {
  /// Reads a row of `report.json`, without its samples; nil when something is missing.
  init?(_ json: JSONValue) {
    guard let kind = json["scenario"]?.string.flatMap({ ScenarioKind(rawValue: $0) }),
      let attack = json["attack"]?.string, json["label"]?.string != nil
    else { return nil }
    self.init(kind, attack: attack)
    func strings(_ key: String) -> [String] { (json[key]?.array ?? []).compactMap(\.string) }
    record = json["parameters"] ?? .null
    threat = json["threat_model"].flatMap { ThreatModel($0) }
    family = json["family"]?.string ?? ""
    follows = strings("on_survivors_of")
    members = strings("members")
    textAttack = json["text_attack"]?.string ?? ""
    seconds = json["seconds"]?.anyDouble ?? 0
    problems = strings("problems")
    for flag in json["flags"]?.array ?? [] {
      guard let own = EvaluationUnit.flags([flag]).first else { continue }
      flags.append((own, flag["batches"]?.int ?? 1))
    }
  }
}

extension RobustnessComparison {
  /// The comparison that `save` and its reports' `save` wrote to a folder: `1-NAME`, `2-NAME`, ….
  ///
  /// - Throws: `KilpiError` when a file is missing or damaged, or the folder holds no reports of its own.
  package init(saved folder: String) throws {
    let path = folder + "/comparison.json"
    let json = try ResultFolder.parsed(FileReader.text(at: path, limit: 1 << 30), path)
    guard let names = json["reports"]?.array?.compactMap({ $0["name"]?.string }), names.count > 1
    else { throw KilpiError("'\(path)' is no comparison", advice: "it is damaged") }
    let reports = try names.enumerated().map { index, name in
      let own = Self.folder(of: name, number: index + 1, in: folder)
      guard FileReader.exists(own + "/report.json") else {
        throw KilpiError(
          "'\(folder)' does not hold the report of '\(name)'",
          advice: "load the reports themselves, and compare them again")
      }
      return (name: name, report: try RobustnessReport(saved: own))
    }
    try self.init(
      reports,
      correction: json["correction"]?.string.flatMap { Correction(rawValue: $0) } ?? .none)
  }
}
