internal import Diagnostics
internal import Images
internal import LuaHost
internal import Tensors

/// How scripts see a tensor.
enum TensorType {
  static let type = HandleType(
    Tensor.self, name: "tensor",
    doc: """
      An n-dimensional array of float32, float64 or int64 numbers. Operators work elementwise with \
      broadcasting, also with plain numbers. `t[i]` is a view along the first axis, \
      `t[{ {first, last}, j }]` a slice; assigning to either writes through. int64 wraps around at 2^63, \
      as in PyTorch and as Lua's integers do: in `+`, `-`, `*`, `^`, sum, prod, cumsum, square and in \
      abs of the smallest integer. Comparisons of int64 with floats are exact.
      """,
    methods: reading + views + placing + elementwise + comparisons + reductions + ordering
      + softmaxes + gradients + torchNames,
    fields: [
      Field(
        "grad", type: "tensor?",
        doc: "The gradient that `backward` has collected for this leaf; nil before.",
        get: { tensor, _ in tensor.gradient },
        set: { tensor, call in try setGradient(of: tensor, call) }),
      Field(
        "requires_grad", type: "boolean",
        doc: "Whether gradients flow to (or through) this tensor.",
        get: { tensor, _ in tensor.requiresGradient }),
    ],
    metamethods: operators + texts,
    index: { call in [try TensorSlice.view(of: call.handle(1), key: call.value(2))] },
    assign: { call in
      try TensorSlice.assign(call)
      return []
    }, elsewhere: elsewhere)

  private static func setGradient(of tensor: Tensor, _ call: Call) throws {
    if call.isNone(1) {
      tensor.gradient = nil
      return
    }
    let gradient = try call.handle(1, as: Tensor.self)
    guard tensor.requiresGradient, tensor.isLeaf else {
      throw KilpiError(
        "this tensor collects no gradient", advice: "call requires_grad_(true) on it first",
        in: "grad")
    }
    guard gradient.shape == tensor.shape else {
      throw KilpiError(
        "a gradient of shape \(ErrorText.shape(gradient.shape)) does not fit the tensor "
          + ErrorText.shape(tensor.shape), in: "grad")
    }
    tensor.gradient = gradient.detached()
  }

  static let texts: [Entry] = [
    Entry("__tostring", "(t: tensor) -> string", doc: "One line: type, shape, a few values.") {
      call in
      [try TensorText.line(call.handle(1))]
    },
    Entry("__print", "(t: tensor) -> string", doc: "") { call in
      [try TensorBlock(call.handle(1), width: call.state.lineWidth).text()]
    },
    Entry(
      "__display", "(t: tensor) -> table", doc: "The block form; for an image also a PNG."
    ) { call in
      let tensor = try call.handle(1, as: Tensor.self)
      var bundle: LuaRecord = [
        "text/plain": try TensorBlock(tensor, width: call.state.lineWidth).text()
      ]
      if try tensor.isImageLike() {
        bundle["image/png"] = LuaClosure("image/png") { _ in
          [LuaString(try ImageFile.encodePNG(tensor.picture()))]
        }
      }
      return [bundle]
    },
  ]

  static let gradients: [Method<Tensor>] = [
    Method(
      "requires_grad_", "([on: boolean]) -> tensor",
      doc: "Makes this tensor collect a gradient, or stop doing so; gives the same tensor.",
      example: "print(tensor.ones{2}:requires_grad_(true).requires_grad)  --> true"
    ) { tensor, call in
      try tensor.setRequiresGradient(call.boolean(1, default: true))
      return [call.receiverValue]
    },
    Method(
      "detach", "() -> tensor",
      doc: "The same values on the same storage, cut off from recorded gradients.",
      example: """
        local x = tensor.ones{2}:requires_grad_(true)
        print((x * 2):detach().requires_grad)  --> false
        """
    ) { tensor, _ in [tensor.detached()] },
    Method(
      "backward", "([seed: tensor [, options]])",
      doc: """
        Adds the gradient of this tensor to the `.grad` of every leaf it was computed from. A tensor of \
        more than one element needs `seed`, the gradient of itself. Frees what was recorded.
        """,
      options: [
        .boolean("retain_graph", default: false, "keep what was recorded for another call")
      ],
      example: """
        local x = tensor.from{1, 2, 3}:requires_grad_(true)
        x:square():sum():backward()
        print(table.concat(x.grad:to_table(), " "))  --> 2.0 4.0 6.0
        """
    ) { tensor, call in
      let isSeeded = call.kind(1) != .table
      let seed = isSeeded && !call.isNone(1) ? try call.handle(1, as: Tensor.self) : nil
      let options = try call.options(isSeeded ? 2 : 1)
      try tensor.backward(seed, retainGraph: options.boolean("retain_graph"))
      return []
    },
  ]
}
