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
  /// Nearest tokens in the masked language model's embedding where one is given, else in CLIP's.
  case embedding
  /// Character edits: all sites, then all symbols (arXiv:2405.04346).
  case char
  /// Beam search over the sources that greedy has when no method is named.
  case beam
  /// A genetic search over them.
  case genetic
  /// Every combination of them.
  case exhaustive

  /// The sources that the method stands for; nil where it names a search alone.
  var sources: [TextCandidateSource]? {
    switch self {
    case .bert: return [.mlm]
    case .synonym: return [.wordnet]
    case .embedding: return [.embed]
    case .char: return [.chars]
    case .beam, .genetic, .exhaustive: return nil
    }
  }

  /// The search that the method stands for.
  var search: TextSearch {
    switch self {
    case .beam: return .beam()
    case .genetic: return .genetic()
    case .exhaustive: return .exhaustive()
    case .bert, .synonym, .embedding, .char: return .greedy
    }
  }
}

/// Where candidates come from (methods.md 3.5).
public enum TextCandidateSource: String, Sendable, CaseIterable {
  /// A masked language model.
  case mlm
  /// Synonyms of WordNet.
  case wordnet
  /// Nearest tokens in an embedding: the masked language model's where one is given, else CLIP's.
  case embed
  /// Character edits.
  case chars
}

/// Builds text attacks from a model, its tokenizer and WordNet.
public enum TextAttackFactory {
  /// What scripts may set.
  public struct Options: Sendable {
    /// The method; nil: greedy over `defaultSources`.
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

  /// The attack that `options` describe, for texts of `model`; `mlm` is what the source `mlm` asks
  /// for words.
  ///
  /// - Parameters:
  ///   - encoder: tells how alike sentences are, for `minSentenceCosine`.
  ///   - wordNetFolder: where WordNet's files are.
  /// - Throws: `KilpiError` when a source that is asked for is not there.
  public static func make(
    _ options: Options, model: ClipModel, mlm: MaskedLanguageModel? = nil,
    encoder: MaskedLanguageModel? = nil, objective: TextObjective = .kl,
    wordNetFolder: String = WordNet.defaultFolder
  ) throws -> TextAttackSpecification {
    let tokenizer = try tokenizer(of: model)
    var attack = TextAttack()
    if let words = options.stopWords { attack.stopWords = StopWords(words) }
    attack.objective = objective
    attack.k = options.k
    attack.scope = options.scope
    attack.random = RandomSource(seed: options.seed)
    attack.search = options.method?.search ?? .greedy
    attack.constraints = constraints(options, encoder)
    // `TextTokens` counts a start and an end token.
    attack.constraints.tokens = TextTokens(
      context: model.configuration.context + 2 - tokenizer.specialCount,
      ids: { try tokenizer.plainIDs(of: $0) }, decode: { try tokenizer.plainText(of: $0) })
    let wordNet = Result { try WordNet(folder: wordNetFolder) }
    let found = try? wordNet.get()
    let sources = options.method?.sources ?? defaultSources(mlm: mlm != nil, wordNet: found != nil)
    if let found {
      attack.isSynonym = { found.areSynonyms($0, $1) }
      if options.forbidsAntonyms {
        attack.constraints.isAntonym = { found.areAntonyms($0, $1) }
      }
    }
    for source in sources {
      switch source {
      case .mlm:
        let source = try masked(&attack, mlm, options)
        attack.sources.append(source)
      case .wordnet: attack.sources.append(synonyms(try wordNet.get()))
      case .embed:
        let words = try mlm?.neighbours() ?? embedding(model, tokenizer)
        attack.sources.append(neighbours(words, k: options.k))
      case .chars: addCharacters(&attack, alone: sources.count == 1, options, found)
      }
    }
    let name = options.method?.rawValue ?? defaultName(sources)
    return TextAttackSpecification(
      name: name, attack: attack,
      record: record(options, name, sources, mlm, encoder: encoder))
  }

