@testable import AttackPlans
import Attacks
import ClipModels
import Diagnostics
import Files
import Networks
import Tensors
import TestSupport
import TextModels
import Testing

@testable import Training

/// What a text attack takes its candidates from, by what is asked for and what there is.
@Suite struct TextSourceTests {
  /// What there is beside the model.
  struct Stock: OptionSet, Sendable {
    let rawValue: Int
    static let mlm = Stock(rawValue: 1)
    static let wordNet = Stock(rawValue: 2)
  }

  struct Row: Sendable, CustomTestStringConvertible {
    var method: TextAttackMethod?
    var stock: Stock
    /// The sources of words; nil for LEAF's character search.
    var sources: [String]?
    var name: String
    var testDescription: String { "\(name), \(stock.rawValue): \(sources ?? ["search"])" }
  }

  static let searches: [TextAttackMethod] = [.beam, .genetic, .exhaustive]

  /// Every search over every stock, and greedy beside them.
  static let rows: [Row] =
    ([nil] + searches.map(Optional.some)).flatMap { method in
      [
        Row(method: method, stock: [.mlm, .wordNet], sources: ["mlm"], name: "bert"),
        Row(method: method, stock: .mlm, sources: ["mlm"], name: "bert"),
        Row(
          method: method, stock: .wordNet, sources: ["wordnet", "embed"],
          name: "synonym+embedding"),
        Row(method: method, stock: [], sources: method == nil ? nil : ["chars"], name: "char"),
      ].map { row in
        var row = row
        row.name = method?.rawValue ?? row.name
        return row
      }
    } + [
      Row(method: .embedding, stock: [], sources: ["embed"], name: "embedding"),
      Row(method: .embedding, stock: .mlm, sources: ["embed"], name: "embedding"),
      Row(method: .synonym, stock: [.mlm, .wordNet], sources: ["wordnet"], name: "synonym"),
      Row(method: .char, stock: [.mlm, .wordNet], sources: nil, name: "char"),
    ]

  /// Random weights over the first tokens of CLIP's vocabulary, common words among them.
  static func model(vocabulary: Int = 2500) throws -> ClipModel {
    let model = try ClipModel.random(
      ClipConfiguration(
        embedding: 8, imageSize: 8, patchSize: 4, vision: .init(width: 8, layers: 1, heads: 2),
        text: .init(width: 8, layers: 1, heads: 2), vocabulary: vocabulary,
        endToken: vocabulary > 49407 ? 49407 : nil), seed: 5)
    model.tokenizer = try BytePairTokenizer.standard()
    return model
  }

  static func mlm() throws -> MaskedLanguageModel {
    try MaskedLanguageModel.load(TestFiles.fixture("bert-tiny"))
  }

  static func make(
    _ stock: Stock, mlm: MaskedLanguageModel? = nil,
    _ change: (inout TextAttackParameters) -> Void
  ) throws -> TextAttackSpecification {
    var options = TextAttackParameters()
    options.sites = 2
    change(&options)
    return try TextAttackFactory.make(
      options, model: model(), mlm: stock.contains(.mlm) ? mlm ?? Self.mlm() : nil,
      wordNetFolder: stock.contains(.wordNet) ? WordNet.defaultFolder : "/nonexistent")
  }

  /// Features by a hash of the text: every edit moves them.
  static func features(_ texts: [String]) throws -> Tensor {
    let values = texts.flatMap { text in
      (0..<8).map { (index: Int) -> Float in
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325 &+ UInt64(index)
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        hash = (hash ^ hash >> 31) &* 0x9E37_79B9_7F4A_7C15
        return Float(hash >> 40) / Float(1 << 24) - 0.5
      }
    }
    return try Tensor(values, shape: [texts.count, 8])
  }

  @Test(arguments: rows) func sourcesFollowTheStock(row: Row) throws {
    if row.stock.contains(.wordNet), (try? WordNet()) == nil {
      return print("skipped: WordNet is not installed (apt install wordnet-base)")
    }
    let specification = try Self.make(row.stock) { $0.method = row.method }
    #expect(specification.name == row.name)
    #expect(specification.attack.sources.map(\.name) == row.sources ?? [])
    #expect((specification.attack.characters == nil) == (row.sources != nil))
    #expect(
      specification.record["sources"]?.array?.compactMap(\.string) == row.sources ?? ["chars"])
    let asksModel = row.stock.contains(.mlm) && (row.sources == ["mlm"] || row.sources == ["embed"])
    #expect((specification.record["mlm_hash"] != nil) == asksModel)
    // The sources named are those that the edits come from.
    let prompts = ["a red dog", "cat"].map { TextPrompt($0) }
    let report = try specification.attack.perturb(prompts, encoder: Self.features)
    let brought = Set(report.results.flatMap(\.edits).map(\.source))
    #expect(brought.isSubset(of: row.sources ?? ["chars"]))
    if row.sources != ["embed"] { #expect(!brought.isEmpty) }
  }

