package import Attacks
package import TextModels

/// The parameters of a text attack, each declared once.
///
/// Defaults: docs/methods/text-attacks.md, section 3.1.
package struct TextAttackParameters: Parameterized, Sendable {
  /// Source or search by one name; nil: what `sources` and `search` say.
  package var method: TextAttackMethod?
  /// Words that may change.
  package var words = 1
  /// Levenshtein edits of `char`.
  package var edits = 1
  /// Candidates a word.
  package var k = 10
  /// What may change.
  package var scope: TextScope?
  /// Whether class names are kept out; nil: unless the mode is `coattack`.
  package var forbidsClassNames: Bool?
  /// Whether antonyms are kept out, when WordNet is there; nil: unless the mode is `coattack`.
  package var forbidsAntonyms: Bool?
  /// `char`: whether an edit may make another dictionary word.
  package var forbidsNewWords = true
  /// The largest share of changed words; nil for no limit.
  package var maxChange: Double?
  /// The least cosine between the sentences before and after; nil for no limit.
  package var minSentenceCosine: Double?
  /// The least cosine between a word and its substitute; nil for no limit.
  ///
  /// In the embedding that `embed` uses; words that are not in it are not judged.
  package var minWordCosine: Double?
  /// `char`: the kinds of edits, one edit a word; empty for LEAF's search over all of them.
  package var kinds: [CharacterEdits.Kind] = []
  /// `char`: sites kept after the first pass.
  package var sites = 20
  /// `char`: LEAF's training form with that many random sites and symbols; nil: the test form.
  package var draws: Int?
  /// The most texts encoded for each prompt; nil for no limit.
  package var maxQueries: Int?
  /// The longest time of a call in seconds; nil for no limit.
  package var maxSeconds: Double?
  /// How combinations are searched.
  package var searches = TextSearches()
  /// Words left alone; nil: Kilpi's own list.
  ///
  /// Compared with case in `coattack` mode.
  package var stopWords: [String]?
  /// How greedy orders words; nil: by deletion, in `coattack` mode by a literal `[UNK]`.
  package var importance: WordImportance?
  /// Where candidates come from, asked in this order; nil: the masked language model where one is
  /// given, else synonyms and neighbours where WordNet is there, else character edits.
  package var sources: [TextCandidateSource]?
  /// `synonym`: which senses of a word count.
  package var senses = WordNet.SenseChoice.frequent
  /// `bert`: how candidates are taken; in `coattack` mode the rest follows released code too.
  ///
  /// `k`, the filters and stop words are those of the attack.
  package var masked = MaskedOptions()
  /// Root of random numbers.
  package var seed: UInt64 = 0

  package init() {}

  /// Those of the attack, then those of the masked language model.
  package static var parameters: [Parameter<TextAttackParameters>] {
    [
      Parameter(
        "method", \.method,
        "bert (a masked language model, mlm), synonym (WordNet), embedding (nearest tokens), char "
          + "(edits), or a search over the sources that there are: beam, genetic, exhaustive; without "
          + "it the same sources greedily: the mlm where one is given, else WordNet and neighbours, "
          + "without WordNet character edits", absent: nil
      ).unrecorded(),
      Parameter("words", \.words, 0...100, "words that may change"),
      Parameter("edits", \.edits, 0...100, "character edits of the method char"),
      Parameter("k", \.k, 1...1000, "candidates a word"),
      Parameter(
        "scope", \.scope, "what may change; the class words where they are known", absent: nil),
      Parameter(
        "forbid_class_names", \.forbidsClassNames, "never put in the name of a class",
        absent: "true, in coattack mode false,"),
      Parameter(
        "forbid_antonyms", \.forbidsAntonyms, "never put in an antonym (WordNet)",
        absent: "true, in coattack mode false,"),
      Parameter(
        "no_new_words", \.forbidsNewWords, "char: an edit may not make another dictionary word"),
      Parameter(
        "max_change", \.maxChange, .within(0...1), "largest share of changed words",
        absent: "no limit"),
      Parameter(
        "min_sentence_cos", \.minSentenceCosine, .within(-1...1),
        "least cosine of the sentences before and after, by the encoder", absent: "no limit"),
      Parameter(
        "min_word_cos", \.minWordCosine, .within(-1...1),
        "least cosine of a word and its substitute in the mlm's embedding, CLIP's without one; words "
          + "that are no single token are not judged", absent: "no limit"),
      Parameter("kinds", \.kinds, "char: only edits of these kinds, one a word, swap costs two"),
      Parameter("sites", \.sites, 1...1000, "char: sites kept after the first pass"),
      Parameter(
        "draws", \.draws, 1...100_000,
        "char: random sites and symbols drawn (the cheap form LEAF trains with)", absent: "all"),
      Parameter(
        "max_queries", \.maxQueries, 1...1_000_000_000,
        "most texts encoded for each prompt, the clean one among them (TextAttack's query_budget)",
        absent: "no limit"),
      Parameter(
        "max_seconds", \.maxSeconds, .above(0, atMost: 1e9),
        "longest time of the attack, looked at between batches of texts; the best until then is the "
          + "result", absent: "no limit"),
    ]
      + TextSearches.parameters.map { $0.within(\.searches) }
      + [
        Parameter(
          "stop_words", \.stopWords, "words left alone; coattack compares them with case",
          absent: "Kilpi's own list"),
        Parameter(
          "importance", \.importance,
          "how words are ordered: by the text without the word, with a literal [UNK] for it, or as they "
            + "stand", absent: "delete, in coattack mode unk_literal,"),
        Parameter(
          "sources", \.sources,
          "where candidates come from, in this order (embed: nearest tokens); chars alone and greedily "
            + "is LEAF's search, else every edit of one character", absent: "those of the method"),
        Parameter(
          "senses", \.senses,
          "synonyms: of the senses that make up a tenth of a word's uses (of a phrase that WordNet "
            + "knows, of its own sense), or of all"
        ).recorded { $0.sources?.contains(.wordnet) == true },
      ]
      + MaskedOptions.parameters.filter { $0.name != "k" }.map { parameter in
        parameter.within(\.masked).recorded { $0.sources?.contains(.mlm) == true }
      }
  }
}

extension MaskedOptions: Parameterized {
  /// What scripts may set.
  package static var parameters: [Parameter<MaskedOptions>] {
    [
      Parameter("k", \.k, 1...1000, "candidates a word and kind"),
      Parameter(
        "mode", \.mode,
        "aligned: a word's own rows; coattack: as Co-Attack's and MMCoA's released code, one row off"
      ),
      Parameter(
        "threshold", \.threshold, "least raw logit of a candidate of one piece", none: "none"),
      Parameter(
        "max_length", \.maxLength, 8...1_048_576, "longest sequence",
        absent: "77, in coattack mode 30,"),
      Parameter(
        "context", \.context, "aligned: whether a word is masked before its candidates are read"),
    ]
  }
}
