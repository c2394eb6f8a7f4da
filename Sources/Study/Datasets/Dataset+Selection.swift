internal import Diagnostics
internal import Files
package import Images
package import Tensors

extension Dataset {
  /// The samples at `indices`, in that order.
  ///
  /// - Throws: `KilpiError` when an index is out of range or appears twice.
  package func subset(_ indices: [Int]) throws -> Dataset {
    var seen = try (0..<count).mapped { _ in false }
    return with(
      rows: try RowList(indices.count) { place in
        let index = indices[place]
        let row = try row(at: index)
        guard !seen[index] else { throw KilpiError("index \(index + 1) appears twice") }
        seen[index] = true
        return row
      })
  }

  /// The `n` samples whose places `isKept` holds for, in this set's order.
  func keeping(_ n: Int, where isKept: (_ place: Int) -> Bool) throws -> Dataset {
    var next = 0
    return with(
      rows: try RowList(n) { _ in
        while next < count - 1, !isKept(next) { next += 1 }
        defer { next += 1 }
        return rows[next]
      })
  }

  /// Refuses a set without classes, or without samples.
  func requireClasses(advice: String) throws {
    guard count > 0 else { throw KilpiError("\(name) has no samples") }
    guard !classNames.isEmpty, !hasCaptions else {
      throw KilpiError("\(name) has captions, not classes", advice: advice)
    }
  }

  /// The places of the samples of each class.
  func placesByClass() throws -> [[Int]] {
    // Arrays grow by doubling.
    try MemoryReservation.ask(count.multipliedClamped(by: 2 * MemoryLayout<Int>.stride))
    var members = [[Int]](repeating: [], count: classNames.count)
    for (place, row) in rows.enumerated() {
      if place & 0xFFF == 0xFFF { try Interrupts.poll() }
      if let label = source.label(at: row) { members[label].append(place) }
    }
    return members
  }

  /// The samples that an index file lists: one line each, the index counted from 0, a tab, the id.
  ///
  /// - Throws: `KilpiError` naming the line when it is malformed, out of range, or names another id.
  package func subset(indexFile path: String) throws -> Dataset {
    var indices: [Int] = []
    let text = try FileReader.text(at: path)
    for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    where !line.isEmpty {
      let fields = line.split(separator: "\t", maxSplits: 1)
      guard fields.count == 2, let index = Int(fields[0]), rows.indices.contains(index) else {
        throw KilpiError(
          "line \(number + 1) of '\(path)' holds no index below \(count), tab and sample id")
      }
      let id = try id(at: index)
      guard id == fields[1] else {
        throw KilpiError(
          "line \(number + 1) of '\(path)' says '\(fields[1])', but sample \(index) is '\(id)'",
          advice: "use the index file with the set that it was made for")
      }
      indices.append(index)
    }
    return try subset(indices)
  }

  /// Writes the index file of a subset, with indices into this set.
  ///
  /// - Throws: `KilpiError` when a sample of `subset` is not in this set.
  package func writeIndexFile(of subset: Dataset, to path: String) throws {
    let places = Dictionary(zip(ids, 0...), uniquingKeysWith: { first, _ in first })
    let lines = try subset.ids.map { id in
      guard let index = places[id] else { throw KilpiError("'\(id)' is not in this set") }
      return "\(index)\t\(id)\n"
    }
    try AtomicFile.write(lines.joined(), to: path)
  }

  /// The first `n` samples; with a source of randomness, `n` random ones in ascending order.
  ///
  /// The random choice is the front of one permutation, so a larger `n` contains a smaller one.
  package func take(_ n: Int, random: RandomSource? = nil) throws -> Dataset {
    guard n >= 0, n <= count else {
      throw KilpiError("cannot take \(n) of \(count) samples")
    }
    guard let random else { return try keeping(n) { _ in true } }
    let marks = try drawn(n, random: random)
    return try keeping(n) { marks[$0] }
  }

  /// True at the places of `n` random samples.
  private func drawn(_ n: Int, random: RandomSource) throws -> [Bool] {
    var stream = random.stream(.subset, sample: UInt64.max)
    var marks = try (0..<count).mapped { _ in false }
    for place in try stream.permutation(count)[..<n] { marks[place] = true }
    return marks
  }

  /// `n` random samples of each class, in ascending order.
  ///
  /// Each class has its own permutation, keyed by (seed, class), whose front is taken: more shots
  /// contain fewer ones.
  ///
  /// - Throws: `KilpiError` when the set has no classes, or a class has fewer than `n` samples.
  package func perClass(_ n: Int, random: RandomSource) throws -> Dataset {
    guard n >= 1 else { throw KilpiError("cannot take \(n) samples of each class") }
    try requireClasses(advice: "use take")
    var marks = try (0..<count).mapped { _ in false }
    let members = try placesByClass()
    for (label, places) in members.enumerated() {
      guard places.count >= n else {
        throw KilpiError(
          "class '\(classNames[label])' has \(places.count) samples, fewer than \(n)")
      }
      var stream = random.stream(.subset, sample: UInt64(label))
      for position in try stream.permutation(places.count)[..<n] { marks[places[position]] = true }
    }
    return try keeping(n.multiplied(by: members.count)) { marks[$0] }
  }

