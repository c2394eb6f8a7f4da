internal import Diagnostics
internal import LuaHost
internal import Tensors

extension TensorLibrary {
  static let files: [Entry] = []
}
