/// An error a person can act on, in Kilpi's one form: `function: problem (advice)`.
///
/// Floor 1 throws it; the Lua edge carries it unchanged to the script. `function` is named as the
/// script names it (`matmul`, `attack.pgd`); it may be left empty deep inside, and the dispatcher
/// then fills in the name of the function that the script called.
public struct KilpiError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What sort of failure it is; scripts see it through `errors.info`.
  public enum Kind: String, Sendable {
    /// Bad input, an unreadable file, a missing part: anything the user can mend.
    case host
    /// An allocation that the memory cap or the system refused.
    case memory
    /// Ctrl-C, or its equivalent.
    case interrupted
  }

  /// The function as scripts name it, or "" when the caller shall fill it in.
  public var function: String
  /// What is wrong, with the values, in lower case and without a full stop.
  public var problem: String
  /// What to do about it; nil when nothing can be done.
  public var advice: String?
  /// What sort of failure it is.
  public var kind: Kind

  /// Creates an error; see the properties for the form of each part.
  public init(
    _ problem: String, advice: String? = nil, kind: Kind = .host, in function: String = ""
  ) {
    self.function = function
    self.problem = problem
    self.advice = advice
    self.kind = kind
  }

  /// The text a person reads: `function: problem (advice)`.
  ///
  /// Names from files and users may hold codes that a terminal would obey; they are shown instead.
  public var description: String {
    let prefix = function.isEmpty ? "" : function + ": "
    return (prefix + problem + (advice.map { " (\($0))" } ?? "")).withVisibleControls
  }

  /// The same error under another function's name, if it has none yet.
  public func named(_ name: String) -> KilpiError {
    guard function.isEmpty else { return self }
    var copy = self
    copy.function = name
    return copy
  }
}
