internal import CKernels
internal import Diagnostics
public import Kernels

extension Tensor {
  /// `y = W₂ activation(W₁ x + b₁) + b₂`, the MLP of a transformer block.
  ///
  /// The same bits as two calls of `linear`. When a gradient of `W₂` is requested, which needs the
  /// hidden activations, only the values before the activation are kept and the activation is applied
  /// to them again: a pass over memory instead of a fifth of what a training block keeps.
  ///
  /// - Parameters:
  ///   - x: `[…, in]`.
  ///   - expand: `W₁` as `[hidden, in]` and `b₁` as `[hidden]`.
  ///   - contract: `W₂` as `[out, hidden]` and `b₂` as `[out]`.
  ///   - precision: of the products and their gradients'; see `linear`.
  /// - Returns: `[…, out]`.
  /// - Throws: `KilpiError` when shapes or element types do not fit.
  public static func mlp(
    _ x: Tensor, expand: (weight: Tensor, bias: Tensor), contract: (weight: Tensor, bias: Tensor),
    activation: Activation, precision: ProductPrecision = .float32
  ) throws -> Tensor {
    func layer(
      _ x: Tensor, _ layer: (weight: Tensor, bias: Tensor), _ activation: Activation = .none
    ) throws -> Tensor {
      try linear(
        x, weight: layer.weight, bias: layer.bias, activation: activation, precision: precision)
    }
    let inputs = [x, expand.weight, expand.bias, contract.weight, contract.bias]
    guard willRecord(inputs), contract.weight.node != nil else {
      return try layer(layer(x, expand, activation), contract)
    }
    let (result, source, before) = try withoutGradients {
      let source = try x.detached().ordered()
      let before = try layer(source, expand)
      return (try layer(activated(before, activation), contract).detached(), source, before)
    }
    let kept = (source: Saved(source), before: Saved(before))
    let weights = (expand: Saved(expand.weight), contract: Saved(contract.weight))
    return record("mlp", result, from: inputs) { g, needs in
      func rows(_ x: Tensor) throws -> Tensor {
        let columns = x.shape[x.rank - 1]
        return try x.ordered().reshaped([x.shape.dropLast().reduce(1, *), columns])
      }
      let g = try rows(g)
      let before = try rows(kept.before.value())
      var gradients = [Tensor?](repeating: nil, count: 5)
      if needs[3] {
        gradients[3] = try product(g.transposed(), activated(before, activation), precision)
      }
      if needs[4] { gradients[4] = try g.sum(axes: [0]) }
      guard needs[0] || needs[1] || needs[2] else { return gradients }
      var inner = try product(g, weights.contract.value(), precision)
      if activation != .none { inner = try activationGradient(activation, before, inner) }
      if needs[0] {
        let source = try kept.source.value()
        gradients[0] = try product(inner, weights.expand.value(), precision).reshaped(source.shape)
      }
      if needs[1] {
        gradients[1] = try product(inner.transposed(), rows(kept.source.value()), precision)
      }
      if needs[2] { gradients[2] = try inner.sum(axes: [0]) }
      return gradients
    }
  }

  /// `activation(x)` by the kernel that `linear` uses, so that the bits are the same.
  private static func activated(_ x: Tensor, _ activation: Activation) throws -> Tensor {
    guard activation != .none else { return x }
    let y = try x.detached().cloned()
    let columns = y.shape[y.rank - 1]
    let rows = columns == 0 ? 0 : y.count / columns
    keeping(y) {
      kilpi_bias_activation(y.dtype.code, y.raw, nil, nil, rows, columns, activation.code)
    }
    return y
  }
}
