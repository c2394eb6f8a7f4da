internal import Diagnostics
internal import LuaHost
internal import Tensors

// Names that people bring from PyTorch: methods for operators and shapes, and where the rest went.

extension TensorType {
  /// A row that says what an operator says.
  private static func operation(
    _ name: String, _ symbol: String, _ example: String,
    _ body: @escaping @Sendable (Tensor, Tensor) throws -> Tensor
  ) -> Method<Tensor> {
    Method(
      name, "(other: tensor|number) -> tensor", doc: "The same as `t \(symbol) other`.",
      example: example
    ) { tensor, call in [try body(tensor, call.operand(1, beside: tensor))] }
  }

  static let torchNames: [Method<Tensor>] =
    [
      operation("add", "+", "print(tensor.from{1}:add(2):item())  --> 3.0") { try $0 + $1 },
      operation("sub", "-", "print(tensor.from{1}:sub(2):item())  --> -1.0") { try $0 - $1 },
      operation("mul", "*", "print(tensor.from{3}:mul(2):item())  --> 6.0") { try $0 * $1 },
      operation("div", "/", "print(tensor.from{3}:div(2):item())  --> 1.5") { try $0 / $1 },
      operation("pow", "^", "print(tensor.from{3}:pow(2):item())  --> 9.0") { try $0.pow($1) },
      Method(
        "neg", "() -> tensor", doc: "The same as `-t`.",
        example: "print(tensor.from{3}:neg():item())  --> -3.0"
      ) { tensor, _ in [try -tensor] },
      Method(
        "ne", "(other: tensor|number) -> tensor",
        doc: "1 where the elements are not equal, else 0; int64.",
        example: "print(tensor.from{1, 2, 3}:ne(2):sum():item())  --> 2"
      ) { tensor, call in
        let equal = try tensor.equal(call.operand(1, beside: tensor, comparing: true))
        return [try 1 - equal]
      },
      Method(
        "isnan", "() -> tensor", doc: "1 where an element is no number, else 0; int64.",
        example: "print(tensor.from{0/0, 1, 1/0}:isnan():sum():item())  --> 1"
      ) { tensor, _ in [try 1 - tensor.equal(tensor)] },
      Method(
        "isfinite", "() -> tensor",
        doc: "1 where an element is neither infinite nor no number, else 0; int64.",
        example: "print(tensor.from{0/0, 1, 1/0}:isfinite():sum():item())  --> 1"
      ) { tensor, _ in
        guard tensor.dtype.isFloatingPoint else { return [try Tensor.ones(tensor.shape, .int64)] }
        // x - x is 0 for finite x, and no number for all others.
        let rest = try tensor.detached() - tensor.detached()
        return [try rest.equal(rest)]
      },
      Method(
        "dim", "() -> integer", doc: "The number of axes, the same as `ndim`.",
        example: "print(tensor.zeros{2, 3}:dim())  --> 2"
      ) { tensor, _ in [tensor.rank] },
      Method(
        "view", "(shape: integer[]) -> tensor", doc: "The same as `reshape`.",
        example: "print(table.concat(tensor.zeros{2, 6}:view(3, -1):shape(), \" \"))  --> 3 4"
      ) { tensor, call in [try tensor.reshaped(call.integersOrRest(1))] },
      Method(
        "t", "() -> tensor",
        doc: "A matrix with its axes exchanged; a vector or a number as it is.",
        example: "print(table.concat(tensor.zeros{2, 3}:t():shape(), \" \"))  --> 3 2"
      ) { tensor, _ in
        guard tensor.rank <= 2 else {
          throw KilpiError(
            "the tensor has \(tensor.rank) axes, two at most can be exchanged so",
            advice: "use transpose(a, b) or permute{…}")
        }
        return [tensor.rank == 2 ? try tensor.transposed(0, 1) : tensor]
      },
      product("mm", ranks: (2, 2), "ones{2, 3}:mm(tensor.ones{3, 4}):sum():item())  --> 24.0"),
      product(
        "bmm", ranks: (3, 3), "ones{5, 2, 3}:bmm(tensor.ones{5, 3, 4}):sum():item())  --> 120.0"),
      product("mv", ranks: (2, 1), "ones{2, 3}:mv(tensor.ones{3}):sum():item())  --> 6.0"),
      product("dot", ranks: (1, 1), "ones{3}:dot(tensor.ones{3}):item())  --> 3.0"),
    ]

