internal import CKernels
internal import Diagnostics

extension Tensor {
  /// Adds `∂self/∂leaf` to the `gradient` of every leaf that this tensor was computed from.
  ///
  /// - Parameters:
  ///   - seed: the gradient of this tensor itself; needed unless it has one element.
  ///   - retainGraph: keep the tape for another call; it is freed otherwise.
  /// - Throws: `KilpiError` when nothing was recorded, when the graph was freed, when a value that a
  ///   gradient needs was changed in place, and on interrupt. `gradient` values stay as they were then.
  public func backward(_ seed: Tensor? = nil, retainGraph: Bool = false) throws {
    let pass = try BackwardPass(from: self, seed: seed, targets: nil, retainGraph: retainGraph)
    let found = try pass.run()
    try Tensor.withoutGradients {
      let sums = try found.map { node, gradient in
        (node, try node.accumulated.map { try $0 + gradient } ?? gradient)
      }
      for (node, sum) in sums { node.accumulated = sum }
    }
  }

  /// The gradients of `result` with respect to `inputs`, without touching any `gradient`.
  ///
  /// Only what lies on a path to an input is computed. An input that the result does not depend on
  /// gets zeros.
  ///
  /// - Throws: `KilpiError` when an input does not require a gradient; otherwise as `backward`.
  public static func gradients(
    of result: Tensor, with inputs: [Tensor], seed: Tensor? = nil, retainGraph: Bool = false
  ) throws -> [Tensor] {
    let targets = try inputs.enumerated().map { index, input in
      guard let node = input.node else {
        throw KilpiError(
          "input \(index + 1) does not require a gradient",
          advice: "call requires_grad_(true) on it before computing", in: "grad")
      }
      return node
    }
    let pass = try BackwardPass(
      from: result, seed: seed, targets: targets, retainGraph: retainGraph)
    var byNode: [ObjectIdentifier: Tensor] = [:]
    for (node, gradient) in try pass.run() { byNode[ObjectIdentifier(node)] = gradient }
    return try zip(inputs, targets).map { input, node in
      try byNode[ObjectIdentifier(node)] ?? Tensor.zeros(input.shape, input.dtype)
    }
  }
}

/// One walk over the tape, from a result towards its inputs, in descending creation order.
private struct BackwardPass {
  private let root: GradientNode
  private let seed: Tensor
  private let targets: Set<ObjectIdentifier>?
  private let retainGraph: Bool

  init(from result: Tensor, seed: Tensor?, targets: [GradientNode]?, retainGraph: Bool) throws {
    guard let root = result.node else {
      throw KilpiError(
        "nothing was recorded for this tensor",
        advice: "call requires_grad_(true) on an input before computing", in: "backward")
    }
    if let seed {
      guard seed.shape == result.shape else {
        throw KilpiError(
          "the given gradient is \(Shape.describe(seed.shape)), the tensor "
            + Shape.describe(result.shape), in: "backward")
      }
      self.seed = try seed.detached().converted(to: result.dtype)
    } else {
      guard result.count == 1 else {
        throw KilpiError(
          "the tensor \(Shape.describe(result.shape)) has \(result.count) elements",
          advice: "reduce it to one (sum or mean), or give its gradient", in: "backward")
      }
      self.seed = try Tensor.ones(result.shape, result.dtype)
    }
    self.root = root
    self.targets = targets.map { Set($0.map { ObjectIdentifier($0) }) }
    self.retainGraph = retainGraph
  }

