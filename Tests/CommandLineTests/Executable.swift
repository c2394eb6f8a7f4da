import Foundation

/// The real executable, found beside the test bundle.
enum Executable {
  /// What a run left.
  struct Result: Equatable {
    var output: String
    var error: String
    var status: Int32
  }

  /// The test bundle is mapped into this process; the executable lies beside it.
  static let path: String = {
    let maps = (try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8)) ?? ""
    let bundle = maps.split(separator: "\n").first { $0.hasSuffix(".xctest") }
    guard let bundle, let start = bundle.firstIndex(of: "/") else { return "" }
    let url = URL(fileURLWithPath: String(bundle[start...]))
    return url.deletingLastPathComponent().appendingPathComponent("kilpi").path
  }()

  /// A folder of its own for each test, gone when the process ends.
  static let folder: String = {
    let path = NSTemporaryDirectory() + "kilpi-command-line-\(UUID().uuidString)"
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    atexit { try? FileManager.default.removeItem(atPath: Executable.folder) }
    return path
  }()

  /// Writes a file into the folder and gives its path.
  static func file(_ name: String, _ bytes: [UInt8]) throws -> String {
    let path = folder + "/" + name
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    return path
  }

  /// Runs the executable in the folder with nothing of the environment but what is given.
  static func run(
    _ arguments: [String], input: String? = "", environment: [String: String] = [:]
  ) throws -> Result {
    try run(shell: nil, arguments, input: input, environment: environment)
  }

  /// Runs a line of the shell in which `$KILPI` is the executable.
  static func shell(
    _ line: String, environment: [String: String] = [:], seconds: Int = 60
  ) throws -> Result {
    try run(shell: line, [], input: "", environment: environment, seconds: seconds)
  }

  private static func run(
    shell: String?, _ arguments: [String], input: String?, environment: [String: String],
    seconds: Int = 60
  ) throws -> Result {
    let process = Process()
    // A hang becomes a failure.
    process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
    process.arguments =
      shell.map { ["-s", "KILL", String(seconds), "/bin/bash", "-c", $0] }
      ?? (["-s", "KILL", String(seconds), path] + arguments)
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    var variables = [
      "PATH": "/usr/bin:/bin", "HOME": folder, "TERM": "xterm", "KILPI": path, "KILPI_HISTORY": "",
    ]
    variables.merge(environment) { $1 }
    process.environment = variables
    let (standardInput, output, error) = (Pipe(), Pipe(), Pipe())
    process.standardInput = standardInput
    process.standardOutput = output
    process.standardError = error
    try process.run()
    if let input { standardInput.fileHandleForWriting.write(Data(input.utf8)) }
    try standardInput.fileHandleForWriting.close()
    // Small outputs: a pipe holds them, so reading one after the other cannot block the program.
    let outputBytes = output.fileHandleForReading.readDataToEndOfFile()
    let errorBytes = error.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return Result(
      output: String(decoding: outputBytes, as: UTF8.self),
      error: String(decoding: errorBytes, as: UTF8.self), status: process.terminationStatus)
  }
}
