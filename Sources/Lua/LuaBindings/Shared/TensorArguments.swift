internal import Diagnostics
public import LuaHost
package import Tensors

extension Tensor: LuaObject {}

extension OptionSpec {
  /// `dtype`, as every function that makes tensors takes it.
  static let dtype = choice(
    "dtype", DType.allCases.map(\.rawValue), default: "float32", "element type of the result")
}

extension Options {
  /// The element type that the option `dtype` names.
  func dtype() throws -> DType { DType(rawValue: try string("dtype")) ?? .float32 }
}

extension Call {
  /// Sizes and options: `zeros{2, 3}`, `zeros({2, 3}, {dtype = "float64"})`, `zeros(2, 3)`.
  func shapeAndOptions() throws -> (shape: [Int], options: Options) {
    if kind(1) == .table { return (try integers(1), try options(2)) }
    return (try integersOrRest(1), try options(count + 1))
  }

  /// A tensor, or a number as a tensor without axes that fits beside `other`.
  ///
  /// Beside int64 an integer is taken as it is; a fraction makes the result float32, or is compared in
  /// float64.
  func operand(_ index: Int, beside other: Tensor, comparing: Bool = false) throws -> Tensor {
    if let tensor = try handleIfPresent(index, as: Tensor.self) { return tensor }
    guard kind(index) == .number else { throw badArgument(index, expected: "tensor or number") }
    guard other.dtype == .int64 else { return try Tensor.scalar(number(index), other.dtype) }
    if let integer = try? integer(index) { return try Tensor.full([], integer: Int64(integer)) }
    return try Tensor.scalar(number(index), comparing ? .float64 : .float32)
  }

  /// A tensor, or a (nested) table of numbers or a number as a tensor of `dtype`.
  func tensor(_ index: Int, dtype: DType = .float32) throws -> Tensor {
    if let tensor = try handleIfPresent(index, as: Tensor.self) { return tensor }
    guard kind(index) == .table || kind(index) == .number else {
      throw badArgument(index, expected: "tensor")
    }
    return try nestedNumbers(index).tensor(dtype)
  }

  /// A list of tensors, or one tensor as a list of it.
  func tensors(_ index: Int) throws -> [Tensor] {
    if let tensor = try handleIfPresent(index, as: Tensor.self) { return [tensor] }
    return try handles(index)
  }

  /// A 0-based axis of `shape` from the argument, or the fallback when there is none.
  func axis(_ index: Int, shape: [Int], default fallback: Int) throws -> Int {
    isNone(index)
      ? try Indexing.axis(fallback < 0 ? fallback : fallback + 1, shape: shape)
      : try axis(index, shape: shape)
  }
}

extension NestedNumbers {
  /// The numbers as a tensor.
  func tensor(_ dtype: DType) throws -> Tensor {
    switch dtype {
    case .float64: return try Tensor(values, shape: shape)
    case .float32:
      return try Tensor.make(shape) { target in
        for (position, value) in values.enumerated() { target[position] = Float(value) }
      }
    case .int64:
      guard let integers else {
        let fraction = values.first { Int64(exactly: $0) == nil } ?? .nan
        throw KilpiError("\(ErrorText.number(fraction)) is not an integer, the tensor is int64")
      }
      return try Tensor(integers, shape: shape)
    }
  }
}

/// The elements of a tensor as nested tables; a number for a tensor without axes.
struct NestedElements: LuaConvertible {
  let tensor: Tensor

  /// Pushes the tables.
  func push(onto stack: LuaStack) throws {
    if tensor.dtype == .int64 {
      try Part(values: tensor.integers()[...], shape: tensor.shape[...]).push(onto: stack)
    } else {
      try Part(values: tensor.doubles()[...], shape: tensor.shape[...]).push(onto: stack)
    }
  }

  /// The part of the elements that lies in one table.
  private struct Part<Element: LuaConvertible>: LuaConvertible {
    var values: ArraySlice<Element>
    var shape: ArraySlice<Int>

    func push(onto stack: LuaStack) throws {
      guard let size = shape.first else {
        try values[values.startIndex].push(onto: stack)
        return
      }
      try stack.makeTable(list: size)
      let inner = shape.dropFirst()
      let count = inner.reduce(1, *)
      for index in 0..<size {
        let start = values.startIndex + index * count
        if inner.isEmpty {
          try stack.setElement(index + 1, values[start])
        } else {
          try stack.setElement(
            index + 1, Part(values: values[start..<start + count], shape: inner))
        }
      }
    }
  }
}
