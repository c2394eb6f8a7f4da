/// What the text before the cursor asks for.
enum CompletionContext: Equatable {
  /// Nothing: in a comment, after a number, behind a call.
  case nothing
  /// A global name or keyword.
  case global(partial: String)
  /// A field of the value that a chain of names leads to.
  case field(chain: [String], partial: String)
  /// A method of it.
  case method(chain: [String], partial: String)
  /// The name of an option in the table given to a function. `path` holds the names of nested
  /// option tables, outermost first.
  case option(callee: Callee, path: [String], partial: String)
  /// The value of an option, in an unfinished string: one of its choices, else a file name.
  case choice(callee: Callee, path: [String], name: String, partial: String)
  /// The first argument of a call, in an unfinished string: a name that it knows, or a file name.
  case argument(callee: Callee, partial: String, quote: Character = "\"")
  /// A file name in an unfinished string, or behind a command that takes one.
  case file(partial: String)
  /// A command after `:` at the start of the text.
  case command(partial: String)

  /// The function whose arguments the cursor is in.
  struct Callee: Equatable {
    /// Names of the chain; the last one is the function.
    var chain: [String]
    /// True for `value:name(…)`.
    var isMethod: Bool
  }

  /// Byte offset at which the partial word starts.
  struct Found: Equatable {
    var context: CompletionContext
    var start: Int
  }

  /// Reads the context of a cursor from the text before it.
  static func find(_ text: String) -> Found {
    let bytes = Array(text.utf8)
    if bytes.first == UInt8(ascii: ":"), bytes.dropFirst().allSatisfy({ $0 != 32 }),
      bytes.count == 1 || bytes[1] != UInt8(ascii: ":")
    {
      return Found(context: .command(partial: String(text.dropFirst())), start: 1)
    }
    if let start = fileArgument(bytes) {
      return Found(
        context: .file(partial: String(decoding: bytes[start...], as: UTF8.self)), start: start)
    }
    if let helped = afterCommand(bytes) {
      var found = find(String(decoding: bytes[helped...], as: UTF8.self))
      found.start += helped
      return found
    }
    let source = LuaSource(bytes)
    guard let last = source.tokens.last else {
      return Found(context: .global(partial: ""), start: bytes.count)
    }
    switch last.kind {
    case .openString: return file(source, last)
    case .openComment: return Found(context: .nothing, start: bytes.count)
    case .comment where isAtEnd(last, bytes) && !isClosedLong(source, last):
      return Found(context: .nothing, start: bytes.count)
    case .number where last.range.upperBound == bytes.count:
      return Found(context: .nothing, start: bytes.count)
    default: break
    }
    return word(source)
  }

  /// The offset behind `?`, `??` or a command that takes Lua, such as `:time `.
  private static func afterCommand(_ bytes: [UInt8]) -> Int? {
    if bytes.first == UInt8(ascii: "?") {
      return bytes.firstIndex { $0 != UInt8(ascii: "?") } ?? bytes.count
    }
    guard bytes.first == UInt8(ascii: ":"), let space = bytes.firstIndex(of: 32),
      bytes.count > 1, bytes[1] != UInt8(ascii: ":")
    else { return nil }
    return space + 1
  }

  /// The offset of the last word behind `!` or a command that takes files, such as `:load `.
  private static func fileArgument(_ bytes: [UInt8]) -> Int? {
    let space = UInt8(ascii: " ")
    guard let first = bytes.first, first == UInt8(ascii: "!") || first == UInt8(ascii: ":") else {
      return nil
    }
    guard let last = bytes.lastIndex(where: { $0 == space || $0 == UInt8(ascii: "!") }) else {
      return nil
    }
    if first == UInt8(ascii: "!") { return last + 1 }
    let command = String(decoding: bytes[1..<(bytes.firstIndex(of: space) ?? last)], as: UTF8.self)
    return ["load", "run", "save", "cd"].contains(command) ? last + 1 : nil
  }

  private static func isAtEnd(_ token: LuaToken, _ bytes: [UInt8]) -> Bool {
    token.range.upperBound == bytes.count
  }

  private static func isClosedLong(_ source: LuaSource, _ token: LuaToken) -> Bool {
    let text = source.text(token)
    return text.hasPrefix("--[") && text.hasSuffix("]")
  }

  private static func file(_ source: LuaSource, _ token: LuaToken) -> Found {
    let text = source.text(token)
    guard let quote = text.first, quote == "\"" || quote == "'", !text.contains("\\") else {
      return Found(context: .nothing, start: source.bytes.count)
    }
    let partial = String(text.dropFirst())
    let start = token.range.lowerBound + 1
    // `name = "` inside the table of a call.
    let end = source.placed.count - 1
    if quote == "\"", end >= 2, source.text(source.placed[end - 1].token) == "=",
      source.placed[end - 2].token.kind == .name, let option = option(source, before: end - 2)
    {
      let name = source.text(source.placed[end - 2].token)
      return Found(
        context: .choice(
          callee: option.callee, path: option.path, name: name, partial: partial), start: start)
    }
    // `f("` or `f "`.
    let isBehindBracket = end >= 1 && source.text(source.placed[end - 1].token) == "("
    if let callee = callee(source, endingAt: isBehindBracket ? end - 1 : end) {
      return Found(
        context: .argument(callee: callee, partial: partial, quote: quote), start: start)
    }
    return Found(context: .file(partial: partial), start: start)
  }

