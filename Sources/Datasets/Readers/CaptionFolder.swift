internal import Diagnostics
internal import Files
internal import Images

/// Images in a folder, and their captions as JSON beside it.
///
/// Images lie in `SPLIT/images`, `images/SPLIT`, `images`, `SPLIT` or the root itself, captions in
/// `SPLIT.json`, `captions_SPLIT….json` (also in `annotations/`), `captions.json`, `metadata.jsonl` or
/// whatever one JSON file is there. Four forms of it are read: COCO's (`images` and `annotations`),
/// Karpathy's (`images` with `sentences` and `split`), a list of objects with a file's name and its
/// captions (also one object a line), and one object from names to captions.
public enum CaptionFolder {
  /// Opens a set; images are decoded on demand and kept in memory up to 512 MiB.
  ///
  /// - Throws: `KilpiError` when the captions cannot be read, a name leads outside, or no image has a
  ///   caption.
  public static func open(folder: String, split: String) throws -> Dataset {
    guard let file = captionFile(folder, split: split) else {
      throw KilpiError(
        "", "there is no file of captions for the split '\(split)' in '\(folder)'",
        advice: "such as \(split).json, captions.json or metadata.jsonl")
    }
    let captions = try CaptionList(file, split: split)
    let places = imageFolders(folder, split: split) + [String(file[..<lastSlash(file)])]
    let guardian = try LinkGuard(folder)
    var files: [FileSource.File] = []
    var absent = 0
    for (name, texts) in captions.entries {
      try Interrupts.poll()
      guard !name.hasPrefix("/"), !name.split(separator: "/").contains("..") else {
        throw KilpiError("", "'\(file)' names '\(name.prefix(80))', which may lie outside the set")
      }
      let path = places.lazy.map { $0 + "/" + name }.first { FileReader.exists($0) }
      guard let path, !texts.isEmpty else {
        absent += 1
        continue
      }
      try guardian.check(path)
      files.append(.init(path: path, captions: texts))
    }
    guard !files.isEmpty else {
      throw KilpiError(
        "", "none of the \(captions.entries.count) images that '\(file)' names is in the folder",
        advice: "images lie in images/, \(split)/ or beside the file")
    }
    let name = folderName(folder)
    var notes: [String] = []
    if absent > 0 {
      notes.append(
        "\(absent) of \(captions.entries.count) images that '\(file)' names are not there")
    }
    let known = Set(files.map(\.path))
    let others = try places.first { FileReader.isDirectory($0) }.map {
      try ImageFileWalk($0, guardian).paths.filter { !known.contains($0) }.count
    }
    if let others, others > 0 {
      notes.append("\(others) images without a caption are passed over")
    }
    return try Dataset(
      name: name, split: split, source: FileSource(files, under: folder), classNames: [],
      notes: notes.map { "\(name): \($0)" })
  }

  /// True when `folder` holds images and a file of captions.
  static func matches(_ folder: String, split: String) -> Bool {
    guard let file = captionFile(folder, split: split) else { return false }
    // Class folders may have any JSON beside them.
    let holds = imageFolders(folder, split: split).contains { place in
      FileReader.isDirectory(place)
        && ((try? FileReader.names(in: place)) ?? []).contains { ImageFormat(path: $0) != nil }
    }
    return holds || file.hasSuffix("/metadata.jsonl")
  }

  private static func imageFolders(_ folder: String, split: String) -> [String] {
    [
      "\(folder)/\(split)/images", "\(folder)/images/\(split)", "\(folder)/images",
      "\(folder)/\(split)", "\(folder)/\(split)2017", "\(folder)/\(split)2014", folder,
    ].filter(FileReader.isDirectory)
  }

