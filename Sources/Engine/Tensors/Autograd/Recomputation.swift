internal import CKernels
internal import Diagnostics

extension Tensor {
  /// `body(inputs)`, keeping nothing of what its gradients need but the inputs: backward runs `body`
  /// again (activation checkpointing, arXiv:1604.06174).
  ///
  /// Exact: the second run computes the same values. Costs one more forward; saves what `body` would
  /// keep.
  ///
  /// - Parameters:
  ///   - inputs: every tensor that a gradient may flow to, weights included.
  ///   - body: must use these inputs alone, and give the same result each time.
  public static func recomputed(
    _ inputs: [Tensor], _ body: @escaping ([Tensor]) throws -> Tensor
  ) throws -> Tensor {
    guard willRecord(inputs) else { return try body(inputs) }
    let result = try withoutGradients { try body(inputs.map { $0.detached() }) }
    let kept = inputs.map { Saved($0) }
    return record("recomputed", result.detached(), from: inputs) { gradient, needs in
      let leaves = try zip(kept, needs).map { saved, isNeeded in
        let leaf = try saved.value().detached()
        return isNeeded ? try leaf.setRequiresGradient(true) : leaf
      }
      // The walk over the tape has paused recording; this run needs its own tape.
      let depth = kilpi_gradient_pause(0)
      _ = kilpi_gradient_pause(-depth)
      let again: Tensor
      do {
        defer { _ = kilpi_gradient_pause(depth) }
        again = try body(leaves)
      }
      let wanted = zip(leaves, needs).filter { $0.1 }.map { $0.0 }
      var found = try gradients(of: again, with: wanted, seed: gradient).makeIterator()
      return needs.map { $0 ? found.next() : nil }
    }
  }
}
