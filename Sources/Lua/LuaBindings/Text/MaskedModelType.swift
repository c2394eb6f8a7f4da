internal import AttackPlans
internal import Attacks
internal import Diagnostics
internal import Files
public import LuaHost
internal import Networks
package import TextModels

extension MaskedLanguageModel: LuaObject {}

extension TextLibrary {
  static let loadMaskedModel = Entry(
    "load_mlm", "(path: string [, options]) -> mlm",
    doc: """
      A BERT that suggests words for places in a sentence: a folder with config.json, vocab.txt (or \
      tokenizer.json) and model.safetensors or pytorch_model.bin as published for bert-base-uncased, or \
      the path of the weights, which may lie anywhere in the file (`state_dict`, `model`). Norm names may be weight and bias or gamma and beta, the decoder may be tied. Words that \
      look like special tokens in a text are ordinary characters.
      """,
    options: [
      .string(
        "state_dict",
        "where in the file the weights lie, such as \"teacher\"; needed when it holds several models"
      )
    ],
    example: """
      local ok, problem = pcall(text.load_mlm, "models/bert")
      print(ok)  --> false
      """
  ) { call in
    let path = try call.path(1)
    // The sandbox judges the files themselves: a link in an allowed folder may lead out of it.
    let parent = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
    let folder = FileReader.isDirectory(path) ? path : parent
    if FileReader.exists(path) {
      for name in try FileReader.names(in: folder) {
        try call.state.checkFile(folder + "/" + name, writing: false)
      }
    }
    let options = try call.options(2)
    let place = options.has("state_dict") ? try options.string("state_dict") : nil
    let state = call.state
    return [
      try MaskedLanguageModel.load(path, at: place) {
        state.write("text.load_mlm: \($0)\n", to: .error)
      }
    ]
  }

  static let maskedModelType = HandleType(
    MaskedLanguageModel.self, name: "mlm",
    doc: "A masked language model with its tokenizer. Its weights never change.",
    methods: [
      Method(
        "candidates", "(sentence: string|string[] [, options]) -> table, table",
        doc: """
          Words that might stand in each word's place: for every word of the sentence a list of {word=, \
          score=, pieces=}, best first; and the words. The score is the raw logit of a candidate of one \
          piece, the mean log-probability of its pieces for one of several. For a list of sentences both \
          results hold one entry a sentence, computed in batches. Answers are kept for the next call. \
          aligned drops the word itself, special tokens, pieces and repetitions, and gives candidates for \
          stop words too; coattack follows the released code (words split at single spaces, no \
          candidates for stop_words).
          """,
        options: MaskedOptions().options() + [
          .strings(
            "stop_words", "coattack: words without candidates, compared with case; Kilpi's own list"
          )
        ],
        example: """
          local path = os.getenv("KILPI_MLM")  -- a folder with a BERT
          local lists = path and text.load_mlm(path):candidates("a photo of a dog", {k = 5})
          print(not lists or #lists == 5)  --> true
          """
      ) { model, call in
        let options = try call.options(2)
        var masked = MaskedOptions()
        try options.read(into: &masked)
        if masked.mode == .coattack {
          masked.stopWords = try Set(
            options.stringsIfGiven("stop_words") ?? Array(StopWords.english.words))
        }
        let sentences = try call.strings(1)
        let words = sentences.map {
          TextWords($0, splitting: masked.mode == .aligned ? .wordPieces : .singleSpaces)
        }
        let lists = try model.candidates(
          of: zip(sentences, words).map { MaskedRequest($0, words: $1.words.map(\.coreRange)) },
          masked)
        let records = lists.map { sentence in
          sentence.map { list in
            list.map {
              ["word": $0.word, "score": $0.score, "pieces": $0.pieces] as LuaRecord
            }
          }
        }
        if call.kind(1) == .string { return [records[0], words[0].cores] }
        return [records, words.map(\.cores)]
      },
      Method(
        "num_parameters", "() -> integer", doc: "Number of weights, all elements counted.",
        example: """
          local path = os.getenv("KILPI_MLM")
          print(not path or text.load_mlm(path):num_parameters() > 0)  --> true
          """
      ) { model, _ in [model.parameters.elementCount] },
    ],
    metamethods: [
      Entry("__tostring", "(mlm) -> string", doc: "One line: size and origin.") { call in
        let model = try call.handle(1, as: MaskedLanguageModel.self)
        let c = model.configuration
        return [
          "mlm: BERT of \(c.layers) blocks, width \(c.width), vocabulary \(c.vocabulary), "
            + "\(model.parameters.elementCount) weights (\(model.origin))"
        ]
      }
    ])
}
