import Archives
import Datasets
import Diagnostics
import Files
import Images
import TestSupport
import Testing

/// A small image whose pixels follow from a number.
func picture(_ number: Int, width: Int = 4, height: Int = 3) throws -> PixelImage {
  try PixelImage(
    width: width, height: height,
    pixels: (0..<(width * height * 3)).map { UInt8(truncatingIfNeeded: $0 * 7 + number * 31) })
}

/// A tar archive of regular files.
func tar(_ members: [(name: String, bytes: [UInt8])]) -> [UInt8] {
  var result: [UInt8] = []
  for member in members {
    var header = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, _ at: Int) {
      for (i, byte) in text.utf8.enumerated() { header[at + i] = byte }
    }
    func octal(_ value: Int, _ digits: Int) -> String {
      let text = String(value, radix: 8)
      return String(repeating: "0", count: digits - text.count) + text
    }
    put(member.name, 0)
    put("0000644", 100)
    put(octal(member.bytes.count, 11), 124)
    put("0", 156)
    put("ustar\u{0}00", 257)
    for i in 148..<156 { header[i] = 32 }
    let sum = header.reduce(0) { $0 + Int($1) }
    put(octal(sum, 6) + "\u{0} ", 148)
    result += header + member.bytes
    result += [UInt8](repeating: 0, count: (512 - member.bytes.count % 512) % 512)
  }
  return result + [UInt8](repeating: 0, count: 1024)
}

/// The bytes of an IDX file.
func idx(_ shape: [Int], _ bytes: [UInt8], magic: [UInt8]? = nil) -> [UInt8] {
  var result = magic ?? [0, 0, 8, UInt8(shape.count)]
  for size in shape { for shift in [24, 16, 8, 0] { result.append(UInt8(size >> shift & 255)) } }
  return result + bytes
}

/// Writes files into a folder, making folders on the way.
func write(_ files: [(String, [UInt8])], in folder: String) throws {
  for (name, bytes) in files {
    let path = folder + "/" + name
    if let slash = path.lastIndex(of: "/") {
      try FileReader.makeDirectory(String(path[..<slash]))
    }
    try AtomicFile.write(bytes, to: path)
  }
}

/// The error that `body` throws, as text without paths of temporary folders.
func problem(in folder: String = "/nowhere", _ body: () throws -> Void) -> String {
  do {
    try body()
    return "no error"
  } catch {
    return "\(error)".split(separator: folder, omittingEmptySubsequences: false).joined(
      separator: "D")
  }
}
