internal import CInterrupt
internal import Diagnostics
internal import Glibc
internal import LuaHost

/// Reads, runs and shows, until the input ends.
package final class Repl {
  /// Where texts go.
  package struct Output {
    /// Results: standard output.
    package var result: (String) -> Void
    /// Banner, notes, times, errors: standard error.
    package var remark: (String) -> Void

    /// Makes a pair of sinks.
    package init(result: @escaping (String) -> Void, remark: @escaping (String) -> Void) {
      self.result = result
      self.remark = remark
    }
  }

  /// What a user can change with `:set`.
  package struct Settings {
    /// Seconds above which the time of a command is shown; nil never shows it.
    package var timeAbove: Double? = 1
    /// A bell after commands of ten seconds and more.
    package var ringsBell = false
    /// How much of a traceback is shown.
    package var traceback = ErrorReport.Traceback.short
    /// Columns, when not the window's.
    package var width: Int?
    /// How pictures are shown; nil as the program was started.
    package var graphics: GraphicsChoice?

    package init() {}
  }

  /// The session that runs the inputs.
  package let session: Session
  /// What a user can change.
  package var settings = Settings()
  /// Figures of work done outside Lua.
  package let meters: Meters
  /// Shows a long text one screen at a time; false when it cannot.
  package var page: (String) -> Bool = { _ in false }
  let source: any LineSource
  let output: Output
  let resultPalette: Palette
  let remarkPalette: Palette
  let history: HistoryFile?
  let columns: () -> Int
  let now: () -> Double
  /// Runs after each command: progress bars end, output is flushed.
  let afterEach: () -> Void
  /// Set by `:quit`.
  var isLeaving = false
  /// Set when an error ended the running input.
  var hasFailed = false
  /// Set when Ctrl-C did.
  private var wasInterrupted = false

  /// Makes a loop; see the properties.
  package init(
    session: Session, source: any LineSource, output: Output, resultPalette: Palette,
    remarkPalette: Palette, history: HistoryFile?, meters: Meters = Meters(),
    columns: @escaping () -> Int, now: @escaping () -> Double = Clock.seconds,
    afterEach: @escaping () -> Void = {}
  ) {
    self.session = session
    self.source = source
    self.output = output
    self.resultPalette = resultPalette
    self.remarkPalette = remarkPalette
    self.history = history
    self.meters = meters
    self.columns = columns
    self.now = now
    self.afterEach = afterEach
  }

  /// Columns that results may use.
  var width: Int { settings.width ?? max(20, columns()) }

  /// Reads and runs until the end of the input, `:quit`, or a request to end that a command held back.
  package func run() {
    while !isLeaving, !Termination.isRequested {
      switch source.readBlock() {
      case .end:
        return
      case .interrupted(let hadText):
        if !hadText { remark("Ctrl-D or :quit leaves Kilpi") }
      case .block(let text):
        if LuaSource(text).isBlank { continue }
        enter(text)
      }
    }
  }

  /// Runs the inputs of a block one after another; several are shown anew, each above its output.
  private func enter(_ text: String) {
    let inputs = PastedText.inputs(
      text, isIncomplete: { needsMoreLines($0) },
      compiles: { session.completeness($0) == .complete })
    for (index, input) in inputs.enumerated() where !isLeaving {
      if inputs.count > 1 { result(resultPalette.prompt(">>") + " " + input.text) }
      let isInterrupted = !run(input.text) && wasInterrupted
      let left = inputs.count - index - 1
      if hasFailed, left > 0, isInterrupted || !input.showedError {
        return remark(left == 1 ? "1 input was not run" : "\(left) inputs were not run")
      }
    }
  }

  /// Remembers and runs one input; false when an error ended it.
  @discardableResult
  func run(_ text: String) -> Bool {
    source.addHistory(text)
    if let problem = history?.takeProblem() { remark(problem) }
    (hasFailed, wasInterrupted) = (false, false)
    handle(text)
    return !hasFailed
  }

  private func needsMoreLines(_ text: String) -> Bool { Self.needsMoreLines(text, in: session) }

  /// Whether an input needs more lines: unfinished Lua, also behind a command that takes it.
  package static func needsMoreLines(_ text: String, in session: Session) -> Bool {
    let source: String
    switch InputKind(text) {
    case .lua(let text): source = text
    case .command(let name, let argument) where Command.named(name)?.takes == .code:
      source = argument
    default: return false
    }
    if PastedText.session(text, isIncomplete: { _ in false }) != nil { return false }
    if case .incomplete = session.completeness(source) {
      // `x` and `:who` in the next line could become the call of a method, but are two inputs.
      guard let end = text.lastIndex(of: "\n"),
        InputKind(String(text[text.index(after: end)...])).isKnownCommand
      else { return true }
      return needsMoreLines(String(text[..<end]), in: session)
    }
    return false
  }

  /// Runs one input: a command, a question, a shell line or Lua.
  package func handle(_ text: String) {
    kilpi_interrupt_explain(true)
    defer {
      kilpi_interrupt_explain(false)
      afterEach()
      kilpi_interrupt_clear()
    }
    switch InputKind(text) {
    case .command(let name, let argument): runCommand(name, argument)
    case .help(let name):
      let help = HelpText(session: session, palette: resultPalette, width: width)
      result(help.about(name))
    case .location(let name): result(Location(session: session).about(name))
    case .shell(let line): shell(line)
    case .lua(let source): runLua(source)
    }
  }

  /// Runs Lua and shows what it gave; true when no error ended it.
  @discardableResult
  func runLua(_ text: String) -> Bool {
    meters.resetPeak()
    let outcome = session.evaluate(text)
    afterEach()
    show(outcome)
    if let hint = session.promptHint(text.trimmedEnd), case .nil? = outcome.values.first {
      remark(hint)
    }
    return outcome.error == nil
  }

  private func show(_ outcome: Session.Outcome) {
    for note in outcome.notes { remark(note) }
    if let error = outcome.error {
      hasFailed = true
      wasInterrupted = error.kind == .interrupted
      output.remark(report.cell(error, in: session))
    } else if !outcome.values.isEmpty {
      let printer = ValuePrinter(state: session.state, width: width, palette: resultPalette)
      let text = printer.echo(outcome.values)
      // What a value said about itself was cut short, then.
      if Interrupts.isPending { complain("interrupted") } else { result(text) }
    }
    showTime(outcome.seconds)
  }

  var report: ErrorReport {
    ErrorReport(palette: remarkPalette, traceback: settings.traceback)
  }

  private func showTime(_ seconds: Double) {
    guard let limit = settings.timeAbove, seconds >= limit else { return }
    var text = ProgressLine.duration(seconds)
    if seconds >= 10, let peak = meters.peakTensorBytes(), peak > 0 {
      text += ", tensors at most " + ProgressLine.bytes(peak)
    }
    if seconds >= 10, settings.ringsBell { output.remark("\u{7}") }
    remark(text)
  }

  func result(_ text: String) { output.result(text + "\n") }
  func remark(_ text: String) { output.remark(remarkPalette.faint(text) + "\n") }
  func complain(_ text: String) {
    hasFailed = true
    output.remark(remarkPalette.error("error:") + " " + text + "\n")
  }

  private func shell(_ line: String) {
    guard !session.state.configuration.isSandboxed else {
      return complain("the sandbox runs no processes")
    }
    StandardStream.output.flush()
    StandardStream.othersWrite()
    let status = system(line)
    let code = status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + (status & 0x7F)
    if code != 0 { remark("exit status \(code)") }
  }
}

