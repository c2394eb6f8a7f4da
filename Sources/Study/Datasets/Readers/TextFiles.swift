internal import Diagnostics
internal import Files

/// The name of the templates' file in the CLIP_benchmark layout.
let templatesFile = "zeroshot_classification_templates.txt"

/// The last part of a path.
func folderName(_ path: String) -> String {
  path.split(separator: "/").last.map(String.init) ?? path
}

/// The lines of a small text file without line ends and without a last empty one; nil when there is
/// no such file.
///
/// - Throws: `KilpiError` when the file is there and cannot be read, or has an empty line inside.
func lines(ofFile path: String) throws -> [String]? {
  guard FileReader.exists(path) else { return nil }
  var text = try FileReader.text(at: path, limit: 16 << 20)
  // A byte-order mark is no part of the first name.
  if text.unicodeScalars.first == "\u{FEFF}" { text.unicodeScalars.removeFirst() }
  let result = lines(text)
  if let empty = result.firstIndex(of: "") {
    throw KilpiError("line \(empty + 1) of '\(path)' is empty")
  }
  return result
}

/// The lines of a text; `\r` before a line end is dropped, and so are empty lines at the end.
func lines(_ text: String) -> [String] {
  var result = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    .map { line in
      let end = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
      return String(decoding: end, as: UTF8.self)
    }
  while result.last?.isEmpty == true { result.removeLast() }
  return result
}
