/// When text is coloured, by `--color` (a person may say it).
package enum ColorChoice: String, CaseIterable, Sendable {
  /// By environment and terminal.
  case auto
  /// In any case.
  case always
  /// Never.
  case never
}

/// The one rule of colour, judged for each stream on its own.
package enum ColorRule {
  /// Whether a stream gets colour.
  ///
  /// `--color`, then `FORCE_COLOR` (non-empty, not 0), then `NO_COLOR` (non-empty), then off for
  /// what is no terminal or a dumb one, else on.
  package static func isOn(
    choice: ColorChoice, environment: [String: String], isTerminal: Bool
  ) -> Bool {
    switch choice {
    case .always: return true
    case .never: return false
    case .auto: break
    }
    if let force = environment["FORCE_COLOR"], !force.isEmpty, force != "0" { return true }
    if let none = environment["NO_COLOR"], !none.isEmpty { return false }
    return isTerminal && isCapable(environment)
  }

  /// Whether a terminal understands escape sequences at all.
  package static func isCapable(_ environment: [String: String]) -> Bool {
    guard let kind = environment["TERM"] else { return false }
    return !kind.isEmpty && kind != "dumb"
  }
}

/// The few colours that Kilpi's own text uses; empty strings where colour is off.
package struct Palette: Sendable {
  /// Whether escapes are written.
  package let isOn: Bool

  /// A palette for a stream with or without colour.
  package init(isOn: Bool) { self.isOn = isOn }

  package func prompt(_ text: String) -> String { wrap(text, "1;36") }
  /// The word `error` and what belongs to it.
  package func error(_ text: String) -> String { wrap(text, "1;31") }
  /// Notes, times, places: what one may overlook.
  package func faint(_ text: String) -> String { wrap(text, "2") }
  /// Headings and names.
  package func strong(_ text: String) -> String { wrap(text, "1") }
  /// Strings in results.
  package func string(_ text: String) -> String { wrap(text, "32") }
  /// Numbers in results.
  package func number(_ text: String) -> String { wrap(text, "36") }
  /// `nil`, `true`, `false`, functions.
  package func constant(_ text: String) -> String { wrap(text, "35") }
  /// The done part of a progress bar.
  package func bar(_ text: String) -> String { wrap(text, "36") }

  private func wrap(_ text: String, _ code: String) -> String {
    isOn ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
  }
}
