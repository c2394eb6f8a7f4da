internal import Files

/// Names of files for the completion of strings.
public enum FileNames {
  /// Paths that start with a text, relative to the working directory or absolute.
  ///
  /// Folders end in a slash. Hidden files are given only when their dot is typed.
  public static func starting(with partial: String) -> [String] {
    let slash = partial.lastIndex(of: "/")
    let folder = slash.map { String(partial[...$0]) } ?? ""
    let prefix = slash.map { String(partial[partial.index(after: $0)...]) } ?? partial
    let names = (try? FileReader.names(in: folder.isEmpty ? "." : folder)) ?? []
    return
      names
      .filter { $0.hasPrefix(prefix) && (prefix.hasPrefix(".") || !$0.hasPrefix(".")) }
      .map { folder + $0 + (FileReader.isDirectory(folder + $0) ? "/" : "") }
  }
}
