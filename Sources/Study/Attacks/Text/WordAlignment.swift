/// How the words of two texts correspond, by the fewest changed words, and of these ways by the one that
/// keeps the most letters.
///
/// A word replaced, split, lost or gained counts one, and so does a pair of words merged into one;
/// a split or a merger keeps at least half of the letters, else it is several other words.
struct WordAlignment {
  /// One changed place.
  struct Change: Equatable {
    /// The changed words of the first text; empty for gained words.
    var old: Range<Int>
    /// What stands there in the second text.
    var new: Range<Int>
  }

  /// The changed places, in order.
  let changes: [Change]

  /// The number of changed words.
  var count: Int { changes.count }

  /// - Parameter matchesCase: whether words that differ in case alone are different words.
  init(_ first: [String], _ second: [String], matchesCase: Bool = false) {
    let a = matchesCase ? first : first.map { $0.lowercased() }
    let b = matchesCase ? second : second.map { $0.lowercased() }
    var start = 0
    while start < min(a.count, b.count), a[start] == b[start] { start += 1 }
    var tail = 0
    while tail < min(a.count, b.count) - start, a[a.count - 1 - tail] == b[b.count - 1 - tail] {
      tail += 1
    }
    changes = Self.align(a[start..<(a.count - tail)], b[start..<(b.count - tail)])
  }

  /// Dynamic programming over the part that differs; each step takes `i` words to `j` words.
  private static func align(_ a: ArraySlice<String>, _ b: ArraySlice<String>) -> [Change] {
    if a.isEmpty, b.isEmpty { return [] }
    let rows = a.count + 1
    let columns = b.count + 1
    // Changed words, and letters that they do not keep.
    var cost = [(words: Int, letters: Int)](repeating: (.max, 0), count: rows * columns)
    var step = [(Int, Int)](repeating: (0, 0), count: rows * columns)
    cost[0] = (0, 0)
    for i in 0..<rows {
      for j in 0..<columns where i + j > 0 {
        func offer(_ di: Int, _ dj: Int) {
          guard di <= i, dj <= j else { return }
          let (same, all) = keptLetters(
            a.dropFirst(i - di).prefix(di), b.dropFirst(j - dj).prefix(dj))
          // A split or a merger that keeps less is several other words.
          if di + dj > 2, 2 * same < all { return }
          let before = cost[(i - di) * columns + j - dj]
          let isSame = di == 1 && dj == 1 && a[a.startIndex + i - 1] == b[b.startIndex + j - 1]
          let now = (before.words + (isSame ? 0 : 1), before.letters + all - same)
          if now < cost[i * columns + j] {
            cost[i * columns + j] = now
            step[i * columns + j] = (di, dj)
          }
        }
        offer(1, 1)
        offer(1, 0)
        offer(0, 1)
        offer(2, 1)
        // A word split into any number of words is one changed word.
        guard i > 0, j > 1 else { continue }
        for width in 2...j { offer(1, width) }
      }
    }
    var changes: [Change] = []
    var (i, j) = (a.count, b.count)
    while i + j > 0 {
      let (di, dj) = step[i * columns + j]
      let same = di == 1 && dj == 1 && a[a.startIndex + i - 1] == b[b.startIndex + j - 1]
      if !same {
        let old = a.startIndex + i
        let new = b.startIndex + j
        changes.append(Change(old: (old - di)..<old, new: (new - dj)..<new))
      }
      (i, j) = (i - di, j - dj)
    }
    return changes.reversed()
  }

  /// How many letters two runs of words agree in from both ends, and how many the longer one has.
  private static func keptLetters(
    _ a: ArraySlice<String>, _ b: ArraySlice<String>
  ) -> (same: Int, all: Int) {
    let first = Array(a.joined().unicodeScalars)
    let second = Array(b.joined().unicodeScalars)
    let shorter = min(first.count, second.count)
    var same = 0
    while same < shorter, first[same] == second[same] { same += 1 }
    var tail = 0
    while tail < shorter - same, first[first.count - 1 - tail] == second[second.count - 1 - tail] {
      tail += 1
    }
    return (same + tail, max(first.count, second.count))
  }
}
