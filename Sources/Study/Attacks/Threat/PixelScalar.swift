internal import Diagnostics
package import Tensors

/// Element types that images may have, with access to a tensor's elements in order.
///
/// float32 is read without a copy; float64, which only checks use, is copied.
protocol PixelScalar: BinaryFloatingPoint {
  static func read<Result>(
    _ tensor: Tensor, _ body: (UnsafeBufferPointer<Self>) throws -> Result
  ) throws -> Result
  static func make(
    _ shape: [Int], _ fill: (UnsafeMutableBufferPointer<Self>) throws -> Void
  ) throws -> Tensor
}

extension PixelScalar {
  /// The elements of several tensors at once.
  static func read<Result>(
    _ tensors: [Tensor], _ body: ([UnsafeBufferPointer<Self>]) throws -> Result
  ) throws -> Result {
    func open(_ opened: [UnsafeBufferPointer<Self>]) throws -> Result {
      guard opened.count < tensors.count else { return try body(opened) }
      return try read(tensors[opened.count]) { try open(opened + [$0]) }
    }
    return try open([])
  }
}

extension Float: PixelScalar {
  static func read<Result>(
    _ tensor: Tensor, _ body: (UnsafeBufferPointer<Float>) throws -> Result
  ) throws -> Result { try tensor.withFloats(body) }

  static func make(
    _ shape: [Int], _ fill: (UnsafeMutableBufferPointer<Float>) throws -> Void
  ) throws -> Tensor { try Tensor.make(shape, floats: fill) }
}

extension Double: PixelScalar {
  static func read<Result>(
    _ tensor: Tensor, _ body: (UnsafeBufferPointer<Double>) throws -> Result
  ) throws -> Result { try tensor.doubles().withUnsafeBufferPointer(body) }

  static func make(
    _ shape: [Int], _ fill: (UnsafeMutableBufferPointer<Double>) throws -> Void
  ) throws -> Tensor {
    let count = shape.reduce(1, *)
    let values = try [Double](unsafeUninitializedCapacity: count) { buffer, used in
      try fill(UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
      used = count
    }
    return try Tensor(values, shape: shape)
  }
}

extension Tensor {
  /// Elements of one sample: the product of all sizes but the first.
  var width: Int { shape.dropFirst().reduce(1, *) }

  /// The samples at `positions`, in that order.
  package func rows(_ positions: [Int]) throws -> Tensor {
    try indexSelected(0, Tensor(positions.map { Int64($0) }, shape: [positions.count]))
  }

  /// The largest magnitude of each sample; not finite when one of its elements is not.
  ///
  /// Magnitudes are compared by their bits: the order is the same, NaN comes out on top, and the
  /// loop needs no branch.
  func largestMagnitudes() throws -> [Double] {
    let (samples, n) = (shape.first ?? 0, width)
    if dtype == .float32 {
      return try withFloats { values in
        (0..<samples).map { row in
          var top: UInt32 = 0
          for value in UnsafeBufferPointer(rebasing: values[row * n..<(row + 1) * n]) {
            top = Swift.max(top, value.bitPattern & 0x7fff_ffff)
          }
          return Double(Float(bitPattern: top))
        }
      }
    }
    return try doubles().withUnsafeBufferPointer { values in
      (0..<samples).map { row in
        var top: UInt64 = 0
        for index in row * n..<(row + 1) * n {
          top = Swift.max(top, values[index].bitPattern & 0x7fff_ffff_ffff_ffff)
        }
        return Double(bitPattern: top)
      }
    }
  }
}
