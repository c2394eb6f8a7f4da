internal import CKernels
internal import Diagnostics
public import Kernels

/// The activation fused behind a linear layer.
public enum Activation: String, Sendable, CaseIterable {
  /// None.
  case none
  /// `x · sigmoid(1.702 x)`.
  case quickGELU = "quick_gelu"
  /// `x · Φ(x)`.
  case gelu
  /// `½ x (1 + tanh(√(2/π) (x + 0.044715 x³)))`.
  case tanhGELU = "gelu_pytorch_tanh"
  /// `max(x, 0)`.
  case relu

  /// Its row among those that the kernels fuse.
  var code: kilpi_activation {
    switch self {
    case .none: KILPI_FUSED_IDENTITY
    case .quickGELU: KILPI_FUSED_QUICK_GELU
    case .gelu: KILPI_FUSED_GELU
    case .tanhGELU: KILPI_FUSED_TANH_GELU
    case .relu: KILPI_FUSED_RELU
    }
  }
}

/// A matrix in memory: first element, row stride, and whether it is stored transposed.
private struct MatrixView {
  let tensor: Tensor
  let rowStride: Int
  let isTransposed: Bool

  /// The last two axes of a tensor as BLAS can read them; copies when neither stride is 1.
  init(_ tensor: Tensor) throws {
    let r = tensor.rank
    let (rows, columns) = (tensor.shape[r - 2], tensor.shape[r - 1])
    let (rowStep, columnStep) = (tensor.strides[r - 2], tensor.strides[r - 1])
    if columnStep == 1 || columns == 1, rowStep >= columns, rowStep > 0 {
      (self.tensor, rowStride, isTransposed) = (tensor, rowStep, false)
    } else if rowStep == 1 || rows == 1, columnStep >= rows, columnStep > 0 {
      (self.tensor, rowStride, isTransposed) = (tensor, columnStep, true)
    } else {
      let copy = try tensor.ordered()
      (self.tensor, rowStride, isTransposed) = (copy, Swift.max(columns, 1), false)
    }
  }

  var operand: MatrixOperand {
    MatrixOperand(tensor.raw, rowStride: rowStride, isTransposed: isTransposed)
  }
}

extension Tensor {
  /// Matrix product `[…, m, k] × […, k, n] → […, m, n]`; leading axes broadcast.
  ///
  /// - Throws: `KilpiError` when an operand has fewer than two axes or the inner sizes differ.
  public func matmul(_ other: Tensor, transposeB: Bool = false) throws -> Tensor {
    let right = transposeB && other.rank >= 2 ? try other.transposed() : other
    let result = try Tensor.product(self, right)
    guard Tensor.willRecord([self, right]) else { return result }
    let a = right.node == nil ? nil : Saved(self)
    let b = node == nil ? nil : Saved(right)
    return Tensor.record("matmul", result, from: [self, right]) { g, needs in
      [
        needs[0] ? try b.map { try Tensor.product(g, $0.value().transposed()) } : nil,
        needs[1] ? try a.map { try Tensor.product($0.value().transposed(), g) } : nil,
      ]
    }
  }

