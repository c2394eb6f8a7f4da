internal import Diagnostics
internal import Tensors

/// A point at which losses are differentiated with respect to its pixels: the one place for that.
struct PixelLeaf {
  /// The images `[n, C, H, W]`; what is computed from them is recorded.
  let images: Tensor

  /// Runs `body` at a point, with recording on, whatever the caller's state, which is put back
  /// afterwards.
  static func at<Result>(
    _ images: Tensor, _ body: (_ leaf: PixelLeaf) throws -> Result
  ) throws -> Result {
    var pauses = 0
    while !GradientMode.isRecording {
      GradientMode.resume()
      pauses += 1
    }
    defer { for _ in 0..<pauses { GradientMode.pause() } }
    return try body(PixelLeaf(images: images.detached().setRequiresGradient(true)))
  }

  /// The gradient of the summed losses `[n]`, of the images' shape; nil where they do not depend on
  /// the images.
  func gradient(of losses: Tensor, retainGraph: Bool = false) throws -> Tensor? {
    guard losses.requiresGradient else { return nil }
    let seed = try Tensor.ones(losses.shape, losses.dtype)
    return try Tensor.gradients(
      of: losses, with: [images], seed: seed, retainGraph: retainGraph)[0]
  }

  /// The losses of samples `rows` and the gradient of their sum, as a step of an attack takes them:
  /// counted, and refused where one is not finite.
  ///
  /// - Parameter step: the step that messages name.
  func step(
    _ losses: Tensor, _ rows: [Int], _ ledger: AttackLedger, step: Int, retainGraph: Bool = false
  ) throws -> (losses: [Double], gradient: Tensor) {
    let values = try ledger.finite(losses, rows, step: step)
    guard let gradient = try gradient(of: losses, retainGraph: retainGraph) else {
      throw KilpiError(
        "the loss does not depend on the images",
        advice: "compute it with tensor operations, without detach or no_grad")
    }
    ledger.count(backwards: rows)
    try ledger.note(gradient, rows, step: step)
    return (values, gradient)
  }
}

/// A loss `[n]` of one value a sample; scripts may give others.
func checkedLoss(_ loss: Tensor, rows: Int) throws -> Tensor {
  guard loss.shape == [rows] else {
    throw KilpiError(
      "the loss has shape [\(loss.shape.map(String.init).joined(separator: ", "))], one value "
        + "a sample is needed: [\(rows)]", advice: "do not reduce over the batch")
  }
  return loss
}
