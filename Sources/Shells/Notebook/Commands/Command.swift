internal import Diagnostics
internal import Glibc
internal import LuaHost

/// One command of the prompt, `:name`.
struct Command: Sendable {
  var name: String
  /// What follows the name, for the list.
  var usage: String
  /// What it does, one phrase.
  var text: String
  var run: @Sendable (Repl, String) -> Void

  /// What may follow the name.
  enum Argument {
    case nothing, code, name, setting, text
    /// A path up to the end of the line.
    case path
    /// Words as a shell has them, a path first.
    case words
  }

  /// What may follow the name, as the usage says it.
  var takes: Argument {
    switch usage {
    case "": return .nothing
    case "CODE": return .code
    case "NAME": return .name
    case "NAME VALUE": return .setting
    case "FILE", "[DIR]": return .path
    case "FILE [ARGS]": return .words
    default: return .text
    }
  }

  /// The command of a name or of its beginning, when that is unique.
  static func named(_ name: String) -> Command? {
    if let command = all.first(where: { $0.name == name }) { return command }
    let starting = all.filter { $0.name.hasPrefix(name) }
    return starting.count == 1 ? starting[0] : nil
  }

  /// All commands, in the order of the list.
  static let all: [Command] = sessionCommands + measuringCommands + fileCommands
}

extension Repl {
  /// The names after `:`, for completion.
  package static var commandNames: [String] { Command.all.map(\.name) }

  func runCommand(_ name: String, _ argument: String) {
    if let command = Command.named(name) {
      if command.takes == .nothing, !argument.isEmpty {
        return complain(":\(command.name) takes nothing, not '\(argument)'")
      }
      let isFile = command.takes == .path || command.takes == .words
      return command.run(self, isFile ? HomeFolder.expand(argument) : argument)
    }
    let near = NearestName.suggestion(for: name, among: Command.all.map(\.name))
    complain(
      "there is no command ':\(name)'" + (near.map { " (did you mean ':\($0)'?)" } ?? " (:help)"))
  }
}

/// What `~` stands for in front of a path.
enum HomeFolder {
  /// The user's home folder, if there is one.
  static var path: String? {
    getenv("HOME").map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
  }

  /// A path with the home folder in place of a `~` in front, as shells have it.
  static func expand(_ path: String) -> String {
    guard path.first == "~", path.count == 1 || path.dropFirst().first == "/", let home = Self.path
    else { return path }
    return home + path.dropFirst()
  }
}

extension Command {
  static var sessionCommands: [Command] {
    [
      Command(name: "help", usage: "", text: "this list") { repl, _ in repl.showHelp() },
      Command(name: "quit", usage: "", text: "leave (also Ctrl-D)") { repl, _ in
        repl.isLeaving = true
      },
      Command(name: "doc", usage: "NAME", text: "help about a name, same as ?NAME") { repl, name in
        repl.showDocumentation(name)
      },
      Command(name: "reset", usage: "", text: "forget all variables") { repl, _ in
        repl.attempt { try repl.session.reset() }
        repl.session.state.collect()
      },
      Command(name: "reload", usage: "MODULE", text: "load a module again") { repl, name in
        repl.reload(name)
      },
      Command(name: "history", usage: "[N|PATTERN]", text: "earlier inputs") { repl, argument in
        repl.showHistory(argument)
      },
      Command(
        name: "edit", usage: "[N]", text: "the last input, or the Nth, in $EDITOR; then run it"
      ) {
        repl, argument in repl.edit(argument)
      },
      Command(
        name: "set", usage: "NAME VALUE",
        text: "what the prompt does; :set lists names and values"
      ) { repl, argument in repl.set(argument) },
    ]
  }
}

extension Repl {
  func showHelp() {
    let rows = Command.all.map {
      (":" + $0.name + ($0.usage.isEmpty ? "" : " " + $0.usage), $0.text)
    }
    let others = [
      ("?NAME, ??NAME", "help about a name, its source"), ("!LINE", "a shell command"),
      ("_", "the last value; In[n], Out[n] hold inputs and plain results"),
      ("Ctrl-C", "stops the running work; at the prompt it clears the input"),
      ("Ctrl-R, Tab", "search the history, complete"),
    ]
    let longest = (rows + others).map(\.0.count).max() ?? 0
    let lines = (rows + others).map { row in
      resultPalette.strong(row.0) + String(repeating: " ", count: longest + 2 - row.0.count) + row.1
    }
    result(lines.joined(separator: "\n"))
  }

  /// Runs what can throw, and says what went wrong.
  func attempt(_ body: () throws -> Void) {
    do { try body() } catch { complain("\(error)") }
  }

  func showHistory(_ argument: String) {
    let entries = history?.entries ?? []
    var shown = Array(entries.enumerated())
    if let count = Int(argument) {
      guard count > 0 else {
        return complain(":history takes a number from 1, or a part of the inputs looked for")
      }
      shown = shown.suffix(count)
    } else if argument.isEmpty {
      shown = shown.suffix(20)
    } else {
      shown = shown.filter { $0.element.text.contains(argument) }
    }
    for (index, entry) in shown {
      let number = remarkPalette.isOn ? resultPalette.faint("\(index + 1)") : "\(index + 1)"
      result(number + "  " + entry.text.split(separator: "\n").joined(separator: "\n   "))
    }
  }

  func reload(_ name: String) {
    guard !name.isEmpty else { return complain(":reload needs the name of a module") }
    if session.state.catalog.libraries.contains(where: { $0.name == name })
      || StandardLibrary.all.contains(where: { $0.name.hasPrefix(name + ".") })
    {
      return remark("'\(name)' is built in: there is nothing to reload")
    }
    attempt {
      let source = """
        local name = ...
        package.loaded[name] = nil
        return require(name)
        """
      let values = try session.state.run(source, chunkName: "=reload", arguments: [name])
      guard let module = values.first else { return }
      let variable = name.split(separator: ".").last.map(String.init) ?? name
      if try !session.variables.get(variable).isNil {
        try session.variables.set(variable, module)
        remark("'\(variable)' is bound to the new module")
      }
    }
  }
}
