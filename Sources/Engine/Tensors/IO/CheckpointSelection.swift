internal import Diagnostics

/// The one model of a kind among the tensors of a file, wherever it lies in it.
///
/// Training scripts put a model's weights into dictionaries (`state_dict`, `net`, `ema_state_dict`) and
/// modules (`clip.`, `model.`), beside optimisers, losses and second models, and wrap it for several
/// processes or for compilation. A model is known by the name of one of its weights (a CLIP's patch
/// embedding): what stands in front of that name is where the model lies. Two of them are an error, since
/// nothing tells which is meant.
package struct CheckpointSelection {
  /// The names by which a kind of model is known.
  package struct Kind: Sendable {
    /// What messages call it.
    package var title: String
    /// Names, each with one of those that must stand beside it, if any.
    package var anchors: [(name: [Substring], beside: [String])]
    /// The part whose weights stand alone in some files, and are no second model beside the whole.
    package var tower: Substring?
    /// Names that count where none of the others is there.
    package var otherwise: [[Substring]]

    /// Creates a kind.
    package init(
      title: String, anchors: [(name: [Substring], beside: [String])], tower: Substring? = nil,
      otherwise: [[Substring]] = []
    ) {
      (self.title, self.anchors, self.tower, self.otherwise) = (title, anchors, tower, otherwise)
    }
  }

  /// Components that wrappers put anywhere into a name: data-parallel, compiled, sharded and
  /// recomputed modules.
  private static let wrappers: Set<Substring> = [
    "module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module",
  ]

  /// The weights under the names of their layout.
  package let source: any TensorSource
  /// Where they lie in the file; empty: at its top.
  package let place: String
  /// Names of what lies beside them.
  package let ignored: [String]

  /// Finds the model in a file.
  ///
  /// - Parameters:
  ///   - kind: what is looked for.
  ///   - asked: where it lies, if the caller says so.
  ///   - others: names of values that are no tensors.
  /// - Throws: `KilpiError` with their places when there are several, or none at the given place.
  package init(
    _ kind: Kind, in source: any TensorSource, at asked: String?, others: [String] = []
  ) throws {
    let names = source.names.map {
      (raw: $0, parts: $0.split(separator: ".", omittingEmptySubsequences: false))
    }
    var places = Self.places(names, kind)
    if let asked {
      let wanted = asked.split(separator: ".", omittingEmptySubsequences: false).filter {
        !$0.isEmpty
      }
      guard let found = places.first(where: { Self.unwrapped($0) == Self.unwrapped(wanted) }) else {
        // The nearest first: it is probably meant.
        let titles = places.map(Self.title)
          .map { (name: $0, distance: NearestName.distance(String(asked.prefix(60)), $0)) }
          .sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }
        throw KilpiError(
          "it holds no \(kind.title) at '\(asked.prefix(60))'",
          advice: titles.isEmpty
            ? nil
            : "it holds one at "
              + titles.prefix(8).map { "'\($0.name)'" }.joined(separator: ", "))
      }
      places = [found]
    }
    guard places.count < 2 else {
      let titles = places.map { "'\(Self.title($0))'" }
      throw KilpiError(
        "it holds \(places.count) \(kind.title)s: \(titles.prefix(8).joined(separator: ", "))",
        advice: "say which: state_dict = "
          + places.prefix(4).map { "\"\(Self.title($0))\"" }.joined(separator: " or "))
    }
    let place = places.first ?? []
    var keys: [String: String] = [:]
    var isUnique = true
    for (raw, parts) in names where parts.starts(with: place) {
      let rest = parts.dropFirst(place.count)
      let name = rest.filter { !Self.wrappers.contains($0) }.joined(separator: ".")
      isUnique = keys.updateValue(raw, forKey: name) == nil && isUnique
    }
    if !isUnique {
      // Then these components are no wrappers.
      keys = [:]
      for (raw, parts) in names where parts.starts(with: place) {
        keys[parts.dropFirst(place.count).joined(separator: ".")] = raw
      }
    }
    self.source = RenamedTensors(source, keys)
    self.place = place.joined(separator: ".")
    // A flat file with a model at its top has no other part: what is not its own is an unexpected key.
    let beside = names.filter { !$0.parts.starts(with: place) }.map(\.parts)
    let values = others.map { $0.split(separator: ".", omittingEmptySubsequences: false) }
      .filter { !$0.starts(with: place) || place.isEmpty }
    ignored = Self.groups(values: values, tensors: beside, besides: place)
  }

  /// What loading says of it; nil when there is nothing to say.
  package var note: String? {
    guard !ignored.isEmpty else { return nil }
    let shown = ignored.prefix(12).map { $0.prefix(60) }.joined(separator: ", ")
    let more = ignored.count > 12 ? ", and \(ignored.count - 12) more" : ""
    return (place.isEmpty ? "" : "the weights are those of '\(place)'; ")
      + "passed over: \(shown)\(more)"
  }

  /// The places in front of every model's name, in the file's order; shorter ones first.
  private static func places(
    _ names: [(raw: String, parts: [Substring])], _ kind: Kind
  ) -> [[Substring]] {
    var found: [[Substring]] = []
    var all: Set<String>?
    for anchor in kind.anchors {
      for (_, parts) in names where parts.last == anchor.name.last {
        guard let place = place(of: anchor.name, in: parts), !found.contains(place) else {
          continue
        }
        if !anchor.beside.isEmpty {
          // The image tower of a model that was found is no second one.
          let outer = place.lastIndex { !wrappers.contains($0) }.map { Array(place[..<$0]) }
          let isTower = kind.tower != nil && place.last { !wrappers.contains($0) } == kind.tower
          if isTower, let outer, found.contains(where: { unwrapped($0) == unwrapped(outer) }) {
            continue
          }
          let known = all ?? Set(names.map { unwrapped($0.parts).joined(separator: ".") })
          all = known
          let prefix = unwrapped(place).map { $0 + "." }.joined()
          guard anchor.beside.contains(where: { known.contains(prefix + $0) }) else { continue }
        }
        found.append(place)
      }
    }
    for end in kind.otherwise where found.isEmpty {
      for (_, parts) in names {
        if let place = place(of: end, in: parts), !found.contains(place) { found.append(place) }
      }
    }
    return found
  }

  /// What stands in front of `anchor` in a name that ends with it, wrappers inside it passed over.
  private static func place(of anchor: [Substring], in parts: [Substring]) -> [Substring]? {
    var rest = parts[...]
    for component in anchor.reversed() {
      while let last = rest.last, last != component, wrappers.contains(last) { rest.removeLast() }
      guard rest.last == component else { return nil }
      rest.removeLast()
    }
    return Array(rest)
  }

  private static func unwrapped(_ parts: [Substring]) -> [Substring] {
    parts.filter { !wrappers.contains($0) }
  }

  private static func title(_ place: [Substring]) -> String {
    place.isEmpty ? "." : String(place.joined(separator: ".").prefix(60))
  }

  /// One name for all that lies in a part of the file: as far as the way differs from the model's; a
  /// tensor that is alone there has its whole name.
  private static func groups(
    values: [[Substring]], tensors: [[Substring]], besides place: [Substring]
  ) -> [String] {
    var order: [String] = []
    var members: [String: (count: Int, name: String)] = [:]
    func add(_ parts: [Substring], _ isTensor: Bool) {
      let common = zip(parts, place).prefix { $0 == $1 }.count
      let group = parts.prefix(common + 1).joined(separator: ".")
      if let known = members[group] {
        members[group] = (known.count + 1, group)
      } else {
        order.append(group)
        members[group] = (1, isTensor ? parts.joined(separator: ".") : group)
      }
    }
    for parts in values { add(parts, false) }
    for parts in tensors { add(parts, true) }
    return order.map { members[$0]?.name ?? $0 }
  }
}

/// Tensors of a file under other names.
package final class RenamedTensors: TensorSource {
  private let inner: any TensorSource
  private let keys: [String: String]
  package let names: [String]
  package var path: String { inner.path }

  /// - Parameter keys: the file's name of each tensor by its new one.
  package init(_ inner: any TensorSource, _ keys: [String: String]) {
    self.inner = inner
    self.keys = keys
    names = keys.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  package func shape(of name: String) throws -> [Int] {
    try inner.shape(of: keys[name] ?? name)
  }
  package func tensor(_ name: String) throws -> Tensor { try inner.tensor(keys[name] ?? name) }
}
