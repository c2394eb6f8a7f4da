internal import LuaHost

/// What this program is made of.
enum Version {
  static let kilpi = "0.1.0"

  static var swift: String {
    #if compiler(>=6.4)
      "6.4"
    #elseif compiler(>=6.3)
      "6.3"
    #else
      "6.2"
    #endif
  }

  /// `Kilpi X.Y.Z (Lua 5.4.N, OpenBLAS V CORE, Swift V)`.
  static var line: String {
    "Kilpi \(kilpi) (\(LuaState.version), \(LinearAlgebra.name), Swift \(swift))"
  }
}
