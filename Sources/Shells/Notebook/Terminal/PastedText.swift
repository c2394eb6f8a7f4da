/// What becomes of pasted text before it is edited or run.
enum PastedText {
  /// Every form of line end becomes a newline; tabs stay, other control characters and whole escape
  /// sequences go.
  static func cleaned(_ scalars: [Unicode.Scalar]) -> String {
    var result = String.UnicodeScalarView()
    var previous: Unicode.Scalar?
    var isInSequence = false
    for scalar in scalars {
      defer { previous = scalar }
      if isInSequence {
        // The bracket that opens it is no end.
        let opens = previous == "\u{1B}" && scalar == "["
        isInSequence = opens || !(64...126).contains(scalar.value)
        continue
      }
      switch scalar {
      case "\u{1B}": isInSequence = true
      case "\r": result.append("\n")
      case "\n": if previous != "\r" { result.append("\n") }
      case "\t": result.append(scalar)
      default: if scalar.value >= 32, scalar.value != 127 { result.append(scalar) }
      }
    }
    var text = String(result)
    while text.last == "\n" { text.removeLast() }
    return text
  }

  /// One input of a text that holds several.
  struct Input: Equatable {
    var text: String
    /// Whether the copied session showed an error behind it.
    var showedError = false
  }

  /// The inputs of a text: those of a copied session by its prompts, those of any other text by the
  /// lines that begin with `:command`, `?` or `!`, which are inputs by themselves.
  ///
  /// - Parameters:
  ///   - isIncomplete: whether a text needs more lines.
  ///   - compiles: whether a text is Lua as a whole; such a line is then a part of it.
  static func inputs(
    _ text: String, isIncomplete: (String) -> Bool, compiles: (String) -> Bool
  ) -> [Input] {
    if let inputs = session(text, isIncomplete: isIncomplete) { return inputs }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    guard lines.count > 1,
      InputKind(text).isCommand
        || lines.contains(where: { InputKind($0).isKnownCommand }) && !compiles(text)
    else { return [Input(text: text)] }
    var inputs: [String] = []
    var open = false
    for line in lines {
      let isCommand = open ? InputKind(line).isKnownCommand : InputKind(line).isCommand
      if open, let last = inputs.last, !isCommand || isIncomplete(last) {
        inputs[inputs.count - 1] += "\n" + line
      } else if isCommand || !line.allSatisfy(\.isWhitespace) {
        inputs.append(line)
      }
      // Lua goes on until a command; a command is one line, but for unfinished code behind it.
      open = inputs.last.map { !InputKind($0).isCommand || isIncomplete($0) } ?? false
    }
    return inputs.map { Input(text: $0) }
  }

  /// The inputs of a session that was copied with its prompts, in order; nil for any other text.
  ///
  /// A session is one of Kilpi's at an editor (`>> `, further lines as they are), without one
  /// (`> `, `.. `) or of the program `lua` (`> `, `>> `); in front of it may stand the line that
  /// started it and its banner. A line with a prompt begins an input; the lines after it belong to it
  /// as long as it is unfinished, else they are what it showed, and are left out. Indentation in
  /// front of the first line, as documents have it, is taken off every line.
  static func session(_ text: String, isIncomplete: (String) -> Bool) -> [Input]? {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    guard let first = lines.firstIndex(where: { !$0.allSatisfy(\.isWhitespace) }) else {
      return nil
    }
    let margin = lines[first].prefix { $0 == " " || $0 == "\t" }
    lines = lines[first...].map { $0.hasPrefix(margin) ? String($0.dropFirst(margin.count)) : $0 }
    guard let start = lines.firstIndex(where: { !isOpening($0) }) else { return nil }
    let prompt = input(lines[start], behind: ">>") != nil ? ">>" : ">"
    guard input(lines[start], behind: prompt) != nil else { return nil }
    let continuations = prompt == ">" ? ["..", ">>"] : []
    var inputs: [Input] = []
    for line in lines[start...] {
      let further = continuations.compactMap { input(line, behind: $0) }.first
      if let last = inputs.last, isIncomplete(last.text),
        further != nil || input(line, behind: prompt) == nil
      {
        inputs[inputs.count - 1].text += "\n" + (further ?? line)
      } else if let typed = input(line, behind: prompt) {
        inputs.append(Input(text: typed))
      } else if !inputs.isEmpty, line.hasPrefix("error: ") || line.hasPrefix("stdin:") {
        inputs[inputs.count - 1].showedError = true
      }
    }
    return inputs.filter { !$0.text.allSatisfy(\.isWhitespace) }
  }

  /// What stands behind a prompt; nil when the line has none.
  private static func input(_ line: String, behind prompt: String) -> String? {
    if line == prompt { return "" }
    return line.hasPrefix(prompt + " ") ? String(line.dropFirst(prompt.count + 1)) : nil
  }

  /// Whether a line may stand in front of the first prompt: a shell's with its command, or a banner.
  private static func isOpening(_ line: String) -> Bool {
    if line.allSatisfy(\.isWhitespace) || line.hasPrefix("?NAME for help") { return true }
    if line.hasPrefix("$ ") { return true }
    if let sign = line.lastIndex(of: "$"), line[sign...].hasPrefix("$ ") {
      let program = line[sign...].split(separator: " ").last { !$0.hasPrefix("-") } ?? ""
      if program.hasSuffix("kilpi") || program.contains("lua") { return true }
    }
    return ["Kilpi ", "Lua 5."].contains { name in
      line.hasPrefix(name) && line.dropFirst(name.count).first?.isNumber == true
    }
  }
}
