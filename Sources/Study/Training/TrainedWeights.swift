internal import ClipModels
internal import Diagnostics
internal import Networks
internal import Tensors

/// What a run trains, and the model that it makes: weights themselves, or low-rank changes of some.
struct TrainedWeights {
  /// Names and tensors that the optimiser moves.
  let trained: [(name: String, tensor: Tensor)]
  /// The model whose weights are plain tensors: what attacks see and what the run ends with.
  let plain: ClipModel
  /// The changes, each of the weight of its name; empty where weights themselves are trained.
  private let changes: [LowRankChange]

  /// Takes a copy of `model` and marks what is trained.
  init(_ model: ClipModel, _ selection: TrainableSelection, seed: UInt64) throws {
    plain = try model.copy()
    let chosen = try selection.weights(of: plain)
    guard let size = selection.lowRank else {
      trained = chosen
      changes = []
      for (_, tensor) in chosen { try tensor.setRequiresGradient(true) }
      return
    }
    let source = RandomSource(seed: seed)
    changes = try chosen.enumerated().map { place, weight in
      var stream = source.stream(.initialization, step: place)
      return try LowRankChange(
        weight.name, of: model.parameters.required(weight.name), size, stream: &stream)
    }
    trained = changes.flatMap(\.trained)
    for (_, tensor) in trained { try tensor.setRequiresGradient(true) }
  }

  /// Everything that a checkpoint holds: the model's weights, and what else is trained.
  var all: [(name: String, tensor: Tensor)] {
    plain.parameters.entries + (changes.isEmpty ? [] : trained)
  }

  /// The model of a forward that records gradients of what is trained.
  func model() throws -> ClipModel {
    changes.isEmpty ? plain : try plain.replacing(changed())
  }

  /// Brings `plain` to what is trained, after each step.
  func settle() throws {
    guard !changes.isEmpty else { return }
    try Tensor.withoutGradients {
      for (name, value) in try changed() { try plain.parameters.required(name).assign(value) }
    }
  }

  /// A model of its own with other values of what is trained.
  func model(of values: [String: Tensor]) throws -> ClipModel {
    let copy = try plain.copy()
    let new = changes.isEmpty ? values : try changed(values)
    try Tensor.withoutGradients {
      for (name, value) in new { try copy.parameters.required(name).assign(value) }
    }
    return copy
  }

  private func changed(_ values: [String: Tensor] = [:]) throws -> [String: Tensor] {
    Dictionary(uniqueKeysWithValues: try changes.map { ($0.name, try $0.weight(values)) })
  }
}

/// `W + (α/r)·B·A` on some of a weight's rows: `A` normal with variance 1/in, `B` zero.
struct LowRankChange {
  let name: String
  let trained: [(name: String, tensor: Tensor)]
  private let base: Tensor
  private let factor: Double
  /// One pair a projection that changes; nil for one that stays.
  private let pairs: [(name: String, a: Tensor, b: Tensor)?]

  init(
    _ name: String, of base: Tensor, _ size: TrainableSelection.LowRank,
    stream: inout RandomStream
  ) throws {
    self.name = name
    self.base = base.detached()
    factor = size.alpha / Double(size.rank)
    let columns = base.shape[1]
    let parts = name.hasSuffix("in_proj_weight") ? ["q", "k", "v"] : ["o"]
    let rows = base.shape[0] / parts.count
    var trained: [(name: String, tensor: Tensor)] = []
    pairs = try parts.map { part in
      guard size.projections.contains(part) else { return nil }
      let a =
        try Tensor.randomNormal([size.rank, columns], stream: &stream, dtype: base.dtype)
        / Double(columns).squareRoot()
      let b = try Tensor.zeros([rows, size.rank], base.dtype)
      trained += [("lora.\(name).\(part).a", a), ("lora.\(name).\(part).b", b)]
      return ("lora.\(name).\(part)", a, b)
    }
    self.trained = trained
  }

  /// The weight with its change; gradients reach `A` and `B`.
  ///
  /// - Parameter values: other values of what is trained.
  func weight(_ values: [String: Tensor] = [:]) throws -> Tensor {
    let rows = base.shape[0] / pairs.count
    let blocks = try pairs.map { pair in
      try pair.map {
        try (values[$0.name + ".b"] ?? $0.b).matmul(values[$0.name + ".a"] ?? $0.a) * factor
      }
        ?? Tensor.zeros([rows, base.shape[1]], base.dtype)
    }
    return try base + (blocks.count == 1 ? blocks[0] : Tensor.concatenated(blocks))
  }
}
