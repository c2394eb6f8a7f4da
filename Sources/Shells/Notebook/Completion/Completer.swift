internal import LuaHost

/// Completes names from live values first and the catalogue second; runs no user code.
///
/// Tables are read raw, `__index` is followed only where it is a table, at most eight steps.
package struct Completer {
  private let session: Session
  private let commands: [String]
  private let fileNames: ([UInt8]) -> [[UInt8]]

  /// Makes a completer.
  ///
  /// - Parameters:
  ///   - commands: names after `:`.
  ///   - fileNames: paths that start with a given one; folders end in `/`. The default are those
  ///     that the session may read.
  package init(
    session: Session, commands: [String], fileNames: (([UInt8]) -> [[UInt8]])? = nil
  ) {
    self.session = session
    self.commands = commands
    self.fileNames =
      fileNames ?? { partial in
        FileNames.starting(with: partial) { session.state.allowsFile($0, writing: false) }
      }
  }

  private var state: LuaState { session.state }

  /// Possibilities at a byte offset of a text.
  package func complete(_ text: String, at cursor: Int) -> Completion {
    let before = String(decoding: Array(text.utf8.prefix(cursor)), as: UTF8.self)
    let found = CompletionContext.find(before)
    var completion = Completion(start: found.start, items: [])
    switch found.context {
    case .file(let partial, let quoting):
      complete(&completion, names: [], partial: partial, quoting)
    case .argument(let callee, let partial, let quote):
      complete(&completion, names: loadable(by: callee), partial: partial, .lua(quote))
    case .choice(let callee, let path, let name, let partial, let quote):
      if let option = options(of: callee, path: path).first(where: { $0.name == name }),
        case .choice(let choices) = option.form
      {
        completion.items = choices.filter { $0.hasPrefix(partial) }
          .map { .init($0, suffix: String(quote)) }
      } else {
        complete(&completion, names: [], partial: partial, .lua(quote))
      }
    default: completion.items = items(found.context)
    }
    completion.isAnything = found.context == .global(partial: "")
    return completion
  }

  /// Names that a call knows and names of files, written as the place wants them.
  private func complete(
    _ completion: inout Completion, names: [String], partial: String, _ quoting: FileQuoting
  ) {
    guard let typed = quoting.decode(partial) else { return }
    // The home folder is `~` to shells and to the prompt, but not to Lua.
    var home: [UInt8] = []
    if partial.hasPrefix("~/"), let folder = HomeFolder.path { home = Array(folder.utf8) }
    let wanted = home.isEmpty ? typed : home + typed.dropFirst()
    let known = names.map { Array($0.utf8) }.filter { $0.starts(with: typed) }
    let found = known + fileNames(wanted).filter { $0.starts(with: wanted) }
    var shared: ArraySlice<UInt8>?
    for (index, name) in found.enumerated() {
      let rest = Array(name.dropFirst(home.count))
      guard let text = quoting.encode(rest) else { continue }
      let isFolder = index >= known.count && name.last == UInt8(ascii: "/")
      // A known name ends its string, a file's may get more behind it.
      let suffix = index < known.count || quoting.endsNames && !isFolder ? quoting.end : ""
      completion.items.append(.init((home.isEmpty ? "" : "~") + text, suffix: suffix))
      shared = shared.map { Self.commonPrefix($0, rest) } ?? rest[...]
    }
    if completion.items.count > 1, let shared {
      completion.common = quoting.encode(Array(shared)).map { (home.isEmpty ? "" : "~") + $0 }
    }
  }

  /// What two names begin with, whole characters.
  private static func commonPrefix(_ a: ArraySlice<UInt8>, _ b: [UInt8]) -> ArraySlice<UInt8> {
    var length = 0
    for (x, y) in zip(a, b) {
      guard x == y else { break }
      length += 1
    }
    let rest = a.dropFirst(length)
    // Bytes that go on a character are never the first of one.
    var prefix = a.prefix(length)
    if let next = rest.first ?? b.dropFirst(length).first, next & 0xC0 == 0x80 {
      while let last = prefix.last, last & 0x80 != 0 {
        prefix = prefix.dropLast()
        if last & 0xC0 != 0x80 { break }
      }
    }
    return prefix
  }

  private func items(_ context: CompletionContext) -> [Completion.Item] {
    switch context {
    case .nothing, .file, .argument, .choice: return []
    case .command(let partial):
      return commands.filter { $0.hasPrefix(partial) }.sorted().map { .init($0, suffix: " ") }
    case .setting(nil, let partial):
      return Setting.all.map(\.name).filter { $0.hasPrefix(partial) }.sorted()
        .map { .init($0, suffix: " ") }
    case .setting(let name?, let partial):
      let choices = Setting.all.first { $0.name == name }?.choices ?? []
      return choices.filter { $0.hasPrefix(partial) }.map { .init($0) }
    case .global(let partial): return globals(partial)
    case .field(let chain, let partial):
      return members(of: .chain(chain), partial: partial, methods: false)
    case .method(let chain, let partial):
      return members(of: .chain(chain), partial: partial, methods: true)
    case .member(let owner, let isMethod, let partial):
      return members(of: owner, partial: partial, methods: isMethod)
    case .option(let callee, let path, let partial):
      let options = options(of: callee, path: path).map(\.name).filter { $0.hasPrefix(partial) }
      // A table that is no option table holds ordinary values.
      if options.isEmpty { return globals(partial) }
      return options.sorted().map { .init($0, suffix: " = ") }
    }
  }

  // MARK: Names

  private func globals(_ partial: String) -> [Completion.Item] {
    var names: [String: LuaValue] = [:]
    collect(.table(session.variables), partial: partial, into: &names)
    if partial.isEmpty { names = names.filter { !$0.key.hasPrefix("_") } }
    var items = names.map { item($0.key, $0.value) }
    if !partial.isEmpty {
      items += LuaScanner.keywords
        .filter { $0.hasPrefix(partial) && names[$0] == nil }.map { .init($0) }
    }
    return items.sorted { $0.text < $1.text }
  }

  private func item(_ name: String, _ value: LuaValue) -> Completion.Item {
    .init(name, suffix: value.function == nil ? "" : "(")
  }

  /// Fields or methods of a value.
  private func members(
    of value: LuaValue, partial: String, methods: Bool
  ) -> [Completion.Item] {
    var names: [String: LuaValue] = [:]
    var items: [Completion.Item] = []
    switch value {
    case .table:
      collect(value, partial: partial, into: &names)
      if methods { names = names.filter { $0.value.function != nil } }
    case .string where methods:
      if let library = try? state.global("string") {
        collect(library, partial: partial, into: &names)
      }
    case .handle(let handle):
      items = typeMembers(handle.typeName, partial: partial, methods: methods)
    default: break
    }
    if !partial.hasPrefix("_") { names = names.filter { !$0.key.hasPrefix("__") } }
    items += names.map { item($0.key, $0.value) }
    return items.sorted { $0.text < $1.text }
  }

  /// The names behind a chain: keys of a table, fields or methods of a value of Kilpi or a string;
  /// of a module of the catalogue also where a script's local holds it.
  func memberNames(of chain: [String], methods: Bool) -> [String] {
    if let value = resolve(chain) {
      return members(of: value, partial: "", methods: methods).map(\.text)
    }
    let library = state.catalog.libraries.first { $0.name == chain.joined(separator: ".") }
    return library.map { $0.entries.map(\.name) } ?? []
  }

  /// Fields or methods of what an expression gives: its value's, else those of its type.
  private func members(
    of owner: OwnerExpression, partial: String, methods: Bool
  ) -> [Completion.Item] {
    if let value = value(of: owner) {
      return members(of: value, partial: partial, methods: methods)
    }
    switch type(of: owner) {
    case nil: return []
    case "string"?: return members(of: .string(LuaString("")), partial: partial, methods: methods)
    case let name?: return typeMembers(name, partial: partial, methods: methods)
    }
  }

  private func typeMembers(
    _ name: String, partial: String, methods: Bool
  ) -> [Completion.Item] {
    guard let type = state.catalog.types.first(where: { $0.name == name }) else { return [] }
    let names: [Completion.Item] =
      methods
      ? type.methods.map { .init($0.name, suffix: "(") } + [.init("release", suffix: "(")]
      : type.fieldList.map { .init($0.name) }
    return names.filter { $0.text.hasPrefix(partial) }
  }

  /// String keys of a table and of the tables that its `__index` chain leads to.
  private func collect(_ value: LuaValue, partial: String, into names: inout [String: LuaValue]) {
    var next: LuaValue? = value
    var seen: Set<UInt> = []
    for _ in 0..<8 {
      guard let table = next?.table, seen.insert(state.address(of: table)).inserted else { return }
      for (key, value) in (try? table.pairs(limit: 10_000)) ?? [] {
        guard let name = key.string, name.hasPrefix(partial), isName(name), names[name] == nil
        else { continue }
        names[name] = value
      }
      next = state.metafield(table, "__index")
    }
  }

  private func isName(_ text: String) -> Bool {
    let tokens = LuaScanner.scan(Array(text.utf8))
    return tokens.count == 1 && tokens[0].kind == .name && tokens[0].range.count == text.utf8.count
  }

  // MARK: Values

  /// The value that a chain of names leads to, read raw.
  func resolve(_ chain: [String]) -> LuaValue? {
    guard let first = chain.first else { return nil }
    if first.hasPrefix("\"") || first.hasPrefix("'") || first.hasPrefix("[") {
      return .string(LuaString(first))
    }
    var value = read(first, of: .table(session.variables))
    for name in chain.dropFirst() {
      guard let here = value else { return nil }
      value = read(name, of: here)
    }
    return value
  }

  /// The value of an expression that calls nothing.
  private func value(of owner: OwnerExpression) -> LuaValue? {
    switch owner {
    case .chain(let names): return resolve(names)
    case .field(let owner, let name): return value(of: owner).flatMap { read(name, of: $0) }
    case .element(let owner, let key?):
      guard let table = value(of: owner)?.table else { return nil }
      let found = Int(key).map { try? table.get($0) } ?? read(unquoted(key), of: .table(table))
      return found.flatMap { $0.isNil ? nil : $0 }
    case .call, .method, .element: return nil
    }
  }

  private func unquoted(_ text: String) -> String {
    let typed = String(text.dropFirst().dropLast())
    return FileQuoting.lua("\"").decode(typed).map { String(decoding: $0, as: UTF8.self) } ?? typed
  }

  /// The type of an expression, by the catalogue's signatures; nil when they do not tell.
  private func type(of owner: OwnerExpression) -> String? {
    if let value = value(of: owner) { return value.typeName }
    switch owner {
    case .chain: return nil
    case .call(.chain(let names)):
      return signatureText(.init(chain: names, isMethod: false)).flatMap(firstResult)
    case .call: return nil
    case .method(let owner, let name):
      guard let type = type(of: owner) else { return nil }
      if type == "string" {
        return StandardLibrary.entry("string." + name).flatMap { firstResult($0.signature) }
      }
      let methods = state.catalog.types.first { $0.name == type }?.methods
      return methods?.first { $0.name == name }.flatMap { firstResult($0.signature) }
    case .field(let owner, let name):
      let type = type(of: owner)
      let fields = state.catalog.types.first { $0.name == type }?.fieldList
      return fields?.first { $0.name == name }.flatMap { known($0.type) }
    case .element(let owner, _):
      guard let type = type(of: owner) else { return nil }
      if type.hasSuffix("[]") { return known(String(type.dropLast(2))) }
      // Part of a tensor is one.
      return type == "tensor" ? type : nil
    }
  }

  private func signatureText(_ callee: CompletionContext.Callee) -> String? {
    entry(of: callee)?.entry.signature
      ?? StandardLibrary.entry(callee.chain.joined(separator: "."))?.signature
  }

  /// The type of a function's first result.
  private func firstResult(_ signature: String) -> String? {
    guard let result = Signature(signature).results.first else { return nil }
    return known(result.type.isEmpty ? result.name : result.type)
  }

  /// The first of several types that has members, or lists what has.
  private func known(_ types: String) -> String? {
    types.split(separator: "|").map(String.init).first { type in
      let name = type.hasSuffix("[]") ? String(type.dropLast(2)) : type
      return name == "string" || state.catalog.types.contains { $0.name == name }
    }
  }

  private func read(_ name: String, of value: LuaValue) -> LuaValue? {
    var next: LuaValue? = value
    for _ in 0..<8 {
      guard let table = next?.table else { return nil }
      if let found = try? table.get(name), !found.isNil { return found }
      next = state.metafield(table, "__index")
    }
    return nil
  }

  /// The catalogue row of a function as it is called in a text.
  func entry(of callee: CompletionContext.Callee) -> (name: String, entry: Entry)? {
    guard let name = callee.chain.last else { return nil }
    if callee.isMethod {
      guard case .handle(let handle)? = resolve(callee.chain.dropLast()),
        let type = state.catalog.types.first(where: { $0.name == handle.typeName }),
        let entry = type.methods.first(where: { $0.name == name })
      else { return nil }
      return (type.name + ":" + name, entry)
    }
    let library = callee.chain.dropLast().joined(separator: ".")
    guard let found = state.catalog.libraries.first(where: { $0.name == library }),
      let entry = found.entries.first(where: { $0.name == name })
    else { return alias(callee.chain) }
    return ((library.isEmpty ? "" : library + ".") + name, entry)
  }

  /// The row behind a variable that holds a catalogue function, as after `p = attack.pgd`.
  private func alias(_ chain: [String]) -> (name: String, entry: Entry)? {
    guard let function = resolve(chain)?.function,
      let name = state.catalogName(of: function),
      case .function(let entry, _)? = state.catalog.item(named: name)
    else { return nil }
    return (name, entry)
  }

  /// Names that a module's `load` takes, as its `available` lists them: those that lie somewhere.
  private func loadable(by callee: CompletionContext.Callee) -> [String] {
    guard callee.chain.last == "load", let name = entry(of: callee)?.name,
      let module = name.split(separator: ".").first,
      let lister = resolve([String(module), "available"])?.function,
      state.catalogName(of: lister) == module + ".available",
      let list = try? lister.first().table
    else { return [] }
    return ((try? list.pairs(limit: 1_000)) ?? []).compactMap { _, entry in
      guard let row = entry.table, (try? row.get("path").isNil) == false else { return nil }
      return (try? row.get("name"))?.string
    }.sorted()
  }

  private func options(of callee: CompletionContext.Callee, path: [String]) -> [OptionSpec] {
    guard var options = entry(of: callee)?.entry.options else { return [] }
    for name in path {
      guard case .table(let inner)? = options.first(where: { $0.name == name })?.form else {
        return []
      }
      options = inner
    }
    return options
  }

  /// `name(parameters) -> results` of the call or name that ends at a byte offset.
  package func signature(_ text: String, at cursor: Int) -> String? {
    let before = String(decoding: Array(text.utf8.prefix(cursor)), as: UTF8.self)
    for callee in CompletionContext.calleesAtEnd(before) {
      if let signature = signature(of: callee) { return signature }
    }
    return nil
  }

  private func signature(of callee: CompletionContext.Callee) -> String? {
    if let found = entry(of: callee) { return found.name + found.entry.signature }
    let name = callee.chain.joined(separator: ".")
    if let known = StandardLibrary.entry(name) { return known.signature }
    guard callee.isMethod, let last = callee.chain.last,
      case .string? = resolve(callee.chain.dropLast())
    else { return nil }
    return StandardLibrary.entry("string." + last)?.signature
  }
}
