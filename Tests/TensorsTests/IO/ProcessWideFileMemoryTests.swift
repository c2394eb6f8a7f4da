import Files
import Glibc
import TestSupport
import Tensors
import Testing

/// What loading a large file takes is told by the system, for the process.
@Suite("process-wide: memory of loading", .serialized, .enabled(if: ProcessWide.isAlone))
struct ProcessWideFileMemoryTests {
  /// Bytes of a line of `/proc/self/status`, such as `VmHWM`; nil where there is none.
  static func status(_ key: String) -> Int? {
    guard let file = fopen("/proc/self/status", "r") else { return nil }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    while fgets(&line, 256, file) != nil {
      let bytes = line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
      let text = String(decoding: bytes, as: UTF8.self)
      guard text.hasPrefix(key + ":") else { continue }
      return text.split(separator: " ").compactMap { Int($0) }.first.map { $0 * 1024 }
    }
    return nil
  }

  /// Sets `VmHWM` back to what is resident now.
  static func resetPeak() -> Bool {
    guard let file = fopen("/proc/self/clear_refs", "w") else { return false }
    defer { fclose(file) }
    return fputs("5\n", file) >= 0
  }

  @Test("a file of 200 MB peaks at most at 1.2 times its tensors")
  func peak() throws {
    let count = 50_000_000
    try withTemporaryDirectory { directory in
      let path = directory + "/x.safetensors"
      let header =
        "{\"x\":{\"dtype\":\"F32\",\"shape\":[\(count)],\"data_offsets\":[0,\(4 * count)]}}"
      try writeQuickly(safetensorsFile(header), to: path)
      // A hole in the file reads as zeros.
      try #require(truncate(path, 8 + header.utf8.count + 4 * count) == 0)
      MemoryMeter.trim()
      guard Self.resetPeak(), let before = Self.status("VmRSS") else {
        print("skipped: the system does not tell the peak of resident memory")
        return
      }
      let tensor = try SafetensorsFile(path: path).tensor("x")
      let peak = try #require(Self.status("VmHWM"))
      #expect(tensor.count == count)
      #expect(Double(peak - before) < 1.2 * Double(4 * count))
    }
  }
}
