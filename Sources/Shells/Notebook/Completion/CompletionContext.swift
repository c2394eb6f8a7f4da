/// What the text before the cursor asks for.
enum CompletionContext: Equatable, Sendable {
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
  /// A field or method of what an expression gives.
  case member(of: OwnerExpression, isMethod: Bool, partial: String)
  /// The value of an option, in an unfinished string: one of its choices, else a file name.
  case choice(
    callee: Callee, path: [String], name: String, partial: String, quote: Character = "\"")
  /// The first argument of a call, in an unfinished string: a name that it knows, or a file name.
  case argument(callee: Callee, partial: String, quote: Character = "\"")
  /// A file name in an unfinished string, or behind a command that takes one.
  case file(partial: String, quoting: FileQuoting = .lua("\""))
  /// A setting behind `:set`, or a value of one.
  case setting(name: String?, partial: String)
  /// A command after `:` at the start of the text.
  case command(partial: String)

  /// The function whose arguments the cursor is in.
  struct Callee: Equatable, Sendable {
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
    // A space in front keeps an input out of the history.
    let front = bytes.firstIndex { $0 != 32 && $0 != 9 } ?? bytes.count
    switch bytes[front...].first {
    case UInt8(ascii: "!"): return word(of: bytes, from: front + 1, separators: "|;&<>()`")
    case UInt8(ascii: "?"):
      return lua(bytes, from: bytes[front...].firstIndex { $0 != UInt8(ascii: "?") } ?? bytes.count)
    case UInt8(ascii: ":") where bytes[front...].dropFirst().first != UInt8(ascii: ":"):
      return command(bytes, from: front + 1)
    default: return lua(bytes, from: 0)
    }
  }

  /// Behind the colon of a command.
  private static func command(_ bytes: [UInt8], from start: Int) -> Found {
    guard let space = bytes[start...].firstIndex(of: 32) else {
      let partial = String(decoding: bytes[start...], as: UTF8.self)
      return Found(context: .command(partial: partial), start: start)
    }
    let name = String(decoding: bytes[start..<space], as: UTF8.self)
    let argument = bytes[space...].firstIndex { $0 != 32 } ?? bytes.count
    let rest = String(decoding: bytes[argument...], as: UTF8.self)
    switch Command.named(name)?.takes {
    case .nothing: return Found(context: .nothing, start: bytes.count)
    case .path:
      return Found(context: .file(partial: rest, quoting: .plain), start: argument)
    case .words: return word(of: bytes, from: argument, separators: "")
    case .setting:
      let words = rest.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
      let partial = words.last ?? ""
      return Found(
        context: words.count > 2
          ? .nothing : .setting(name: words.count == 2 ? words[0] : nil, partial: partial),
        start: bytes.count - partial.utf8.count)
    default: return lua(bytes, from: argument)
    }
  }

  /// The last word of a shell's line.
  private static func word(of bytes: [UInt8], from start: Int, separators: String) -> Found {
    let word = ShellWord(Array(bytes[start...]), separators: separators)
    let partial = String(decoding: bytes[(start + word.start)...], as: UTF8.self)
    return Found(
      context: .file(partial: partial, quoting: .shell(word.quote)), start: start + word.start)
  }

  /// Lua from an offset on.
  private static func lua(_ all: [UInt8], from offset: Int) -> Found {
    var found = lua(Array(all[offset...]))
    found.start += offset
    return found
  }

  private static func lua(_ bytes: [UInt8]) -> Found {
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

  private static func isAtEnd(_ token: LuaToken, _ bytes: [UInt8]) -> Bool {
    token.range.upperBound == bytes.count
  }

  private static func isClosedLong(_ source: LuaSource, _ token: LuaToken) -> Bool {
    let text = source.text(token)
    return text.hasPrefix("--[") && text.hasSuffix("]")
  }

  private static func file(_ source: LuaSource, _ token: LuaToken) -> Found {
    let text = source.text(token)
    guard let quote = text.first, quote == "\"" || quote == "'" else {
      return Found(context: .nothing, start: source.bytes.count)
    }
    let partial = String(text.dropFirst())
    let start = token.range.lowerBound + 1
    // `name = "` inside the table of a call.
    let end = source.placed.count - 1
    if end >= 2, source.text(source.placed[end - 1].token) == "=",
      source.placed[end - 2].token.kind == .name, let option = option(source, before: end - 2)
    {
      let name = source.text(source.placed[end - 2].token)
      return Found(
        context: .choice(
          callee: option.callee, path: option.path, name: name, partial: partial, quote: quote),
        start: start)
    }
    // `f("` or `f "`.
    let isBehindBracket = end >= 1 && source.text(source.placed[end - 1].token) == "("
    if let callee = callee(source, endingAt: isBehindBracket ? end - 1 : end) {
      return Found(
        context: .argument(callee: callee, partial: partial, quote: quote), start: start)
    }
    return Found(context: .file(partial: partial, quoting: .lua(quote)), start: start)
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
      switch OwnerExpression.find(source, endingAt: index - 1) {
      case nil: return Found(context: .nothing, start: start)
      case .chain(let chain)? where before == ".":
        return Found(context: .field(chain: chain, partial: partial), start: start)
      case .chain(let chain)?:
        return Found(context: .method(chain: chain, partial: partial), start: start)
      case let owner?:
        return Found(
          context: .member(of: owner, isMethod: before == ":", partial: partial), start: start)
      }
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
    guard case .chain(let names)? = OwnerExpression.find(source, endingAt: end) else { return nil }
    return names
  }

  /// The function and nested names whose option table is open at the token `before`.
  private static func option(
    _ source: LuaSource, before: Int
  ) -> (callee: Callee, path: [String])? {
    var path: [String] = []
    var isInList = false
    var index = before - 1
    while let open = openBracket(source, before: index + 1) {
      guard source.text(source.placed[open].token) == "{" else { return nil }
      let previous = open > 0 ? source.text(source.placed[open - 1].token) : ""
      // A table in the list of a named option: each of them takes what the option does.
      if !isInList, previous == "{" || previous == ",",
        let outer = openBracket(source, before: open),
        source.text(source.placed[outer].token) == "{"
      {
        isInList = true
        index = open - 1
        continue
      }
      if open >= 2, source.text(source.placed[open - 1].token) == "=",
        source.placed[open - 2].token.kind == .name
      {
        path.insert(source.text(source.placed[open - 2].token), at: 0)
        isInList = false
        index = open - 3
        continue
      }
      guard !isInList, let callee = callee(source, of: open) else { return nil }
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