  /// Cuts a validation set from a training set: a share of the samples, at most `limit`.
  package func validationSplit(
    share: Double = 0.1, random: RandomSource, limit: Int = 5_000
  ) throws -> (training: Dataset, validation: Dataset) {
    let size = min(Int(clamped: share * Double(count)), limit)
    guard size > 0 else {
      throw KilpiError("a share of \(share) of \(count) samples is none to validate on")
    }
    let marks = try drawn(size, random: random)
    return (
      try keeping(count - size) { !marks[$0] }, try keeping(size) { marks[$0] }
    )
  }

  /// The set with every image brought to a model's size by a preset; results are kept in memory.
  package func preprocessed(
    _ preset: PreprocessingPreset, size: Int = 224, crop: CropRule = .torchvision
  ) -> Dataset {
    guard preset != .mmcoaSmall else { return self }
    return with(source: PreprocessedSource(source, preset, size: size, crop: crop))
  }

  /// The set with every image passed through `transform` when it is read.
  ///
  /// - Parameter transform: gives the sample back with another image; id, label and captions of the
  ///   original stay whatever it gives.
  package func map(_ transform: @escaping (Sample) throws -> Sample) -> Dataset {
    with(source: MappedSource(source, transform))
  }

  /// Ids that two sets share, in this set's order; sets of different names share none.
  package func overlap(with other: Dataset) -> [String] {
    guard name == other.name else { return [] }
    let others = Set(other.ids)
    return ids.filter { others.contains($0) }
  }

  /// Refuses a classifier that has a class of this set at another place: its answers would be read as
  /// other classes.
  ///
  /// Names that only one of the two has are other words for a class, as in prompts of another language.
  ///
  /// - Throws: `KilpiError` that names the first such class.
  package func requireOrder(ofClasses names: [String]) throws {
    guard names != classNames else { return }
    func places(_ list: [String]) -> [String: [Int]] {
      Dictionary(grouping: list.indices, by: { list[$0] })
    }
    let own = places(classNames)
    let others = places(names)
    for (index, name) in classNames.enumerated() {
      guard own[name]?.count == 1, let found = others[name], found.count == 1, found[0] != index
      else { continue }
      throw KilpiError(
        "class '\(name)' is number \(index + 1) in \(self.name), number \(found[0] + 1) in the classifier",
        advice: "make the classifier from the set's class_names, which give the order")
    }
  }

  /// Refuses to go on when two sets share samples.
  ///
  /// - Throws: `KilpiError` with the number of shared samples and one of them.
  package func requireDisjoint(from other: Dataset) throws {
    let shared = overlap(with: other)
    guard let first = shared.first else { return }
    throw KilpiError(
      "\(shared.count) samples of \(name) are in both sets, '\(first)' among them",
      advice: "train and test on different samples")
  }
}

/// Another source's samples, resized and cropped.
private final class PreprocessedSource: SampleSource {
  private let base: any SampleSource
  private let preset: PreprocessingPreset
  private let side: Int
  private let crop: CropRule
  private var cache = PixelCache()

  init(_ base: any SampleSource, _ preset: PreprocessingPreset, size: Int, crop: CropRule) {
    self.base = base
    self.preset = preset
    self.side = size
    self.crop = crop
  }

  var count: Int { base.count }
  func id(at index: Int) -> String { base.id(at: index) }
  func label(at index: Int) -> Int? { base.label(at: index) }
  func captions(at index: Int) -> [String] { base.captions(at: index) }
  func size(at index: Int) throws -> (width: Int, height: Int) { (side, side) }

  func addContents(at index: Int, to digest: inout SHA256) {
    digest.update("\(preset) \(crop)")
    digest.update(side)
    base.addContents(at: index, to: &digest)
  }

  func image(at index: Int) throws -> SampleImage {
    let image = try cache.image(at: index) {
      switch try base.image(at: index) {
      case .pixels(let image): return try image.preprocessed(preset, size: side, crop: crop)
      case .values:
        throw KilpiError(
          "sample '\(id(at: index))' is no 8-bit image",
          advice: "preprocess the tensor before making the set")
      }
    }
    return .pixels(image)
  }
}

/// Another source's samples through a closure.
private final class MappedSource: SampleSource {
  private let base: any SampleSource
  private let transform: (Sample) throws -> Sample

  init(_ base: any SampleSource, _ transform: @escaping (Sample) throws -> Sample) {
    self.base = base
    self.transform = transform
  }

  var count: Int { base.count }
  func id(at index: Int) -> String { base.id(at: index) }
  func label(at index: Int) -> Int? { base.label(at: index) }
  func captions(at index: Int) -> [String] { base.captions(at: index) }

  func addContents(at index: Int, to digest: inout SHA256) {
    base.addContents(at: index, to: &digest)
  }

  /// The size of a changed picture is known once it is made; it is kept for the read that follows,
  /// so that a batch calls the closure once for each sample.
  private var pending: (index: Int, image: SampleImage)?

  func size(at index: Int) throws -> (width: Int, height: Int) {
    if let pending, pending.index == index { return (pending.image.width, pending.image.height) }
    let image = try transformed(at: index)
    pending = (index, image)
    return (image.width, image.height)
  }

  func image(at index: Int) throws -> SampleImage {
    if let pending, pending.index == index {
      self.pending = nil
      return pending.image
    }
    return try transformed(at: index)
  }

  private func transformed(at index: Int) throws -> SampleImage {
    let sample = Sample(
      id: base.id(at: index), image: try base.image(at: index), label: base.label(at: index),
      captions: base.captions(at: index))
    return try transform(sample).image
  }
}
