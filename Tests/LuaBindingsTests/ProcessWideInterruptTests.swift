import CInterrupt
import LuaHost
import TestSupport
import Testing

@testable import LuaBindings

/// Long work looks at the interrupt flag often enough; one of its later looks finds a press.
@Suite("process-wide: interrupts of long functions", .serialized, .enabled(if: ProcessWide.isAlone))
struct ProcessWideInterruptTests {
  struct Case: CustomTestStringConvertible, Sendable {
    /// What makes the globals that the work uses.
    let setup: String
    let work: String
    /// The look at which the press comes.
    let look: Int32
    /// Checks what is left.
    var check = ""
    var testDescription: String { work }
  }

  private static let samples =
    "d = data.from(tensor.zeros{9000, 3, 1, 1}, tensor.ones({9000}, {dtype = 'int64'}))"

  static let cases: [Case] = [
    Case(setup: "t = tensor.rand{200000}", work: "t:sort()", look: 20),
    Case(setup: "t = tensor.rand{200000}", work: "t:topk(100000)", look: 20),
    Case(setup: "g = random.generator(1)", work: "g:permutation(700000)", look: 6),
    Case(setup: "s = '\"' .. ('x'):rep(1000000) .. '\"'", work: "json.decode(s)", look: 10),
    Case(setup: "s = '[' .. ('1,'):rep(100000) .. '1]'", work: "json.decode(s)", look: 50),
    Case(setup: "s = ('\\1'):rep(300000)", work: "json.encode(s)", look: 8),
    Case(setup: samples, work: "d:concat(d)", look: 8),
    Case(setup: samples, work: "d:split{0.5, 0.5}", look: 20),
    Case(setup: samples, work: "d:batches(9000, {shuffle = true})()", look: 30),
    Case(setup: samples, work: "d:per_class(4000)", look: 4),
    Case(
      setup: "path = os.tmpname() .. '.png'", work: "image.save(path, tensor.zeros{3, 200, 8})",
      look: 100, check: "assert(not io.open(path))"),
    Case(
      setup: "path = os.tmpname() .. '.png' image.save(path, tensor.zeros{3, 200, 8})",
      work: "image.load(path)", look: 100, check: "image.load(path) os.remove(path)"),
    Case(
      setup: "x = tensor.rand{3, 160, 8}", work: "image.resize(x, {160, 16})", look: 40),
  ]

  @Test(arguments: cases) func endsInTheMiddle(_ row: Case) throws {
    let script = try Script()
    try script.state.run(row.setup, chunkName: "=t")
    defer { kilpi_interrupt_clear() }
    kilpi_interrupt_raise_at_look(row.look)
    let error = #expect(throws: LuaError.self) {
      try script.state.run(row.work, chunkName: "=t")
    }
    #expect(error?.kind == .interrupted, "\(String(describing: error))")
    kilpi_interrupt_clear()
    try script.state.run(row.check, chunkName: "=t")
  }
}
