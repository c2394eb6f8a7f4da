import Diagnostics
import Foundation
import TestSupport
import Testing

@testable import TextModels

/// WordNet against the files of Debian's `wordnet-base`, when they are installed.
@Suite struct WordNetTests {
  private func installed() throws -> WordNet? {
    guard FileManager.default.fileExists(atPath: WordNet.defaultFolder + "/index.noun") else {
      print("skipped: WordNet is not installed (apt install wordnet-base)")
      return nil
    }
    return try WordNet()
  }

  struct BaseCase: CustomTestStringConvertible {
    var word: String
    var bases: [String]
    var testDescription: String { word }
  }

  @Test(arguments: [
    BaseCase(word: "dogs", bases: ["dog/noun", "dog/verb"]),
    BaseCase(word: "Men", bases: ["men/noun", "man/noun"]),
    BaseCase(word: "mice", bases: ["mouse/noun"]),
    BaseCase(word: "geese", bases: ["goose/noun"]),
    BaseCase(word: "ran", bases: ["run/verb"]),
    BaseCase(word: "running", bases: ["running/noun", "run/verb", "running/adj"]),
    BaseCase(word: "buses", bases: ["bus/noun", "bus/verb"]),
    BaseCase(
      word: "better",
      bases: [
        "better/noun", "better/verb", "better/adj", "good/adj", "well/adj", "better/adv",
        "well/adv",
      ]),
    BaseCase(word: "sneakers", bases: ["sneaker/noun"]),
    BaseCase(word: "school bus", bases: ["school_bus/noun"]),
    BaseCase(word: "the", bases: []),
    BaseCase(word: "xyzzyx", bases: []),
    BaseCase(word: "", bases: []),
    BaseCase(word: String(repeating: "a", count: 5000), bases: []),
  ])
  func findsBaseForms(_ row: BaseCase) throws {
    guard let wordNet = try installed() else { return }
    let bases = try wordNet.baseForms(of: row.word).map { "\($0.form)/\($0.part)" }
    #expect(bases == row.bases)
  }

  struct SynonymCase: CustomTestStringConvertible {
    var word: String
    var first: [String]
    var testDescription: String { word }
  }

  @Test(arguments: [
    SynonymCase(word: "photo", first: ["photograph", "exposure", "picture", "pic"]),
    // Of a dog's senses only "chase" and the animal, which has no other single word, are in the texts.
    SynonymCase(word: "dogs", first: ["chases", "trails", "tails"]),
    SynonymCase(word: "children", first: ["kids", "youngsters", "minors"]),
    SynonymCase(word: "men", first: ["servicemen"]),
    SynonymCase(word: "took", first: ["occupied", "led", "directed"]),
    SynonymCase(word: "running", first: ["scatting", "scarpering"]),
    SynonymCase(word: "happier", first: ["gladder"]),
    SynonymCase(word: "photo's", first: ["photograph's", "exposure's"]),
    SynonymCase(word: "trousers", first: ["pants"]),
    SynonymCase(word: "airplane", first: ["aeroplane", "plane"]),
    SynonymCase(word: "asleep", first: ["benumbed", "numb", "deceased"]),
    SynonymCase(word: "hot dog", first: ["hotdog", "frank", "frankfurter"]),
    SynonymCase(word: "hot dogs", first: ["hotdogs", "franks"]),
    SynonymCase(word: "police  car", first: ["cruiser"]),
    SynonymCase(word: "fastest", first: ["quickest"]),
    SynonymCase(word: "bigger", first: ["larger", "heavier", "greater"]),
    SynonymCase(word: "children's", first: ["kids'", "youngsters'", "minors'"]),
    SynonymCase(word: "photo\u{2019}s", first: ["photograph\u{2019}s"]),
    SynonymCase(word: "CAR", first: ["AUTO", "AUTOMOBILE"]),
    SynonymCase(word: "Car", first: ["Auto", "Automobile"]),
    SynonymCase(word: "CARS'", first: ["AUTOS'", "AUTOMOBILES'"]),
    SynonymCase(word: "b", first: []), SynonymCase(word: "4", first: []),
    SynonymCase(word: "a's", first: []),
    SynonymCase(word: "sandal", first: []),
    SynonymCase(word: "qwertyish", first: []),
  ])
  func givesSynonymsInSenseOrder(_ row: SynonymCase) throws {
    guard let wordNet = try installed() else { return }
    let synonyms = try wordNet.synonyms(of: row.word)
    #expect(Array(synonyms.prefix(row.first.count)) == row.first, "\(synonyms)")
    #expect(row.first.isEmpty == synonyms.isEmpty)
    #expect(!synonyms.contains { $0.contains("_") || $0.contains("(") })
    #expect(try wordNet.synonyms(of: row.word, limit: 2) == Array(synonyms.prefix(2)))
  }

