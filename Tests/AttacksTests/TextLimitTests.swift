import Diagnostics
import Tensors
import Testing

@testable import Attacks

/// `maxQueries`, `maxSeconds`, the cosine of sentences, and progress.
@Suite struct TextLimitTests {
  static let prompts = [
    "small red dogs chase quick brown cats", "the big BAD wolf", "cat", "of the",
  ]

  private static func attacks() -> [(name: String, attack: TextAttack)] {
    var all: [(String, TextAttack)] = []
    for (name, search) in [
      ("greedy", TextSearch.greedy), ("beam", .beam(width: 3)), ("exhaustive", .exhaustive()),
      ("genetic", .genetic(population: 6, generations: 4)),
    ] {
      var attack = TextAttack()
      attack.sources = [toySource]
      attack.search = search
      attack.constraints.words = 2
      attack.batch = 4
      all.append((name, attack))
    }
    var attack = TextAttack()
    attack.characters = CharacterSearch(.test(sites: 5))
    attack.constraints.edits = 3
    all.append(("char", attack))
    return all
  }

  /// No prompt has more texts encoded than the limit; the result is the best that was seen, and never
  /// worse with more queries.
  @Test func queriesAreBounded() throws {
    for (name, base) in Self.attacks() {
      var attack = base
      let ids = Self.prompts.indices.map { UInt64($0) }
      attack.sampleIDs = ids
      let free = try attack.perturb(
        Self.prompts.map { TextPrompt($0) }, encoder: ToyEncoder().encode)
      #expect(free.results.allSatisfy { !$0.flags.contains(.maxQueries) })
      for limit in [1, 2, 5, 9, 20, 100_000] {
        attack.maxQueries = limit
        for text in Self.prompts {
          let encoder = ToyEncoder()
          let index = try #require(Self.prompts.firstIndex(of: text))
          attack.sampleIDs = [ids[index]]
          let result = try attack.perturb([TextPrompt(text)], encoder: encoder.encode).results[0]
          #expect(encoder.encoded.count <= limit, "\(name), \(limit): \(text)")
          #expect(result.queries.encoded == encoder.encoded.count)
          #expect(result.objectiveAfter >= result.objectiveBefore)
          let needed = free.results[index].queries.encoded
          if needed <= limit { #expect(result.adversarial == free.results[index].adversarial) }
          #expect(
            result.flags.contains(.maxQueries) == (needed > limit), "\(name), \(limit): \(text)")
        }
      }
    }
  }

  /// The limit is each prompt's own: company changes nothing.
  @Test func limitsDoNotDependOnCompany() throws {
    for (name, base) in Self.attacks() {
      var attack = base
      attack.maxQueries = 12
      let ids = Self.prompts.indices.map { UInt64($0) }
      attack.sampleIDs = ids
      let all = try attack.perturb(
        Self.prompts.map { TextPrompt($0) }, encoder: ToyEncoder().encode)
      for (index, text) in Self.prompts.enumerated() {
        attack.sampleIDs = [ids[index]]
        let alone = try attack.perturb([TextPrompt(text)], encoder: ToyEncoder().encode)
        #expect(alone.texts[0] == all.texts[index], "\(name): \(text)")
      }
    }
  }

  /// A clock that is over at once: clean texts are encoded, nothing else, and the report says why.
  @Test func timeIsBounded() throws {
    for (name, base) in Self.attacks() {
      var attack = base
      attack.maxSeconds = 1e-9
      let encoder = ToyEncoder()
      let report = try attack.perturb(
        Self.prompts.map { TextPrompt($0) }, encoder: encoder.encode)
      #expect(report.texts == Self.prompts, "\(name)")
      #expect(encoder.encoded.count == Self.prompts.count, "\(name)")
      #expect(report.stopped(by: .maxSeconds) >= 3, "\(name)")
      attack.maxSeconds = 1e9
      let patient = try attack.perturb(
        Self.prompts.map { TextPrompt($0) }, encoder: ToyEncoder().encode)
      #expect(patient.stopped(by: .maxSeconds) == 0 && patient.changedShare > 0, "\(name)")
    }
  }

  @Test func limitsOutsideTheirRangeAreRefused() {
    for change in [{ $0.maxQueries = 0 }, { $0.maxSeconds = 0 }, { $0.maxSeconds = .nan }]
      as [(inout TextAttack) -> Void]
    {
      var attack = Self.attacks()[0].attack
      change(&attack)
      #expect(throws: KilpiError.self) {
        try attack.perturb([TextPrompt("cat")], encoder: ToyEncoder().encode)
      }
    }
  }

  @Test func qualityStandsBesideSuccess() throws {
    var attack = TextAttack()
    attack.sources = [tableSource(["cat": ["feline"]])]
    attack.constraints.sentenceCosine = { $0 == $1 ? 1 : 0.25 }
    let report = try attack.perturb(
      [TextPrompt("a cat"), TextPrompt("a dog")], encoder: ToyEncoder().encode)
    #expect(report.results.map(\.cosine) == [0.25, 1])
    #expect(report.meanCosine == 0.625)
    // cat → feline: 5 replaced or put in, one of them where the t was.
    #expect(report.results.map(\.levenshtein) == [CharacterEditing.distance("cat", "feline"), 0])
    #expect(report.meanLevenshtein == Double(CharacterEditing.distance("cat", "feline")) / 2)
    attack.constraints.sentenceCosine = nil
    #expect(
      try attack.perturb([TextPrompt("a cat")], encoder: ToyEncoder().encode).meanCosine == nil)
  }

  /// Progress never goes back, ends at its total, and moves while a single prompt is attacked.
  @Test func progressIsEven() throws {
    for (name, base) in Self.attacks() {
      var attack = base
      var shares: [Double] = []
      var last: ProgressEvent?
      attack.progress = {
        shares.append(Double($0.completed) / Double($0.total))
        last = $0
      }
      _ = try attack.perturb(
        [TextPrompt(Self.prompts[0])], encoder: ToyEncoder().encode)
      let end = try #require(last)
      #expect(end.completed == end.total, "\(name)")
      #expect(zip(shares, shares.dropFirst()).allSatisfy { $0 <= $1 + 1e-9 }, "\(name): \(shares)")
      #expect(Set(shares).count > 2, "\(name): \(shares)")
    }
  }
}
