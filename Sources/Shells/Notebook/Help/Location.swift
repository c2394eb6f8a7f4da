internal import Files
internal import LuaHost

/// What `??name` shows: the Lua source of a function, or where a catalogue row comes from.
struct Location {
  let session: Session

  func about(_ request: String) -> String {
    let name = request.filter { !$0.isWhitespace }
    let completer = Completer(session: session, commands: [])
    let chain = name.split(separator: ".").map(String.init)
    if let function = completer.resolve(chain)?.function,
      let place = session.state.place(of: function)
    {
      return place + "\n" + source(at: place)
    }
    if let callee = CompletionContext.calleesAtEnd(name).first,
      let row = completer.entry(of: callee)
    {
      return "\(row.name) is a function of Kilpi, written in Swift; ?\(row.name) shows its help"
    }
    if StandardLibrary.entry(name) != nil { return "\(name) is a function of Lua, written in C" }
    return "no source is known for '\(name)'"
  }

  /// The lines of the function that starts at `name:line`.
  private func source(at place: String) -> String {
    guard let colon = place.lastIndex(of: ":"), let line = Int(place[place.index(after: colon)...])
    else { return "" }
    let name = place[..<colon]
    let text: String?
    if name.hasPrefix("cell["), let cell = Int(name.dropFirst(5).dropLast()),
      cell >= 1, cell <= session.inputs.count
    {
      text = session.inputs[cell - 1]
    } else {
      text = try? FileReader.text(at: String(name))
    }
    guard let text else { return "" }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard line >= 1, line <= lines.count else { return "" }
    var taken: [Substring] = []
    for next in lines[(line - 1)...] {
      taken.append(next)
      let source = LuaSource(taken.joined(separator: "\n"))
      if source.openBlocks == 0 || taken.count >= 60 { break }
    }
    return taken.joined(separator: "\n")
  }
}