  struct FormCase: CustomTestStringConvertible {
    var word: String
    var synonym: String
    var testDescription: String { "\(word): \(synonym)" }
  }

  /// Every form comes back as itself, irregular ones by the tables.
  @Test(arguments: [
    FormCase(word: "photos", synonym: "pictures"),
    FormCase(word: "women", synonym: "adult females"),
    FormCase(word: "babies", synonym: "infants"), FormCase(word: "soldiers", synonym: "soldier"),
    FormCase(word: "purchases", synonym: "buys"), FormCase(word: "purchased", synonym: "bought"),
    FormCase(word: "purchasing", synonym: "buying"), FormCase(word: "began", synonym: "started"),
    FormCase(word: "begun", synonym: "gotten"), FormCase(word: "took", synonym: "brought"),
    FormCase(word: "shut", synonym: "close"), FormCase(word: "larger", synonym: "bigger"),
    FormCase(word: "largest", synonym: "biggest"), FormCase(word: "cars'", synonym: "autos'"),
    FormCase(word: "car\u{2019}s", synonym: "auto\u{2019}s"),
  ])
  func keepsTheForm(_ row: FormCase) throws {
    guard let wordNet = try installed() else { return }
    let synonyms = try wordNet.synonyms(of: row.word)
    // Phrases and base forms never come back.
    let isWrong = row.synonym.contains(" ") || row.synonym == "soldier"
    #expect(synonyms.contains(row.synonym) != isWrong, "\(synonyms)")
  }

  /// Senses by frequency, and the sense of the phrase that a word stands in.
  @Test func takesUsualSenses() throws {
    guard let wordNet = try installed() else { return }
    #expect(try wordNet.synonyms(of: "cat").contains("bozo"))
    #expect(try wordNet.synonyms(of: "cat", senses: .frequent) == [])
    #expect(try wordNet.synonyms(of: "car", senses: .frequent).contains("automobile"))
    #expect(try !wordNet.synonyms(of: "car", senses: .frequent).contains("gondola"))
    func phrase(_ text: String, _ index: Int) throws -> String? {
      try wordNet.phrase(in: text.split(separator: " ").map(String.init), around: index)
    }
    #expect(try phrase("a photo of an Egyptian cat", 5) == "Egyptian cat")
    #expect(try phrase("two school buses there", 2) == "school buses")
    #expect(try phrase("a photo of a cat", 4) == nil)
    #expect(try phrase("cat", 0) == nil)
    #expect(try wordNet.synonyms(of: "cat", within: "Egyptian cat") == [])
    #expect(try wordNet.synonyms(of: "buses", within: "school buses").contains("autobuses"))
    #expect(try wordNet.synonyms(of: "dog", within: "hot dog") == [])
    #expect(try wordNet.synonyms(of: "cream", within: "ice cream") == [])
  }

  /// Class by class: what the synonyms of an attack put in for the names of CIFAR-10, Fashion-MNIST and
  /// STL-10, whose other senses named other things.
  @Test(arguments: [
    ("airplane", ["aeroplane", "plane"]), ("automobile", ["car", "auto", "machine", "motorcar"]),
    ("bird", []), ("cat", []), ("deer", ["cervid"]), ("dog", []),
    ("frog", ["toad", "anuran", "batrachian", "salientian"]), ("horse", []),
    ("ship", []), ("truck", ["motortruck"]), ("monkey", []),
    ("car", ["auto", "automobile", "machine", "motorcar"]),
  ])
  func namesOfClassesKeepTheirSense(name: String, expected: [String]) throws {
    guard let wordNet = try installed() else { return }
    let found = try wordNet.synonyms(of: name, senses: .frequent)
    #expect(Set(found).isSubset(of: expected), "\(found)")
  }

  /// Bug B43: antonyms accepted as synonyms.
  @Test(arguments: [
    ("hot", "cold"), ("good", "bad"), ("able", "unable"), ("man", "woman"), ("boys", "girl"),
    ("fast", "slow"), ("increase", "decrease"), ("awake", "asleep"), ("possible", "impossible"),
    ("king", "queen"), ("mother", "father"), ("ravel", "unravel"), ("hungry", "thirsty"),
    ("day", "night"), ("win", "lose"), ("quickly", "slowly"), ("alive", "dead"), ("top", "bottom"),
  ])
  func refusesAntonyms(first: String, second: String) throws {
    guard let wordNet = try installed() else { return }
    #expect(wordNet.areAntonyms(first, second))
    #expect(wordNet.areAntonyms(second, first))
    for (word, other) in [(first, second), (second, first)] {
      #expect(try !wordNet.synonyms(of: word).contains(other))
    }
    #expect(!wordNet.areAntonyms(first, "photo"))
  }

