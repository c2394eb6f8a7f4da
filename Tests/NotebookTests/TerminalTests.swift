import CEditLine
import Diagnostics
import Testing

@testable import Notebook

@Suite struct TerminalTests {
  @Test(
    arguments: [
      (.always, [:], false, true),
      (.never, ["FORCE_COLOR": "1"], true, false),
      (.auto, ["FORCE_COLOR": "1", "NO_COLOR": "1"], false, true),
      (.auto, ["FORCE_COLOR": "0", "TERM": "xterm"], false, false),
      (.auto, ["FORCE_COLOR": "", "TERM": "xterm"], true, true),
      (.auto, ["NO_COLOR": "1", "TERM": "xterm"], true, false),
      (.auto, ["NO_COLOR": "", "TERM": "xterm"], true, true),
      (.auto, ["TERM": "dumb"], true, false),
      (.auto, [:], true, false),
      (.auto, ["TERM": "xterm"], true, true),
      (.auto, ["TERM": "xterm"], false, false),
    ] as [(ColorChoice, [String: String], Bool, Bool)])
  func colorRule(
    choice: ColorChoice, environment: [String: String], isTerminal: Bool, expected: Bool
  ) {
    #expect(
      ColorRule.isOn(choice: choice, environment: environment, isTerminal: isTerminal) == expected)
  }

  @Test(
    arguments: [
      (0.0000012, "1.20 µs"), (0.0123, "12.3 ms"), (1.24, "1.24 s"), (12.34, "12.3 s"),
      (185, "3 min 5 s"), (3720, "1 h 2 min"),
    ])
  func durations(seconds: Double, expected: String) {
    #expect(ProgressLine.duration(seconds) == expected)
  }

  @Test(
    arguments: [(0, "0 B"), (999, "999 B"), (1500, "1.50 kB"), (3_200_000, "3.20 MB")])
  func byteCounts(count: Int, expected: String) {
    #expect(ProgressLine.bytes(count) == expected)
  }

  @Test func progressText() {
    let text = ProgressLine.text(
      name: "train", completed: 420, total: 1000, note: "loss 2.31", secondsPerStep: 1.2, width: 90)
    #expect(
      text == "train   42 % [==========>             ] 420/1000  1.20 s/it  ETA 11:36  loss 2.31")
  }

  @Test(arguments: [0, 1, 10, 20, 30, 40, 60, 200])
  func progressFitsTheWindow(width: Int) {
    let text = ProgressLine.text(
      name: "evaluate", completed: 7, total: 9, note: "a note", secondsPerStep: 0.01, width: width)
    #expect(Terminal.width(text) <= max(0, width - 1))
  }

  @Test func completionColumns() {
    let completion = Completion(
      start: 0, items: ["alpha", "beta", "gamma", "delta", "eps"].map { .init($0) })
    #expect(completion.columns(width: 16) == "alpha  delta\nbeta   eps\ngamma")
    #expect(completion.columns(width: 3) == "alpha\nbeta\ngamma\ndelta\neps")
  }

  @Test(
    arguments: [
      (["print", "printf"], "print"), (["abc", "xyz"], ""), (["one"], "one("), ([], ""),
    ])
  func insertion(items: [String], expected: String) {
    let completion = Completion(start: 0, items: items.map { .init($0, suffix: "(") })
    #expect(completion.insertion == expected)
  }
}

@Suite struct PastedTextTests {
  @Test(
    arguments: [
      ("a\r\nb\rc\nd", "a\nb\nc\nd"), ("s = 'a\tb'", "s = 'a\tb'"), ("x = 1\n\n", "x = 1"),
      ("a\u{1B}[31mb\u{7F}", "ab"), ("é日", "é日"),
      ("a\u{1B}[Ab\u{7}c", "abc"), ("caf\u{FFFD} = 1", "caf\u{FFFD} = 1"), ("a\r\n\r\nb", "a\n\nb"),
    ])
  func cleaning(text: String, expected: String) {
    #expect(PastedText.cleaned(Array(text.unicodeScalars)) == expected)
  }

