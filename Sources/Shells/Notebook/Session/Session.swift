internal import CInterrupt
internal import Diagnostics
package import LuaHost

/// Cells of Lua run one after another in one session table.
///
/// Rules of evaluation: an input that is an expression is echoed; else its last expression is,
/// compiled with the rest as one chunk; the text is executed exactly once. Names declared `local`
/// outside of blocks stay. No terminal is needed: what happens comes back as an `Outcome`.
package final class Session {
  /// What running an input gave.
  package struct Outcome {
    /// The values to echo; empty when there is nothing to show.
    package var values: [LuaValue]
    /// The error that ended the run.
    package var error: LuaError?
    /// Remarks for the user, such as the first promoted `local`.
    package var notes: [String]
    /// Wall time in seconds.
    package var seconds: Double
  }

  /// How much of an input is there.
  package enum Completeness: Equatable {
    /// It can run.
    case complete
    /// More lines must come; `indent` is the depth of open blocks.
    case incomplete(indent: Int)
    /// It cannot compile, whatever comes.
    case invalid
  }

  /// The interpreter.
  package let state: LuaState
  /// The globals of cells: user variables alone, everything else is inherited.
  package let variables: LuaTable
  /// Whether `local` outside of blocks keeps its names for later inputs.
  package var promotesLocals = true
  /// Whether an input that reads a variable without a value is an error.
  package private(set) var isStrict = false
  /// Names that the session itself offers.
  let builtins: LuaTable
  /// The sources of the cells so far, by number from 1.
  package private(set) var inputs: [String] = []

  private let inTable: LuaTable
  private let outTable: LuaTable
  private var hasNotedPromotion = false
  private var hasNotedClosing = false
  private let now: () -> Double

  /// Makes a session on a state.
  ///
  /// - Parameter now: seconds of a steady clock.
  package init(state: LuaState, now: @escaping () -> Double = Clock.seconds) throws {
    self.state = state
    self.now = now
    variables = try state.makeTable()
    builtins = try state.makeTable()
    inTable = try state.makeTable()
    outTable = try state.makeTable()
    try builtins.inherit(from: try state.globals)
    try variables.inherit(from: builtins)
    try builtins.set("_G", variables)
    try builtins.set("In", inTable)
    try builtins.set("Out", outTable)
  }

  // MARK: Completeness

  /// Whether `text` can run, needs more lines, or is wrong.
  ///
  /// A newline is appended, since `s = 'abc` alone ends in `<eof>` although no line can mend it; both
  /// forms are compiled, since each alone calls some unfinished inputs wrong.
  package func completeness(_ text: String) -> Completeness {
    let source = promoted(text).source + "\n"
    let lua = LuaSource(text)
    if lua.isBlank { return .complete }
    guard let expression = compileError("return " + source) else { return .complete }
    guard let statement = compileError(source) else { return .complete }
    // A last expression makes a whole of what neither form accepts, as in `x = 1; x`, although the
    // statement form complains about the end of the text.
    if plannedTail(source, wholeCompiles: false) != nil { return .complete }
    if isUnfinished(expression) || isUnfinished(statement) {
      return .incomplete(indent: lua.openBlocks + lua.openBrackets)
    }
    return .invalid
  }

  private func isUnfinished(_ error: LuaError) -> Bool {
    if case .syntax(incomplete: true) = error.kind { return true }
    return error.message.hasSuffix("<eof>")
  }

  private func compileError(_ source: String) -> LuaError? {
    state.compileError(source, chunkName: "=input")
  }

  private func promoted(_ text: String) -> LocalPromotion {
    promotesLocals ? LocalPromotion(text) : LocalPromotion(unchanged: text)
  }

  // MARK: Evaluation

  /// Runs a cell and remembers it.
  ///
  /// - Parameter remembers: false leaves `In`, `Out` and `_` alone.
  package func evaluate(_ text: String, remembers: Bool = true) -> Outcome {
    if remembers {
      inputs.append(text)
      try? inTable.set(inputs.count, text)
    }
    let started = now()
    var outcome = Outcome(values: [], error: nil, notes: [], seconds: 0)
    let promotion = promoted(text)
    note(promotion, in: &outcome)
    do {
      let function = try plan(promotion.source, original: text)
      let values = try function.call()
      // A press that nothing of the cell looked at ends it all the same.
      if Interrupts.isPending { throw LuaError(kind: .interrupted, message: "interrupted") }
      if remembers { try remember(values) }
      outcome.values = LuaSource(text).endsInSemicolon ? [] : values
    } catch let error as LuaError {
      outcome.error = error
    } catch {
      outcome.error = LuaError(kind: .host, message: "\(error)", cause: error)
    }
    outcome.seconds = now() - started
    kilpi_interrupt_clear()
    return outcome
  }

  /// Compiles a cell without running it: an expression, a chunk with a last expression, or a chunk.
  ///
  /// - Throws: `LuaError` of kind `syntax`, about the text as it was typed.
  func plan(_ source: String, original: String? = nil) throws -> LuaFunction {
    let name = "=cell[\(max(1, inputs.count))]"
    if let expression = try? compile("return " + source, name) { return expression }
    let whole = Result { try compile(source, name) }
    let compiles = (try? whole.get()) != nil
    if let tail = plannedTail(source, wholeCompiles: compiles) {
      return try compile(tail, name)
    }
    if !compiles, let original { _ = try compile(original, name) }
    return try whole.get()
  }

  /// The source with `return` put before its last expression, if there is one.
  private func plannedTail(_ source: String, wholeCompiles: Bool) -> String? {
    let lua = LuaSource(source)
    for start in lua.tailStarts(wholeCompiles: wholeCompiles) {
      let head = String(decoding: lua.bytes[..<start], as: UTF8.self)
      let tail = String(decoding: lua.bytes[start...], as: UTF8.self)
      let candidate = head + "return " + tail
      if compileError(candidate) == nil { return candidate }
    }
    return nil
  }

  private func compile(_ source: String, _ name: String) throws -> LuaFunction {
    try state.compile(source, chunkName: name, environment: variables)
  }

  private func note(_ promotion: LocalPromotion, in outcome: inout Outcome) {
    if let name = promotion.promoted.first, !hasNotedPromotion {
      hasNotedPromotion = true
      outcome.notes.append(
        "local '\(name)' stays visible in later inputs (:set locals strict keeps Lua's rule)")
    }
    if promotion.leftClosing, !hasNotedClosing {
      hasNotedClosing = true
      outcome.notes.append("a <close> variable ends with its own input")
    }
  }

  /// Keeps the last value in `_`, and in `Out` what holds no storage: plain values, texts of others.
  ///
  /// - Throws: `LuaError` when a press of Ctrl-C ended a value's own `__tostring`.
  private func remember(_ values: [LuaValue]) throws {
    guard let first = values.first else { return }
    try? variables.set("_", first)
    switch first {
    case .nil: break
    case .boolean, .integer, .number, .string: try? outTable.set(inputs.count, first)
    default:
      let text = summary(first)
      if Interrupts.isPending { throw LuaError(kind: .interrupted, message: "interrupted") }
      try? outTable.set(inputs.count, text)
    }
  }

  /// One line about a value, whatever its `__tostring` does.
  func summary(_ value: LuaValue) -> String {
    do {
      let text = try state.text(value)
      return text.split(separator: "\n", maxSplits: 1).first.map(String.init) ?? ""
    } catch {
      return "<\(value.typeName)>"
    }
  }

  /// The line of a cell or script that an error message points at, if it is one of this session's.
  package func sourceLine(of message: String) -> (number: Int, text: String)? {
    guard message.hasPrefix("cell["), let close = message.firstIndex(of: "]"),
      let cell = Int(message[message.index(message.startIndex, offsetBy: 5)..<close]),
      cell >= 1, cell <= inputs.count
    else { return nil }
    let rest = message[message.index(after: close)...].dropFirst()
    guard let number = Int(rest.prefix { $0.isNumber }) else { return nil }
    let lines = inputs[cell - 1].split(separator: "\n", omittingEmptySubsequences: false)
    return number >= 1 && number <= lines.count ? (number, String(lines[number - 1])) : nil
  }

  /// Forgets all user variables.
  package func reset() throws { try variables.clear() }

  /// Makes it an error, or none again, that an input reads a variable without a value.
  ///
  /// Modules and scripts ask for globals that may be missing, and go on as they do.
  ///
  /// - Throws: `LuaError` when the globals have a metatable of somebody else's.
  package func setStrict(_ on: Bool) throws {
    guard on != isStrict else { return }
    let source = """
      local globals, on = ...
      if on and getmetatable(globals) then error("the globals have a metatable already", 0) end
      setmetatable(globals, on and {__index = function(_, name)
        local _, reader = pcall(error, "", 3)
        if reader:sub(1, 5) ~= "cell[" then return nil end
        error("attempt to read a nil value (global '" .. tostring(name) .. "')", 2)
      end} or nil)
      """
    try state.run(source, chunkName: "=strict", arguments: [try state.globals, on])
    isStrict = on
  }
}
