/// Lua source with its tokens, and how deep each token lies in blocks and brackets.
struct LuaSource {
  /// A token that is no comment, with its place in the structure.
  struct Placed {
    var token: LuaToken
    /// Open `function`, `if`, `do` and `repeat` blocks around the token; its own does not count for
    /// the word that opens it, but does for the word that closes it.
    var blockDepth: Int
    /// Open brackets around the token, counted alike.
    var bracketDepth: Int
  }

  let bytes: [UInt8]
  /// Tokens and comments in order.
  let tokens: [LuaToken]
  /// Tokens without comments.
  let placed: [Placed]
  /// The depths behind the last token: how many blocks and brackets are still open.
  let openBlocks: Int
  let openBrackets: Int

  init(_ text: String) {
    self.init(Array(text.utf8))
  }

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    tokens = LuaScanner.scan(bytes)
    var placed: [Placed] = []
    var blocks = 0
    var brackets = 0
    for token in tokens where token.kind != .comment && token.kind != .openComment {
      let here = Placed(token: token, blockDepth: blocks, bracketDepth: brackets)
      placed.append(here)
      guard token.kind == .keyword || token.kind == .symbol else { continue }
      switch String(decoding: bytes[token.range], as: UTF8.self) {
      case "function", "if", "do", "repeat": blocks += 1
      case "end", "until": blocks = max(0, blocks - 1)
      case "(", "[", "{": brackets += 1
      case ")", "]", "}": brackets = max(0, brackets - 1)
      default: break
      }
    }
    self.placed = placed
    openBlocks = blocks
    openBrackets = brackets
  }

  /// The text of a token.
  func text(_ token: LuaToken) -> String {
    String(decoding: bytes[token.range], as: UTF8.self)
  }

  /// True when the last token is a `;`, which silences the echo.
  var endsInSemicolon: Bool {
    placed.last.map { text($0.token) == ";" } ?? false
  }

  /// True when there is nothing but spaces and comments.
  var isBlank: Bool {
    placed.isEmpty && !tokens.contains { $0.kind == .openComment }
  }

  /// Byte offsets at which a last expression could start: tokens outside of blocks and brackets,
  /// from the end, at most `limit`.
  ///
  /// - Parameter wholeCompiles: whether the source compiles as it stands. A tail that starts with a
  ///   bracket, string, table or sign could then be the continuation of the line before, and Lua's
  ///   reading wins.
  func tailStarts(wholeCompiles: Bool, limit: Int = 64) -> [Int] {
    placed.reversed().lazy
      .filter { $0.blockDepth == 0 && $0.bracketDepth == 0 }
      .prefix(limit)
      .filter { !wholeCompiles || startsAnExpression($0.token) }
      .map { $0.token.range.lowerBound }
  }

  private func startsAnExpression(_ token: LuaToken) -> Bool {
    switch token.kind {
    case .name, .number: true
    case .keyword: ["nil", "true", "false", "not", "function"].contains(text(token))
    case .symbol: text(token) == "..."
    default: false
    }
  }
}
