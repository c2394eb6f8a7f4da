internal import Diagnostics
internal import LuaHost

/// What `?name` shows: catalogue rows, Lua's own functions, values, and a search.
package struct HelpText {
  private let session: Session
  private let palette: Palette
  private let width: Int

  /// Makes the help of a session.
  package init(session: Session, palette: Palette, width: Int) {
    self.session = session
    self.palette = palette
    self.width = min(width, 100)
  }

  private var catalog: Catalog { session.state.catalog }

  /// Help about a name, an expression made of names, or a word to search for.
  package func about(_ request: String) -> String {
    var name = request
    while name.first == " " { name.removeFirst() }
    while let last = name.last, last == " " || last == "(" || last == ")" || last == "?" {
      name.removeLast()
    }
    if name.isEmpty { return overview() }
    if let row = row(name) { return page(row.name, row.entry) }
    if let library = catalog.libraries.first(where: { $0.name == name }), !name.isEmpty {
      return page(library)
    }
    if let known = StandardLibrary.entry(name) {
      return palette.strong(known.signature) + "\n\n" + wrapped(known.text)
    }
    if let type = catalog.types.first(where: { $0.name == name }) { return page(type) }
    if let text = libraryOfLua(name) { return text }
    if let text = aboutValue(name) { return text }
    return search(name)
  }

  // MARK: Finding

  /// A row by `module.name`, `type:name`, a chain that leads to a value's method, or a lone name.
  private func row(_ name: String) -> (name: String, entry: Entry)? {
    let completer = Completer(session: session, commands: [])
    if let callee = CompletionContext.calleesAtEnd(name).first,
      let row = completer.entry(of: callee)
    {
      return row
    }
    for type in catalog.types {
      for method in type.methods where name == "\(type.name):\(method.name)" {
        return (name, method)
      }
    }
    guard !name.contains("."), !name.contains(":"), completer.resolve([name]) == nil else {
      return nil
    }
    let found = rows().filter { $0.entry.name == name }
    return found.count == 1 ? found[0] : nil
  }

  /// All rows of functions and methods under their full names.
  private func rows() -> [(name: String, entry: Entry)] {
    var rows: [(name: String, entry: Entry)] = []
    for library in catalog.libraries {
      let prefix = library.name.isEmpty ? "" : library.name + "."
      rows += library.entries.map { (prefix + $0.name, $0) }
    }
    for type in catalog.types { rows += type.methods.map { ("\(type.name):\($0.name)", $0) } }
    return rows
  }

  // MARK: Pages

  private func page(_ name: String, _ entry: Entry) -> String {
    var parts = [palette.strong(wrappedLine(name + entry.signature, hanging: 2))]
    if !entry.doc.isEmpty { parts.append(wrapped(entry.doc)) }
    if !entry.options.isEmpty {
      parts.append(palette.strong("options") + "\n" + optionLines(entry.options, indent: "  "))
    }
    if !entry.example.isEmpty {
      let lines = entry.example.split(separator: "\n", omittingEmptySubsequences: false)
      parts.append(
        palette.strong("example") + "\n" + lines.map { "  " + $0 }.joined(separator: "\n"))
    }
    return parts.joined(separator: "\n\n")
  }

  private func optionLines(_ options: [OptionSpec], indent: String) -> String {
    let longest = options.map(\.name.count).max() ?? 0
    return options.map { option in
      let padding = String(repeating: " ", count: longest - option.name.count)
      var text = option.doc
      if let fallback = option.fallback { text += " (default \(fallback.text))" }
      if option.required { text += " (required)" }
      if case .choice(let choices) = option.form {
        text += ": " + choices.map { "\"\($0)\"" }.joined(separator: ", ")
      }
      let hanging = indent.count + longest + 2
      var line = wrappedLine(indent + option.name + padding + "  " + text, hanging: hanging)
      if case .table(let inner) = option.form {
        line += "\n" + optionLines(inner, indent: indent + "  ")
      }
      return line
    }.joined(separator: "\n")
  }

  private func page(_ library: Library) -> String {
    var text = palette.strong(library.name) + "\n\n" + wrapped(library.doc) + "\n"
    for entry in library.entries where !entry.name.hasPrefix("__") {
      text += "\n  \(library.name).\(entry.name)\(entry.signature)"
    }
    for constant in library.constants {
      text += "\n  \(library.name).\(constant.name): \(constant.type)"
    }
    return text
  }

  private func page(_ type: HandleType) -> String {
    var text = palette.strong(type.name) + "\n\n" + wrapped(type.doc) + "\n"
    for field in type.fieldList { text += "\n  .\(field.name): \(field.type)" }
    for method in type.methods { text += "\n  :\(method.name)\(method.signature)" }
    return text
  }

  private func libraryOfLua(_ name: String) -> String? {
    let completer = Completer(session: session, commands: [])
    // In the sandbox some are missing.
    let rows = StandardLibrary.all.filter {
      $0.name.hasPrefix(name + ".")
        && completer.resolve($0.name.split(separator: ".").map(String.init)) != nil
    }
    guard !rows.isEmpty else { return nil }
    return palette.strong(name) + ": a library of Lua\n"
      + rows.map { "\n  " + $0.signature }.joined()
  }

  private func aboutValue(_ name: String) -> String? {
    let chain = name.split(separator: ".").map(String.init)
    let completer = Completer(session: session, commands: [])
    guard let value = completer.resolve(chain) else { return nil }
    var text = palette.strong(name) + ": " + value.typeName
    switch value {
    case .handle(let handle):
      text += "\n\n  " + session.summary(value)
      if let type = catalog.types.first(where: { $0.name == handle.typeName }) {
        text +=
          "\n\n"
          + columns(type.methods.map { ":" + $0.name } + type.fieldList.map { "." + $0.name })
      }
    case .function(let function):
      if let place = session.state.place(of: function) { text += ", defined at " + place }
    case .table:
      let printer = ValuePrinter(state: session.state, width: width, palette: palette)
      text += "\n\n" + printer.text(value)
    default:
      text += "\n\n  " + session.summary(value)
    }
    return text
  }

  private func columns(_ names: [String]) -> String {
    Completion(start: 0, items: names.sorted().map { .init($0) }).columns(width: width)
  }

  // MARK: Searching

  private func search(_ word: String) -> String {
    let wanted = word.lowercased()
    var found: [(name: String, summary: String)] = []
    for row in rows() {
      let texts = [row.name, row.entry.doc] + row.entry.options.map(\.name)
      if texts.contains(where: { $0.lowercased().contains(wanted) }) {
        found.append((row.name, firstSentence(row.entry.doc)))
      }
    }
    for known in StandardLibrary.all
    where known.name.lowercased().contains(wanted) || known.text.lowercased().contains(wanted) {
      found.append((known.name, firstSentence(known.text)))
    }
    guard !found.isEmpty else {
      let near = nearest(word)
      return "nothing is known about '\(word)'" + (near.map { " (did you mean '\($0)'?)" } ?? "")
    }
    let longest = min(32, found.map(\.name.count).max() ?? 0)
    return "'\(word)' is found in:\n"
      + found.prefix(30).map { row in
        let padding = String(repeating: " ", count: max(0, longest - row.name.count))
        return "\n  " + row.name + padding + "  " + palette.faint(clipped(row.summary, longest + 4))
      }.joined()
      + (found.count > 30 ? "\n  ... \(found.count - 30) more" : "")
  }

  /// The module, else the function that was meant.
  private func nearest(_ word: String) -> String? {
    let functions = rows().map(\.name) + StandardLibrary.all.map(\.name)
    let modules =
      catalog.libraries.map(\.name) + catalog.types.map(\.name)
      + StandardLibrary.all.compactMap { $0.name.split(separator: ".").first.map(String.init) }
    // What begins alike is nearer among functions: `tensor.zero` is no slip for `tensor`.
    let isModule = !word.contains(".") && !word.contains(":")
    return (isModule ? NearestName.suggestion(for: word, among: modules) : nil)
      ?? NearestName.suggestion(for: word, among: functions + functions.compactMap(lastPart))
  }

  private func lastPart(_ name: String) -> String? {
    name.lastIndex { $0 == "." || $0 == ":" }.map { String(name[name.index(after: $0)...]) }
  }

  private func overview() -> String {
    var text = "?NAME shows help: ?print, ?string.format, ?string\n"
    let libraries = catalog.libraries.filter { !$0.name.isEmpty }
    let longest = libraries.map(\.name.count).max() ?? 0
    for library in libraries {
      let padding = String(repeating: " ", count: longest - library.name.count)
      text +=
        "\n  " + palette.strong(library.name) + padding + "  "
        + clipped(firstSentence(library.doc), longest + 4)
    }
    return text
  }

  // MARK: Text

  private func firstSentence(_ text: String) -> String {
    guard let end = text.range(of: ". ") else { return text }
    return String(text[..<end.lowerBound]) + "."
  }

  private func clipped(_ text: String, _ used: Int) -> String {
    let room = max(20, width - used)
    return text.count <= room ? text : String(text.prefix(room - 1)) + "…"
  }

  private func wrapped(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false)
      .map { wrappedLine(String($0), hanging: 0) }.joined(separator: "\n")
  }

  /// One paragraph in lines of the width; lines but the first are indented by `hanging`.
  private func wrappedLine(_ text: String, hanging: Int) -> String {
    let leading = text.prefix { $0 == " " }
    var lines: [String] = []
    var current = String(leading)
    var isEmpty = true
    for word in text.dropFirst(leading.count).split(
      separator: " ", omittingEmptySubsequences: false)
    {
      if !isEmpty, current.count + 1 + word.count > width {
        lines.append(current)
        current = String(repeating: " ", count: hanging)
        isEmpty = true
      }
      current += (isEmpty ? "" : " ") + word
      isEmpty = false
    }
    return (lines + [current]).joined(separator: "\n")
  }
}

extension String {
  /// Where a text first stands, without Foundation.
  fileprivate func range(of text: String) -> Range<String.Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(text) {
        return start..<index(start, offsetBy: text.count)
      }
      start = index(after: start)
    }
    return nil
  }
}
