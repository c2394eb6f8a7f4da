internal import Diagnostics

extension MaskedLanguageModel {
  /// Words that might stand in the place of each requested word.
  ///
  /// `aligned`, docs/methods/text-attacks.md, section 3.3: the sequence is `[CLS] pieces [SEP]`; a
  /// word of one piece gets the `k` largest logits of its row that reach the threshold. A word of
  /// several pieces gets the best of 24 combinations of 4 ids a row over its first 12 rows, found
  /// by summed log-probability and ranked by the mean log-probability of the pieces in the sentence,
  /// then the whole words of its first row.
  ///
  /// `coattack`, docs/methods/text-attacks.md, section 3.4: what released code does.
  ///
  /// Sentences of one length run together, combinations of all words too. Answers are kept.
  ///
  /// - Parameters:
  ///   - requests: texts and words; words beyond the sequence's length get no candidates.
  ///   - options: as given to all requests.
  /// - Returns: for each request and word candidates in rank order.
  /// - Throws: `KilpiError` for options outside their range, a model without head, on interrupt.
  ///   Cost: one pass a text (one a word with `masks`), and 24 a word of several pieces.
  public func candidates(
    of requests: [MaskedRequest], _ options: MaskedOptions = MaskedOptions()
  ) throws -> [[[MaskedCandidate]]] {
    guard options.k >= 1 else { throw KilpiError("k is \(options.k), outside 1 …") }
    if let length = options.maxLength, length < 8 {
      throw KilpiError("max_length is \(length), outside 8 …")
    }
    let known = cache.known(options)
    var wanted: [MaskedCandidateCache.Key: Int] = [:]
    var open: [(text: String, keys: [MaskedCandidateCache.Key])] = []
    let keys = requests.map { request in
      let bytes = Array(request.text.utf8)
      return request.words.map { MaskedCandidateCache.Key(text: bytes, word: $0) }
    }
    for (request, keys) in zip(requests, keys) {
      let fresh = keys.filter { known[$0] == nil && wanted.updateValue(0, forKey: $0) == nil }
      if !fresh.isEmpty { open.append((request.text, fresh)) }
    }
    cache.noteHits(keys.reduce(0) { $0 + $1.count } - wanted.count)
    var found: [MaskedCandidateCache.Key: [MaskedCandidate]] = [:]
    if !open.isEmpty {
      let search = MaskedSearch(self, options)
      let lists = try search.run(open.map { MaskedRequest($0.text, words: $0.keys.map(\.word)) })
      for ((_, keys), lists) in zip(open, lists) {
        for (key, list) in zip(keys, lists) { found[key] = list }
      }
      cache.add(found, for: options)
    }
    return keys.map { $0.map { found[$0] ?? known[$0] ?? [] } }
  }

  /// Words answered without running the model, so far.
  public var cachedAnswers: Int { cache.hits }
}

/// One search for candidates of words that are not known yet.
private struct MaskedSearch {
  /// Bounds on combinations of pieces, the same in both modes.
  private enum Combination {
    static let pieces = 12
    static let choices = 4
    static let count = 24
  }

  /// One word that candidates are looked for.
  private struct Word {
    var request: Int
    var index: Int
    var text: String
    /// Its pieces, counted without `[CLS]`.
    var span: Range<Int>
    /// The rows that are read, of its pass.
    var rows: Range<Int>
    var pass: Int
    /// The pieces of the text.
    var ids: [Int]
  }

  private let model: MaskedLanguageModel
  private let options: MaskedOptions
  private let length: Int
  private let tokenizer: WordPieceTokenizer

  init(_ model: MaskedLanguageModel, _ options: MaskedOptions) {
    self.model = model
    self.options = options
    length = options.length(context: model.configuration.context)
    tokenizer = model.tokenizer
  }

