internal import Diagnostics
internal import Files

/// Reads and writes numpy's npy files, versions 1 to 3.
public enum Npy {
  /// The array of an npy file: float16 arrives as float32, integers and bool as int64.
  ///
  /// Little and big endian numbers and both element orders are read; object arrays and records are
  /// refused, and nothing in the header is evaluated.
  ///
  /// - Throws: `KilpiError` with the path and the reason.
  public static func load(_ path: String) throws -> Tensor {
    let file = try MappedFile(path: path)
    return try withExtendedLifetime(file) {
      try reading(path) { try readable { try decode(file.bytes, file: file) } }
    }
  }

  /// The array in the bytes of an npy file; see `load(_:)`.
  public static func decode(_ bytes: UnsafeRawBufferPointer) throws -> Tensor {
    try readable { try decode(bytes, file: nil) }
  }

  private static func readable<Result>(_ body: () throws -> Result) throws -> Result {
    do { return try body() } catch let unread as UnreadElements { throw unread.error }
  }

  /// As `decode(_:)`, but for `UnreadElements`; the memory of `file`, which holds the bytes, is let go.
  static func decode(_ bytes: UnsafeRawBufferPointer, file: MappedFile?) throws -> Tensor {
    let (start, header) = try layout(bytes, size: bytes.count)
    return try values(UnsafeRawBufferPointer(rebasing: bytes[start...]), header, file)
  }

  /// Where the values start and what they are, from a file's first bytes; `size` is the whole file's.
  ///
  /// - Throws: `KilpiError` when this is no npy file, or its size does not fit its header.
  static func layout(
    _ bytes: UnsafeRawBufferPointer, size: Int
  ) throws -> (start: Int, header: NpyHeader) {
    let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
    guard bytes.starts(with: magic) else {
      throw KilpiError("it does not start as an npy file does")
    }
    guard bytes.count >= 12 else { throw KilpiError("it ends after \(bytes.count) bytes") }
    let version = bytes[6]
    guard (1...3).contains(version), bytes[7] == 0 else {
      throw KilpiError("it has version \(version).\(bytes[7]), known are 1.0, 2.0 and 3.0")
    }
    let isShort = version == 1
    let length =
      isShort
      ? Int(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt16.self)))
      : Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self)))
    guard length <= 1 << 20 else {
      throw KilpiError("its header has \(length) bytes, the limit is \(1 << 20)")
    }
    let start = (isShort ? 10 : 12) + length
    guard start <= bytes.count else {
      throw KilpiError(
        "it ends after \(bytes.count) bytes, its header after \(start)",
        advice: "copy or download it again")
    }
    let header = try NpyHeader(UnsafeRawBufferPointer(rebasing: bytes[start - length..<start]))
    let count = try Shape.count(header.shape)
    let needed = count * header.type.size
    guard size - start == needed else {
      throw KilpiError(
        "it has \(size - start) bytes of values, \(Shape.describe(header.shape)) needs "
          + "\(needed)", advice: "copy or download it again")
    }
    return (start, header)
  }

  private static func values(
    _ bytes: UnsafeRawBufferPointer, _ header: NpyHeader, _ file: MappedFile?
  ) throws -> Tensor {
    let shape = header.isFortranOrder ? header.shape.reversed() : header.shape
    let result = try Tensor(uninitialized: shape, header.type.dtype)
    guard result.count > 0, let source = bytes.baseAddress else {
      return try Tensor(uninitialized: header.shape, header.type.dtype)
    }
    let type = header.type
    if header.isBigEndian, type.size > 1 {
      // Turned around block by block, so that no second copy of the values is made.
      let perBlock = 4096
      for first in stride(from: 0, to: result.count, by: perBlock) {
        if first & 0xFFFFF == 0 { try Interrupts.poll() }
        let count = Swift.min(perBlock, result.count - first)
        var block = Array(bytes[first * type.size..<(first + count) * type.size])
        for value in stride(from: 0, to: block.count, by: type.size) {
          block[value..<value + type.size].reverse()
        }
        block.withUnsafeBytes { block in
          guard let base = block.baseAddress else { return }
          ElementDecoding.decode(
            type, base, count: count, into: result.raw + first * type.dtype.size)
        }
      }
    } else {
      try MappedWalk.decode(type, source, count: result.count, into: result.raw, file: file)
    }
    if header.type == .uint64, (0..<result.count).contains(where: { result.i64[$0] < 0 }) {
      throw KilpiError("it holds an unsigned number above 9223372036854775807")
    }
    guard header.isFortranOrder, result.rank > 1 else { return result }
    return try result.permuted(Array((0..<result.rank).reversed())).ordered()
  }

  /// Writes a tensor as npy version 1.0, little endian, rows first, as a whole.
  ///
  /// - Throws: `KilpiError` with path and reason when the file cannot be written.
  public static func save(_ tensor: Tensor, to path: String) throws {
    let source = try tensor.detached().ordered()
    try withExtendedLifetime(source) {
      try prefix(of: source).withUnsafeBytes {
        try AtomicFile.write([$0, values(of: source)], to: path)
      }
    }
  }

  /// What stands in front of a tensor's values.
  static func prefix(of tensor: Tensor) -> [UInt8] {
    let code: String
    switch tensor.dtype {
    case .float32: code = "<f4"
    case .float64: code = "<f8"
    case .int64: code = "<i8"
    }
    let sizes = tensor.shape.map(String.init).joined(separator: ", ")
    let tuple = tensor.rank == 1 ? "(\(sizes),)" : "(\(sizes))"
    var header = Array("{'descr': '\(code)', 'fortran_order': False, 'shape': \(tuple), }".utf8)
    while (10 + header.count + 1) % 64 != 0 { header.append(0x20) }
    header.append(0x0A)
    return [0x93] + Array("NUMPY".utf8)
      + [1, 0, UInt8(header.count & 0xFF), UInt8(header.count >> 8)] + header
  }

  /// The values of an ordered tensor, which must outlive them.
  static func values(of tensor: Tensor) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: tensor.raw, count: tensor.count * tensor.dtype.size)
  }
}
