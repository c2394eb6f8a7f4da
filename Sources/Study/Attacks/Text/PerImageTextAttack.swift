internal import Diagnostics
internal import Glibc
package import Tensors

/// Which prompts a per-image text attack may change (docs/methods/text-attacks.md, section 3.8).
package enum TextThreat: String, Sendable, CaseIterable {
  /// Only the true class's prompt.
  case trueClass = "true"
  /// Only the prompts of the other classes.
  case wrong
  /// All prompts.
  case all
}

/// The exact per-image text attack: for every image the worst choice of prompts.
///
/// With `z_c = s · ⟨I, T(t'_c)⟩` the cross-entropy falls in `z_y` and rises in every other `z_c`, so
/// the optimum takes the smallest `⟨I, T⟩` over the candidates of class `y` and the largest over
/// those of each other class: exact over the candidate sets. Cost: every candidate encoded once,
/// and one product `[N, D] × [D, ΣK]`.
package struct PerImageTextAttack {
  /// `s`, the exponential of the logit scale; only the losses depend on it.
  package var scale = 100.0
  /// Texts a call of the encoder, at least 1.
  package var batch = 256
  /// The longest time in seconds for encoding candidates; nil for no limit.
  ///
  /// Those that are not reached are left out: of each class as many, the unedited prompt never.
  package var maxSeconds: Double?

  package init() {}

  /// Attacks each image.
  ///
  /// - Parameters:
  ///   - images: features `[N, D]`; normalised here.
  ///   - labels: the true classes from 0, `N` of them.
  ///   - candidates: for each class its candidate prompts, the unedited one first.
  ///   - encoder: the model's text side.
  /// - Throws: `KilpiError` when sizes do not agree, a class has no prompt, or features are not
  ///   finite.
  package func perturb(
    images: Tensor, labels: [Int], candidates: [[String]], encoder: TextFunction
  ) throws -> PerImageTextReport {
    try check(images, labels, classes: candidates.count)
    return try perturb(
      images: images, labels: labels, candidates: encoded(candidates, encoder: encoder))
  }

  /// Attacks each image with candidates that are encoded already: for sets that come in batches.
  ///
  /// The report counts the encodings in every call.
  package func perturb(
    images: Tensor, labels: [Int], candidates: EncodedPrompts
  ) throws -> PerImageTextReport {
    try check(images, labels, classes: candidates.texts.count)
    let width = candidates.features.shape[1]
    guard images.shape[1] == width else {
      throw KilpiError(
        "the encoder gave \(candidates.features.shape) for \(candidates.queries.encoded) texts, "
          + "the images have \(images.shape[1]) values")
    }
    var report = PerImageTextReport(candidates: candidates.texts)
    report.queries = candidates.queries
    let row = candidates.row
    try Tensor.withoutGradients {
      let images = try images.converted(to: .float32).normalized(axis: -1)
      var first = 0
      while first < labels.count {
        try Interrupts.poll()
        let count = min(2048, labels.count - first)
        let part = try images.narrowed(0, start: first, length: count)
        let scores = try part.matmul(candidates.features, transposeB: true).floats()
        for index in 0..<count {
          let start = index * candidates.features.shape[0]
          let values = scores[start..<(start + candidates.features.shape[0])]
          guard values.allSatisfy(\.isFinite) else {
            throw KilpiError(
              "the text scores of sample \(first + index + 1) are not finite",
              advice: "check the features of this image")
          }
          report.append(label: labels[first + index], scale: scale) { class_, candidate in
            values[start + row[class_][candidate]]
          }
        }
        first += count
      }
    }
    return report
  }

  private func check(_ images: Tensor, _ labels: [Int], classes: Int) throws {
    let shape = images.shape
    guard shape.count == 2, shape[0] == labels.count else {
      throw KilpiError(
        "image features are \(shape) for \(labels.count) labels",
        advice: "give [\(labels.count), D]")
    }
    guard batch >= 1 else { throw KilpiError("batch is \(batch), outside 1 …") }
    if let label = labels.first(where: { !(0..<classes).contains($0) }) {
      throw KilpiError(
        "a label is \(label + 1), classes are 1 … \(classes)", advice: "labels count from 1")
    }
  }

  /// Encodes each distinct candidate once.
  ///
  /// - Throws: `KilpiError` when a class has no prompt or the encoder gives no rows of features.
  package func encoded(
    _ candidates: [[String]], encoder: TextFunction
  ) throws -> EncodedPrompts {
    guard batch >= 1 else { throw KilpiError("batch is \(batch), outside 1 …") }
    if let empty = candidates.firstIndex(where: \.isEmpty) {
      throw KilpiError("class \(empty + 1) has no prompt")
    }
    var place: [String: Int] = [:]
    var unique: [String] = []
    // Rank by rank, so that a limit of time cuts all classes alike.
    for rank in 0..<(candidates.map(\.count).max() ?? 0) {
      for texts in candidates where rank < texts.count && place[texts[rank]] == nil {
        place[texts[rank]] = unique.count
        unique.append(texts[rank])
      }
    }
    let budget = TextBudget(seconds: maxSeconds, queries: nil, progress: nil)
    var parts: [Tensor] = []
    var first = 0
    while first < unique.count {
      try Interrupts.poll()
      // The unedited prompts are the first of all.
      if first >= candidates.count, budget.isOver { break }
      let part = Array(unique[first..<min(first + batch, unique.count)])
      let features = try Tensor.withoutGradients {
        try encoder(part).converted(to: .float32).normalized(axis: -1)
      }
      guard features.rank == 2, features.shape[0] == part.count else {
        throw KilpiError("the encoder gave \(features.shape) for \(part.count) texts")
      }
      parts.append(features)
      first += part.count
    }
    var queries = TextQueries()
    queries.encoded = first
    let texts = candidates.map { $0.filter { place[$0] ?? first < first } }
    queries.cached = texts.reduce(0) { $0 + $1.count } - first
    return EncodedPrompts(
      texts: texts, features: try Tensor.concatenated(parts, axis: 0),
      row: texts.map { $0.compactMap { place[$0] } }, queries: queries,
      stopped: zip(texts, candidates).count { $0.count < $1.count })
  }
}

