/// Remarks on one result.
package enum TextFlag: String, Sendable, CaseIterable {
  /// Nothing could be edited, or no candidate was better: the text is unchanged.
  case noEdit = "no_edit"
  /// The text now names another class of the set.
  case labelChanging = "label_changing"
  /// `maxQueries` ended the search; the text is the best until then.
  case maxQueries = "max_queries"
  /// `maxSeconds` ended the search; the text is the best until then.
  case maxSeconds = "max_seconds"
}

/// What became of one prompt.
package struct TextAttackResult: Sendable {
  /// The text as given.
  package var original: String
  /// The adversarial text; equal to `original` when nothing was better.
  package var adversarial: String
  /// The changed words, in order.
  package var edits: [TextEdit]
  /// Levenshtein distance of the adversarial text from the original, in Unicode scalars.
  package var levenshtein: Int { CharacterEditing.distance(original, adversarial) }
  /// The cosine of the two sentences by `TextConstraints.sentenceCosine`; nil without one.
  package var cosine: Double?
  /// The objective of the original.
  package var objectiveBefore: Double
  /// The objective of the adversarial text, of exactly this string.
  package var objectiveAfter: Double
  /// The words that could be edited, from 0, with their importance where greedy asked for it.
  package var importance: [(word: Int, value: Double)]
  /// Texts encoded for this prompt, and answers that needed no encoding.
  package var queries: TextQueries
  /// Remarks.
  package var flags: Set<TextFlag>
  /// Candidates that each constraint dropped.
  package var dropped: [TextConstraint: Int]
  /// Candidates that were left, over all words.
  package var candidates: Int
  /// How many edits are synonyms of what they replaced, where that is known.
  package var synonyms: Int
}

/// The results of a text attack and what they have in common.
package struct TextReport: Sendable {
  /// One a prompt, in order.
  package var results: [TextAttackResult]

  /// The adversarial texts in order.
  package var texts: [String] { results.map(\.adversarial) }
  /// The mean Levenshtein distance over the prompts, unchanged ones counting 0; 0 without prompts.
  package var meanLevenshtein: Double {
    results.isEmpty
      ? 0 : Double(results.reduce(0) { $0 + $1.levenshtein }) / Double(results.count)
  }
  /// The mean cosine of the sentences before and after; nil where none was measured.
  package var meanCosine: Double? {
    let cosines = results.compactMap(\.cosine)
    return cosines.isEmpty ? nil : cosines.reduce(0, +) / Double(cosines.count)
  }
  /// How many prompts' searches a limit ended.
  package func stopped(by flag: TextFlag) -> Int { results.count { $0.flags.contains(flag) } }
  /// Texts encoded, and answers that needed no encoding, over all prompts.
  package var queries: TextQueries { results.reduce(TextQueries()) { $0 + $1.queries } }
  /// The share of edits that are synonyms; 0 when there are no edits.
  package var synonymShare: Double { share(results.reduce(0) { $0 + $1.synonyms }) }
  /// The share of edits that hit a word of the class name; 0 when there are no edits.
  package var classShare: Double {
    share(results.reduce(0) { $0 + $1.edits.filter(\.hitsClass).count })
  }
  /// The share of edits that each source brought; empty when there are no edits.
  package var sourceShares: [String: Double] {
    var counts: [String: Int] = [:]
    for edit in results.flatMap(\.edits) { counts[edit.source, default: 0] += 1 }
    return counts.mapValues(share)
  }
  /// The share of prompts that changed.
  package var changedShare: Double {
    guard !results.isEmpty else { return 0 }
    return Double(results.filter { !$0.edits.isEmpty }.count) / Double(results.count)
  }
  /// The share of all proposed candidates that each constraint dropped.
  package var droppedShares: [TextConstraint: Double] {
    var counts: [TextConstraint: Int] = [:]
    for result in results { counts.merge(result.dropped, uniquingKeysWith: +) }
    let total = counts.values.reduce(results.reduce(0) { $0 + $1.candidates }, +)
    return counts.mapValues { total == 0 ? 0 : Double($0) / Double(total) }
  }

  private func share(_ count: Int) -> Double {
    let edits = results.reduce(0) { $0 + $1.edits.count }
    return edits == 0 ? 0 : Double(count) / Double(edits)
  }
}
