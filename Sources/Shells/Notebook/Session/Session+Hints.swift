internal import Diagnostics
internal import Files
internal import Glibc
package import LuaHost

/// Which name was meant, for errors about a value that is not there.
extension Session {
  /// `did you mean 'x'?` for an error that comes from a global, field or method that is nil.
  ///
  /// Lua says the name, but not whose field it is; that stands in the line.
  ///
  /// - Parameter source: the text that the error's place is in; nil takes the cell's, or the file's.
  package func hint(for error: LuaError, source: String? = nil) -> String? {
    guard error.kind == .runtime, let missing = MissingName(error.message) else { return nil }
    let candidates: [String]
    if missing.kind == "global" {
      candidates = keys(of: .table(variables)) + keys(of: (try? state.globals).map { .table($0) })
    } else {
      guard let line = line(of: error.message, in: source) else { return nil }
      if let form = form(of: missing, in: line) { return form }
      candidates = members(of: missing, in: line)
    }
    return NearestName.suggestion(for: missing.name, among: candidates)
      .map { "did you mean '\($0)'?" }
  }

  /// A word that leaves or explains other prompts, and what does it here; nil for a variable.
  func promptHint(_ word: String) -> String? {
    switch word {
    case "exit", "quit": return ":quit or Ctrl-D leaves Kilpi"
    case "help": return ":help lists the commands, ?NAME explains a name"
    default: return nil
    }
  }

  /// The form that does here what a module's function of that name does elsewhere.
  private func form(of missing: MissingName, in line: String) -> String? {
    guard missing.kind == "field" else { return nil }
    for chain in CompletionContext.owners(of: missing.name, link: ".", in: line) {
      let library = state.catalog.libraries.first { $0.name == chain.joined(separator: ".") }
      if let form = library?.elsewhere[missing.name] { return form }
    }
    return nil
  }

  private func line(of message: String, in source: String?) -> String? {
    if let own = sourceLine(of: message)?.text { return own }
    // `name:12: what`
    let parts = message.split(separator: ":", omittingEmptySubsequences: false)
    guard let place = parts.indices.dropFirst().first(where: { Int(parts[$0]) != nil }),
      let number = Int(parts[place])
    else { return nil }
    let path = parts[..<place].joined(separator: ":")
    guard let source = source ?? script(at: path) else { return nil }
    let lines = source.split(separator: "\n", omittingEmptySubsequences: false)
    return number >= 1 && number <= lines.count ? String(lines[number - 1]) : nil
  }

  /// The text of a file; nil for what is no ordinary one, since scripts can put any name in front of
  /// a message.
  private func script(at path: String) -> String? {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size < 1 << 22
    else { return nil }
    return try? FileReader.text(at: path)
  }

  /// The names that the owners of a missing field have, the first owner of the line that has any.
  private func members(of missing: MissingName, in line: String) -> [String] {
    let completer = Completer(session: self, commands: [])
    let link = missing.kind == "method" ? ":" : "."
    for chain in CompletionContext.owners(of: missing.name, link: link, in: line) {
      let names = completer.memberNames(of: chain, methods: missing.kind == "method")
      if !names.isEmpty { return names }
    }
    return []
  }

  private func keys(of value: LuaValue?) -> [String] {
    ((try? value?.table?.pairs(limit: 10_000)) ?? nil ?? []).compactMap { $0.key.string }
  }
}

/// The name in Lua's message about a nil value: `attempt to call a nil value (field 'zeos')`.
struct MissingName: Equatable {
  /// `global`, `field` or `method`.
  var kind: String
  var name: String

  init?(_ message: String) {
    guard message.hasSuffix("')"), let start = message.lastIndex(of: "("),
      message[..<start].hasSuffix(" a nil value ")
    else { return nil }
    let words = message[message.index(after: start)...].dropLast(2).split(separator: " '")
    guard words.count == 2, ["global", "field", "method"].contains(String(words[0])) else {
      return nil
    }
    kind = String(words[0])
    name = String(words[1])
  }
}
