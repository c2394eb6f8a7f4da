/// How pictures are shown in the terminal.
public enum GraphicsChoice: String, CaseIterable, Sendable {
  case auto, kitty, iterm, sixel, blocks, none

  /// What is used where: nothing without a terminal, else half blocks.
  ///
  /// A person's choice counts even without a terminal. The pixel protocols are shown as half blocks.
  public func resolved(outputIsTerminal: Bool, environment: [String: String]) -> GraphicsChoice {
    switch self {
    case .none: return .none
    case .auto:
      return outputIsTerminal && ColorRule.isCapable(environment) ? .blocks : .none
    default: return .blocks
    }
  }
}
