internal import Diagnostics
internal import Files
internal import Glibc

/// Finds models by name.
public enum ModelLocator {
  /// Folders that are searched, in order: `KILPI_MODELS` (separated by `:`), the user's data folder,
  /// the models shipped with Kilpi.
  public static var folders: [String] {
    func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
    var folders = (variable("KILPI_MODELS") ?? "").split(separator: ":").map(String.init)
    if let data = variable("XDG_DATA_HOME") {
      folders.append(data + "/kilpi/models")
    } else if let home = variable("HOME") {
      folders.append(home + "/.local/share/kilpi/models")
    }
    if let shipped = try? ResourceLocator.path("models") { folders.append(shipped) }
    return folders
  }

  /// The path that a path or name stands for.
  ///
  /// - Throws: `KilpiError` naming the folders that were searched.
  public static func resolve(_ pathOrName: String) throws -> String {
    if FileReader.exists(pathOrName) { return pathOrName }
    if !pathOrName.contains("/") {
      for folder in folders where FileReader.exists(folder + "/" + pathOrName) {
        return folder + "/" + pathOrName
      }
    }
    let near = NearestName.suggestion(for: pathOrName, among: available().map(\.name))
    throw KilpiError(
      "there is no model '\(pathOrName)'",
      advice: near.map { "did you mean '\($0)'?" }
        ?? "give a path, or the name of a folder in KILPI_MODELS; clip.create makes random weights")
  }

  /// Models found in the folders: name and path.
  public static func available() -> [(name: String, path: String)] {
    folders.flatMap { folder in
      ((try? FileReader.names(in: folder)) ?? [])
        .filter { name in
          FileReader.isDirectory("\(folder)/\(name)")
            && (try? CheckpointPlace("\(folder)/\(name)")) != nil
        }
        .map { ($0, "\(folder)/\($0)") }
    }
  }
}
