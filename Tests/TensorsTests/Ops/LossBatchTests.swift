import TestSupport
import Tensors
import Testing

/// Losses over batches of different sizes.
@Suite struct LossBatchTests {
  @Test("B35: all losses are means over the batch, so that their weights do not depend on its size")
  func ratios() throws {
    var stream = RandomSource(seed: 8).stream(.script)
    let (p, q) = (
      try Tensor.randomNormal([8, 5], stream: &stream, dtype: .float64),
      try Tensor.randomNormal([8, 5], stream: &stream, dtype: .float64)
    )
    let labels = [Int64(0), 1, 2, 3, 4, 0, 1, 2]
    func losses(times: Int) throws -> [Double] {
      func tiled(_ t: Tensor) throws -> Tensor {
        try Tensor.concatenated([Tensor](repeating: t, count: times))
      }
      let (p, q) = (try tiled(p), try tiled(q))
      let classes = try tiled(Tensor(labels, shape: [8]))
      return try [
        Tensor.crossEntropy(logits: p, labels: classes), Tensor.klDivergence(logits: p, q),
        Tensor.klDivergence(p.softmax(), q.softmax()), Tensor.meanSquaredError(p, q),
      ].map { try $0.doubles()[0] }
    }
    let (few, many) = (try losses(times: 1), try losses(times: 8))
    for (a, b) in zip(few, many) { #expect(abs(a / b - 1) < 1e-12) }
    for (a, b) in zip(few, many) { #expect(abs(a / few[0] - b / many[0]) < 1e-12) }
    #expect(abs(few[1] - few[2]) < 1e-12)
    // A sum in one of them would be eight times as much.
    let summed = try Tensor.klDivergence(logits: p, q, reduction: .sum).doubles()[0]
    #expect(abs(summed / few[1] - 8) < 1e-12)
  }
}
