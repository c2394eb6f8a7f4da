internal import Diagnostics

/// The texts behind `?name`.
public enum Help {
  /// What the catalogue says about a name; nil when it does not know it.
  public static func text(for name: String, in catalog: Catalog) -> String? {
    switch catalog.item(named: name) {
    case .library(let library): return text(library, types: catalog.types)
    case .function(let entry, let library): return text(entry, title: library.fullName(of: entry))
    case .constant(let constant, let library):
      let prefix = library.name.isEmpty ? "" : library.name + "."
      return "\(prefix)\(constant.name): \(constant.type)\n\n\(wrapped(constant.doc))\n"
    case .type(let type): return text(type)
    case .method(let entry, let type):
      return text(entry, title: "\(variable(of: type)):\(entry.name)")
    case .field(let name, let fieldType, let doc, let type):
      return "\(variable(of: type)).\(name): \(fieldType)\n\n\(wrapped(doc))\n"
    case nil: return nil
    }
  }

  /// The help of one function under the name that scripts write.
  public static func text(_ entry: Entry, title: String) -> String {
    var text = title + entry.signature + "\n\n" + wrapped(entry.doc) + "\n"
    if !entry.options.isEmpty { text += "\nOptions:\n" + lines(entry.options, indent: 2) }
    if !entry.example.isEmpty {
      text += "\nExample:\n" + indented(entry.example, by: 2) + "\n"
    }
    return text
  }

  /// A module: its text, then one line a function.
  public static func text(_ library: Library, types: [HandleType] = []) -> String {
    var text = library.name + "\n\n" + wrapped(library.doc) + "\n\n"
    for entry in library.entries {
      text += "  \(library.fullName(of: entry))\(entry.signature)\n      \(summary(entry.doc))\n"
    }
    if let type = types.first(where: { $0.name == library.name }) {
      text += "\nMethods of a \(type.name):\n" + methodLines(type)
    }
    return text
  }

  /// A class of values: its text, fields and methods.
  public static func text(_ type: HandleType) -> String {
    type.name + "\n\n" + wrapped(type.doc) + "\n\n" + methodLines(type)
  }

  private static func methodLines(_ type: HandleType) -> String {
    let fields = type.fieldList.map { "  .\($0.name): \($0.type)\n      \(summary($0.doc))\n" }
    let methods = type.methods.map { "  :\($0.name)\($0.signature)\n      \(summary($0.doc))\n" }
    return (fields + methods).joined()
  }

  /// Names whose name or text holds `word`, best first: name, summary, text.
  public static func search(_ word: String, in catalog: Catalog) -> [String] {
    let word = word.lowercased()
    func rank(_ name: String) -> Int? {
      if name.lowercased().contains(word) { return 0 }
      let doc: String
      switch catalog.item(named: name) {
      case .library(let library): doc = library.doc
      case .function(let entry, _), .method(let entry, _): doc = entry.doc
      case .constant(let constant, _): doc = constant.doc
      case .field(_, _, let text, _): doc = text
      case .type(let type): doc = type.doc
      case nil: return nil
      }
      if summary(doc).lowercased().contains(word) { return 1 }
      return doc.lowercased().contains(word) ? 2 : nil
    }
    let found = catalog.names.compactMap { name in rank(name).map { (name, $0) } }
    return found.sorted { ($0.1, $0.0) < ($1.1, $1.0) }.map(\.0)
  }

  /// The first sentence.
  public static func summary(_ doc: String) -> String {
    let line = doc.split(separator: "\n", maxSplits: 1).first.map(String.init) ?? ""
    let words = line.split(separator: " ", omittingEmptySubsequences: false)
    guard let end = words.firstIndex(where: { $0.hasSuffix(".") }) else { return line }
    return words[...end].joined(separator: " ")
  }

  /// The variable that stands for a value of a type in titles.
  static func variable(of type: HandleType) -> String {
    type.name.split(separator: " ").last.map(String.init) ?? type.name
  }

  private static func lines(_ options: [OptionSpec], indent: Int) -> String {
    options.map { option in
      let space = String(repeating: " ", count: indent)
      let fallback = option.fallback.map { " = \($0.text)" } ?? ""
      let required = option.required ? " (required)" : ""
      let line = "\(space)\(option.name): \(option.typeText)\(fallback)\(required)\n"
      var text = line + "\(space)    \(option.doc)\n"
      if case .table(let fields) = option.form { text += lines(fields, indent: indent + 4) }
      return text
    }.joined()
  }

  static func indented(_ text: String, by count: Int) -> String {
    let space = String(repeating: " ", count: count)
    return text.split(separator: "\n", omittingEmptySubsequences: false).map { space + $0 }
      .joined(separator: "\n")
  }

  /// The text in lines of at most 88 characters; its own line ends stay.
  static func wrapped(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      var lines: [String] = []
      var current = ""
      for word in line.split(separator: " ") {
        if !current.isEmpty, current.count + word.count + 1 > 88 {
          lines.append(current)
          current = ""
        }
        current += (current.isEmpty ? "" : " ") + word
      }
      return (lines + [current]).joined(separator: "\n")
    }.joined(separator: "\n")
  }
}

extension OptionSpec {
  /// The type in the words of signatures: `integer`, `"linf"|"l2"`, `number|string`.
  public var typeText: String {
    switch form {
    case .boolean: return "boolean"
    case .integer: return "integer"
    case .number: return "number"
    case .budget: return "number|string"
    case .string: return "string"
    case .choice(let choices): return choices.map { "\"\($0)\"" }.joined(separator: "|")
    case .integers: return "integer[]"
    case .numbers: return "number[]"
    case .strings: return "string|string[]"
    case .function: return "function"
    case .handle(let type): return type
    case .table: return "table"
    case .any(let type): return type
    }
  }
}
