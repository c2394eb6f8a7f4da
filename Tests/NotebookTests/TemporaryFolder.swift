import Foundation

/// A fresh folder for one run of the tests, removed when the process ends.
enum TemporaryFolder {
  static let path: String = {
    let path = NSTemporaryDirectory() + "kilpi-notebook-\(UUID().uuidString)"
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    atexit { try? FileManager.default.removeItem(atPath: TemporaryFolder.path) }
    return path
  }()
}