  func run(_ requests: [MaskedRequest]) throws -> [[[MaskedCandidate]]] {
    var passes: [MaskedPass] = []
    var words: [Word] = []
    for (index, request) in requests.enumerated() {
      let found =
        options.mode == .aligned
        ? try alignedWords(request, index) : try shiftedWords(request, index)
      if options.context == .masked, options.mode == .aligned {
        for var word in found {
          var ids = word.ids
          for place in word.span { ids[place] = tokenizer.maskID }
          word.pass = passes.count
          passes.append(pass(ids, rows: word.rows))
          words.append(word)
        }
      } else if !found.isEmpty {
        // One pass serves all words; rows are read once over their whole stretch.
        let low = found.map(\.rows.lowerBound).min() ?? 0
        let high = found.map(\.rows.upperBound).max() ?? 0
        words += found.map { word in
          var word = word
          word.pass = passes.count
          return word
        }
        passes.append(pass(found[0].ids, rows: low..<high))
      }
    }
    let rows = try model.rows(passes, k: max(options.k, Combination.choices))
    var result = requests.map { [[MaskedCandidate]](repeating: [], count: $0.words.count) }
    var several: [(word: Word, combinations: [[Int]])] = []
    func row(_ word: Word, _ index: Int) -> MaskedRow {
      rows[word.pass][word.rows.lowerBound + index - passes[word.pass].rows.lowerBound]
    }
    for word in words {
      if word.rows.count == 1 {
        result[word.request][word.index] = finished(single(row(word, 0).top), word.text)
      } else {
        let read = (0..<min(word.rows.count, Combination.pieces)).map { row(word, $0) }
        several.append(
          (word, options.mode == .aligned ? beam(read) : firstCombinations(read)))
      }
    }
    let ranked = try rank(several)
    for ((word, _), list) in zip(several, ranked) {
      var list = list
      if options.mode == .aligned {
        list = Array(list.prefix(options.k)) + single(row(word, 0).wholeWords)
      }
      result[word.request][word.index] = finished(list, word.text)
    }
    return result
  }

  // MARK: - Words and passes

  private func pass(_ ids: [Int], rows: Range<Int>) -> MaskedPass {
    let end = options.mode == .aligned ? [tokenizer.separatorID] : []
    return MaskedPass(ids: [tokenizer.classID] + ids + end, rows: rows)
  }

  /// Words with their own rows, counted after `[CLS]`.
  private func alignedWords(_ request: MaskedRequest, _ index: Int) throws -> [Word] {
    let all = try tokenizer.pieces(of: request.text)
    let pieces = all.prefix(length - 2)
    return request.words.enumerated().compactMap { number, range in
      guard let first = all.firstIndex(where: { range.contains($0.range.lowerBound) }) else {
        return nil
      }
      let last = all.lastIndex { range.contains($0.range.lowerBound) } ?? first
      guard last < pieces.count else { return nil }
      return Word(
        request: index, index: number, text: slice(request.text, range), span: first..<(last + 1),
        rows: (first + 1)..<(last + 2), pass: 0, ids: pieces.map(\.id))
    }
  }

  /// Words with the rows of the token before: spans start at 0, where `[CLS]` stands.
  private func shiftedWords(_ request: MaskedRequest, _ index: Int) throws -> [Word] {
    let texts = MaskedRequest(splittingAtSpaces: request.text)
    var ids: [Int] = []
    var spans: [(range: Range<Int>, span: Range<Int>)] = []
    for range in texts.words {
      let pieces = try tokenizer.ids(of: slice(request.text, range))
      spans.append((range, ids.count..<(ids.count + pieces.count)))
      ids += pieces
    }
    let kept = Array(ids.prefix(length - 1))
    return request.words.enumerated().compactMap { number, range in
      // A word is requested by any byte of it: attacks may know it without its punctuation.
      guard
        let (whole, span) = spans.first(where: {
          $0.range == range || !range.isEmpty && $0.range.contains(range.lowerBound)
        }), !span.isEmpty, span.lowerBound <= length - 2
      else { return nil }
      let text = slice(request.text, whole)
      if options.stopWords.contains(text) { return nil }
      return Word(
        request: index, index: number, text: text, span: span,
        rows: span.lowerBound..<min(span.upperBound, kept.count + 1), pass: 0, ids: kept)
    }
  }

  private func slice(_ text: String, _ range: Range<Int>) -> String {
    let bytes = text.utf8
    guard range.upperBound <= bytes.count, range.lowerBound >= 0 else { return "" }
    let start = bytes.index(bytes.startIndex, offsetBy: range.lowerBound)
    return String(decoding: bytes[start...].prefix(range.count), as: UTF8.self)
  }

  // MARK: - Candidates

  /// The ids of one row that reach the threshold.
  private func single(_ top: [(id: Int, logit: Double)]) -> [MaskedCandidate] {
    top.prefix(options.k).prefix { $0.logit >= options.threshold ?? -.infinity }.map {
      MaskedCandidate(word: tokenizer.piece(of: $0.id) ?? "[UNK]", score: $0.logit, pieces: 1)
    }
  }

