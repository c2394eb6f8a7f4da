/// Editor annotations for the Lua language server, made from the catalogue.
public enum Annotations {
  /// The meta file of a module, with the classes of values in `types`.
  ///
  /// `load` accepts it.
  public static func luaLS(for library: Library, types: [HandleType] = []) -> String {
    var file = "---@meta\n"
    for type in types { file += "\n" + luaLS(for: type) }
    file += "\n"
    if !library.name.isEmpty {
      file += comment(library.doc) + "---@class \(library.name)lib\n\(library.name) = {}\n"
    }
    let prefix = library.name.isEmpty ? "" : library.name + "."
    for constant in library.constants {
      file += "\n" + comment(constant.doc) + "---@type \(type(constant.type))\n"
      file += "\(prefix)\(constant.name) = nil\n"
    }
    for entry in library.entries {
      let owner = library.name.isEmpty ? "global" : library.name
      file += "\n" + function(entry, named: prefix + entry.name, owner: owner)
    }
    return file
  }

  /// The class of a handle type: fields, operators and methods.
  public static func luaLS(for handle: HandleType) -> String {
    let name = className(handle.name)
    var file = comment(handle.doc) + "---@class \(name)\n"
    for field in handle.fieldList {
      file += "---@field \(field.name) \(type(field.type)) # \(flat(field.doc))\n"
    }
    for entry in handle.metamethods {
      guard let annotation = operatorAnnotation(entry, of: handle) else { continue }
      file += annotation
    }
    file += "local \(name) = {}\n"
    for entry in handle.methods {
      file += "\n" + function(entry, named: "\(name):\(entry.name)", owner: name)
    }
    return file + "\n--- Frees the value now.\nfunction \(name):release() end\n"
  }

  /// Operators that the language server knows.
  private static let operators = [
    "__add", "__sub", "__mul", "__div", "__idiv", "__mod", "__pow", "__unm", "__len", "__concat",
    "__call",
  ]

  private static func operatorAnnotation(_ entry: Entry, of handle: HandleType) -> String? {
    guard operators.contains(entry.name) else { return nil }
    let signature = Signature(entry.signature)
    let result = type(signature.results.first.map(resultType) ?? "any")
    let name = entry.name.dropFirst(2)
    if signature.parameters.count < 2 { return "---@operator \(name): \(result)\n" }
    let operand = type(signature.parameters[1].type)
    return "---@operator \(name)(\(operand)): \(result)\n"
  }

  private static func function(_ entry: Entry, named name: String, owner: String) -> String {
    let signature = Signature(entry.signature)
    let optionsClass = "\(owner).\(entry.name)Options"
    var text = ""
    if !entry.options.isEmpty { text += optionsClasses(entry.options, name: optionsClass) }
    text += comment(entry.doc)
    if !entry.example.isEmpty {
      text += "---\n---```lua\n"
      for line in entry.example.split(separator: "\n", omittingEmptySubsequences: false) {
        text += "---\(line)\n"
      }
      text += "---```\n"
    }
    var names: [String] = []
    for (index, item) in signature.parameters.enumerated() {
      let parameter = identifier(item.name)
      names.append(parameter)
      let isOptions =
        !entry.options.isEmpty && index == signature.parameters.count - 1 && item.type.isEmpty
      let mark = item.isOptional ? "?" : ""
      text += "---@param \(parameter)\(mark) \(isOptions ? optionsClass : type(item.type))\n"
    }
    for item in signature.results {
      text += "---@return \(type(resultType(item)))\(item.type.isEmpty ? "" : " " + item.name)\n"
    }
    return text + "function \(name)(\(names.joined(separator: ", "))) end\n"
  }

  /// A result that is one word is a type.
  private static func resultType(_ item: Signature.Item) -> String {
    item.type.isEmpty ? item.name : item.type
  }

  private static func optionsClasses(_ options: [OptionSpec], name: String) -> String {
    var text = ""
    var fields = "---@class \(name)\n"
    for option in options {
      var optionType = type(option.typeText)
      if case .table(let inner) = option.form {
        optionType = "\(name).\(option.name)"
        text += optionsClasses(inner, name: optionType)
      }
      let fallback = option.fallback.map { "; default \($0.text)" } ?? ""
      let mark = option.required ? "" : "?"
      fields += "---@field \(option.name)\(mark) \(optionType) # \(flat(option.doc))\(fallback)\n"
    }
    return text + fields + "\n"
  }

  /// A type of a signature in the language server's words: no spaces, `any` where nothing is said.
  static func type(_ text: String) -> String {
    guard !text.isEmpty else { return "any" }
    return text.split(separator: "|").map { part in
      className(part.filter { $0 != "\n" })
    }.joined(separator: "|")
  }

  private static func className(_ name: some StringProtocol) -> String {
    name.split(separator: " ").joined(separator: "_")
  }

  /// Lua's keywords cannot be parameters.
  private static func identifier(_ name: String) -> String {
    let keywords: Set = [
      "and", "end", "for", "function", "in", "local", "nil", "not", "or", "repeat",
    ]
    if name == "..." { return name }
    let plain = name.filter { $0.isLetter || $0.isNumber || $0 == "_" }
    return keywords.contains(plain) || plain.isEmpty ? plain + "_" : plain
  }

  private static func comment(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false).map { "--- \($0)\n" }.joined()
  }

  private static func flat(_ text: String) -> String {
    text.split(separator: "\n").joined(separator: " ")
  }
}
