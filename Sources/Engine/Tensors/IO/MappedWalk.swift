internal import Archives
internal import Diagnostics
internal import Files
internal import Kernels

/// Work over the bytes of a mapped file that are read once, such as widening them into a tensor.
///
/// Large stretches are cut into blocks over the worker pool: copying from the page cache into fresh
/// memory is bound by page faults, which two cores take in half the time. After each window its
/// pages are given back, so that loading a file holds little more than its tensors.
enum MappedWalk {
  /// A task's bytes; a multiple of every element size, and small enough for a second-level cache.
  static let block = 256 << 10
  /// Bytes between polls for an interrupt, and what stays resident beside the copy.
  private static let window = 16 << 20

  /// Calls `body` with ranges that cover `bytes`, from several threads at once.
  ///
  /// - Parameter file: the file that `bytes` are mapped from; its memory is let go.
  static func run(
    _ bytes: UnsafeRawBufferPointer, file: MappedFile?, _ body: (Range<Int>) -> Void
  ) throws {
    for start in stride(from: 0, to: bytes.count, by: window) {
      try Interrupts.poll()
      let end = Swift.min(start + window, bytes.count)
      WorkerPool.run(tasks: (end - start).parts(of: block)) { task in
        let first = start + task * block
        body(first..<Swift.min(first + block, end))
      }
      file?.release(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
    }
  }

  /// Decodes `count` values at `source` into `target`; see `ElementDecoding.decode`.
  ///
  /// - Returns: CRC-32 of the bytes when `checksum` asks for it, else 0.
  @discardableResult
  static func decode(
    _ type: ElementDecoding, _ source: UnsafeRawPointer, count: Int,
    into target: UnsafeMutableRawPointer, file: MappedFile? = nil, checksum: Bool = false
  ) throws -> UInt32 {
    let bytes = UnsafeRawBufferPointer(start: source, count: count * type.size)
    let decode = { (range: Range<Int>) in
      ElementDecoding.decode(
        type, source + range.lowerBound, count: range.count / type.size,
        into: target + range.lowerBound / type.size * type.dtype.size)
    }
    guard checksum else {
      try run(bytes, file: file, decode)
      return 0
    }
    return try sum(bytes, file: file, also: decode)
  }

  /// CRC-32 of `bytes`; `also` is run on each block while it is near.
  static func sum(
    _ bytes: UnsafeRawBufferPointer, file: MappedFile?, also: (Range<Int>) -> Void = { _ in }
  ) throws -> UInt32 {
    var sums = [UInt32](repeating: 0, count: bytes.count.parts(of: block))
    try sums.withUnsafeMutableBufferPointer { sums in
      // Each task writes its own element.
      guard let place = sums.baseAddress else { return }
      try run(bytes, file: file) { range in
        place[range.lowerBound / block] = ZipChecksum.of(
          UnsafeRawBufferPointer(rebasing: bytes[range]))
        also(range)
      }
    }
    var result: UInt32 = 0
    for (index, sum) in sums.enumerated() {
      let length = Swift.min(block, bytes.count - index * block)
      result = ZipChecksum.joined(result, sum, secondCount: length)
    }
    return result
  }
}

/// Puts the path of a file in front of what is wrong with it.
func reading<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
  do {
    return try body()
  } catch let error as KilpiError where error.kind == .host {
    throw KilpiError("cannot read '\(path)': \(error.problem)", advice: error.advice)
  }
}
