internal import Diagnostics

/// When a text attack must stop: its time, and how far each prompt is.
///
/// Progress counts evaluations, whose cost is about equal: each prompt has an expected number of
/// them, what is answered counts towards it, and a finished prompt counts whole.
final class TextBudget {
  private let deadline: ContinuousClock.Instant?
  private let limit: Int?
  private let handler: ProgressHandler?
  private var expected: [Int] = []
  private var done: [Int] = []

  init(seconds: Double?, queries: Int?, progress: ProgressHandler?) {
    // Centuries do not fit every clock, and are no limit.
    deadline = seconds.flatMap { $0 < 1e10 ? ContinuousClock.now + .seconds($0) : nil }
    limit = queries
    handler = progress
  }

  /// Whether the time is over.
  var isOver: Bool { deadline.map { ContinuousClock.now >= $0 } ?? false }

  /// How many evaluations are expected of each prompt.
  func expect(_ counts: [Int]) {
    expected = counts.map { count in max(1, limit.map { min($0, count) } ?? count) }
    if done.count != expected.count { done = expected.map { _ in 0 } }
    for index in done.indices { done[index] = min(done[index], expected[index]) }
    report()
  }

  /// Counts evaluations of a prompt.
  func count(_ prompt: Int, _ evaluations: Int = 1) {
    guard done.indices.contains(prompt) else { return }
    done[prompt] = min(done[prompt] + evaluations, expected[prompt])
  }

  /// A prompt needs no more evaluations.
  func finish(_ prompt: Int) {
    guard done.indices.contains(prompt) else { return }
    done[prompt] = expected[prompt]
  }

  /// Tells how far the attack is.
  func report() {
    guard let handler, !expected.isEmpty else { return }
    handler(
      ProgressEvent(
        name: "text attack", completed: done.reduce(0, +), total: expected.reduce(0, +)))
  }
}
