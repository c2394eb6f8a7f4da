package import LuaHost
internal import Tensors

/// How wide the shell's lines are.
final class LineWidth {
  var columns: () -> Int = { 80 }
}

extension LuaState {
  /// Fits printed tensors to the width that `columns` gives, 80 unless installed.
  package func installLineWidth(_ columns: @escaping () -> Int) {
    attachment(LineWidth.self) { LineWidth() }.columns = columns
  }

  var lineWidth: Int { max(attachment(LineWidth.self) { LineWidth() }.columns(), 20) }
}

/// The one-line text of a tensor.
enum TensorText {
  /// `tensor float32 [2, 3]`; up to eight values are shown.
  static func line(_ tensor: Tensor) throws -> String {
    var text = "tensor \(tensor.dtype.rawValue) \(ErrorText.shape(tensor.shape))"
    if tensor.count <= 8, tensor.count > 0 {
      let numbers =
        tensor.dtype == .int64
        ? try tensor.integers().map { String($0) } : try tensor.doubles().map(ErrorText.number)
      text += ": " + numbers.joined(separator: ", ")
    }
    return tensor.requiresGradient ? text + ", requires_grad" : text
  }
}
