internal import Diagnostics
internal import Files

/// A safetensors file, mapped into memory and checked as a whole when opened; values are read, and
/// half precision is widened, when a tensor is requested.
///
/// The file is an 8-byte little-endian length, a JSON header of that length and raw little-endian
/// values (https://github.com/huggingface/safetensors). Opening checks, before anything is
/// allocated: the header's limits, duplicate keys, element types, shapes, and that the values fill
/// the rest of the file without a hole or an overlap.
public final class SafetensorsFile {
  /// The path as it was given.
  public let path: String
  /// Names of the tensors, sorted by bytes.
  public let names: [String]
  /// The strings of `__metadata__`; empty when there are none.
  public let metadata: [String: String]
  private let file: MappedFile
  private let entries: [String: SafetensorsHeader.Entry]
  private let headerLength: Int

  /// Opens and checks the file at `path`.
  ///
  /// - Throws: `KilpiError` with the path, the place and the reason when the file cannot be read or
  ///   breaks any rule of the format.
  public init(path: String) throws {
    let file = try MappedFile(path: path)
    func failure(_ reason: String, advice: String? = "copy or download it again") -> KilpiError {
      KilpiError("cannot read '\(path)': \(reason)", advice: advice)
    }
    let bytes = file.bytes
    guard bytes.count >= 8 else {
      throw failure("a safetensors file has at least 8 bytes, this one \(bytes.count)")
    }
    // First: the length's own bytes may look like the start of another format.
    if !Self.matches(bytes), let other = Self.recognised(bytes) {
      throw failure("it is \(other.kind), not safetensors", advice: other.advice)
    }
    let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    guard length <= UInt64(SafetensorsHeader.Limit.bytes) else {
      throw failure(
        "its header has \(length) bytes, the limit is \(SafetensorsHeader.Limit.bytes)",
        advice: "is it a safetensors file?")
    }
    let start = 8 + Int(length)
    guard start <= bytes.count else {
      throw failure("it ends after \(bytes.count) bytes, the header after \(start)")
    }
    guard length > 0, bytes[8] == UInt8(ascii: "{") else {
      throw failure("byte 8 does not start a JSON object", advice: "is it a safetensors file?")
    }
    let header: SafetensorsHeader
    do {
      header = try SafetensorsHeader(bytes, endingAt: start)
    } catch let error as SafetensorsHeader.Refusal {
      throw failure(error.reason, advice: error.advice)
    }
    self.path = path
    self.file = file
    headerLength = start
    entries = header.entries
    metadata = header.metadata
    names = entries.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Checks the digest that a file written with `sealed` carries.
  ///
  /// - Throws: `KilpiError` when there is none, or when the bytes are not those it was made of.
  public func checkSeal() throws {
    let isWhole = try withExtendedLifetime(file) {
      try Seal.isWhole(file.bytes, header: headerLength) { file.release($0) }
    }
    guard let isWhole else { throw KilpiError("it carries no SHA-256") }
    guard isWhole else { throw KilpiError("its SHA-256 is wrong: the file was changed") }
  }

  /// True when the file at `path` starts as a safetensors file does: the length of a header that is
  /// within the limit, and its first brace.
  ///
  /// No other format that is read starts so, while the two lowest bytes of a length may be those
  /// of a pickle, of gzip or of a JSON text.
  public static func matches(path: String) -> Bool {
    (try? MappedFile(path: path)).map { matches($0.bytes) } ?? false
  }

  static func matches(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard bytes.count > 8, bytes[8] == UInt8(ascii: "{") else { return false }
    let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    return length > 0 && length <= UInt64(SafetensorsHeader.Limit.bytes)
  }

  /// What else people have under such a name, by its first bytes.
  private static func recognised(
    _ bytes: UnsafeRawBufferPointer
  ) -> (kind: String, advice: String)? {
    func starts(_ text: String) -> Bool {
      bytes.prefix(text.utf8.count).elementsEqual(text.utf8)
    }
    if starts("version https://git-lfs") {
      return ("a git-lfs pointer", "fetch the file itself: git lfs pull")
    }
    if starts("<!DOCTYPE") || starts("<!doctype") || starts("<html") || starts("<HTML") {
      return ("an HTML page", "the download failed: get the file itself")
    }
    if bytes.prefix(2).elementsEqual([0x1f, 0x8b]) { return ("a gzip file", "unpack it first") }
    if bytes.prefix(6).elementsEqual([0x93] + Array("NUMPY".utf8)) {
      return ("an npy file", "tensor.load reads it, by the extension .npy")
    }
    if bytes.count > 262, bytes[257..<262].elementsEqual("ustar".utf8) {
      return ("a tar archive", "unpack it first; old PyTorch tar files: save them again with torch")
    }
    if starts("{") { return ("JSON text", "give the file of weights, or the folder") }
    return nil
  }

  private func entry(_ name: String) throws -> SafetensorsHeader.Entry {
    guard let entry = entries[name] else {
      let near = NearestName.suggestion(for: name, among: names)
      throw KilpiError(
        "there is no tensor '\(name.prefix(40))' in '\(path)'",
        advice: near.map { "did you mean '\($0)'?" })
    }
    return entry
  }

  /// The shape of a tensor; reads no values.
  public func shape(of name: String) throws -> [Int] { try entry(name).shape }

  /// The element type that `tensor(_:)` gives a tensor.
  ///
  /// - Throws: `KilpiError` for a type that is not read.
  public func dtype(of name: String) throws -> DType { try readable(name, entry(name)).dtype }

  /// The element type as the file names it, such as `BF16`.
  public func storedType(of name: String) throws -> String { try entry(name).storedType }

  /// Names of tensors whose element type is not read (`U16`, `F8_E4M3`, `C64`), sorted by bytes.
  public var unreadNames: [String] { names.filter { entries[$0]?.type == nil } }

  private func readable(
    _ name: String, _ entry: SafetensorsHeader.Entry
  ) throws -> ElementDecoding {
    guard let type = entry.type else {
      return try reading(path) { throw UnreadType.refusal(name, entry.storedType, entry.shape) }
    }
    return type
  }

  /// A tensor: `F16` and `BF16` as float32, integers and `BOOL` as int64.
  ///
  /// - Throws: `KilpiError` for a name that is not there or an element type that is not read.
  public func tensor(_ name: String) throws -> Tensor {
    let entry = try entry(name)
    let type = try readable(name, entry)
    let result = try Tensor(uninitialized: entry.shape, type.dtype)
    guard !entry.bytes.isEmpty, let base = file.bytes.baseAddress else { return result }
    _ = try withExtendedLifetime(file) {
      try MappedWalk.decode(
        type, base + entry.bytes.lowerBound, count: result.count, into: result.raw, file: file)
    }
    return result
  }
}
