/// The name a user probably meant.
public enum NearestName {
  /// Bytes of the longest name that is looked at.
  private static let longest = 1000

  /// The candidate nearest to `name` by edit distance (at most 2; 1 for names of five letters and
  /// fewer), else one that shares a prefix; nil for names of one letter.
  ///
  /// Capitals count for nothing but between equals, another digit is another name. Ties go to the
  /// alphabetically first, so that messages do not depend on dictionary order.
  ///
  /// A name of more than 1000 bytes has none: the search takes the product of the lengths.
  public static func suggestion(for name: String, among candidates: [String]) -> String? {
    guard name.utf8.count <= longest else { return nil }
    // One letter is near every other one, and near all short names.
    guard name.count > 1 else { return nil }
    let sorted = candidates.filter { $0.count > 1 }.sorted()
    let lowered = name.lowercased()
    let limit = name.count <= 5 ? 1 : 2
    let count = name.unicodeScalars.count
    let nearest =
      sorted
      // No fewer edits than characters that one has more than the other.
      .filter { (count - $0.unicodeScalars.count).magnitude <= limit }
      .map { (name: $0, distance: distance(lowered, $0.lowercased()), exact: distance(name, $0)) }
      .min { ($0.distance, $0.exact) < ($1.distance, $1.exact) }
    if let nearest, nearest.distance <= limit { return nearest.name }
    guard name.count >= 3 else { return nil }
    return sorted.first {
      let other = $0.lowercased()
      return $0.count >= 3 && (other.hasPrefix(lowered) || lowered.hasPrefix(other))
    }
  }

  /// The number of insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`;
  /// digits count more, since `l2` is no slip for `l1`: 2 for one too many, 3 for another one.
  ///
  /// Optimal string alignment; cost `O(a.count · b.count)`.
  public static func distance(_ a: String, _ b: String) -> Int {
    let a = Array(a.unicodeScalars)
    let b = Array(b.unicodeScalars)
    var before: [Int] = []
    var previous = [0]
    for scalar in b { previous.append(previous[previous.count - 1] + cost(scalar)) }
    for i in a.indices {
      var current = [previous[0] + cost(a[i])]
      for j in b.indices {
        let substitution = previous[j] + cost(a[i], b[j])
        current.append(min(previous[j + 1] + cost(a[i]), current[j] + cost(b[j]), substitution))
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
          current[j + 1] = min(current[j + 1], before[j - 1] + 1)
        }
      }
      before = previous
      previous = current
    }
    return previous[b.count]
  }

  private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }

  private static func cost(_ scalar: Unicode.Scalar) -> Int { isDigit(scalar) ? 2 : 1 }

  private static func cost(_ a: Unicode.Scalar, _ b: Unicode.Scalar) -> Int {
    a == b ? 0 : isDigit(a) && isDigit(b) ? 3 : 1
  }
}
