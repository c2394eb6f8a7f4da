internal import Archives
public import Diagnostics
internal import Files

/// Reads and writes numpy's npz files: zip archives of npy files.
public enum Npz {
  private static let suffix = ".npy"

  /// All arrays of a file by name, stored or deflated; see `Npy.load` for element types.
  ///
  /// Checksums are verified, object arrays refused. Stored arrays are read in place; a deflated one
  /// is unpacked into memory beside its tensor, and a size that its bytes cannot give is an error.
  ///
  /// - Throws: `KilpiError` with path, member and reason.
  public static func load(_ path: String) throws -> [String: Tensor] {
    let (tensors, refused) = try contents(path)
    if let first = refused.min(by: { $0.key < $1.key }) {
      throw KilpiError("cannot read '\(path)': \(first.value.problem)", advice: first.value.advice)
    }
    return tensors
  }

  /// As `load(_:)`; sound members that are no numbers are named with the reason, and do not hinder
  /// the others.
  public static func contents(
    _ path: String
  ) throws -> (tensors: [String: Tensor], refused: [String: KilpiError]) {
    let file = try MappedFile(path: path)
    return try withExtendedLifetime(file) {
      try reading(path) {
        guard ZipIndex.isZip(file.bytes) || file.count == 22 else {
          throw KilpiError("it does not start as an npz file does")
        }
        let index = try ZipIndex(file.bytes)
        var tensors: [String: Tensor] = [:]
        var refused: [String: KilpiError] = [:]
        for member in index.members {
          guard member.name.hasSuffix(suffix), member.name != suffix else {
            refused[member.name] = KilpiError(
              "its member '\(member.name.prefix(60))' is not an npy file")
            continue
          }
          let name = String(member.name.dropLast(suffix.count))
          do {
            tensors[name] = try array(member, index, file)
          } catch let unread as UnreadElements {
            refused[name] = KilpiError(
              "'\(member.name.prefix(60))': \(unread.error.problem)", advice: unread.error.advice)
          }
        }
        return (tensors, refused)
      }
    }
  }

  private static func array(
    _ member: ZipIndex.Member, _ index: ZipIndex, _ file: MappedFile
  ) throws -> Tensor {
    do {
      guard member.isStored else {
        // Unpacked into a tensor's memory, which is metered: a bomb meets the cap.
        let size = try index.checkedSize(of: member)
        try checkHead(member, index, file, size: size)
        let block = try Tensor(uninitialized: [(size + 3) / 4], .float32)
        return try keeping(block) {
          let target = UnsafeMutableRawBufferPointer(start: block.raw, count: size)
          try index.unpack(member, in: file.bytes, into: target)
          return try Npy.decode(UnsafeRawBufferPointer(target), file: nil)
        }
      }
      let bytes = UnsafeRawBufferPointer(rebasing: file.bytes[member.bytes])
      guard try MappedWalk.sum(bytes, file: file) == member.checksum else {
        throw KilpiError("its checksum is wrong", advice: "copy or download it again")
      }
      return try Npy.decode(bytes, file: file)
    } catch let error as KilpiError where error.kind == .host {
      let prefix = error.problem.hasPrefix("its member") ? "" : "'\(member.name.prefix(60))': "
      throw KilpiError(prefix + error.problem, advice: error.advice)
    }
  }

  /// Checks a deflated member's size against its own header, before anything as large is unpacked.
  private static func checkHead(
    _ member: ZipIndex.Member, _ index: ZipIndex, _ file: MappedFile, size: Int
  ) throws {
    // Headers have some hundred bytes; the longest allowed is read where the first look is too short.
    for length in [4096, (1 << 20) + 12] {
      let count = min(size, length)
      let isEnough = try withUnsafeTemporaryAllocation(byteCount: count, alignment: 16) { block in
        try index.unpackHead(of: member, in: file.bytes, into: block)
        let head = UnsafeRawBufferPointer(block)
        do {
          _ = try Npy.layout(head, size: size)
          return true
        } catch let error as KilpiError {
          // A header that goes on beyond the first look is looked at again.
          if count < size, length == 4096, error.problem.contains("its header after") {
            return false
          }
          throw error
        }
      }
      if isEnough { return }
    }
  }

  /// Writes tensors sorted by name, stored, as a whole: equal tensors give equal bytes.
  ///
  /// - Throws: `KilpiError` when a name cannot stand in a zip archive or all exceed 4 GiB, and with
  ///   path and reason when the file cannot be written.
  public static func save(_ tensors: [String: Tensor], to path: String) throws {
    let sorted = tensors.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    let sources = try sorted.map { try $0.value.detached().ordered() }
    let prefixes = sources.map { Npy.prefix(of: $0) }
    // One block of memory for all headers: their addresses must hold until the file is written.
    let joined = prefixes.flatMap { $0 }
    try withExtendedLifetime(sources) {
      try joined.withUnsafeBytes { joined in
        var start = 0
        var members: [ZipWriter.Member] = []
        for (index, source) in sources.enumerated() {
          let end = start + prefixes[index].count
          members.append(
            (
              name: sorted[index].key + suffix,
              parts: [
                UnsafeRawBufferPointer(rebasing: joined[start..<end]), Npy.values(of: source),
              ]
            ))
          start = end
        }
        try ZipWriter.archive(members) { try AtomicFile.write($0, to: path) }
      }
    }
  }
}