  private static func captionFile(_ folder: String, split: String) -> String? {
    let named = [
      "\(split)/metadata.jsonl", "\(split)/captions.json", "\(split)/captions.jsonl",
      "\(split).json",
      "\(split).jsonl", "captions_\(split).json", "\(split)_captions.json",
      "annotations/captions_\(split)2017.json", "annotations/captions_\(split)2014.json",
      "annotations/captions_\(split).json", "captions.json", "captions.jsonl", "metadata.jsonl",
      "dataset.json",
    ].map { folder + "/" + $0 }
    if let path = named.first(where: FileReader.exists) { return path }
    guard imageFolders(folder, split: split).contains(where: { $0.contains("/images") }) else {
      return nil
    }
    let files = ((try? FileReader.names(in: folder)) ?? []).filter {
      !$0.hasPrefix(".") && ($0.hasSuffix(".json") || $0.hasSuffix(".jsonl"))
        && !namesOtherSplit($0, than: split)
    }
    return files.count == 1 ? folder + "/" + files[0] : nil
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

/// Names of images with their captions, in the order of the file.
struct CaptionList {
  private(set) var entries: [(name: String, captions: [String])] = []
  private var places: [String: Int] = [:]

  private static let names = [
    "file_name", "filename", "image", "file", "image_path", "path", "img",
  ]
  private static let texts = [
    "caption", "captions", "text", "texts", "sentences", "raw", "sentence",
  ]

  /// Reads a file of captions.
  ///
  /// - Parameter split: of a file with several splits, the one that is taken.
  /// - Throws: `KilpiError` when its form is none of those that are known.
  init(_ path: String, split: String) throws {
    let limits = JSONLimits(bytes: 1 << 30)
    let text = try FileReader.text(at: path, limit: 1 << 30)
    let value: JSONValue
    do {
      value =
        path.hasSuffix(".jsonl")
        ? .array(try lines(text).filter { !$0.isEmpty }.map { try JSONValue.parse($0) })
        : try JSONValue.parse(text, limits: limits)
    } catch let error as KilpiError where error.kind == .host {
      throw KilpiError("", "cannot read '\(path)': \(error.problem)")
    }
    if let images = value["images"]?.array, let annotations = value["annotations"]?.array {
      joinCOCO(images, annotations)
    } else if let images = value["images"]?.array {
      readList(images.filter { Self.isOf(split, $0["split"]?.string) })
    } else if let list = value.array {
      readList(list.filter { Self.isOf(split, $0["split"]?.string) })
    } else {
      for member in value.object ?? [] { add(member.key, Self.captions(member.value)) }
    }
    guard entries.contains(where: { !$0.captions.isEmpty }) else {
      throw KilpiError(
        "", "'\(path)' holds no captions of images in a form that is read",
        advice: "such as [{\"image\": \"a.jpg\", \"caption\": \"a cat\"}] or "
          + "{\"a.jpg\": [\"a cat\", \"a kitten\"]}")
    }
  }

  /// Karpathy's `restval` belongs to the training images.
  private static func isOf(_ split: String, _ name: String?) -> Bool {
    guard let name else { return true }
    return name == split || split == "train" && name == "restval"
  }

  private mutating func joinCOCO(_ images: [JSONValue], _ annotations: [JSONValue]) {
    var names: [Int: String] = [:]
    for image in images {
      guard let id = image["id"]?.int, let name = image["file_name"]?.string else { continue }
      names[id] = name
      add(name, [])
    }
    for annotation in annotations {
      guard let id = annotation["image_id"]?.int, let name = names[id],
        let text = annotation["caption"]?.string
      else { continue }
      add(name, [text])
    }
  }

  private mutating func readList(_ list: [JSONValue]) {
    for item in list {
      guard let name = Self.names.lazy.compactMap({ item[$0]?.string }).first else { continue }
      // Karpathy's COCO has the folder beside the name.
      let folder = item["filepath"]?.string
      let path = folder.map { name.contains("/") ? name : $0 + "/" + name } ?? name
      let captions = Self.texts.lazy.compactMap { item[$0] }.map(Self.captions).first ?? []
      add(path, captions)
    }
  }

  /// The texts of a string, a list of strings, or a list of objects that hold one.
  private static func captions(_ value: JSONValue) -> [String] {
    if let text = value.string { return text.trimmed.isEmpty ? [] : [text.trimmed] }
    if let list = value.array { return list.flatMap(captions) }
    return texts.lazy.compactMap { value[$0] }.map(captions).first ?? []
  }

  private mutating func add(_ name: String, _ captions: [String]) {
    if let place = places[name] {
      entries[place].captions += captions
    } else {
      places[name] = entries.count
      entries.append((name, captions))
    }
  }
}
