internal import Diagnostics
package import LuaHost

/// Errors as a person reads them, at the prompt and from scripts.
package struct ErrorReport {
  /// How much of a traceback is shown.
  package enum Traceback: String, CaseIterable, Sendable {
    /// Up to the last function of the user's.
    case short
    /// All of it.
    case full
  }

  /// Colours of the stream that it goes to.
  package var palette: Palette
  /// How much of a traceback is shown.
  package var traceback = Traceback.short

  /// Makes a reporter.
  package init(palette: Palette, traceback: Traceback = .short) {
    self.palette = palette
    self.traceback = traceback
  }

  /// The report of a script: `kilpi: script.lua:3: message` and the traceback.
  package func script(_ error: LuaError, hint: String? = nil) -> String {
    let message = error.message + (hint.map { " (\($0))" } ?? "")
    var text = palette.error("kilpi:") + " " + message + "\n"
    if case .syntax = error.kind { return text }
    let frames = frames(error.traceback)
    if !frames.isEmpty {
      text += palette.faint((["stack traceback:"] + frames).joined(separator: "\n")) + "\n"
    }
    return text
  }

  /// The report of a cell: the message, the line it points at, and the calls that led there.
  package func cell(_ error: LuaError, in session: Session) -> String {
    if error.kind == .interrupted { return interrupted(error, in: session) }
    var message = error.message
    let missing = MissingName(error.message)
    let word = missing?.kind == "global" ? missing?.name : nil
    if let hint = word.flatMap(session.promptHint) ?? session.hint(for: error) {
      message += " (\(hint))"
    }
    var text = palette.error("error:") + " " + message + "\n"
    text += line(error, in: session)
    if case .syntax = error.kind { return text }
    let frames = frames(error.traceback)
    // A single frame is the cell itself, which the message names already.
    if frames.count > 1 || (traceback == .full && !frames.isEmpty) {
      text += palette.faint(frames.joined(separator: "\n")) + "\n"
    }
    return text
  }

  private func interrupted(_ error: LuaError, in session: Session) -> String {
    var place = error.message
    if let end = place.range(ofSuffix: ": interrupted") { place = String(place[..<end]) }
    let text = place == "interrupted" ? place : "interrupted at " + place
    return palette.error(text) + "\n" + line(error, in: session)
  }

  private func line(_ error: LuaError, in session: Session) -> String {
    guard let line = session.sourceLine(of: error.message), session.isMultiline(error.message)
    else {
      return ""
    }
    return palette.faint("  \(line.number) | ") + line.text + "\n"
  }

  /// The lines of a traceback without its heading; short: without the tail that is Kilpi's own.
  func frames(_ text: String) -> [String] {
    var lines = text.split(separator: "\n").map(String.init)
    if lines.first == "stack traceback:" { lines.removeFirst() }
    lines = lines.map { $0.hasPrefix("\t") ? "  " + $0.dropFirst() : $0 }
    guard traceback == .short else { return lines }
    while let last = lines.last, last.hasPrefix("  [C]:") { lines.removeLast() }
    // The message names the function that raised; its frame says nothing more.
    while lines.count > 1, lines[0].hasPrefix("  [C]:") { lines.removeFirst() }
    return lines
  }
}

extension String {
  /// Where a suffix begins.
  fileprivate func range(ofSuffix suffix: String) -> String.Index? {
    hasSuffix(suffix) ? index(endIndex, offsetBy: -suffix.count) : nil
  }
}

extension Session {
  /// True when the cell that a message names has several lines.
  func isMultiline(_ message: String) -> Bool {
    guard message.hasPrefix("cell["), let close = message.firstIndex(of: "]"),
      let cell = Int(message[message.index(message.startIndex, offsetBy: 5)..<close]),
      cell >= 1, cell <= inputs.count
    else { return false }
    return inputs[cell - 1].contains("\n")
  }
}
