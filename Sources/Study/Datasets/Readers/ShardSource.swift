internal import Archives
internal import Diagnostics
internal import Files
internal import Images

/// The members of all shards of a split.
final class ShardSource: SampleSource, DecodingSource {
  private struct Entry {
    let key: String
    let image: [UInt8]
    let label: Int?
    let captions: [String]
  }

  /// Kinds of image in the order in which one of several is taken, as CLIP_benchmark takes it.
  private static let kinds = ["webp", "png", "jpg", "jpeg", "ppm"]

  /// The members of one key.
  private struct Members {
    let key: String
    var image: [UInt8]?
    var rank = ShardSource.kinds.count
    var images = 0
    var label: String?
    var captions: String?
    var json: [UInt8]?
    var kinds: Set<String> = []
    /// A few of the kinds, for messages.
    var names: [String] = []
  }

  private let split: String
  private var entries: [Entry] = []
  private var keys = Set<String>()
  private var bytes = 0
  /// Encoded images and captions count against the cap as long as the set lives.
  private let held: MemoryReservation
  private var cache = PixelCache()
  private var passedOver: (count: Int, first: String) = (0, "")
  private var several = 0
  private var labelsInJSON = 0
  private var isRetrieval = false
  private(set) var hasJPEG = false
  var warnings = DecodingWarnings()

  init(split: String) throws {
    self.split = split
    held = try MemoryReservation()
  }

  var hasCaptions: Bool { isRetrieval }
  var count: Int { entries.count }
  func id(at index: Int) -> String {
    (split.isEmpty ? "" : split + "/") + entries[index].key
  }
  func label(at index: Int) -> Int? { isRetrieval ? nil : entries[index].label }
  func captions(at index: Int) -> [String] { isRetrieval ? entries[index].captions : [] }

  /// What a user must know of samples and members that are not used.
  var notes: [String] {
    var notes: [String] = []
    if passedOver.count > 0 {
      let all = entries.count + passedOver.count
      notes.append("\(passedOver.count) of \(all) samples are passed over: \(passedOver.first)")
    }
    if several > 0 {
      notes.append(
        "\(several) samples hold several images: the first of "
          + "\(Self.kinds.joined(separator: ", ")) is taken")
    }
    if labelsInJSON > 0 {
      notes.append(
        "\(labelsInJSON) samples have a label in .json and no .cls: such labels are not read")
    }
    if !isRetrieval, entries.contains(where: { !$0.captions.isEmpty }) {
      notes.append(
        "captions beside the labels are not used (dataset_type.txt that says retrieval uses them)")
    }
    return notes
  }

  func image(at index: Int) throws -> SampleImage {
    .pixels(
      try cache.image(at: index) {
        try ImageFile.decode(entries[index].image, name: id(at: index)) {
          warnings.add($0, at: index)
        }
      })
  }

  func addContents(at index: Int, to digest: inout SHA256) {
    digest.update(entries[index].image, entries[index].image.indices)
  }

  /// Adds a shard's samples.
  func read(_ path: String, limit: Int) throws {
    let reader = try ArchiveReader(tarAt: path)
    var current: Members?
    while let member = try reader.next() {
      guard let (key, kind) = Self.parts(of: member.name) else { continue }
      if let last = current, last.key != key {
        try add(last, path)
        current = nil
      }
      var sample = current ?? Members(key: key)
      guard sample.kinds.insert(kind).inserted else {
        throw KilpiError("'\(path)' holds '\(member.name)' or its like twice")
      }
      if sample.names.count < 8 { sample.names.append(kind) }
      if let rank = Self.kinds.firstIndex(of: kind) {
        sample.images += 1
        if rank < sample.rank {
          let before = sample.image?.count ?? 0
          bytes += member.size - before
          guard bytes <= limit else {
            throw KilpiError(
              "the images up to '\(path)' take more than \(limit) bytes in memory",
              advice: "use fewer shards")
          }
          sample.image = nil
          // Asks the cap itself, before it reads.
          sample.image = try reader.contents()
          try held.grow(by: max(0, member.size - before))
          sample.rank = rank
        }
      }
      switch kind {
      case "cls": sample.label = try text(reader, member)
      case "txt": sample.captions = try text(reader, member)
      case "json": sample.json = member.size <= 1 << 20 ? try reader.contents() : nil
      default: break
      }
      current = sample
    }
    if let last = current { try add(last, path) }
  }