  @Test(
    arguments: [
      ("x = 1", nil), ("1 >> 2", nil), (">> 1", ["1"]), ("\n  >> 1\n  1\n  >> 2\n", ["1", "2"]),
      (">> f(\n1)\nout\n>>\n>> 2", ["f(\n1)", "2"]), (">>1", nil),
      // What stands in front of the first prompt.
      ("    $ .build/release/kilpi\n    >> 1\n    1", ["1"]), ("$ ls", nil), ("$ ls\nx = 1", nil),
      ("me@host:~$ kilpi -i\n\n>> 1", ["1"]), ("cost$ per unit\n>> 1", nil),
      ("Kilpi 0.1.0 · Lua 5.4.4\n?NAME for help, :help\n>> 1", ["1"]), ("Kilpi is\n>> 1", nil),
      // The plain prompt, and that of the program lua.
      ("> f(\n.. 1,\n..\n.. 2)\n3\n> 2\n.. no", ["f(\n1,\n\n2)", "2"]),
      ("Lua 5.4.4  Copyright (C) 1994\n> f(\n>> 1)\n> ", ["f(\n1)"]), ("x\n> y", nil),
    ] as [(String, [String]?)])
  func sessions(text: String, expected: [String]?) {
    let inputs = PastedText.session(text) {
      $0.filter { $0 == "(" }.count > $0.filter { $0 == ")" }.count
    }
    #expect(inputs?.map(\.text) == expected)
  }

  @Test func errorsOfASessionAreSeen() {
    let text = ">> a()\nerror: no\n>> b\n1\n>> c()\nstdin:1: no"
    #expect(PastedText.session(text) { _ in false }?.map(\.showedError) == [true, false, true])
  }

  @Test(
    arguments: [
      ("x = 1\ny = 2", ["x = 1\ny = 2"]),
      (":who\nx = 1\n y = 2\n:who", [":who", "x = 1\n y = 2", ":who"]),
      ("x\n:upper()", ["x\n:upper()"]), ("x\n:who", ["x", ":who"]),
      ("!ls\n\n?x\n??x", ["!ls", "?x", "??x"]),
      ("f(\n:who", ["f(\n:who"]), (":time f(\n1)\n:mem", [":time f(\n1)", ":mem"]),
      (" :who\nx", [" :who", "x"]), ("::a::\n!b", ["::a::", "!b"]),
      (":nosuch\nx", [":nosuch", "x"]),
    ])
  func commandsAreInputs(text: String, expected: [String]) {
    let inputs = PastedText.inputs(
      text,
      isIncomplete: { $0.filter { $0 == "(" }.count > $0.filter { $0 == ")" }.count },
      compiles: { !$0.contains("who") && !$0.contains("!") })
    #expect(inputs.map(\.text) == expected)
  }
}

