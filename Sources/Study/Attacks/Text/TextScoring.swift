internal import Diagnostics
internal import Tensors

/// How many texts the encoder was given.
package struct TextQueries: Sendable, Equatable {
  /// Texts that were encoded: rows, not calls.
  package var encoded = 0
  /// Evaluations answered without encoding, since the same text had been encoded before.
  package var cached = 0

  /// None yet.
  package init() {}

  /// Both counts added.
  package static func + (a: TextQueries, b: TextQueries) -> TextQueries {
    var sum = a
    sum.encoded += b.encoded
    sum.cached += b.cached
    return sum
  }
}

/// Encodes texts in batches, each once, and remembers each prompt's objective values.
final class TextScoring {
  /// One prompt under attack.
  struct Prompt {
    var evaluator: ObjectiveEvaluator
    /// What importance is measured by, where that is another objective.
    var ranking: ObjectiveEvaluator?
    var checker: ConstraintChecker
    var values: [TextKey: Double] = [:]
    var importances: [TextKey: Double] = [:]
    var queries = TextQueries()
    /// Different texts that were asked for, whoever had them encoded: what `maxQueries` bounds.
    var asked = 1
    /// The limit that ended the search, once it did.
    var limit: TextFlag?
  }

  private let encoder: TextFunction
  private let batch: Int
  private let limit: Int?
  let budget: TextBudget
  private(set) var prompts: [Prompt] = []

  /// Encodes the clean texts and prepares each prompt's objective.
  ///
  /// - Parameter ranking: what importance is measured by; nil: the objective.
  init(
    encoder: @escaping TextFunction, batch: Int, objective: TextObjective,
    ranking: TextObjective? = nil, checkers: [ConstraintChecker], imageIndices: [Int],
    budget: TextBudget, maxQueries: Int? = nil
  ) throws {
    self.encoder = encoder
    self.batch = batch
    self.budget = budget
    limit = maxQueries
    let texts = checkers.map(\.original.text)
    // The clean texts are always encoded, whatever the limits.
    let (found, fresh) = try encode(
      texts, keys: zip(checkers, texts).map { try $0.key(of: $1) }, isLimited: false)
    let rows = found.compactMap { $0 }
    func evaluators(_ objective: TextObjective) throws -> [ObjectiveEvaluator] {
      var references = rows
      if case .l2(let reference?) = objective {
        references = try Self.rows(of: reference(texts), count: texts.count)
      }
      return try zip(imageIndices, references).map {
        try ObjectiveEvaluator(objective, prompt: $0, clean: $1)
      }
    }
    let own = try evaluators(objective)
    let ranking = try ranking.map(evaluators)
    for (index, checker) in checkers.enumerated() {
      let evaluator = own[index]
      var prompt = Prompt(evaluator: evaluator, ranking: ranking?[index], checker: checker)
      prompt.queries.encoded = fresh[index] ? 1 : 0
      prompt.queries.cached = fresh[index] ? 0 : 1
      let value = try evaluator.values([rows[index]])[0]
      let key = try checker.key(of: texts[index])
      prompt.values[key] = try Self.finite(value, texts[index])
      prompt.importances[key] = try prompt.ranking?.values([rows[index]])[0]
      prompts.append(prompt)
    }
  }

  /// The objective of the clean text; not counted as an evaluation.
  func cleanValue(_ prompt: Int) throws -> Double {
    let checker = prompts[prompt].checker
    return prompts[prompt].values[try checker.key(of: checker.original.text)] ?? 0
  }

  /// Whether a limit has ended a prompt's search.
  func isSpent(_ prompt: Int) -> Bool { prompts[prompt].limit != nil }

  /// The time was over before a prompt's candidates were known.
  func stopForTime(_ prompt: Int) { prompts[prompt].limit = prompts[prompt].limit ?? .maxSeconds }

  /// Objectives of texts for several prompts at once; equal texts are encoded once.
  ///
  /// Beyond a limit the answer is -∞, which nothing chooses.
  ///
  /// - Parameter isLimited: false for the texts that are reported.
  func values(
    _ requests: [(prompt: Int, texts: [String])], isLimited: Bool = true
  ) throws -> [[Double]] {
    try answers(requests, isLimited: isLimited) { $0.values[$1] }
  }

  /// The same by what importance is measured by; a text is encoded once for both.
  func importances(_ requests: [(prompt: Int, texts: [String])]) throws -> [[Double]] {
    try answers(requests, isLimited: true) {
      $0.ranking == nil ? $0.values[$1] : $0.importances[$1]
    }
  }

