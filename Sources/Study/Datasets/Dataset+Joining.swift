internal import Diagnostics
internal import Files
package import Tensors

extension Dataset {
  /// The samples of several sets one after another.
  ///
  /// Templates are those of the first set, notes those of all. Where two samples have one id, all ids
  /// get the number of their set in front: `1/memory#0`.
  ///
  /// - Throws: `KilpiError` when there is no set, when captions meet labels, when the class names
  ///   differ, when there is no room, and on interrupt.
  package static func joined(_ sets: [Dataset]) throws -> Dataset {
    guard let first = sets.first else { throw KilpiError("there is no data set to join") }
    for (place, set) in sets.enumerated().dropFirst() {
      guard set.hasCaptions == first.hasCaptions || set.count == 0 || first.count == 0 else {
        throw KilpiError("sets with captions and sets with labels cannot be joined")
      }
      guard set.classNames == first.classNames else {
        let difference = zip(first.classNames, set.classNames).enumerated().first { $1.0 != $1.1 }
        let what =
          difference.map { "class \($0 + 1) is '\($1.0)' in the first and '\($1.1)' in it" }
          ?? "the first has \(first.classNames.count) classes, it has \(set.classNames.count)"
        throw KilpiError(
          "set \(place + 1) has other classes than the first: \(what)",
          advice: "labels would mean different things: bring both to one list of classes")
      }
    }
    func text(_ value: (Dataset) -> String) -> String {
      var seen: [String] = []
      for part in sets.map(value) where !seen.contains(part) { seen.append(part) }
      return seen.joined(separator: "+")
    }
    var notes: [String] = []
    for note in sets.flatMap(\.notes) where !notes.contains(note) { notes.append(note) }
    let source = try JoinedSource(sets)
    return try Dataset(
      checked: text(\.name), split: text(\.split), source: source,
      rows: RowList(whole: source.count), classNames: first.classNames, templates: first.templates,
      notes: notes)
  }

  /// Parts of the set by share, without overlap; each keeps this set's order.
  ///
  /// Sample `k` of one random permutation belongs to the part in whose range of the cumulated shares
  /// `k / count` lies, so sizes are those shares rounded. With `byClass` each class has a permutation of
  /// its own, and all parts nearly the same mix of classes.
  ///
  /// - Parameter shares: positive, with a sum of 1 at most; what is left belongs to no part.
  /// - Throws: `KilpiError` when a share is not valid, a part would be empty, or a set without classes
  ///   is to be split by them.
  package func split(
    _ shares: [Double], random: RandomSource, byClass: Bool = false
  ) throws -> [Dataset] {
    guard !shares.isEmpty, shares.allSatisfy({ $0 > 0 && $0 <= 1 }),
      shares.reduce(0, +) <= 1 + 1e-9
    else {
      let list = shares.map { "\($0)" }.joined(separator: ", ")
      throw KilpiError(
        "the shares {\(list)} are not numbers above 0 whose sum is 1 at most",
        advice: "such as {0.8, 0.2}")
    }
    if byClass { try requireClasses(advice: "leave by_class out") }
    let groups = byClass ? try placesByClass() : [try (0..<count).mapped { $0 }]
    // The part that has the sample at each place; none where it is -1.
    var owners = try (0..<count).mapped { _ in -1 }
    var sizes = [Int](repeating: 0, count: shares.count)
    for (number, group) in groups.enumerated() {
      var stream = random.stream(.subset, sample: UInt64.max - 1 - UInt64(number))
      let order = try stream.permutation(group.count)
      var (total, start) = (0.0, 0)
      for (part, share) in shares.enumerated() {
        total += share
        let end = min(Int(clamped: (total * Double(group.count)).rounded()), group.count)
        try Interrupts.poll()
        for position in order[start..<max(start, end)] { owners[group[position]] = part }
        sizes[part] += max(end - start, 0)
        start = max(start, end)
      }
    }
    return try sizes.enumerated().map { part, size in
      guard size > 0 else {
        throw KilpiError(
          "the share \(shares[part]) of \(count) samples is none", advice: "take a larger one")
      }
      return try keeping(size) { owners[$0] == part }
    }
  }
}

