internal import Diagnostics
internal import Networks
internal import Tensors

/// Reads the weights of an architecture out of a file of some layout.
struct WeightReader {
  let source: any TensorSource
  let layout: WeightLayout
  private let available: Set<String>

  init(_ source: any TensorSource, _ layout: WeightLayout) {
    self.source = source
    self.layout = layout
    available = Set(source.names)
  }

  /// The shape that one of our weights would have; nil when the file lacks it.
  func shape(of name: String) throws -> [Int]? {
    let place = layout.place(name)
    guard place.keys.allSatisfy(available.contains) else { return nil }
    let shapes = try place.keys.map { try source.shape(of: $0) }
    switch place {
    case .plain(_, let leading): return Array(shapes[0].dropFirst(leading))
    case .transposed: return shapes[0].reversed()
    case .joined:
      guard shapes.allSatisfy({ !$0.isEmpty && $0[0] <= 1 << 40 }) else { return nil }
      return [shapes.reduce(0) { $0 + $1[0] }] + shapes[0].dropFirst()
    }
  }

  /// Numbers that stand behind `prefix` in names of ours: 0, 1, … as long as `name(n)` is there.
  func count(_ name: (Int) -> String) -> Int {
    var count = 0
    while layout.place(name(count)).keys.allSatisfy(available.contains), count < 1 << 16 {
      count += 1
    }
    return count
  }

  /// One of our weights in float32; nil, and noted, when the file lacks it or it does not fit.
  private func weight(
    _ name: String, _ shape: [Int], _ problems: inout KeyProblems
  ) throws -> Tensor? {
    func take(_ key: String, _ shape: [Int]) throws -> Tensor? {
      guard available.contains(key) else {
        problems.missing.append(key)
        return nil
      }
      let stored = try source.shape(of: key)
      let isScalar = shape.isEmpty && stored.allSatisfy { $0 == 1 }
      guard stored == shape || isScalar else {
        problems.misshaped.append("\(key): \(stored) in the file, \(shape) needed")
        return nil
      }
      return try source.tensor(key).converted(to: .float32).reshaped(shape)
    }
    switch layout.place(name) {
    case .plain(let key, let leading):
      let first = try take(key, Array(repeating: 1, count: leading) + shape)?.reshaped(shape)
      guard let first, name == "positional_embedding", available.contains(Self.stretched(key))
      else {
        return first
      }
      // Long-CLIP (arXiv:2403.15378) keeps the first 20 positions and reads the others in a second,
      // stretched table.
      let kept = min(20, shape[0])
      guard let second = try take(Self.stretched(key), shape), shape[0] > kept else { return first }
      return try Tensor.concatenated([
        first.narrowed(0, start: 0, length: kept),
        second.narrowed(0, start: kept, length: shape[0] - kept),
      ])
    case .transposed(let key):
      return try take(key, shape.reversed())?.transposed().contiguous()
    case .joined(let parts):
      let share = shape[0] / parts.reduce(0) { $0 + $1.shares }
      let tensors = try parts.compactMap {
        try take($0.key, [share * $0.shares] + shape.dropFirst())
      }
      return tensors.count == parts.count ? try Tensor.concatenated(tensors) : nil
    }
  }

  /// Long-CLIP's name of the second table of positions.
  private static func stretched(_ key: String) -> String { key + "_res" }

  /// The weights of `shapes`, in their order, as far as the file has them, and what does not fit.
  func read(_ shapes: [WeightShape]) throws -> (weights: ParameterList, problems: KeyProblems) {
    var problems = KeyProblems()
    var weights = ParameterList()
    var used: Set<String> = []
    for (name, shape) in shapes {
      used.formUnion(layout.place(name).keys)
      if name == "positional_embedding" {
        used.formUnion(layout.place(name).keys.map(Self.stretched))
      }
      if let tensor = try weight(name, shape, &problems) { weights.set(name, tensor) }
    }
    problems.unexpected = source.names.filter { !used.contains($0) && !Self.isIgnored($0) }
      .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    return (weights, problems)
  }

  /// Numbers that files carry beside weights and that the configuration repeats.
  private static func isIgnored(_ key: String) -> Bool {
    key.hasSuffix("position_ids") || key.hasSuffix("num_batches_tracked")
      || ["input_resolution", "context_length", "vocab_size", "attn_mask", "text.attn_mask"]
        .contains(key)
  }
}

/// Keys that do not fit, listed as torch lists them.
struct KeyProblems {
  var missing: [String] = []
  var unexpected: [String] = []
  var misshaped: [String] = []

  /// True when all that is wrong are keys of losses, optimisers and other heads, which no feature
  /// depends on.
  var areHarmless: Bool {
    let harmless: Set<Substring> = [
      "loss", "losses", "loss_fn", "criterion", "criterions", "optimizer", "scheduler", "scaler",
      "metric", "metrics", "metric_logger", "train_metrics", "val_metrics", "test_metrics", "queue",
      "classifier", "classification_head", "text_decoder",
    ]
    return missing.isEmpty && misshaped.isEmpty
      && unexpected.allSatisfy { key in
        harmless.contains(key.prefix { $0 != "." && $0 != "[" })
      }
  }

  /// What there is to say; nil when every key fits.
  var description: String? {
    let parts = [
      Self.list("missing keys", missing), Self.list("unexpected keys", unexpected),
      Self.list("mis-shaped keys", misshaped),
    ].compactMap { $0 }
    guard var result = parts.first else { return nil }
    for part in parts.dropFirst() { result += (result.contains("\n") ? "\n" : "; ") + part }
    return result + (parts.last?.contains("\n") == true ? "\n" : "")
  }

  /// Keys of a kind that stand in one line; more of them have a line each.
  private static let inLine = 5
  /// Keys of a kind that a message names: more than any model has, fewer than a file may have.
  private static let limit = 10_000

  private static func list(_ title: String, _ keys: [String]) -> String? {
    guard !keys.isEmpty else { return nil }
    let shown = keys.prefix(limit).map { $0.prefix(400) }
    if shown.count <= inLine { return "\(title): " + shown.joined(separator: ", ") }
    let rest = keys.count - shown.count
    return "\(keys.count) \(title):" + shown.map { "\n  " + $0 }.joined()
      + (rest > 0 ? "\n  and \(rest) more" : "")
  }
}
