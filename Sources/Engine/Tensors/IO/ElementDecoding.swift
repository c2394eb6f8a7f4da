internal import CKernels

/// Element types of tensor files, and how their little-endian values become those of tensors.
enum ElementDecoding {
  case float64, float32, float16, bfloat16
  case int64, int32, int16, int8, uint64, uint32, uint16, uint8
  case bool

  /// Bytes of one element in the file.
  var size: Int {
    switch self {
    case .float64, .int64, .uint64: return 8
    case .float32, .int32, .uint32: return 4
    case .float16, .bfloat16, .int16, .uint16: return 2
    case .int8, .uint8, .bool: return 1
    }
  }

  /// The tensor's element type.
  var dtype: DType {
    switch self {
    case .float64: return .float64
    case .float32, .float16, .bfloat16: return .float32
    default: return .int64
    }
  }

  /// Writes `count` values of `source`, which need not be aligned, as `dtype` into `target`.
  static func decode(
    _ type: ElementDecoding, _ source: UnsafeRawPointer, count: Int,
    into target: UnsafeMutableRawPointer
  ) {
    let floats = target.assumingMemoryBound(to: Float.self)
    switch type {
    case .float64, .float32, .int64, .uint64:
      target.copyMemory(from: source, byteCount: count * type.size)
    case .float16, .bfloat16:
      halves(source, count) { block, start, length in
        if type == .float16 {
          kilpi_widen_half(block, floats + start, length)
        } else {
          kilpi_widen_bfloat16(block, floats + start, length)
        }
      }
    case .int32: widen(source, as: Int32.self, count, into: target)
    case .int16: widen(source, as: Int16.self, count, into: target)
    case .int8: widen(source, as: Int8.self, count, into: target)
    case .uint32: widen(source, as: UInt32.self, count, into: target)
    case .uint16: widen(source, as: UInt16.self, count, into: target)
    case .uint8: widen(source, as: UInt8.self, count, into: target)
    case .bool:
      let integers = target.assumingMemoryBound(to: Int64.self)
      for index in 0..<count {
        integers[index] = source.load(fromByteOffset: index, as: UInt8.self) == 0 ? 0 : 1
      }
    }
  }

  private static func widen<Element: FixedWidthInteger>(
    _ source: UnsafeRawPointer, as type: Element.Type, _ count: Int,
    into target: UnsafeMutableRawPointer
  ) {
    let integers = target.assumingMemoryBound(to: Int64.self)
    for index in 0..<count {
      let offset = index * MemoryLayout<Element>.size
      let value = source.loadUnaligned(fromByteOffset: offset, as: type)
      integers[index] = Int64(truncatingIfNeeded: Element(littleEndian: value))
    }
  }

  /// Hands over blocks of 16-bit values; an odd address is copied to an aligned one first.
  private static func halves(
    _ source: UnsafeRawPointer, _ count: Int,
    _ body: (UnsafePointer<UInt16>, _ start: Int, _ length: Int) -> Void
  ) {
    if UInt(bitPattern: source) % 2 == 0 {
      body(source.assumingMemoryBound(to: UInt16.self), 0, count)
      return
    }
    let blockLength = 4096
    withUnsafeTemporaryAllocation(of: UInt16.self, capacity: blockLength) { block in
      guard let base = block.baseAddress else { return }
      for start in stride(from: 0, to: count, by: blockLength) {
        let length = Swift.min(blockLength, count - start)
        UnsafeMutableRawPointer(base).copyMemory(from: source + 2 * start, byteCount: 2 * length)
        body(base, start, length)
      }
    }
  }
}
