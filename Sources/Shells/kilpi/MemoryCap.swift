internal import Glibc
internal import Notebook

/// How much memory Kilpi may use when nobody says it: 80 % of the machine's or the control group's.
enum MemoryCap {
  /// Bytes; nil when the system does not tell.
  static var standard: Int? {
    let limits = [systemBytes, groupBytes].compactMap { $0 }
    return limits.min().map { $0 / 5 * 4 }
  }

  private static var systemBytes: Int? {
    let pages = sysconf(Int32(_SC_PHYS_PAGES))
    let size = sysconf(Int32(_SC_PAGESIZE))
    guard pages > 0, size > 0 else { return nil }
    let (bytes, overflow) = pages.multipliedReportingOverflow(by: size)
    return overflow ? nil : bytes
  }

  /// The limit of the control group, version 2 or 1.
  private static var groupBytes: Int? {
    for path in ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"] {
      guard let text = try? ScriptSource.read(path: path, limit: 64),
        let bytes = Int(String(decoding: text.prefix { $0 != 10 }, as: UTF8.self))
      else { continue }
      return bytes
    }
    return nil
  }
}
