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

  /// Random weights over the first 2500 tokens of CLIP's vocabulary, common words among them.
  static func model() throws -> ClipModel {
    let model = try ClipModel.random(
      ClipConfiguration(
        embedding: 8, imageSize: 8, patchSize: 4, vision: .init(width: 8, layers: 1, heads: 2),
        text: .init(width: 8, layers: 1, heads: 2), vocabulary: 2500, endToken: nil), seed: 5)
    model.tokenizer = try BytePairTokenizer.standard()
    return model
  }

  static func mlm() throws -> MaskedLanguageModel {
    try MaskedLanguageModel.load(TestFiles.fixture("bert-tiny"))
  }

  static func make(
    _ stock: Stock, mlm: MaskedLanguageModel? = nil,
    _ change: (inout TextAttackFactory.Options) -> Void
  ) throws -> TextAttackSpecification {
    var options = TextAttackFactory.Options()
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
        #expect(abs(try #require(candidate.score) - known.1) < 1e-6)
      }
    }
    let near = try mlm.neighbours()
    #expect(abs(try #require(near.cosine(of: "BIG", and: "dog")) - bert[0].1) < 1e-6)
    #expect(try near.cosine(of: "dog", and: "no word") == nil)
    #expect(try near.cosine(of: "##ed", and: "dog") == nil)
  }

  struct Refusal: Sendable, CustomTestStringConvertible {
    var method: TextAttackMethod
    var message: String
    var testDescription: String { method.rawValue }
  }

  static let refusals: [Refusal] = [
    Refusal(method: .synonym, message: "apt install wordnet-base"),
    Refusal(method: .bert, message: "needs a masked language model (pass mlm = text.load_mlm(path))"),
  ]

  @Test(arguments: refusals) func namedSourcesMustBeThere(row: Refusal) {
    #expect {
      _ = try Self.make([]) { $0.method = row.method }
    } throws: {
      "\($0)".contains(row.message)
    }
  }
}
