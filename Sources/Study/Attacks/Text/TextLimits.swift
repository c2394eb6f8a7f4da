internal import Diagnostics

/// How many searches of texts there were, and how many a limit ended: a text that was searched less may
/// look more robust than it is.
package struct TextLimits: Equatable, Sendable {
  package var searches = 0
  /// Those that `maxQueries` ended.
  package var maxQueries = 0
  /// Those that `maxSeconds` ended.
  package var maxSeconds = 0

  /// No search.
  package init() {}

  /// The searches of a report.
  package init(_ report: TextReport) {
    searches = report.results.count
    maxQueries = report.stopped(by: .maxQueries)
    maxSeconds = report.stopped(by: .maxSeconds)
  }

  /// True when a limit ended some of them.
  package var isReached: Bool { maxQueries > 0 || maxSeconds > 0 }

  /// The counts by the limits' names, those of 0 left out.
  package var counts: [(limit: String, count: Int)] {
    [(TextFlag.maxQueries.rawValue, maxQueries), (TextFlag.maxSeconds.rawValue, maxSeconds)]
      .filter { $0.1 > 0 }
  }

  /// `2 of 3 searches of texts ended early (2 at max_queries): a longer one may break more`; nil when no
  /// limit was reached.
  package var text: String? {
    guard isReached else { return nil }
    let parts = counts.map { "\($0.count) at \($0.limit)" }.joined(separator: ", ")
    return "\(maxQueries.addingClamped(maxSeconds)) of \(searches) searches of texts ended early "
      + "(\(parts)): a longer one may break more"
  }

  /// `limit_reached`; nil when no limit was reached.
  package var flag: AttackFlag? { text.map { AttackFlag(.limitReached, $0) } }

  /// All of both.
  package static func + (a: TextLimits, b: TextLimits) -> TextLimits {
    var sum = a
    sum.searches = a.searches.addingClamped(b.searches)
    sum.maxQueries = a.maxQueries.addingClamped(b.maxQueries)
    sum.maxSeconds = a.maxSeconds.addingClamped(b.maxSeconds)
    return sum
  }
}
