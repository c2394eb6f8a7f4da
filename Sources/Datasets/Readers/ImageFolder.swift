internal import Diagnostics
internal import Files
internal import Glibc
internal import Images

/// Image files in one folder a class: `SPLIT/CLASS/*.{png,jpg,jpeg,ppm}` or `CLASS/*`.
///
/// Classes are sorted by the bytes of their names, files too. A link that leads out of the set is
/// an error. Tiny-ImageNet's own layout (`CLASS/images`, `val_annotations.txt`) is read as well.
public enum ImageFolder {
  /// Opens a set; images are decoded on demand and kept in memory up to 512 MiB.
  ///
  /// - Parameters:
  ///   - folder: the root. Where it has a folder named like the split, the classes are inside that.
  ///   - split: also read as `val` where the set calls its test split so.
  /// - Throws: `KilpiError` when there is no class or image, a class has none, `classnames.txt` does
  ///   not fit, or a link leads outside.
  ///
  /// `classnames.txt` in the root gives either `FOLDER<tab>NAME` lines or one name a class in
  /// the order of the sorted folders.
  public static func open(folder: String, split: String) throws -> Dataset {
    let root = try Self.root(folder, split: split)
    let validation = root + "/val_annotations.txt"
    let (classes, files) =
      try FileReader.exists(validation)
      ? annotated(root, file: validation, folder: folder) : classed(root)
    guard !files.isEmpty else { throw KilpiError("", "there is no image in '\(root)'") }
    return try Dataset(
      name: folderName(folder), split: root == folder ? "" : split,
      source: FileSource(files, under: folder), classNames: names(of: classes, folder: folder),
      templates: lines(ofFile: folder + "/" + templatesFile) ?? [])
  }

  /// True when `folder` holds folders with images.
  static func matches(_ folder: String, split: String) -> Bool {
    guard let root = try? root(folder, split: split) else { return false }
    if FileReader.exists(root + "/val_annotations.txt") { return true }
    let folders = ((try? FileReader.names(in: root)) ?? []).filter {
      !$0.hasPrefix(".") && FileReader.isDirectory(root + "/" + $0)
    }
    return folders.prefix(3).contains { name in
      [root + "/" + name, root + "/" + name + "/images"].contains { path in
        FileReader.isDirectory(path)
          && ((try? FileReader.names(in: path)) ?? []).contains { ImageFormat(path: $0) != nil }
      }
    }
  }

  private static func root(_ folder: String, split: String) throws -> String {
    guard FileReader.isDirectory(folder) else {
      throw KilpiError("", "'\(folder)' is not a folder")
    }
    for name in split == "test" ? ["test", "val"] : [split]
    where FileReader.isDirectory(folder + "/" + name) { return folder + "/" + name }
    let others = ["train", "val", "test"].filter { FileReader.isDirectory(folder + "/" + $0) }
    guard others.isEmpty else {
      throw KilpiError(
        "", "there is no split '\(split)' in '\(folder)'",
        advice: "splits: \(others.joined(separator: ", "))")
    }
    return folder
  }

  /// The classes and files of a folder of folders.
  private static func classed(_ root: String) throws -> ([String], [FileSource.File]) {
    let classes = try sorted(FileReader.names(in: root)).filter {
      !$0.hasPrefix(".") && FileReader.isDirectory(root + "/" + $0)
    }
    let guardian = try LinkGuard(root)
    var files: [FileSource.File] = []
    for (label, name) in classes.enumerated() {
      try Interrupts.poll()
      var path = root + "/" + name
      try guardian.check(path)
      if FileReader.isDirectory(path + "/images") { path += "/images" }
      let images = try sorted(FileReader.names(in: path)).filter {
        !$0.hasPrefix(".") && ImageFormat(path: $0) != nil
      }
      guard !images.isEmpty else { throw KilpiError("", "there is no image in '\(path)'") }
      for image in images {
        try guardian.check(path + "/" + image)
        files.append(.init(path: path + "/" + image, label: label))
      }
    }
    return (classes, files)
  }

  /// Tiny-ImageNet's validation split: one folder, and a list of file, class and box.
  private static func annotated(
    _ root: String, file: String, folder: String
  ) throws -> ([String], [FileSource.File]) {
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
    return (classes, files)
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

/// Refuses links that lead out of a folder.
private struct LinkGuard {
  private let root: String

  init(_ root: String) throws {
    guard let real = Self.resolved(root) else {
      throw KilpiError("", "cannot read '\(root)': \(String(cString: strerror(errno)))")
    }
    self.root = real
  }

  func check(_ path: String) throws {
    var status = stat()
    guard lstat(path, &status) == 0 else {
      throw KilpiError("", "cannot read '\(path)': \(String(cString: strerror(errno)))")
    }
    guard status.st_mode & S_IFMT == S_IFLNK else { return }
    guard let real = Self.resolved(path), real.hasPrefix(root + "/") else {
      throw KilpiError("", "'\(path)' is a link that leads out of the data set")
    }
  }

  private static func resolved(_ path: String) -> String? {
    guard let real = realpath(path, nil) else { return nil }
    defer { free(real) }
    return String(cString: real)
  }
}

/// Image files on disk.
final class FileSource: SampleSource, DecodingSource {
  struct File {
    let path: String
    let label: Int
  }

  private let files: [File]
  private let prefix: Int
  private var cache: PixelCache
  var warnings = DecodingWarnings()

  init(_ files: [File], under folder: String) {
    self.files = files
    prefix = folder.utf8.count + 1
    cache = PixelCache(count: files.count)
  }

  var count: Int { files.count }
  func id(at index: Int) -> String { String(files[index].path.utf8.dropFirst(prefix)) ?? "" }
  func label(at index: Int) -> Int? { files[index].label }

  func image(at index: Int) throws -> SampleImage {
    .pixels(
      try cache.image(at: index) {
        try ImageFile.load(files[index].path) { warnings.add($0, at: index) }
      })
  }
}
