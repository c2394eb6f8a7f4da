internal import Archives
internal import Diagnostics
internal import Files
internal import Images

/// WebDataset shards in the layout of CLIP_benchmark.
///
/// `SPLIT/nshards.txt`, `SPLIT/{0..n-1}.tar` (or `.tar.gz`, `.tar.zst`) with `KEY.jpg|jpeg|png|ppm`
/// and `KEY.cls` (a label from 0) or `KEY.txt` (one caption a line); beside them `classnames.txt`,
/// `zeroshot_classification_templates.txt` and, for captions, `dataset_type.txt`.
public enum WebDataset {
  /// Opens a split; the encoded images are kept in memory and decoded on demand.
  ///
  /// - Parameters:
  ///   - folder: the folder that holds the splits.
  ///   - limit: the largest size of all encoded images together, in bytes.
  /// - Throws: `KilpiError` naming shard and key when a file is absent, damaged, mislabelled or
  ///   unsafe, or a member has no partner.
  public static func open(folder: String, split: String, limit: Int = 8 << 30) throws -> Dataset {
    let shards = try shards(in: folder + "/" + split, folder: folder, split: split)
    let classNames = try lines(ofFile: folder + "/classnames.txt")
    let source = ShardSource(split: split)
    for shard in shards { try source.read(shard, limit: limit) }
    try source.finish()
    let type = try lines(ofFile: folder + "/dataset_type.txt")?.first
    let captions = source.hasCaptions
    if let type, (type == "retrieval") != captions, source.count > 0 {
      throw KilpiError(
        "",
        "dataset_type.txt of '\(folder)' says '\(type)', but the samples have "
          + (captions ? "captions" : "labels"))
    }
    guard captions || classNames != nil else {
      throw KilpiError(
        "", "'\(folder)' has no classnames.txt", advice: "write one class name a line")
    }
    let name = folderName(folder)
    var notes: [String] = []
    if source.hasJPEG, name.lowercased().contains("cifar") {
      notes.append("\(name): a JPEG copy, slightly lossy, so accuracies differ from the original's")
    }
    return try Dataset(
      name: name, split: split, source: source, classNames: captions ? [] : classNames ?? [],
      templates: lines(ofFile: folder + "/" + templatesFile) ?? [], notes: notes)
  }

  /// True when `folder` looks like a set in this layout.
  static func matches(_ folder: String, split: String) -> Bool {
    FileReader.exists("\(folder)/\(split)/nshards.txt")
      || shardEndings.contains { FileReader.exists("\(folder)/\(split)/0\($0)") }
  }

  private static let shardEndings = [".tar", ".tar.gz", ".tgz", ".tar.zst"]

  private static func shards(
    in directory: String, folder: String, split: String
  ) throws -> [String] {
    guard FileReader.isDirectory(directory) else {
      let splits = ["train", "val", "test"].filter { FileReader.isDirectory("\(folder)/\($0)") }
      throw KilpiError(
        "", "there is no split '\(split)' in '\(folder)'",
        advice: splits.isEmpty ? nil : "splits: \(splits.joined(separator: ", "))")
    }
    func shard(_ number: Int) -> String? {
      shardEndings.map { "\(directory)/\(number)\($0)" }.first(where: FileReader.exists)
    }
    guard let text = try lines(ofFile: directory + "/nshards.txt")?.first else {
      var found: [String] = []
      while let path = shard(found.count) { found.append(path) }
      return found
    }
    let digits = text.trimmed
    guard let count = Int(digits), (1...1_000_000).contains(count) else {
      throw KilpiError(
        "", "'\(directory)/nshards.txt' says '\(digits.prefix(40))', no number of shards")
    }
    return try (0..<count).map { number in
      guard let path = shard(number) else {
        throw KilpiError("", "shard \(number) of \(count) is not in '\(directory)'")
      }
      return path
    }
  }
}

/// The members of all shards of a split.
private final class ShardSource: SampleSource, DecodingSource {
  private struct Entry {
    let key: String
    let image: [UInt8]
    let label: Int?
    let captions: [String]
  }

  private let split: String
  private var entries: [Entry] = []
  private var keys = Set<String>()
  private var bytes = 0
  private var cache = PixelCache(count: 0)
  private(set) var hasJPEG = false
  var warnings = DecodingWarnings()

  init(split: String) { self.split = split }

  var hasCaptions: Bool { entries.first.map { $0.label == nil } ?? false }
  var count: Int { entries.count }
  func id(at index: Int) -> String { split + "/" + entries[index].key }
  func label(at index: Int) -> Int? { entries[index].label }
  func captions(at index: Int) -> [String] { entries[index].captions }

