/// The name a user probably meant.
public enum NearestName {
  /// Bytes of the longest name that is looked at.
  private static let longest = 1000

  /// The candidate nearest to `name` by edit distance (at most 2; 1 for names of four letters and
  /// fewer), else one that shares a prefix; nil for names of one letter.
  ///
  /// Ties go to the alphabetically first, so that messages do not depend on dictionary order.
  ///
  /// A name of more than 1000 bytes has none: the search takes the product of the lengths.
  public static func suggestion(for name: String, among candidates: [String]) -> String? {
    guard name.utf8.count <= longest else { return nil }
    // One letter is near every other one, and near all short names.
    guard name.count > 1 else { return nil }
    let sorted = candidates.filter { $0.count > 1 }.sorted()
    let limit = name.count <= 4 ? 1 : 2
    let count = name.unicodeScalars.count
    let nearest =
      sorted
      // No fewer edits than characters that one has more than the other.
      .filter { (count - $0.unicodeScalars.count).magnitude <= limit }
      .map { (name: $0, distance: distance(name, $0)) }
      .min { $0.distance < $1.distance }
    if let nearest, nearest.distance <= limit { return nearest.name }
    guard name.count >= 3 else { return nil }
    return sorted.first { $0.count >= 3 && ($0.hasPrefix(name) || name.hasPrefix($0)) }
  }

  /// The number of insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`.
  ///
  /// Optimal string alignment; cost `O(a.count · b.count)`.
  public static func distance(_ a: String, _ b: String) -> Int {
    let a = Array(a.unicodeScalars)
    let b = Array(b.unicodeScalars)
    if a.isEmpty || b.isEmpty { return max(a.count, b.count) }
    var before = [Int](repeating: 0, count: b.count + 1)
    var previous = Array(0...b.count)
    for i in 1...a.count {
      var current = [i] + [Int](repeating: 0, count: b.count)
      for j in 1...b.count {
        let substitution = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)
        current[j] = min(previous[j] + 1, current[j - 1] + 1, substitution)
        if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
          current[j] = min(current[j], before[j - 2] + 1)
        }
      }
      before = previous
      previous = current
    }
    return previous[b.count]
  }
}
