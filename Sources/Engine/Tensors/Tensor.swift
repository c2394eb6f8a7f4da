internal import CKernels
internal import Diagnostics

/// An n-dimensional array of `float32`, `float64` or `int64`, with optional gradient recording.
///
/// Views (`reshaped`, `narrowed`, `permuted`, …) share storage through strides. Every operation
/// throws on bad input; none changes its operands. A tensor is used from one thread at a time.
public final class Tensor {
  let storage: Storage
  let offset: Int
  let strides: [Int]
  /// Sizes of the axes; empty for a scalar.
  public let shape: [Int]
  /// Element type.
  public let dtype: DType
  /// The tape's node that made this tensor, or its leaf node; nil when no gradient is recorded.
  var node: GradientNode?

  init(
    storage: Storage, offset: Int, shape: [Int], strides: [Int], dtype: DType,
    node: GradientNode? = nil
  ) {
    self.storage = storage
    self.offset = offset
    self.shape = shape
    self.strides = strides
    self.dtype = dtype
    self.node = node
  }

  /// An uninitialised contiguous tensor; the caller fills it.
  init(uninitialized shape: [Int], _ dtype: DType) throws {
    let count = try Shape.count(shape)
    storage = try Storage(byteCount: Swift.max(count * dtype.size, 1))
    offset = 0
    self.shape = shape
    strides = Shape.contiguousStrides(shape)
    self.dtype = dtype
    try Interrupts.poll()
  }

  /// Number of axes.
  public var rank: Int { shape.count }

  /// Number of elements.
  public var count: Int { shape.reduce(1, *) }

  /// True when elements lie in order without gaps.
  public var isContiguous: Bool {
    var expected = 1
    for axis in shape.indices.reversed() where shape[axis] != 1 {
      if strides[axis] != expected { return count == 0 }
      expected *= shape[axis]
    }
    return true
  }

  /// True when this tensor is not the whole of its storage in order.
  public var isView: Bool {
    !isContiguous || offset != 0 || Swift.max(count * dtype.size, 1) < storage.byteCount
  }

  /// Changes in place that the storage has seen; a cache keyed by it knows when it is stale.
  public var version: Int { storage.version }

  /// True when both are the same tensor: storage, offset, shape and strides.
  public func isIdentical(to other: Tensor) -> Bool {
    storage === other.storage && offset == other.offset && shape == other.shape
      && strides == other.strides && dtype == other.dtype
  }

  // MARK: Pointers for kernels. The tensor must outlive the call: see `keeping`.

  var f32: UnsafeMutablePointer<Float> {
    storage.base.assumingMemoryBound(to: Float.self) + offset
  }
  var f64: UnsafeMutablePointer<Double> {
    storage.base.assumingMemoryBound(to: Double.self) + offset
  }
  var i64: UnsafeMutablePointer<Int64> {
    storage.base.assumingMemoryBound(to: Int64.self) + offset
  }
  var raw: UnsafeMutableRawPointer { storage.base + offset * dtype.size }

  /// A view with other sizes and strides on the same storage, without a gradient.
  func view(shape: [Int], strides: [Int], offset: Int? = nil) -> Tensor {
    Tensor(
      storage: storage, offset: offset ?? self.offset, shape: shape, strides: strides, dtype: dtype)
  }

  /// The same values on the same storage, cut off from the tape.
  public func detached() -> Tensor { view(shape: shape, strides: strides) }

  /// This tensor when its elements lie in order, else a copy in order; without a gradient.
  func ordered() throws -> Tensor {
    if isContiguous { return node == nil ? self : detached() }
    let copy = try Tensor(uninitialized: shape, dtype)
    gather(into: copy)
    return copy
  }

  /// Copies the elements, in order, into a contiguous tensor of the same count.
  func gather(into target: Tensor) {
    let (sizes, steps) = Shape.collapse(shape, [strides])
    keeping(self, target) {
      if count == 0 { return }
      kilpi_gather_strided(
        dtype.size, Int32(sizes.count), sizes,
        steps[0], raw, target.raw)
    }
  }

  /// Copies the elements of an ordered tensor of the same count into this (strided) one.
  func scatter(from source: Tensor) {
    let (sizes, steps) = Shape.collapse(shape, [strides])
    keeping(self, source) {
      if count == 0 { return }
      kilpi_scatter_strided(
        dtype.size, Int32(sizes.count), sizes, steps[0], source.raw, raw)
    }
  }
}

/// Keeps tensors alive while kernels work on their raw memory.
@inline(__always)
func keeping<Result>(_ tensors: Tensor..., body: () throws -> Result) rethrows -> Result {
  try withExtendedLifetime(tensors) { try body() }
}

/// The error of an operation that an element type does not support.
func unsupported(_ dtype: DType) -> KilpiError {
  KilpiError(
    "\(dtype.rawValue) tensors are not supported here", advice: "convert with to(\"float32\")")
}
