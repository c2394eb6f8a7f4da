internal import Diagnostics
internal import Files

/// A safetensors file, mapped into memory and checked as a whole when opened; values are read, and
/// half precision is widened, when a tensor is asked for.
///
/// The file is an 8-byte little-endian length, a JSON header of that length and raw little-endian
/// values (https://github.com/huggingface/safetensors). Opening checks, before anything is
/// allocated: the header's limits, duplicate keys, element types, shapes, and that the values fill
/// the rest of the file without a hole or an overlap.
public final class SafetensorsFile {
  /// Bounds on what a file may ask of its reader.
  enum Limit {
    static let headerBytes = 100_000_000
    static let tensors = 100_000
    static let rank = 8
    static let depth = 8
  }

  /// Element types of the format that Kilpi reads, by their names in the header.
  private static let elementTypes: KeyValuePairs<String, ElementDecoding> = [
    "F64": .float64, "F32": .float32, "F16": .float16, "BF16": .bfloat16, "I64": .int64,
    "I32": .int32, "I16": .int16, "I8": .int8, "U8": .uint8, "BOOL": .bool,
  ]

  private struct Entry {
    let name: String
    let type: ElementDecoding
    let shape: [Int]
    /// Bytes within the file.
    let bytes: Range<Int>
  }

  /// The path as it was given.
  public let path: String
  /// Names of the tensors, sorted by bytes.
  public let names: [String]
  /// The strings of `__metadata__`; empty when there are none.
  public let metadata: [String: String]
  private let file: MappedFile
  private let entries: [String: Entry]