  static func product(
    _ a: Tensor, _ b: Tensor, _ precision: ProductPrecision = .float32
  ) throws -> Tensor {
    guard a.rank >= 2, b.rank >= 2 else {
      throw KilpiError(
        "\(Shape.describe(a.shape)) x \(Shape.describe(b.shape)): two axes are needed",
        advice: "reshape a vector to [1, n] or [n, 1]", in: "matmul")
    }
    let (m, k) = (a.shape[a.rank - 2], a.shape[a.rank - 1])
    let n = b.shape[b.rank - 1]
    guard k == b.shape[b.rank - 2] else {
      throw KilpiError(
        "inner sizes differ: \(Shape.describe(a.shape)) x \(Shape.describe(b.shape)) has \(k) and "
          + "\(b.shape[b.rank - 2])", advice: "transpose one of them?", in: "matmul")
    }
    guard a.dtype == b.dtype, a.dtype.isFloatingPoint else {
      throw KilpiError(
        "operands are \(a.dtype.rawValue) and \(b.dtype.rawValue)",
        advice: "both must be float32 or both float64", in: "matmul")
    }
    let batch = try Shape.broadcast(Array(a.shape.dropLast(2)), Array(b.shape.dropLast(2)))
    let result = try Tensor(uninitialized: batch + [m, n], a.dtype)
    if result.count == 0 { return result }
    if k == 0 { return try Tensor.zeros(result.shape, result.dtype) }
    // A batch on the left against one matrix is one large product.
    if b.rank == 2, a.rank > 2, a.isContiguous {
      let tall = a.view(shape: [a.count / k, k], strides: [k, 1])
      try multiply(
        tall, b, into: result.view(shape: [a.count / k, n], strides: [n, 1]), precision)
      return result
    }
    let left = try a.detached().expanded(batch + [m, k])
    let right = try b.detached().expanded(batch + [k, n])
    for index in 0..<batch.reduce(1, *) {
      try multiply(
        left.matrix(index, batch), right.matrix(index, batch), into: result.matrix(index, batch),
        precision)
    }
    return result
  }

  /// The `index`-th matrix of a batch, as a view.
  private func matrix(_ index: Int, _ batch: [Int]) -> Tensor {
    var (rest, start) = (index, offset)
    for axis in batch.indices.reversed() {
      start += rest % batch[axis] * strides[axis]
      rest /= batch[axis]
    }
    return view(shape: Array(shape.suffix(2)), strides: Array(strides.suffix(2)), offset: start)
  }

  /// `c = a · b` for matrices; `c` is contiguous.
  private static func multiply(
    _ a: Tensor, _ b: Tensor, into c: Tensor, _ precision: ProductPrecision
  ) throws {
    let (left, right) = (try MatrixView(a), try MatrixView(b))
    let (m, k, n) = (a.shape[0], a.shape[1], b.shape[1])
    let finished = keeping(left.tensor, right.tensor, c) {
      MatrixProduct.multiply(
        c.dtype.scalar, left.operand, right.operand, into: c.raw, rowStride: n, m: m, n: n, k: k,
        precision: precision)
    }
    if !finished { try Interrupts.poll() }
  }

  /// `y = activation(x · Wᵀ + b)`, fused: one product, then bias and activation in one pass.
  ///
  /// `x` is `[…, in]`, `weight` is `[out, in]`, `bias` is `[out]` or nil, `y` is `[…, out]`. What the
  /// gradient needs is kept only when one is requested: the input for the weight's, the weight for
  /// the input's, and the values before the activation. With `precision` bfloat16 the operands of this
  /// product and of its gradients' are rounded to it; sums, bias and activation stay float32.
  public static func linear(
    _ x: Tensor, weight: Tensor, bias: Tensor? = nil, activation: Activation = .none,
    precision: ProductPrecision = .float32
  ) throws -> Tensor {
    guard x.rank >= 1, weight.rank == 2, x.shape[x.rank - 1] == weight.shape[1],
      bias.map({ $0.shape == [weight.shape[0]] }) ?? true
    else {
      throw KilpiError(
        "input \(Shape.describe(x.shape)), weight \(Shape.describe(weight.shape)) and bias "
          + "\(bias.map { Shape.describe($0.shape) } ?? "none") do not fit",
        advice: "weight is [out, in], input […, in]", in: "linear")
    }
    guard bias.map({ $0.dtype == x.dtype }) ?? true else {
      throw KilpiError(
        "the input is \(x.dtype.rawValue), the bias \(bias?.dtype.rawValue ?? "")", in: "linear")
    }
    let (width, out) = (weight.shape[1], weight.shape[0])
    let rows = width == 0 ? x.shape.dropLast().reduce(1, *) : x.count / width
    let inputs = [x, weight] + (bias.map { [$0] } ?? [])
    let source = try x.ordered().view(shape: [rows, width], strides: [width, 1])
    let y = try product(source, weight.detached().transposed(), precision)
    let recording = willRecord(inputs)
    let before =
      recording && activation != .none ? try Tensor(uninitialized: [rows, out], y.dtype) : nil
    if bias != nil || activation != .none {
      let shift = try bias?.ordered()
      keeping(y) {
        withExtendedLifetime((shift, before)) {
          kilpi_bias_activation(
            y.dtype.code, y.raw, shift?.raw, before?.raw, rows, out, activation.code)
        }
      }
    }
    let result = y.view(
      shape: Array(x.shape.dropLast()) + [out],
      strides: Shape.contiguousStrides(Array(x.shape.dropLast()) + [out]))
    guard recording else { return result }
    let keptInput = weight.node == nil ? nil : Saved(source)
    let keptWeight = x.node == nil ? nil : Saved(weight)
    let pre = before.map { Saved($0) }
    let shape = x.shape
    return record("linear", result, from: inputs) { g, needs in
      var g = try g.ordered().reshaped([rows, out])
      if let pre { g = try activationGradient(activation, pre.value(), g) }
      var gradients: [Tensor?] = [nil, nil, nil]
      if needs[0], let keptWeight {
        gradients[0] = try product(g, keptWeight.value(), precision).reshaped(shape)
      }
      if needs[1], let keptInput {
        gradients[1] = try product(g.transposed(), keptInput.value(), precision)
      }
      if needs.count > 2, needs[2] { gradients[2] = try g.sum(axes: [0]) }
      return gradients
    }
  }

