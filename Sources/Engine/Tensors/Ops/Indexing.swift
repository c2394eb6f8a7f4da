internal import CKernels
internal import Diagnostics

extension Tensor {
  /// Checks 0-based indices against a size.
  private static func checked(_ indices: Tensor, below size: Int) throws -> Tensor {
    guard indices.dtype == .int64 else {
      throw KilpiError("indices are \(indices.dtype.rawValue), int64 is needed")
    }
    let ordered = try indices.detached().ordered()
    for position in 0..<ordered.count {
      if position & 0xFFFFF == 0 { try Interrupts.poll() }
      if (0..<Int64(size)).contains(ordered.i64[position]) { continue }
      throw KilpiError(
        "index \(ordered.i64[position]) at position \(position) lies outside 0 ..< \(size)")
    }
    return ordered
  }

  /// Entries along an axis in the order of `indices` (int64, one axis), which may repeat.
  ///
  /// Gradient: rows are added back where they came from.
  public func indexSelected(_ axis: Int, _ indices: Tensor) throws -> Tensor {
    let axis = try Shape.axis(axis, of: shape)
    guard indices.rank == 1 else {
      throw KilpiError("indices have shape \(Shape.describe(indices.shape)), one axis is needed")
    }
    let rows = try Tensor.checked(indices, below: shape[axis])
    let outer = shape[..<axis].reduce(1, *)
    let inner = shape[(axis + 1)...].reduce(1, *)
    var target = shape
    target[axis] = rows.count
    let source = try ordered()
    let result = try Tensor(uninitialized: target, dtype)
    keeping(source, rows) {
      kilpi_take_rows(
        source.raw, rows.i64, result.raw, outer, shape[axis], rows.count, inner * dtype.size)
    }
    let (original, type) = (shape, dtype)
    return Tensor.record("index_select", result, from: [self]) { g, _ in
      let whole = try Tensor.zeros(original, type)
      let g = try g.ordered()
      keeping(g, rows) {
        kilpi_add_rows(
          type.code, whole.raw, rows.i64, g.raw, outer, original[axis], rows.count, inner)
      }
      return [whole]
    }
  }

  /// Rows of a table `[entries, width]` for ids of any shape: `[…ids, width]`.
  public static func embedding(_ table: Tensor, ids: Tensor) throws -> Tensor {
    guard table.rank == 2 else {
      throw KilpiError("the table has shape \(Shape.describe(table.shape)), two axes are needed")
    }
    let flat = try ids.reshaped([ids.count])
    return try table.indexSelected(0, flat).reshaped(ids.shape + [table.shape[1]])
  }

  /// Per position, the entry that `indices` names along an axis, as PyTorch's `gather`.
  ///
  /// `indices` has this tensor's rank and sizes, but for `axis`. Gradient: added back.
  public func gathered(_ axis: Int, _ indices: Tensor) throws -> Tensor {
    let axis = try Shape.axis(axis, of: shape)
    var expected = shape
    if indices.rank == rank { expected[axis] = indices.shape[axis] }
    guard indices.shape == expected else {
      throw KilpiError(
        "indices have shape \(Shape.describe(indices.shape)), which differs from "
          + "\(Shape.describe(shape)) beyond axis \(axis)")
    }
    let picks = try Tensor.checked(indices, below: shape[axis])
    let inner = shape[(axis + 1)...].reduce(1, *)
    let (along, length) = (picks.shape[axis], shape[axis])
    let source = try ordered()
    let result = try Tensor(uninitialized: picks.shape, dtype)
    keeping(source, picks) {
      kilpi_pick(
        dtype.code, source.raw, picks.i64, result.raw, result.count, along, length, inner)
    }
    let (original, type) = (shape, dtype)
    return Tensor.record("gather", result, from: [self]) { g, _ in
      let whole = try Tensor.zeros(original, type)
      let g = try g.ordered()
      keeping(g, picks) {
        kilpi_add_picked(type.code, whole.raw, picks.i64, g.raw, g.count, along, length, inner)
      }
      return [whole]
    }
  }
}