  @Test func knowsWords() throws {
    guard let wordNet = try installed() else { return }
    for word in ["cat", "Cats", "went", "a", "i", "quickly"] { #expect(wordNet.isWord(word)) }
    for word in ["ctt", "caat", "b", "", "zzz"] { #expect(!wordNet.isWord(word)) }
    #expect(wordNet.areSynonyms("photo", "picture"))
    #expect(wordNet.areSynonyms("photos", "pictures"))
    #expect(!wordNet.areSynonyms("cat", "dog"))
  }
}

/// WordNet files that a test writes, sound and damaged.
@Suite struct WordNetFileTests {
  private let licence = "  1 licence text\n"
  private let index = "big a 1 1 ! 1 0 00000016\nsmall a 1 1 ! 1 0 00000065\n"
  private let data =
    "00000016 00 a 01 big 0 001 ! 00000065 a 0101 | large  \n".prefix(48) + "\n"
    + "00000065 00 a 02 small 0 little(p) 0 001 ! 00000016 a 0101 | not big  \n"

  private func write(_ folder: String, index: String? = nil, data: String? = nil) throws {
    for part in ["noun", "verb", "adj", "adv"] {
      let isAdjective = part == "adj"
      let files = [
        "index.\(part)": isAdjective ? index ?? licence + self.index : licence,
        "data.\(part)": isAdjective ? data ?? licence.prefix(16) + self.data : licence,
        "\(part).exc": isAdjective ? "bigger big\n\nlone\n" : "",
      ]
      for (name, text) in files {
        try text.write(toFile: folder + "/" + name, atomically: false, encoding: .utf8)
      }
    }
  }

  @Test func readsASmallFolder() throws {
    try withTemporaryDirectory { folder in
      try write(folder)
      let wordNet = try WordNet(folder: folder)
      #expect(try wordNet.synonyms(of: "small") == ["little"])
      #expect(try wordNet.antonyms(of: "bigger") == ["small"])
      #expect(try wordNet.antonyms(of: "small") == ["big"])
      #expect(try wordNet.synonyms(of: "biggest") == [])
    }
  }

  @Test func namesThePackageWhenAFileIsMissing() throws {
    #expect {
      try WordNet(folder: "/nowhere")
    } throws: {
      "\($0)".contains("/nowhere/index.noun") && "\($0)".hasSuffix("(apt install wordnet-base)")
    }
  }

  struct Damage: CustomTestStringConvertible {
    var id: String
    var index: String?
    var data: String?
    var testDescription: String { id }
  }

  @Test(arguments: [
    Damage(id: "offset outside the data file", index: "big a 1 1 ! 1 0 99999999\n"),
    Damage(id: "offset beyond 64 bits", index: "big a 1 1 ! 1 0 99999999999999999999999\n"),
    Damage(id: "negative offset", index: "big a 1 1 ! 1 0 -5\n"),
    Damage(id: "offset into a record", index: "big a 1 1 ! 1 0 00000020\n"),
    Damage(id: "count beyond the line", index: "big a 9 1 ! 1 0 00000016\n"),
    Damage(id: "no fields", index: "big \n"),
    Damage(id: "empty data", data: ""),
    Damage(id: "NUL bytes", data: String(repeating: "\0", count: 200)),
    Damage(id: "words missing", data: "                00000016 00 a ff big 0 001\n"),
    Damage(id: "pointers missing", data: "                00000016 00 a 01 big 0 900 ! 1\n"),
    Damage(id: "pointer damaged", data: "                00000016 00 a 01 big 0 001 ! x a 0101\n"),
  ])
  func refusesDamage(_ row: Damage) throws {
    try withTemporaryDirectory { folder in
      try write(folder, index: row.index, data: row.data)
      let wordNet = try WordNet(folder: folder)
      #expect {
        try wordNet.antonyms(of: "big")
      } throws: {
        "\($0)".contains(folder)
      }
    }
  }

  /// Whatever is cut off, nothing worse than an error comes out.
  @Test func survivesTruncationAtEveryByte() throws {
    try withTemporaryDirectory { folder in
      for count in 0...(licence + index).utf8.count {
        try write(folder, index: String((licence + index).prefix(count)))
        let wordNet = try WordNet(folder: folder)
        _ = try? wordNet.synonyms(of: "small")
      }
      let whole = licence.prefix(16) + data
      for count in stride(from: 0, through: whole.utf8.count, by: 3) {
        try write(folder, data: String(whole.prefix(count)))
        let wordNet = try WordNet(folder: folder)
        _ = try? wordNet.antonyms(of: "small")
      }
    }
  }
}
