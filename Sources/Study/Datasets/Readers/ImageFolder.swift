internal import Diagnostics
internal import Files
internal import Images

/// Image files in one folder a class: `SPLIT/CLASS/**/*.{png,jpg,jpeg,webp,ppm,pgm}` or `CLASS/…`.
///
/// Classes and files stand in torchvision's order, files of nested folders with them. Links are followed,
/// in the sandbox as far as it allows. Tiny-ImageNet's own layout (`CLASS/images`,
/// `val_annotations.txt`) is read as well. What is passed over, such as images of kinds that are not
/// read, notes count.
package enum ImageFolder {
  /// Opens a set; images are decoded on demand and kept in memory up to 512 MiB.
  ///
  /// - Parameters:
  ///   - folder: the root. Where it has a folder named like the split, the classes are inside that.
  ///   - split: also read as `val` or `validation` where the set calls its test split so.
  /// - Throws: `KilpiError` when there is no such split, no class or image, a class has none, or
  ///   `classnames.txt` does not fit.
  ///
  /// `classnames.txt` in the root gives either `FOLDER<tab>NAME` lines or one name a class in
  /// the order of the sorted folders.
  package static func open(folder: String, split: String) throws -> Dataset {
    let (root, name) = try Self.root(folder, split: split)
    let validation = root + "/val_annotations.txt"
    let held = try MemoryReservation()
    var (classes, files, notes) =
      try FileReader.exists(validation)
      ? annotated(root, file: validation, folder: folder, held) : classed(root, held)
    guard !files.isEmpty else { throw KilpiError("there is no image in '\(root)'") }
    if name != split, !name.isEmpty {
      notes.append("there is no split '\(split)': '\(name)' is taken")
    }
    let unread = try Set([folder, root]).flatMap(FileReader.names(in:)).filter(
      CaptionFolder.isNamed)
    for file in Set(unread).sorted() {
      notes.append("'\(file)' beside the class folders holds no captions of images: it is not used")
    }
    let title = folderName(folder)
    return try Dataset(
      name: title, split: name,
      source: FileSource(files, under: folder, holding: held),
      classNames: names(of: classes, folder: folder),
      templates: lines(ofFile: folder + "/" + templatesFile) ?? [],
      notes: notes.map { "\(title): \($0)" })
  }

  /// True when `folder` holds folders with images.
  static func matches(_ folder: String, split: String) -> Bool {
    guard let (root, _) = try? root(folder, split: split) else { return false }
    if FileReader.exists(root + "/val_annotations.txt") { return true }
    let entries = ((try? FileReader.entries(in: root)) ?? []).filter { !$0.name.hasPrefix(".") }
    let folders = entries.filter { $0.kind == .folder && $0.isText }
    if folders.isEmpty {
      // Nothing but links that cannot be opened: the reader says so.
      return !entries.isEmpty
        && entries.allSatisfy { if case .unusable = $0.kind { true } else { false } }
    }
    return folders.prefix(3).contains { ImageFileWalk.holdsImages(root + "/" + $0.name) }
  }

  /// The folder of the classes, and the split that it is; none where the set is not split.
  private static func root(_ folder: String, split: String) throws -> (path: String, split: String)
  {
    guard FileReader.isDirectory(folder) else {
      throw KilpiError("'\(folder)' is not a folder")
    }
    for name in split == defaultSplit ? ["test", "val", "validation"] : [split]
    where FileReader.isDirectory(folder + "/" + name) { return (folder + "/" + name, name) }
    let others = knownSplits.filter { FileReader.isDirectory(folder + "/" + $0) }
    guard others.isEmpty, split == defaultSplit else {
      throw noSplit(split, in: folder, among: others)
    }
    return (folder, "")
  }

  private typealias Contents = (classes: [String], files: [FileSource.File], notes: [String])

  /// The classes and files of a folder of folders.
  private static func classed(_ root: String, _ held: MemoryReservation) throws -> Contents {
    var (classes, passedOver): ([String], PassedOver) = ([], PassedOver())
    var (hidden, beside) = (0, 0)
    for entry in try FileReader.entries(in: root) {
      if entry.name.hasPrefix(".") {
        hidden += entry.kind == .folder ? 1 : 0
      } else if entry.kind == .folder, !entry.isText {
        throw KilpiError(
          "the class folder '\(root)/\(entry.name)' has a name that is not UTF-8",
          advice: "rename it")
      } else if !passedOver.add(entry, at: entry.name) {
        if entry.kind == .folder { classes.append(entry.name) }
        if entry.kind == .file, ImageFormat(path: entry.name) != nil { beside += 1 }
      }
    }
    var files: [FileSource.File] = []
    var foreign: [String: Int] = [:]
    for (label, name) in classes.enumerated() {
      let path = root + "/" + name
      let walk = try ImageFileWalk(path, in: root, held)
      guard !walk.paths.isEmpty else {
        let others = ImageFileWalk.list(walk.foreign)
        throw KilpiError(
          others.isEmpty
            ? "there is no image in '\(path)'"
              + (walk.passedOver.notes.first.map { ": \($0)" } ?? "")
            : "there is no image that can be read in '\(path)': it holds \(others)",
          advice: others.isEmpty ? nil : "convert them to PNG")
      }
      files += walk.paths.map { .init(path: $0, label: label) }
      passedOver.add(walk.passedOver)
      foreign.merge(walk.foreign, uniquingKeysWith: +)
      hidden += walk.hidden
    }
    var notes: [String] = []
    if !foreign.isEmpty {
      notes.append(
        "images of kinds that are not read are passed over: \(ImageFileWalk.list(foreign))")
    }
    if hidden > 0 { notes.append("hidden images and folders are passed over: \(hidden)") }
    if beside > 0 { notes.append("images beside the class folders are passed over: \(beside)") }
    notes += passedOver.notes
    return (classes, files, notes)
  }

  /// Tiny-ImageNet's validation split: one folder, and a list of file, class and box.
  private static func annotated(
    _ root: String, file: String, folder: String, _ held: MemoryReservation
  ) throws -> Contents {
    let classes =
      try lines(ofFile: folder + "/wnids.txt").map(sorted)
      ?? sorted(FileReader.names(in: folder + "/train").filter { !$0.hasPrefix(".") })
    let labels = Dictionary(zip(classes, 0...), uniquingKeysWith: { first, _ in first })
    let files = try (lines(ofFile: file) ?? []).enumerated().map { number, line in
      let fields = line.split(separator: "\t")
      guard fields.count >= 2, let label = labels[String(fields[1])], !fields[0].contains("/")
      else {
        throw KilpiError("line \(number + 1) of '\(file)' names no file and class of the set")
      }
      let path = root + "/images/" + fields[0]
      if case .unusable(let reason) = FileReader.kind(of: path) {
        throw KilpiError("cannot read '\(path)': \(reason)")
      }
      try held.grow(by: 2 * path.utf8.count + 256)
      return FileSource.File(path: path, label: label)
    }
    return (classes, files, [])
  }

  private static func names(of classes: [String], folder: String) throws -> [String] {
    let path = folder + "/classnames.txt"
    let source = try lines(ofFile: path) ?? lines(ofFile: folder + "/words.txt") ?? []
    guard !source.isEmpty else { return classes }
    if source.allSatisfy({ $0.contains("\t") }) {
      var table: [Substring: Substring] = [:]
      for line in source {
        let fields = line.split(separator: "\t", maxSplits: 1)
        if fields.count == 2 { table[fields[0]] = fields[1] }
      }
      return try classes.map { name in
        // WordNet's synonyms follow one another after commas; the first stands for the class.
        guard let found = table[Substring(name)]?.split(separator: ",").first else {
          throw KilpiError("there is no name for the class folder '\(name)' in '\(folder)'")
        }
        return found.trimmed
      }
    }
    guard source.count == classes.count else {
      throw KilpiError(
        "'\(path)' names \(source.count) classes, but there are \(classes.count) class folders")
    }
    return source
  }

  private static func sorted(_ names: [String]) -> [String] {
    names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }
}
