/// Rewrites `local` statements outside of blocks, so that their names outlive the input.
///
/// `local x = e` becomes `x = e`; `local x, y` becomes `x, y = nil, nil`; `local function f`
/// becomes `function f`; `<const>` is dropped. A statement with `<close>`, with `_ENV` or with more
/// names than an assignment safely takes stays as it is. What is taken away is replaced by spaces,
/// so every line stays where it was.
struct LocalPromotion {
  /// The rewritten source.
  private(set) var source: String
  /// Names that outlive the input now.
  private(set) var promoted: [String] = []
  /// True when a `<close>` variable was left alone.
  private(set) var leftClosing = false

  /// Names in one statement above which an assignment could need more registers or nesting than
  /// Lua has, while the declaration does not.
  private static let nameLimit = 60

  private let lua: LuaSource
  /// Names of statements that stayed: later ones of the same name must stay too, since assigning to
  /// a `<close>` variable does not compile.
  private var keptNames: Set<String> = []
  private var edits: [(range: Range<Int>, text: [UInt8])] = []

  /// Leaves `text` as it is.
  init(unchanged text: String) {
    source = text
    lua = LuaSource([])
  }

  /// Rewrites `text`.
  init(_ text: String) {
    source = text
    guard text.utf8.count < 1 << 24 else {
      lua = LuaSource([])
      return
    }
    lua = LuaSource(text)
    var index = 0
    while index < lua.placed.count {
      let here = lua.placed[index]
      index += 1
      guard here.blockDepth == 0, word(at: index - 1) == "local" else { continue }
      index = promote(from: index)
    }
    apply()
  }

  private func word(at index: Int) -> String? {
    index < lua.placed.count ? lua.text(lua.placed[index].token) : nil
  }

  private func isName(at index: Int) -> Bool {
    index < lua.placed.count && lua.placed[index].token.kind == .name
  }

  /// Handles the statement whose `local` stands before `start`; returns where to go on.
  private mutating func promote(from start: Int) -> Int {
    if word(at: start) == "function" {
      guard isName(at: start + 1), let name = word(at: start + 1), name != "_ENV",
        !keptNames.contains(name)
      else { return start }
      blank(start - 1)
      promoted.append(name)
      return start  // the walk itself goes past the body
    }
    var names: [String] = []
    var attributes: [Int] = []
    var closing = false
    var index = start
    while isName(at: index), let name = word(at: index) {
      names.append(name)
      index += 1
      if word(at: index) == "<" {
        // Anything but a whole attribute is for Lua to complain about.
        guard isName(at: index + 1), word(at: index + 2) == ">" else { return index }
        switch word(at: index + 1) {
        case "const": attributes += [index, index + 1, index + 2]
        case "close": closing = true
        default: return index
        }
        index += 3
      }
      guard word(at: index) == "," else { break }
      index += 1
      // A comma with no name behind it is for Lua to complain about.
      if !isName(at: index) { return index }
    }
    if closing { leftClosing = true }
    guard !names.isEmpty, !closing, !names.contains("_ENV"), names.count <= Self.nameLimit,
      keptNames.isDisjoint(with: names)
    else {
      keptNames.formUnion(names)
      return index
    }
    blank(start - 1)
    attributes.forEach { blank($0) }
    if word(at: index) != "=" {
      let end = lua.placed[index - 1].token.range.upperBound
      let values = " = " + names.map { _ in "nil" }.joined(separator: ", ")
      edits.append((end..<end, Array(values.utf8)))
    }
    promoted += names
    return index
  }

  private mutating func blank(_ index: Int) {
    let range = lua.placed[index].token.range
    edits.append((range, [UInt8](repeating: 32, count: range.count)))
  }

  private mutating func apply() {
    guard !edits.isEmpty else { return }
    var result: [UInt8] = []
    result.reserveCapacity(lua.bytes.count + 64)
    var position = 0
    for edit in edits.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
      result += lua.bytes[position..<edit.range.lowerBound]
      result += edit.text
      position = edit.range.upperBound
    }
    result += lua.bytes[position...]
    source = String(decoding: result, as: UTF8.self)
  }
}
