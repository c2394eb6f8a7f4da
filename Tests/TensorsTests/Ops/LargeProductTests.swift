import Kernels
import Testing

/// Large float32 products, by whichever library computes them here, against the same in float64.
@Suite struct LargeProductTests {
  struct Row: Sendable, CustomTestStringConvertible {
    let m: Int
    let n: Int
    let k: Int
    var testDescription: String { "\(m) x \(n) x \(k)" }
  }

  static let rows = [
    Row(m: 64, n: 64, k: 64), Row(m: 65, n: 63, k: 64), Row(m: 1, n: 700, k: 400),
    Row(m: 700, n: 1, k: 400), Row(m: 50, n: 2304, k: 768), Row(m: 129, n: 77, k: 31),
    Row(m: 300, n: 200, k: 1), Row(m: 512, n: 512, k: 3),
  ]

  /// Fixed values from -1 to 1; strides are three larger than the rows.
  private func matrix(_ rows: Int, _ columns: Int, _ salt: Int) -> [Float] {
    (0..<rows * (columns + 3)).map { Float(($0 * 7919 + salt) % 2001) / 1000 - 1 }
  }

  @Test(arguments: rows) func agreesWithFloat64(row: Row) {
    let (m, n, k) = (row.m, row.n, row.k)
    for (transposeA, transposeB) in [(false, false), (true, false), (false, true), (true, true)] {
      let (ra, ca) = transposeA ? (k, m) : (m, k)
      let (rb, cb) = transposeB ? (n, k) : (k, n)
      let (a, b) = (matrix(ra, ca, 1), matrix(rb, cb, 2))
      for (alpha, beta) in [(Float(1), Float(0)), (-0.5, 1)] {
        var c = matrix(m, n, 3)
        var wide = c.map { Double($0) }
        Float.blasProduct(
          transposeA, transposeB, m, n, k, alpha, a, ca + 3, b, cb + 3, beta, &c, n + 3)
        Double.blasProduct(
          transposeA, transposeB, m, n, k, Double(alpha), a.map { Double($0) }, ca + 3,
          b.map { Double($0) }, cb + 3, Double(beta), &wide, n + 3)
        let worst = zip(c, wide).map { abs(Double($0) - $1) }.max() ?? 0
        // Rounding is bounded by the sum of |a·b|, at most k here, whatever the order of the sums.
        #expect(worst <= 1e-6 * Double(k) + 1e-6, "\(ProductLibrary.name)")
      }
    }
  }
}
