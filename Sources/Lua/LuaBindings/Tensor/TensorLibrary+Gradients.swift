internal import Diagnostics
internal import LuaHost
internal import Tensors

/// A pause of gradient recording that a `<close>` variable ends.
final class RecordingPause: LuaObject {
  private var isOpen = true

  init() { GradientMode.pause() }

  func end() {
    if isOpen { GradientMode.resume() }
    isOpen = false
  }

  deinit { end() }
}

extension TensorLibrary {
  static let guardType = HandleType(
    RecordingPause.self, name: "no_grad guard",
    doc: "What `tensor.no_grad()` gives; recording goes on when its `<close>` variable ends.",
    metamethods: [
      Entry("__tostring", "(guard) -> string", doc: "Its name.") { _ in ["no_grad guard"] }
    ],
    close: { $0.end() })

  static let gradients: [Entry] = [
    Entry(
      "grad", "(loss: tensor, inputs: tensor|tensor[] [, options]) -> tensor[]",
      doc: """
        The gradients of `loss` with respect to the inputs, as a list; their `.grad` stays as it is. An \
        input that the loss does not depend on gets zeros.
        """,
      options: [
        .boolean("retain_graph", default: false, "keep what was recorded for another call")
      ],
      example: """
        local x = tensor.from{1, 2, 3}:requires_grad_(true)
        local g = tensor.grad((x * x):sum(), {x})
        print(table.concat(g[1]:to_table(), " "))  --> 2.0 4.0 6.0
        """
    ) { call in
      let loss = try call.handle(1, as: Tensor.self)
      let inputs = try call.tensors(2)
      let keeps = try call.options(3).boolean("retain_graph")
      return [
        try renamed {
          try Tensor.gradients(of: loss, with: inputs, retainGraph: keeps)
        }
      ]
    },
    Entry(
      "no_grad", "([f: function]) -> any",
      doc: """
        Runs `f` without recording gradients and gives its results. Without `f`, a guard for \
        `local _ <close> = tensor.no_grad()`, which pauses recording to the end of the block.
        """,
      example: """
        local x = tensor.ones{2}:requires_grad_(true)
        print(tensor.no_grad(function() return (x * 2).requires_grad end))  --> false
        """
    ) { call in
      if call.isNone(1) { return [RecordingPause()] }
      let function = try call.function(1)
      return try Tensor.withoutGradients { try function.call() }
    },
    Entry(
      "scope", "(f: function) -> any",
      doc: """
        Runs `f` and frees the tensors that scripts got meanwhile, except those among its results \
        (also inside tables); use it in loops that must not wait for the collector.
        """,
      example: """
        local kept
        local sum = tensor.scope(function() kept = tensor.ones{4}; return kept:sum() end)
        print(sum:item(), (pcall(kept.numel, kept)))  --> 4.0\tfalse
        """
    ) { call in
      let function = try call.function(1)
      return try call.state.releasingHandles(of: Tensor.self) { try function.call() }
    },
    Entry(
      "gradcheck", "(f: function, inputs: tensor|tensor[]) -> number",
      doc: """
        The largest relative error of the gradients of `f` at the inputs, against central differences \
        in float64. `f` gets the inputs as arguments and gives a tensor; keep away from kinks.
        """,
      example: """
        local e = tensor.gradcheck(function(x) return (x:sin() * x):sum() end, tensor.from{0.5, 2})
        print(e < 1e-6)  --> true
        """
    ) { call in
      let function = try call.function(1)
      let inputs = try call.tensors(2).map { try $0.detached().converted(to: .float64) }
      let error = try renamed {
        try GradientCheck.maximumError(inputs: inputs) { leaves in
          let result = try function.first(leaves)
          guard let tensor = result.object(as: Tensor.self) else {
            throw KilpiError("the function gave a \(result.typeName), a tensor is needed")
          }
          return tensor
        }
      }
      return [error]
    },
  ]

  /// Leaves the name to the dispatcher: floor 1 names these functions without their module.
  private static func renamed<R>(_ body: () throws -> R) throws -> R {
    do {
      return try body()
    } catch var error as KilpiError {
      error.function = ""
      throw error
    }
  }
}
