internal import Files
internal import LuaBindings
internal import Notebook

/// `kilpi docs`, for `scripts/docs`: the reference and the annotations, made from the catalogue.
enum Documents {
  /// Writes them below the working directory, which must be the repository's root.
  ///
  /// - Returns: the exit status.
  static func write() -> Int32 {
    do {
      for file in GeneratedFiles.all() {
        try AtomicFile.write(file.text, to: file.path)
      }
      return 0
    } catch {
      StandardStream.error.write("kilpi: \(error)\n")
      return 1
    }
  }
}
