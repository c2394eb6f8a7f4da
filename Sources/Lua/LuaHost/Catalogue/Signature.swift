/// A signature's parts: `(images: tensor [, options]) -> tensor, report`.
public struct Signature: Sendable, Equatable {
  /// One parameter or result.
  public struct Item: Sendable, Equatable {
    /// The name; "" for a result that is only a type.
    public var name: String
    /// The type in the words of signatures; "" when none is said.
    public var type: String
    /// True inside square brackets.
    public var isOptional: Bool
  }

  /// The parameters.
  public var parameters: [Item]
  /// The results.
  public var results: [Item]

  /// Takes a signature apart; text that is none gives no parts.
  public init(_ text: String) {
    var inside = ""
    var level = 0
    var rest = text[...]
    while let character = rest.popFirst() {
      if character == ")" { level -= 1 }
      if level > 0, !(character == ")" && level == 0) { inside.append(character) }
      if character == "(" { level += 1 }
      if level == 0, character == ")" { break }
    }
    parameters = Self.items(inside)
    let parts = String(rest).split(separator: ">", maxSplits: 1)
    results = parts.count == 2 ? Self.items(String(parts[1])) : []
  }

  /// Splits at commas outside brackets of types; `[, x]` marks x as optional, `x?` does too.
  private static func items(_ text: String) -> [Item] {
    var items: [Item] = []
    var current = ""
    var optionalDepth = 0
    var level = 0
    var currentIsOptional = false
    func finish(_ items: inout [Item]) {
      let piece = trimmed(current)
      if !piece.isEmpty { items.append(item(piece, isOptional: currentIsOptional)) }
    }
    let characters = Array(text)
    var position = 0
    while position < characters.count {
      let character = characters[position]
      let next = position + 1 < characters.count ? characters[position + 1] : " "
      switch character {
      case "(", "{": level += 1
      case ")", "}": level -= 1
      default: break
      }
      if character == "[", next != "]" {
        optionalDepth += 1
        if trimmed(current).isEmpty { currentIsOptional = true }
      } else if character == "]", position == 0 || characters[position - 1] != "[" {
        optionalDepth -= 1
      } else if character == ",", level == 0 {
        finish(&items)
        current = ""
        currentIsOptional = optionalDepth > 0
      } else {
        current.append(character)
      }
      position += 1
    }
    finish(&items)
    return items
  }

  private static func item(_ piece: String, isOptional: Bool) -> Item {
    let parts = piece.split(separator: ":", maxSplits: 1).map { trimmed(String($0)) }
    var name = parts.first ?? ""
    var isOptional = isOptional
    if name.hasSuffix("?") {
      name.removeLast()
      isOptional = true
    }
    return Item(name: name, type: parts.count > 1 ? parts[1] : "", isOptional: isOptional)
  }

  private static func trimmed(_ text: String) -> String {
    var text = text[...]
    while text.first == " " { text.removeFirst() }
    while text.last == " " { text.removeLast() }
    return String(text)
  }
}