  /// What candidates come from when nothing else is said: the masked language model where one is
  /// given, else synonyms and neighbours where WordNet is there, else character edits.
  private static func defaultSources(mlm: Bool, wordNet: Bool) -> [TextCandidateSource] {
    mlm ? [.mlm] : wordNet ? [.wordnet, .embed] : [.chars]
  }

  /// The name of an attack without a method: those of the methods that have its sources.
  private static func defaultName(_ sources: [TextCandidateSource]) -> String {
    sources.map { source in
      TextAttackMethod.allCases.first { $0.sources == [source] }?.rawValue ?? source.rawValue
    }.joined(separator: "+")
  }

  private static func tokenizer(of model: ClipModel) throws -> any TextTokenizer {
    guard let tokenizer = model.tokenizer else {
      throw KilpiError(
        "", "the model has no tokenizer for its texts", advice: "load it with its tokenizer's files"
      )
    }
    return tokenizer
  }

  private static func constraints(
    _ options: Options, _ encoder: MaskedLanguageModel?
  ) -> TextConstraints {
    var constraints = TextConstraints()
    constraints.words = options.words
    constraints.edits = options.edits
    constraints.forbidsClassNames = options.forbidsClassNames
    constraints.maxChange = options.maxChange
    constraints.minSentenceCosine = options.minSentenceCosine
    constraints.sentenceCosine = encoder.map { SentenceLikeness($0).cosine }
    return constraints
  }

  /// The masked language model as a source; makes the attack BERT-Attack's in the mode asked for.
  private static func masked(
    _ attack: inout TextAttack, _ mlm: MaskedLanguageModel?, _ options: Options
  ) throws -> CandidateSource {
    guard let mlm else {
      throw KilpiError(
        "", "method = \"bert\" needs a masked language model",
        advice: "pass mlm = text.load_mlm(path)")
    }
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
    return candidates(mlm, masked)
  }

  /// Character edits: LEAF's search where they are alone and greedy, else candidates as words are.
  private static func addCharacters(
    _ attack: inout TextAttack, alone: Bool, _ options: Options, _ wordNet: WordNet?
  ) {
    if !options.kinds.isEmpty {
      attack.sources.append(edits(options.kinds))
    } else if alone, attack.search == .greedy {
      attack.characters = CharacterSearch(
        options.draws.map { .training(draws: $0) } ?? .test(sites: options.sites))
    } else {
      attack.sources.append(.allCharacterEdits)
    }
    if options.forbidsNewWords, let wordNet {
      attack.constraints.isDictionaryWord = {
        wordNet.isWord($0) || StopWords.english.contains($0)
      }
    }
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

  /// Nearest whole words.
  private static func neighbours(_ words: TokenNeighbours, k: Int) -> CandidateSource {
    CandidateSource(
      "embed",
      word: { word in
        try words.neighbours(of: word, k: k, minimumCosine: 0.5).map {
          TextCandidate($0.word, score: $0.cosine)
        }
      })
  }

  /// The whole words of the attacked model's own token embedding.
  private static func embedding(
    _ model: ClipModel, _ tokenizer: any TextTokenizer
  ) throws -> TokenNeighbours {
    let table = try model.parameters.required("token_embedding.weight").detached()
    return try TokenNeighbours(
      embeddings: table, words: (0..<table.shape[0]).map { tokenizer.word(of: $0) })
  }

  /// The mode as records give it: without the released list of stop words it is not the released
  /// procedure.
  private static func mode(_ options: Options) -> String {
    options.masked.mode == .coattack && options.stopWords == nil
      ? "coattack/own-stoplist" : options.masked.mode.rawValue
  }

  private static func record(
    _ options: Options, _ name: String, _ sources: [TextCandidateSource],
    _ mlm: MaskedLanguageModel?, encoder: MaskedLanguageModel?
  ) -> JSONValue {
    var members = common(options, name)
    members.append(.init("sources", .array(sources.map { .string($0.rawValue) })))
    if let encoder { members.append(.init("encoder_hash", .string(encoder.fingerprint))) }
    if sources.contains(.embed) {
      members.append(.init("embedding", .string(mlm == nil ? "clip" : "mlm")))
    }
    if let mlm, sources.contains(.mlm) || sources.contains(.embed) {
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
