internal import Diagnostics
internal import LuaHost
internal import Tensors

extension TensorType {
  /// A row for a function of one tensor.
  private static func unary(
    _ name: String, _ doc: String, _ example: String,
    _ body: @escaping @Sendable (Tensor) throws -> Tensor
  ) -> Method<Tensor> {
    Method(name, "() -> tensor", doc: doc, example: example) { tensor, _ in [try body(tensor)] }
  }

  /// A row for a function of this tensor and another one or a number.
  private static func binary(
    _ name: String, _ doc: String, _ example: String,
    _ body: @escaping @Sendable (Tensor, Tensor) throws -> Tensor
  ) -> Method<Tensor> {
    Method(name, "(other: tensor|number) -> tensor", doc: doc, example: example) { tensor, call in
      [try body(tensor, call.operand(1, beside: tensor))]
    }
  }

  /// The same for a comparison.
  private static func comparison(
    _ name: String, _ doc: String, _ example: String,
    _ body: @escaping @Sendable (Tensor, Tensor) throws -> Tensor
  ) -> Method<Tensor> {
    Method(name, "(other: tensor|number) -> tensor", doc: doc, example: example) { tensor, call in
      [try body(tensor, call.operand(1, beside: tensor, comparing: true))]
    }
  }

  static let elementwise: [Method<Tensor>] =
    curves + [
      unary("abs", "Absolute values.", "print(tensor.from{-2}:abs():item())  --> 2.0") {
        try $0.abs()
      },
      unary(
        "sign", "-1, 0 or 1 for each element. The gradient is 0.",
        "print(tensor.from{-3}:sign():item())  --> -1.0"
      ) { try $0.sign() },
      unary(
        "floor", "The largest integers not above the elements. The gradient is 0.",
        "print(tensor.from{1.7}:floor():item())  --> 1.0"
      ) { try $0.floor() },
      unary(
        "round", "The nearest integers, ties to even. The gradient is 0.",
        "print(tensor.from{2.5}:round():item())  --> 2.0"
      ) { try $0.round() },
      unary("sqrt", "Square roots.", "print(tensor.from{9}:sqrt():item())  --> 3.0") {
        try $0.sqrt()
      },
      unary(
        "rsqrt", "Reciprocal square roots, `1 / √x`.",
        "print(tensor.from{4}:rsqrt():item())  --> 0.5"
      ) { try $0.rsqrt() },
      unary("square", "Squares.", "print(tensor.from{-3}:square():item())  --> 9.0") {
        try $0.square()
      },
      Method(
        "clamp", "([low: number [, high: number]]) -> tensor",
        doc: """
          Elements below `low` become `low`, above `high` become `high`; nil is no bound. Of int64, a \
          bound that is no integer makes the result float32.
          """,
        example: "print(tensor.from{-1, 0.5, 3}:clamp(0, 1):sum():item())  --> 1.5"
      ) { tensor, call in
        let low = call.isNone(1) ? nil : try call.number(1)
        let high = call.isNone(2) ? nil : try call.number(2)
        for (name, bound) in [("low", low), ("high", high)] where bound?.isNaN == true {
          throw KilpiError("the \(name) bound is nan", advice: "nil is no bound")
        }
        if let low, let high, low > high {
          throw KilpiError(
            "the low bound \(ErrorText.number(low)) lies above the high bound "
              + ErrorText.number(high))
        }
        guard tensor.dtype == .int64 else { return [try tensor.clamped(low, high)] }
        let raised = low == nil ? tensor : try tensor.maximum(call.operand(1, beside: tensor))
        return [high == nil ? raised : try raised.minimum(call.operand(2, beside: tensor))]
      },
      binary(
        "minimum",
        "The smaller of two elements, with broadcasting; nan where one is nan, float32 for an int64 "
          + "tensor beside a number that is no integer.",
        "print(tensor.from{1, 5}:minimum(3):sum():item())  --> 4.0"
      ) { try $0.minimum($1) },
      binary(
        "maximum",
        "The larger of two elements, with broadcasting; nan where one is nan, float32 for an int64 "
          + "tensor beside a number that is no integer.",
        "print(tensor.from{1, 5}:maximum(3):sum():item())  --> 8.0"
      ) { try $0.maximum($1) },
      Method(
        "where", "(condition: tensor, other: tensor|number) -> tensor",
        doc: "Elements of this tensor where `condition` is not 0, else of `other`.",
        example: """
          local x = tensor.from{-1, 2}
          print(x:where(x:gt(0), 0):sum():item())  --> 2.0
          """
      ) { tensor, call in
        [try Tensor.select(call.handle(1), tensor, call.operand(2, beside: tensor))]
      },
    ]

