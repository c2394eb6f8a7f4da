public import Attacks
public import ClipModels
internal import Diagnostics
internal import Files
internal import Networks
internal import Tensors
public import TextModels

/// Where a text attack takes its candidate words from, and how it searches (methods.md 3.1).
public enum TextAttackMethod: String, Sendable, CaseIterable {
  /// A masked language model (BERT-Attack, arXiv:2004.09984).
  case bert
  /// Synonyms of WordNet.
  case synonym
  /// Nearest tokens in CLIP's token embedding.
  case embedding
  /// Character edits: all sites, then all symbols (arXiv:2405.04346).
  case char
  /// Synonyms and neighbours, beam search.
  case beam
  /// Synonyms and neighbours, a genetic search.
  case genetic
  /// Synonyms and neighbours, every combination.
  case exhaustive
}

/// Builds text attacks from a model, its tokenizer and WordNet.
public enum TextAttackFactory {
  /// What scripts may set.
  public struct Options: Sendable {
    /// The method; nil: `bert` where a masked language model is given, else synonyms and neighbours
    /// where WordNet is there, else character edits.
    public var method: TextAttackMethod?
    /// Words that may change.
    public var words: Int? = 1
    /// Levenshtein edits of `char`.
    public var edits = 1
    /// Candidates a word.
    public var k = 10
    /// What may change.
    public var scope: TextScope?
    /// Whether class names may be put in.
    public var forbidsClassNames = true
    /// Whether antonyms may be put in, when WordNet is there.
    public var forbidsAntonyms = true
    /// `char`: whether an edit may make another dictionary word.
    public var forbidsNewWords = true
    /// The largest share of changed words; nil for no limit.
    public var maxChange: Double?
    /// The least cosine between the sentences before and after; nil for no limit.
    public var minSentenceCosine: Double?
    /// `char`: the kinds of edits, one edit a word; empty for LEAF's search over all of them.
    public var kinds: [CharacterEdits.Kind] = []
    /// `char`: sites kept after the first pass.
    public var sites = 20
    /// `char`: LEAF's training form with that many random sites and symbols; nil: the test form.
    public var draws: Int?
    /// `bert`: how candidates are taken; in `coattack` mode the rest follows released code too.
    ///
    /// `k`, the filters and stop words are taken from this table.
    public var masked = MaskedOptions()
    /// Words left alone; nil: Kilpi's own list.
    ///
    /// Compared with case in `coattack` mode.
    public var stopWords: [String]?
    /// Root of random numbers.
    public var seed: UInt64 = 0

    /// The defaults of methods.md 3.1.
    public init() {}
  }

  /// The attack that `options` describe, for texts of `model`; `mlm` is what `bert` asks for words.
  ///
  /// - Parameter encoder: tells how alike sentences are, for `minSentenceCosine`.
  /// - Throws: `KilpiError` when a source that the method needs is not there.
  public static func make(
    _ options: Options, model: ClipModel, mlm: MaskedLanguageModel? = nil,
    encoder: MaskedLanguageModel? = nil, objective: TextObjective = .kl
  ) throws -> TextAttackSpecification {
    var attack = TextAttack()
    if let words = options.stopWords { attack.stopWords = StopWords(words) }
    attack.objective = objective
    attack.k = options.k
    attack.scope = options.scope
    attack.random = RandomSource(seed: options.seed)
    attack.constraints.words = options.words
    attack.constraints.edits = options.edits
    attack.constraints.forbidsClassNames = options.forbidsClassNames
    attack.constraints.maxChange = options.maxChange
    attack.constraints.minSentenceCosine = options.minSentenceCosine
    attack.constraints.sentenceCosine = encoder.map { SentenceLikeness($0).cosine }
    guard let tokenizer = model.tokenizer else {
      throw KilpiError(
        "", "the model has no tokenizer for its texts", advice: "load it with its tokenizer's files"
      )
    }
    // `TextTokens` counts a start and an end token.
    attack.constraints.tokens = TextTokens(
      context: model.configuration.context + 2 - tokenizer.specialCount,
      ids: { try tokenizer.plainIDs(of: $0) }, decode: { try tokenizer.plainText(of: $0) })
    let method =
      options.method ?? (mlm != nil ? .bert : (try? WordNet()) == nil ? .char : nil)
    let wordNet = method == .char || method == .bert ? try? WordNet() : try WordNet()
    if let wordNet {
      attack.isSynonym = { wordNet.areSynonyms($0, $1) }
      if options.forbidsAntonyms {
        attack.constraints.isAntonym = { wordNet.areAntonyms($0, $1) }
      }
    }
    switch method {
    case .bert:
      guard let mlm else {
        throw KilpiError(
          "", "method = \"bert\" needs a masked language model",
          advice: "pass mlm = text.load_mlm(path)")
      }
      prepare(&attack, for: mlm, options)
    case .char:
      if options.kinds.isEmpty {
        attack.characters = CharacterSearch(
          options.draws.map { .training(draws: $0) } ?? .test(sites: options.sites))
      } else {
        attack.sources = [edits(options.kinds)]
      }
      if options.forbidsNewWords, let wordNet {
        attack.constraints.isDictionaryWord = {
          wordNet.isWord($0) || StopWords.english.contains($0)
        }
      }
    case .synonym:
      if let wordNet { attack.sources = [synonyms(wordNet)] }
    case .embedding:
      attack.sources = [try neighbours(model, tokenizer, k: options.k)]
    default:
      if let wordNet {
        attack.sources = [synonyms(wordNet), try neighbours(model, tokenizer, k: options.k)]
      }
      switch method {
      case .beam: attack.search = .beam(width: 8)
      case .genetic: attack.search = .genetic(population: 20, generations: 20)
      case .exhaustive: attack.search = .exhaustive(limit: 1_000_000)
      default: break
      }
    }
    let name = method?.rawValue ?? "synonym+embedding"
    return TextAttackSpecification(
      name: name, attack: attack,
      record: record(options, name, method == .bert ? mlm : nil, encoder: encoder))
  }

