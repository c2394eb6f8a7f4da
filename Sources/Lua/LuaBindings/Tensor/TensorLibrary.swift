internal import Diagnostics
internal import LuaHost
internal import Tensors

/// The module `tensor`: making, joining and saving tensors, and what concerns gradients.
enum TensorLibrary {
  static let library = Library(
    "tensor",
    doc: """
      Tensors with automatic gradients. Axes and indices count from 1, -1 is the last; `*` multiplies \
      elementwise, `a:matmul(b)` is the matrix product.
      """,
    entries: creation + joining + losses + gradients + files,
    elsewhere: [
      "array": "tensor.from{1, 2}", "tensor": "tensor.from{1, 2}", "new": "tensor.from{1, 2}",
      "from_numpy": "tensor.load(path)", "concat": "tensor.cat", "concatenate": "tensor.cat",
      "manual_seed": "random.seed(n)",
    ])

  static let creation: [Entry] = [
    Entry(
      "zeros", "(shape: integer[] [, options]) -> tensor", doc: "A tensor of zeros.",
      options: [.dtype], example: "print(tensor.zeros{2, 3}:sum():item())  --> 0.0"
    ) { call in
      let (shape, options) = try call.shapeAndOptions()
      return [try Tensor.zeros(shape, options.dtype())]
    },
    Entry(
      "ones", "(shape: integer[] [, options]) -> tensor", doc: "A tensor of ones.",
      options: [.dtype], example: "print(tensor.ones{2, 3}:sum():item())  --> 6.0"
    ) { call in
      let (shape, options) = try call.shapeAndOptions()
      return [try Tensor.ones(shape, options.dtype())]
    },
    Entry(
      "full", "(shape: integer[], value: number [, options]) -> tensor",
      doc: "A tensor whose elements all are `value`.",
      options: [.dtype], example: "print(tensor.full({2}, 1.5):sum():item())  --> 3.0"
    ) { call in
      let (shape, dtype) = (try call.integers(1), try call.options(3).dtype())
      if dtype == .int64, let integer = try? call.integer(2) {
        return [try Tensor.full(shape, integer: Int64(integer))]
      }
      return [try Tensor.full(shape, call.number(2), dtype)]
    },
    Entry(
      "eye", "(n: integer [, options]) -> tensor", doc: "The identity matrix `[n, n]`.",
      options: [.dtype], example: "print(tensor.eye(3):sum():item())  --> 3.0"
    ) { call in
      [try Tensor.eye(call.size(1), call.options(2).dtype())]
    },
    Entry(
      "rand", "(shape: integer[] [, options]) -> tensor",
      doc: "Uniform random numbers in [0, 1). Without `seed` each call draws further numbers.",
      options: [.seed, .floatingDtype],
      example: "print(tensor.rand({2}, {seed = 1}):shape()[1])  --> 2"
    ) { call in
      let (shape, options) = try call.shapeAndOptions()
      let dtype = try options.dtype()
      return [try call.drawing(options) { try Tensor.random(shape, stream: &$0, dtype: dtype) }]
    },
    Entry(
      "randn", "(shape: integer[] [, options]) -> tensor",
      doc: "Standard normal random numbers. Without `seed` each call draws further numbers.",
      options: [.seed, .floatingDtype],
      example: """
        local a, b = tensor.randn({3}, {seed = 7}), tensor.randn({3}, {seed = 7})
        print(a:eq(b):min():item())  --> 1
        """
    ) { call in
      let (shape, options) = try call.shapeAndOptions()
      let dtype = try options.dtype()
      return [
        try call.drawing(options) { try Tensor.randomNormal(shape, stream: &$0, dtype: dtype) }
      ]
    },
    Entry(
      "arange", "(first: number, last: number [, step: number [, options]]) -> tensor",
      doc: "Numbers from `first` to `last`, both included, `step` apart (1 unless given).",
      options: [.dtype],
      example:
        "print(table.concat(tensor.arange(0, 1, 0.25):to_table(), \" \"))  --> 0.0 0.25 0.5 0.75 1.0"
    ) { call in
      let options = try call.options(call.kind(3) == .table ? 3 : 4)
      let step = call.kind(3) == .table ? 1 : try call.number(3, default: 1)
      let dtype = try options.dtype()
      if dtype == .int64, let exact = try integerRange(call) { return [exact] }
      let values = try range(call.number(1), call.number(2), step: step)
      return [try whole(values, dtype).converted(to: dtype)]
    },
    Entry(
      "linspace", "(first: number, last: number, count: integer [, options]) -> tensor",
      doc: "`count` numbers at equal distances from `first` to `last`, both included.",
      options: [.dtype],
      example: "print(table.concat(tensor.linspace(0, 1, 3):to_table(), \" \"))  --> 0.0 0.5 1.0"
    ) { call in
      let (first, last, count) = (try call.number(1), try call.number(2), try call.size(3))
      let dtype = try call.options(4).dtype()
      guard first.isFinite, last.isFinite else {
        throw KilpiError(
          "there are no equal distances from \(ErrorText.number(first)) to "
            + ErrorText.number(last))
      }
      if dtype == .int64, let exact = try integerSpace(call, count: count) { return [exact] }
      let values = try space(first, last, count: count)
      return [try whole(values, dtype).converted(to: dtype)]
    },
    Entry(
      "from", "(values: table|number|tensor [, options]) -> tensor",
      doc: "A tensor of the numbers in nested tables, whose lists must have equal lengths.",
      options: [.dtype],
      example: """
        local t = tensor.from{{1, 2, 3}, {4, 5, 6}}
        print(t)
        --> 1  2  3
        --> 4  5  6
        --> float32 [2, 3]
        """
    ) { call in
      let dtype = try call.options(2).dtype()
      if let tensor = try call.handleIfPresent(1, as: Tensor.self) {
        return [try tensor.detached().converted(to: dtype).cloned()]
      }
      return [try call.nestedNumbers(1).tensor(dtype)]
    },
  ]