  func image(at index: Int) throws -> SampleImage {
    .pixels(
      try cache.image(at: index) {
        try ImageFile.decode(entries[index].image, name: id(at: index)) {
          warnings.add($0, at: index)
        }
      })
  }

  /// Adds a shard's samples.
  func read(_ path: String, limit: Int) throws {
    let reader = try ArchiveReader(tarAt: path)
    var current: (key: String, image: [UInt8]?, label: String?, captions: String?)?
    while let member = try reader.next() {
      guard let (key, kind) = Self.parts(of: member.name) else { continue }
      if let last = current, last.key != key {
        try add(last.key, last.image, last.label, last.captions, path)
        current = nil
      }
      var sample = current ?? (key, nil, nil, nil)
      func once(_ isAbsent: Bool) throws {
        guard isAbsent else {
          throw KilpiError("", "'\(path)' holds '\(member.name)' or its like twice")
        }
      }
      switch kind {
      case "jpg", "jpeg", "png", "ppm":
        try once(sample.image == nil)
        sample.image = try reader.contents()
        bytes += sample.image?.count ?? 0
        if kind.hasPrefix("jp") { hasJPEG = true }
        guard bytes <= limit else {
          throw KilpiError(
            "", "the images up to '\(path)' take more than \(limit) bytes in memory",
            advice: "use fewer shards")
        }
      case "cls":
        try once(sample.label == nil)
        sample.label = try text(reader, member)
      case "txt":
        try once(sample.captions == nil)
        sample.captions = try text(reader, member)
      default: continue
      }
      current = sample
    }
    if let last = current { try add(last.key, last.image, last.label, last.captions, path) }
  }

  /// Checks that all samples are of one kind, after the last shard.
  func finish() throws {
    let captions = hasCaptions
    for entry in entries where (entry.label == nil) != captions {
      throw KilpiError("", "sample '\(entry.key)' has no \(captions ? "captions" : "label")")
    }
    cache = PixelCache(count: entries.count)
  }

  private func add(
    _ key: String, _ image: [UInt8]?, _ label: String?, _ captions: String?, _ path: String
  ) throws {
    guard let image else { throw KilpiError("", "'\(path)' holds no image for '\(key)'") }
    guard label != nil || captions != nil else {
      throw KilpiError("", "'\(path)' holds neither '\(key).cls' nor '\(key).txt'")
    }
    guard keys.insert(key).inserted else {
      throw KilpiError(
        "", "'\(path)' holds the key '\(key)' again",
        advice: "members of a key must be adjacent and keys differ")
    }
    var number: Int?
    if let label {
      let digits = label.trimmed
      guard let value = Int(digits), value >= 0 else {
        throw KilpiError("", "'\(key).cls' in '\(path)' says '\(digits.prefix(40))', not a label")
      }
      number = value
    }
    let texts = number == nil ? lines(captions ?? "").filter { !$0.trimmed.isEmpty } : []
    guard number != nil || !texts.isEmpty else {
      throw KilpiError("", "'\(key).txt' in '\(path)' holds no caption")
    }
    entries.append(Entry(key: key, image: image, label: number, captions: texts))
  }

  private func text(_ reader: ArchiveReader, _ member: ArchiveEntry) throws -> String {
    guard member.size <= 1 << 20 else {
      throw KilpiError("", "'\(member.name)' in '\(reader.name)' is larger than 1 MB")
    }
    guard let text = String(validating: try reader.contents(), as: UTF8.self) else {
      throw KilpiError("", "'\(member.name)' in '\(reader.name)' is not UTF-8")
    }
    return text
  }

  /// Key and kind of a member: the name up to the first dot of its last part, and what follows.
  private static func parts(of name: String) -> (key: String, kind: String)? {
    let base = name.split(separator: "/").last ?? ""
    guard let dot = base.firstIndex(of: "."), dot != base.startIndex else { return nil }
    let kind = base[base.index(after: dot)...]
    let key = name.dropLast(kind.count + 1)
    return (String(key.hasPrefix("./") ? key.dropFirst(2) : key), kind.lowercased())
  }
}

extension StringProtocol {
  /// The text without white space at its ends.
  var trimmed: String {
    let front = drop(while: \.isWhitespace)
    guard let last = front.lastIndex(where: { !$0.isWhitespace }) else { return "" }
    return String(front[...last])
  }
}
