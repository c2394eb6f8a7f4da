/// A block under the cursor: its text and the operations of keys that know of lines.
///
/// The cursor counts Unicode scalars, as the editor does.
struct EditText: Equatable {
  private(set) var scalars: [Unicode.Scalar]
  private(set) var cursor: Int

  init(_ scalars: [Unicode.Scalar], cursor: Int) {
    self.scalars = scalars
    self.cursor = min(max(0, cursor), scalars.count)
  }

  init(_ text: String, cursor: Int? = nil) {
    let scalars = Array(text.unicodeScalars)
    self.init(scalars, cursor: cursor ?? scalars.count)
  }

  var text: String { Self.string(scalars[...]) }
  var beforeCursor: String { Self.string(scalars[..<cursor]) }
  /// The cursor as an offset in UTF-8 bytes.
  var byteCursor: Int { beforeCursor.utf8.count }
  var isAtEnd: Bool { cursor == scalars.count }

  private static func string(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return String(view)
  }

  /// Where the cursor's line starts.
  var lineStart: Int {
    (scalars[..<cursor].lastIndex(of: "\n") ?? -1) + 1
  }

  /// Where the cursor's line ends, before its newline.
  var lineEnd: Int {
    scalars[cursor...].firstIndex(of: "\n") ?? scalars.count
  }

  /// What stands before the cursor in its line.
  var lineBeforeCursor: String { Self.string(scalars[lineStart..<cursor]) }

  /// Moves to the same column of the line above; false in the first line.
  mutating func moveUp() -> Bool {
    let start = lineStart
    guard start > 0 else { return false }
    let column = cursor - start
    cursor = start - 1
    let above = lineStart
    cursor = min(above + column, start - 1)
    return true
  }

  /// Moves to the same column of the line below; false in the last line.
  mutating func moveDown() -> Bool {
    let end = lineEnd
    guard end < scalars.count else { return false }
    let column = cursor - lineStart
    cursor = end + 1
    cursor = min(cursor + column, lineEnd)
    return true
  }

  mutating func moveToLineStart() { cursor = lineStart }
  mutating func moveToLineEnd() { cursor = lineEnd }

  mutating func insert(_ text: String) {
    let new = Array(text.unicodeScalars)
    scalars.insert(contentsOf: new, at: cursor)
    cursor += new.count
  }

  /// Deletes the character before the cursor, or two spaces of indentation; false at the start.
  mutating func deleteBackward() -> Bool {
    guard cursor > 0 else { return false }
    let line = lineBeforeCursor
    var count = beforeCursor.last?.unicodeScalars.count ?? 1
    if line.count >= 2, line.allSatisfy({ $0 == " " }) { count = line.count % 2 == 0 ? 2 : 1 }
    scalars.removeSubrange((cursor - count)..<cursor)
    cursor -= count
    return true
  }

  /// Deletes the character at the cursor; false at the end.
  mutating func deleteForward() -> Bool {
    guard cursor < scalars.count else { return false }
    let count = Self.string(scalars[cursor...]).first?.unicodeScalars.count ?? 1
    scalars.removeSubrange(cursor..<(cursor + count))
    return true
  }

  /// Replaces what stands between a byte offset and the cursor.
  mutating func replace(fromByte start: Int, with text: String) {
    let prefix = String(decoding: Array(beforeCursor.utf8.prefix(start)), as: UTF8.self)
    let from = prefix.unicodeScalars.count
    scalars.removeSubrange(min(from, cursor)..<cursor)
    cursor = min(from, cursor)
    insert(text)
  }

  /// Breaks the line at the cursor and indents the new one by the depth of open blocks; a line that
  /// closes a block is moved back first.
  mutating func breakLine() {
    if isAtEnd { outdentClosingLine() }
    let source = LuaSource(beforeCursor)
    // Inside a long string or comment every space counts.
    let isInText = source.tokens.last.map { $0.kind == .openString || $0.kind == .openComment }
    let depth = isInText == true ? 0 : source.openBlocks + source.openBrackets
    insert("\n" + String(repeating: " ", count: 2 * min(depth, 20)))
  }

  /// Moves `end`, `else`, `}` and the like back to the depth of what they close.
  mutating func outdentClosingLine() {
    let start = lineStart
    let line = Self.string(scalars[start..<cursor])
    let indent = line.prefix { $0 == " " }.count
    guard indent >= 2, start > 0 else { return }
    let above = LuaSource(Self.string(scalars[..<start]))
    if let last = above.tokens.last, last.kind == .openString || last.kind == .openComment {
      return
    }
    let here = LuaSource(line)
    guard let first = here.placed.first?.token else { return }
    let closers = ["end", "else", "elseif", "until", "}", ")", "]"]
    guard closers.contains(here.text(first)) else { return }
    let depth = max(0, above.openBlocks + above.openBrackets - 1)
    let excess = indent - 2 * depth
    guard excess > 0 else { return }
    scalars.removeSubrange(start..<(start + excess))
    cursor -= excess
  }
}
