internal import CKernels
internal import Diagnostics

/// How losses of single samples are combined.
public enum Reduction: String, Sendable, CaseIterable {
  /// Their mean.
  case mean
  /// Their sum.
  case sum
  /// Not at all: one value a sample.
  case none
}

extension Tensor {
  func reduced(_ reduction: Reduction) throws -> Tensor {
    switch reduction {
    case .mean: return try mean()
    case .sum: return try sum()
    case .none: return self
    }
  }

  /// Cross-entropy of logits, `−log softmax(z)_y` per row, computed around the maximum.
  ///
  /// Gradient: `softmax(z) − onehot(y)`.
  ///
  /// - Parameters:
  ///   - logits: `[N, C]`.
  ///   - labels: int64 `[N]`, 0-based.
  /// - Throws: `KilpiError` when the shapes do not fit or a label is out of range.
  public static func crossEntropy(
    logits: Tensor, labels: Tensor, reduction: Reduction = .mean
  ) throws -> Tensor {
    guard logits.rank == 2, labels.rank == 1, labels.count == logits.shape[0] else {
      throw KilpiError(
        "logits \(Shape.describe(logits.shape)) and labels \(Shape.describe(labels.shape)) "
          + "do not fit", advice: "logits are [N, C], labels [N]")
    }
    guard logits.dtype.isFloatingPoint else { throw unsupported(logits.dtype) }
    guard labels.dtype == .int64 else {
      throw KilpiError("labels are \(labels.dtype.rawValue), int64 is needed")
    }
    let (rows, classes) = (logits.shape[0], logits.shape[1])
    let truth = try labels.detached().ordered()
    for row in 0..<rows where !(0..<Int64(classes)).contains(truth.i64[row]) {
      throw KilpiError("label \(truth.i64[row]) of row \(row) lies outside 0 ..< \(classes)")
    }
    let source = try logits.ordered()
    let result = try Tensor(uninitialized: [rows], logits.dtype)
    keeping(source, truth) {
      kilpi_cross_entropy(logits.dtype.code, source.raw, truth.i64, result.raw, rows, classes)
    }
    guard willRecord([logits]) else { return try result.reduced(reduction) }
    let kept = Saved(source)
    return try record("cross_entropy", result, from: [logits]) { g, _ in
      let (z, g) = (try kept.value(), try g.ordered())
      let out = try Tensor(uninitialized: z.shape, z.dtype)
      keeping(z, g, truth) {
        kilpi_cross_entropy_gradient(z.dtype.code, z.raw, truth.i64, g.raw, out.raw, rows, classes)
      }
      return [out]
    }.reduced(reduction)
  }

  /// `Σ softmax(p) (log softmax(p) − log softmax(q))` over the last axis: KL(p‖q), target first.
  public static func klDivergence(
    logits p: Tensor, _ q: Tensor, reduction: Reduction = .mean
  ) throws -> Tensor {
    let logP = try p.logSoftmax()
    let terms = try logP.exp() * (logP - q.logSoftmax())
    return try terms.sum(axes: [-1]).reduced(reduction)
  }

  /// `Σ p (log p − log q)` over the last axis for probabilities: KL(p‖q), target first; terms with
  /// `p = 0` count 0.
  public static func klDivergence(
    _ p: Tensor, _ q: Tensor, reduction: Reduction = .mean
  ) throws -> Tensor {
    let zero = try Tensor.scalar(0, p.dtype)
    let positive = try p.greater(zero)
    let safe = try select(positive, p, Tensor.scalar(1, p.dtype))
    let terms = try select(positive, p * (safe.log() - q.log()), zero)
    return try terms.sum(axes: [-1]).reduced(reduction)
  }

  /// `(a − b)²`, combined over all elements.
  public static func meanSquaredError(
    _ a: Tensor, _ b: Tensor, reduction: Reduction = .mean
  ) throws -> Tensor {
    try (a - b).square().reduced(reduction)
  }
}
