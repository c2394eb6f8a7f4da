internal import Attacks
internal import Files
internal import Tensors

/// What a row of a retrieval result took, and whether it may be believed.
struct RetrievalTotals {
  /// The largest change of any image in each norm; nil when images were not changed.
  var largest: (linf: Double, l2: Double, l1: Double)?
  /// Images that the model was given.
  var forwards = 0
  /// Gradients that were taken.
  var backwards = 0
  /// Time of the batches, or of the text attack: the sum over all processes and sessions.
  var seconds = 0.0
  /// Reasons why the row must not be believed.
  var problems: [String] = []
  /// Searches of captions, and those that a limit ended.
  var limits = TextLimits()

  mutating func take(_ report: AttackReport, _ images: Tensor) throws {
    let distance = report.distance
    grow((distance.linf.max() ?? 0, distance.l2.max() ?? 0, distance.l1.max() ?? 0))
    forwards += report.forwards.reduce(0, +)
    backwards += report.backwards.reduce(0, +)
    problems += try report.brokenBounds(images, report.budget)
  }

  mutating func add(_ other: RetrievalTotals, label: String? = nil) {
    if let change = other.largest { grow(change) }
    forwards += other.forwards
    backwards += other.backwards
    seconds += other.seconds
    limits = limits + other.limits
    problems += other.problems.map { problem in label.map { "\($0): \(problem)" } ?? problem }
  }

  private mutating func grow(_ change: (linf: Double, l2: Double, l1: Double)) {
    let old = largest ?? (0, 0, 0)
    largest = (max(old.linf, change.linf), max(old.l2, change.l2), max(old.l1, change.l1))
  }

  // MARK: JSON

  var json: JSONValue {
    .record([
      "largest": largest.map { .array([.number($0.linf), .number($0.l2), .number($0.l1)]) }
        ?? .null,
      "forwards": .integer(Int64(forwards)), "backwards": .integer(Int64(backwards)),
      "seconds": .number(seconds), "problems": .strings(problems),
      "searches": .array(
        [limits.searches, limits.maxQueries, limits.maxSeconds].map { .integer(Int64($0)) }),
    ])
  }
}

extension RetrievalTotals {
  /// Reads what `json` wrote; nil when something is missing.
  init?(_ json: JSONValue) {
    guard let forwards = json["forwards"]?.int, let backwards = json["backwards"]?.int,
      let seconds = json["seconds"]?.anyDouble, let problems = json["problems"]?.array
    else { return nil }
    self.forwards = forwards
    self.backwards = backwards
    self.seconds = seconds
    self.problems = problems.compactMap(\.string)
    if let counts = json["searches"]?.array?.compactMap(\.int), counts.count == 3 {
      (limits.searches, limits.maxQueries, limits.maxSeconds) = (counts[0], counts[1], counts[2])
    }
    if let change = json["largest"]?.array?.compactMap(\.anyDouble), change.count == 3 {
      largest = (change[0], change[1], change[2])
    }
  }
}
