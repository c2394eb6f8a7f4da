internal import Diagnostics
internal import Files
internal import Images

/// Images in a folder, and their captions as JSON or as a table beside it.
///
/// Images lie in `SPLIT/images`, `images/SPLIT`, `images`, `SPLIT` or the root itself, captions in
/// `SPLIT.json`, `captions_SPLIT….json` (also in `annotations/`), `captions.json`, `metadata.jsonl`, the
/// same as `.csv` or `.tsv`, `captions.txt`, or whatever one such file is there. `CaptionList` has the
/// forms of these files.
package enum CaptionFolder {
  /// Opens a set; images are decoded on demand and kept in memory up to 512 MiB.
  ///
  /// - Throws: `KilpiError` when there is no such split, the captions cannot be read, a name leads
  ///   outside, or no image has a caption.
  package static func open(folder: String, split: String) throws -> Dataset {
    if let open = try recognised(folder, split: split, insists: true) { return try open() }
    let others = splits(of: folder).filter { $0 != split }
    guard others.isEmpty else { throw noSplit(split, in: folder, among: others) }
    throw KilpiError(
      "there is no file of captions for the split '\(split)' in '\(folder)'",
      advice: "such as \(split).json, captions.json or metadata.jsonl")
  }

  /// What opens `folder`; nil when it holds no captions of images.
  ///
  /// Class folders may have any such file beside them, and `metadata.jsonl` may hold labels: only what
  /// gives captions to images is a file of captions.
  ///
  /// - Parameter insists: a file without captions is an error too.
  /// - Throws: `KilpiError` when there are captions, but not as they should be.
  static func recognised(
    _ folder: String, split: String, insists: Bool = false
  ) throws -> (() throws -> Dataset)? {
    let places = imageFolders(folder, split: split)
    for file in candidates(folder, split: split) where FileReader.kind(of: file.path) == .file {
      let list: CaptionList
      do {
        list = try CaptionList(file.path, split: split)
      } catch let error as KilpiError where error.kind == .host && file.isGuessed && !insists {
        continue
      }
      let found = Found(
        folder: folder, split: split, file: file, list: list,
        places: places + [String(file.path[..<lastSlash(file.path)])])
      if list.holdsCaptions {
        if file.isGuessed, !insists, !found.hasImages { continue }
        return { try dataset(found) }
      }
      // A file that says what it is, beside images that lie in no class folder.
      if insists || isCaptions(folderName(file.path)) && places.contains(where: holdsImages) {
        throw CaptionList.nothing(in: file.path)
      }
    }
    // Captions of other splits: without this split, their folders of images are no classes.
    let others = knownSplits.filter { other in
      candidates(folder, split: other).contains {
        $0.isOfSplit && isCaptions(folderName($0.path)) && FileReader.exists($0.path)
      }
    }
    guard others.isEmpty else { throw noSplit(split, in: folder, among: others) }
    return nil
  }

  /// True for names that promise captions: `captions.csv`, `metadata.jsonl`, `results.token`.
  static func isNamed(_ name: String) -> Bool {
    isCaptions(name) && isTable(name) || name.hasPrefix("metadata.") && isTable(name)
      || name.hasSuffix(".token")
  }

  private static func isCaptions(_ name: String) -> Bool { name.lowercased().contains("caption") }
  private static func isTable(_ name: String) -> Bool {
    endings.contains { name.hasSuffix("." + $0) }
  }

  /// A file that may hold captions.
  private struct File {
    var path: String
    /// Whether it is one split's.
    var isOfSplit = false
    /// Whether it is only the one file that is there.
    var isGuessed = false
  }

  /// A set that was found.
  private struct Found {
    let folder: String
    let split: String
    let file: File
    let list: CaptionList
    let places: [String]

    func path(of name: String) -> String? {
      places.lazy.map { $0 + "/" + name }.first { FileReader.exists($0) }
    }
    var hasImages: Bool {
      list.entries.lazy.filter { !$0.captions.isEmpty }.prefix(64).contains {
        path(of: $0.name) != nil
      }
    }
  }

  private static func dataset(_ found: Found) throws -> Dataset {
    let (folder, list, file) = (found.folder, found.list, found.file.path)
    let split = try splitName(found)
    var files: [FileSource.File] = []
    var (absent, bare) = (0, Set<String>())
    var passedOver = PassedOver()
    for (name, texts) in list.entries {
      try Interrupts.poll()
      guard !name.hasPrefix("/"), !name.split(separator: "/").contains("..") else {
        throw KilpiError("'\(file)' names '\(name.prefix(80))', which may lie outside the set")
      }
      guard let path = found.path(of: name) else {
        absent += 1
        continue
      }
      if texts.isEmpty {
        bare.insert(path)
      } else {
        files.append(.init(path: path, captions: texts))
      }
    }
    guard !files.isEmpty else {
      throw KilpiError(
        "none of the \(list.entries.count) images that '\(file)' names is in the folder",
        advice: "images lie in images/, \(found.split)/ or beside the file")
    }
    var notes = list.notes
    if absent > 0 {
      notes.append("\(absent) of \(list.entries.count) images that '\(file)' names are not there")
    }
    let known = Set(files.map(\.path))
    if let place = found.places.first(where: FileReader.isDirectory) {
      let walk = try ImageFileWalk(place, in: place, list.held)
      passedOver.add(walk.passedOver)
      bare.formUnion(
        walk.paths.filter {
          let name = String($0.utf8.dropFirst(place.utf8.count + 1)) ?? ""
          return !known.contains($0) && !list.isOfOtherSplit(name)
        })
    }
    if !bare.isEmpty { notes.append("\(bare.count) images without a caption are passed over") }
    let title = folderName(folder)
    return try Dataset(
      name: title, split: split, source: FileSource(files, under: folder, holding: list.held),
      classNames: [], notes: (notes + passedOver.notes).map { "\(title): \($0)" })
  }

  /// The split that was found; empty where the set has none.
  private static func splitName(_ found: Found) throws -> String {
    let (folder, split, list) = (found.folder, found.split, found.list)
    if found.file.isOfSplit { return split }
    if !list.splits.isEmpty {
      guard list.splits.contains(split) else {
        throw noSplit(split, in: folder, among: list.splits.sorted())
      }
      return split
    }
    if splits(of: folder, among: [split]) == [split] { return split }
    let others = splits(of: folder)
    guard split == defaultSplit, others.isEmpty else {
      throw noSplit(split, in: folder, among: others)
    }
    return ""
  }

  /// The splits that have a file or a folder of their own.
  private static func splits(of folder: String, among names: [String] = knownSplits) -> [String] {
    names.filter { split in
      candidates(folder, split: split).contains { $0.isOfSplit && FileReader.exists($0.path) }
        || splitFolders(folder, split).contains(where: FileReader.isDirectory)
    }
  }

  private static func splitFolders(_ folder: String, _ split: String) -> [String] {
    ["/\(split)/images", "/images/\(split)", "/\(split)", "/\(split)2017", "/\(split)2014"].map {
      folder + $0
    }
  }

  private static func imageFolders(_ folder: String, split: String) -> [String] {
    let own = splitFolders(folder, split)
    return (Array(own[..<2]) + ["\(folder)/images", "\(folder)/Images"] + own[2...] + [folder])
      .filter(FileReader.isDirectory)
  }

  private static func holdsImages(_ place: String) -> Bool {
    ((try? FileReader.names(in: place)) ?? []).contains { ImageFormat(path: $0) != nil }
  }

  private static let endings = ["json", "jsonl", "csv", "tsv", "txt", "token"]

  /// Files that may hold the captions of a split, the likeliest first.
  private static func candidates(_ folder: String, split: String) -> [File] {
    func named(_ stems: [String], _ endings: [String]) -> [String] {
      stems.flatMap { stem in endings.map { "\(folder)/\(stem).\($0)" } }
    }
    let structured = ["json", "jsonl", "csv", "tsv"]
    let own =
      named(["\(split)/metadata"], ["jsonl", "csv"])
      + named(
        [
          "\(split)/captions", split, "captions_\(split)", "\(split)_captions",
          "annotations/captions_\(split)2017", "annotations/captions_\(split)2014",
          "annotations/captions_\(split)",
        ], structured)
    let shared =
      named(["captions"], structured + ["txt"]) + named(["metadata"], ["jsonl", "csv"])
      + named(["dataset"], ["json"])
    var files = own.map { File(path: $0, isOfSplit: true) } + shared.map { File(path: $0) }
    guard
      imageFolders(folder, split: split).contains(where: { $0.lowercased().contains("/images") })
    else { return files }
    let others = ((try? FileReader.names(in: folder)) ?? []).filter { name in
      !name.hasPrefix(".") && name != templatesFile && name != "classnames.txt"
        && (isTable(name) && !name.hasSuffix(".txt") || name.hasSuffix(".token.txt"))
        && !namesOtherSplit(name, than: split)
    }
    if others.count == 1 { files.append(File(path: folder + "/" + others[0], isGuessed: true)) }
    return files
  }

  /// Captions of the training split are not those of another.
  private static func namesOtherSplit(_ name: String, than split: String) -> Bool {
    let name = name.lowercased()
    return !name.contains(split) && knownSplits.contains { $0 != split && name.contains($0) }
  }

  private static func lastSlash(_ path: String) -> String.Index {
    path.lastIndex(of: "/") ?? path.startIndex
  }
}
