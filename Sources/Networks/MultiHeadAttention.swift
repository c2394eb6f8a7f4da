public import Tensors

/// Attention whose queries are not the tokens themselves: of a pooling head.
public enum MultiHeadAttention {
  /// `softmax(Q·Kᵀ/√d)·V` per head.
  ///
  /// `queries` is `[N, Q, W]`, `keys` and `values` are `[N, T, W]`, `d = W/heads`; the result is
  /// `[N, Q, W]`. Self-attention over many tokens has a fused form, `Tensor.attention`.
  public static func attend(
    queries: Tensor, keys: Tensor, values: Tensor, heads: Int
  ) throws -> Tensor {
    let (samples, count, width) = (queries.shape[0], queries.shape[1], queries.shape[2])
    let headWidth = width / heads
    func split(_ x: Tensor) throws -> Tensor {
      try x.reshaped([samples, x.shape[1], heads, headWidth]).permuted([0, 2, 1, 3])
    }
    let scores = try split(queries).matmul(split(keys), transposeB: true)
    let weights = try (scores * (1 / Double(headWidth).squareRoot())).softmax()
    return try weights.matmul(split(values)).permuted([0, 2, 1, 3])
      .reshaped([samples, count, width])
  }
}
