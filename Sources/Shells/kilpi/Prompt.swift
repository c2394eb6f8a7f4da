internal import Diagnostics
internal import Glibc
internal import LuaHost
internal import Notebook

/// The prompt of a run: which editor, which history, what is said first.
struct Prompt {
  let plan: RunPlan
  let environment: [String: String]
  let terminal: Terminal
  let outputPalette: Palette
  let errorPalette: Palette
  let progress: ProgressRenderer
  let screen: Screen

  /// Reads and runs until the input ends.
  func run(_ state: LuaState) throws {
    let session = try Session(state: state)
    let history = HistoryFile(
      path: HistoryFile.path(environment: environment),
      session: "\(getpid())-\(time(nil))")
    let source = lineSource(session, history)
    defer { source.close() }
    let terminal = terminal
    let progress = progress
    let repl = Repl(
      session: session, source: source,
      output: Repl.Output(
        result: { text in
          progress.hide()
          StandardStream.output.startLine()
          StandardStream.output.write(text)
        },
        remark: { text in
          progress.hide()
          StandardStream.output.startLine()
          StandardStream.output.flush()
          StandardStream.error.write(text)
        }),
      resultPalette: outputPalette, remarkPalette: errorPalette, history: history,
      meters: Plugins.meters(plan), columns: { terminal.size.columns },
      afterEach: {
        progress.reset()
        StandardStream.output.flush()
      })
    repl.settings.traceback = plan.traceback
    repl.page = { page($0) }
    screen.follow(repl)
    greet()
    runInitialisation(repl)
    repl.run()
  }

  private func lineSource(_ session: Session, _ history: HistoryFile) -> any LineSource {
    let isIncomplete: (String) -> Bool = { Repl.needsMoreLines($0, in: session) }
    let terminal = terminal
    if terminal.canEdit {
      let completer = Completer(session: session, commands: Repl.commandNames)
      let callbacks = EditingCallbacks(
        isIncomplete: isIncomplete, complete: { completer.complete($0, at: $1) },
        signature: { completer.signature($0, at: $1) })
      if let source = EditLineSource(
        palette: outputPalette, history: history, columns: { terminal.size.columns },
        callbacks: callbacks)
      {
        return source
      }
    }
    return PlainLineSource(
      history: terminal.inputIsTerminal ? history : nil, isIncomplete: isIncomplete)
  }

  /// Shows a text that is longer than the window with the user's pager.
  private func page(_ text: String) -> Bool {
    guard terminal.canEdit, text.filter({ $0 == "\n" }).count >= terminal.size.rows else {
      return false
    }
    let pager = environment["PAGER"].flatMap { $0.isEmpty ? nil : $0 } ?? "less -R"
    StandardStream.output.flush()
    guard let pipe = popen(pager, "w") else { return false }
    fputs(text, pipe)
    return pclose(pipe) == 0
  }

  private func greet() {
    guard !plan.isQuiet else { return }
    StandardStream.output.flush()
    StandardStream.error.write(
      errorPalette.strong("Kilpi \(KilpiVersion.current)")
        + errorPalette.faint(" · \(LuaState.version)")
        + "\n" + errorPalette.faint("?NAME for help, :help for commands, Ctrl-D to leave") + "\n")
  }

  /// The user's own file, in the session; an error in it is shown, and the prompt comes all the same.
  private func runInitialisation(_ repl: Repl) {
    guard plan.runsInitialisation, terminal.inputIsTerminal else { return }
    var folder = environment["XDG_CONFIG_HOME"] ?? ""
    if !folder.hasPrefix("/") {
      guard let home = environment["HOME"], !home.isEmpty else { return }
      folder = home + "/.config"
    }
    let path = folder + "/kilpi/init.lua"
    if access(path, R_OK) == 0 { repl.runScript(atPath: path, arguments: []) }
  }
}
