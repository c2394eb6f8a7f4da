internal import LuaHost
internal import Tensors

/// The texts of tensors: one line for `tostring`, a block for `print`.
enum TensorText {
  /// `tensor float32 [2, 3]`; up to eight values are shown.
  static func line(_ tensor: Tensor) throws -> String {
    var text = "tensor \(tensor.dtype.rawValue) \(ErrorText.shape(tensor.shape))"
    if tensor.count <= 8, tensor.count > 0 {
      text += ": " + (try tensor.doubles().map(ErrorText.number).joined(separator: ", "))
    }
    return tensor.requiresGradient ? text + ", requires_grad" : text
  }

  /// The block that `print(t)` shows.
  static func block(_ tensor: Tensor) throws -> String { try line(tensor) }
}
