internal import LuaHost

/// The files made from the catalogue, which are committed beside it.
package enum GeneratedFiles {
  /// Paths from the repository's root, and texts: editor annotations and the reference manual.
  package static func all() -> [(path: String, text: String)] {
    let pages = KilpiCatalog.modules.flatMap { module in
      let name = fileName(module.library)
      return [
        (
          path: "stdlib/meta/\(name).d.lua",
          text: Annotations.luaLS(for: module.library, types: module.types)
        ),
        (
          path: "docs/reference/\(name).md",
          text: ReferenceManual.markdown(for: module.library, types: module.types)
        ),
      ]
    }
    return pages + [(path: "docs/reference/README.md", text: index())]
  }

  private static func fileName(_ library: Library) -> String {
    library.name.isEmpty ? "globals" : library.name
  }

  private static func index() -> String {
    var text = """
      # Reference

      One page a module, made from the binding catalogue by `scripts/docs`; `?name` at the prompt shows
      the same texts.

      | module | what it is for |
      |---|---|

      """
    for module in KilpiCatalog.modules {
      let name = fileName(module.library)
      text += "| [\(name)](\(name).md) | \(Help.summary(module.library.doc)) |\n"
    }
    return text
  }
}
