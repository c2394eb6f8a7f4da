/// The reference manual, made from the catalogue.
public enum ReferenceManual {
  /// One page for a module, in Markdown, with the classes of values in `types` at its end.
  public static func markdown(for library: Library, types: [HandleType] = []) -> String {
    let title = library.name.isEmpty ? "Globals" : library.name
    var page = "# \(title)\n\n\(library.doc)\n"
    for entry in library.entries {
      page += section(entry, title: library.fullName(of: entry), level: 2)
    }
    for constant in library.constants {
      let prefix = library.name.isEmpty ? "" : library.name + "."
      page += "\n## `\(prefix)\(constant.name)`: \(constant.type)\n\n\(constant.doc)\n"
    }
    for type in types { page += markdown(for: type) }
    return page
  }

  /// The section of a class of values.
  public static func markdown(for type: HandleType) -> String {
    var page = "\n## Values of type \(type.name)\n\n\(type.doc)\n"
    let variable = Help.variable(of: type)
    for field in type.fieldList {
      let access = field.writable ? "" : " (read only)"
      page += "\n### `\(variable).\(field.name)`: \(escaped(field.type))\(access)\n\n\(field.doc)\n"
    }
    for entry in type.methods {
      page += section(entry, title: "\(variable):\(entry.name)", level: 3)
    }
    let operators = type.metamethods.filter { !$0.doc.isEmpty }
    guard !operators.isEmpty else { return page }
    page += "\n### Operators\n\n| operator | parameters and result | meaning |\n|---|---|---|\n"
    for entry in operators {
      let name = LuaState.operatorName(entry.name)
      page += "| `\(escaped(name))` | `\(escaped(entry.signature))` | \(escaped(entry.doc)) |\n"
    }
    return page
  }

  private static func section(_ entry: Entry, title: String, level: Int) -> String {
    let hashes = String(repeating: "#", count: level)
    var text = "\n\(hashes) `\(title)\(entry.signature)`\n\n\(entry.doc)\n"
    if !entry.options.isEmpty {
      text += "\n| option | type | default | meaning |\n|---|---|---|---|\n"
      text += rows(entry.options, prefix: "")
    }
    if !entry.example.isEmpty { text += "\n```lua\n\(entry.example)\n```\n" }
    return text
  }

  private static func rows(_ options: [OptionSpec], prefix: String) -> String {
    options.map { option in
      let fallback = option.required ? "required" : option.fallback.map { "`\($0.text)`" } ?? ""
      let type = escaped(option.typeText)
      var text =
        "| `\(prefix)\(option.name)` | `\(type)` | \(fallback) | \(escaped(option.doc)) |\n"
      if case .table(let fields) = option.form {
        text += rows(fields, prefix: "\(prefix)\(option.name).")
      }
      return text
    }.joined()
  }

  private static func escaped(_ text: String) -> String {
    text.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
  }
}
