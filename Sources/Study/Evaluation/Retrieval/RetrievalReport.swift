package import Attacks
internal import Datasets
package import Files
internal import Tensors

/// One row of a retrieval result: what was attacked, and where own items then stand.
package struct RetrievalScenario: ScenarioRow {
  /// What was changed; of the multimodal rows `mm_sep`, `mm_co`, `mm_sga` and `mm_worst`.
  package let kind: ScenarioKind
  /// The attack's name; empty for `clean`.
  package let attack: String
  /// Everything that fixes the attack.
  package var record = JSONValue.null
  /// What the images' change was bounded by; nil when they were not changed.
  package var threat: ThreatModel?
  /// The attack without its budget, where rows differ in that alone: the points of one curve.
  package var family = ""
  /// Where own items stand.
  package var ranks: RetrievalRanks?
  /// All captions after the attack; empty when they were not changed.
  package var texts: [String] = []
  /// Captions that changed.
  package var changedTexts = 0
  /// Share of edits that are synonyms, where a text attack on its own tells.
  package var synonymShare: Double?
  /// Shares of candidates that each constraint dropped, where a text attack on its own tells.
  package var droppedShares: [TextConstraint: Double] = [:]
  /// Texts encoded by a text attack on its own.
  package var encodedTexts = 0
  var totals = RetrievalTotals()
  /// The largest change of any image in each norm; nil when images were not changed.
  package var largest: (linf: Double, l2: Double, l1: Double)? { totals.largest }
  /// Images that the model was given.
  package var forwards: Int { totals.forwards }
  /// Gradients that were taken.
  package var backwards: Int { totals.backwards }
  /// Time of its batches, or of its text attack: the sum over all processes and sessions.
  package var seconds: Double { totals.seconds }
  /// Reasons why the row must not be believed.
  package var problems: [String] { totals.problems }

  init(kind: ScenarioKind, attack: String = "") {
    self.kind = kind
    self.attack = attack
  }

  package func recall(_ direction: RetrievalDirection, at k: Int) -> Proportion? {
    ranks?.recall(direction, at: k)
  }

  /// `captions`, where they change.
  package var changedSide: String? { kind == .clean || kind == .image ? nil : "captions" }

  /// `asr_drop` at k: clean recall minus recall here, a share as all rates.
  package func drop(_ direction: RetrievalDirection, at k: Int, from clean: Self) -> Double? {
    guard let before = clean.recall(direction, at: k)?.value,
      let after = recall(direction, at: k)?.value
    else { return nil }
    return before - after
  }

  /// `asr_lost` at k: the share of items found at k before that are not found after; nil when none
  /// was.
  package func lost(_ direction: RetrievalDirection, at k: Int, from clean: Self) -> Double? {
    guard let before = clean.ranks?.hits(direction, at: k),
      let after = ranks?.hits(direction, at: k)
    else { return nil }
    return Proportion(zip(before, after).filter(\.0).map { !$1 }).value
  }

  /// Takes over whatever queries fare worse in another row, and adds its costs.
  ///
  /// A caption is the one that finds its image worst.
  mutating func add(_ other: RetrievalScenario) {
    if let own = ranks, let theirs = other.ranks {
      for index in texts.indices where theirs.textToImage[index] > own.textToImage[index] {
        texts[index] = other.texts[index]
      }
      ranks = own.worse(theirs)
    }
    totals.add(other.totals, label: other.label)
  }

  mutating func take(_ report: TextReport) {
    texts = report.texts
    changedTexts = report.results.count { !$0.edits.isEmpty }
    totals.limits = TextLimits(report)
    synonymShare = changedTexts > 0 ? report.synonymShare : nil
    droppedShares = report.droppedShares
    encodedTexts = report.queries.encoded
  }

  // MARK: The record's line of a text attack

  var textJSON: JSONValue {
    .record([
      "texts": .strings(texts), "changed": .integer(Int64(changedTexts)),
      "synonym_share": .optional(synonymShare),
      "dropped_shares": droppedJSON, "encoded": .integer(Int64(encodedTexts)),
      "totals": totals.json,
    ])
  }

  var droppedJSON: JSONValue {
    .object(
      droppedShares.sorted { $0.key.rawValue < $1.key.rawValue }.map {
        .init($0.key.rawValue, .number($0.value))
      })
  }

  /// Reads what `textJSON` wrote; false when something is missing.
  mutating func take(_ json: JSONValue) -> Bool {
    guard let texts = json["texts"]?.array, let changed = json["changed"]?.int,
      let dropped = json["dropped_shares"]?.object, let encoded = json["encoded"]?.int,
      let totals = json["totals"].flatMap({ RetrievalTotals($0) })
    else { return false }
    self.texts = texts.compactMap(\.string)
    changedTexts = changed
    synonymShare = json["synonym_share"]?.anyDouble
    for share in dropped {
      guard let name = TextConstraint(rawValue: share.key), let value = share.value.anyDouble else {
        return false
      }
      droppedShares[name] = value
    }
    encodedTexts = encoded
    self.totals = totals
    return true
  }
}

/// Recall in both directions over one gallery, clean and attacked, and how to measure it again.
package struct RetrievalReport {
  /// The model's name.
  package var name: String
  /// Rows, `clean` first.
  package let scenarios: [RetrievalScenario]
  /// Ids of the images, in order.
  package let ids: [String]
  /// The clean captions of each image.
  package let captions: [[String]]
  /// The image of each caption.
  package let owners: [Int]
  /// Name of the data set.
  package let dataName: String
  package let split: String
  /// Images in the whole split.
  package let splitCount: Int
  /// Width of the images, where perturbations live.
  package let width: Int
  /// Height of the images.
  package let height: Int
  /// Wall-clock time of the whole evaluation.
  package let seconds: Double
  /// Model, data, threat model.
  package let record: JSONValue
  /// What a reader of the table must know.
  package let notes: [String]

  init(
    name: String, data: Dataset, captions: [[String]], owners: [Int],
    resolution: (width: Int, height: Int), scenarios: [RetrievalScenario], record: JSONValue,
    notes: [String], seconds: Double
  ) {
    self.name = name
    self.scenarios = scenarios
    ids = data.ids
    self.captions = captions
    self.owners = owners
    dataName = data.name
    split = data.split
    splitCount = data.splitCount
    (width, height) = resolution
    self.record = record
    self.seconds = seconds
    self.notes = data.notes + Self.notes(data) + Self.notes(scenarios) + notes
  }

  /// Images of official test splits; recall on another gallery is another number.
  static let officialCounts = [("flickr8k", 1000), ("flickr30k", 1000), ("coco", 5000)]

  private static func notes(_ data: Dataset) -> [String] {
    var notes: [String] = []
    if data.count != data.splitCount {
      notes.append(
        "\(data.count) of \(data.splitCount) images: a smaller gallery makes recall higher")
    }
    for (name, count) in officialCounts
    where data.name.lowercased().contains(name) && data.count != count {
      notes.append(
        "the official test split of \(name) has \(count) images, this gallery has \(data.count): "
          + "not comparable with published recall")
    }
    return notes
  }

  private static func notes(_ scenarios: [RetrievalScenario]) -> [String] {
    scenarios.flatMap { row in row.problems.map { "\(row.label) is invalid: \($0)" } }
  }
}
