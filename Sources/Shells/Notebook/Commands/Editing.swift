internal import Diagnostics
internal import Files
internal import Glibc
internal import LuaHost

extension Repl {
  /// Runs what the user's editor makes of an earlier input, counted as `:history` counts.
  func edit(_ argument: String) {
    guard !session.state.configuration.isSandboxed else {
      return complain("the sandbox runs no processes")
    }
    guard let editor = ["VISUAL", "EDITOR"].lazy.compactMap(environmentValue).first else {
      return complain(":edit needs an editor (set the environment variable EDITOR)")
    }
    // The command itself is the last of the inputs when they are remembered.
    let earlier = history?.entries.map(\.text).filter { !Self.isEdit($0) } ?? session.inputs
    var text = earlier.last ?? ""
    if !argument.isEmpty {
      let all = history?.entries.map(\.text) ?? session.inputs
      guard let number = Int(argument), all.indices.contains(number - 1) else {
        return complain(":edit takes the number of an input in :history, not '\(argument)'")
      }
      text = all[number - 1]
    }
    attempt {
      guard let edited = try Self.edited(text, with: editor) else {
        return remark("the editor gave up: nothing was run")
      }
      if LuaSource(edited).isBlank { return }
      result(resultPalette.prompt(">>") + " " + edited)
      run(edited)
    }
  }

  private static func isEdit(_ text: String) -> Bool {
    guard case .command(let name, _) = InputKind(text) else { return false }
    return Command.named(name)?.name == "edit"
  }

  private func environmentValue(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
  }

  /// The text as the editor leaves it; nil when the editor ends with an error.
  private static func edited(_ text: String, with editor: String) throws -> String? {
    var path = Array("/tmp/kilpi-XXXXXX.lua".utf8CString)
    let descriptor = mkstemps(&path, 4)
    guard descriptor >= 0 else {
      throw KilpiError("cannot make a file in /tmp: \(systemReason())")
    }
    close(descriptor)
    let name = String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer { unlink(name) }
    try AtomicFile.write(text + "\n", to: name)
    StandardStream.output.flush()
    StandardStream.othersWrite()
    guard system(editor + " " + name) == 0 else { return nil }
    var edited = try FileReader.text(at: name)
    while edited.last == "\n" { edited.removeLast() }
    return edited
  }
}
