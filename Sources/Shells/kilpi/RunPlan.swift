internal import Diagnostics
internal import Notebook

/// What shall run, and how.
struct RunPlan {
  enum Script {
    case file(String)
    case standardInput
  }

  /// Modules to require, then pieces of code, then the script.
  var modules: [String]
  var code: [String]
  var script: Script?
  /// Arguments of the script, and what `arg` holds in front of it.
  var scriptArguments: [String]
  var program: [String]
  /// The prompt afterwards; nil when it depends on standard input.
  var isInteractive: Bool
  var ignoresEnvironment: Bool
  var showsWarnings: Bool
  var runsInitialisation: Bool
  var isQuiet: Bool
  var color: ColorChoice
  var graphics: GraphicsChoice
  var traceback: ErrorReport.Traceback
  var threads: Int?
  /// Bytes; nil means the machine's default.
  var memory: Int?
  var isDeterministic: Bool
  var isSandboxed: Bool
  var allowedFolders: [String]

  init(
    _ options: MainOptions, arguments: [String], words: [String], environment: [String: String]
  ) throws {
    modules = options.modules
    code = options.code
    isInteractive = options.interactive
    ignoresEnvironment = options.ignoresEnvironment
    showsWarnings = options.warnings
    runsInitialisation = !options.noRc
    isQuiet = options.quiet
    color = options.color
    traceback = options.traceback
    isSandboxed = options.sandbox
    allowedFolders = options.allow
    script = words.first.map { $0 == "-" ? .standardInput : .file($0) }
    scriptArguments = Array(words.dropFirst())
    program = Array(arguments.prefix(arguments.count - words.count))
    let settings = Environment(environment)
    graphics = try options.graphics ?? settings.graphics() ?? .auto
    threads = try options.threads ?? settings.threads()
    memory = try options.memory.map { try Self.bytes($0, of: "--memory") } ?? settings.memory()
    isDeterministic = try options.deterministic || settings.isDeterministic()
    try Self.check(threads: threads)
    if !options.allow.isEmpty, !options.sandbox {
      throw KilpiError("--allow means something only with --sandbox")
    }
  }

  static func check(threads: Int?) throws {
    if let threads, !(1...1024).contains(threads) {
      throw KilpiError("threads is \(threads), outside 1 ... 1024")
    }
  }

  /// `4G`, `512M`, `1.5G` or a number of bytes; units are powers of 1024.
  static func bytes(_ text: String, of name: String) throws -> Int {
    let units: [Character: Double] = [
      "K": 0x1p10, "M": 0x1p20, "G": 0x1p30, "T": 0x1p40,
    ]
    var number = text.uppercased()
    if number.hasSuffix("B") { number.removeLast() }
    if number.hasSuffix("I") { number.removeLast() }
    var unit = 1.0
    if let last = number.last, let factor = units[last] {
      unit = factor
      number.removeLast()
    }
    guard let value = Double(number), value > 0, value * unit >= 0x1p20, value * unit < 1e15 else {
      throw KilpiError(
        "\(name) is '\(text)', which is no size from 1M on", advice: "write 512M or 4G")
    }
    return Int(clamped: value * unit)
  }
}

/// The environment variables that equal options.
struct Environment {
  let values: [String: String]

  init(_ values: [String: String]) { self.values = values }

  private func value(_ name: String) -> String? {
    values[name].flatMap { $0.isEmpty ? nil : $0 }
  }

  func graphics() throws -> GraphicsChoice? {
    guard let text = value("KILPI_GRAPHICS") else { return nil }
    guard let choice = GraphicsChoice(rawValue: text) else {
      let names = GraphicsChoice.allCases.map(\.rawValue).joined(separator: ", ")
      throw KilpiError("KILPI_GRAPHICS is '\(text)'", advice: "one of \(names)")
    }
    return choice
  }

  func threads() throws -> Int? {
    guard let text = value("KILPI_THREADS") else { return nil }
    guard let number = Int(text) else {
      throw KilpiError("KILPI_THREADS is '\(text)', which is no number")
    }
    return number
  }

  func memory() throws -> Int? {
    try value("KILPI_MEMORY").map { try RunPlan.bytes($0, of: "KILPI_MEMORY") }
  }

  func isDeterministic() throws -> Bool {
    guard let text = value("KILPI_DETERMINISTIC") else { return false }
    switch text {
    case "1", "true", "yes", "on": return true
    case "0", "false", "no", "off": return false
    default: throw KilpiError("KILPI_DETERMINISTIC is '\(text)'", advice: "write 1 or 0")
    }
  }
}
