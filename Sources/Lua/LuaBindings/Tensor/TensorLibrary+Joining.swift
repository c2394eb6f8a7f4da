internal import Diagnostics
internal import LuaHost
internal import Tensors

extension TensorLibrary {
  static let joining: [Entry] = [
    Entry(
      "cat", "(list: tensor[] [, axis: integer]) -> tensor",
      doc: "Tensors one after another along an existing axis (the first unless given).",
      example: """
        local a = tensor.ones{2, 3}
        print(table.concat(tensor.cat({a, a}, 2):shape(), " "))  --> 2 6
        """
    ) { call in
      let parts = try call.tensors(1)
      guard let first = parts.first else { throw KilpiError("the list of tensors is empty") }
      return [try Tensor.concatenated(parts, axis: call.axis(2, shape: first.shape, default: 0))]
    },
    Entry(
      "stack", "(list: tensor[] [, axis: integer]) -> tensor",
      doc: "Tensors of one shape along a new axis (the first unless given).",
      example: """
        local a = tensor.ones{2, 3}
        print(table.concat(tensor.stack({a, a}):shape(), " "))  --> 2 2 3
        """
    ) { call in
      let parts = try call.tensors(1)
      guard let first = parts.first else { throw KilpiError("the list of tensors is empty") }
      return [try Tensor.stacked(parts, axis: call.place(2, shape: first.shape))]
    },
    Entry(
      "where", "(condition: tensor, a: tensor|number, b: tensor|number) -> tensor",
      doc: "Elements of `a` where `condition` is not 0, else of `b`, with broadcasting.",
      example: """
        local x = tensor.from{-1, 2}
        print(tensor.where(x:gt(0), x, 0):sum():item())  --> 2.0
        """
    ) { call in
      let condition = try call.handle(1, as: Tensor.self)
      let (a, b) = try call.pair(2, 3)
      return [try Tensor.select(condition, a, b)]
    },
  ]

  static let losses: [Entry] = [
    Entry(
      "cross_entropy", "(logits: tensor, labels: tensor|integer[] [, options]) -> tensor",
      doc: """
        Cross-entropy of logits `[N, C]` and class labels 1 … C: `-log softmax(z)[label]` for each row, \
        then combined.
        """,
      options: [.reduction],
      example: """
        local loss = tensor.cross_entropy(tensor.zeros{2, 4}, {1, 4})
        print(string.format("%.4f", loss:item()))  --> 1.3863
        """
    ) { call in
      let logits = try call.handle(1, as: Tensor.self)
      guard logits.rank == 2 else {
        throw KilpiError(
          "logits have shape \(ErrorText.shape(logits.shape))", advice: "logits are [N, C]")
      }
      let labels = try call.labelTensor(2, classes: logits.shape[1])
      return [
        try Tensor.crossEntropy(
          logits: logits, labels: labels, reduction: call.options(3).reduction())
      ]
    },
    Entry(
      "kl_div", "(p: tensor, q: tensor [, options]) -> tensor",
      doc: """
        `KL(p || q) = sum p (log p - log q)` over the last axis, the target `p` first, then combined over \
        rows. Arguments are logits; with `logits = false`, probabilities, whose rows add up to 1.
        """,
      options: [
        .reduction,
        .boolean("logits", default: true, "the arguments are logits, not probabilities"),
      ],
      example: """
        local p = tensor.from{{0.5, 0.5}}
        print(tensor.kl_div(p, p, {logits = false}):item())  --> 0.0
        """
    ) { call in
      let (p, q) = (try call.handle(1, as: Tensor.self), try call.handle(2, as: Tensor.self))
      let options = try call.options(3)
      guard p.rank > 0, q.rank > 0 else { throw KilpiError("both need at least one axis") }
      if try options.boolean("logits") {
        return [try Tensor.klDivergence(logits: p, q, reduction: options.reduction())]
      }
      try requireProbabilities(p, "p")
      try requireProbabilities(q, "q")
      return [try Tensor.klDivergence(p, q, reduction: options.reduction())]
    },
    Entry(
      "mse", "(a: tensor, b: tensor [, options]) -> tensor",
      doc: "Squared differences `(a - b)²`, combined over all elements.",
      options: [.reduction],
      example: "print(tensor.mse(tensor.ones{4}, tensor.zeros{4}):item())  --> 1.0"
    ) { call in
      let a = try call.handle(1, as: Tensor.self)
      return [
        try Tensor.meanSquaredError(
          a, call.operand(2, beside: a), reduction: call.options(3).reduction())
      ]
    },
  ]
}

extension OptionSpec {
  /// How losses of samples are combined.
  static let reduction = choice(
    "reduction", Reduction.allCases.map(\.rawValue), default: "mean",
    "how the losses of samples are combined; none keeps one a sample")
}

extension Options {
  func reduction() throws -> Reduction { Reduction(rawValue: try string("reduction")) ?? .mean }
}

extension TensorLibrary {
  /// Refuses rows that are no probabilities; sums may be off by what float32 rounds.
  fileprivate static func requireProbabilities(_ tensor: Tensor, _ name: String) throws {
    guard tensor.count > 0 else { return }
    let values = tensor.detached()
    let advice = "leave logits = false out for logits, or take their softmax first"
    let least = try values.min().item()
    guard least >= 0 else {
      throw KilpiError(
        "\(name) holds \(ErrorText.number(least)), which is no probability", advice: advice)
    }
    for (row, sum) in try values.sum(axes: [-1]).doubles().enumerated()
    where !((sum - 1).magnitude <= 1e-3) {
      throw KilpiError(
        "row \(row + 1) of \(name) adds up to \(ErrorText.number(sum)), not to 1", advice: advice)
    }
  }
}

extension Call {
  /// Two operands of which either may be a number.
  func pair(_ first: Int, _ second: Int) throws -> (Tensor, Tensor) {
    if let a = try handleIfPresent(first, as: Tensor.self) {
      return (a, try operand(second, beside: a))
    }
    if let b = try handleIfPresent(second, as: Tensor.self) {
      return (try operand(first, beside: b), b)
    }
    return (try Tensor.scalar(number(first)), try Tensor.scalar(number(second)))
  }
}
