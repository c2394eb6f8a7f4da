internal import CLua
internal import CLuaBridge

/// One way to go on with a name.
public struct Completion: Sendable, Equatable {
  /// What stands behind the name.
  public enum Kind: Sendable { case module, function, method, field, value, option, keyword }
  /// The whole last word: `matmul`.
  public var name: String
  /// What stands behind it.
  public var kind: Kind
  /// Parameters and results of a function of the catalogue, type of a field or option.
  public var detail: String?
}

extension LuaState {
  /// The names that can follow, from live values first, sorted.
  ///
  /// Runs no script.
  ///
  /// - Parameters:
  ///   - expression: the text before the cursor from the start of the name: `attack.p`, `t:ma`.
  ///   - environment: the table of the cell's variables; nil means the globals.
  public func completions(for expression: String, in environment: LuaTable? = nil) -> [Completion] {
    guard let target = CompletionTarget(expression) else { return [] }
    guard let (lua, base) = try? pushPath(target.path, in: environment) else { return [] }
    defer { lua_settop(lua, base) }
    guard lua_gettop(lua) > base else { return [] }
    var found: [String: Completion] = [:]
    let index = lua_gettop(lua)
    if let type = handleType(lua, index)?.type {
      addHandle(type, method: target.isMethod, to: &found)
    } else {
      addKeys(lua, index, target: target, to: &found)
      if target.path.isEmpty { addKeywords(to: &found) }
    }
    let owner = target.path.joined(separator: ".")
    return found.values.filter { $0.name.hasPrefix(target.prefix) }
      .map { withDetail($0, owner: owner) }
      .sorted { $0.name < $1.name }
  }

  /// The options of a catalogue function, whose value may also be reached by another name.
  public func optionCompletions(
    of function: String, prefix: String = "", in environment: LuaTable? = nil
  ) -> [Completion] {
    guard let entry = entry(behind: function, in: environment) else { return [] }
    return entry.options.filter { $0.name.hasPrefix(prefix) }.map {
      Completion(name: $0.name, kind: .option, detail: $0.typeText)
    }.sorted { $0.name < $1.name }
  }

  /// The value of a dotted name, found without running a script; nil when there is none.
  public func rawValue(of name: String, in environment: LuaTable? = nil) -> LuaValue? {
    guard let target = CompletionTarget(name) else { return nil }
    guard let (lua, base) = try? pushPath(target.path + [target.prefix], in: environment) else {
      return nil
    }
    defer { lua_settop(lua, base) }
    guard lua_gettop(lua) > base, lua_type(lua, -1) != LUA_TNIL else { return nil }
    return value(lua, -1)
  }

  /// Help about a name: what the catalogue says of it, or of the function or handle that a
  /// variable of this name holds.
  public func help(for name: String, in environment: LuaTable? = nil) -> String? {
    if let item = catalogName(behind: name, in: environment),
      let text = Help.text(for: item, in: catalog)
    {
      return text
    }
    return Help.text(for: name, in: catalog)
  }

  /// The catalogue's name for what `name` holds: `p = attack.pgd` makes `p` mean `attack.pgd`.
  public func catalogName(behind name: String, in environment: LuaTable? = nil) -> String? {
    guard let target = CompletionTarget(name) else { return nil }
    if target.isMethod || !target.path.isEmpty,
      case .handle(let handle)? = rawValue(of: target.path.joined(separator: "."), in: environment)
    {
      return "\(handle.typeName):\(target.prefix)"
    }
    switch rawValue(of: name, in: environment) {
    case .handle(let handle): return handle.typeName
    case .function(let function):
      guard let id = hostFunction(function) else { return nil }
      return callables[id].name
    default: return nil
    }
  }

  private func entry(behind name: String, in environment: LuaTable?) -> Entry? {
    let known = catalogName(behind: name, in: environment) ?? name
    switch catalog.item(named: known) {
    case .function(let entry, _), .method(let entry, _): return entry
    default: return nil
    }
  }

  /// The number of a host function of the catalogue.
  private func hostFunction(_ function: LuaFunction) -> Int? {
    guard let lua = try? function.enter(8).1, (try? function.push(lua)) != nil else { return nil }
    defer { kilpi_lua_pop(lua, 1) }
    let id = kilpi_host_function_number(lua, -1)
    return id >= 0 && id < callables.count ? Int(id) : nil
  }

  /// Pushes the value that a path leads to, by raw reads and tables in `__index` alone.
  private func pushPath(
    _ path: [String], in environment: LuaTable?
  ) throws -> (OpaquePointer, Int32) {
    try reserve(40)
    let lua = current
    let base = lua_gettop(lua)
    if let environment { try environment.push(lua) } else { kilpi_lua_push_globals(lua) }
    for name in path {
      guard pushMember(lua, name) else {
        lua_settop(lua, base)
        return (lua, base)
      }
      kilpi_lua_remove(lua, -2)
    }
    return (lua, base)
  }

