internal import Diagnostics
internal import Files
internal import Images

/// The image files of a folder and all below it, in torchvision's order: by the folder's path, then by
/// the file's name, both by bytes.
///
/// Links are followed, as torchvision follows them; in the sandbox the gate decides. What cannot be
/// used is counted.
struct ImageFileWalk {
  /// Paths of the images that can be read.
  private(set) var paths: [String] = []
  /// Images of other kinds, by their ending.
  private(set) var foreign: [String: Int] = [:]
  /// Hidden files that are called images, such as macOS writes, and hidden folders.
  private(set) var hidden = 0
  /// What else cannot be used.
  private(set) var passedOver = PassedOver()

  /// Endings that people give to images which are not read.
  private static let foreignEndings: Set<String> = [
    "bmp", "tif", "tiff", "gif", "avif", "heic", "heif", "jxl", "jp2", "pbm", "ico", "jfif",
  ]
  private static let depth = 32

  /// Walks through `root`.
  ///
  /// - Parameters:
  ///   - base: the folder above it from which messages name what lies there.
  ///   - held: grows by what the paths take.
  init(_ root: String, in base: String, _ held: MemoryReservation) throws {
    var folders: [(path: String, images: [String])] = []
    try collect(root, held, under: base.utf8.count + 1, depth: 0, into: &folders)
    folders.sort { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
    paths = folders.flatMap { folder in folder.images.map { folder.path + "/" + $0 } }
  }

  /// Adds a folder and those below it.
  private mutating func collect(
    _ folder: String, _ held: MemoryReservation, under prefix: Int, depth: Int,
    into folders: inout [(path: String, images: [String])]
  ) throws {
    guard depth < Self.depth else {
      throw KilpiError(
        "folders below '\(folder)' are nested deeper than \(Self.depth)",
        advice: "does a link lead back to a folder above?")
    }
    guard folders.count < 1_000_000 else {
      throw KilpiError("'\(folder)' is one of more than 1000000 folders")
    }
    try Interrupts.poll()
    let place = folders.count
    folders.append((folder, []))
    for entry in try FileReader.entries(in: folder) {
      let ending = Self.ending(entry.name)
      let isImage = ImageFormat(path: entry.name) != nil
      let isForeign = Self.foreignEndings.contains(ending)
      if entry.name.hasPrefix(".") {
        hidden += entry.kind == .folder || isImage || isForeign ? 1 : 0
        continue
      }
      let path = folder + "/" + entry.name
      let name = String(path.utf8.dropFirst(prefix)) ?? entry.name
      if passedOver.add(entry, at: name) { continue }
      switch entry.kind {
      case .folder:
        try collect(path, held, under: prefix, depth: depth + 1, into: &folders)
      case .file where isImage:
        // The path here, in the list of files, and their places.
        try held.grow(by: 2 * path.utf8.count + 256)
        folders[place].images.append(entry.name)
      case .file where isForeign: foreign[ending, default: 0] += 1
      case .other where isImage || isForeign:
        passedOver.add("images that are no regular files", name)
      default: break
      }
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

/// Image files on disk.
final class FileSource: SampleSource, DecodingSource {
  struct File {
    let path: String
    var label: Int?
    var captions: [String] = []
  }

  private let files: [File]
  private let prefix: Int
  private var cache = PixelCache()
  /// Names and captions count against the cap as long as the set lives.
  private let held: MemoryReservation
  var warnings = DecodingWarnings()

  init(_ files: [File], under folder: String, holding held: MemoryReservation) {
    self.files = files
    self.held = held
    prefix = folder.utf8.count + 1
  }

  var count: Int { files.count }
  func id(at index: Int) -> String { String(files[index].path.utf8.dropFirst(prefix)) ?? "" }
  func label(at index: Int) -> Int? { files[index].label }
  func captions(at index: Int) -> [String] { files[index].captions }

  /// Not the time of modification: a copy of the set is the same set.
  func addContents(at index: Int, to digest: inout SHA256) {
    // A file that cannot be read says so when it is decoded.
    guard let file = try? MappedFile(path: files[index].path) else { return digest.update(-1) }
    digest.update(file.count)
    digest.update(UnsafeRawBufferPointer(rebasing: file.bytes.prefix(4096)))
  }

  func image(at index: Int) throws -> SampleImage {
    .pixels(
      try cache.image(at: index) {
        try ImageFile.load(files[index].path) { warnings.add($0, at: index) }
      })
  }
}
