import Files
import LuaHost
import Testing

@testable import Notebook

@Suite struct ReplTests {
  /// What a loop over these inputs shows: results, and remarks after `#`.
  private func shown(_ inputs: [String], configure: (Repl) -> Void = { _ in }) throws -> [String] {
    var lines: [String] = []
    let source = ScriptedSource(inputs)
    let session = try Session(state: LuaState(catalog: sampleCatalog))
    let repl = Repl(
      session: session, source: source,
      output: Repl.Output(
        result: { lines.append($0.trimmedEnd) }, remark: { lines.append("#" + $0.trimmedEnd) }),
      resultPalette: Palette(isOn: false), remarkPalette: Palette(isOn: false), history: nil,
      columns: { 80 })
    configure(repl)
    repl.run()
    return lines
  }

  @Test(
    arguments: [
      (["1 + 1"], ["2"]),
      (["", "-- note"], []),
      (["^C"], ["#Ctrl-D or :quit leaves Kilpi"]),
      ([":quit", "1"], []),
      ([":q", "1"], []),
      ([":nosuch"], ["#error: there is no command ':nosuch' (:help)"]),
      ([":tiem 1"], ["#error: there is no command ':tiem' (did you mean ':time'?)"]),
      (["x = 1", ":who"], ["x  number  1"]),
      (["x = 1", ":who z"], ["#no variable contains 'z'"]),
      ([":who"], ["#no variables yet"]),
      (["x = 1", ":reset", "x"], ["nil"]),
      (
        [":set"],
        [
          "locals keep  strict off  timing on  bell off  traceback short  graphics auto  width auto"
        ]
      ),
      ([":set locals strict", "local x = 1", "x"], ["nil"]),
      ([":set colr on"], ["#error: there is no setting 'colr' (:set lists them)"]),
      ([":set widht 40"], ["#error: there is no setting 'widht' (did you mean 'width'?)"]),
      ([":set timing maybe"], ["#error: timing is on or off, not 'maybe'"]),
      ([":set width 3"], ["#error: width is a number of columns from 20, or auto, not '3'"]),
      ([":set bell on", ":set bell"], ["bell on"]),
      (
        [":set strict on", "x = 1", "x", "y", "load('return y')()", ":set strict off", "y"],
        [
          "1",
          "#error: cell[3]:1: attempt to read a nil value (global 'y')\n"
            + "  strict:6: in metamethod 'index'\n  cell[3]:1: in main chunk", "nil", "nil",
        ]
      ),
      ([":set graphics blocks", ":set graphics"], ["graphics blocks"]),
      ([":mem x"], ["#error: :mem takes nothing, not 'x'"]),
      ([":quit now", "1"], ["#error: :quit takes nothing, not 'now'", "1"]),
      (
        [":history 0", ":history -1"],
        Array(
          repeating: "#error: :history takes a number from 1, or a part of the inputs looked for",
          count: 2)
      ),
      ([" :who"], ["#no variables yet"]),
      (["exit"], ["nil", "#:quit or Ctrl-D leaves Kilpi"]), (["exit = 1", "exit"], ["1"]),
      (
        ["help()"],
        [
          "#error: cell[1]:1: attempt to call a nil value (global 'help') "
            + "(:help lists the commands, ?NAME explains a name)"
        ]
      ),
      (
        ["attack.PGD()"],
        ["#error: cell[1]:1: attempt to call a nil value (field 'PGD') (did you mean 'pgd'?)"]
      ),
      (
        ["attack.attack()"],
        ["#error: cell[1]:1: attempt to call a nil value (field 'attack') (attack.pgd)"]
      ),
      ([":reload attack"], ["#'attack' is built in: there is nothing to reload"]),
      (["require('attack') == attack"], ["true"]),
      (
        [">> x = 1\n>> nosuch()\nerror: as before\n>> x = 2\n>> nosuch()\n>> x = 3\n>> x", "x"],
        [
          ">> x = 1", ">> nosuch()",
          "#error: cell[2]:1: attempt to call a nil value (global 'nosuch')", ">> x = 2",
          ">> nosuch()", "#error: cell[4]:1: attempt to call a nil value (global 'nosuch')",
          "#2 inputs were not run", "2",
        ]
      ),
      (
        [":who\nx = 1\n:who"],
        [">> :who", "#no variables yet", ">> x = 1", ">> :who", "x  number  1"]
      ),
      (["nosuch()"], ["#error: cell[1]:1: attempt to call a nil value (global 'nosuch')"]),
      (
        ["local x = 1"],
        ["#local 'x' stays visible in later inputs (:set locals strict keeps Lua's rule)"]
      ),
      (["?? nosuch"], ["no source is known for 'nosuch'"]),
      ([":run nosuch.lua"], ["#error: cannot read 'nosuch.lua': there is no such file"]),
      ([":cd /nosuchfolder"], ["#error: cannot change to '/nosuchfolder': there is no such file"]),
      ([":time"], ["#error: :time needs Lua code"]),
      ([":run x.lua 'y"], ["#error: :run: a quote is not closed"]),
      (["=1 + 1"], ["2"]), (["= 'a', 'b'"], ["\"a\"\t\"b\""]),
      (
        ["=x = 1"],
        [
          "#error: cell[1]:1: <eof> expected near '='"
        ]
      ),
      (
        ["attack.pdg(1)"],
        [
          "#error: cell[1]:1: attempt to call a nil value (field 'pdg') (did you mean 'pgd'?)"
        ]
      ),
      (
        ["t = {inner = {close = print}}", "t.inner.clsoe()"],
        [
          "#error: cell[2]:1: attempt to call a nil value (field 'clsoe') (did you mean 'close'?)"
        ]
      ),
      (
        ["s = 'x'", "s:uper()"],
        [
          "#error: cell[2]:1: attempt to call a nil value (method 'uper') (did you mean 'upper'?)"
        ]
      ),
      (
        ["b = attack.box()", "b:opn()"],
        [
          "#error: cell[2]:1: box: there is no field or method 'opn' (did you mean 'open'?)"
        ]
      ),
      (
        ["prnt(1)"],
        [
          "#error: cell[1]:1: attempt to call a nil value (global 'prnt') (did you mean 'print'?)"
        ]
      ),
      (["x()"], ["#error: cell[1]:1: attempt to call a nil value (global 'x')"]),
      (["t = {a = 1}", "t.x()"], ["#error: cell[2]:1: attempt to call a nil value (field 'x')"]),
      (
        ["strin.rep('a', 2)"],
        [
          "#error: cell[1]:1: attempt to index a nil value (global 'strin') (did you mean 'string'?)"
        ]
      ),
      ([">> 1 + 1"], ["2"]),
      (
        [">> x = 2\n>> for i = 1, 2 do\n  x = x + i\nend\n>> x\n5\n>> x * 2\n10"],
        [
          ">> x = 2", ">> for i = 1, 2 do\n  x = x + i\nend", ">> x", "5", ">> x * 2", "10",
        ]
      ),
      (["    >> x = 4\n    note: output\n    >> x"], [">> x = 4", ">> x", "4"]),
      (
        [">> error('stop')\n>> 1"],
        [">> error('stop')", "#error: cell[1]:1: stop", "#1 input was not run"]
      ),
      ([":timeit x ="], ["#error: cell[1]:1: unexpected symbol near <eof>"]),
    ])
  func lines(inputs: [String], expected: [String]) throws {
    #expect(try shown(inputs) == expected)
  }

