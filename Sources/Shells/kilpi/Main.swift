internal import Files
internal import Glibc
internal import LuaBindings
internal import Notebook

/// The executable: reads the command line, runs what it asks for, ends with the right status.
@main
enum Main {
  static func main() {
    ProcessSetup.install()
    let environment = Terminal.processEnvironment()
    let status: Int32
    switch Invocation(arguments: CommandLine.arguments, environment: environment) {
    case .version:
      StandardStream.output.write(Version.line + "\n")
      status = 0
    case .help(let text):
      StandardStream.output.write(text + "\n")
      status = 0
    case .docs:
      status = writeGeneratedFiles()
    case .catalogue:
      StandardStream.output.write(CatalogueDescription.json() + "\n")
      status = 0
    case .doctor(let json, let model):
      do {
        let doctor = Doctor(environment: environment)
        StandardStream.output.write(try doctor.report(json: json, model: model))
        status = 0
      } catch {
        StandardStream.error.write("kilpi: \(error)\n")
        status = 1
      }
    case .wrong(let text):
      StandardStream.error.write("kilpi: \(text)\n")
      status = 64
    case .run(let plan):
      status = run(plan, environment)
    }
    // Straight to the system: everything is written and closed, and OpenBLAS's own farewell waits
    // for threads that still spin, which takes longer than all of `kilpi -e ''`.
    let last = finished(status)
    fflush(nil)
    _exit(last)
  }

  private static func run(_ plan: RunPlan, _ environment: [String: String]) -> Int32 {
    do {
      let team = try ProcessTeam()
      return Runner(plan: plan, environment: environment, team: team).run()
    } catch {
      StandardStream.error.write("kilpi: \(error)\n")
      return 1
    }
  }

  private static func writeGeneratedFiles() -> Int32 {
    do {
      for file in GeneratedFiles.all() { try AtomicFile.write(file.text, to: file.path) }
      return 0
    } catch {
      StandardStream.error.write("kilpi: \(error) (run scripts/docs in the repository)\n")
      return 1
    }
  }

  /// The status after the last output has reached its reader.
  private static func finished(_ status: Int32) -> Int32 {
    if StandardStream.output.flush() || status != 0 { return status }
    if errno == EPIPE { return 141 }
    StandardStream.error.write(
      "kilpi: cannot write the output: \(String(cString: strerror(errno)))\n")
    return 1
  }
}
