internal import Diagnostics
internal import Files
public import Tensors

extension Dataset {
  /// The samples of several sets one after another.
  ///
  /// Templates are those of the first set, notes those of all. Where two samples have one id, all ids
  /// get the number of their set in front: `1/memory#0`.
  ///
  /// - Throws: `KilpiError` when there is no set, when captions meet labels, or when the class names
  ///   differ.
  public static func joined(_ sets: [Dataset]) throws -> Dataset {
    guard let first = sets.first else { throw KilpiError("", "there is no data set to join") }
    for (place, set) in sets.enumerated().dropFirst() {
      guard set.hasCaptions == first.hasCaptions || set.count == 0 || first.count == 0 else {
        throw KilpiError("", "sets with captions and sets with labels cannot be joined")
      }
      guard set.classNames == first.classNames else {
        let difference = zip(first.classNames, set.classNames).enumerated().first { $1.0 != $1.1 }
        let what =
          difference.map { "class \($0 + 1) is '\($1.0)' in the first and '\($1.1)' in it" }
          ?? "the first has \(first.classNames.count) classes, it has \(set.classNames.count)"
        throw KilpiError(
          "", "set \(place + 1) has other classes than the first: \(what)",
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
    let source = JoinedSource(sets)
    return Dataset(
      checked: text(\.name), split: text(\.split), source: source, rows: Array(0..<source.count),
      classNames: first.classNames, templates: first.templates, notes: notes)
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
  public func split(
    _ shares: [Double], random: RandomSource, byClass: Bool = false
  ) throws -> [Dataset] {
    guard !shares.isEmpty, shares.allSatisfy({ $0 > 0 && $0 <= 1 }),
      shares.reduce(0, +) <= 1 + 1e-9
    else {
      let list = shares.map { "\($0)" }.joined(separator: ", ")
      throw KilpiError(
        "", "the shares {\(list)} are not numbers above 0 whose sum is 1 at most",
        advice: "such as {0.8, 0.2}")
    }
    var groups = [rows]
    if byClass {
      guard !classNames.isEmpty, !hasCaptions else {
        throw KilpiError("", "\(name) has captions, not classes", advice: "leave by_class out")
      }
      groups = [[Int]](repeating: [], count: classNames.count)
      for row in rows { if let label = source.label(at: row) { groups[label].append(row) } }
    }
    var parts = [[Int]](repeating: [], count: shares.count)
    for (number, group) in groups.enumerated() {
      var stream = random.stream(.subset, sample: UInt64.max - 1 - UInt64(number))
      let order = try stream.permutation(group.count)
      var (total, start) = (0.0, 0)
      for (part, share) in shares.enumerated() {
        total += share
        let end = min(Int(clamped: (total * Double(group.count)).rounded()), group.count)
        parts[part] += order[start..<max(start, end)].map { group[$0] }
        start = max(start, end)
      }
    }
    let places = Dictionary(zip(rows, 0...), uniquingKeysWith: { first, _ in first })
    return try parts.enumerated().map { number, part in
      guard !part.isEmpty else {
        throw KilpiError(
          "", "the share \(shares[number]) of \(count) samples is none", advice: "take a larger one"
        )
      }
      return with(rows: part.sorted { (places[$0] ?? 0) < (places[$1] ?? 0) })
    }
  }
}

/// The samples of several sets one after another.
private final class JoinedSource: SampleSource {
  /// The source and row of each sample, and the id it has here.
  private let samples: [(source: any SampleSource, row: Int)]
  private let names: [String]

  init(_ sets: [Dataset]) {
    samples = sets.flatMap { set in set.rows.map { (set.source, $0) } }
    let ids = sets.flatMap(\.ids)
    let isAmbiguous = Set(ids).count != ids.count
    names =
      isAmbiguous
      ? sets.enumerated().flatMap { number, set in set.ids.map { "\(number + 1)/\($0)" } } : ids
  }

  var count: Int { samples.count }
  func id(at index: Int) -> String { names[index] }
  func label(at index: Int) -> Int? { samples[index].source.label(at: samples[index].row) }
  func captions(at index: Int) -> [String] {
    samples[index].source.captions(at: samples[index].row)
  }
  func image(at index: Int) throws -> SampleImage {
    try samples[index].source.image(at: samples[index].row)
  }
  func size(at index: Int) throws -> (width: Int, height: Int) {
    try samples[index].source.size(at: samples[index].row)
  }
  func addContents(at index: Int, to digest: inout SHA256) {
    samples[index].source.addContents(at: samples[index].row, to: &digest)
  }
  func writePlanes(at index: Int, into buffer: UnsafeMutableBufferPointer<Float>) throws {
    try samples[index].source.writePlanes(at: samples[index].row, into: buffer)
  }
}
