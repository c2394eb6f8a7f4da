internal import CKernels
internal import Diagnostics

/// Computes the gradients of an operation's inputs from that of its result.
///
/// The second argument tells which inputs need one; the others may be nil. A gradient may keep the
/// result's broadcast shape: the tape sums it back.
typealias Pullback = (_ gradient: Tensor, _ needs: [Bool]) throws -> [Tensor?]

/// One recorded operation, or a leaf that collects a gradient.
///
/// Nodes hold their inputs' nodes, never the input tensors: what a gradient needs is in the
/// pullback, so a linear layer that needs no weight gradient keeps no activation alive.
final class GradientNode {
  /// Where one input came from, and what its gradient must look like.
  struct Edge {
    let node: GradientNode
    let shape: [Int]
    let dtype: DType
  }

  let name: String
  /// Creation order: every node is made after its inputs, so descending order is topological.
  let order: UInt64
  var edges: [Edge?]
  var pullback: Pullback?
  /// What a leaf has collected.
  var accumulated: Tensor?
  let isLeaf: Bool

  init(leaf name: String) {
    self.name = name
    order = kilpi_next_order()
    edges = []
    isLeaf = true
  }

  init(_ name: String, edges: [Edge?], pullback: @escaping Pullback) {
    self.name = name
    order = kilpi_next_order()
    self.edges = edges
    self.pullback = pullback
    isLeaf = false
  }

  /// Frees a chain of nodes in a loop: released by recursion, a long one overflows the stack.
  deinit {
    var waiting: [GradientNode] = edges.compactMap { $0?.node }
    edges = []
    pullback = nil
    while var last = waiting.popLast() {
      if isKnownUniquelyReferenced(&last) {
        waiting.append(contentsOf: last.edges.compactMap { $0?.node })
        last.edges = []
        last.pullback = nil
      }
    }
  }
}

/// Whether operations are recorded on this thread.
public enum GradientMode {
  /// True unless recording is paused.
  public static var isRecording: Bool { kilpi_gradient_pause(0) == 0 }
  /// Operations and leaves that this thread has recorded; a difference tells whether code records.
  public static var recordedCount: UInt64 { kilpi_recorded() }
  /// Pauses recording; every pause needs its `resume()`.
  public static func pause() { _ = kilpi_gradient_pause(1) }
  /// Ends one pause.
  public static func resume() { _ = kilpi_gradient_pause(-1) }
}

/// A value that a pullback needs, with the version it had.
struct Saved {
  private let tensor: Tensor
  private let version: Int

  init(_ tensor: Tensor) {
    self.tensor = tensor.detached()
    version = tensor.storage.version
  }

  /// The value, unless it was changed in place since.
  func value() throws -> Tensor {
    guard tensor.storage.version == version else {
      throw KilpiError(
        "a tensor \(Shape.describe(tensor.shape)) that the gradient needs was changed in place",
        advice: "clone it before changing it", in: "backward")
    }
    return tensor
  }
}

extension Tensor {
  /// Marks `result` as computed from `inputs`, if any of them records gradients.
  static func record(
    _ name: String, _ result: Tensor, from inputs: [Tensor], _ pullback: @escaping Pullback
  ) -> Tensor {
    guard willRecord(inputs) else { return result }
    let edges = inputs.map { input in
      input.node.map { GradientNode.Edge(node: $0, shape: input.shape, dtype: input.dtype) }
    }
    result.node = GradientNode(name, edges: edges, pullback: pullback)
    return result
  }

  /// True when an operation on `inputs` is to be recorded; kernels then keep what gradients need.
  static func willRecord(_ inputs: [Tensor]) -> Bool {
    GradientMode.isRecording && inputs.contains { $0.node != nil }
  }

  /// True when gradients flow to (or through) this tensor.
  public var requiresGradient: Bool { node != nil }

  /// True for a tensor whose gradient `backward` collects in `gradient`.
  public var isLeaf: Bool { node?.isLeaf ?? true }

  /// Makes this tensor a leaf that collects a gradient, or an ordinary tensor again.
  ///
  /// - Throws: `KilpiError` for int64, and for the result of a recorded operation.
  @discardableResult
  public func setRequiresGradient(_ on: Bool) throws -> Tensor {
    guard dtype.isFloatingPoint || !on else {
      throw KilpiError("int64 tensors have no gradient", advice: "convert with to(\"float32\")")
    }
    if let node, !node.isLeaf {
      if on { return self }
      throw KilpiError(
        "only leaves can stop requiring a gradient; this is the result of \(node.name)",
        advice: "use detach()")
    }
    if on, node == nil { node = GradientNode(leaf: "leaf") }
    if !on { node = nil }
    return self
  }

  /// The gradient that `backward` has collected for this leaf.
  public var gradient: Tensor? {
    get { node?.accumulated }
    set { node?.accumulated = newValue }
  }

  /// Runs `body` without recording anything.
  public static func withoutGradients<Result>(_ body: () throws -> Result) rethrows -> Result {
    GradientMode.pause()
    defer { GradientMode.resume() }
    return try body()
  }

  /// Runs `body` with recording on, also where it is paused around it: for functions that need a gradient
  /// to give their value.
  public static func withGradients<Result>(_ body: () throws -> Result) rethrows -> Result {
    let pauses = kilpi_gradient_pause(0)
    _ = kilpi_gradient_pause(-pauses)
    defer { _ = kilpi_gradient_pause(pauses) }
    return try body()
  }
}