/// The samples of several sets one after another.
private final class JoinedSource: SampleSource {
  private struct Part {
    let set: Dataset
    /// What stands in front of its ids.
    var prefix: String
    /// Where its samples begin.
    var start = 0
  }

  private let parts: [Part]
  let count: Int

  /// More parts than these are not taken out of a set that was joined before: it stays one part.
  private static let mostParts = 4096

  init(_ sets: [Dataset]) throws {
    var all: [Part] = []
    var total = 0
    let inner = sets.map { set in
      set.rows.isWhole ? (set.source as? JoinedSource)?.parts : nil
    }
    let isFlat = inner.reduce(0) { $0 + ($1?.count ?? 1) } <= Self.mostParts
    var owners: [Int] = []
    for (number, set) in sets.enumerated() {
      for var part in (isFlat ? inner[number] : nil) ?? [Part(set: set, prefix: "")] {
        part.start = total
        total = try total.adding(part.set.count)
        all.append(part)
        owners.append(number)
      }
    }
    count = total
    if try Self.isAmbiguous(all, count: total) {
      for place in all.indices { all[place].prefix = "\(owners[place] + 1)/" + all[place].prefix }
    }
    parts = all
  }

  /// True when two samples have one id.
  private static func isAmbiguous(_ parts: [Part], count: Int) throws -> Bool {
    // Seen at once where a set is joined with itself.
    struct First: Hashable {
      let source: ObjectIdentifier
      let row: Int
      let prefix: String
    }
    var firsts = Set<First>()
    for part in parts where part.set.count > 0 {
      let first = First(
        source: ObjectIdentifier(part.set.source), row: part.set.rows[0], prefix: part.prefix)
      if !firsts.insert(first).inserted { return true }
    }
    // A set of numbers takes up to three places each.
    return try MemoryReservation.holding(count.multipliedClamped(by: 3), of: UInt64.self) {
      var seen = Set<UInt64>()
      seen.reserveCapacity(count)
      for part in parts {
        for (index, row) in part.set.rows.enumerated() {
          if index & 0x3FF == 0 { try Interrupts.poll() }
          let id = part.prefix + part.set.source.id(at: row)
          if !seen.insert(SampleID.number(of: id)).inserted { return true }
        }
      }
      return false
    }
  }

  /// The part that holds a sample, and the sample's row in the part's source.
  private func find(_ index: Int) -> (part: Part, row: Int) {
    var (low, high) = (0, parts.count - 1)
    while low < high {
      let middle = (low + high + 1) / 2
      if parts[middle].start <= index { low = middle } else { high = middle - 1 }
    }
    return (parts[low], parts[low].set.rows[index - parts[low].start])
  }

  func id(at index: Int) -> String {
    let (part, row) = find(index)
    return part.prefix + part.set.source.id(at: row)
  }
  func label(at index: Int) -> Int? {
    let (part, row) = find(index)
    return part.set.source.label(at: row)
  }
  func captions(at index: Int) -> [String] {
    let (part, row) = find(index)
    return part.set.source.captions(at: row)
  }
  func image(at index: Int) throws -> SampleImage {
    let (part, row) = find(index)
    return try part.set.source.image(at: row)
  }
  func size(at index: Int) throws -> (width: Int, height: Int) {
    let (part, row) = find(index)
    return try part.set.source.size(at: row)
  }
  func addContents(at index: Int, to digest: inout SHA256) {
    let (part, row) = find(index)
    part.set.source.addContents(at: row, to: &digest)
  }
  func writePlanes(at index: Int, into buffer: UnsafeMutableBufferPointer<Float>) throws {
    let (part, row) = find(index)
    try part.set.source.writePlanes(at: row, into: buffer)
  }
}
