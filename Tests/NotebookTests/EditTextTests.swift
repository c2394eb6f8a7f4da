import Testing

@testable import Notebook

/// `|` marks the cursor in these texts.
private func parse(_ marked: String) -> EditText {
  let parts = marked.split(separator: "|", maxSplits: 1, omittingEmptySubsequences: false)
  return EditText(
    String(parts[0]) + String(parts.last ?? ""), cursor: parts[0].unicodeScalars.count)
}

private func show(_ text: EditText) -> String {
  var scalars = text.scalars
  scalars.insert("|", at: text.cursor)
  var view = String.UnicodeScalarView()
  view.append(contentsOf: scalars)
  return String(view)
}

@Suite struct EditTextTests {
  @Test(
    arguments: [
      ("ab\ncd|", "ab|\ncd"), ("a\nbcd|", "a|\nbcd"), ("abc\nd|e", "a|bc\nde"), ("ab|", nil),
    ] as [(String, String?)])
  func up(before: String, after: String?) {
    var text = parse(before)
    let moved = text.moveUp()
    #expect(moved == (after != nil))
    if let after { #expect(show(text) == after) }
  }

  @Test(
    arguments: [
      ("a|b\ncd", "ab\nc|d"), ("abc|\nd", "abc\nd|"), ("|a\n\nb", "a\n|\nb"), ("ab|", nil),
    ] as [(String, String?)])
  func down(before: String, after: String?) {
    var text = parse(before)
    let moved = text.moveDown()
    #expect(moved == (after != nil))
    if let after { #expect(show(text) == after) }
  }

  @Test(
    arguments: [
      ("ab|", "a|"), ("é|", "|"), ("x\n    |", "x\n  |"), ("x\n   |", "x\n  |"), ("日|本", "|本"),
      ("👩‍👩‍👧|", "|"),
    ])
  func backspace(before: String, after: String) {
    var text = parse(before)
    let deleted = text.deleteBackward()
    #expect(deleted)
    #expect(show(text) == after)
  }

  @Test(
    arguments: [
      ("for i = 1, 3 do|", "for i = 1, 3 do\n  |"),
      ("if x then\n  f({|", "if x then\n  f({\n      |"),
      ("x = [[a|", "x = [[a\n|"),
      ("if x then\n  y()\n  else|", "if x then\n  y()\nelse\n  |"),
      (
        "for i = 1, 2 do\n  for j = 1, 2 do\n    x()\n    end|",
        "for i = 1, 2 do\n  for j = 1, 2 do\n    x()\n  end\n  |"
      ),
      ("s = [[\n  end|", "s = [[\n  end\n|"),
    ])
  func breaking(before: String, after: String) {
    var text = parse(before)
    text.breakLine()
    #expect(show(text) == after)
  }

  @Test func replacingCountsBytes() {
    var text = parse("é.pri|")
    text.replace(fromByte: 3, with: "print")
    #expect(show(text) == "é.print|")
    #expect(text.byteCursor == 8)
  }
}

@Suite struct PlainLineSourceTests {
  @Test func blocksAreReadWhole() {
    var lines = ["x = 1", "for i = 1, 2 do", "end", "1 +"]
    var written = ""
    let source = PlainLineSource(
      prompt: "> ", continuation: ".. ", history: nil,
      isIncomplete: { $0.hasSuffix("do") || $0.hasSuffix("+") },
      read: { lines.isEmpty ? .end : .line(lines.removeFirst()) }, write: { written += $0 })
    #expect(source.readBlock() == .block("x = 1"))
    #expect(source.readBlock() == .block("for i = 1, 2 do\nend"))
    #expect(source.readBlock() == .block("1 +"))
    #expect(source.readBlock() == .end)
    #expect(written == "> > .. > .. \n> \n")
  }
}

@Suite struct ScriptSourceTests {
  @Test(
    arguments: [
      ("print(1)", "print(1)"), ("#!/usr/bin/env kilpi\nx", "\nx"), ("\u{FEFF}x", "x"),
      ("\u{FEFF}#!k\r\nx", "\r\nx"), ("#only", ""), ("", ""), ("x\n#y", "x\n#y"),
    ])
  func prepared(source: String, expected: String) {
    #expect(ScriptSource.prepared(Array(source.utf8)) == Array(expected.utf8))
  }
}
