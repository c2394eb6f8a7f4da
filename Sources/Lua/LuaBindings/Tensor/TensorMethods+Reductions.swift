internal import Diagnostics
internal import LuaHost
internal import Tensors

extension OptionSpec {
  /// The axes that a reduction goes over.
  static let axes = integers("axis", "axis, or list of axes, to go over; all when not given")
  /// The one axis that a function works along.
  static let axis = integer("axis", "axis to work along, from 1; -1 is the last")
  /// Whether reduced axes stay with size 1.
  static let keepdim = boolean("keepdim", default: false, "keep the reduced axes with size 1")
}

/// The arguments of a reduction: `t:sum()`, `t:sum(1)`, `t:sum{axis = {1, 2}, keepdim = true}`.
struct ReductionArguments {
  /// 0-based; nil for all.
  var axes: [Int]?
  var keeps: Bool
  var options: Options

  init(_ call: Call, shape: [Int]) throws {
    let isPositional = call.kind(1) == .number
    options = try call.options(isPositional ? 2 : 1)
    let named = try options.integersIfGiven("axis")
    let given = isPositional ? [try call.integer(1)] : named
    axes = try given.map { try $0.map { try Indexing.axis($0, shape: shape) } }
    guard Set(axes ?? []).count == axes?.count ?? 0 else {
      throw KilpiError("an axis is named twice in \(ErrorText.shape(given ?? []))")
    }
    keeps = try options.boolean("keepdim")
  }

  /// The single axis, which must have entries; nil when none was given.
  func single(notEmptyIn shape: [Int]) throws -> Int? {
    guard let axes else { return nil }
    guard axes.count == 1 else { throw options.problem("axis", "must be one axis here") }
    guard shape[axes[0]] > 0 else {
      throw KilpiError("axis \(axes[0] + 1) of \(ErrorText.shape(shape)) is empty")
    }
    return axes[0]
  }
}

extension Call {
  /// One 0-based axis: the argument `index` or the option `axis`, else the last.
  func oneAxis(_ index: Int, _ options: Options, shape: [Int]) throws -> Int {
    let given = kind(index) == .number ? try integer(index) : try options.integerIfGiven("axis")
    return try Indexing.axis(given ?? -1, shape: shape)
  }
}

extension TensorType {
  private static let signature = "([axis: integer|integer[] [, options]]) -> tensor"

  /// A row for a reduction over some or all axes.
  private static func reduction(
    _ name: String, _ doc: String, _ example: String,
    _ body: @escaping @Sendable (Tensor, _ axes: [Int]?, _ keeps: Bool) throws -> Tensor
  ) -> Method<Tensor> {
    Method(name, signature, doc: doc, options: [.axes, .keepdim], example: example) {
      tensor, call in
      let arguments = try ReductionArguments(call, shape: tensor.shape)
      return [try body(tensor, arguments.axes, arguments.keeps)]
    }
  }

  /// A row for variance and its root.
  private static func spread(
    _ name: String, _ doc: String, _ example: String,
    _ body: @escaping @Sendable (Tensor, [Int]?, Bool, Int) throws -> Tensor
  ) -> Method<Tensor> {
    Method(
      name, signature, doc: doc,
      options: [
        .axes, .keepdim,
        .integer(
          "correction", default: 1, range: 0...1_000_000, "taken from the count; 1: unbiased"),
      ], example: example
    ) { tensor, call in
      let arguments = try ReductionArguments(call, shape: tensor.shape)
      let correction = try arguments.options.integer("correction")
      return [try body(tensor, arguments.axes, arguments.keeps, correction)]
    }
  }

