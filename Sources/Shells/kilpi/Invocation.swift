internal import ArgumentParser
internal import Diagnostics
internal import Glibc
internal import Notebook

/// What a command line asks for.
enum Invocation {
  case run(RunPlan)
  case version
  case help(String)
  case doctor(json: Bool, model: String?)
  /// Write the reference manual and the editor annotations into the repository below the working
  /// directory.
  case docs
  /// The catalogue as JSON on standard output, for programs that make calls from it.
  case catalogue
  /// A wrong command line: exit 64.
  case wrong(String)

  /// Names that are subcommands as the first word.
  static let subcommands = ["run", "doctor", "help"]

  /// Reads the arguments, the program's name first.
  init(arguments: [String], environment: [String: String]) {
    let options: MainOptions
    do {
      options = try MainOptions.parse(Array(arguments.dropFirst()))
    } catch {
      self = .wrong(MainOptions.message(for: error).firstLetterLowered)
      return
    }
    self = Self.read(options, arguments: arguments, environment: environment, ranBefore: false)
  }

  private static func read(
    _ options: MainOptions, arguments: [String], environment: [String: String], ranBefore: Bool
  ) -> Invocation {
    var words = options.words
    if options.version {
      return words.first.map { .wrong("--version takes nothing, not '\($0)'") } ?? .version
    }
    if words.first == "--" {
      words.removeFirst()
    } else if let first = words.first {
      if first == "-h" || first == "--help" {
        return .help(ranBefore ? RunOptions.helpMessage() : MainOptions.helpMessage())
      }
      if first.hasPrefix("-"), first != "-" { return .wrong(unknownOption(first)) }
      if !ranBefore {
        switch first {
        case "help": return help(Array(words.dropFirst()))
        case "doctor": return doctor(Array(words.dropFirst()))
        // Not listed in the help: writes what the catalogue generates, for scripts/docs.
        case "docs": return .docs
        // Not listed either: what `scripts/assure lua-fuzz` makes its calls from.
        case "catalogue": return .catalogue
        case "run": return run(arguments, words, environment)
        default: break
        }
      }
    }
    if !ranBefore, let first = words.first, let near = missedSubcommand(first) {
      return .wrong("there is no script '\(first)' (did you mean 'kilpi \(near)'?)")
    }
    if ranBefore, words.isEmpty { return .wrong("run needs a script (kilpi run script.lua)") }
    do {
      return .run(
        try RunPlan(options, arguments: arguments, words: words, environment: environment))
    } catch {
      return .wrong("\(error)")
    }
  }

  /// `run` may have options of its own: they are read as if it were not there.
  private static func run(
    _ arguments: [String], _ words: [String], _ environment: [String: String]
  ) -> Invocation {
    let before = arguments.count - words.count
    let joined = Array(arguments[1..<before]) + words.dropFirst()
    do {
      let options = try MainOptions.parse(joined)
      return read(options, arguments: arguments, environment: environment, ranBefore: true)
    } catch {
      return .wrong(MainOptions.message(for: error).firstLetterLowered)
    }
  }

  private static func help(_ words: [String]) -> Invocation {
    if words.count > 1 { return .wrong("help takes one subcommand, not also '\(words[1])'") }
    switch words.first {
    case nil: return .help(MainOptions.helpMessage())
    case "run"?: return .help(RunOptions.helpMessage())
    case "doctor"?: return .help(DoctorOptions.helpMessage())
    case let name?:
      let near = NearestName.suggestion(for: name, among: subcommands)
      return .wrong(
        "there is no subcommand '\(name)'" + (near.map { " (did you mean '\($0)'?)" } ?? ""))
    }
  }

  private static func doctor(_ words: [String]) -> Invocation {
    do {
      let options = try DoctorOptions.parse(words)
      return .doctor(json: options.json, model: options.model)
    } catch {
      if DoctorOptions.exitCode(for: error) == .success {
        return .help(DoctorOptions.helpMessage())
      }
      return .wrong("doctor: " + DoctorOptions.message(for: error).firstLetterLowered)
    }
  }

  /// The subcommand that was meant by the name of a script that is not there.
  private static func missedSubcommand(_ word: String) -> String? {
    guard !word.contains("/"), !word.contains("."), access(word, F_OK) != 0 else { return nil }
    return NearestName.suggestion(for: word, among: subcommands)
  }

  /// All options in the forms that a user types.
  static let optionNames = [
    "--color", "--graphics", "--traceback", "--no-rc", "--quiet", "--threads", "--memory",
    "--deterministic", "--sandbox", "--allow", "--version", "--help",
  ]

  private static func unknownOption(_ text: String) -> String {
    let name = String(text.prefix { $0 != "=" })
    let near = name.count > 2 ? NearestName.suggestion(for: name, among: optionNames) : nil
    return "unknown option '\(name)'"
      + (near.map { " (did you mean '\($0)'?)" } ?? " (kilpi --help lists the options)")
  }
}

extension String {
  /// The parser's sentences in the form of Kilpi's own messages.
  fileprivate var firstLetterLowered: String {
    let lines = split(separator: "\n").map(String.init)
    // Values to choose from stand below the sentence that announces them.
    let choices = lines.dropFirst().prefix { $0.hasPrefix("  - ") }.map { String($0.dropFirst(4)) }
    let line = ([lines.first ?? self] + [choices.joined(separator: ", ")]).filter { !$0.isEmpty }
      .joined(separator: " ")
    let text = line.hasSuffix(".") ? String(line.dropLast()) : line
    return text.prefix(1).lowercased() + text.dropFirst()
  }
}
