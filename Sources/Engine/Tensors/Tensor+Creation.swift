internal import CKernels
internal import Diagnostics

extension Tensor {
  /// A tensor of one value everywhere.
  public static func full(
    _ shape: [Int], _ value: Double, _ dtype: DType = .float32
  ) throws -> Tensor {
    let result = try Tensor(uninitialized: shape, dtype)
    if dtype == .int64 {
      guard let integer = Int64(exactly: value) else {
        throw KilpiError("\(value) is not an integer, the tensor is int64")
      }
      result.i64.update(repeating: integer, count: result.count)
    } else {
      kilpi_fill(dtype.code, result.raw, value, result.count)
    }
    return result
  }

  /// Zeros.
  public static func zeros(_ shape: [Int], _ dtype: DType = .float32) throws -> Tensor {
    try full(shape, 0, dtype)
  }

  /// Ones.
  public static func ones(_ shape: [Int], _ dtype: DType = .float32) throws -> Tensor {
    try full(shape, 1, dtype)
  }

  /// The identity matrix `[n, n]`.
  public static func eye(_ n: Int, _ dtype: DType = .float32) throws -> Tensor {
    let result = try zeros([n, n], dtype)
    try result.view(shape: [n], strides: [n + 1]).scatter(from: ones([n], dtype))
    return result
  }

  /// An `int64` tensor of one integer everywhere.
  public static func full(_ shape: [Int], integer value: Int64) throws -> Tensor {
    let result = try Tensor(uninitialized: shape, .int64)
    result.i64.update(repeating: value, count: result.count)
    return result
  }

  /// A tensor without axes.
  public static func scalar(_ value: Double, _ dtype: DType = .float32) throws -> Tensor {
    try full([], value, dtype)
  }

  /// A `float32` tensor of `values` in row-major order.
  public convenience init(_ values: [Float], shape: [Int]) throws {
    try self.init(copying: values, shape: shape, dtype: .float32)
  }

  /// A `float64` tensor of `values` in row-major order.
  public convenience init(_ values: [Double], shape: [Int]) throws {
    try self.init(copying: values, shape: shape, dtype: .float64)
  }

  /// An `int64` tensor of `values` in row-major order.
  public convenience init(_ values: [Int64], shape: [Int]) throws {
    try self.init(copying: values, shape: shape, dtype: .int64)
  }

  private convenience init<Element>(copying values: [Element], shape: [Int], dtype: DType) throws {
    let count = try Shape.count(shape)
    guard count == values.count else {
      throw KilpiError("\(values.count) values do not fill the shape \(Shape.describe(shape))")
    }
    try self.init(uninitialized: shape, dtype)
    values.withUnsafeBytes { bytes in
      if let start = bytes.baseAddress { raw.copyMemory(from: start, byteCount: bytes.count) }
    }
  }

  /// A `float32` tensor that `fill` writes in row-major order; it must write every element.
  public static func make(
    _ shape: [Int], floats fill: (UnsafeMutableBufferPointer<Float>) throws -> Void
  ) throws -> Tensor {
    let result = try Tensor(uninitialized: shape, .float32)
    try fill(UnsafeMutableBufferPointer(start: result.f32, count: result.count))
    return result
  }

  /// A tensor whose element at each place `value` gives, in row-major order.
  ///
  /// - Throws: `KilpiError` when the memory is not there, on interrupt, and what `value` throws.
  public static func tabulated(
    _ shape: [Int], _ value: (Int) throws -> Double
  ) throws -> Tensor {
    let result = try Tensor(uninitialized: shape, .float64)
    for i in 0..<result.count {
      if i & 0xFFFF == 0xFFFF { try Interrupts.poll() }
      result.f64[i] = try value(i)
    }
    return result
  }

  /// An `int64` tensor that `fill` writes in row-major order; it must write every element.
  public static func makeIntegers(
    _ shape: [Int], _ fill: (UnsafeMutableBufferPointer<Int64>) throws -> Void
  ) throws -> Tensor {
    let result = try Tensor(uninitialized: shape, .int64)
    try fill(UnsafeMutableBufferPointer(start: result.i64, count: result.count))
    return result
  }

  /// An `int64` tensor `[items.count, width]` of one row an item.
  ///
  /// - Parameter row: gives `width` numbers.
  /// - Throws: `KilpiError` when the memory is not there or a row has another length, on interrupt, and
  ///   what `row` throws.
  public static func rows<Item>(
    _ items: [Item], width: Int, _ row: (Item) throws -> [Int]
  ) throws -> Tensor {
    try makeIntegers([items.count, width]) { target in
      for (place, item) in items.enumerated() {
        if place & 0xFF == 0xFF { try Interrupts.poll() }
        let values = try row(item)
        guard values.count == width else {
          throw KilpiError("row \(place + 1) has \(values.count) numbers, not \(width)")
        }
        for (column, value) in values.enumerated() {
          target[place * width + column] = Int64(value)
        }
      }
    }
  }

  /// The numbers `first ..< first + n` in random order `[n]`, int64; draws as `RandomStream.permutation`.
  public static func permutation(
    _ n: Int, from first: Int64 = 0, stream: inout RandomStream
  ) throws -> Tensor {
    try makeIntegers([n]) { order in
      for index in 0..<n { order[index] = first &+ Int64(index) }
      try stream.shuffle(order)
    }
  }