  /// A row for a matrix product of tensors with given numbers of axes.
  private static func product(
    _ name: String, ranks: (Int, Int), _ example: String
  ) -> Method<Tensor> {
    Method(
      name, "(other: tensor) -> tensor",
      doc: "`matmul` of tensors with \(ranks.0) and \(ranks.1) axes.",
      example: "print(tensor." + example
    ) { tensor, call in
      let other = try call.handle(1, as: Tensor.self)
      guard tensor.rank == ranks.0, other.rank == ranks.1 else {
        throw KilpiError(
          "the operands \(ErrorText.shape(tensor.shape)) and \(ErrorText.shape(other.shape)) have "
            + "\(tensor.rank) and \(other.rank) axes, not \(ranks.0) and \(ranks.1)",
          advice: "matmul takes others")
      }
      // `matmul` wants two axes: a vector is a row on the left, a column on the right.
      let left = tensor.rank == 1 ? try tensor.unsqueezed(0) : tensor
      let right = other.rank == 1 ? try other.unsqueezed(1) : other
      let result = try left.matmul(right)
      let shape = tensor.shape.dropLast() + other.shape.dropFirst()
      return [tensor.rank == 3 ? result : try result.reshaped(Array(shape))]
    }
  }

  /// Names of `torch.Tensor` that are no methods here, and the form that does it.
  static let elsewhere: [String: String] = {
    var forms = [
      "T": "t:transpose(1, 2)", "mT": "t:transpose()", "all": "t:ne(0):min()",
      "amax": "t:max{axis = …}", "amin": "t:min{axis = …}", "any": "t:ne(0):max()",
      "argsort": "select(2, t:sort())", "bool": "t:ne(0)", "ceil": "-(-t):floor()",
      "chunk": "t:split(size, axis)", "count_nonzero": "t:ne(0):sum()", "data": "t:detach()",
      "double": "t:to(\"float64\")", "element_size": "t:dtype()",
      "expand_as": "t:expand(u:shape())",
      "float": "t:to(\"float32\")", "greater": "t:gt(u)", "grad_fn": "t.requires_grad",
      "int": "t:to(\"int64\")", "isinf": "t:abs():eq(math.huge)", "less": "t:lt(u)",
      "log10": "t:log() / math.log(10)", "log1p": "(t + 1):log()", "log2": "t:log() / math.log(2)",
      "logical_and": "t:ne(0) * u:ne(0)", "logical_not": "t:eq(0)",
      "logical_or": "(t:ne(0) + u:ne(0)):gt(0)", "long": "t:to(\"int64\")",
      "masked_fill": "t:where(mask:eq(0), value)", "ndimension": "t:ndim()",
      "nelement": "t:numel()",
      "numpy": "t:to_table()", "reciprocal": "1 / t",
      "repeat_interleave": "t:index_select(axis, …)",
      "reshape_as": "t:reshape(u:shape())", "select": "t[i]", "tan": "t:sin() / t:cos()",
      "tolist": "t:to_table()", "trunc": "t:to(\"int64\"):to(\"float32\")", "type": "t:dtype()",
      "view_as": "t:reshape(u:shape())", "zero_grad": "t.grad = nil",
    ]
    for name in ["cpu", "cuda", "device", "half", "bfloat16", "is_cuda", "pin_memory"] {
      forms[name] = "tensors are float32, float64 or int64 in memory, there is no device to choose"
    }
    // What changes a tensor in place there.
    for name in ["zero_", "fill_", "copy_"] { forms[name] = "t[{}] = value" }
    for name in [
      "abs", "add", "clamp", "cos", "div", "exp", "floor", "log", "mul", "neg", "pow", "relu",
      "round",
      "sigmoid", "sign", "sin", "sqrt", "sub", "tanh", "unsqueeze", "squeeze", "transpose", "t",
    ] {
      forms[name + "_"] = "methods change nothing in place: t = t:\(name)(…)"
    }
    for name in ["uniform_", "normal_", "random_"] {
      forms[name] = "tensor.rand and tensor.randn draw new ones"
    }
    return forms
  }()
}