  /// The most probable combinations, one id a row.
  private func beam(_ rows: [MaskedRow]) -> [[Int]] {
    var beams: [(ids: [Int], value: Double)] = [([], 0)]
    for row in rows {
      let longer = beams.flatMap { beam in
        row.top.prefix(Combination.choices).map {
          (ids: beam.ids + [$0.id], value: beam.value + $0.logit - row.logSum)
        }
      }
      let order = longer.indices.sorted { (longer[$1].value, $0) < (longer[$0].value, $1) }
      beams = order.prefix(Combination.count).map { longer[$0] }
    }
    return beams.map(\.ids)
  }

  /// The first combinations, the last row's ids changing fastest.
  private func firstCombinations(_ rows: [MaskedRow]) -> [[Int]] {
    let choices = rows.map { $0.top.prefix(min(options.k, Combination.choices)).map(\.id) }
    let total = choices.reduce(1) { min($0 * $1.count, Combination.count) }
    return (0..<total).map { number in
      var (rest, ids) = (number, [Int]())
      for choice in choices.reversed() {
        ids.append(choice[rest % choice.count])
        rest /= choice.count
      }
      return ids.reversed()
    }
  }

  /// Combinations of each word by rising mean loss: of the pieces in the sentence, or, in `coattack`,
  /// of the bare combination.
  private func rank(
    _ several: [(word: Word, combinations: [[Int]])]
  ) throws -> [[MaskedCandidate]] {
    let passes = several.flatMap { word, combinations in
      combinations.map { ids -> MaskedPass in
        if options.mode == .coattack { return MaskedPass(ids: ids, rows: ids.indices) }
        var sentence = word.ids
        sentence.replaceSubrange(word.span, with: ids)
        let first = word.span.lowerBound + 1
        return pass(sentence, rows: first..<(first + ids.count))
      }
    }
    let losses = try model.meanNegativeLogLikelihoods(passes)
    var first = 0
    return try several.map { _, combinations in
      let own = losses[first..<(first + combinations.count)]
      first += combinations.count
      let order = own.indices.sorted { (own[$0], $0) < (own[$1], $1) }
      return try order.map { place in
        let ids = combinations[place - own.startIndex]
        return MaskedCandidate(word: try joined(ids), score: -own[place], pieces: ids.count)
      }
    }
  }

  /// The text of a combination.
  ///
  /// In `aligned`, punctuation stands without spaces, as it does inside
  /// the words that are edited ("t-shirt").
  private func joined(_ ids: [Int]) throws -> String {
    if options.mode == .coattack { return try tokenizer.decode(ids) }
    var text = ""
    for id in ids {
      let piece = tokenizer.piece(of: id) ?? "[UNK]"
      if piece.hasPrefix("##"), !text.isEmpty {
        text += piece.dropFirst(2)
      } else if isPunctuation(piece.unicodeScalars.first)
        || isPunctuation(text.unicodeScalars.last)
      {
        text += piece
      } else {
        text += (text.isEmpty ? "" : " ") + piece
      }
    }
    return text
  }

  private func isPunctuation(_ scalar: Unicode.Scalar?) -> Bool {
    scalar.map(BertNormalizer.isPunctuation) ?? false
  }

  /// The list without what is unusable.
  private func finished(_ list: [MaskedCandidate], _ word: String) -> [MaskedCandidate] {
    if options.mode == .coattack {
      return list.filter {
        !($0.word == word || $0.word.contains("##") || options.stopWords.contains($0.word))
      }
    }
    guard options.filters else { return list }
    let folded = word.lowercased()
    var seen: Set<String> = []
    return list.filter { candidate in
      let text = candidate.word
      if text.lowercased() == folded || text.contains("##") || text.contains(" ") { return false }
      if text.isEmpty || isSpecial(text) { return false }
      return seen.insert(text).inserted
    }
  }

  /// Whether a text is, or holds, a special token.
  private func isSpecial(_ text: String) -> Bool {
    if let id = tokenizer.id(of: text), tokenizer.isSpecial(id) { return true }
    return ["[UNK]", "[CLS]", "[SEP]", "[MASK]", "[PAD]"].contains { text.contains($0) }
  }
}