  /// Opens and checks the file at `path`.
  ///
  /// - Throws: `KilpiError` with the path, the place and the reason when the file cannot be read or
  ///   breaks any rule of the format.
  public init(path: String) throws {
    let file = try MappedFile(path: path)
    func failure(_ reason: String, advice: String? = "copy or download it again") -> KilpiError {
      KilpiError("", "cannot read '\(path)': \(reason)", advice: advice)
    }
    let bytes = file.bytes
    guard bytes.count >= 8 else {
      throw failure("a safetensors file has at least 8 bytes, this one \(bytes.count)")
    }
    let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    // The first bytes are a length and may be any: 123 looks like "{".
    let isPlausible =
      length <= UInt64(Limit.headerBytes) && bytes.count > 8 && bytes[8] == UInt8(ascii: "{")
    if !isPlausible, let other = Self.recognised(bytes) {
      throw failure("it is \(other.kind), not safetensors", advice: other.advice)
    }
    guard length <= UInt64(Limit.headerBytes) else {
      throw failure(
        "its header has \(length) bytes, the limit is \(Limit.headerBytes)",
        advice: "is it a safetensors file?")
    }
    let start = 8 + Int(length)
    guard start <= bytes.count else {
      throw failure("it ends after \(bytes.count) bytes, the header after \(start)")
    }
    guard length > 0, bytes[8] == UInt8(ascii: "{") else {
      throw failure("byte 8 does not start a JSON object", advice: "is it a safetensors file?")
    }
    let header: JSONValue
    do {
      header = try JSONValue.parse(
        Array(bytes[8..<start]),
        limits: JSONLimits(bytes: Limit.headerBytes, depth: Limit.depth))
    } catch let error as KilpiError {
      throw failure("its header is " + error.problem)
    }
    let members = header.object ?? []
    guard members.count <= Limit.tensors + 1 else {
      throw failure("it has \(members.count) tensors, the limit is \(Limit.tensors)", advice: nil)
    }
    var metadata: [String: String] = [:]
    var entries: [String: Entry] = [:]
    for member in members {
      do {
        if member.key == "__metadata__" {
          metadata = try Self.metadata(member.value)
        } else {
          entries[member.key] = try Self.entry(member.value, from: start, size: bytes.count - start)
        }
      } catch let error as KilpiError {
        throw failure("'\(member.key.prefix(40))' \(error.problem)", advice: error.advice)
      }
    }
    if let problem = Self.gap(in: entries, from: start, to: bytes.count) { throw failure(problem) }
    self.path = path
    self.file = file
    self.entries = entries
    self.metadata = metadata
    names = entries.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
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

  private static func metadata(_ value: JSONValue) throws -> [String: String] {
    guard let members = value.object else { throw KilpiError("", "is not an object") }
    var result: [String: String] = [:]
    for member in members {
      guard let text = member.value.string else {
        throw KilpiError("", "holds '\(member.key.prefix(40))', which is not a string")
      }
      result[member.key] = text
    }
    return result
  }

  /// One tensor's row of the header; `start` is where values begin, `size` how many bytes they have.
  private static func entry(_ value: JSONValue, from start: Int, size: Int) throws -> Entry {
    guard value.object != nil else { throw KilpiError("", "is not an object") }
    guard let name = value["dtype"]?.string else { throw KilpiError("", "has no dtype") }
    guard let type = elementTypes.first(where: { $0.key == name })?.value else {
      let known = elementTypes.map(\.key).joined(separator: " ")
      throw KilpiError(
        "", "has the unknown element type '\(name.prefix(40))'", advice: "known: \(known)")
    }
    guard let shape = integers(value["shape"]) else {
      throw KilpiError("", "has no shape of whole numbers from 0 on")
    }
    guard shape.count <= Limit.rank else {
      throw KilpiError("", "has \(shape.count) axes, the limit is \(Limit.rank)")
    }
    var needed = type.size
    for size in shape {
      let (product, overflow) = needed.multipliedReportingOverflow(by: size)
      guard !overflow else {
        throw KilpiError("", "has the shape \(Shape.describe(shape)), too large")
      }
      needed = product
    }
    guard let offsets = integers(value["data_offsets"]), offsets.count == 2 else {
      throw KilpiError("", "has no two data_offsets from 0 on")
    }
    guard offsets[0] <= offsets[1], offsets[1] <= size else {
      throw KilpiError(
        "", "has data_offsets [\(offsets[0]), \(offsets[1])], the file has \(size) bytes of values")
    }
    guard offsets[1] - offsets[0] == needed else {
      throw KilpiError(
        "",
        "is \(name) \(Shape.describe(shape)) of \(needed) bytes, its data_offsets span "
          + "\(offsets[1] - offsets[0])")
    }
    return Entry(
      name: name, type: type, shape: shape, bytes: start + offsets[0]..<start + offsets[1])
  }

  /// A list of integers that are not negative; numbers with a point or an exponent are none.
  private static func integers(_ value: JSONValue?) -> [Int]? {
    guard let elements = value?.array else { return nil }
    var result: [Int] = []
    for element in elements {
      guard case .integer(let number) = element, number >= 0 else { return nil }
      result.append(Int(number))
    }
    return result
  }

  /// What is wrong with the order of the values, if anything.
  private static func gap(in entries: [String: Entry], from start: Int, to end: Int) -> String? {
    let sorted = entries.sorted {
      ($0.value.bytes.lowerBound, $0.value.bytes.upperBound)
        < ($1.value.bytes.lowerBound, $1.value.bytes.upperBound)
    }
    var position = start
    for (name, entry) in sorted {
      let first = entry.bytes.lowerBound
      guard first == position else {
        let what = first < position ? "overlaps another tensor" : "leaves a hole before it"
        return "'\(name.prefix(40))' at byte \(first) \(what)"
      }
      position = entry.bytes.upperBound
    }
    return position == end ? nil : "its tensors end at byte \(position), the file at \(end)"
  }

  private func entry(_ name: String) throws -> Entry {
    guard let entry = entries[name] else {
      let near = NearestName.suggestion(for: name, among: names)
      throw KilpiError(
        "", "there is no tensor '\(name.prefix(40))' in '\(path)'",
        advice: near.map { "did you mean '\($0)'?" })
    }
    return entry
  }

  /// The shape of a tensor; reads no values.
  public func shape(of name: String) throws -> [Int] { try entry(name).shape }

  /// The element type that `tensor(_:)` gives a tensor.
  public func dtype(of name: String) throws -> DType { try entry(name).type.dtype }

  /// The element type as the file names it, such as `BF16`.
  public func storedType(of name: String) throws -> String { try entry(name).name }

  /// A tensor: `F16` and `BF16` as float32, integers and `BOOL` as int64.
  public func tensor(_ name: String) throws -> Tensor {
    let entry = try entry(name)
    let result = try Tensor(uninitialized: entry.shape, entry.type.dtype)
    guard !entry.bytes.isEmpty, let base = file.bytes.baseAddress else { return result }
    _ = try withExtendedLifetime(file) {
      try MappedWalk.decode(
        entry.type, base + entry.bytes.lowerBound, count: result.count, into: result.raw, file: file
      )
    }
    return result
  }
}