/// Candidate prompts of classes with the features of each.
package struct EncodedPrompts {
  /// For each class its candidate prompts, the unedited one first.
  package let texts: [[String]]
  /// Normalised features of the distinct ones, float32 `[K, D]`.
  let features: Tensor
  /// The row of each candidate in `features`.
  let row: [[Int]]
  /// Prompts encoded, and duplicates that needed no encoding.
  package let queries: TextQueries
  /// How many classes a limit of time left with fewer candidates.
  package let stopped: Int
}

/// What the exact per-image text attack found.
package struct PerImageTextReport: Sendable {
  /// For each class its candidate prompts, the unedited one first.
  package let candidates: [[String]]
  /// The true classes, from 0.
  package private(set) var labels: [Int] = []
  /// Whether each image is right with the unedited prompts; ties count as wrong.
  package private(set) var cleanCorrect: [Bool] = []
  /// Whether each image stays right under each threat; ties count as wrong.
  package private(set) var robust: [TextThreat: [Bool]] = [:]
  /// The cross-entropy of each image with the unedited prompts.
  package private(set) var cleanLoss: [Double] = []
  /// The largest cross-entropy of each image under each threat.
  package private(set) var loss: [TextThreat: [Double]] = [:]
  /// For each image and class the worst candidate: of the smallest score for the true class, of
  /// the largest for the others.
  package private(set) var worst: [[Int]] = []
  /// Prompts encoded, and duplicates that needed no encoding.
  package var queries = TextQueries()

  init(candidates: [[String]]) { self.candidates = candidates }

  /// The share of images that are right with the unedited prompts.
  package var cleanAccuracy: Double? { AttackReport.share(cleanCorrect) }

  /// The share of images that stay right under a threat.
  package func accuracy(_ threat: TextThreat) -> Double? {
    AttackReport.share(robust[threat] ?? [])
  }

  /// The adversarial prompts of one image, one a class.
  package func prompts(image: Int, _ threat: TextThreat) -> [String] {
    candidates.indices.map { class_ in
      let isTrue = class_ == labels[image]
      let changes = threat == .all || (threat == .trueClass) == isTrue
      return candidates[class_][changes ? worst[image][class_] : 0]
    }
  }

  /// Adds one image, given the score `⟨I, T⟩` of each class's candidates.
  mutating func append(label: Int, scale: Double, score: (Int, Int) -> Float) {
    var clean: [Float] = []
    var changed: [Float] = []
    var choices: [Int] = []
    for class_ in candidates.indices {
      var choice = 0
      var best = score(class_, 0)
      clean.append(best)
      for candidate in candidates[class_].indices.dropFirst() {
        let value = score(class_, candidate)
        if class_ == label ? value < best : value > best {
          best = value
          choice = candidate
        }
      }
      changed.append(best)
      choices.append(choice)
    }
    labels.append(label)
    worst.append(choices)
    cleanCorrect.append(Self.isRight(clean, label))
    cleanLoss.append(Self.crossEntropy(clean, label, scale))
    for threat in TextThreat.allCases {
      let scores = clean.indices.map { class_ in
        let changes = threat == .all || (threat == .trueClass) == (class_ == label)
        return changes ? changed[class_] : clean[class_]
      }
      robust[threat, default: []].append(Self.isRight(scores, label))
      loss[threat, default: []].append(Self.crossEntropy(scores, label, scale))
    }
  }

  private static func isRight(_ scores: [Float], _ label: Int) -> Bool {
    scores.indices.allSatisfy { $0 == label || scores[$0] < scores[label] }
  }

  private static func crossEntropy(_ scores: [Float], _ label: Int, _ scale: Double) -> Double {
    let top = scale * Double(scores.max() ?? 0)
    let sum = scores.reduce(0) { $0 + exp(scale * Double($1) - top) }
    return top + log(sum) - scale * Double(scores[label])
  }
}
