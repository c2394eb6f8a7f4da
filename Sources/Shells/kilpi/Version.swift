internal import Diagnostics
internal import LuaHost

/// What this program is made of.
enum Version {
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
    "Kilpi \(KilpiVersion.current) (\(LuaState.version), \(LinearAlgebra.name), Swift \(swift))"
  }
}
