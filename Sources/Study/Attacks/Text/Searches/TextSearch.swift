internal import Diagnostics

/// How combinations of substitutions are looked for (docs/methods/text-attacks.md, section 3.7).
///
/// A search is a type of its own; to add one is to add its file, its row of `all` and its row of the
/// conformance table.
package struct TextSearch: Sendable, Equatable {
  let procedure: any TextSearchProcedure

  init(_ procedure: any TextSearchProcedure) { self.procedure = procedure }

  /// Words in the order of importance, the best candidate of each, until the budget is spent.
  package static let greedy = TextSearch(GreedySearch())

  /// The best `width` partial edits at each depth, and the greedy ones.
  package static func beam(width: Int = 8) -> TextSearch { TextSearch(BeamSearch(width: width)) }

  /// Edits crossed and mutated over generations (arXiv:1804.07998), the best and the greedy result
  /// kept.
  package static func genetic(population: Int = 20, generations: Int = 20) -> TextSearch {
    TextSearch(GeneticSearch(population: population, generations: generations))
  }

  /// Every combination within the budget; refused above `limit` evaluations.
  package static func exhaustive(limit: Int = 1_000_000) -> TextSearch {
    TextSearch(ExhaustiveSearch(limit: limit))
  }

  /// All searches with their usual sizes.
  package static let all: [TextSearch] = [.greedy, .beam(), .genetic(), .exhaustive()]

  /// Its name in scripts and records.
  package var name: String { procedure.name }

  /// The same search with the same sizes.
  package static func == (a: TextSearch, b: TextSearch) -> Bool {
    a.name == b.name && a.procedure.parameterForms == b.procedure.parameterForms
  }
}

/// A search over the edits of one text.
protocol TextSearchProcedure: Parameterized, Sendable {
  /// Its name in scripts and records.
  var name: String { get }
  /// True when the greedy search comes first, whose path it is then given.
  var beginsGreedily: Bool { get }
  /// True when it draws: equal texts are then searched each for itself.
  var isRandom: Bool { get }
  /// Evaluations at most, beside those of candidates and of the greedy search.
  func evaluations(_ space: TextSearchSpace) -> Int
  /// The best state of prompt `index`; nil where nothing is better than the text as it stands.
  ///
  /// - Parameters:
  ///   - path: the states that the greedy search accepted, in order.
  ///   - sample: the prompt's number, which keys its random draws.
  func best(
    _ run: TextRun, _ index: Int, path: [TextRun.Scored], sample: UInt64
  ) throws -> TextRun.Scored?
}

extension TextSearchProcedure {
  var beginsGreedily: Bool { true }
  var isRandom: Bool { false }
}

/// What a search has before it.
struct TextSearchSpace {
  /// Candidates of all words.
  let candidates: Int
  /// Words that may change together.
  let depth: Int
  /// Combinations within the budget; nil for more than can be counted.
  let combinations: Int?
}

/// The search of an attack by its name, and the sizes of all.
package struct TextSearches: Parameterized, Sendable {
  /// The chosen one; nil: the greedy search.
  package var name: String?
  private var procedures: [String: any TextSearchProcedure]

  /// The usual sizes.
  package init() {
    procedures = Dictionary(
      uniqueKeysWithValues: TextSearch.all.map { ($0.name, $0.procedure) })
  }

  /// The chosen search.
  package var search: TextSearch {
    name.flatMap { procedures[$0] }.map { TextSearch($0) } ?? .greedy
  }

  /// Chooses a search with its sizes.
  package mutating func choose(_ search: TextSearch) {
    name = search.name
    procedures[search.name] = search.procedure
  }

  /// The name, and the sizes of every search.
  package static var parameters: [Parameter<TextSearches>] {
    let names = TextSearch.all.map(\.name)
    let choice = Parameter<TextSearches>(
      "search", .choice(names),
      "how combinations of words are searched; the methods beam, genetic, exhaustive set it",
      get: { $0.name.map { .name($0) } },
      set: { searches, value in if case .name(let name) = value { searches.name = name } }
    ).usually(.name(TextSearch.greedy.name))
    return [choice] + TextSearch.all.flatMap { sizes($0.procedure) }
  }

  /// The sizes of one search, which have a meaning with it alone.
  private static func sizes<Search: TextSearchProcedure>(
    _ search: Search
  ) -> [Parameter<TextSearches>] {
    let name = search.name
    return Search.parameters.map { parameter in
      Parameter<TextSearches>(
        parameter.name, parameter.kind, parameter.doc,
        get: { ($0.procedures[name] as? Search).flatMap(parameter.get) },
        set: { searches, value in
          guard var own = searches.procedures[name] as? Search else { return }
          parameter.set(&own, value)
          searches.procedures[name] = own
        }
      ).goesWith("search", name).orWith("method", name).recorded { $0.name == name }
    }
  }
}
