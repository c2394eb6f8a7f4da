internal import Diagnostics
package import LuaHost

/// Texts of values for the echo: nested tables with limits, strings quoted, errors contained.
package struct ValuePrinter {
  /// Columns of a line.
  package var width: Int
  /// Nested tables shown.
  package var depth = 4
  /// Items shown in all.
  package var items = 200
  /// Characters of a string shown inside a table.
  package let stringLimit = 200
  /// Colours.
  package var palette: Palette

  private let state: LuaState

  /// Makes a printer for a state's values.
  package init(state: LuaState, width: Int = 80, palette: Palette = Palette(isOn: false)) {
    self.state = state
    self.width = width
    self.palette = palette
  }

  /// The echo of several values: one a line when any of them needs lines of its own, else one line.
  package func echo(_ values: [LuaValue]) -> String {
    let texts = values.map { text($0) }
    let isShort = texts.allSatisfy { !$0.contains("\n") }
    return texts.joined(separator: isShort ? "\t" : "\n")
  }

  package func text(_ value: LuaValue) -> String {
    // A text of several lines, such as a result table, is meant to be read as it is.
    if case .string(let string) = value, string.bytes.count <= 1 << 20, let text = string.text,
      text.contains("\n")
    {
      return text
    }
    var budget = items
    return lay(value, level: 0, open: [], budget: &budget).laidOut(width: width)
  }

  private func lay(
    _ value: LuaValue, level: Int, open: Set<UInt>, budget: inout Int
  ) -> ValueText {
    switch value {
    case .nil: return colored("nil", palette.constant)
    case .boolean(let flag): return colored(flag ? "true" : "false", palette.constant)
    case .integer(let number): return colored(String(number), palette.number)
    case .number: return colored(plainText(value), palette.number)
    case .string(let string): return colored(quoted(string), palette.string)
    case .table(let table):
      if let text = customText(value) { return .plain(text) }
      return lay(table, level: level, open: open, budget: &budget)
    case .function(let function):
      return colored(functionText(function), palette.constant)
    case .handle, .other:
      let text = level == 0 ? blockText(value) : plainText(value)
      return .plain(text)
    }
  }

  private func colored(_ text: String, _ color: (String) -> String) -> ValueText {
    .atom(color(text), width: Terminal.width(text))
  }

  // MARK: Tables

  private func lay(
    _ table: LuaTable, level: Int, open: Set<UInt>, budget: inout Int
  ) -> ValueText {
    let address = state.address(of: table)
    if open.contains(address) { return .plain("<cycle>") }
    let count = (try? table.count) ?? 0
    let others = otherPairs(table, listCount: count)
    if count == 0, others.isEmpty { return .table([]) }
    if level >= depth { return .plain("{...}") }
    var entries: [(key: String, keyWidth: Int, value: ValueText)] = []
    var shownOfList = 0
    let open = open.union([address])
    while shownOfList < count, budget > 0 {
      shownOfList += 1
      budget -= 1
      let value = (try? table.get(shownOfList)) ?? .nil
      entries.append(("", 0, lay(value, level: level + 1, open: open, budget: &budget)))
    }
    var shownOthers = 0
    for (key, value) in others where budget > 0 {
      shownOthers += 1
      budget -= 1
      let name = keyText(key)
      let text = lay(value, level: level + 1, open: open, budget: &budget)
      entries.append((name + " = ", Terminal.width(name) + 3, text))
    }
    let hidden = count - shownOfList + others.count - shownOthers
    if hidden > 0 { entries.append(("", 0, .plain("... \(hidden) more"))) }
    return .table(entries)
  }

  /// Pairs outside the list part: numbers by size, then strings, then the rest.
  private func otherPairs(
    _ table: LuaTable, listCount: Int
  ) -> [(key: LuaValue, value: LuaValue)] {
    let limit = 20_000
    guard let pairs = try? table.pairs(limit: limit) else { return [] }
    return
      pairs
      .filter { pair in
        if case .integer(let index) = pair.key { return index < 1 || index > Int64(listCount) }
        return true
      }
      .map { (rank: rank($0.key), pair: $0) }
      .sorted { $0.rank < $1.rank }
      .map(\.pair)
  }

  /// A sort key that orders numbers, then strings, then everything else by its text.
  private func rank(_ key: LuaValue) -> Rank {
    switch key {
    case .integer(let number): return Rank(group: 0, number: Double(number), text: "")
    case .number(let number): return Rank(group: 0, number: number, text: "")
    case .string(let string): return Rank(group: 1, number: 0, text: string.display)
    default: return Rank(group: 2, number: 0, text: plainText(key))
    }
  }

  private struct Rank: Comparable {
    var group: Int
    var number: Double
    var text: String

    static func < (a: Rank, b: Rank) -> Bool {
      (a.group, a.number, a.text) < (b.group, b.number, b.text)
    }
  }

  private func keyText(_ key: LuaValue) -> String {
    switch key {
    case .string(let string):
      if let text = string.text, isName(text) { return text }
      return "[" + quoted(string) + "]"
    default: return "[" + plainText(key) + "]"
    }
  }

  private func isName(_ text: String) -> Bool {
    let tokens = LuaScanner.scan(Array(text.utf8))
    return tokens.count == 1 && tokens[0].kind == .name && tokens[0].range.count == text.utf8.count
  }

  // MARK: Leaves

  /// `tostring`, or what went wrong in it.
  private func plainText(_ value: LuaValue) -> String {
    do {
      return try state.text(value)
    } catch {
      return "<error in __tostring: \(error)>"
    }
  }

  /// The text of a table that says itself what it is.
  private func customText(_ value: LuaValue) -> String? {
    if let bundle = displayText(value) { return bundle }
    guard let field = state.metafield(value, "__tostring"), !field.isNil else { return nil }
    return plainText(value)
  }

  /// The block form of a handle: `__display`'s plain text, `__print`, or `tostring`.
  private func blockText(_ value: LuaValue) -> String {
    if let text = displayText(value) { return text }
    if let function = state.metafield(value, "__print")?.function {
      do {
        if let text = try function.first([value]).string { return text }
      } catch {
        return "<error in __print: \(error)>"
      }
    }
    return plainText(value)
  }

  private func displayText(_ value: LuaValue) -> String? {
    guard let function = state.metafield(value, "__display")?.function else { return nil }
    do {
      guard let bundle = try function.first([value]).table else { return nil }
      let text = try bundle.get("text/plain")
      if let maker = text.function { return try maker.first().string }
      return text.string
    } catch {
      return "<\(value.typeName): error in __display: \(error)>"
    }
  }

  private func functionText(_ function: LuaFunction) -> String {
    let place = state.place(of: function) ?? state.catalogName(of: function)
    return place.map { "function <\($0)>" } ?? "function"
  }

  /// A string in double quotes with Lua's escapes, cut when it is long.
  func quoted(_ string: LuaString) -> String {
    let isCut = string.bytes.count > stringLimit
    let bytes = isCut ? Array(string.bytes.prefix(stringLimit)) : string.bytes
    var text = "\""
    let decoded = String(validating: bytes, as: UTF8.self)
    if let decoded {
      for scalar in decoded.unicodeScalars { text += escape(scalar) }
    } else if isCut, let shorter = trimmedToUTF8(bytes) {
      for scalar in shorter.unicodeScalars { text += escape(scalar) }
    } else {
      for byte in bytes {
        text += byte < 128 ? escape(Unicode.Scalar(byte)) : "\\x" + hex(byte)
      }
    }
    return text + "\"" + (isCut ? "... (\(string.bytes.count) bytes)" : "")
  }

  /// The text without a character that the cut tore.
  private func trimmedToUTF8(_ bytes: [UInt8]) -> String? {
    for drop in 1...3 where drop < bytes.count {
      if let text = String(validating: bytes.dropLast(drop), as: UTF8.self) { return text }
    }
    return nil
  }

  private func escape(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "\n": return "\\n"
    case "\t": return "\\t"
    case "\r": return "\\r"
    case "\"": return "\\\""
    case "\\": return "\\\\"
    default:
      let isControl = scalar.value < 32 || (127...159).contains(scalar.value)
      return isControl ? "\\x" + hex(UInt8(truncatingIfNeeded: scalar.value)) : String(scalar)
    }
  }

  private func hex(_ byte: UInt8) -> String {
    let text = String(byte, radix: 16)
    return byte < 16 ? "0" + text : text
  }
}
