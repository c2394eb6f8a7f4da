internal import Glibc

/// What the system says of this process's memory; nil where it does not tell.
public enum SystemMemory {
  /// Bytes resident now.
  public static var resident: Int? { status("VmRSS") }
  /// Most bytes ever resident since `resetPeak()`.
  public static var peak: Int? { status("VmHWM") }

  /// Bytes of a line of `/proc/self/status`, such as `VmHWM`; nil where there is none.
  private static func status(_ key: String) -> Int? {
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
  public static func resetPeak() -> Bool {
    guard let file = fopen("/proc/self/clear_refs", "w") else { return false }
    defer { fclose(file) }
    return fputs("5\n", file) >= 0
  }
}
