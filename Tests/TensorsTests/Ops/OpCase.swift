import TestSupport
import Tensors
import Testing

/// A random input of an operation: shape, range, and the kinks it keeps away from.
struct Input: Sendable {
  var shape: [Int]
  var low = -2.0
  var high = 2.0
  /// Values that no element comes nearer to than 0.02.
  var kinks: [Double] = []
  /// All elements differ by 0.02 at least, for operations that compare them.
  var isDistinct = false

  init(_ shape: [Int]) { self.shape = shape }

  static func any(_ shape: [Int]) -> Input { Input(shape) }

  static func positive(_ shape: [Int]) -> Input {
    var input = Input(shape)
    (input.low, input.high) = (0.1, 2)
    return input
  }

  static func away(from kinks: [Double], _ shape: [Int]) -> Input {
    var input = Input(shape)
    input.kinks = kinks
    return input
  }

  static func distinct(_ shape: [Int]) -> Input {
    var input = Input(shape)
    input.isDistinct = true
    return input
  }

  func with(_ shape: [Int]) -> Input {
    var copy = self
    copy.shape = shape
    return copy
  }

  func make(_ stream: inout RandomStream, _ dtype: DType = .float64) throws -> Tensor {
    let count = shape.reduce(1, *)
    var values: [Double] = []
    if isDistinct {
      values = try stream.permutation(count).map {
        low + (high - low) * (Double($0) + 0.4 * stream.uniform()) / Double(max(count, 1))
      }
    } else {
      while values.count < count {
        let value = low + (high - low) * stream.uniform()
        if kinks.allSatisfy({ abs(value - $0) > 0.02 }) { values.append(value) }
      }
    }
    return try Tensor(values, shape: shape).converted(to: dtype)
  }
}

/// One operation, what it must give, and what else its row says.
struct OpCase: Sendable, CustomTestStringConvertible {
  /// The public function's name.
  let name: String
  /// What tells this row from others of the same name.
  let detail: String
  var inputs: [Input]
  let run: @Sendable ([Tensor]) throws -> Tensor
  let expected: @Sendable ([Reference]) -> Reference
  /// Relative tolerance of float32 values and gradients, to the largest value.
  var tolerance = 2e-6
  var hasGradient = true
  /// Comparisons and indices give int64.
  var givesIntegers = false
  /// Other shapes of the inputs to run with.
  var otherShapes: [[[Int]]] = []
  /// Shapes to run with for values only: the gradient there is nothing but zeros, which central
  /// differences drown in rounding.
  var valueShapes: [[[Int]]] = []
  /// Views that repeat their rows give a gradient of zeros.
  var isFlatWhenRepeated = false
  /// Two inputs may be one tensor.
  var takesSameTwice = false

  var testDescription: String { detail.isEmpty ? name : "\(name), \(detail)" }

  init(
    _ name: String, _ detail: String, _ inputs: [Input],
    _ run: @escaping @Sendable ([Tensor]) throws -> Tensor,
    expected: @escaping @Sendable ([Reference]) -> Reference
  ) {
    self.name = name
    self.detail = detail
    self.inputs = inputs
    self.run = run
    self.expected = expected
  }

  /// The same row with a property changed.
  func with(_ change: (inout OpCase) -> Void) -> OpCase {
    var copy = self
    change(&copy)
    return copy
  }

  /// Without a gradient, and int64 results where it says so.
  var plain: OpCase { with { $0.hasGradient = false } }
  var integers: OpCase {
    with {
      $0.hasGradient = false
      $0.givesIntegers = true
    }
  }
}

/// Views with a tensor's shape: each differs from it in strides only, or is compared with its copy.
enum ViewKind: String, CaseIterable, Sendable {
  case transposed, narrowed, flipped, expanded

  /// Recorded, so that gradients pass through it.
  func apply(_ x: Tensor) throws -> Tensor {
    let axes = Array(0..<x.rank)
    switch self {
    case .transposed:
      return try x.permuted(axes.reversed()).cloned().permuted(axes.reversed())
    case .narrowed:
      var whole = try x.padded(axes.map { ($0, 1, 2) }, value: 0.5)
      for axis in axes { whole = try whole.narrowed(axis, start: 1, length: x.shape[axis]) }
      return whole
    case .flipped: return try x.flipped(axes).cloned().flipped(axes)
    case .expanded:
      guard let first = x.shape.first, first > 0 else { return x }
      return try x.narrowed(0, start: 0, length: 1).expanded(x.shape)
    }
  }
}

