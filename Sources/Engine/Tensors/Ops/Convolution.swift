internal import CKernels
internal import Diagnostics
internal import Kernels

extension Tensor {
  /// Two-dimensional convolution with a square kernel: `y = W ⋆ x + b`, as PyTorch's `conv2d`.
  ///
  /// `x` is `[N, C, H, W]`, `weight` is `[O, C, k, k]`, `bias` is `[O]` or nil; the result is
  /// `[N, O, ⌊(H + 2p − k)/s⌋ + 1, ⌊(W + 2p − k)/s⌋ + 1]`. Computed as one product a band of output
  /// rows over unfolded pixels. Only the gradients that are requested are computed: for the pixels
  /// the weight is kept, for the weight the pixels.
  ///
  /// - Parameters:
  ///   - stride: pixels from one output to the next, at least 1.
  ///   - padding: zeros around the image.
  /// - Throws: `KilpiError` when the shapes do not fit, on interrupt.
  public static func convolution(
    _ x: Tensor, weight: Tensor, bias: Tensor? = nil, stride: Int = 1, padding: Int = 0
  ) throws -> Tensor {
    let plan = try ConvolutionPlan(x, weight, bias, stride: stride, padding: padding)
    let (source, kernel) = (try x.ordered(), try weight.ordered())
    let y = try Tensor(uninitialized: plan.outputShape, x.dtype)
    let finished = keeping(source, kernel, y) {
      plan.kernel.forward(x.dtype.scalar, source.raw, weight: kernel.raw, into: y.raw)
    }
    if !finished { try Interrupts.poll() }
    let keptInput = weight.node == nil ? nil : Saved(source)
    let keptWeight = x.node == nil ? nil : Saved(kernel)
    let result = record("convolution", y, from: [x, weight]) { g, needs in
      let g = try g.ordered()
      var gradients: [Tensor?] = [nil, nil]
      if needs[0], let keptWeight {
        gradients[0] = try plan.inputGradient(g, weight: keptWeight.value())
      }
      if needs[1], let keptInput {
        gradients[1] = try plan.weightGradient(g, input: keptInput.value())
      }
      return gradients
    }
    return try bias.map { try result + $0.reshaped([$0.count, 1, 1]) } ?? result
  }
}

/// Checked sizes of one convolution.
private struct ConvolutionPlan {
  let inputShape: [Int]
  let weightShape: [Int]
  let outputShape: [Int]
  let stride: Int
  let padding: Int

  init(_ x: Tensor, _ weight: Tensor, _ bias: Tensor?, stride: Int, padding: Int) throws {
    let sizes =
      "input \(Shape.describe(x.shape)), weight \(Shape.describe(weight.shape)) and bias "
      + (bias.map { Shape.describe($0.shape) } ?? "none")
    guard x.rank == 4, weight.rank == 4, weight.shape[1] == x.shape[1],
      weight.shape[2] == weight.shape[3], weight.shape[2] > 0, weight.shape[1] > 0,
      bias.map({ $0.shape == [weight.shape[0]] }) ?? true
    else {
      throw KilpiError(
        sizes + " do not fit", advice: "input is [N, C, H, W], weight [O, C, k, k], bias [O]",
        in: "convolution")
    }
    guard x.dtype == weight.dtype, x.dtype.isFloatingPoint,
      bias.map({ $0.dtype == x.dtype }) ?? true
    else {
      throw KilpiError(
        "the input is \(x.dtype.rawValue), the weight \(weight.dtype.rawValue)",
        advice: "all must be float32 or all float64", in: "convolution")
    }
    let side = weight.shape[2]
    guard (1...1 << 16).contains(stride), (0...1 << 16).contains(padding) else {
      throw KilpiError(
        "stride \(stride) or padding \(padding) is out of range",
        advice: "stride from 1, padding from 0", in: "convolution")
    }
    guard x.shape[2] + 2 * padding >= side, x.shape[3] + 2 * padding >= side else {
      throw KilpiError(
        "a kernel of \(side) pixels does not fit into \(Shape.describe(x.shape))", in: "convolution"
      )
    }
    let rows = (x.shape[2] + 2 * padding - side) / stride + 1
    let columns = (x.shape[3] + 2 * padding - side) / stride + 1
    inputShape = x.shape
    weightShape = weight.shape
    outputShape = [x.shape[0], weight.shape[0], rows, columns]
    self.stride = stride
    self.padding = padding
  }

  var kernel: Convolution {
    Convolution(
      samples: inputShape[0], input: (inputShape[1], inputShape[2], inputShape[3]),
      output: (outputShape[1], outputShape[2], outputShape[3]), kernel: weightShape[2],
      stride: stride, padding: padding)
  }

  func inputGradient(_ g: Tensor, weight: Tensor) throws -> Tensor {
    let target = try Tensor.zeros(inputShape, g.dtype)
    let finished = keeping(g, weight, target) {
      kernel.inputGradient(g.dtype.scalar, g.raw, weight: weight.raw, into: target.raw)
    }
    if !finished { try Interrupts.poll() }
    return target
  }

  /// Shares are few and fixed, so that neither memory nor the order of sums depends on threads.
  func weightGradient(_ g: Tensor, input: Tensor) throws -> Tensor {
    let parts = Swift.max(1, Swift.min(inputShape[0], 8))
    let partial = try Tensor(uninitialized: [parts] + weightShape, g.dtype)
    let finished = keeping(g, input, partial) {
      kernel.weightGradient(g.dtype.scalar, g.raw, input.raw, partial: partial.raw, parts: parts)
    }
    if !finished { try Interrupts.poll() }
    return parts == 1 ? try partial.reshaped(weightShape) : try partial.sum(axes: [0])
  }
}
