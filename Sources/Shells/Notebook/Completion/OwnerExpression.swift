/// The expression in front of `.name` or `:name`, as far as its value or type can be found without
/// running it.
indirect enum OwnerExpression: Equatable, Sendable {
  /// Names, `a.b.c`, or one literal string.
  case chain([String])
  /// What a function gives first.
  case call(OwnerExpression)
  /// What a method gives first.
  case method(OwnerExpression, String)
  /// A field of what is no chain.
  case field(OwnerExpression, String)
  /// `owner[key]`, with the key when it is one literal.
  case element(OwnerExpression, key: String?)

  /// The expression that ends before token `end`; nil when there is none.
  static func find(_ source: LuaSource, endingAt end: Int) -> OwnerExpression? {
    var reader = Reader(source: source)
    return reader.read(endingAt: end, depth: 0)?.expression
  }

  /// Reads backwards.
  private struct Reader {
    let source: LuaSource

    func text(_ index: Int) -> String {
      index >= 0 ? source.text(source.placed[index].token) : ""
    }

    func kind(_ index: Int) -> LuaToken.Kind? { index >= 0 ? source.placed[index].token.kind : nil }

    /// The expression and the token that it starts with.
    mutating func read(
      endingAt end: Int, depth: Int
    ) -> (expression: OwnerExpression, start: Int)? {
      let last = end - 1
      guard last >= 0, depth < 100 else { return nil }
      switch kind(last) {
      case .name: return name(last, depth)
      case .string:
        if let call = call(before: last, depth) { return call }
        return (.chain([text(last)]), last)
      default: break
      }
      guard let open = opening(of: last) else { return nil }
      switch text(last) {
      case "]":
        guard let owner = read(endingAt: open, depth: depth + 1) else { return nil }
        let isLiteral = last - open == 2 && [.string, .number].contains(kind(open + 1))
        return (.element(owner.expression, key: isLiteral ? text(open + 1) : nil), owner.start)
      case "}": return call(before: open, depth)
      case ")":
        if let call = call(before: open, depth) { return call }
        // What comes before could be called in a way that is not read here.
        guard !canBeCalled(open - 1), let inner = read(endingAt: last, depth: depth + 1),
          inner.start == open + 1
        else { return nil }
        return (inner.expression, open)
      default: return nil
      }
    }

    private mutating func name(
      _ last: Int, _ depth: Int
    ) -> (expression: OwnerExpression, start: Int)? {
      switch text(last - 1) {
      case ".":
        guard let owner = read(endingAt: last - 1, depth: depth + 1) else { return nil }
        if case .chain(let names) = owner.expression {
          return (.chain(names + [text(last)]), owner.start)
        }
        return (.field(owner.expression, text(last)), owner.start)
      case ":", "::": return nil
      default: return (.chain([text(last)]), last)
      }
    }

    /// The call whose arguments start with token `arguments`.
    private mutating func call(
      before arguments: Int, _ depth: Int
    ) -> (expression: OwnerExpression, start: Int)? {
      guard canBeCalled(arguments - 1) else { return nil }
      if kind(arguments - 1) == .name, text(arguments - 2) == ":" {
        guard let owner = read(endingAt: arguments - 2, depth: depth + 1) else { return nil }
        return (.method(owner.expression, text(arguments - 1)), owner.start)
      }
      guard let function = read(endingAt: arguments, depth: depth + 1) else { return nil }
      return (.call(function.expression), function.start)
    }

    private func canBeCalled(_ index: Int) -> Bool {
      kind(index) == .name || kind(index) == .string || [")", "]", "}"].contains(text(index))
    }

    /// The bracket that token `close` closes.
    private func opening(of close: Int) -> Int? {
      var level = 0
      for index in stride(from: close, through: 0, by: -1)
      where kind(index) == .symbol {
        switch text(index) {
        case ")", "]", "}": level += 1
        case "(", "[", "{":
          level -= 1
          if level == 0 { return index }
        default: break
        }
      }
      return nil
    }
  }
}