  @Test func measuredCommandsShowFigures() throws {
    let lines = try shown([":time x = 1", ":timeit 1 + 1", "x"])
    #expect(lines[0].hasPrefix("wall ") && lines[0].contains("allocations"))
    #expect(lines[1].contains(" runs: best ") && lines[1].contains("median"))
    #expect(lines[2] == "1")
  }

  @Test func longCommandsShowTheirTime() throws {
    var time = 0.0
    let session = try Session(
      state: LuaState(catalog: Catalog()),
      now: {
        time += 2; return time
      })
    var remarks: [String] = []
    var meters = Meters()
    meters.peakTensorBytes = { 5_000_000 }
    let repl = Repl(
      session: session, source: ScriptedSource([]),
      output: Repl.Output(result: { _ in }, remark: { remarks.append($0) }),
      resultPalette: Palette(isOn: false), remarkPalette: Palette(isOn: false), history: nil,
      meters: meters, columns: { 80 })
    repl.handle("x = 1")
    repl.settings.timeAbove = nil
    repl.handle("x = 2")
    #expect(remarks == ["2.00 s\n"])
  }

  @Test func scriptsHaveTheirArguments() throws {
    let path = TemporaryFolder.path + "/arguments.lua"
    try AtomicFile.write("seen = {arg[0], ...} count = #arg", to: path)
    let lines = try shown([
      "arg = 'mine'", ":run \(path) x \"y z\" -q 'a \"b\"' \\ c", "count",
      "table.concat(seen, '|', 2)", "seen[1] == '\(path)'", "arg",
    ])
    #expect(lines == ["5", "\"x|y z|-q|a \\\"b\\\"| c\"", "true", "\"mine\""])
  }

  @Test func scriptsRunInTheSession() throws {
    let path = TemporaryFolder.path + "/cells.lua"
    let lines = try shown([
      "a = 1", "b = 2", ":save \(path)", ":reset", "a", ":load \(path)", "a + b", ":run \(path)",
    ])
    #expect(lines == ["#2 inputs written to \(path)", "nil", "3"])
  }
}

/// Inputs from a list; `^C` is a press at an empty prompt.
private final class ScriptedSource: LineSource {
  private var inputs: [String]
  var remembered: [String] = []

  init(_ inputs: [String]) { self.inputs = inputs }

  func readBlock() -> LineInput {
    guard !inputs.isEmpty else { return .end }
    let next = inputs.removeFirst()
    return next == "^C" ? .interrupted(hadText: false) : .block(next)
  }

  func addHistory(_ text: String) { remembered.append(text) }
  func close() {}
}

extension String {
  fileprivate var trimmedEnd: String {
    var text = self
    while text.last?.isNewline == true { text.removeLast() }
    return text
  }
}
