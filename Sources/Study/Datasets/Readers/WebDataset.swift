internal import Archives
internal import Diagnostics
internal import Files
internal import Images

/// WebDataset shards in the layout of CLIP_benchmark, and those that img2dataset writes.
///
/// `SPLIT/nshards.txt`, `SPLIT/{0..n-1}.tar` (or `.tar.gz`, `.tar.zst`; without `nshards.txt` all
/// shards named by numbers, such as `00000.tar`) with `KEY.webp|png|jpg|jpeg|ppm` and `KEY.cls` (a
/// label from 0), `KEY.txt` (one caption a line) or `KEY.json` (a member `caption`); beside them
/// `classnames.txt`, `zeroshot_classification_templates.txt` and, for captions, `dataset_type.txt`.
///
/// As in webdataset, a key is the name up to the first dot of its last part, and members of a key are
/// adjacent. A sample that has none of these members is passed over; notes count them.
package enum WebDataset {
  /// Opens a split; the encoded images are kept in memory and decoded on demand.
  ///
  /// - Parameters:
  ///   - folder: the folder that holds the splits, or the shards of a set without splits.
  ///   - limit: the largest size of all encoded images together, in bytes.
  /// - Throws: `KilpiError` naming shard and key when a file is absent, damaged, mislabelled or
  ///   unsafe, a member has no partner, or no sample is left.
  package static func open(folder: String, split: String, limit: Int = 8 << 30) throws -> Dataset {
    let hasSplits = FileReader.isDirectory(folder + "/" + split) || !holdsShards(folder)
    let directory = hasSplits ? folder + "/" + split : folder
    guard hasSplits || split == defaultSplit else { throw noSplit(split, in: folder, among: []) }
    let (shards, further) = try shards(in: directory, folder: folder, split: split)
    let classNames = try lines(ofFile: folder + "/classnames.txt")
    let type = try lines(ofFile: folder + "/dataset_type.txt")?.first
    let source = try ShardSource(split: hasSplits ? split : "")
    for shard in shards {
      do {
        try source.read(shard, limit: limit)
      } catch let error as KilpiError where error.kind == .memory {
        throw KilpiError(
          "cannot read '\(shard)': its images are kept in memory, and there is \(error.problem)",
          advice: "use fewer shards, or raise the cap with --memory", kind: .memory)
      }
    }
    try source.finish(retrieval: type == "retrieval", in: directory)
    let captions = source.hasCaptions
    if let type, (type == "retrieval") != captions {
      throw KilpiError(
        "dataset_type.txt of '\(folder)' says '\(type)', but the samples have "
          + (captions ? "captions" : "labels"))
    }
    guard captions || classNames != nil else {
      throw KilpiError("'\(folder)' has no classnames.txt", advice: "write one class name a line")
    }
    let name = folderName(folder)
    var notes: [String] = []
    if source.hasJPEG, name.lowercased().contains("cifar") {
      notes.append("\(name): a JPEG copy, slightly lossy, so accuracies differ from the original's")
    }
    if further > 0 {
      notes.append(
        "\(name): nshards.txt says \(shards.count): \(further) further shards are passed over")
    }
    return try Dataset(
      name: name, split: hasSplits ? split : "", source: source,
      classNames: captions ? [] : classNames ?? [],
      templates: lines(ofFile: folder + "/" + templatesFile) ?? [],
      notes: notes + source.notes.map { "\(name): \($0)" })
  }

  /// True when `folder` looks like a set in this layout.
  static func matches(_ folder: String, split: String) -> Bool {
    FileReader.exists("\(folder)/\(split)/nshards.txt") || holdsShards("\(folder)/\(split)")
      || !FileReader.isDirectory("\(folder)/\(split)") && holdsShards(folder)
  }

  private static let shardEndings = [".tar", ".tar.gz", ".tgz", ".tar.zst"]

  /// The shards of a directory by their numbers; of one number the first ending counts.
  private static func numbered(_ directory: String) -> [(number: Int, path: String)] {
    guard FileReader.isDirectory(directory) else { return [] }
    var found: [Int: String] = [:]
    for ending in shardEndings.reversed() {
      for name in (try? FileReader.names(in: directory)) ?? [] where name.hasSuffix(ending) {
        let digits = name.dropLast(ending.count)
        guard digits.allSatisfy({ $0.isASCII && $0.isNumber }), let number = Int(digits) else {
          continue
        }
        found[number] = directory + "/" + name
      }
    }
    return found.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  private static func holdsShards(_ directory: String) -> Bool { !numbered(directory).isEmpty }

  /// The shards of a split, and how many lie there that `nshards.txt` does not count.
  private static func shards(
    in directory: String, folder: String, split: String
  ) throws -> (paths: [String], further: Int) {
    guard FileReader.isDirectory(directory) else {
      throw noSplit(
        split, in: folder, among: knownSplits.filter { FileReader.isDirectory("\(folder)/\($0)") })
    }
    let found = numbered(directory)
    guard let text = try lines(ofFile: directory + "/nshards.txt")?.first else {
      return (found.map(\.path), 0)
    }
    let digits = text.trimmed
    guard let count = Int(digits), (1...1_000_000).contains(count) else {
      throw KilpiError(
        "'\(directory)/nshards.txt' says '\(digits.prefix(40))', no number of shards")
    }
    let paths = Dictionary(
      found.map { ($0.number, $0.path) }, uniquingKeysWith: { first, _ in first })
    let chosen = try (0..<count).map { number in
      guard let path = paths[number] else {
        throw KilpiError("shard \(number) of \(count) is not in '\(directory)'")
      }
      return path
    }
    return (chosen, found.count - chosen.count)
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
