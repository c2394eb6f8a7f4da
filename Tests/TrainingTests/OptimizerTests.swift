import Networks
import Tensors
import Testing

@Suite("optimiser")
struct OptimizerTests {
  /// Without a gradient a step is the decay alone: `θ ← θ (1 − lr λ)`, for weights of two axes and more.
  @Test("B57: the decay is learning rate times weight decay, and leaves vectors out")
  func decay() throws {
    let weight = try Tensor([1.0, -2, 3, 4], shape: [2, 2])
    let bias = try Tensor([1.0, -2], shape: [2])
    let optimizer = try AdamW([("weight", weight), ("bias", bias)], weightDecay: 0.1)
    let gradients = [
      try Tensor.zeros([2, 2], weight.dtype), try Tensor.zeros([2], bias.dtype),
    ]
    for step in 1...3 {
      try optimizer.update(gradients: gradients, learningRate: 0.01)
      var share = 1.0
      for _ in 0..<step { share *= 1 - 0.01 * 0.1 }
      for (found, start) in zip(try weight.doubles(), [1.0, -2, 3, 4]) {
        #expect(abs(found - start * share) < 1e-12)
      }
      #expect(try bias.doubles() == [1, -2])
    }
  }
}
