import Files
import Glibc
import TestSupport
import Tensors
import Testing

/// What loading a large file takes is told by the system, for the process.
@Suite("process-wide: memory of loading", .serialized, .enabled(if: ProcessWide.isAlone))
struct ProcessWideFileMemoryTests {
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
      guard SystemMemory.resetPeak(), let before = SystemMemory.resident else {
        print("skipped: the system does not tell the peak of resident memory")
        return
      }
      let tensor = try SafetensorsFile(path: path).tensor("x")
      let peak = try #require(SystemMemory.peak)
      #expect(tensor.count == count)
      #expect(Double(peak - before) < 1.2 * Double(4 * count))
    }
  }
}