/// What a terminal sends, without its escape, and the key that it is for the editor.
@Suite struct KeyTests {
  @Test(
    arguments: [
      ("[A", false, "\u{1B}[A"), ("OA", false, "\u{1B}[A"), ("[1;2A", false, "\u{1B}[A"),
      ("[1;2C", false, "\u{1B}[C"), ("[1;3C", false, "\u{1B}[1;5C"),
      ("[1;5D", false, "\u{1B}[1;5D"),
      ("[C", true, "\u{1B}[1;5C"), ("Oc", false, "\u{1B}[1;5C"), ("O5D", false, "\u{1B}[1;5D"),
      ("[H", false, "\u{1B}[H"), ("[1~", false, "\u{1B}[H"), ("[8~", false, "\u{1B}[F"),
      ("[1;5F", false, "\u{1B}[F"), ("[3~", false, "\u{1B}[3~"), ("[3;5~", false, "\u{1B}[3;5~"),
      ("[3;2~", false, "\u{1B}[3~"), ("[3^", false, "\u{1B}[3;5~"), ("[5~", false, "\u{1B}[5~"),
      ("[6;5~", false, "\u{1B}[6~"), ("[200~", false, "\u{1B}[200~"),
      ("[13;2u", false, "\u{1B}\r"), ("[13u", false, "\r"), ("[97;5u", false, "\u{1}"),
      ("[27;5;99~", false, "\u{3}"), ("[102;3u", false, "\u{1B}f"), ("OM", false, "\r"),
      ("Oq", false, "1"),
      // Keys without a meaning, mice, answers of the terminal.
      ("[15~", false, ""), ("[[A", false, ""), ("OP", false, ""), ("[1;5P", false, ""),
      ("[2~", false, ""), ("[Z", false, ""), ("[I", false, ""), ("[<0;10;20M", false, ""),
      ("[24;80R", false, ""), ("[?62;4c", false, ""), ("[57441;5u", false, ""), ("[", false, ""),
      ("[99999999999999999999A", false, "\u{1B}[A"), ("[>0;276;0c", false, ""),
    ])
  func keys(sequence: String, alt: Bool, expected: String) {
    var keys = [wchar_t](repeating: 0, count: Int(KILPI_SEQUENCE_SIZE))
    kilpi_key_sequence(sequence, alt, &keys)
    let scalars = keys.prefix { $0 != 0 }.compactMap { Unicode.Scalar(UInt32(bitPattern: $0)) }
    var text = String.UnicodeScalarView()
    text.append(contentsOf: scalars)
    #expect(String(text) == expected)
  }
}

@Suite struct GraphicsTests {
  @Test(
    arguments: [
      (.auto, true, ["TERM": "xterm-256color"], .blocks),
      (.auto, false, ["TERM": "xterm-kitty"], .none), (.auto, true, ["TERM": "dumb"], .none),
      (.auto, true, [:], .none), (.auto, true, ["TERM": "xterm-kitty"], .kitty),
      (.auto, true, ["TERM": "xterm-ghostty"], .kitty),
      (.auto, true, ["TERM": "xterm-kitty", "TMUX": "/tmp/tmux"], .blocks),
      (.auto, true, ["TERM": "screen-256color", "TERM_PROGRAM": "WezTerm"], .blocks),
      (.auto, true, ["TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"], .iterm),
      (.auto, true, ["TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"], .iterm),
      (.auto, true, ["TERM": "foot"], .sixel), (.auto, true, ["TERM": "mlterm"], .sixel),
      (.sixel, false, [:], .sixel), (.kitty, true, ["TERM": "xterm"], .kitty),
      (.none, true, ["TERM": "xterm-kitty"], .none),
    ] as [(GraphicsChoice, Bool, [String: String], GraphicsChoice)])
  func choice(
    choice: GraphicsChoice, isTerminal: Bool, environment: [String: String],
    expected: GraphicsChoice
  ) {
    #expect(choice.resolved(outputIsTerminal: isTerminal, environment: environment) == expected)
  }

  @Test(
    arguments: [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")])
  func base64(text: String, expected: String) {
    #expect(PixelGraphics.base64(Array(text.utf8)) == expected)
  }

  @Test func kittyTakesPieces() {
    #expect(PixelGraphics.kitty(png: [1, 2, 3]) == "\u{1B}_Ga=T,f=100,q=2,m=0;AQID\u{1B}\\\n")
    #expect(
      PixelGraphics.kitty(png: [1, 2, 3], number: 7)
        == "\u{1B}_Ga=T,f=100,i=7,q=2,m=0;AQID\u{1B}\\\n")
    let long = PixelGraphics.kitty(png: [UInt8](repeating: 0, count: 3 * 1024 + 3))
    let pieces = long.split(separator: "\u{1B}_G")
    #expect(pieces.count == 2)
    #expect(pieces[0].hasPrefix("a=T,f=100,q=2,m=1;") && pieces[1] == "q=2,m=0;AAAA\u{1B}\\\n")
  }

  @Test func itermTakesOneFile() {
    let text = PixelGraphics.iterm(png: [1, 2, 3], width: 4, height: 5)
    #expect(
      text
        == "\u{1B}]1337;File=inline=1;size=3;width=4px;height=5px;preserveAspectRatio=1:AQID\u{7}\n"
    )
  }

