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
      do {
        return try decode(file.bytes)
      } catch let error as KilpiError where error.kind == .host {
        throw KilpiError("", "cannot read '\(path)': \(error.problem)", advice: error.advice)
      }
    }
  }

  /// The array in the bytes of an npy file; see `load(_:)`.
  public static func decode(_ bytes: UnsafeRawBufferPointer) throws -> Tensor {
    let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
    guard bytes.starts(with: magic) else {
      throw KilpiError("", "it does not start as an npy file does")
    }
    guard bytes.count >= 12 else { throw KilpiError("", "it ends after \(bytes.count) bytes") }
    let version = bytes[6]
    guard (1...3).contains(version), bytes[7] == 0 else {
      throw KilpiError("", "it has version \(version).\(bytes[7]), known are 1.0, 2.0 and 3.0")
    }
    let isShort = version == 1
    let length =
      isShort
      ? Int(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt16.self)))
      : Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self)))
    guard length <= 1 << 20 else {
      throw KilpiError("", "its header has \(length) bytes, the limit is \(1 << 20)")
    }
    let start = (isShort ? 10 : 12) + length
    guard start <= bytes.count else {
      throw KilpiError(
        "", "it ends after \(bytes.count) bytes, its header after \(start)",
        advice: "copy or download it again")
    }
    let header = try NpyHeader(UnsafeRawBufferPointer(rebasing: bytes[start - length..<start]))
    let count = try Shape.count(header.shape)
    let needed = count * header.type.size
    guard bytes.count - start == needed else {
      throw KilpiError(
        "",
        "it has \(bytes.count - start) bytes of values, \(Shape.describe(header.shape)) needs "
          + "\(needed)", advice: "copy or download it again")
    }
    return try values(UnsafeRawBufferPointer(rebasing: bytes[start...]), header)
  }

  private static func values(
    _ bytes: UnsafeRawBufferPointer, _ header: NpyHeader
  ) throws -> Tensor {
    let shape = header.isFortranOrder ? header.shape.reversed() : header.shape
    let result = try Tensor(uninitialized: shape, header.type.dtype)
    guard result.count > 0, let source = bytes.baseAddress else {
      return try Tensor(uninitialized: header.shape, header.type.dtype)
    }
    if header.isBigEndian, header.type.size > 1 {
      var swapped = Array(bytes)
      let size = header.type.size
      for first in stride(from: 0, to: swapped.count, by: size) {
        swapped[first..<first + size].reverse()
      }
      swapped.withUnsafeBytes { block in
        if let base = block.baseAddress {
          ElementDecoding.decode(header.type, base, count: result.count, into: result.raw)
        }
      }
    } else {
      ElementDecoding.decode(header.type, source, count: result.count, into: result.raw)
    }
    if header.type == .uint64, (0..<result.count).contains(where: { result.i64[$0] < 0 }) {
      throw KilpiError("", "it holds an unsigned number above 9223372036854775807")
    }
    guard header.isFortranOrder, result.rank > 1 else { return result }
    return try result.permuted(Array((0..<result.rank).reversed())).ordered()
  }

  /// Writes a tensor as npy version 1.0, little endian, rows first, as a whole.
  ///
  /// - Throws: `KilpiError` with path and reason when the file cannot be written.
  public static func save(_ tensor: Tensor, to path: String) throws {
    let source = try tensor.detached().ordered()
    let code: String
    switch source.dtype {
    case .float32: code = "<f4"
    case .float64: code = "<f8"
    case .int64: code = "<i8"
    }
    let sizes = source.shape.map(String.init).joined(separator: ", ")
    let tuple = source.rank == 1 ? "(\(sizes),)" : "(\(sizes))"
    var header = Array("{'descr': '\(code)', 'fortran_order': False, 'shape': \(tuple), }".utf8)
    while (10 + header.count + 1) % 64 != 0 { header.append(0x20) }
    header.append(0x0A)
    let prefix =
      [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.count & 0xFF), UInt8(header.count >> 8)]
      + header
    try withExtendedLifetime(source) {
      try prefix.withUnsafeBytes { start in
        let values = UnsafeRawBufferPointer(
          start: source.raw, count: source.count * source.dtype.size)
        try AtomicFile.write([start, values], to: path)
      }
    }
  }
}
