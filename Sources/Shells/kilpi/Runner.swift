internal import Diagnostics
internal import LuaBindings
internal import LuaHost
internal import Notebook
internal import Processes

/// Runs a plan: modules, code, script, prompt.
final class Runner {
  private let plan: RunPlan
  private let environment: [String: String]
  private let terminal: Terminal
  private let errorPalette: Palette
  private let outputPalette: Palette
  private let progress: ProgressRenderer
  private let screen: Screen
  private let team: ProcessTeam
  /// The error that ended the run, for the other processes.
  private var failure: KilpiError?

  init(plan: RunPlan, environment: [String: String], team: ProcessTeam) {
    self.plan = plan
    self.team = team
    self.environment = environment
    let terminal = Terminal(environment: environment)
    self.terminal = terminal
    func palette(_ isTerminal: Bool) -> Palette {
      Palette(
        isOn: ColorRule.isOn(choice: plan.color, environment: environment, isTerminal: isTerminal))
    }
    errorPalette = palette(terminal.errorIsTerminal)
    outputPalette = palette(terminal.outputIsTerminal)
    progress = ProgressRenderer(
      isTerminal: terminal.errorIsTerminal && ColorRule.isCapable(environment),
      palette: errorPalette, width: { terminal.size.columns }, now: Clock.seconds,
      lineIsOpen: { StandardStream.lineIsOpen },
      write: {
        StandardStream.output.flush()
        // What ends its line stays; the rest is drawn over or taken away.
        if $0.hasSuffix("\n") {
          StandardStream.error.write($0)
        } else {
          StandardStream.error.draw($0)
        }
        StandardStream.error.flush()
      })
    screen = Screen(
      terminal: terminal,
      graphics: plan.graphics.resolved(
        outputIsTerminal: terminal.outputIsTerminal, environment: environment),
      progress: progress)
  }

  /// Runs everything; the exit status.
  func run() -> Int32 {
    let state: LuaState
    do {
      state = try openState()
    } catch {
      let status = fail("\(error)")
      return team.leave(status: status, failure: failure)
    }
    let ran = runAll(state)
    let status = Termination.exitStatus ?? ran
    Plugins.detach()
    StandardStream.output.flush()
    ProcessSetup.finish()
    state.close()
    return team.leave(status: status, failure: failure)
  }

  private func openState() throws -> LuaState {
    var configuration = LuaState.Configuration()
    configuration.ignoresEnvironment = plan.ignoresEnvironment
    configuration.isSandboxed = plan.isSandboxed
    configuration.allowedFolders = plan.allowedFolders
    configuration.readableFolders = KilpiCatalog.folders
    configuration.showsWarnings = plan.showsWarnings
    let state = try LuaState(catalog: Plugins.catalog, configuration: configuration)
    // Live bars must leave the screen before anything else is written there.
    if terminal.errorIsTerminal || terminal.outputIsTerminal {
      state.output = { [progress, screen] stream, bytes in
        guard stream == .error else { return screen.write(bytes) }
        progress.hide()
        StandardStream.output.flush()
        bytes.withUnsafeBytes { StandardStream.error.write($0) }
      }
    }
    state.leaving = { [progress, team] status in
      progress.reset()
      ProcessSetup.restoreTerminal()
      _ = team.leave(status: Int32(truncatingIfNeeded: status), failure: nil)
    }
    try Plugins.attach(
      to: state, plan: plan, team: team, progress: { [progress] in progress.handle($0) },
      screen: screen)
    // Without it scripts run as well, until one asks for a file of it.
    if let folder = try? ResourceLocator.stdlib() { try state.prependSearchPath(folder.path) }
    return state
  }

  // MARK: The parts

