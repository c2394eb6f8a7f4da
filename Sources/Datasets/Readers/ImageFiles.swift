internal import Diagnostics
internal import Files
internal import Glibc
internal import Images

/// Splits that sets call by these names.
let knownSplits = ["train", "val", "validation", "test"]

/// The image files of a folder and all below it, in torchvision's order: by the folder's path, then by
/// the file's name, both by bytes.
///
/// Hidden entries and images of kinds that are not read are counted; links must stay inside.
struct ImageFileWalk {
  /// Paths of the images that can be read.
  private(set) var paths: [String] = []
  /// Images of other kinds, by their ending.
  private(set) var foreign: [String: Int] = [:]
  /// Hidden files that are called images, such as macOS writes, and hidden folders.
  private(set) var hidden = 0

  /// Endings that people give to images which are not read.
  private static let foreignEndings: Set<String> = [
    "bmp", "tif", "tiff", "gif", "avif", "heic", "heif", "jxl", "jp2", "pbm", "ico", "jfif",
  ]
  private static let depth = 32

  /// Walks through `root`, which the guard covers.
  init(_ root: String, _ guardian: LinkGuard) throws {
    var folders = [root]
    try collect(root, guardian, depth: 0, into: &folders)
    for folder in folders.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
      try Interrupts.poll()
      for name in try FileReader.names(in: folder) {
        let path = folder + "/" + name
        let ending = Self.ending(name)
        let isImage = ImageFormat(path: name) != nil
        guard isImage || Self.foreignEndings.contains(ending), !FileReader.isDirectory(path) else {
          continue
        }
        if name.hasPrefix(".") {
          hidden += 1
        } else if isImage {
          try guardian.check(path)
          paths.append(path)
        } else {
          foreign[ending, default: 0] += 1
        }
      }
    }
  }

  /// Adds the folders below `folder`.
  private mutating func collect(
    _ folder: String, _ guardian: LinkGuard, depth: Int, into folders: inout [String]
  ) throws {
    guard depth < Self.depth else {
      throw KilpiError(
        "", "folders below '\(folder)' are nested deeper than \(Self.depth)",
        advice: "does a link lead back to a folder above?")
    }
    for name in try FileReader.names(in: folder) {
      let path = folder + "/" + name
      guard FileReader.isDirectory(path) else { continue }
      if name.hasPrefix(".") {
        hidden += 1
        continue
      }
      try guardian.check(path)
      folders.append(path)
      guard folders.count <= 1_000_000 else {
        throw KilpiError("", "'\(folder)' is one of more than 1000000 folders")
      }
      try collect(path, guardian, depth: depth + 1, into: &folders)
    }
  }

  /// `2 .bmp, 1 .tif`; empty when there are none.
  static func list(_ foreign: [String: Int]) -> String {
    foreign.sorted { $0.key < $1.key }.map { "\($0.value) .\($0.key)" }.joined(separator: ", ")
  }

  /// Whether an image file, of any kind, lies in a folder or below it.
  static func holdsImages(_ folder: String, depth: Int = 4) -> Bool {
    let names = (try? FileReader.names(in: folder)) ?? []
    if names.contains(where: {
      !$0.hasPrefix(".") && (ImageFormat(path: $0) != nil || foreignEndings.contains(ending($0)))
    }) {
      return true
    }
    guard depth > 0 else { return false }
    return names.prefix(8).contains {
      !$0.hasPrefix(".") && FileReader.isDirectory(folder + "/" + $0)
        && holdsImages(folder + "/" + $0, depth: depth - 1)
    }
  }

  private static func ending(_ name: String) -> String {
    guard let dot = name.lastIndex(of: ".") else { return "" }
    return name[name.index(after: dot)...].lowercased()
  }
}

/// Refuses links that lead out of a folder.
struct LinkGuard {
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
    var label: Int?
    var captions: [String] = []
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
  func captions(at index: Int) -> [String] { files[index].captions }

  func image(at index: Int) throws -> SampleImage {
    .pixels(
      try cache.image(at: index) {
        try ImageFile.load(files[index].path) { warnings.add($0, at: index) }
      })
  }
}
