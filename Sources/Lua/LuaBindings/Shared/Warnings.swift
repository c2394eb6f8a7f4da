internal import LuaHost

extension Call {
  /// Takes what a reader finds odd but not wrong, as a warning that starts with this function's name;
  /// also after the call, as long as the state lives.
  var warning: (String) -> Void {
    let name = name
    return { [weak state] in state?.warn("\(name): \($0)") }
  }
}

extension Call {
  /// Tells the user what was assumed, passed over or mended, on the error stream, behind this
  /// function's name; nothing switches it off.
  var note: (String) -> Void {
    let name = name
    return { [weak state] in state?.write("\(name): \($0)\n", to: .error) }
  }
}
