public import Attacks
internal import Datasets
public import Files
internal import Tensors

/// One row of a retrieval result: what was attacked, and where own items then stand.
public struct RetrievalScenario {
  /// What was changed; of the multimodal rows `mm_sep`, `mm_co`, `mm_sga` and `mm_worst`.
  public let kind: ScenarioKind
  /// The attack's name; empty for `clean`.
  public let attack: String
  /// Everything that fixes the attack.
  public var record = JSONValue.null
  /// What the images' change was bounded by; nil when they were not changed.
  public var budget: Budget?
  /// Where own items stand.
  public var ranks: RetrievalRanks?
  /// All captions after the attack; empty when they were not changed.
  public var texts: [String] = []
  /// Captions that changed.
  public var changedTexts = 0
  /// Share of edits that are synonyms, where a text attack on its own tells.
  public var synonymShare: Double?
  /// Shares of candidates that each constraint dropped, where a text attack on its own tells.
  public var droppedShares: [TextConstraint: Double] = [:]
  /// Texts encoded by a text attack on its own.
  public var encodedTexts = 0
  /// The largest change of any image in each norm; nil when images were not changed.
  public var largest: (linf: Double, l2: Double, l1: Double)?
  /// Images that the model was given.
  public var forwards = 0
  /// Gradients that were taken.
  public var backwards = 0
  /// Wall-clock time.
  public var seconds = 0.0
  /// Reasons why the row must not be believed.
  public var problems: [String] = []

  init(kind: ScenarioKind, attack: String = "") {
    self.kind = kind
    self.attack = attack
  }

  /// Scenario and attack: `image/pgd`; `clean` alone.
  public var label: String { attack.isEmpty ? kind.rawValue : kind.rawValue + "/" + attack }

  /// R@k.
  public func recall(_ direction: RetrievalDirection, at k: Int) -> Proportion? {
    ranks?.recall(direction, at: k)
  }

  /// `asr_drop` at k: clean recall minus recall here, in points.
  public func drop(_ direction: RetrievalDirection, at k: Int, from clean: Self) -> Double? {
    guard let before = clean.recall(direction, at: k)?.value,
      let after = recall(direction, at: k)?.value
    else { return nil }
    return 100 * (before - after)
  }

  /// `asr_lost` at k: the share of items found at k before that are not found after; nil when none
  /// was.
  public func lost(_ direction: RetrievalDirection, at k: Int, from clean: Self) -> Double? {
    guard let before = clean.ranks?.hits(direction, at: k),
      let after = ranks?.hits(direction, at: k)
    else { return nil }
    return Proportion(zip(before, after).filter(\.0).map { !$1 }).value
  }

  mutating func take(_ report: AttackReport, _ images: Tensor) {
    let distance = report.distance
    let old = largest ?? (0, 0, 0)
    largest = (
      max(old.linf, distance.linf.max() ?? 0), max(old.l2, distance.l2.max() ?? 0),
      max(old.l1, distance.l1.max() ?? 0)
    )
    forwards += report.forwards.reduce(0, +)
    backwards += report.backwards.reduce(0, +)
    let slack = report.budget.norm == .linf ? 0 : 1e-6 * report.budget.epsilon
    let change = distance[report.budget.norm].max() ?? 0
    if !(change <= report.budget.epsilon + slack) {
      problems.append("the change \(change) is larger than the budget, \(report.budget)")
    }
    if (try? images.withPixels { $0.allSatisfy { $0 >= 0 && $0 <= 1 } }) != true {
      problems.append("adversarial pixels leave 0 … 1")
    }
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
    if let change = other.largest {
      let old = largest ?? (0, 0, 0)
      largest = (max(old.linf, change.linf), max(old.l2, change.l2), max(old.l1, change.l1))
    }
    forwards += other.forwards
    backwards += other.backwards
    seconds += other.seconds
    problems += other.problems.map { "\(other.label): \($0)" }
  }

  mutating func take(_ report: TextReport) {
    texts = report.texts
    changedTexts = report.results.count { !$0.edits.isEmpty }
    synonymShare = report.synonymShare
    droppedShares = report.droppedShares
    encodedTexts = report.queries.encoded
  }
}

/// Recall in both directions over one gallery, clean and attacked, and how to measure it again.
public struct RetrievalReport {
  /// The model's name.
  public var name: String
  /// Rows, `clean` first.
  public let scenarios: [RetrievalScenario]
  /// Ids of the images, in order.
  public let ids: [String]
  /// The clean captions of each image.
  public let captions: [[String]]
  /// The image of each caption.
  public let owners: [Int]
  /// Name of the data set.
  public let dataName: String
  /// Its split.
  public let split: String
  /// Images in the whole split.
  public let splitCount: Int
  /// Width of the images, where perturbations live.
  public let width: Int
  /// Height of the images.
  public let height: Int
  /// Wall-clock time of the whole evaluation.
  public let seconds: Double
  /// Model, data, threat model.
  public let record: JSONValue
  /// What a reader of the table must know.
  public let notes: [String]

  init(
    name: String, data: Dataset, captions: [[String]], owners: [Int],
    resolution: (width: Int, height: Int), scenarios: [RetrievalScenario], record: JSONValue,
    seconds: Double
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
    notes = data.notes + Self.notes(data) + Self.notes(scenarios)
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

  /// The row of a label such as `clean`, `image/pgd` or `mm_sga`; a kind alone is its first row.
  public func scenario(_ label: String) -> RetrievalScenario? {
    scenarios.first { $0.label == label } ?? scenarios.first { $0.kind.rawValue == label }
  }
}
