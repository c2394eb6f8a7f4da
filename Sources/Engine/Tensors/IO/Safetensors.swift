internal import CKernels
internal import Diagnostics
internal import Files

/// Reads and writes whole safetensors files; `SafetensorsFile` reads single tensors of one.
public enum Safetensors {
  /// All tensors of a file by name, and its metadata; `F16` and `BF16` arrive as float32, integers
  /// and `BOOL` as int64.
  ///
  /// - Throws: `KilpiError` with the path, the place and the reason; see `SafetensorsFile`. A tensor
  ///   of a type that is not read is one.
  public static func load(
    _ path: String
  ) throws -> (tensors: [String: Tensor], metadata: [String: String]) {
    let file = try SafetensorsFile(path: path)
    var tensors: [String: Tensor] = [:]
    for name in file.names { tensors[name] = try file.tensor(name) }
    return (tensors, file.metadata)
  }

  /// Writes tensors sorted by name, as a whole: a killed program leaves the old file or the new one.
  ///
  /// - Parameters:
  ///   - metadata: strings kept in the header.
  ///   - half: stores floating-point tensors as `F16`, rounded to nearest; values beyond ±65504
  ///     become infinite.
  ///   - sealed: adds `sha256` to the metadata, the digest of the file with these 64 digits read as
  ///     zeros; `SafetensorsFile.checkSeal` tells by it whether anything was changed.
  /// - Throws: `KilpiError` when a tensor has more than 8 axes or the reserved name `__metadata__`,
  ///   and with path and reason when the file cannot be written.
  public static func save(
    _ tensors: [String: Tensor], metadata: [String: String] = [:], to path: String,
    half: Bool = false, sealed: Bool = false
  ) throws {
    guard tensors.count <= SafetensorsHeader.Limit.tensors else {
      throw KilpiError(
        "\(tensors.count) tensors are too many for one file (at most "
          + "\(SafetensorsHeader.Limit.tensors))")
    }
    let sorted = tensors.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    var members: [JSONValue.Member] = []
    let metadata = sealed ? metadata.merging([Seal.key: Seal.blank]) { $1 } : metadata
    if !metadata.isEmpty {
      let strings = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        .map { JSONValue.Member($0.key, .string($0.value)) }
      members.append(JSONValue.Member("__metadata__", .object(strings)))
    }
    var parts: [Tensor] = []
    var lengths: [Int] = []
    var offset = 0
    for (name, tensor) in sorted {
      guard name != "__metadata__" else {
        throw KilpiError("a tensor cannot be called '__metadata__': the format reserves it")
      }
      guard tensor.rank <= SafetensorsHeader.Limit.rank else {
        throw KilpiError(
          "'\(name.prefix(40))' has \(tensor.rank) axes, a file holds at most "
            + "\(SafetensorsHeader.Limit.rank)")
      }
      let narrow = half && tensor.dtype.isFloatingPoint
      let source = try tensor.detached().ordered()
      parts.append(narrow ? try halved(source) : source)
      let length = source.count * (narrow ? 2 : source.dtype.size)
      lengths.append(length)
      let type = narrow ? "F16" : code(source.dtype)
      members.append(
        JSONValue.Member(
          name,
          .record([
            "dtype": .string(type), "shape": .array(tensor.shape.map { .integer(Int64($0)) }),
            "data_offsets": .array([.integer(Int64(offset)), .integer(Int64(offset + length))]),
          ])))
      offset += length
    }
    var header = Array(JSONValue.object(members).serialized().utf8)
    while header.count % 8 != 0 { header.append(UInt8(ascii: " ")) }
    var prefix = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) } + header
    try withExtendedLifetime(parts) {
      let values = zip(parts, lengths).map { part, length in
        UnsafeRawBufferPointer(start: part.raw, count: length)
      }
      if sealed { Seal.close(&prefix, values) }
      try prefix.withUnsafeBytes { try AtomicFile.write([$0] + values, to: path) }
    }
  }

  private static func code(_ dtype: DType) -> String {
    switch dtype {
    case .float32: return "F32"
    case .float64: return "F64"
    case .int64: return "I64"
    }
  }

  /// The values as half precision, two to a float32 element.
  private static func halved(_ tensor: Tensor) throws -> Tensor {
    let source = try tensor.converted(to: .float32)
    let block = try Tensor(uninitialized: [(source.count + 1) / 2], .float32)
    keeping(source, block) {
      kilpi_narrow_half(
        source.f32, block.raw.assumingMemoryBound(to: UInt16.self), source.count)
    }
    return block
  }
}
