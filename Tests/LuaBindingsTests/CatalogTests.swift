import Files
import Glibc
import LuaHost
import Testing

@testable import LuaBindings

@Suite struct CatalogTests {
  /// The repository's root, from this file's place in it.
  static let root = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }

  struct Row: CustomTestStringConvertible, Sendable {
    var name: String
    var entry: Entry
    var testDescription: String { name }
  }

  static let functions = KilpiCatalog.catalog.libraries.flatMap { library in
    library.entries.map { Row(name: library.fullName(of: $0), entry: $0) }
  }
  static let methods = KilpiCatalog.catalog.types.flatMap { type in
    type.methods.map { Row(name: "\(type.name):\($0.name)", entry: $0) }
  }

  @Test(arguments: functions + methods)
  func entryIsComplete(_ row: Row) {
    #expect(
      !row.entry.doc.isEmpty && row.entry.doc.hasSuffix("."), "a text that ends in a full stop")
    #expect(!row.entry.example.isEmpty, "an example")
    #expect(row.entry.signature.hasPrefix("("))
    #expect(
      row.entry.options.isEmpty || row.entry.signature.contains("options"),
      "the signature mentions the options")
    for option in row.entry.options {
      #expect(!option.doc.isEmpty && !option.doc.hasSuffix("."), "one phrase about \(option.name)")
    }
    let names = row.entry.options.map(\.name)
    #expect(Set(names).count == names.count, "no option twice")
  }

  @Test func noNameTwice() {
    let names = (Self.functions + Self.methods).map(\.name)
    for name in Set(names) { #expect(names.filter { $0 == name }.count == 1, "\(name)") }
  }

  /// What a script sees is what the catalogue lists, and nothing else.
  @Test func liveNamesAgree() throws {
    let script = try Script()
    for library in KilpiCatalog.catalog.libraries where !library.name.isEmpty {
      let live = try script.run(
        """
        local names = {}
        for name in pairs(\(library.name)) do names[#names + 1] = name end
        table.sort(names)
        io.write(table.concat(names, " "))
        """)
      let listed = (library.entries.map(\.name) + library.constants.map(\.name)).sorted()
      #expect(live == listed.joined(separator: " "))
      #expect(
        try script.run("io.write(tostring(require 'kilpi.\(library.name)' == \(library.name)))")
          == "true")
    }
  }

  /// Annotations name every function and option, and no others.
  @Test func annotationsAgree() throws {
    let script = try Script()
    for module in KilpiCatalog.modules {
      let text = Annotations.luaLS(for: module.library, types: module.types)
      #expect(script.state.compileError(text) == nil, "\(module.library.name) is Lua")
      let lines = text.split(separator: "\n")
      let entries = module.library.entries + module.types.flatMap(\.methods)
      let defined = lines.filter { $0.hasPrefix("function ") }.count
      #expect(defined == entries.count + module.types.count, "one more for each release()")
      let fields = lines.filter { $0.hasPrefix("---@field") }.count
      let listed = entries.reduce(0) { $0 + Self.count($1.options) }
      #expect(fields == listed + module.types.reduce(0) { $0 + $1.fieldList.count })
    }
  }

  private static func count(_ options: [OptionSpec]) -> Int {
    options.reduce(0) { total, option in
      if case .table(let inner) = option.form { return total + 1 + count(inner) }
      return total + 1
    }
  }

  /// With `KILPI_RECORD=1` in the environment the files are written, and the test fails once.
  @Test func committedFilesAreCurrent() throws {
    let records = getenv("KILPI_RECORD") != nil
    for (path, text) in GeneratedFiles.all() {
      let bytes = try? FileReader.bytes(at: "\(Self.root)/\(path)")
      let isCurrent = bytes.map { $0 == Array(text.utf8) } ?? false
      #expect(isCurrent, "\(path) differs: run scripts/docs")
      if records, !isCurrent {
        try AtomicFile.write(text, to: "\(Self.root)/\(path)")
      }
    }
  }
}