  /// Pushes `value[name]` of the value on top, through at most 8 tables.
  private func pushMember(_ lua: OpaquePointer, _ name: String) -> Bool {
    lua_pushvalue(lua, -1)
    for _ in 0..<8 {
      if lua_type(lua, -1) == LUA_TTABLE {
        push(name, on: lua)
        if lua_rawget(lua, -2) != LUA_TNIL {
          kilpi_lua_remove(lua, -2)
          return true
        }
        kilpi_lua_pop(lua, 1)
      }
      guard pushIndexTable(lua) else { break }
    }
    kilpi_lua_pop(lua, 1)
    return false
  }

  /// Replaces the value on top by the table in its metatable's `__index`.
  private func pushIndexTable(_ lua: OpaquePointer) -> Bool {
    guard lua_getmetatable(lua, -1) != 0 else { return false }
    push("__index", on: lua)
    lua_rawget(lua, -2)
    guard lua_type(lua, -1) == LUA_TTABLE else {
      kilpi_lua_pop(lua, 2)
      return false
    }
    kilpi_lua_remove(lua, -2)
    kilpi_lua_remove(lua, -2)
    return true
  }

  private func addHandle(_ type: HandleType, method: Bool, to found: inout [String: Completion]) {
    if method {
      for entry in type.methods {
        found[entry.name] = Completion(name: entry.name, kind: .method, detail: entry.signature)
      }
      found["release"] = Completion(name: "release", kind: .method, detail: "()")
    } else {
      for field in type.fieldList {
        found[field.name] = Completion(name: field.name, kind: .field, detail: field.type)
      }
    }
  }

  private func addKeys(
    _ lua: OpaquePointer, _ index: Int32, target: CompletionTarget,
    to found: inout [String: Completion]
  ) {
    lua_pushvalue(lua, index)
    for _ in 0..<8 {
      if lua_type(lua, -1) == LUA_TTABLE {
        let table = lua_gettop(lua)
        var seen = 0
        lua_pushnil(lua)
        while kilpi_next(lua, table) {
          seen += 1
          let type = lua_type(lua, -1)
          if lua_type(lua, -2) == LUA_TSTRING, let name = string(lua, -2).text,
            name.hasPrefix(target.prefix), CompletionTarget.isName(name), found[name] == nil,
            !target.isMethod || type == LUA_TFUNCTION
          {
            let kind: Completion.Kind =
              type == LUA_TFUNCTION
              ? (target.isMethod ? .method : .function) : type == LUA_TTABLE ? .module : .value
            found[name] = Completion(name: name, kind: kind, detail: nil)
          }
          kilpi_lua_pop(lua, 1)
          if seen > 100_000 {
            kilpi_lua_pop(lua, 1)
            break
          }
        }
      }
      guard pushIndexTable(lua) else { break }
    }
    kilpi_lua_pop(lua, 1)
  }

  private func addKeywords(to found: inout [String: Completion]) {
    for word in CompletionTarget.keywords where found[word] == nil {
      found[word] = Completion(name: word, kind: .keyword, detail: nil)
    }
  }

  private func withDetail(_ completion: Completion, owner: String) -> Completion {
    guard completion.detail == nil, completion.kind == .function else { return completion }
    let name = owner.isEmpty ? completion.name : "\(owner).\(completion.name)"
    guard case .function(let entry, _) = catalog.item(named: name) else { return completion }
    var completion = completion
    completion.detail = entry.signature
    return completion
  }
}

/// A name under the cursor: the path before it, the separator, the letters so far.
struct CompletionTarget {
  static let keywords = [
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in",
    "local", "nil", "not", "or", "repeat", "return", "then", "true", "until", "while",
  ]

  var path: [String] = []
  var isMethod = false
  var prefix = ""

  /// Nil for text that is no dotted name, such as a number.
  init?(_ expression: String) {
    var words: [String] = [""]
    for character in expression {
      if character == "." || character == ":" {
        guard !isMethod else { return nil }
        isMethod = character == ":"
        words.append("")
      } else {
        words[words.count - 1].append(character)
      }
    }
    prefix = words.removeLast()
    path = words
    guard path.allSatisfy(Self.isName), prefix.isEmpty || Self.isName(prefix) else { return nil }
  }

  /// True for letters, digits and underscores that start with no digit.
  static func isName(_ text: String) -> Bool {
    guard let first = text.utf8.first, !(48...57).contains(first) else { return false }
    return text.utf8.allSatisfy {
      (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || $0 == 95
    }
  }
}