/// What the first character of an input makes of it.
enum InputKind: Equatable {
  case lua(String)
  case command(name: String, argument: String)
  case help(String)
  case location(String)
  case shell(String)

  init(_ typed: String) {
    // A space in front keeps an input out of the history, whatever it is.
    let text = typed.drop { $0 == " " || $0 == "\t" }
    let rest = text.dropFirst()
    switch text.first {
    case ":":
      guard let letter = rest.first, letter.isASCII, letter.isLetter else {
        self = .lua(typed)
        return
      }
      let name = rest.prefix { !$0.isWhitespace }
      let argument = rest.dropFirst(name.count).drop { $0.isWhitespace }
      self = .command(name: String(name), argument: argument.trimmedEnd)
    case "=" where rest.first != "=":
      // As the program lua has it: the value of an expression.
      self = .lua("return " + rest)
    case "?":
      self = rest.first == "?" ? .location(String(rest.dropFirst())) : .help(String(rest))
    case "!": self = .shell(String(rest))
    default: self = .lua(typed)
    }
  }

  /// Whether it is no Lua: `:command`, `?name`, `!line`.
  var isCommand: Bool {
    if case .lua = self { return false }
    return true
  }

  /// The same, but for names that are no command's: in Lua they may be a method's.
  var isKnownCommand: Bool {
    if case .command(let name, _) = self { return Command.named(name) != nil }
    return isCommand
  }
}

extension StringProtocol {
  /// Without the white space at the end.
  fileprivate var trimmedEnd: String {
    var end = endIndex
    while end > startIndex, self[index(before: end)].isWhitespace { end = index(before: end) }
    return String(self[..<end])
  }
}