  /// Makes an attack BERT-Attack's in one of its modes.
  private static func prepare(
    _ attack: inout TextAttack, for mlm: MaskedLanguageModel, _ options: Options
  ) {
    var masked = options.masked
    masked.k = options.k
    // The attack's constraints drop and count what is unusable.
    masked.filters = false
    if masked.mode == .coattack {
      attack.stopWords = StopWords(exactly: options.stopWords ?? Array(StopWords.english.words))
      masked.stopWords = attack.stopWords.words
      attack.splitting = .singleSpaces
      attack.importance = .unkLiteral
      attack.constraints.isLenient = true
      attack.scoredText = { try mlm.tokenizer.decode(mlm.tokenizer.ids(of: $0), tidies: true) }
    }
    attack.sources = [candidates(mlm, masked)]
  }

  /// Words that a masked language model suggests, all prompts together.
  static func candidates(_ mlm: MaskedLanguageModel, _ options: MaskedOptions) -> CandidateSource {
    func request(_ words: TextWords, _ asked: [Int]) -> MaskedRequest {
      MaskedRequest(words.text, words: asked.map { words.words[$0].coreRange })
    }
    var source = CandidateSource(
      "mlm",
      sentence: { words, asked in
        try mlm.candidates(of: [request(words, asked)], options)[0].map { list in
          list.map { TextCandidate($0.word, score: $0.score) }
        }
      })
    source.prepare = { prompts in
      _ = try mlm.candidates(of: prompts.map { request($0.words, $0.asked) }, options)
    }
    source.isLimited = false
    return source
  }

  /// Typing errors and look-alikes, each for its Levenshtein cost.
  private static func edits(_ kinds: [CharacterEdits.Kind]) -> CandidateSource {
    var source = CandidateSource(
      "chars",
      word: { word in
        kinds.flatMap { kind in
          CharacterEdits.edits(of: word, kind).map { TextCandidate($0.text, cost: $0.cost) }
        }
      })
    source.isLimited = false
    return source
  }

  private static func synonyms(_ wordNet: WordNet) -> CandidateSource {
    CandidateSource("wordnet", substitutes: { try wordNet.synonyms(of: $0) })
  }

  /// Nearest whole-word tokens of the model's own token embedding.
  private static func neighbours(
    _ model: ClipModel, _ tokenizer: any TextTokenizer, k: Int
  ) throws -> CandidateSource {
    let table = try model.parameters.required("token_embedding.weight").detached()
    let words = (0..<table.shape[0]).map { tokenizer.word(of: $0) }
    let near = try TokenNeighbours(embeddings: table, words: words)
    return CandidateSource(
      "embed",
      word: { word in
        try near.neighbours(of: word, k: k, minimumCosine: 0.5).map {
          TextCandidate($0.word, score: $0.cosine)
        }
      })
  }

  /// The mode as records give it: without the released list of stop words it is not the released
  /// procedure.
  private static func mode(_ options: Options) -> String {
    options.masked.mode == .coattack && options.stopWords == nil
      ? "coattack/own-stoplist" : options.masked.mode.rawValue
  }

  private static func record(
    _ options: Options, _ name: String, _ mlm: MaskedLanguageModel?,
    encoder: MaskedLanguageModel?
  ) -> JSONValue {
    var members = common(options, name)
    if let encoder { members.append(.init("encoder_hash", .string(encoder.fingerprint))) }
    if let mlm {
      members += [
        .init("mode", .string(mode(options))), .init("mlm", .string(mlm.origin)),
        .init("mlm_hash", .string(mlm.fingerprint)),
        .init("threshold", options.masked.threshold.map { .number($0) } ?? .null),
        .init("max_length", options.masked.maxLength.map { .integer(Int64($0)) } ?? .null),
        .init("context", .string(options.masked.masks ? "masked" : "unmasked")),
      ]
    }
    return .object(members)
  }

  private static func common(_ options: Options, _ name: String) -> [JSONValue.Member] {
    [
      .init("method", .string(name)),
      .init("words", options.words.map { .integer(Int64($0)) } ?? .null),
      .init("edits", .integer(Int64(options.edits))), .init("k", .integer(Int64(options.k))),
      .init("scope", options.scope.map { .string($0.rawValue) } ?? .null),
      .init("forbid_class_names", .bool(options.forbidsClassNames)),
      .init("forbid_antonyms", .bool(options.forbidsAntonyms)),
      .init("no_new_words", .bool(options.forbidsNewWords)),
      .init("max_change", options.maxChange.map { .number($0) } ?? .null),
      .init("min_sentence_cos", options.minSentenceCosine.map { .number($0) } ?? .null),
      .init("kinds", .array(options.kinds.map { .string($0.rawValue) })),
      .init("sites", .integer(Int64(options.sites))),
      .init("draws", options.draws.map { .integer(Int64($0)) } ?? .null),
      .init("seed", .integer(Int64(bitPattern: options.seed))),
    ]
  }
}