  @Test("training draws anew at each step, and the same again for the same step")
  func drawsFollowTheStep() throws {
    let specification = try Self.make([]) {
      $0.method = .char
      $0.draws = 3
    }
    let texts = ["a photo of a cat", "a photo of a dog"].enumerated().map {
      TrainingText(text: $1, number: UInt64($0))
    }
    func attacked(_ step: Int) throws -> [String] {
      try specification.trainer(TextAdversaryTarget(Self.features), texts, step)
    }
    let steps = try (0..<8).map(attacked)
    #expect(Set(steps).count > 4)
    #expect(try attacked(3) == steps[3])
  }

  /// 3.7 over the masked language model: exhaustive ≥ beam ≥ greedy, and genetic between them.
  @Test func searchesAreOrderedOverOneSource() throws {
    let mlm = try Self.mlm()
    let prompts = ["a red dog sits", "the old tree"].map { TextPrompt($0) }
    func values(_ method: TextAttackMethod?) throws -> [Double] {
      let specification = try Self.make(.mlm, mlm: mlm) {
        $0.method = method
        $0.words = 2
        $0.k = 5
      }
      return try specification.attack.perturb(prompts, encoder: Self.features).results.map(
        \.objectiveAfter)
    }
    let (greedy, exact) = (try values(nil), try values(.exhaustive))
    for method in [TextAttackMethod.beam, .genetic] {
      for ((low, found), high) in zip(zip(greedy, try values(method)), exact) {
        #expect(low <= found && found <= high, "\(method)")
      }
    }
    #expect(zip(greedy, exact).contains { $0 < $1 }, "the row must be able to tell them apart")
  }

  /// 3.5: the masked language model's embedding where one is given, else CLIP's.
  @Test func neighboursAreThoseOfTheNamedEmbedding() throws {
    let (model, mlm) = (try Self.model(), try Self.mlm())
    let tokenizer = try #require(model.tokenizer)
    let tokens = (0..<2500).map { tokenizer.word(of: $0) }
    let table = try model.parameters.required("token_embedding.weight")
    let clip = try TokenNeighbours(embeddings: table, words: tokens).neighbours(of: "dog")
    #expect(clip.count == 10)
    // Computed by NumPy in float64 from the fixture's weights: whole words at 0.5 or above.
    let bert = [("big", 0.6327232603505422), ("sits", 0.5090099717618259)]
    for (stock, expected) in [(Stock.mlm, bert), (Stock(), clip.map { ($0.word, $0.cosine) })] {
      let specification = try Self.make(stock, mlm: mlm) { $0.method = .embedding }
      #expect(specification.record["embedding"]?.string == (stock == .mlm ? "mlm" : "clip"))
      #expect((specification.record["mlm_hash"]?.string == mlm.fingerprint) == (stock == .mlm))
      #expect(specification.record["mode"] == nil)
      let list = try specification.attack.sources[0].candidates(TextWords("a Dog."), [1])[0]
      #expect(list.map(\.word) == expected.map(\.0))
      for (candidate, known) in zip(list, expected) {
        let score = try #require(candidate.score)
        #expect(abs(score - known.1) < 1e-6)
      }
    }
    let near = try mlm.neighbours()
    let cosine = try near.cosine(of: "BIG", and: "dog")
    #expect(abs((cosine ?? 0) - bert[0].1) < 1e-6)
    #expect(try near.cosine(of: "dog", and: "no word") == nil)
    #expect(try near.cosine(of: "##ed", and: "dog") == nil)
  }

