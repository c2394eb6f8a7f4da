import TestSupport
import Tensors
import Testing

/// Sorting along an axis longer than the pieces that are sorted and merged.
@Suite("sorting of long axes")
struct SortingTests {
  /// Many equal values, both zeros and NaN, in two rows.
  @Test("is stable, and NaN counts as the largest", arguments: [false, true])
  func longAxis(descending: Bool) throws {
    let count = 70_001
    var stream = RandomSource(seed: 9).stream(.script)
    let values = (0..<2 * count).map { _ -> Float in
      let draw = stream.integer(below: 1000)
      return draw == 0 ? .nan : draw == 1 ? -0.0 : Float(draw - 500) / 8
    }
    let (sorted, indices) = try Tensor(values, shape: [2, count]).sorted(descending: descending)
    let picks = try indices.integers()
    let found = try sorted.floats()
    for row in 0..<2 {
      // Buckets by value keep the order of what falls into them.
      var buckets: [Float: [Int64]] = [:]
      var rest: [Int64] = []
      for index in 0..<count {
        let value = values[row * count + index]
        if value.isNaN {
          rest.append(Int64(index))
        } else {
          buckets[value, default: []].append(Int64(index))
        }
      }
      let keys = descending ? buckets.keys.sorted(by: >) : buckets.keys.sorted()
      let numbers = keys.flatMap { buckets[$0] ?? [] }
      let expected = descending ? rest + numbers : numbers + rest
      #expect(Array(picks[row * count..<(row + 1) * count]) == expected)
      for (place, index) in expected.enumerated() {
        let (a, b) = (found[row * count + place], values[row * count + Int(index)])
        guard a.bitPattern != b.bitPattern else { continue }
        Issue.record("place \(place) holds \(a), not \(b)")
        return
      }
    }
  }
}