  /// Two rows of five pixels, red above green: one band, red in bit 0, green in bit 1.
  @Test func sixelsAreBandsOfColours() {
    let red: [UInt8] = [255, 0, 0]
    let green: [UInt8] = [0, 255, 0]
    let rgb = [[UInt8]](repeating: red, count: 5) + [[UInt8]](repeating: green, count: 5)
    let text = PixelGraphics.sixel(rgb: rgb.flatMap { $0 }, width: 5, height: 2)
    #expect(
      text
        == "\u{1B}P0;1;0q\"1;1;5;2#46;2;0;100;0#196;2;100;0;0#46!5A$#196!5@-\u{1B}\\\n")
    #expect(PixelGraphics.sixel(rgb: [1], width: 5, height: 2).isEmpty)
  }

  @Test func displayedValuesAreReplacedWhereTheyStandLast() {
    var values = DisplayedValues()
    values.begin()
    values.note(Array("\u{1B}[1mone\u{1B}[0m\ntwo two\n".utf8))
    values.end("a", columns: 4, limit: 24, writes: 7)
    #expect(values.rowsToReplace("a", below: 7) == 3)
    #expect(values.rowsToReplace("a", below: 8) == nil)
    #expect(values.rowsToReplace("b", below: 7) == nil)
    #expect(values.knows("a") && !values.knows("b"))
    values.begin()
    values.notePicture(rows: 5)
    values.note(Array("below\n".utf8))
    values.end("a", columns: 80, limit: 24, writes: 8)
    #expect(values.rowsToReplace("a", below: 8) == 6)
    values.begin()
    values.notePicture(rows: nil)
    values.end("a", columns: 80, limit: 24, writes: 8)
    #expect(values.rowsToReplace("a", below: 8) == nil)
    values.begin()
    values.note(Array(String(repeating: "x\n", count: 24).utf8))
    values.end("a", columns: 80, limit: 24, writes: 9)
    #expect(values.rowsToReplace("a", below: 9) == nil)
  }
}

@Suite struct ProgressRendererTests {
  /// A renderer on a clock that the test sets, and what it wrote.
  private final class Harness {
    var time = 0.0
    var written: [String] = []
    var renderer: ProgressRenderer?
    var lineIsOpen = false

    init(isTerminal: Bool) {
      renderer = ProgressRenderer(
        isTerminal: isTerminal, width: { 80 }, now: { [unowned self] in time },
        lineIsOpen: { [unowned self] in lineIsOpen },
        write: { [unowned self] in written.append($0) })
    }

    func step(_ name: String, _ completed: Int, _ total: Int, at time: Double) {
      self.time = time
      renderer?.handle(ProgressEvent(name: name, completed: completed, total: total))
    }
  }

  @Test func drawsAtMostTenTimesASecond() {
    let harness = Harness(isTerminal: true)
    for step in 0..<1000 { harness.step("train", step, 2000, at: Double(step) / 1000) }
    #expect(harness.written.count == 10)
  }

  @Test func longWorkLeavesOneLine() {
    let harness = Harness(isTerminal: true)
    for step in 0...4 { harness.step("train", step, 4, at: Double(step)) }
    #expect(harness.written.last == "train  4/4  4.00 s\n")
  }

  @Test func aBegunLineIsKept() {
    let harness = Harness(isTerminal: true)
    harness.lineIsOpen = true
    harness.step("train", 1, 4, at: 0)
    #expect(harness.written.first?.hasPrefix("\n\rtrain") == true)
  }

  @Test func shortWorkLeavesNothing() {
    let harness = Harness(isTerminal: true)
    harness.step("pgd", 0, 2, at: 0)
    harness.step("pgd", 2, 2, at: 0.3)
    #expect(harness.written.last == "\r\u{1B}[K\r")
  }

