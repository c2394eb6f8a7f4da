public import Tensors
public import Testing

/// Compares whole tensors, and records an issue with the worst element when one is too far off.
///
/// An element is close when `|a − b| ≤ atol + rtol · |b|`; NaN is close to nothing.
public func expectClose(
  _ value: Tensor, _ expected: Tensor, rtol: Double, atol: Double, _ comment: Comment? = nil,
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  guard value.shape == expected.shape else {
    Issue.record(
      "the shape is \(value.shape), expected \(expected.shape)", sourceLocation: sourceLocation)
    return
  }
  let (a, b) = (try value.doubles(), try expected.doubles())
  var worst: (index: Int, excess: Double) = (-1, 0)
  var outside = 0
  for index in a.indices {
    let difference = abs(a[index] - b[index])
    let excess = difference - (atol + rtol * abs(b[index]))
    if a[index] == b[index] { continue }
    if !(excess <= 0) {
      outside += 1
      if worst.index < 0 || excess > worst.excess || excess.isNaN { worst = (index, excess) }
    }
  }
  if outside > 0 {
    Issue.record(
      """
      \(comment.map { "\($0): " } ?? "")\(outside) of \(a.count) elements of \(value.shape) differ; \
      worst at \(worst.index): \(a[worst.index]), expected \(b[worst.index])
      """, sourceLocation: sourceLocation)
  }
}
