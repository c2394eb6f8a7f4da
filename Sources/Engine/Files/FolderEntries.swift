internal import Glibc

/// What stands under a name in a folder, links followed.
public struct FolderEntry: Equatable, Sendable {
  /// What there is to do with it.
  public enum Kind: Equatable, Sendable {
    /// A regular file.
    case file
    /// A folder.
    case folder
    /// A pipe, a socket, a device.
    case other
    /// Nothing that can be opened, with the reason: a link to what is not there, or what the gate refuses.
    case unusable(String)
  }

  /// The name; what is not UTF-8 in it is replaced, so that it can be shown but not opened.
  public let name: String
  /// Whether the name is UTF-8.
  public let isText: Bool
  /// What stands there.
  public let kind: Kind
}

extension FileReader {
  /// What stands at a path, links followed.
  public static func kind(of path: String) -> FolderEntry.Kind {
    guard let status = SystemCall.status(path) else { return .unusable(systemReason()) }
    switch status.st_mode & S_IFMT {
    case S_IFREG: return .file
    case S_IFDIR: return .folder
    default: return .other
    }
  }

  /// The entries of a directory, sorted by bytes, without `.` and `..`.
  ///
  /// - Throws: `KilpiError` when the directory cannot be read.
  public static func entries(in directory: String) throws -> [FolderEntry] {
    var entries: [FolderEntry] = []
    try list(directory) { bytes, type in
      let text = String(validating: bytes, as: UTF8.self)
      let name = text ?? String(decoding: bytes, as: UTF8.self)
      let kind: FolderEntry.Kind
      // Only links, and files of systems that do not tell, need a look of their own.
      switch Int(type) {
      case Int(DT_REG): kind = .file
      case Int(DT_DIR): kind = .folder
      case Int(DT_LNK), Int(DT_UNKNOWN):
        kind =
          text == nil
          ? .unusable("its name is not UTF-8") : FileReader.kind(of: directory + "/" + name)
      default: kind = .other
      }
      entries.append(FolderEntry(name: name, isText: text != nil, kind: kind))
    }
    return entries.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
  }

  /// Calls `body` with the bytes of each name in a directory but `.` and `..`, and its type (`d_type`).
  static func list(_ directory: String, _ body: (ArraySlice<UInt8>, UInt8) -> Void) throws {
    let descriptor = SystemCall.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0, let handle = fdopendir(descriptor) else {
      throw cannotRead(directory)
    }
    defer { closedir(handle) }
    while let entry = readdir(handle) {
      let type = entry.pointee.d_type
      let bytes = withUnsafeBytes(of: &entry.pointee.d_name) { name in
        Array(name.prefix { $0 != 0 })
      }
      if bytes != [46] && bytes != [46, 46] { body(bytes[...], type) }
    }
  }
}