  /// The same for int64, when all three are integers: without rounding; nil otherwise.
  private static func integerRange(_ call: Call) throws -> Tensor? {
    guard let first = try? call.integer(1), let last = try? call.integer(2),
      let step = call.kind(3) == .table || call.isNone(3) ? 1 : try? call.integer(3),
      step != 0, first == last || (first < last) == (step > 0)
    else { return nil }
    // Unsigned: the distance between two ends of int64 does not fit it.
    let distance = UInt(bitPattern: first < last ? last &- first : first &- last)
    let count = distance / step.magnitude
    guard count < 1 << 40 else { return nil }
    // Asks for the memory before anything of its size is made.
    let steps = try range(0, Double(count), step: 1).converted(to: .int64)
    return try steps * Tensor.full([], integer: Int64(step))
      + Tensor.full([], integer: Int64(first))
  }

  /// `count` numbers from `first` to `last`, whose distance may lie beyond the largest number.
  private static func space(_ first: Double, _ last: Double, count: Int) throws -> Tensor {
    // A power of two changes no digit of numbers as large as these.
    let scale = max(first.magnitude, last.magnitude) > 0x1p900 ? 0x1p-100 : 1
    let (low, high) = (first * scale, last * scale)
    return try Tensor.tabulated([count]) { index in
      index == count - 1 && count > 1
        ? last : (low + (high - low) * Double(index) / Double(max(count - 1, 1))) / scale
    }
  }

  /// The same for int64, when both ends are integers: without rounding; nil otherwise.
  ///
  /// - Throws: `KilpiError` when the step between them is no integer.
  private static func integerSpace(_ call: Call, count: Int) throws -> Tensor? {
    guard let first = try? Int64(call.integer(1)), let last = try? Int64(call.integer(2)) else {
      return nil
    }
    // Unsigned: the distance between two ends of int64 does not fit it.
    let distance = UInt64(bitPattern: first < last ? last &- first : first &- last)
    let parts = UInt64(max(count - 1, 1))
    guard distance % parts == 0 || count <= 1 else {
      let step = (Double(last) - Double(first)) / Double(parts)
      throw KilpiError("the step \(ErrorText.number(step)) is not an integer, the tensor is int64")
    }
    let step = Int64(bitPattern: distance / parts)
    return try Tensor.makeIntegers([count]) { values in
      for index in values.indices {
        if index & 0xFFFF == 0xFFFF { try Interrupts.poll() }
        let offset = Int64(index) &* step
        values[index] = first < last ? first &+ offset : first &- offset
      }
    }
  }

  /// The numbers, of which int64 takes integers only, as in `full` and `from`.
  private static func whole(_ values: Tensor, _ dtype: DType) throws -> Tensor {
    guard dtype == .int64 else { return values }
    let fractions = try values.equal(values.floor()).equal(Tensor.full([], integer: 0))
    guard fractions.count > 0, try fractions.max().item() == 1 else { return values }
    let place = try Int(fractions.argmax(axis: 0).item())
    throw KilpiError(
      "\(ErrorText.number(try values.selected(0, place).item())) is not an integer, the tensor is int64"
    )
  }

  /// `first, first + step, …` up to `last`, which is reached in spite of rounding.
  private static func range(_ first: Double, _ last: Double, step: Double) throws -> Tensor {
    let steps = (last - first) / step
    guard step != 0, step.isFinite, steps.isFinite else {
      throw KilpiError(
        "steps of \(ErrorText.number(step)) do not lead from \(ErrorText.number(first)) to "
          + ErrorText.number(last))
    }
    guard steps < 0x1p40 else {
      throw KilpiError("\(ErrorText.number(steps.rounded(.down))) numbers are too many")
    }
    // One step back is the empty range, as in a loop from 1 to 0.
    guard steps >= -1 else {
      throw KilpiError(
        "steps of \(ErrorText.number(step)) lead away from \(ErrorText.number(last)), "
          + "starting at \(ErrorText.number(first))",
        advice: "the sign of the step is the direction")
    }
    let count = max(try Int(checked: (steps + 1e-9).rounded(.down)) + 1, 0)
    return try Tensor.tabulated([count]) { first + step * Double($0) }
  }
}

extension OptionSpec {
  /// `dtype` where integers make no sense.
  static let floatingDtype = choice(
    "dtype", ["float32", "float64"], default: "float32", "element type of the result")
}

extension Call {
  /// A size: a whole number from 0 on.
  func size(_ index: Int) throws -> Int {
    let size = try integer(index)
    guard (0...1 << 40).contains(size) else {
      throw badArgument(index, "\(size) is no size")
    }
    return size
  }
}
