internal import CInterrupt
internal import Diagnostics
internal import Files
internal import Glibc
internal import LuaHost

extension Command {
  static var fileCommands: [Command] {
    [
      Command(name: "run", usage: "FILE [ARGS]", text: "run a script in this session") {
        repl, argument in repl.runScript(argument)
      },
      Command(name: "save", usage: "FILE", text: "write the inputs as a cell script") {
        repl, path in repl.save(path)
      },
      Command(name: "load", usage: "FILE", text: "run the cells of a cell script") {
        repl, path in repl.load(path)
      },
      Command(name: "cd", usage: "[DIR]", text: "change or show the working directory") {
        repl, path in repl.changeDirectory(path)
      },
    ]
  }
}

extension Repl {
  func runScript(_ argument: String) {
    guard let words = ShellWords.split(argument) else {
      return complain(":run: a quote is not closed")
    }
    guard let path = words.first else { return complain(":run needs a file") }
    runScript(atPath: path, arguments: Array(words.dropFirst()))
  }

  /// Runs a script among the session's variables, with its `arg`, and shows its error.
  package func runScript(atPath path: String, arguments: [String]) {
    do {
      try session.state.checkFile(path, writing: false)
      let bytes = try ScriptSource.read(path: path)
      let state = session.state
      // The program's own `arg` and a variable of that name come back afterwards.
      let (global, own) = (try state.global("arg"), try session.variables.get("arg"))
      try state.setArguments(script: path, arguments: arguments, program: ["kilpi"])
      try session.variables.set("arg", state.global("arg"))
      try state.setGlobal("arg", global)
      defer { try? session.variables.set("arg", own) }
      try state.run(
        bytes: bytes, chunkName: "@" + path, environment: session.variables, arguments: arguments)
      try Interrupts.poll()
    } catch let error as LuaError {
      output.remark(report.cell(error, in: session))
    } catch {
      complain("\(error)")
    }
  }

  /// Writes all inputs so far, a cell each.
  func save(_ path: String) {
    guard !path.isEmpty else { return complain(":save needs a file") }
    guard path.hasSuffix(".lua") else {
      return complain(":save writes cell scripts (give the file a name that ends in .lua)")
    }
    attempt {
      try session.state.checkFile(path, writing: true)
      let cells = session.inputs.map { "-- %%\n" + $0 + "\n" }
      try AtomicFile.write(cells.joined(separator: "\n"), to: path)
      remark("\(session.inputs.count) inputs written to \(path)")
    }
  }

  /// Runs the cells of a cell script up to the first error.
  func load(_ path: String) {
    guard !path.isEmpty else { return complain(":load needs a file") }
    do {
      try session.state.checkFile(path, writing: false)
      let text = String(decoding: try ScriptSource.read(path: path), as: UTF8.self)
      for cell in CellScript.cells(text) where !LuaSource(cell).isBlank {
        if !runLua(cell) { return }
      }
    } catch {
      complain("\(error)")
    }
  }

  func changeDirectory(_ path: String) {
    let target = path.isEmpty ? nil : path
    if let target {
      guard session.state.allowsFile(target, writing: false) else {
        return complain("the sandbox does not allow '\(target)' (start with --allow DIR)")
      }
      if chdir(target) != 0 {
        return complain("cannot change to '\(target)': \(systemReason())")
      }
    }
    guard let name = getcwd(nil, 0) else { return }
    result(String(cString: name))
    free(name)
  }

  /// Help one screen at a time, where there is a screen.
  func showDocumentation(_ name: String) {
    let help = HelpText(session: session, palette: resultPalette, width: width).about(name)
    if !page(help + "\n") { result(help) }
  }
}

/// Words as a shell splits them.
enum ShellWords {
  /// Spaces separate; single quotes keep everything, double quotes all but the backslash, which
  /// takes the next character as it is; nil when a quote stays open.
  static func split(_ text: String) -> [String]? {
    var words: [String] = []
    var word: String?
    var quote: Character?
    var isEscaped = false
    for character in text {
      if isEscaped {
        word = (word ?? "") + String(character)
        isEscaped = false
      } else if character == "\\", quote != "'" {
        isEscaped = true
        word = word ?? ""
      } else if let open = quote {
        if character == open { quote = nil } else { word = (word ?? "") + String(character) }
      } else if character == "'" || character == "\"" {
        quote = character
        word = word ?? ""
      } else if character.isWhitespace {
        if let done = word { words.append(done) }
        word = nil
      } else {
        word = (word ?? "") + String(character)
      }
    }
    guard quote == nil, !isEscaped else { return nil }
    return words + (word.map { [$0] } ?? [])
  }
}

/// A Lua file in cells, `-- %%` before each.
enum CellScript {
  /// The texts of the Lua cells, each with the line numbers of its own.
  static func cells(_ text: String) -> [String] {
    var cells: [String] = []
    var current: [Substring] = []
    var isMarkdown = false
    func finish() {
      if !isMarkdown, !current.isEmpty { cells.append(current.joined(separator: "\n")) }
      current = []
    }
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("-- %%") || line.hasPrefix("--%%") {
        finish()
        isMarkdown = line.contains("[markdown]")
      } else {
        current.append(line)
      }
    }
    finish()
    return cells
  }
}