  @Test func nestedBarsTakeTwoLines() {
    let harness = Harness(isTerminal: true)
    harness.step("train", 1, 10, at: 0)
    harness.step("pgd", 1, 10, at: 1)
    harness.step("inner", 1, 10, at: 2)
    let last = harness.written.last ?? ""
    #expect(last.contains("train") && last.contains("inner") && !last.contains("pgd"))
    #expect(last.filter { $0 == "\n" }.count == 1)
    harness.renderer?.reset()
    #expect(harness.written.last == "\r\u{1B}[K\n\u{1B}[K\u{1B}[1A\r")
  }

  @Test func plainLinesComeEveryTenSeconds() {
    let harness = Harness(isTerminal: false)
    for step in 0...60 { harness.step("train", step, 60, at: Double(step) / 2) }
    #expect(
      harness.written == [
        "train  33 % 20/60  0.50 s/it  ETA 0:20\n",
        "train  66 % 40/60  0.50 s/it  ETA 0:10\n",
        "train  100 % 60/60  0.50 s/it\n",
      ])
  }

  @Test func quickWorkIsSilentWithoutATerminal() {
    let harness = Harness(isTerminal: false)
    for step in 0...5 { harness.step("pgd", step, 5, at: Double(step)) }
    #expect(harness.written.isEmpty)
  }
}

@Suite struct HalfBlockTests {
  @Test func twoPixelsShareACell() {
    let text = HalfBlocks.render(
      rgb: [255, 0, 0, 0, 0, 255], width: 1, height: 2, columns: 1, rows: 1, depth: .full)
    #expect(text == "\u{1B}[38;2;255;0;0;48;2;0;0;255m▀\u{1B}[0m\n")
  }

  @Test func anOddLastRowHasNoGround() {
    let text = HalfBlocks.render(
      rgb: [1, 2, 3], width: 1, height: 1, columns: 1, rows: 1, depth: .full)
    #expect(text == "\u{1B}[38;2;1;2;3;49m▀\u{1B}[0m\n")
  }

  @Test(
    arguments: [
      (28, 28, 80, 24, 28, 28), (28, 28, 80, 28, 56, 56), (100, 50, 40, 40, 40, 20),
      (10, 1000, 40, 20, 1, 40), (1, 1, 3, 3, 3, 3),
    ])
  func sizes(width: Int, height: Int, columns: Int, rows: Int, toWidth: Int, toHeight: Int) {
    let size = HalfBlocks.fitted(width: width, height: height, columns: columns, rows: rows)
    #expect(size.width == toWidth)
    // A picture never gets an empty side, even when the aspect asks for less than a pixel.
    #expect(size.height == toHeight)
  }

  @Test(
    arguments: [
      (0, 0, 0, 16), (255, 255, 255, 231), (255, 0, 0, 196), (128, 128, 128, 244),
      (95, 135, 175, 67),
    ])
  func palette(red: Int, green: Int, blue: Int, index: Int) {
    #expect(HalfBlocks.paletteIndex(red, green, blue) == index)
  }

  @Test(
    arguments: [(0, 0, 3), (1, 1, 2), (-1, 5, 100), (Int.max, 2, 30)])
  func sizesThatDoNotFitShowNothing(width: Int, height: Int, bytes: Int) {
    let rgb = [UInt8](repeating: 0, count: bytes)
    #expect(
      HalfBlocks.render(
        rgb: rgb, width: width, height: height, columns: 10, rows: 10, depth: .indexed) == "")
  }

  @Test func ditheringKeepsTheMean() {
    let grey = [UInt8](repeating: 100, count: 16 * 16 * 3)
    let text = HalfBlocks.render(
      rgb: grey, width: 16, height: 16, columns: 16, rows: 8, depth: .indexed)
    #expect(text.contains("38;5;"))
    #expect(text.split(separator: "\n").count == 8)
  }
}