  /// Decides between labels and captions, after the last shard, and checks that all have them.
  func finish(retrieval: Bool, in directory: String) throws {
    guard let first = entries.first else {
      throw KilpiError(
        passedOver.count == 0
          ? "there is no sample in '\(directory)'"
          : "no sample in '\(directory)' can be used; \(passedOver.count) are passed over: "
            + passedOver.first)
    }
    isRetrieval = retrieval ? !first.captions.isEmpty : first.label == nil
    for entry in entries where isRetrieval ? entry.captions.isEmpty : entry.label == nil {
      throw KilpiError("sample '\(entry.key)' has no \(isRetrieval ? "captions" : "label")")
    }
    cache = PixelCache()  // the room that is left now
  }

  private func add(_ sample: Members, _ path: String) throws {
    let key = sample.key
    let list = sample.names.joined(separator: ", ")
    func members(without known: String) -> String {
      sample.names.count > 1 || sample.names.first != known ? " (its members: \(list))" : ""
    }
    guard sample.image != nil || sample.label != nil || sample.captions != nil else {
      passedOver.count += 1
      if passedOver.count == 1 {
        passedOver.first =
          "'\(key)' in '\(path)' has neither image, cls nor txt, but \(list) "
          + "(a key ends at the first dot of a name)"
      }
      return
    }
    guard let image = sample.image else {
      throw KilpiError("'\(path)' holds no image for '\(key)'\(members(without: "cls"))")
    }
    guard keys.insert(key).inserted else {
      throw KilpiError(
        "'\(path)' holds the key '\(key)' again",
        advice: "members of a key must be adjacent and keys differ")
    }
    var number: Int?
    if let label = sample.label {
      let digits = label.trimmed
      guard let value = Int(digits), value >= 0 else {
        throw KilpiError("'\(key).cls' in '\(path)' says '\(digits.prefix(40))', not a label")
      }
      number = value
    }
    var texts = lines(sample.captions ?? "").filter { !$0.trimmed.isEmpty }
    if number == nil, sample.captions == nil {
      let object = sample.json.flatMap { try? JSONValue.parse($0) }
      texts = object.flatMap(Self.captions(in:)) ?? []
      if let object, object["label"] != nil || object["cls"] != nil { labelsInJSON += 1 }
      guard !texts.isEmpty else {
        let others = sample.names.filter { !Self.kinds.contains($0) }
        throw KilpiError(
          "'\(path)' holds neither '\(key).cls' nor '\(key).txt'"
            + (others.isEmpty ? "" : " (its members: \(list))"))
      }
    }
    guard number != nil || !texts.isEmpty else {
      throw KilpiError("'\(key).txt' in '\(path)' holds no caption")
    }
    if sample.images > 1 { several += 1 }
    if sample.rank == 2 || sample.rank == 3 { hasJPEG = true }
    try held.grow(by: texts.reduce(256 + 2 * key.utf8.count) { $0 + $1.utf8.count + 32 })
    entries.append(Entry(key: key, image: image, label: number, captions: texts))
  }

  /// The captions in a JSON member, as img2dataset and others write them.
  private static func captions(in object: JSONValue) -> [String]? {
    for name in ["caption", "captions", "text"] {
      if let text = object[name]?.string { return lines(text).filter { !$0.trimmed.isEmpty } }
      if let texts = object[name]?.array { return texts.compactMap(\.string) }
    }
    return nil
  }

  private func text(_ reader: ArchiveReader, _ member: ArchiveEntry) throws -> String {
    guard member.size <= 1 << 20 else {
      throw KilpiError("'\(member.name)' in '\(reader.name)' is larger than 1 MB")
    }
    guard let text = String(validating: try reader.contents(), as: UTF8.self) else {
      throw KilpiError("'\(member.name)' in '\(reader.name)' is not UTF-8")
    }
    return text
  }

  /// Key and kind of a member: the name up to the first dot of its last part, and what follows.
  ///
  /// nil for hidden files and names without a dot, which webdataset leaves out too.
  private static func parts(of name: String) -> (key: String, kind: String)? {
    let base = name.split(separator: "/").last ?? ""
    guard let dot = base.firstIndex(of: "."), dot != base.startIndex else { return nil }
    let kind = base[base.index(after: dot)...]
    let key = name.dropLast(kind.count + 1)
    return (String(key.hasPrefix("./") ? key.dropFirst(2) : key), kind.lowercased())
  }
}