  private static let curves: [Method<Tensor>] = [
    unary("exp", "Exponentials, `eˣ`.", "print(tensor.from{0}:exp():item())  --> 1.0") {
      try $0.exp()
    },
    unary("log", "Natural logarithms.", "print(tensor.from{1}:log():item())  --> 0.0") {
      try $0.log()
    },
    unary("sin", "Sines, in radians.", "print(tensor.from{0}:sin():item())  --> 0.0") {
      try $0.sin()
    },
    unary("cos", "Cosines, in radians.", "print(tensor.from{0}:cos():item())  --> 1.0") {
      try $0.cos()
    },
    unary("tanh", "Hyperbolic tangents.", "print(tensor.from{0}:tanh():item())  --> 0.0") {
      try $0.tanh()
    },
    unary("sigmoid", "`1 / (1 + e⁻ˣ)`.", "print(tensor.from{0}:sigmoid():item())  --> 0.5") {
      try $0.sigmoid()
    },
    unary(
      "softplus",
      "`log(1 + eˣ)`, a smooth `max(x, 0)`, computed without overflow. The gradient is `sigmoid`.",
      "print(tensor.from{100}:softplus():item())  --> 100.0"
    ) { try $0.softplus() },
    unary(
      "relu", "`max(x, 0)`. The gradient at 0 is 0.",
      "print(tensor.from{-1, 2}:relu():sum():item())  --> 2.0"
    ) { try $0.relu() },
    Method(
      "gelu", "([options]) -> tensor",
      doc: """
        `x · Φ(x)` with the exact normal distribution function (arXiv:1606.08415), or its tanh \
        approximation, which SigLIP uses.
        """,
      options: [
        .choice(
          "approximate", ["none", "tanh"], default: "none",
          "tanh: `½x(1 + tanh(√(2/π)(x + 0.044715x³)))`")
      ],
      example: "print(tensor.from{0}:gelu():item())  --> 0.0"
    ) { tensor, call in
      let isTanh = try call.options(1).string("approximate") == "tanh"
      return [isTanh ? try tensor.tanhGELU() : try tensor.gelu()]
    },
    unary(
      "quick_gelu", "`x · sigmoid(1.702 x)`, the activation of OpenAI's CLIP.",
      "print(tensor.from{0}:quick_gelu():item())  --> 0.0"
    ) { try $0.quickGELU() },
  ]

  static let comparisons: [Method<Tensor>] = [
    comparison(
      "eq", "1 where the elements are equal, else 0; int64.",
      "print(tensor.from{1, 2}:eq(2):sum():item())  --> 1"
    ) { try $0.equal($1) },
    comparison(
      "lt", "1 where this element is less than the other, else 0; int64.",
      "print(tensor.from{1, 2}:lt(2):sum():item())  --> 1"
    ) { try $0.less($1) },
    comparison(
      "le", "1 where this element is less or equal, else 0; int64.",
      "print(tensor.from{1, 2}:le(2):sum():item())  --> 2"
    ) { try $0.lessEqual($1) },
    comparison(
      "gt", "1 where this element is greater than the other, else 0; int64.",
      "print(tensor.from{1, 2}:gt(2):sum():item())  --> 0"
    ) { try $0.greater($1) },
    comparison(
      "ge", "1 where this element is greater or equal, else 0; int64.",
      "print(tensor.from{1, 2}:ge(2):sum():item())  --> 1"
    ) { try $0.greaterEqual($1) },
  ]
}
