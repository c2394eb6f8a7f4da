package import Attacks
package import ClipModels
internal import Diagnostics
internal import Networks
internal import Tensors
package import TextModels

/// Builds text attacks from a model, its tokenizer and WordNet.
package enum TextAttackFactory {
  /// The attack that `given` parameters describe, for texts of `model`; `mlm` is what the source `mlm` asks
  /// for words.
  ///
  /// - Parameters:
  ///   - encoder: tells how alike sentences are, for reports and `minSentenceCosine`.
  ///   - wordNetFolder: where WordNet's files are.
  /// - Throws: `KilpiError` when a source that is asked for is not there.
  package static func make(
    _ given: TextAttackParameters, model: ClipModel, mlm: MaskedLanguageModel? = nil,
    encoder: SentenceEncoder? = nil, objective: TextObjective = .kl,
    wordNetFolder: String = WordNet.defaultFolder
  ) throws -> TextAttackSpecification {
    try given.checkParameters()
    var options = given
    let tokenizer = try tokenizer(of: model)
    var attack = TextAttack()
    if let words = options.stopWords { attack.stopWords = StopWords(words) }
    attack.objective = objective
    attack.k = options.k
    attack.scope = options.scope
    attack.maxQueries = options.maxQueries
    attack.maxSeconds = options.maxSeconds
    attack.random = RandomSource(seed: options.seed)
    options.searches.name = try searchName(options)
    attack.search = options.searches.search
    attack.constraints = constraints(options, encoder)
    // `TextTokens` counts a start and an end token.
    let context = model.configuration.context
    let room = model.truncatesTexts ? context - tokenizer.specialCount : Int.max
    attack.constraints.tokens = TextTokens(
      context: context + 2 - tokenizer.specialCount,
      // Of a text that is cut, what lies behind is not seen and cannot be what changes.
      ids: { Array(try tokenizer.plainIDs(of: $0).prefix(room)) },
      decode: { try tokenizer.plainText(of: $0) },
      words: { try tokenizer.words(of: $0) })
    attack.splitting = splitting(tokenizer)
    let wordNet = Result { try WordNet(folder: wordNetFolder) }
    let found = try? wordNet.get()
    let sources =
      try namedSources(options) ?? defaultSources(mlm: mlm != nil, wordNet: found != nil)
    options.sources = sources
    let followsRelease = sources.contains(.mlm) && options.masked.mode == .coattack
    attack.constraints.forbidsClassNames = options.forbidsClassNames ?? !followsRelease
    options.forbidsClassNames = attack.constraints.forbidsClassNames
    let usesEmbedding = sources.contains(.embed) || options.minWordCosine != nil
    let words = usesEmbedding ? try mlm?.neighbours() ?? embedding(model, tokenizer) : nil
    attack.constraints.wordCosine = words.map { words in { try words.cosine(of: $0, and: $1) } }
    if let found {
      attack.isSynonym = { found.areSynonyms($0, $1) }
      attack.constraints.singulars = { found.irregularSingulars(of: $0) }
      if options.forbidsAntonyms ?? !followsRelease {
        attack.constraints.isAntonym = { found.areAntonyms($0, $1) }
      }
    }
    options.forbidsAntonyms = attack.constraints.isAntonym != nil
    for source in sources {
      switch source {
      case .mlm:
        let source = try masked(&attack, mlm, options)
        attack.sources.append(source)
      case .wordnet: attack.sources.append(synonyms(try wordNet.get(), options.senses))
      case .embed:
        if let words { attack.sources.append(neighbours(words, k: options.k)) }
      case .chars: addCharacters(&attack, alone: sources.count == 1, options, found)
      }
    }
    if let importance = options.importance { attack.importance = importance }
    options.importance = attack.importance
    let name = options.method?.rawValue ?? defaultName(sources, given.searches.name)
    var specification = TextAttackSpecification(
      name: name, attack: attack, record: record(options, name, attack, mlm, encoder: encoder))
    if let mlm, sources.contains(.mlm) {
      var released = given
      released.masked.mode = .coattack
      released.masked.maxLength = given.masked.maxLength ?? 77
      specification.released = {
        try make(
          released, model: model, mlm: mlm, encoder: encoder, objective: objective,
          wordNetFolder: wordNetFolder)
      }
      specification.shortened = { text, tokens in
        let ids = try mlm.tokenizer.ids(of: text)
        let room = max(tokens - 2, 0)
        return ids.count <= room
          ? text : try mlm.tokenizer.decode(ids.prefix(room), tidies: true)
      }
    }
    return specification
  }

  /// What candidates come from when nothing else is said: the masked language model where one is
  /// given, else synonyms and neighbours where WordNet is there, else character edits.
  private static func defaultSources(mlm: Bool, wordNet: Bool) -> [TextCandidateSource] {
    mlm ? [.mlm] : wordNet ? [.wordnet, .embed] : [.chars]
  }

  /// The name of an attack without a method: those of the methods that have its sources and search.
  private static func defaultName(
    _ sources: [TextCandidateSource], _ search: String?
  ) -> String {
    let names = sources.map { source in
      TextAttackMethod.allCases.first { $0.sources == [source] }?.rawValue ?? source.rawValue
    }.joined(separator: "+")
    guard let search, search != TextSearch.greedy.name else { return names }
    return names + " " + search
  }

  /// The sources that method or `sources` name.
  private static func namedSources(_ options: TextAttackParameters) throws -> [TextCandidateSource]?
  {
    let ofMethod = options.method?.sources
    guard let named = options.sources else { return ofMethod }
    if let method = options.method, ofMethod != nil, ofMethod != named {
      throw contradiction("method = \"\(method.rawValue)\" and other sources")
    }
    if named.isEmpty {
      throw KilpiError(
        "sources is empty",
        advice: "there are " + TextCandidateSource.allCases.map(\.rawValue).joined(separator: ", "))
    }
    var seen: Set<TextCandidateSource> = []
    if let twice = named.first(where: { !seen.insert($0).inserted }) {
      throw KilpiError("sources names \"\(twice.rawValue)\" twice", advice: "name it once")
    }
    return named
  }

  /// The search that method or `search` name.
  private static func searchName(_ options: TextAttackParameters) throws -> String {
    let ofMethod = options.method?.search?.name
    if let method = options.method, let ofMethod, let named = options.searches.name,
      ofMethod != named
    {
      throw contradiction("method = \"\(method.rawValue)\" and search = \"\(named)\"")
    }
    return ofMethod ?? options.searches.name ?? TextSearch.greedy.name
  }

  private static func contradiction(_ what: String) -> KilpiError {
    KilpiError(what + " are both given", advice: "leave one of them out")
  }

  private static func tokenizer(of model: ClipModel) throws -> any TextTokenizer {
    guard let tokenizer = model.tokenizer else {
      throw KilpiError(
        "the model has no tokenizer for its texts", advice: "load it with its tokenizer's files")
    }
    return tokenizer
  }

  /// The attack splits words as the model's tokenizer does.
  static func splitting(_ tokenizer: any TextTokenizer) -> TextWords.Splitting {
    switch tokenizer.wordRule {
    case .bytePairs: return .bytePairs
    case .wordPieces: return .wordPieces
    case .sentencePieces: return .sentencePieces
    }
  }

  private static func constraints(
    _ options: TextAttackParameters, _ encoder: SentenceEncoder?
  ) -> TextConstraints {
    var constraints = TextConstraints()
    constraints.words = options.words
    constraints.edits = options.edits
    constraints.maxChange = options.maxChange
    constraints.minWordCosine = options.minWordCosine
    constraints.minSentenceCosine = options.minSentenceCosine
    constraints.sentenceCosine = encoder.map { SentenceLikeness($0).cosine }
    return constraints
  }

  /// The masked language model as a source; makes the attack BERT-Attack's in the mode asked for.
  private static func masked(
    _ attack: inout TextAttack, _ mlm: MaskedLanguageModel?, _ options: TextAttackParameters
  ) throws -> CandidateSource {
    guard let mlm else {
      let asked = options.method == .bert ? "method = \"bert\"" : "the source \"mlm\""
      throw KilpiError(
        asked + " needs a masked language model", advice: "pass mlm = text.load_mlm(path)")
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
      attack.importanceObjective = .kl
      attack.constraints.isLenient = true
      attack.scoredText = { try mlm.tokenizer.decode(mlm.tokenizer.ids(of: $0), tidies: true) }
    }
    return candidates(mlm, masked)
  }

  /// Character edits: LEAF's search where they are alone and greedy, else candidates as words are.
  private static func addCharacters(
    _ attack: inout TextAttack, alone: Bool, _ options: TextAttackParameters, _ wordNet: WordNet?
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
        try kinds.flatMap { kind in
          try CharacterEdits.edits(of: word, kind).map { TextCandidate($0.text, cost: $0.cost) }
        }
      })
    source.isLimited = false
    return source
  }

  /// Synonyms; of a word in a phrase that WordNet knows ("Egyptian cat"), those of the phrase's sense.
  private static func synonyms(
    _ wordNet: WordNet, _ senses: WordNet.SenseChoice
  ) -> CandidateSource {
    CandidateSource(
      "wordnet",
      sentence: { words, asked in
        try asked.map { index in
          let phrase = try senses == .all ? nil : wordNet.phrase(in: words.cores, around: index)
          return try wordNet.synonyms(of: words.cores[index], senses: senses, within: phrase)
            .map { TextCandidate($0) }
        }
      })
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
      embeddings: table, words: try (0..<table.shape[0]).mapped { tokenizer.word(of: $0) })
  }
}
