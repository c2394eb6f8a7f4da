internal import Diagnostics
public import Tensors

/// What differs between two tensors beyond `|a − b| ≤ atol + rtol · |b|`, or nil.
///
/// Shapes and element types must agree; NaN equals NaN, infinities equal themselves. The text names
/// the worst place, both values and how many lie outside.
public func mismatch(
  _ a: Tensor, _ b: Tensor, rtol: Double, atol: Double = 0
) throws -> String? {
  guard a.shape == b.shape else { return "shape \(a.shape), expected \(b.shape)" }
  guard a.dtype == b.dtype else { return "type \(a.dtype), expected \(b.dtype)" }
  return mismatch(try a.doubles(), try b.doubles(), rtol: rtol, atol: atol)
}

/// As `mismatch` for tensors, for their values.
public func mismatch(
  _ a: [Double], _ b: [Double], rtol: Double, atol: Double = 0
) -> String? {
  guard a.count == b.count else { return "\(a.count) values, expected \(b.count)" }
  var worst = (excess: 0.0, index: -1)
  var outside = 0
  for index in a.indices {
    let (x, y) = (a[index], b[index])
    if x == y || x.isNaN && y.isNaN { continue }
    let difference = abs(x - y)
    let allowed = atol + rtol * abs(y)
    if difference <= allowed { continue }
    outside += 1
    let excess = difference.isNaN ? Double.infinity : difference / max(allowed, 1e-300)
    if excess > worst.excess { worst = (excess, index) }
  }
  if outside == 0 { return nil }
  return "\(outside) of \(a.count) values differ, worst at \(worst.index): \(a[worst.index]), "
    + "expected \(b[worst.index])"
}