  private func answers(
    _ requests: [(prompt: Int, texts: [String])], isLimited: Bool,
    _ value: (Prompt, TextKey) -> Double?
  ) throws -> [[Double]] {
    var texts: [String] = []
    var keys: [TextKey] = []
    var owners: [Int] = []
    var requested: [[TextKey]] = []
    var pending: Set<PromptKey> = []
    for (prompt, asked) in requests {
      var own: [TextKey] = []
      for text in asked {
        let key = try prompts[prompt].checker.key(of: text)
        own.append(key)
        if prompts[prompt].values[key] != nil
          || !pending.insert(PromptKey(prompt: prompt, key: key)).inserted
        {
          prompts[prompt].queries.cached += 1
          budget.count(prompt)
          continue
        }
        if isLimited {
          if let limit, prompts[prompt].asked >= limit, prompts[prompt].limit == nil {
            prompts[prompt].limit = .maxQueries
          }
          if prompts[prompt].limit != nil {
            pending.remove(PromptKey(prompt: prompt, key: key))
            continue
          }
        }
        prompts[prompt].asked += 1
        texts.append(text)
        keys.append(key)
        owners.append(prompt)
      }
      requested.append(own)
    }
    try evaluate(texts, keys: keys, owners: owners, isLimited: isLimited)
    return try zip(requests, requested).map { request, keys in
      try keys.map { key in
        if let value = value(prompts[request.prompt], key) { return value }
        guard isSpent(request.prompt) else { throw KilpiError("a text was not evaluated") }
        return -.infinity
      }
    }
  }

  private struct PromptKey: Hashable {
    var prompt: Int
    var key: TextKey
  }

  private func evaluate(
    _ texts: [String], keys: [TextKey], owners: [Int], isLimited: Bool
  ) throws {
    let (found, fresh) = try encode(texts, keys: keys, owners: owners, isLimited: isLimited)
    var first = 0
    while first < texts.count {
      let owner = owners[first]
      var end = first
      var part: [[Float]] = []
      while end < texts.count, owners[end] == owner, let row = found[end] {
        part.append(row)
        end += 1
      }
      if end == first {
        stopForTime(owner)
        first += 1
        continue
      }
      let values = try prompts[owner].evaluator.values(part)
      if let ranks = try prompts[owner].ranking?.values(part) {
        for (index, rank) in zip(first..<end, ranks) {
          prompts[owner].importances[keys[index]] = try Self.finite(rank, texts[index])
        }
      }
      for index in first..<end {
        prompts[owner].values[keys[index]] = try Self.finite(values[index - first], texts[index])
        if fresh[index] {
          prompts[owner].queries.encoded += 1
        } else {
          prompts[owner].queries.cached += 1
        }
      }
      first = end
    }
  }

  /// The features of each text, and whether it was encoded for this row (or for an equal one).
  ///
  /// No row where the time was over before.
  private func encode(
    _ texts: [String], keys: [TextKey], owners: [Int] = [], isLimited: Bool
  ) throws -> (rows: [[Float]?], fresh: [Bool]) {
    var place: [TextKey: Int] = [:]
    var unique: [String] = []
    var askers: [Int] = []
    var fresh: [Bool] = []
    for (index, (text, key)) in zip(texts, keys).enumerated() {
      let isNew = place[key] == nil
      fresh.append(isNew)
      if isNew {
        place[key] = unique.count
        unique.append(text)
        if !owners.isEmpty { askers.append(owners[index]) }
      } else if !owners.isEmpty {
        budget.count(owners[index])
      }
    }
    var encoded: [[Float]] = []
    encoded.reserveCapacity(unique.count)
    var first = 0
    while first < unique.count {
      try Interrupts.poll()
      if isLimited, budget.isOver { break }
      let part = Array(unique[first..<min(first + batch, unique.count)])
      encoded += try Self.rows(of: Tensor.withoutGradients { try encoder(part) }, count: part.count)
      if !owners.isEmpty {
        for asker in askers[first..<(first + part.count)] { budget.count(asker) }
        budget.report()
      }
      first += part.count
    }
    let rows = keys.map { key -> [Float]? in
      guard let index = place[key], index < encoded.count else { return nil }
      return encoded[index]
    }
    return (rows, fresh)
  }

  private static func rows(of features: Tensor, count: Int) throws -> [[Float]] {
    let shape = features.shape
    guard shape.count == 2, shape[0] == count, shape[1] > 0 else {
      throw KilpiError(
        "the encoder gave \(shape) for \(count) texts", advice: "it must give [\(count), D]")
    }
    let values = try features.floats()
    return (0..<count).map { Array(values[($0 * shape[1])..<(($0 + 1) * shape[1])]) }
  }

  private static func finite(_ value: Double, _ text: String) throws -> Double {
    guard value.isFinite else {
      throw KilpiError(
        "the objective of '\(text.prefix(40))' is \(value)",
        advice: "check the encoder's output on this text")
    }
    return value
  }
}
