import Tensors

extension OpTable {
  /// Convolutions against their defining sum.
  static let convolutions: [OpCase] = [
    convolution("kernel 3, padding 1", [2, 3, 5, 4], [4, 3, 3, 3], stride: 1, padding: 1),
    convolution(
      "kernel 3, stride 2, padding 1", [2, 2, 6, 5], [3, 2, 3, 3], stride: 2, padding: 1),
    convolution("one pixel", [3, 4, 3, 2], [5, 4, 1, 1], stride: 1, padding: 0),
    convolution("one pixel, stride 2", [1, 2, 5, 4], [3, 2, 1, 1], stride: 2, padding: 0),
    convolution("without bias", [2, 1, 4, 4], [2, 1, 2, 2], stride: 2, padding: 0, bias: false),
  ]

  private static func convolution(
    _ detail: String, _ images: [Int], _ weight: [Int], stride: Int, padding: Int,
    bias: Bool = true
  ) -> OpCase {
    let inputs: [Input] = [.any(images), .any(weight)] + (bias ? [.any([weight[0]])] : [])
    return OpCase("convolution", detail, inputs) {
      try Tensor.convolution(
        $0[0], weight: $0[1], bias: bias ? $0[2] : nil, stride: stride, padding: padding)
    } expected: { inputs in
      let (x, w) = (inputs[0], inputs[1])
      let side = w.shape[2]
      let rows = (x.shape[2] + 2 * padding - side) / stride + 1
      let columns = (x.shape[3] + 2 * padding - side) / stride + 1
      return Reference([x.shape[0], w.shape[0], rows, columns]) { at in
        var sum = bias ? inputs[2][[at[1]]] : 0
        for channel in 0..<x.shape[1] {
          for ky in 0..<side {
            for kx in 0..<side {
              let (y, column) = (at[2] * stride + ky - padding, at[3] * stride + kx - padding)
              if y < 0 || y >= x.shape[2] || column < 0 || column >= x.shape[3] { continue }
              sum += x[[at[0], channel, y, column]] * w[[at[1], channel, ky, kx]]
            }
          }
        }
        return sum
      }
    }.with { row in
      row.tolerance = 1e-5
      let empty = [0] + images.dropFirst()
      row.otherShapes = [[empty, weight] + (bias ? [[weight[0]]] : [])]
    }
  }
}