  /// Sources and searches of one's own choice.
  @Test func sourcesAreAskedInTheOrderGiven() throws {
    let specification = try Self.make(.mlm) {
      $0.sources = [.chars, .mlm, .embed]
      $0.searches.choose(.beam(width: 3))
      $0.importance = WordImportance.none
      $0.words = 2
    }
    #expect(specification.name == "char+bert+embedding beam")
    let attack = specification.attack
    #expect(attack.sources.map(\.name) == ["chars", "mlm", "embed"] && attack.characters == nil)
    #expect(attack.search == .beam(width: 3) && attack.importance == .none)
    let record = specification.record
    #expect(record["search"]?.string == "beam" && record["width"]?.int == 3)
    #expect(record["importance"]?.string == "none")
    #expect(record["embedding"]?.string == "mlm" && record["mode"]?.string == "aligned")
    let genetic = try Self.make([]) {
      $0.sources = [.chars]
      $0.searches.choose(.genetic(population: 6, generations: 2))
    }
    #expect(genetic.attack.search == .genetic(population: 6, generations: 2))
    #expect(genetic.record["population"]?.int == 6 && genetic.record["generations"]?.int == 2)
    #expect(genetic.attack.sources.map(\.name) == ["chars"])
    let leaf = try Self.make([]) { $0.sources = [.chars] }
    #expect(leaf.attack.characters == .init(.test(sites: 2)) && leaf.name == "char")
    #expect(leaf.record["search"]?.string == "greedy")
    #expect(leaf.record["importance"]?.string == "delete")
    let released = try Self.make(.mlm) { $0.masked.mode = .coattack }
    #expect(released.record["importance"]?.string == "unk_literal")
  }

  /// 3.6: substitutes whose vectors are too far are dropped and counted, in both modes; spellings
  /// and words without a vector are not judged.
  @Test(arguments: MaskedMode.allCases) func wordsStayAlike(mode: MaskedMode) throws {
    let mlm = try Self.mlm()
    let near = try mlm.neighbours()
    let prompts = ["a red dog", "the old tree"].map { TextPrompt($0) }
    for least in [-1, 0.2, 1] {
      let specification = try Self.make(.mlm, mlm: mlm) {
        $0.sources = [.mlm, .chars]
        $0.masked.mode = mode
        $0.minWordCosine = least
        $0.words = 3
        $0.edits = 1
      }
      #expect(specification.record["min_word_cos"]?.double == least)
      #expect(specification.record["embedding"]?.string == "mlm")
      let report = try specification.attack.perturb(prompts, encoder: Self.features)
      let dropped = report.results.reduce(0) { $0 + $1.dropped[.wordCosine, default: 0] }
      #expect((dropped > 0) == (least > -1))
      #expect((report.droppedShares[.wordCosine] ?? 0 > 0) == (least > -1))
      for edit in report.results.flatMap(\.edits) where edit.source == "mlm" {
        if let cosine = try near.cosine(of: edit.old, and: edit.new) { #expect(cosine >= least) }
      }
      #expect(report.results.allSatisfy { !$0.edits.isEmpty })
    }
  }

  struct Refusal: Sendable, CustomTestStringConvertible {
    var message: String
    var change: @Sendable (inout TextAttackParameters) -> Void
    var testDescription: String { message }
  }

  static let refusals: [Refusal] = [
    Refusal(message: "apt install wordnet-base") { $0.method = .synonym },
    Refusal(message: "apt install wordnet-base") { $0.sources = [.wordnet] },
    Refusal(
      message: "method = \"bert\" needs a masked language model (pass mlm = text.load_mlm(path))"
    ) { $0.method = .bert },
    Refusal(
      message: "the source \"mlm\" needs a masked language model (pass mlm = text.load_mlm(path))"
    ) { $0.sources = [.chars, .mlm] },
    Refusal(message: "sources is empty (there are mlm, wordnet, embed, chars)") { $0.sources = [] },
    Refusal(message: "sources names \"chars\" twice (name it once)") {
      $0.sources = [.chars, .chars]
    },
    Refusal(
      message: "method = \"char\" and other sources are both given (leave one of them out)"
    ) {
      $0.method = .char
      $0.sources = [.embed]
    },
    Refusal(
      message: "method = \"beam\" and search = \"greedy\" are both given (leave one of them out)"
    ) {
      $0.method = .beam
      $0.searches.choose(.greedy)
    },
  ]

  @Test(arguments: refusals) func whatIsNamedMustBeThereAndAgree(row: Refusal) {
    #expect {
      _ = try Self.make([], row.change)
    } throws: {
      "\($0)".contains(row.message)
    }
  }
}