  private func runAll(_ state: LuaState) -> Int32 {
    let isPrompt =
      plan.isInteractive || (plan.script == nil && plan.code.isEmpty && terminal.inputIsTerminal)
    var status: Int32 = 0
    if isPrompt, !team.isAlone {
      return fail("the prompt runs in one process (give mpirun a script)", status: 64)
    }
    if !isPrompt { ProcessSetup.limitInterrupt(seconds: 3) }
    do {
      try setArguments(state)
      try state.runInitialisation()
      for name in plan.modules { try require(name, in: state) }
      for code in plan.code { try state.run(code, chunkName: "=(command line)") }
      try runScript(in: state, isPrompt: isPrompt)
      // A press that only ended a wait, as in `io.read`, ends the script too.
      try Interrupts.poll()
    } catch {
      status = report(error, in: state)
    }
    progress.reset()
    ProcessSetup.clearInterrupt()
    guard isPrompt, !Termination.isRequested else { return status }
    do {
      try Prompt(
        plan: plan, environment: environment, terminal: terminal, outputPalette: outputPalette,
        errorPalette: errorPalette, progress: progress, screen: screen
      ).run(state)
      return 0
    } catch {
      return report(error, in: state)
    }
  }

  private func setArguments(_ state: LuaState) throws {
    guard let script = plan.script else {
      return try state.setArguments(
        script: plan.program.first ?? "kilpi", arguments: Array(plan.program.dropFirst()),
        program: [])
    }
    let name: String
    switch script {
    case .standardInput: name = "-"
    case .file(let path): name = path
    }
    try state.setArguments(
      script: name, arguments: plan.scriptArguments, program: plan.program)
  }

  private func require(_ name: String, in state: LuaState) throws {
    guard let require = try state.global("require").function else { return }
    let module = try require.first([name])
    // The last part of the name becomes a global, as with the program `lua`.
    try state.setGlobal(name, module)
  }

  private func runScript(in state: LuaState, isPrompt: Bool) throws {
    switch plan.script {
    case .file(let path)?:
      let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
      let bytes = try ScriptSource.read(path: path)
      try state.prependSearchPath(folder.isEmpty ? "/" : folder)
      try state.run(bytes: bytes, chunkName: "@" + path, arguments: plan.scriptArguments)
    case .standardInput?:
      let bytes = try standardInput()
      try state.run(bytes: bytes, chunkName: "=stdin", arguments: plan.scriptArguments)
    case nil:
      guard !isPrompt, plan.code.isEmpty, plan.modules.isEmpty else { return }
      try state.run(bytes: try standardInput(), chunkName: "=stdin")
    }
  }

  /// A script from a pipe; mpirun hands it to the first process alone.
  private func standardInput() throws -> [UInt8] {
    try team.group.fromRoot(team.group.isRoot ? ScriptSource.readStandardInput() : [])
  }

  // MARK: Errors

  private func report(_ error: any Error, in state: LuaState) -> Int32 {
    progress.reset()
    guard let error = error as? LuaError else {
      let isInterrupt = (error as? KilpiError)?.kind == .interrupted
      return fail("\(error)", status: isInterrupt ? 130 : 1)
    }
    failure = KilpiError("\(error)", kind: error.kind == .interrupted ? .interrupted : .host)
    let report = ErrorReport(palette: errorPalette, traceback: plan.traceback)
    // Names are looked up in what the script left.
    let hint = try? Session(state: state).hint(for: error, source: source(of: error))
    StandardStream.output.startLine()
    StandardStream.output.flush()
    StandardStream.error.write(report.script(error, hint: hint ?? nil))
    return error.kind == .interrupted ? 130 : 1
  }

  private func fail(_ text: String, status: Int32 = 1) -> Int32 {
    failure = KilpiError(text, kind: status == 130 ? .interrupted : .host)
    StandardStream.output.flush()
    StandardStream.error.write(errorPalette.error("kilpi:") + " " + text + "\n")
    return status
  }

  /// The text of `-e` when an error's place is there; files are read again.
  private func source(of error: LuaError) -> String? {
    error.message.hasPrefix("(command line):") && plan.code.count == 1 ? plan.code[0] : nil
  }
}
