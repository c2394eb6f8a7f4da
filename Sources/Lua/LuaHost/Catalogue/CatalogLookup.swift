/// What a name means in the catalogue.
public enum CatalogItem: Sendable {
  /// `attack`
  case library(Library)
  /// `attack.pgd`
  case function(Entry, library: Library)
  /// `json.null`
  case constant(Constant, library: Library)
  /// `tensor` where no library has the name
  case type(HandleType)
  /// `tensor:matmul`
  case method(Entry, type: HandleType)
  /// `tensor.grad`
  case field(name: String, type: String, doc: String, of: HandleType)
}

extension Catalog {
  /// The item that `attack`, `attack.pgd`, `tensor:matmul` or `tensor.grad` names.
  public func item(named name: String) -> CatalogItem? {
    let parts = name.split(whereSeparator: { $0 == "." || $0 == ":" }).map(String.init)
    if parts.count == 1 {
      if let library = libraries.first(where: { $0.name == parts[0] }) { return .library(library) }
      for library in libraries where library.name.isEmpty {
        if let item = Self.item(parts[0], of: library) { return item }
      }
      return types.first { $0.name == name }.map { .type($0) }
    }
    guard let last = parts.last, parts.count >= 2 else { return nil }
    let owner = name.dropLast(last.count + 1)
    if !name.contains(":"), let library = libraries.first(where: { $0.name == owner }),
      let item = Self.item(last, of: library)
    {
      return item
    }
    guard let type = types.first(where: { $0.name == owner }) else { return nil }
    if let entry = type.methods.first(where: { $0.name == last }) {
      return .method(entry, type: type)
    }
    return type.fieldList.first { $0.name == last }.map {
      .field(name: $0.name, type: $0.type, doc: $0.doc, of: type)
    }
  }

  private static func item(_ name: String, of library: Library) -> CatalogItem? {
    if let entry = library.entries.first(where: { $0.name == name }) {
      return .function(entry, library: library)
    }
    return library.constants.first { $0.name == name }.map { .constant($0, library: library) }
  }

  /// Every name that `item(named:)` knows, sorted.
  public var names: [String] {
    var names: [String] = []
    for library in libraries {
      let prefix = library.name.isEmpty ? "" : library.name + "."
      if !library.name.isEmpty { names.append(library.name) }
      names += library.entries.map { prefix + $0.name } + library.constants.map { prefix + $0.name }
    }
    for type in types {
      names += type.methods.map { "\(type.name):\($0.name)" }
      names += type.fieldList.map { "\(type.name).\($0.name)" }
    }
    return names.sorted()
  }
}

extension Library {
  /// How scripts write a function's name.
  public func fullName(of entry: Entry) -> String {
    name.isEmpty ? entry.name : "\(name).\(entry.name)"
  }
}
