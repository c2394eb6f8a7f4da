internal import ArgumentParser
package import Notebook

extension ColorChoice: ExpressibleByArgument {}
extension GraphicsChoice: ExpressibleByArgument {}
extension ErrorReport.Traceback: ExpressibleByArgument {}

/// The options before a script, and everything behind them.
struct MainOptions: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kilpi",
    abstract: "Adversarial robustness of vision-language models, from Lua.",
    usage: """
      kilpi [options]                        prompt, or a script from a pipe
      kilpi [options] [run] script.lua ...   run a script with arguments
      kilpi -e CODE [-i]                     run code, and stay at the prompt with -i
      kilpi doctor [--json] [--model DIR]    show what this machine brings
      kilpi help [run|doctor]                more about a subcommand
      """,
    discussion: """
      The environment variables KILPI_GRAPHICS, KILPI_MEMORY, KILPI_THREADS, KILPI_DETERMINISTIC \
      and KILPI_STDLIB stand for options of the same name; KILPI_HISTORY is the history file, \
      KILPI_MODELS and KILPI_DATA are folders of models and data sets.
      Exit codes: 0 ok, 1 uncaught error, 64 wrong usage, 130 interrupted, 141 reader gone,
      143 terminated (a training with a folder saves its step first).
      """)

  @Option(
    name: .customShort("e"), parsing: .unconditionalSingleValue,
    help: .init("Run a piece of Lua; may be repeated.", valueName: "code"))
  var code: [String] = []

  @Option(
    name: .customShort("l"), help: .init("Require a module first.", valueName: "name"))
  var modules: [String] = []

  @Flag(name: .customShort("i"), help: "Stay at the prompt afterwards, also after an error.")
  var interactive = false

  @Flag(name: .customShort("E"), help: "Ignore LUA_PATH, LUA_CPATH and LUA_INIT.")
  var ignoresEnvironment = false

  @Flag(name: .customShort("W"), help: "Show warnings of scripts.")
  var warnings = false

  @Option(help: "Colour: auto, always or never.")
  var color: ColorChoice = .auto

  @Option(help: "Pictures in the terminal: auto, kitty, iterm, sixel, blocks or none.")
  var graphics: GraphicsChoice?

  @Option(help: "Tracebacks: short or full.")
  var traceback: ErrorReport.Traceback = .short

  @Flag(help: "Do not run the file init.lua of the configuration folder.")
  var noRc = false

  @Flag(help: "No banner at the prompt.")
  var quiet = false

  @Option(help: .init("Threads to compute with.", valueName: "n"))
  var threads: Int?

  @Option(help: .init("Cap for tensors and Lua, such as 4G.", valueName: "size"))
  var memory: String?

  @Flag(help: "The same bits for any number of threads.")
  var deterministic = false

  @Flag(help: "No files, processes or C modules: for code from others.")
  var sandbox = false

  @Option(help: .init("Folder that the sandbox may use; may be repeated.", valueName: "dir"))
  var allow: [String] = []

  @Flag(name: [.customShort("v"), .customLong("version")], help: "Show the version.")
  var version = false

  @Argument(
    parsing: .captureForPassthrough,
    help: .init("The script, - for standard input, and its arguments.", valueName: "script"))
  var words: [String] = []
}

/// `kilpi doctor`.
struct DoctorOptions: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kilpi doctor",
    abstract: "Show the linear algebra, memory, terminal and optional parts found here.")

  @Flag(help: "As JSON.")
  var json = false

  @Option(help: .init("Load a model and show its layout and digest.", valueName: "dir"))
  var model: String?
}

/// `kilpi run`, for its help alone: its options are those of `kilpi`.
struct RunOptions: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kilpi run", abstract: "Run a script; the same as kilpi script.lua.",
    usage: "kilpi [options] run [options] script.lua [args ...]",
    discussion:
      "Everything behind the script's name belongs to the script. kilpi --help lists the options.")

  @Argument(parsing: .captureForPassthrough) var words: [String] = []
}