  /// Uniform numbers in `[0, 1)` from a stream.
  public static func random(
    _ shape: [Int], stream: inout RandomStream, dtype: DType = .float32
  ) throws -> Tensor {
    try generated(shape, dtype) { stream.uniform() }
  }

  /// Standard normal numbers from a stream.
  public static func randomNormal(
    _ shape: [Int], stream: inout RandomStream, dtype: DType = .float32
  ) throws -> Tensor {
    try generated(shape, dtype) { stream.normal() }
  }

  /// A number as float32, without rounding one below 1 up to 1.
  static func single(_ value: Double) -> Float {
    let rounded = Float(value)
    return rounded == 1 && value < 1 ? Float(1).nextDown : rounded
  }

  private static func generated(
    _ shape: [Int], _ dtype: DType, _ next: () -> Double
  ) throws -> Tensor {
    guard dtype.isFloatingPoint else { throw unsupported(dtype) }
    let result = try Tensor(uninitialized: shape, dtype)
    for i in 0..<result.count {
      if i & 0xFFFF == 0xFFFF { try Interrupts.poll() }
      if dtype == .float32 { result.f32[i] = single(next()) } else { result.f64[i] = next() }
    }
    return result
  }

  // MARK: Reading

  /// The value of a tensor with one element.
  public func item() throws -> Double {
    guard count == 1 else {
      throw KilpiError(
        "the tensor \(Shape.describe(shape)) has \(count) elements, not one",
        advice: "reduce it first, or index one element")
    }
    return try doubles()[0]
  }

  /// Asks the cap for an array of the elements, and for one more: whoever reads them makes something of
  /// their number.
  private func askForElements(_ size: Int) throws {
    try MemoryReservation.ask(count.multipliedClamped(by: 2 * size))
    try Interrupts.poll()
  }

  /// The element of a floating-point tensor at an offset from its first in memory.
  func number(_ offset: Int) -> Double {
    keeping(self) { dtype == .float32 ? Double(f32[offset]) : f64[offset] }
  }

  /// All elements in row-major order as `Float`.
  public func floats() throws -> [Float] {
    try askForElements(MemoryLayout<Float>.size)
    let source = try converted(to: .float32).ordered()
    return keeping(source) { Array(UnsafeBufferPointer(start: source.f32, count: count)) }
  }

  /// All elements in row-major order as `Double`.
  public func doubles() throws -> [Double] {
    try askForElements(MemoryLayout<Double>.size)
    let source = try converted(to: .float64).ordered()
    return keeping(source) { Array(UnsafeBufferPointer(start: source.f64, count: count)) }
  }

  /// All elements in row-major order as integers; fractions are cut towards zero.
  public func integers() throws -> [Int64] {
    try askForElements(MemoryLayout<Int64>.size)
    let source = try converted(to: .int64).ordered()
    return keeping(source) { Array(UnsafeBufferPointer(start: source.i64, count: count)) }
  }

  /// Reads a `float32` tensor's elements in row-major order without a copy where it is contiguous.
  public func withFloats<Result>(
    _ body: (UnsafeBufferPointer<Float>) throws -> Result
  ) throws -> Result {
    guard dtype == .float32 else { throw unsupported(dtype) }
    let source = try ordered()
    return try keeping(source) {
      try body(UnsafeBufferPointer(start: source.f32, count: count))
    }
  }

  /// Changes a contiguous `float32` tensor in place, unseen by the tape; for optimisers and loops.
  ///
  /// The storage's version goes up, so a `backward` through a value saved before is an error.
  public func withMutableFloats<Result>(
    _ body: (UnsafeMutableBufferPointer<Float>) throws -> Result
  ) throws -> Result {
    guard dtype == .float32 else { throw unsupported(dtype) }
    guard isContiguous else {
      throw KilpiError("a strided view cannot be changed in place here")
    }
    storage.version += 1
    return try keeping(self) {
      try body(UnsafeMutableBufferPointer(start: f32, count: count))
    }
  }

  /// Writes `value`, broadcast to this tensor's shape, through to the storage (views included).
  ///
  /// - Throws: `KilpiError` when this tensor takes part in a recorded gradient.
  public func assign(_ value: Tensor) throws {
    guard node == nil || !GradientMode.isRecording else {
      throw KilpiError(
        "a tensor that records gradients cannot be changed in place",
        advice: "use tensor.no_grad, or build a new tensor")
    }
    let source = try value.detached().converted(to: dtype).expanded(shape).ordered()
    storage.version += 1
    scatter(from: source)
  }

  /// The same values as another element type; the gradient converts back.
  ///
  /// - Throws: `KilpiError` when int64 cannot hold an element: NaN, infinities, what lies beyond ±2⁶³.
  public func converted(to target: DType) throws -> Tensor {
    if target == dtype { return self }
    let source = try ordered()
    if target == .int64 {
      let first = keeping(source) {
        kilpi_first_beyond_int64(dtype.code, source.raw, count)
      }
      guard first == count else {
        let value = source.number(first)
        throw KilpiError(
          "element \(first + 1) is \(value.isNaN ? "nan" : "\(value)"), which int64 cannot hold",
          advice: "clamp or replace it first")
      }
    }
    let result = try Tensor(uninitialized: shape, target)
    keeping(source) {
      kilpi_convert(dtype.code, source.raw, target.code, result.raw, count)
    }
    let original = dtype
    guard target.isFloatingPoint, original.isFloatingPoint else { return result }
    return Tensor.record("to", result, from: [self]) { gradient, _ in
      [try gradient.converted(to: original)]
    }
  }
}
