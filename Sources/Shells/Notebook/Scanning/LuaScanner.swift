/// One token of Lua source, or a comment.
struct LuaToken: Equatable {
  /// What a token is.
  enum Kind: Equatable {
    case name, keyword, number, string, symbol, comment
    /// A string or long bracket that the source ends inside of, or that a line end breaks.
    case openString
    /// A long comment that the source ends inside of.
    case openComment
    /// A byte that no Lua token starts with.
    case invalid
  }

  var kind: Kind
  /// Byte offsets in the source.
  var range: Range<Int>
}

/// Splits Lua 5.4 source into tokens exactly as Lua's own lexer does, comments included.
///
/// The reading of numbers and of the longest symbol follows `llex.c`: what Lua takes as one token
/// (`0x`, `3..2`, `>=`) is one token here, so that a rewrite never cuts a token in two.
struct LuaScanner {
  private let source: [UInt8]
  private var position = 0

  private init(_ source: [UInt8]) {
    self.source = source
  }

  /// All tokens and comments of `source`, in order.
  static func scan(_ source: [UInt8]) -> [LuaToken] {
    var scanner = LuaScanner(source)
    var tokens: [LuaToken] = []
    while let token = scanner.next() { tokens.append(token) }
    return tokens
  }

  /// The words that cannot be names.
  static let keywords: Set<String> = [
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in",
    "local", "nil", "not", "or", "repeat", "return", "then", "true", "until", "while",
  ]

  private static let symbols: [[UInt8]] =
    ["...", "..", "==", "~=", "<=", ">=", "<<", ">>", "//", "::"].map { Array($0.utf8) }
  private static let singles = Set("+-*/%^#&~|<>=(){}[];:,.".utf8)

  private func byte(_ offset: Int = 0) -> UInt8? {
    position + offset < source.count ? source[position + offset] : nil
  }

  private mutating func next() -> LuaToken? {
    while let byte = byte(), isSpace(byte) { position += 1 }
    guard let first = byte() else { return nil }
    let start = position
    let kind: LuaToken.Kind
    if isNameStart(first) {
      while let byte = byte(), isNamePart(byte) { position += 1 }
      let word = String(decoding: source[start..<position], as: UTF8.self)
      kind = Self.keywords.contains(word) ? .keyword : .name
    } else if isDigit(first) || (first == dot && byte(1).map(isDigit) == true) {
      number()
      kind = .number
    } else if first == quote || first == apostrophe {
      kind = quoted(first) ? .string : .openString
    } else if first == dash, byte(1) == dash {
      position += 2
      kind = comment()
    } else if first == openBracket, let level = longBracketLevel() {
      kind = longBracket(level) ? .string : .openString
    } else if let symbol = Self.symbols.first(where: { source[start...].starts(with: $0) }) {
      position += symbol.count
      kind = .symbol
    } else {
      position += 1
      kind = Self.singles.contains(first) ? .symbol : .invalid
    }
    return LuaToken(kind: kind, range: start..<position)
  }

  /// Reads what `read_numeral` reads, malformed numbers included.
  private mutating func number() {
    var exponents: [UInt8] = [UInt8(ascii: "e"), UInt8(ascii: "E")]
    if byte() == UInt8(ascii: "0"), byte(1) == UInt8(ascii: "x") || byte(1) == UInt8(ascii: "X") {
      exponents = [UInt8(ascii: "p"), UInt8(ascii: "P")]
      position += 1
    }
    position += 1
    while let next = byte() {
      if exponents.contains(next) {
        position += 1
        if byte() == UInt8(ascii: "+") || byte() == dash { position += 1 }
      } else if isHexDigit(next) || next == dot {
        position += 1
      } else {
        break
      }
    }
    if let next = byte(), isNameStart(next) { position += 1 }
  }

  /// Reads a quoted string; false when a line end or the end of the source breaks it.
  private mutating func quoted(_ delimiter: UInt8) -> Bool {
    position += 1
    while let next = byte() {
      switch next {
      case delimiter:
        position += 1
        return true
      case newline, carriageReturn:
        return false
      case UInt8(ascii: "\\"):
        escape()
      default:
        position += 1
      }
    }
    return false
  }

  private mutating func escape() {
    position += 1
    guard let next = byte() else { return }
    position += 1
    if next == UInt8(ascii: "z") {
      while let space = byte(), isSpace(space) { position += 1 }
    } else if next == carriageReturn, byte() == newline {
      position += 1
    }
  }

  /// Reads a comment whose two dashes are consumed.
  private mutating func comment() -> LuaToken.Kind {
    if byte() == openBracket, let level = longBracketLevel() {
      return longBracket(level) ? .comment : .openComment
    }
    while let next = byte(), next != newline, next != carriageReturn { position += 1 }
    return .comment
  }

  /// The number of `=` when a long bracket opens here, else nil.
  private func longBracketLevel() -> Int? {
    var level = 0
    while byte(1 + level) == UInt8(ascii: "=") { level += 1 }
    return byte(1 + level) == openBracket ? level : nil
  }

  private mutating func longBracket(_ level: Int) -> Bool {
    position += level + 2
    let close = UInt8(ascii: "]")
    while position < source.count {
      if byte() == close {
        var equals = 0
        while byte(1 + equals) == UInt8(ascii: "=") { equals += 1 }
        if equals == level, byte(1 + equals) == close {
          position += level + 2
          return true
        }
      }
      position += 1
    }
    return false
  }
}

private let newline = UInt8(ascii: "\n")
private let carriageReturn = UInt8(ascii: "\r")
private let dot = UInt8(ascii: ".")
private let dash = UInt8(ascii: "-")
private let quote = UInt8(ascii: "\"")
private let apostrophe = UInt8(ascii: "'")
private let openBracket = UInt8(ascii: "[")

private func isSpace(_ byte: UInt8) -> Bool { byte == 32 || (9...13).contains(byte) }
private func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }
private func isHexDigit(_ byte: UInt8) -> Bool {
  isDigit(byte) || (97...102).contains(byte) || (65...70).contains(byte)
}
private func isNameStart(_ byte: UInt8) -> Bool {
  (97...122).contains(byte) || (65...90).contains(byte) || byte == 95
}
private func isNamePart(_ byte: UInt8) -> Bool { isNameStart(byte) || isDigit(byte) }