  static func activationGradient(
    _ activation: Activation, _ x: Tensor, _ g: Tensor
  ) throws -> Tensor {
    let out = try Tensor(uninitialized: x.shape, x.dtype)
    keeping(x, g) {
      kilpi_activation_gradient(x.dtype.code, activation.code, x.raw, g.raw, out.raw, x.count)
    }
    return out
  }

  /// Multi-head self-attention, fused per sample and head: `softmax(QKᵀ/√d + mask) V`.
  ///
  /// - Parameters:
  ///   - qkv: `[N, T, 3·W]`, queries, keys and values side by side.
  ///   - heads: divides `W`.
  ///   - isCausal: each token sees itself and those before it only.
  /// - Returns: `[N, T, W]`. Only the probabilities are kept for the gradient.
  public static func attention(_ qkv: Tensor, heads: Int, isCausal: Bool = false) throws -> Tensor {
    guard qkv.rank == 3, qkv.shape[2] % 3 == 0, heads > 0, qkv.shape[2] / 3 % heads == 0,
      qkv.dtype.isFloatingPoint
    else {
      throw KilpiError(
        "\(Shape.describe(qkv.shape)) does not hold \(heads) heads of queries, keys "
          + "and values", advice: "the shape is [N, T, 3 * width], heads divide the width",
        in: "attention")
    }
    let (samples, tokens, width) = (qkv.shape[0], qkv.shape[1], qkv.shape[2] / 3)
    let source = try qkv.ordered()
    let result = try Tensor(uninitialized: [samples, tokens, width], qkv.dtype)
    let recording = willRecord([qkv])
    let kept =
      recording ? try Tensor(uninitialized: [samples, heads, tokens, tokens], qkv.dtype) : nil
    if result.count == 0 { return record("attention", result, from: [qkv]) { _, _ in [source] } }
    let fused = FusedAttention(
      samples: samples, tokens: tokens, width: width, heads: heads, isCausal: isCausal)
    let finished = keeping(source, result) {
      withExtendedLifetime(kept) {
        fused.forward(qkv.dtype.scalar, source.raw, into: result.raw, probabilities: kept?.raw)
      }
    }
    if !finished { try Interrupts.poll() }
    guard let kept else { return result }
    let input = Saved(source)
    return record("attention", result, from: [qkv]) { g, _ in
      let (qkv, g) = (try input.value(), try g.ordered())
      let out = try Tensor(uninitialized: qkv.shape, qkv.dtype)
      let finished = keeping(qkv, kept, g) {
        fused.backward(
          qkv.dtype.scalar, qkv.raw, probabilities: kept.raw, gradient: g.raw, into: out.raw)
      }
      if !finished { try Interrupts.poll() }
      return [out]
    }
  }
}
