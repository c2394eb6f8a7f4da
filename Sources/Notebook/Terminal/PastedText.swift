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

  /// The inputs of a session that was copied with its prompts, in order; nil for any other text.
  ///
  /// A line with a prompt begins an input; the lines after it belong to it as long as it is
  /// unfinished, else they are what it showed, and are left out. Indentation in front of the first
  /// prompt, as documents have it, is taken off every line.
  static func session(_ text: String, isIncomplete: (String) -> Bool) -> [String]? {
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    guard let first = lines.firstIndex(where: { !$0.allSatisfy(\.isWhitespace) }) else {
      return nil
    }
    let margin = lines[first].prefix { $0 == " " || $0 == "\t" }
    guard isPrompt(lines[first].dropFirst(margin.count)) else { return nil }
    lines = lines[first...].map { $0.hasPrefix(margin) ? String($0.dropFirst(margin.count)) : $0 }
    var inputs: [String] = []
    for line in lines {
      if isPrompt(line[...]) {
        inputs.append(String(line.dropFirst(3)))
      } else if let last = inputs.last, isIncomplete(last) {
        inputs[inputs.count - 1] += "\n" + line
      }
    }
    return inputs.filter { !$0.allSatisfy(\.isWhitespace) }
  }

  private static func isPrompt(_ line: Substring) -> Bool { line.hasPrefix(">> ") || line == ">>" }
}