  static let reductions: [Method<Tensor>] = [
    reduction(
      "sum", "Sum of all elements, or over axes.",
      """
      local t = tensor.from{{1, 2}, {3, 4}}
      print(t:sum():item(), t:sum{axis = 1}[2]:item())  --> 10.0\t6.0
      """
    ) { try $0.sum(axes: $1, keepDimensions: $2) },
    reduction(
      "mean", "Mean of all elements, or over axes.",
      "print(tensor.from{1, 2, 6}:mean():item())  --> 3.0"
    ) {
      try $0.mean(axes: $1, keepDimensions: $2)
    },
    reduction(
      "prod", "Product of all elements, or over axes.",
      "print(tensor.from{2, 3, 4}:prod():item())  --> 24.0"
    ) {
      try $0.product(axes: $1, keepDimensions: $2)
    },
    reduction(
      "norm", "Euclidean norm of all elements, or over axes.",
      "print(tensor.from{3, 4}:norm():item())  --> 5.0"
    ) { try $0.norm(axes: $1, keepDimensions: $2) },
    reduction(
      "logsumexp", "`log Σ eˣ` of all elements, or over axes, without overflow.",
      "print(tensor.from{1000, -1000}:logsumexp():item())  --> 1000.0"
    ) {
      try $0.logSumExp(axes: $1, keepDimensions: $2)
    },
    spread(
      "var", "Variance `Σ(x - mean)² / (n - correction)` of all elements, or over axes.",
      "print(tensor.from{1, 2, 3}:var():item())  --> 1.0"
    ) {
      try $0.variance(axes: $1, keepDimensions: $2, correction: $3)
    },
    spread(
      "std", "Standard deviation, the root of `var`.",
      "print(tensor.from{1, 2, 3}:std():item())  --> 1.0"
    ) {
      try $0.standardDeviation(axes: $1, keepDimensions: $2, correction: $3)
    },
    extreme(
      "max", smallest: false,
      """
      local values, indices = tensor.from{{1, 5}, {7, 2}}:max{axis = 2}
      print(values[1]:item(), indices[1]:item())  --> 5.0\t2
      """),
    extreme("min", smallest: true, "print(tensor.from{3, 1, 2}:min():item())  --> 1.0"),
    position("argmax", smallest: false, "print(tensor.from{3, 9, 2}:argmax():item())  --> 2"),
    position("argmin", smallest: true, "print(tensor.from{3, 9, 2}:argmin():item())  --> 3"),
  ]

  private static func extreme(_ name: String, smallest: Bool, _ example: String) -> Method<Tensor> {
    let word = smallest ? "Smallest" : "Largest"
    return Method(
      name, "([axis: integer [, options]]) -> tensor, tensor?",
      doc: """
        \(word) of all elements. With an axis: the values along it and their indices, which count \
        from 1 (the first on ties).
        """,
      options: [.axes, .keepdim], example: example
    ) { tensor, call in
      let arguments = try ReductionArguments(call, shape: tensor.shape)
      guard let axis = try arguments.single(notEmptyIn: tensor.shape) else {
        let value = smallest ? try tensor.min() : try tensor.max()
        guard arguments.keeps else { return [value] }
        return [try value.reshaped(tensor.shape.map { _ in 1 })]
      }
      let (values, indices) =
        smallest
        ? try tensor.min(axis: axis, keepDimensions: arguments.keeps)
        : try tensor.max(axis: axis, keepDimensions: arguments.keeps)
      return [values, try indices.oneBased()]
    }
  }

  private static func position(_ name: String, smallest: Bool, _ example: String) -> Method<Tensor>
  {
    Method(
      name, "([axis: integer [, options]]) -> tensor",
      doc: """
        Index of the first \(smallest ? "smallest" : "largest") element along an axis, counted from 1; \
        of all elements in row-major order when no axis is given. int64.
        """,
      options: [.axes, .keepdim], example: example
    ) { tensor, call in
      let arguments = try ReductionArguments(call, shape: tensor.shape)
      let axis = try arguments.single(notEmptyIn: tensor.shape)
      return [
        try tensor.argmax(axis: axis, keepDimensions: arguments.keeps, smallest: smallest)
          .oneBased()
      ]
    }
  }

