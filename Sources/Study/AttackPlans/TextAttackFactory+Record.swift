internal import Attacks
internal import Files
internal import TextModels

extension TextAttackFactory {
  /// The mode as records give it: without the released list of stop words it is not the released
  /// procedure.
  private static func mode(_ options: Options) -> String {
    options.masked.mode == .coattack && options.stopWords == nil
      ? "coattack/own-stoplist" : options.masked.mode.rawValue
  }

  /// Everything that fixes an attack, for records.
  static func record(
    _ options: Options, _ name: String, _ attack: TextAttack, _ sources: [TextCandidateSource],
    _ mlm: MaskedLanguageModel?, encoder: SentenceEncoder?
  ) -> JSONValue {
    var members = common(options, name, attack)
    members += search(attack.search)
    members += [
      .init("objective", .string(attack.objective.name)),
      .init("stop_words", options.stopWords.map { .array($0.map { .string($0) }) } ?? .null),
      .init("importance", .string(attack.importance.rawValue)),
      .init("sources", .array(sources.map { .string($0.rawValue) })),
    ]
    if sources.contains(.wordnet) {
      members.append(.init("senses", .string(options.senses.rawValue)))
    }
    if let encoder { members.append(.init("encoder_hash", .string(encoder.record))) }
    let usesEmbedding = sources.contains(.embed) || options.minWordCosine != nil
    if usesEmbedding {
      members.append(.init("embedding", .string(mlm == nil ? "clip" : "mlm")))
    }
    if let mlm, sources.contains(.mlm) || usesEmbedding {
      members += [
        .init("mlm", .string(mlm.origin)), .init("mlm_hash", .string(mlm.fingerprint)),
      ]
    }
    if sources.contains(.mlm) {
      members += [
        .init("mode", .string(mode(options))),
        .init("threshold", options.masked.threshold.map { .number($0) } ?? .null),
        .init("max_length", options.masked.maxLength.map { .integer(Int64($0)) } ?? .null),
        .init("context", .string(options.masked.masks ? "masked" : "unmasked")),
      ]
    }
    return .object(members)
  }

  private static func common(
    _ options: Options, _ name: String, _ attack: TextAttack
  ) -> [JSONValue.Member] {
    [
      .init("method", .string(name)),
      .init("words", options.words.map { .integer(Int64($0)) } ?? .null),
      .init("edits", .integer(Int64(options.edits))), .init("k", .integer(Int64(options.k))),
      .init("scope", options.scope.map { .string($0.rawValue) } ?? .null),
      .init("forbid_class_names", .bool(attack.constraints.forbidsClassNames)),
      .init("forbid_antonyms", .bool(attack.constraints.isAntonym != nil)),
      .init("no_new_words", .bool(options.forbidsNewWords)),
      .init("max_change", options.maxChange.map { .number($0) } ?? .null),
      .init("min_sentence_cos", options.minSentenceCosine.map { .number($0) } ?? .null),
      .init("min_word_cos", options.minWordCosine.map { .number($0) } ?? .null),
      .init("kinds", .array(options.kinds.map { .string($0.rawValue) })),
      .init("sites", .integer(Int64(options.sites))),
      .init("draws", options.draws.map { .integer(Int64($0)) } ?? .null),
      .init("max_queries", options.maxQueries.map { .integer(Int64($0)) } ?? .null),
      .init("max_seconds", options.maxSeconds.map { .number($0) } ?? .null),
      .init("seed", .integer(Int64(bitPattern: options.seed))),
    ]
  }

  private static func search(_ search: TextSearch) -> [JSONValue.Member] {
    switch search {
    case .greedy: return [.init("search", "greedy")]
    case .beam(let width):
      return [.init("search", "beam"), .init("width", .integer(Int64(width)))]
    case .genetic(let population, let generations):
      return [
        .init("search", "genetic"), .init("population", .integer(Int64(population))),
        .init("generations", .integer(Int64(generations))),
      ]
    case .exhaustive(let limit):
      return [.init("search", "exhaustive"), .init("combinations", .integer(Int64(limit)))]
    }
  }
}
