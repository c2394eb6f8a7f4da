internal import Diagnostics
internal import Tensors

/// LEAF's search over characters (arXiv:2506.03355), and its exhaustive-site form from Charmer
/// (arXiv:2405.04346).
///
/// One edit: a space is tried at sites, the best sites are kept, symbols are tried there, the best
/// is taken if it is better than the text as it stands; repeated `edits` times.
package struct CharacterSearch: Sendable, Equatable {
  /// How sites and symbols are chosen.
  package enum Form: Sendable, Equatable {
    /// All sites are tried, the best ones kept, all 96 symbols tried there: for evaluation.
    case test(sites: Int = 20)
    /// This many random sites, the best one kept, this many random symbols tried: for training.
    case training(draws: Int = 50)
  }

  /// How sites and symbols are chosen.
  package var form: Form
  /// Whether every character may be edited, stop words and spaces too, as LEAF does; otherwise
  /// only the words in scope and the spaces between two of them.
  package var wholeString: Bool

  /// The search of the test form over the words in scope.
  package init(_ form: Form = .test(), wholeString: Bool = false) {
    self.form = form
    self.wholeString = wholeString
  }

  var isRandom: Bool {
    if case .training = form { return true }
    return false
  }

  var keptSites: Int {
    if case .test(let sites) = form { return sites }
    return 1
  }

  func check() throws {
    switch form {
    case .test(let sites) where sites < 1:
      throw KilpiError("sites is \(sites), outside 1 …")
    case .training(let draws) where draws < 1:
      throw KilpiError("rho is \(draws), outside 1 …")
    default: break
    }
  }
}

extension TextRun {
  /// A text during the search: its scalars, and which of them may be edited.
  private struct Draft {
    var scalars: [Unicode.Scalar]
    var open: [Bool]
    var value: Double
    var cost = 0

    /// The sites that may be edited: scalars that are open, and gaps beside one.
    var sites: [Int] {
      (0..<CharacterEditing.siteCount(scalars.count)).filter { site in
        let index = site / 2
        if site % 2 == 1 { return open[index] }
        return index > 0 && open[index - 1] || index < open.count && open[index]
      }
    }

    func edited(_ site: Int, _ symbol: Unicode.Scalar?) -> Draft? {
      guard let scalars = CharacterEditing.edited(scalars, site: site, symbol: symbol) else {
        return nil
      }
      var draft = self
      draft.scalars = scalars
      draft.cost += 1
      if site % 2 == 0 {
        draft.open.insert(true, at: site / 2)
      } else if symbol == nil {
        draft.open.remove(at: site / 2)
      }
      return draft
    }
  }

  /// Edits all prompts together, one character a round.
  mutating func searchCharacters(_ search: CharacterSearch, sampleIDs: [UInt64]) throws {
    var drafts = try subjects.indices.map { index in
      Draft(
        scalars: Array(subjects[index].words.text.unicodeScalars),
        open: openScalars(subjects[index], search), value: try scoring.cleanValue(index))
    }
    var active = subjects.indices.filter {
      drafts[$0].open.contains(true) && attack.constraints.words != 0
    }
    for round in 0..<attack.constraints.edits {
      if active.isEmpty { break }
      try Interrupts.poll()
      var streams = sampleIDs.map {
        attack.random.stream(.textAttack, sample: $0, step: round)
      }
      let marked = try active.map { try markedTexts(drafts[$0], $0, search, &streams[$0]) }
      let marks = try scoring.values(zip(active, marked).map { ($0, $1.map(\.text)) })
      let sites = zip(active, zip(marked, marks)).map { index, pair -> [Int] in
        let (marked, values) = pair
        if scoring.isSpent(index) { return [] }
        return marked.indices
          .sorted { (values[$1], marked[$0].site) < (values[$0], marked[$1].site) }
          .prefix(search.keptSites).map { marked[$0].site }
      }
      let offers = try zip(active, sites).map { index, sites in
        try candidates(drafts[index], index, sites, search, &streams[index])
      }
      let values = try scoring.values(
        zip(active, offers).map { ($0, $1.map { CharacterEditing.string($0.scalars) }) })
      var improved: [Int] = []
      for (position, index) in active.enumerated() {
        var best: Draft?
        for (offer, value) in zip(offers[position], values[position])
        where value > best?.value ?? drafts[index].value {
          best = offer
          best?.value = value
        }
        guard let best else {
          finish(index)
          continue
        }
        drafts[index] = best
        if !scoring.isSpent(index) { improved.append(index) }
      }
      active = improved
    }
    for index in subjects.indices { finish(index) }
    outcomes = drafts.enumerated().map { index, draft in
      let text = CharacterEditing.string(draft.scalars)
      return Outcome(
        text: draft.cost == 0 ? subjects[index].words.text : text, value: draft.value,
        edits: draft.cost == 0 ? [] : edits(subjects[index], text))
    }
  }