  private static func word(_ source: LuaSource) -> Found {
    let placed = source.placed
    var index = placed.count
    var partial = ""
    var start = source.bytes.count
    if let last = placed.last, last.token.range.upperBound == start,
      last.token.kind == .name || last.token.kind == .keyword
    {
      partial = source.text(last.token)
      start = last.token.range.lowerBound
      index -= 1
    }
    let before = index > 0 ? source.text(placed[index - 1].token) : ""
    if before == "." || before == ":" {
      guard let chain = chain(source, endingAt: index - 1) else {
        return Found(context: .nothing, start: start)
      }
      let context: CompletionContext =
        before == "."
        ? .field(chain: chain, partial: partial)
        : .method(chain: chain, partial: partial)
      return Found(context: context, start: start)
    }
    if before == "{" || before == "," || before == ";",
      let option = option(source, before: index)
    {
      return Found(
        context: .option(callee: option.callee, path: option.path, partial: partial), start: start)
    }
    return Found(context: .global(partial: partial), start: start)
  }

  /// The names `a.b.c` whose last one stands before token `end`; nil when it is no such chain.
  private static func chain(_ source: LuaSource, endingAt end: Int) -> [String]? {
    var names: [String] = []
    var index = end - 1
    while index >= 0 {
      let token = source.placed[index].token
      if names.isEmpty, token.kind == .string { return [source.text(token)] }
      // ("text"):
      if names.isEmpty, source.text(token) == ")", index >= 2,
        source.placed[index - 1].token.kind == .string,
        source.text(source.placed[index - 2].token) == "(", !isCall(source, bracket: index - 2)
      {
        return [source.text(source.placed[index - 1].token)]
      }
      guard token.kind == .name else { return nil }
      names.insert(source.text(token), at: 0)
      index -= 1
      guard index >= 0 else { break }
      let link = source.text(source.placed[index].token)
      if link == "." {
        index -= 1
      } else if link == ":" || link == "::" {
        return nil
      } else {
        break
      }
    }
    return names.isEmpty ? nil : names
  }

  /// Whether the bracket follows what could be called, so that it is no mere grouping.
  private static func isCall(_ source: LuaSource, bracket: Int) -> Bool {
    guard bracket > 0 else { return false }
    let before = source.placed[bracket - 1].token
    return before.kind == .name || before.kind == .string
      || [")", "]", "}"].contains(source.text(before))
  }

  /// The function and nested names whose option table is open at the token `before`.
  private static func option(
    _ source: LuaSource, before: Int
  ) -> (callee: Callee, path: [String])? {
    var path: [String] = []
    var index = before - 1
    while let open = openBracket(source, before: index + 1) {
      guard source.text(source.placed[open].token) == "{" else { return nil }
      if open >= 2, source.text(source.placed[open - 1].token) == "=",
        source.placed[open - 2].token.kind == .name
      {
        path.insert(source.text(source.placed[open - 2].token), at: 0)
        index = open - 3
        continue
      }
      guard let callee = callee(source, of: open) else { return nil }
      return (callee, path)
    }
    return nil
  }

  /// The innermost bracket that is open before token `end`.
  private static func openBracket(_ source: LuaSource, before end: Int) -> Int? {
    var closed = 0
    var index = end - 1
    while index >= 0 {
      switch source.text(source.placed[index].token) {
      case ")", "]", "}": closed += 1
      case "(", "[", "{":
        if closed == 0 { return index }
        closed -= 1
      default: break
      }
      index -= 1
    }
    return nil
  }

  /// The function called with the table that opens at `open`: `f{` or `f(a, {`.
  private static func callee(_ source: LuaSource, of open: Int) -> Callee? {
    var end = open
    if open > 0, ["(", ","].contains(source.text(source.placed[open - 1].token)) {
      guard let call = openBracket(source, before: open),
        source.text(source.placed[call].token) == "("
      else { return nil }
      end = call
    }
    return callee(source, endingAt: end)
  }

  /// The chains that stand in front of `.name` or `:name` in a line.
  static func owners(of name: String, link: String, in line: String) -> [[String]] {
    let source = LuaSource(line)
    return source.placed.indices.compactMap { index in
      guard index >= 2, source.text(source.placed[index].token) == name,
        source.text(source.placed[index - 1].token) == link
      else { return nil }
      return chain(source, endingAt: index - 1)
    }
  }

  /// The function whose name ends before token `end`.
  static func callee(_ source: LuaSource, endingAt end: Int) -> Callee? {
    guard end > 0, source.placed[end - 1].token.kind == .name else { return nil }
    let name = source.text(source.placed[end - 1].token)
    if end >= 2, source.text(source.placed[end - 2].token) == ":",
      let owner = chain(source, endingAt: end - 2)
    {
      return Callee(chain: owner + [name], isMethod: true)
    }
    guard let chain = chain(source, endingAt: end) else { return nil }
    return Callee(chain: chain, isMethod: false)
  }

  /// The functions that a signature may be wanted for, the nearest first: the name just typed, and
  /// the open call around it.
  static func calleesAtEnd(_ text: String) -> [Callee] {
    let source = LuaSource(text)
    var callees: [Callee] = []
    if let callee = callee(source, endingAt: source.placed.count) { callees.append(callee) }
    if let open = openBracket(source, before: source.placed.count) {
      let around =
        source.text(source.placed[open].token) == "{"
        ? callee(source, of: open) : callee(source, endingAt: open)
      if let around { callees.append(around) }
    }
    return callees
  }
}
