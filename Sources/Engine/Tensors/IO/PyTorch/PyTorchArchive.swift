internal import Archives
internal import Diagnostics
internal import Files

/// The zip archive of a PyTorch file, mapped: its members all lie in one folder.
final class PyTorchArchive {
  let path: String
  let file: MappedFile
  /// True for what `torch.jit.save` writes.
  let isTorchScript: Bool
  private let index: ZipIndex
  private let folder: String
  /// Members whose checksum was found right, or that have none.
  private var checked: Set<String> = []
  /// Tensors of one storage that together have more elements than it: they share memory, too.
  private var uses: [PyTorchStorage.Use: Int] = [:]
  private var blocks: [PyTorchStorage.Use: Tensor] = [:]
  private var copiedBytes = 0

  /// Opens what `file`, mapped from `path`, holds.
  init(_ file: MappedFile, path: String) throws {
    guard ZipIndex.isZip(file.bytes) else { throw Self.refusal(of: file.bytes) }
    index = try ZipIndex(file.bytes)
    let pickle = "/data.pkl"
    let folders = index.members.filter {
      $0.name.hasSuffix(pickle) && !$0.name.dropLast(pickle.count).contains("/")
    }
    guard folders.count == 1, let first = folders.first else {
      throw KilpiError(
        "it is a zip archive with \(folders.isEmpty ? "no" : "more than one") data.pkl",
        advice: "is it a PyTorch file?")
    }
    folder = String(first.name.dropLast(pickle.count - 1))
    isTorchScript = index[folder + "constants.pkl"] != nil
    self.path = path
    self.file = file
    if index[folder + "byteorder"] != nil {
      let order = String(decoding: try contents("byteorder", limit: 16), as: UTF8.self)
      guard order == "little" else {
        throw KilpiError(
          "its numbers are in \(PickleReader.printable(order)) byte order, not 'little'",
          advice: "load and save it with PyTorch on a little-endian machine")
      }
    }
  }

  /// What is wrong with a file that is no zip archive.
  private static func refusal(of bytes: UnsafeRawBufferPointer) -> KilpiError {
    let advice =
      "load it with PyTorch 1.6 or later and save it again, or convert it to safetensors"
    let mark = Array("ustar".utf8)
    if bytes.count > 262, bytes[257..<262].elementsEqual(mark) {
      return KilpiError("it is a tar archive, PyTorch's format of 2016", advice: advice)
    }
    if bytes.count > 1, bytes[0] == 0x80, (2...5).contains(bytes[1]) {
      return KilpiError("it is a bare pickle, PyTorch's format before version 1.6", advice: advice)
    }
    return KilpiError(
      "it does not start as a PyTorch file does", advice: "copy or download it again")
  }

  /// A stored member of the folder.
  func member(_ name: String) throws -> ZipIndex.Member {
    guard let member = index[folder + name] else {
      throw KilpiError(
        "its member '\(folder + name)' is missing", advice: "copy or download it again")
    }
    guard member.isStored else {
      throw KilpiError("its member '\(folder + name)' is compressed, PyTorch stores it")
    }
    return member
  }

  /// The bytes of a stored member, valid while this object lives.
  func bytes(of member: ZipIndex.Member) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: file.bytes[member.bytes])
  }

  /// The bytes of a small stored member, its checksum verified.
  func contents(_ name: String, limit: Int) throws -> UnsafeRawBufferPointer {
    let member = try member(name)
    guard member.size <= limit else {
      throw KilpiError(
        "its member '\(folder + name)' has \(member.size) bytes, the limit is \(limit)")
    }
    try check(member)
    return bytes(of: member)
  }

  /// True when the member's checksum was not looked at yet.
  ///
  /// PyTorch writes 0 when it was set to compute none.
  func needsCheck(_ member: ZipIndex.Member) -> Bool {
    member.checksum != 0 && !checked.contains(member.name)
  }

  /// Verifies the member's checksum, once.
  func check(_ member: ZipIndex.Member) throws {
    guard needsCheck(member) else { return }
    try note(MappedWalk.sum(bytes(of: member), file: file), of: member)
  }

  /// Takes a checksum that was computed on the way.
  func note(_ sum: UInt32, of member: ZipIndex.Member) throws {
    guard sum == member.checksum else {
      throw KilpiError(
        "its member '\(member.name.prefix(60))' has a wrong checksum",
        advice: "copy or download it again")
    }
    checked.insert(member.name)
  }

  /// Notes that a tensor of `count` elements lies in a storage.
  func noteUse(_ use: PyTorchStorage.Use, count: Int) {
    let (sum, overflow) = uses[use, default: 0].addingReportingOverflow(count)
    uses[use] = overflow ? .max : sum
  }

  /// True when tensors of this storage have elements in common, so that copies would take more memory
  /// than the storage itself.
  func isShared(_ use: PyTorchStorage.Use) -> Bool {
    uses[use, default: 0] > use.member.size / use.type.size
  }

  /// All elements of a storage, read once for the tensors that share it.
  func block(_ use: PyTorchStorage.Use) throws -> Tensor {
    if let block = blocks[use] { return block }
    try check(use.member)
    let block = try Tensor(uninitialized: [use.member.size / use.type.size], use.type.dtype)
    if let base = bytes(of: use.member).baseAddress {
      try MappedWalk.decode(use.type, base, count: block.count, into: block.raw, file: file)
    }
    blocks[use] = block
    return block
  }

  /// Notes bytes of a copy of what is in memory already, before it is made.
  ///
  /// - Throws: `KilpiError` when copies take far more than the file: 8 times its size and 256 MiB.
  func noteCopy(of byteCount: Int) throws {
    copiedBytes += byteCount
    guard copiedBytes <= 8 * file.count + 256 << 20 else {
      throw KilpiError(
        "its tensors share their storages so often that they would take more than "
          + "\(8 * file.count + 256 << 20) bytes",
        advice: "save the weights that are needed alone, each with .clone()")
    }
  }
}
