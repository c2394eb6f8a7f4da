internal import CKernels
internal import Diagnostics

extension Tensor {
  /// Checks 0-based indices against a size.
  private static func checked(_ indices: Tensor, below size: Int) throws -> Tensor {
    guard indices.dtype == .int64 else {
      throw KilpiError("", "indices are \(indices.dtype.rawValue), int64 is needed")
    }
    let ordered = try indices.detached().ordered()
    for position in 0..<ordered.count {
      if position & 0xFFFFF == 0 { try Interrupts.poll() }
      if (0..<Int64(size)).contains(ordered.i64[position]) { continue }
      throw KilpiError(
        "", "index \(ordered.i64[position]) at position \(position) lies outside 0 ..< \(size)")
    }
    return ordered
  }

  /// Entries along an axis in the order of `indices` (int64, one axis), which may repeat.
  ///
  /// Gradient: rows are added back where they came from.
  public func indexSelected(_ axis: Int, _ indices: Tensor) throws -> Tensor {
    let axis = try Shape.axis(axis, of: shape)
    guard indices.rank == 1 else {
      throw KilpiError(
        "", "indices have shape \(Shape.describe(indices.shape)), one axis is needed")
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
        for o in 0..<outer {
          let (to, from) = (o * original[axis] * inner, o * rows.count * inner)
          if type == .float32 {
            kilpi_add_rows_f32(whole.f32 + to, rows.i64, g.f32 + from, rows.count, inner)
          } else {
            kilpi_add_rows_f64(whole.f64 + to, rows.i64, g.f64 + from, rows.count, inner)
          }
        }
      }
      return [whole]
    }
  }

  /// Rows of a table `[entries, width]` for ids of any shape: `[…ids, width]`.
  public static func embedding(_ table: Tensor, ids: Tensor) throws -> Tensor {
    guard table.rank == 2 else {
      throw KilpiError(
        "", "the table has shape \(Shape.describe(table.shape)), two axes are needed")
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
        "",
        "indices have shape \(Shape.describe(indices.shape)), which differs from "
          + "\(Shape.describe(shape)) beyond axis \(axis)")
    }
    let picks = try Tensor.checked(indices, below: shape[axis])
    let inner = shape[(axis + 1)...].reduce(1, *)
    let (along, length) = (picks.shape[axis], shape[axis])
    let source = try ordered()
    let result = try Tensor(uninitialized: picks.shape, dtype)
    /// Where element `position` of the result lies in the source.
    func place(_ position: Int) -> Int {
      let (outer, column) = (position / (along * inner), position % inner)
      return (outer * length + Int(picks.i64[position])) * inner + column
    }
    try keeping(source, picks) {
      for position in 0..<result.count {
        if position & 0xFFFF == 0 { try Interrupts.poll() }
        switch dtype {
        case .float32: result.f32[position] = source.f32[place(position)]
        case .float64: result.f64[position] = source.f64[place(position)]
        case .int64: result.i64[position] = source.i64[place(position)]
        }
      }
    }
    let (original, type) = (shape, dtype)
    return Tensor.record("gather", result, from: [self]) { g, _ in
      let whole = try Tensor.zeros(original, type)
      let g = try g.ordered()
      keeping(g, picks) {
        for position in 0..<g.count {
          if type == .float32 {
            whole.f32[place(position)] += g.f32[position]
          } else {
            whole.f64[place(position)] += g.f64[position]
          }
        }
      }
      return [whole]
    }
  }
}
