internal import Diagnostics
internal import Files
internal import Images

/// Image files in one folder a class: `SPLIT/CLASS/**/*.{png,jpg,jpeg,webp,ppm,pgm}` or `CLASS/…`.
///
/// Classes and files stand in torchvision's order, files of nested folders with them. A link that leads
/// out of the set is an error. Tiny-ImageNet's own layout (`CLASS/images`, `val_annotations.txt`) is
/// read as well. What is passed over, such as images of kinds that are not read, notes count.
public enum ImageFolder {
  /// Opens a set; images are decoded on demand and kept in memory up to 512 MiB.
  ///
  /// - Parameters:
  ///   - folder: the root. Where it has a folder named like the split, the classes are inside that.
  ///   - split: also read as `val` or `validation` where the set calls its test split so.
  /// - Throws: `KilpiError` when there is no class or image, a class has none, `classnames.txt` does
  ///   not fit, or a link leads outside.
  ///
  /// `classnames.txt` in the root gives either `FOLDER<tab>NAME` lines or one name a class in
  /// the order of the sorted folders.
  public static func open(folder: String, split: String) throws -> Dataset {
    let root = try Self.root(folder, split: split)
    let validation = root + "/val_annotations.txt"
    let (classes, files, notes) =
      try FileReader.exists(validation)
      ? annotated(root, file: validation, folder: folder) : classed(root)
    guard !files.isEmpty else { throw KilpiError("", "there is no image in '\(root)'") }
    let name = folderName(folder)
    return try Dataset(
      name: name, split: root == folder ? "" : split,
      source: FileSource(files, under: folder), classNames: names(of: classes, folder: folder),
      templates: lines(ofFile: folder + "/" + templatesFile) ?? [],
      notes: notes.map { "\(name): \($0)" })
  }

  /// True when `folder` holds folders with images.
  static func matches(_ folder: String, split: String) -> Bool {
    guard let root = try? root(folder, split: split) else { return false }
    if FileReader.exists(root + "/val_annotations.txt") { return true }
    let folders = ((try? FileReader.names(in: root)) ?? []).filter {
      !$0.hasPrefix(".") && FileReader.isDirectory(root + "/" + $0)
    }
    return folders.prefix(3).contains { ImageFileWalk.holdsImages(root + "/" + $0) }
  }

  private static func root(_ folder: String, split: String) throws -> String {
    guard FileReader.isDirectory(folder) else {
      throw KilpiError("", "'\(folder)' is not a folder")
    }
    for name in split == "test" ? ["test", "val", "validation"] : [split]
    where FileReader.isDirectory(folder + "/" + name) { return folder + "/" + name }
    let others = knownSplits.filter { FileReader.isDirectory(folder + "/" + $0) }
    guard others.isEmpty else {
      throw KilpiError(
        "", "there is no split '\(split)' in '\(folder)'",
        advice: "splits: \(others.joined(separator: ", "))")
    }
    return folder
  }

  private typealias Contents = (classes: [String], files: [FileSource.File], notes: [String])

  /// The classes and files of a folder of folders.
  private static func classed(_ root: String) throws -> Contents {
    let entries = try sorted(FileReader.names(in: root))
    let classes = entries.filter {
      !$0.hasPrefix(".") && FileReader.isDirectory(root + "/" + $0)
    }
    let guardian = try LinkGuard(root)
    var files: [FileSource.File] = []
    var foreign: [String: Int] = [:]
    var hidden = entries.filter {
      $0.hasPrefix(".") && FileReader.isDirectory(root + "/" + $0)
    }.count
    for (label, name) in classes.enumerated() {
      let path = root + "/" + name
      try guardian.check(path)
      let walk = try ImageFileWalk(path, guardian)
      guard !walk.paths.isEmpty else {
        let others = ImageFileWalk.list(walk.foreign)
        throw KilpiError(
          "",
          others.isEmpty
            ? "there is no image in '\(path)'"
            : "there is no image that can be read in '\(path)': it holds \(others)",
          advice: others.isEmpty ? nil : "convert them to PNG")
      }
      files += walk.paths.map { .init(path: $0, label: label) }
      foreign.merge(walk.foreign, uniquingKeysWith: +)
      hidden += walk.hidden
    }
    var notes: [String] = []
    if !foreign.isEmpty {
      notes.append(
        "images of kinds that are not read are passed over: \(ImageFileWalk.list(foreign))")
    }
    if hidden > 0 { notes.append("hidden images and folders are passed over: \(hidden)") }
    let beside = entries.filter {
      !$0.hasPrefix(".") && ImageFormat(path: $0) != nil
        && !FileReader.isDirectory(root + "/" + $0)
    }
    if !beside.isEmpty {
      notes.append("images beside the class folders are passed over: \(beside.count)")
    }
    return (classes, files, notes)
  }

  /// Tiny-ImageNet's validation split: one folder, and a list of file, class and box.
  private static func annotated(
    _ root: String, file: String, folder: String
  ) throws -> Contents {
    let classes =
      try lines(ofFile: folder + "/wnids.txt").map(sorted)
      ?? sorted(FileReader.names(in: folder + "/train").filter { !$0.hasPrefix(".") })
    let labels = Dictionary(zip(classes, 0...), uniquingKeysWith: { first, _ in first })
    let guardian = try LinkGuard(root)
    let files = try (lines(ofFile: file) ?? []).enumerated().map { number, line in
      let fields = line.split(separator: "\t")
      guard fields.count >= 2, let label = labels[String(fields[1])], !fields[0].contains("/")
      else {
        throw KilpiError(
          "", "line \(number + 1) of '\(file)' names no file and class of the set")
      }
      let path = root + "/images/" + fields[0]
      try guardian.check(path)
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
          throw KilpiError("", "there is no name for the class folder '\(name)' in '\(folder)'")
        }
        return found.trimmed
      }
    }
    guard source.count == classes.count else {
      throw KilpiError(
        "", "'\(path)' names \(source.count) classes, but there are \(classes.count) class folders")
    }
    return source
  }

  private static func sorted(_ names: [String]) -> [String] {
    names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }
}
