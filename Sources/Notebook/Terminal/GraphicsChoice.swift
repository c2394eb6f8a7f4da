/// How pictures are shown in the terminal.
public enum GraphicsChoice: String, CaseIterable, Sendable {
  case auto, kitty, iterm, sixel, blocks, none

  /// What is used: half blocks wherever the terminal understands escapes, unless a person says
  /// otherwise. The pixel protocols are shown as half blocks for now.
  public func resolved(outputIsTerminal: Bool, environment: [String: String]) -> GraphicsChoice {
    switch self {
    case .none: return .none
    case .auto:
      return outputIsTerminal && ColorRule.isCapable(environment) ? .blocks : .none
    default: return .blocks
    }
  }
}
