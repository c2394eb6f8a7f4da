/// How pictures are shown in the terminal.
package enum GraphicsChoice: String, CaseIterable, Sendable {
  /// What the terminal is known to understand.
  case auto
  /// Kitty's protocol: PNG bytes.
  case kitty
  /// iTerm2's protocol: PNG bytes.
  case iterm
  /// Sixels: 240 colours, dithered.
  case sixel
  /// Half blocks: two pixels a cell.
  case blocks
  /// A line of text.
  case none

  /// What is used where.
  ///
  /// A person's choice counts, even without a terminal. `auto`: nothing without a terminal; half
  /// blocks inside tmux and screen, which keep other protocols from the terminal; the protocol of a
  /// terminal that says its name; else half blocks.
  package func resolved(outputIsTerminal: Bool, environment: [String: String]) -> GraphicsChoice {
    guard self == .auto else { return self }
    guard outputIsTerminal, ColorRule.isCapable(environment) else { return .none }
    let kind = environment["TERM"] ?? ""
    func names(_ beginnings: [String]) -> Bool { beginnings.contains { kind.hasPrefix($0) } }
    let multiplexed = ["TMUX", "STY"].contains { environment[$0]?.isEmpty == false }
    if multiplexed || names(["screen", "tmux"]) { return .blocks }
    if names(["xterm-kitty", "xterm-ghostty"]) { return .kitty }
    if ["WezTerm", "iTerm.app"].contains(environment["TERM_PROGRAM"] ?? "") { return .iterm }
    if names(["foot", "mlterm"]) { return .sixel }
    return .blocks
  }
}