  static let ordering: [Method<Tensor>] = [
    Method(
      "topk", "(k: integer [, options]) -> tensor, tensor",
      doc: """
        The `k` largest elements along an axis, best first, and their indices from 1. NaN counts as the \
        largest, as for max and argmax.
        """,
      options: [.axis, .boolean("largest", default: true, "false: the smallest")],
      example: """
        local values, indices = tensor.from{3, 9, 2}:topk(2)
        print(values[1]:item(), indices[1]:item(), indices[2]:item())  --> 9.0\t2\t1
        """
    ) { tensor, call in
      let options = try call.options(2)
      let axis = try call.oneAxis(3, options, shape: tensor.shape)
      let (values, indices) = try tensor.topK(
        call.size(1), axis: axis, largest: options.boolean("largest"))
      return [values, try indices.oneBased()]
    },
    Method(
      "sort", "([axis: integer [, options]]) -> tensor, tensor",
      doc: """
        Elements along an axis (the last unless given) in ascending order, and their indices. NaN counts \
        as the largest.
        """,
      options: [.axis, .boolean("descending", default: false, "largest first")],
      example: """
        local values, indices = tensor.from{3, 9, 2}:sort()
        print(values[1]:item(), indices[1]:item())  --> 2.0\t3
        """
    ) { tensor, call in
      let options = try call.options(call.kind(1) == .number ? 2 : 1)
      let axis = try call.oneAxis(1, options, shape: tensor.shape)
      let (values, indices) = try tensor.sorted(
        axis: axis, descending: options.boolean("descending"))
      return [values, try indices.oneBased()]
    },
    Method(
      "cumsum", "([axis: integer [, options]]) -> tensor",
      doc: "Running sum along an axis (the last unless given).", options: [.axis],
      example: "print(tensor.from{1, 2, 3}:cumsum()[3]:item())  --> 6.0"
    ) { tensor, call in
      let options = try call.options(call.kind(1) == .number ? 2 : 1)
      return [try tensor.cumulativeSum(axis: call.oneAxis(1, options, shape: tensor.shape))]
    },
  ]

  static let softmaxes: [Method<Tensor>] = [
    along(
      "softmax", "`eˣ / Σ eˣ` along an axis (the last unless given).",
      "print(tensor.zeros{4}:softmax()[1]:item())  --> 0.25"
    ) { try $0.softmax(axis: $1) },
    along(
      "log_softmax", "The logarithm of `softmax`, without overflow.",
      "print(tensor.from{0, -1e4}:log_softmax()[2]:item())  --> -10000.0"
    ) {
      try $0.logSoftmax(axis: $1)
    },
    along(
      "normalize", "Divides by the Euclidean norm along an axis; zeros stay zeros.",
      """
      local u = tensor.from{3, 4}:normalize()
      print(string.format("%.1f %.1f", u[1]:item(), u[2]:item()))  --> 0.6 0.8
      """
    ) { try $0.normalized(axis: $1) },
    Method(
      "matmul", "(other: tensor) -> tensor",
      doc: "Matrix product `[…, m, k] × […, k, n]`; axes in front are batches and broadcast.",
      example: """
        local a = tensor.from{{1, 2}, {3, 4}}
        print(a:matmul(a)[1][1]:item())  --> 7.0
        """
    ) { tensor, call in [try tensor.matmul(call.handle(1))] },
  ]

  private static func along(
    _ name: String, _ doc: String, _ example: String,
    _ body: @escaping @Sendable (Tensor, Int) throws -> Tensor
  ) -> Method<Tensor> {
    Method(
      name, "([axis: integer [, options]]) -> tensor", doc: doc, options: [.axis], example: example
    ) { tensor, call in
      let options = try call.options(call.kind(1) == .number ? 2 : 1)
      return [try body(tensor, call.oneAxis(1, options, shape: tensor.shape))]
    }
  }
}
