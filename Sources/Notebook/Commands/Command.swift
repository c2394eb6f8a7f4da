internal import Diagnostics
internal import LuaHost

/// One command of the prompt, `:name`.
struct Command: Sendable {
  var name: String
  /// What follows the name, for the list.
  var usage: String
  /// What it does, one phrase.
  var text: String
  var run: @Sendable (Repl, String) -> Void

  /// All commands, in the order of the list.
  static let all: [Command] = sessionCommands + measuringCommands + fileCommands
}

extension Repl {
  /// The names after `:`, for completion.
  public static var commandNames: [String] { Command.all.map(\.name) }

  func runCommand(_ name: String, _ argument: String) {
    if let command = Command.all.first(where: { $0.name == name }) {
      return command.run(self, argument)
    }
    // A unique beginning is enough.
    let starting = Command.all.filter { $0.name.hasPrefix(name) }
    if starting.count == 1 { return starting[0].run(self, argument) }
    let near = NearestName.suggestion(for: name, among: Command.all.map(\.name))
    complain(
      "there is no command ':\(name)'" + (near.map { " (did you mean ':\($0)'?)" } ?? " (:help)"))
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
        name: "set", usage: "NAME VALUE",
        text: "locals keep|strict; timing, bell on|off; traceback short|full; width N|auto"
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
      shown = shown.suffix(max(0, count))
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

  func set(_ argument: String) {
    let words = argument.split(separator: " ").map(String.init)
    guard words.count == 2 else {
      let locals = session.promotesLocals ? "keep" : "strict"
      let timing = settings.timeAbove == nil ? "off" : "on"
      let width = settings.width.map(String.init) ?? "auto"
      return result(
        "locals \(locals)  timing \(timing)  bell \(settings.ringsBell ? "on" : "off")  "
          + "traceback \(settings.traceback.rawValue)  width \(width)")
    }
    switch (words[0], words[1]) {
    case ("locals", "strict"): session.promotesLocals = false
    case ("locals", "keep"): session.promotesLocals = true
    case ("timing", "on"): settings.timeAbove = 1
    case ("timing", "off"): settings.timeAbove = nil
    case ("bell", "on"): settings.ringsBell = true
    case ("bell", "off"): settings.ringsBell = false
    case ("traceback", let value) where ErrorReport.Traceback(rawValue: value) != nil:
      settings.traceback = ErrorReport.Traceback(rawValue: value) ?? .short
    case ("width", "auto"): settings.width = nil
    case ("width", let value):
      guard let columns = Int(value), columns >= 20 else {
        return complain("width is a number of columns from 20, or auto")
      }
      settings.width = columns
    default:
      let names = ["locals", "timing", "bell", "traceback", "width"]
      if names.contains(words[0]) {
        complain("'\(words[1])' is no value of \(words[0]) (:help shows them)")
      } else {
        let near = NearestName.suggestion(for: words[0], among: names)
        complain(
          "there is no setting '\(words[0])'" + (near.map { " (did you mean '\($0)'?)" } ?? ""))
      }
    }
  }
}
