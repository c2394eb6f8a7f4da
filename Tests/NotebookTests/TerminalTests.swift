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

@Suite struct ProgressRendererTests {
  /// A renderer on a clock that the test sets, and what it wrote.
  private final class Harness {
    var time = 0.0
    var written: [String] = []
    var renderer: ProgressRenderer?

    init(isTerminal: Bool) {
      renderer = ProgressRenderer(
        isTerminal: isTerminal, width: { 80 }, now: { [unowned self] in time },
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