extension OpCase {
  /// Value in Double and Float, shape and type, for the shapes given.
  func checkValues(shapes: [[Int]], stream: inout RandomStream) throws -> String? {
    let double = try zip(inputs, shapes).map { try $0.with($1).make(&stream) }
    for dtype in [DType.float64, .float32] {
      let arguments = try double.map { try $0.converted(to: dtype) }
      let result = try run(arguments)
      let reference = expected(try arguments.map { try Reference($0) })
      guard result.shape == reference.shape else {
        return "\(dtype) \(shapes): shape \(result.shape), expected \(reference.shape)"
      }
      guard result.dtype == (givesIntegers ? .int64 : dtype) else {
        return "\(dtype) \(shapes): type \(result.dtype)"
      }
      let largest = reference.values.map { abs($0) }.max() ?? 0
      let relative = dtype == .float64 ? 1e-12 : tolerance
      if let text = mismatch(
        try result.doubles(), reference.values, rtol: relative, atol: relative * max(largest, 0.01))
      {
        return "\(dtype) \(shapes): \(text)"
      }
    }
    return nil
  }

  /// Central differences in Double, and float32 gradients against the Double ones.
  func checkGradients(
    shapes: [[Int]], stream: inout RandomStream, through view: ViewKind? = nil
  ) throws -> String? {
    let double = try zip(inputs, shapes).map { try $0.with($1).make(&stream) }
    let function: ([Tensor]) throws -> Tensor = { arguments in
      try run(try arguments.map { try view?.apply($0) ?? $0 })
    }
    let error = try GradientCheck.maximumError(inputs: double, function)
    if error > 1e-6 { return "\(shapes) \(view?.rawValue ?? ""): gradient error \(error)" }
    let gradients = try [DType.float64, .float32].map { dtype in
      let leaves = try double.map { try $0.converted(to: dtype).setRequiresGradient(true) }
      let result = try function(leaves)
      var seeds = RandomSource(seed: 11).stream(.script)
      let seed = try Tensor.randomNormal(result.shape, stream: &seeds, dtype: .float64)
      return try Tensor.gradients(of: result, with: leaves, seed: seed)
    }
    for (single, double) in zip(gradients[1], gradients[0]) {
      guard single.dtype == .float32, single.shape == double.shape else {
        return "float32 gradient is \(single.dtype) \(single.shape)"
      }
      let values = try double.doubles()
      let allowed = 10 * tolerance * (values.map { abs($0) }.max() ?? 0)
      if let text = mismatch(
        try single.doubles(), values, rtol: 10 * tolerance, atol: allowed)
      {
        return "\(shapes): float32 gradient: \(text)"
      }
    }
    return nil
  }

  /// A view gives what its copy gives.
  func checkViews(stream: inout RandomStream) throws -> String? {
    for view in ViewKind.allCases {
      for dtype in [DType.float64, .float32] {
        let arguments = try inputs.map { try view.apply($0.make(&stream, dtype)) }
        let result = try run(arguments)
        let copied = try run(try arguments.map { try $0.cloned() })
        if let text = try mismatch(result, copied, rtol: 1e-6, atol: 1e-6) {
          return "\(view.rawValue) \(dtype): \(text)"
        }
      }
      if hasGradient, view != .expanded || !isFlatWhenRepeated {
        let shapes = inputs.map(\.shape)
        if let text = try checkGradients(shapes: shapes, stream: &stream, through: view) {
          return text
        }
      }
    }
    return nil
  }

  /// One tensor as every input: its gradient is the sum of both.
  func checkSameTwice(stream: inout RandomStream) throws -> String? {
    let input = try inputs[0].make(&stream)
    let result = try run(inputs.map { _ in input })
    let reference = expected(try inputs.map { _ in try Reference(input) })
    if let text = mismatch(try result.doubles(), reference.values, rtol: 1e-12, atol: 1e-12) {
      return "same tensor twice: \(text)"
    }
    guard hasGradient else { return nil }
    let error = try GradientCheck.maximumError(inputs: [input]) { arguments in
      try run(inputs.map { _ in arguments[0] })
    }
    return error > 1e-6 ? "same tensor twice: gradient error \(error)" : nil
  }
}