  /// Nodes on a path from the root to a target (or any leaf), newest first.
  private func path() -> (nodes: [GradientNode], wanted: Set<ObjectIdentifier>) {
    var seen: Set<ObjectIdentifier> = [ObjectIdentifier(root)]
    var nodes = [root]
    var index = 0
    while index < nodes.count {
      for case let edge? in nodes[index].edges
      where seen.insert(ObjectIdentifier(edge.node)).inserted {
        nodes.append(edge.node)
      }
      index += 1
    }
    nodes.sort { $0.order > $1.order }
    guard let targets else { return (nodes, seen) }
    var wanted: Set<ObjectIdentifier> = []
    for node in nodes.reversed() {
      let leads = node.edges.contains { edge in
        edge.map { wanted.contains(ObjectIdentifier($0.node)) } ?? false
      }
      if leads || targets.contains(ObjectIdentifier(node)) { wanted.insert(ObjectIdentifier(node)) }
    }
    return (nodes.filter { wanted.contains(ObjectIdentifier($0)) }, wanted)
  }

  /// Gradients of the targets, or of every leaf.
  func run() throws -> [(node: GradientNode, gradient: Tensor)] {
    let (nodes, wanted) = path()
    var gradients: [ObjectIdentifier: Sum] = [ObjectIdentifier(root): Sum(seed)]
    var found: [(node: GradientNode, gradient: Tensor)] = []
    try Tensor.withoutGradients {
      for node in nodes {
        let id = ObjectIdentifier(node)
        guard let sum = gradients.removeValue(forKey: id) else { continue }
        if targets?.contains(id) ?? node.isLeaf { found.append((node, try sum.tensor)) }
        if node.isLeaf { continue }
        try Interrupts.poll()
        let needs = node.edges.map { edge in
          edge.map { wanted.contains(ObjectIdentifier($0.node)) } ?? false
        }
        guard needs.contains(true) else { continue }
        guard let pullback = node.pullback else {
          throw KilpiError(
            "the recorded graph was freed by an earlier call",
            advice: "pass retain_graph = true to the first call", in: "backward")
        }
        let inputs = try pullback(try sum.tensor, needs)
        if !retainGraph { node.pullback = nil }
        for case (let edge?, let gradient?) in zip(node.edges, inputs)
        where wanted.contains(ObjectIdentifier(edge.node)) {
          let fitted = try gradient.summed(to: edge.shape).converted(to: edge.dtype)
          try gradients[ObjectIdentifier(edge.node), default: Sum()].add(fitted)
        }
      }
    }
    return try separated(found)
  }

  /// Gradients with memory of their own: several leaves may have got one tensor, or a stretched
  /// view, and whoever receives them may change them in place.
  private func separated(
    _ found: [(node: GradientNode, gradient: Tensor)]
  ) throws -> [(node: GradientNode, gradient: Tensor)] {
    var taken: Set<ObjectIdentifier> = [ObjectIdentifier(seed.storage)]
    return try Tensor.withoutGradients {
      try found.map { node, gradient in
        let isOwn = taken.insert(ObjectIdentifier(gradient.storage)).inserted
        return (node, isOwn && !gradient.isView ? gradient : try gradient.detached().cloned())
      }
    }
  }
}

/// A gradient being added up; the second addition makes a copy of its own, later ones go in place.
private struct Sum {
  private var value: Tensor?
  private var isOwned = false

  init() {}
  init(_ tensor: Tensor) { value = tensor }

  var tensor: Tensor {
    get throws { try value ?? Tensor.zeros([]) }
  }

  mutating func add(_ other: Tensor) throws {
    guard let value else {
      self.value = other
      return
    }
    if isOwned {
      let source = try other.ordered()
      keeping(value, source) {
        kilpi_axpy(value.dtype.code, 1, source.raw, value.raw, value.count)
      }
    } else {
      self.value = try value + other
      isOwned = true
    }
  }
}

extension Tensor {
  /// Sums over the axes that broadcasting stretched, so that the result has `target`'s shape.
  func summed(to target: [Int]) throws -> Tensor {
    if shape == target { return self }
    let extra = rank - target.count
    var axes = Array(0..<Swift.max(extra, 0))
    for axis in target.indices where target[axis] == 1 && shape[axis + extra] != 1 {
      axes.append(axis + extra)
    }
    let reduced = axes.isEmpty ? self : try sum(axes: axes, keepDimensions: true)
    return try reduced.reshaped(target)
  }
}
