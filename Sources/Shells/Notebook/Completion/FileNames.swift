internal import Glibc

/// Names of files for completion.
///
/// They are bytes, since a file's name need not be text.
package enum FileNames {
  /// Paths that start with a path, relative to the working directory or absolute, sorted by bytes.
  ///
  /// Folders end in a slash. Hidden files are given only when their dot is typed.
  ///
  /// - Parameter allows: whether a folder's names may be seen.
  package static func starting(
    with partial: [UInt8], allows: (String) -> Bool = { _ in true }
  ) -> [[UInt8]] {
    let slash = UInt8(ascii: "/")
    let dot = UInt8(ascii: ".")
    let cut = partial.lastIndex(of: slash).map { $0 + 1 } ?? 0
    let (folder, prefix) = (Array(partial[..<cut]), partial[cut...])
    let place = folder.isEmpty ? [dot] : folder
    guard allows(String(decoding: place, as: UTF8.self)) else { return [] }
    return names(in: place)
      .filter { $0.starts(with: prefix) && (prefix.first == dot || $0.first != dot) }
      .sorted { $0.lexicographicallyPrecedes($1) }
      .map { folder + $0 + (isDirectory(folder + $0) ? [slash] : []) }
  }

  private static func withPath<T>(_ path: [UInt8], _ body: (UnsafePointer<CChar>) -> T) -> T {
    (path.map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer { buffer in
      // An array with an end is never without a first element.
      buffer.baseAddress.map(body) ?? body("")
    }
  }

  private static func names(in folder: [UInt8]) -> [[UInt8]] {
    guard let handle = withPath(folder, { opendir($0) }) else { return [] }
    defer { closedir(handle) }
    var names: [[UInt8]] = []
    while let entry = readdir(handle) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      if name != Array(".".utf8), name != Array("..".utf8) { names.append(name) }
    }
    return names
  }

  private static func isDirectory(_ path: [UInt8]) -> Bool {
    var status = stat()
    return withPath(path) { stat($0, &status) } == 0 && status.st_mode & S_IFMT == S_IFDIR
  }
}