  /// Which scalars of the text may be edited.
  private func openScalars(_ subject: TextSubject, _ search: CharacterSearch) -> [Bool] {
    let scalars = subject.words.text.unicodeScalars
    if search.wholeString { return [Bool](repeating: true, count: scalars.count) }
    var ranges = subject.editable.map { subject.words.words[$0].coreRange }
    for (word, next) in zip(subject.editable, subject.editable.dropFirst()) where next == word + 1 {
      // The gap between two editable words, unless punctuation stands in it.
      let left = subject.words.words[word]
      let right = subject.words.words[next]
      if left.suffix.isEmpty, right.prefix.isEmpty {
        ranges.append(left.coreRange.upperBound..<right.coreRange.lowerBound)
      }
    }
    var offset = 0
    return scalars.map { scalar in
      defer { offset += UTF8.width(scalar) }
      return ranges.contains { $0.contains(offset) }
    }
  }

  /// The sites to rank, each with the text that ranks it.
  private func markedTexts(
    _ draft: Draft, _ index: Int, _ search: CharacterSearch, _ stream: inout RandomStream
  ) throws -> [(site: Int, text: String)] {
    var sites = draft.sites
    if draft.cost > 0, let limit = attack.constraints.words {
      // What would change one word too many must not take the place of a site that is allowed.
      let subject = subjects[index]
      sites = sites.filter { site in
        guard let next = draft.edited(site, "x") else { return false }
        return alignment(subject, CharacterEditing.string(next.scalars)).count <= limit
      }
    }
    if case .training(let draws) = search.form, draws < sites.count {
      // Without replacement; where there are not more sites than draws, all of them.
      sites = try stream.permutation(sites.count).prefix(draws).map { sites[$0] }
    }
    return try sites.compactMap { site in
      guard let scalars = CharacterEditing.marked(draft.scalars, site: site) else { return nil }
      let text = CharacterEditing.string(scalars)
      // A marked text only ranks its site, so of the constraints only the length matters.
      return try fits(text, index) ? (site, text) : nil
    }
  }

  private func fits(_ text: String, _ index: Int) throws -> Bool {
    guard let tokens = attack.constraints.tokens else { return true }
    return try tokens.ids(text).count + 2 <= tokens.context
  }

  /// The drafts one edit on, at the kept sites, that the constraints allow.
  private mutating func candidates(
    _ draft: Draft, _ index: Int, _ sites: [Int], _ search: CharacterSearch,
    _ stream: inout RandomStream
  ) throws -> [Draft] {
    var symbols: [Unicode.Scalar?] = [nil] + CharacterEditing.symbols.map(Optional.some)
    if case .training(let draws) = search.form {
      symbols = try stream.permutation(symbols.count).prefix(draws).map { symbols[$0] }
    }
    let subject = subjects[index]
    var seen: Set<String> = [CharacterEditing.string(draft.scalars)]
    var result: [Draft] = []
    for site in sites {
      for symbol in symbols {
        guard let next = draft.edited(site, symbol) else { continue }
        let text = CharacterEditing.string(next.scalars)
        guard seen.insert(text).inserted else { continue }
        let changed = alignment(subject, text).count
        // Without a changed word the edit is whitespace beside whitespace, which is none.
        let objection =
          changed == 0 || text.lowercased() == subject.words.text.lowercased()
          ? .unchanged
          : try subject.checker.objection(to: text, changed: changed, cost: next.cost)
        if let objection {
          subjects[index].dropped[objection, default: 0] += 1
        } else {
          subjects[index].tried += 1
          result.append(next)
        }
      }
    }
    return result
  }

  /// How words correspond; an edit may put in punctuation or change case, so the words are taken
  /// with all that they are written with.
  private func alignment(_ subject: TextSubject, _ text: String) -> WordAlignment {
    WordAlignment(
      subject.words.pieces, TextWords(text, splitting: subject.words.splitting).pieces,
      matchesCase: true)
  }

  /// The changed words of a text, by alignment; with their punctuation where that changed.
  private func edits(_ subject: TextSubject, _ text: String) -> [TextEdit] {
    let old = subject.words
    let new = TextWords(text, splitting: old.splitting)
    return alignment(subject, text).changes.map { change in
      let around = change.old.first.map { old.words[$0] }
      let isCoreAlone =
        change.old.count == 1 && change.new.count == 1
        && around?.prefix == new.words[change.new.lowerBound].prefix
        && around?.suffix == new.words[change.new.lowerBound].suffix
      // What is put in beside a word belongs to it.
      let gap = change.old.lowerBound
      let place = change.old.isEmpty ? (gap - 1)..<(gap + 1) : change.old
      return TextEdit(
        word: change.old.lowerBound,
        old: isCoreAlone ? old.core(of: change.old) : old.text(of: change.old),
        new: isCoreAlone ? new.core(of: change.new) : new.text(of: change.new), source: "chars",
        rank: 0,
        hitsClass: place.contains { subject.classWords.contains($0) })
    }
  }
}
