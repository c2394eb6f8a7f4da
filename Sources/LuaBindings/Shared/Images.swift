internal import Diagnostics
internal import LuaHost
internal import Tensors

extension Call {
  /// Images `[N, 3, H, W]`, or one as `[3, H, W]`, which gets a batch of one.
  ///
  /// - Returns: the batch, and whether it was a single image (results then lose the batch axis).
  func images(_ index: Int, name: String = "images") throws -> (batch: Tensor, isSingle: Bool) {
    let tensor = try handle(index, as: Tensor.self)
    switch (tensor.rank, tensor.shape.suffix(3).first) {
    case (4, 3): return (tensor, false)
    case (3, 3): return (try tensor.unsqueezed(0), true)
    default:
      throw KilpiError(
        "", "\(name) have shape \(ErrorText.shape(tensor.shape))",
        advice: "images are [N, 3, H, W] or [3, H, W] with values in 0 … 1")
    }
  }
}
