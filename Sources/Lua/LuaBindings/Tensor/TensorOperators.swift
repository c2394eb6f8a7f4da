internal import Diagnostics
internal import LuaHost
internal import Tensors

extension TensorType {
  /// A row for an operator; a plain number may stand on either side.
  private static func binary(
    _ name: String, _ doc: String, _ combine: @escaping @Sendable (Tensor, Tensor) throws -> Tensor
  ) -> Entry {
    Entry(name, "(a: tensor|number, b: tensor|number) -> tensor", doc: doc) { call in
      if let a = try call.handleIfPresent(1, as: Tensor.self) {
        return [try combine(a, call.operand(2, beside: a))]
      }
      guard call.kind(1) == .number else { throw call.badArgument(1, expected: "tensor or number") }
      let b = try call.handle(2, as: Tensor.self)
      return [try combine(call.operand(1, beside: b), b)]
    }
  }

  static let operators: [Entry] =
    arithmetic + [
      Entry("__unm", "(t: tensor) -> tensor", doc: "The negative of each element.") { call in
        [try -call.handle(1, as: Tensor.self)]
      },
      Entry("__len", "(t: tensor) -> integer", doc: "The size of the first axis.") { call in
        let tensor = try call.handle(1, as: Tensor.self)
        guard let size = tensor.shape.first else {
          throw KilpiError("a tensor without axes has no length", advice: "use item()")
        }
        return [size]
      },
      Entry(
        "__eq", "(a: tensor, b: tensor) -> boolean",
        doc: "Whether both are the same tensor (storage and shape); `a:eq(b)` compares elements."
      ) { call in
        guard let a = try call.handleIfPresent(1, as: Tensor.self),
          let b = try call.handleIfPresent(2, as: Tensor.self)
        else { return [false] }
        return [a.isIdentical(to: b)]
      },
      Entry("__lt", "(a, b)", doc: "") { _ in
        throw KilpiError("tensors have no order", advice: "a:lt(b) compares elements")
      },
      Entry("__le", "(a, b)", doc: "") { _ in
        throw KilpiError("tensors have no order", advice: "a:le(b) compares elements")
      },
      Entry("__concat", "(a, b)", doc: "") { _ in
        throw KilpiError(
          "tensors are not text", advice: "tensor.cat joins tensors, tostring gives text")
      },
    ]

  private static let arithmetic: [Entry] = [
    binary("__add", "Sum of elements.") { try $0 + $1 },
    binary("__sub", "Difference of elements.") { try $0 - $1 },
    binary("__mul", "Product of elements; `a:matmul(b)` is the matrix product.") { try $0 * $1 },
    binary("__div", "Quotient of elements; int64 gives float32.") { try $0 / $1 },
    binary("__pow", "Power of elements.") { try $0.pow($1) },
    binary(
      "__idiv",
      """
      The exact quotient of elements, rounded down, as PyTorch's floor_divide: `1 // 0.1` is 9, with \
      the remainder `1 % 0.1`. Lua's own `//` rounds the quotient first (10) and gives inf where this \
      gives nan, for a dividend of inf.
      """
    ) { try $0.floorDivided(by: $1) },
    binary(
      "__mod", "Remainder of elements, with the sign of the divisor; exact, as Lua's and PyTorch's."
    ) { try $0.remainder($1) },
  ]
}
