internal import CArchive
internal import Diagnostics

/// What a reader of archives accepts; a file beyond a limit is an error that names it.
public struct ArchiveLimits: Sendable {
  /// Largest size of one member, in bytes.
  public let entryBytes = 256 << 20
  /// Longest member name, in bytes.
  public var nameBytes = 1024
  /// Largest number of members.
  public var entries = 10_000_000
  /// Largest size of all members that were read, in bytes.
  public var totalBytes = 64 << 30

  /// The default limits: 256 MiB a member, names of 1 KiB, 64 GiB in all.
  public init() {}
}

/// One regular file in an archive.
public struct ArchiveEntry: Equatable, Sendable {
  /// Its path inside the archive: relative, without `..`.
  public let name: String
  /// Its size in bytes, as its header says.
  public let size: Int
}

/// The regular files of a tar (plain, gzip or zstd) or zip archive, one after another.
///
/// Folders are passed over. Links, devices, sparse files, absolute names, names with `..` and
/// names that are not UTF-8 are errors, as are damage and truncation: a tar must end in its end
/// mark, and the checksum of a gzip stream must hold. Nothing is ever written to disk.
public final class ArchiveReader {
  /// The file's path, or the name given for bytes in memory.
  public let name: String

  private let limits: ArchiveLimits
  private let handle: OpaquePointer
  private let feeder: Feeder?
  private let memory: UnsafeMutableRawBufferPointer?
  private var current: ArchiveEntry?
  private var entries = 0
  private var total = 0
  private var ended = false

  /// Opens a tar file; gzip and zstd are recognised by content.
  public convenience init(tarAt path: String, limits: ArchiveLimits = ArchiveLimits()) throws {
    let first = try Self.firstBytes(of: FileSource(path: path))
    try self.init(tar: FileSource(path: path), startingWith: first, name: path, limits: limits)
  }

  /// Opens a tar archive in memory; `name` is for messages.
  public convenience init(
    tar bytes: [UInt8], name: String, limits: ArchiveLimits = ArchiveLimits()
  ) throws {
    try self.init(
      tar: MemorySource(bytes), startingWith: Array(bytes.prefix(4)), name: name, limits: limits)
  }

  private init(
    tar source: any ByteSource, startingWith first: [UInt8], name: String, limits: ArchiveLimits
  ) throws {
    self.name = name
    self.limits = limits
    memory = nil
    var source = source
    if Gzip.isGzip(first) {
      source = try InflatingSource(source, name: name)
    } else if first == [0x28, 0xb5, 0x2f, 0xfd] {
      source = try ZstdSource(source, name: name)
    }
    let feeder = Feeder(source)
    self.feeder = feeder
    guard let handle = archive_read_new() else {
      throw KilpiError("not enough memory", kind: .memory)
    }
    self.handle = handle
    archive_read_support_format_tar(handle)
    guard feeder.open(handle) == ARCHIVE_OK else { throw failure() }
  }

