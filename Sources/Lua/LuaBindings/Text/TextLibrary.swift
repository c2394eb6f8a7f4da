internal import Diagnostics
internal import LuaHost
internal import TextModels

/// The WordNet of a state, read when it is first asked for.
final class WordNetHolder {
  private var wordNet: WordNet?

  /// - Throws: `KilpiError` naming the package when the files are not there.
  func get() throws -> WordNet {
    if let wordNet { return wordNet }
    let made = try WordNet()
    wordNet = made
    return made
  }
}

extension Call {
  /// WordNet, read once a state.
  func wordNet() throws -> WordNet {
    try state.attachment(WordNetHolder.self) { WordNetHolder() }.get()
  }
}

/// The module `text`.
enum TextLibrary {
  static let library = Library(
    "text", doc: "Substitutes for words: synonyms, and edits of single characters.",
    entries: [
      Entry(
        "synonyms", "(word: string [, options]) -> string[]",
        doc: """
          Synonyms of a word in the same grammatical form (plural, form of a verb, comparative, genitive), \
          most usual senses first by the counts of WordNet's tagged texts, from WordNet (Debian's package \
          wordnet-base). Case is WordNet's; a synonym without such a form of one word is left out.
          """,
        options: [
          .choice("source", ["wordnet"], default: "wordnet", "where synonyms come from"),
          .choice(
            "senses", WordNet.SenseChoice.allCases.map(\.rawValue), default: "all",
            "frequent: only senses that make up a tenth of the word's uses, of its most usual part of speech, as text attacks take them"
          ),
          .integer("limit", range: 1...10_000, "at most this many"),
        ],
        example: """
          local words = text.synonyms("picture", {limit = 3})
          print(table.concat(words, " "))  --> image icon ikon
          """
      ) { call in
        let word = try call.string(1)
        let options = try call.options(2)
        let senses = WordNet.SenseChoice(rawValue: try options.string("senses")) ?? .all
        return [
          try call.wordNet().synonyms(
            of: word, senses: senses, limit: options.integerIfGiven("limit"))
        ]
      },
      Entry(
        "edits", "(word: string [, options]) -> string[]",
        doc: """
          The words that differ from `word` by one edit: neighbouring letters swapped, a letter deleted, \
          inserted, replaced by a neighbour on the keyboard, or by a letter that looks alike.
          """,
        options: [
          .choice(
            "kind", CharacterEdits.Kind.allCases.map(\.rawValue),
            "one kind of edit; all when not given")
        ],
        example: "print(table.concat(text.edits(\"cat\", {kind = \"swap\"}), \" \"))  --> act cta"
      ) { call in
        let word = try call.string(1)
        let name = try call.options(2).stringIfGiven("kind")
        let kinds = CharacterEdits.Kind.allCases.filter { name == nil || $0.rawValue == name }
        // The quick kinds would be made in vain.
        for kind in kinds { try CharacterEdits.ask(of: word, kind) }
        var seen: Set<String> = [word]
        return [
          try kinds.flatMap { try CharacterEdits.edits(of: word, $0).map(\.text) }
            .filter { seen.insert($0).inserted }
        ]
      },
      loadMaskedModel,
    ])
}