  /// Opens a zip archive in memory (members stored or deflated); `name` is for messages.
  public init(
    zip bytes: [UInt8], name: String, limits: ArchiveLimits = ArchiveLimits()
  ) throws {
    self.name = name
    self.limits = limits
    feeder = nil
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 16)
    memory.copyBytes(from: bytes)
    self.memory = memory
    guard let handle = archive_read_new() else {
      memory.deallocate()
      throw KilpiError("not enough memory", kind: .memory)
    }
    self.handle = handle
    archive_read_support_format_zip_seekable(handle)
    guard archive_read_open_memory(handle, memory.baseAddress, memory.count) == ARCHIVE_OK else {
      throw failure()
    }
  }

  deinit {
    archive_read_free(handle)
    memory?.deallocate()
  }

  /// The next regular file, or nil at the end.
  public func next() throws -> ArchiveEntry? {
    guard !ended else { return nil }
    current = nil
    while true {
      try Interrupts.poll()
      var pointer: OpaquePointer?
      let status = archive_read_next_header(handle, &pointer)
      if status == ARCHIVE_EOF {
        ended = true
        try feeder?.finish(name: name)
        return nil
      }
      // A warning speaks of a name or an attribute; what matters of them is checked below.
      guard status == ARCHIVE_OK || status == ARCHIVE_WARN, let pointer else { throw failure() }
      entries += 1
      guard entries <= limits.entries else {
        throw refusal("it has more than \(limits.entries) members")
      }
      if let entry = try checked(pointer) {
        current = entry
        return entry
      }
    }
  }

  /// The bytes of the file that `next()` returned last; can be read once.
  public func contents() throws -> [UInt8] {
    guard let entry = current else { throw refusal("there is no current member") }
    current = nil
    var result: [UInt8] = []
    // A header can claim what it likes; room for it is requested first, then taken once.
    try MemoryReservation.ask(entry.size)
    result.reserveCapacity(entry.size)
    while true {
      var block: UnsafeRawPointer?
      var count = 0
      var offset: Int64 = 0
      let status = archive_read_data_block(handle, &block, &count, &offset)
      if status == ARCHIVE_EOF { break }
      guard status == ARCHIVE_OK else { throw failure(in: entry.name) }
      guard offset == result.count else { throw refusal("'\(entry.name)' has holes") }
      guard result.count + count <= limits.entryBytes else {
        throw refusal("'\(entry.name)' is larger than \(limits.entryBytes) bytes")
      }
      result.append(contentsOf: UnsafeRawBufferPointer(start: block, count: count))
      try Interrupts.poll()
    }
    guard result.count == entry.size else {
      throw refusal("'\(entry.name)' has \(result.count) of \(entry.size) bytes")
    }
    total += result.count
    guard total <= limits.totalBytes else {
      throw refusal("it unpacks to more than \(limits.totalBytes) bytes")
    }
    return result
  }

  /// The entry if it is a harmless regular file, nil for a folder.
  private func checked(_ entry: OpaquePointer) throws -> ArchiveEntry? {
    guard let raw = archive_entry_pathname_utf8(entry) ?? archive_entry_pathname(entry),
      let path = String(validatingCString: raw)
    else { throw refusal("member \(entries) has a name that is not UTF-8") }
    guard path.utf8.count <= limits.nameBytes else {
      throw refusal("member \(entries) has a name of \(path.utf8.count) bytes")
    }
    guard !path.hasPrefix("/"), !path.split(separator: "/").contains("..") else {
      throw refusal("member '\(path)' would lie outside the archive")
    }
    // The constants of archive_entry.h hold a cast, which hides them from Swift.
    let kind = archive_entry_filetype(entry)
    if kind == 0o040000 { return nil }
    guard archive_entry_hardlink(entry) == nil, kind == 0o100000 else {
      throw refusal("member '\(path)' is a link or a device")
    }
    guard archive_entry_sparse_count(entry) == 0 else {
      throw refusal("member '\(path)' is a sparse file")
    }
    guard !path.isEmpty, archive_entry_size_is_set(entry) != 0,
      let size = Int(exactly: archive_entry_size(entry)), size >= 0
    else { throw refusal("member \(entries) has no name or no size") }
    guard size <= limits.entryBytes else {
      throw refusal("member '\(path)' has \(size) bytes, more than \(limits.entryBytes)")
    }
    return ArchiveEntry(name: path, size: size)
  }

  private func refusal(_ reason: String) -> KilpiError {
    KilpiError("cannot read '\(name)': \(reason)")
  }

  private func failure(in member: String? = nil) -> any Error {
    if let error = feeder?.error { return error }
    var reason = archive_error_string(handle).map { String(cString: $0) } ?? "damaged archive"
    reason = reason.prefix(1).lowercased() + reason.dropFirst()
    return refusal((member.map { "member '\($0)': " } ?? "") + reason)
  }

  private static func firstBytes(of source: any ByteSource) throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: 4) { buffer, count in
      count = try source.read(into: UnsafeMutableRawBufferPointer(buffer))
    }
  }
}
