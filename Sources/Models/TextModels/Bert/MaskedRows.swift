internal import Diagnostics
internal import Tensors

/// What a candidate search keeps of one row of logits.
struct MaskedRow {
  /// The ids of the largest logits, largest first, the smaller id among equals.
  var top: [(id: Int, logit: Double)] = []
  /// The same among pieces that start a word.
  var wholeWords: [(id: Int, logit: Double)] = []
  /// `log Σ exp` of the logits.
  var logSum = 0.0
}

/// A sequence and the rows of it that are read.
struct MaskedPass {
  var ids: [Int]
  var rows: Range<Int>
}

extension MaskedLanguageModel {
  /// Tokens of a batch, and rows whose logits are in memory together.
  private static let batchTokens = 2048
  private static let batchRows = 64

  /// Runs sequences in batches of one length, and visits the logits of their rows.
  func visit(
    _ passes: [MaskedPass],
    _ body: (_ pass: Int, _ row: Int, _ logits: ArraySlice<Double>) throws
      -> Void
  ) throws {
    let byLength = Dictionary(grouping: passes.indices, by: { passes[$0].ids.count })
    for length in byLength.keys.sorted() {
      var waiting = (byLength[length] ?? [])[...]
      while !waiting.isEmpty {
        try Interrupts.poll()
        let part = waiting.prefix(max(1, Self.batchTokens / max(length, 1)))
        waiting = waiting.dropFirst(part.count)
        let features = try features(part.map { passes[$0].ids })
        let rows = part.enumerated().flatMap { place, pass in
          passes[pass].rows.map { (pass: pass, row: $0, place: place * length + $0) }
        }
        try visit(rows, of: features.reshaped([part.count * length, -1]), body)
      }
    }
  }

  private func visit(
    _ rows: [(pass: Int, row: Int, place: Int)], of features: Tensor,
    _ body: (Int, Int, ArraySlice<Double>) throws -> Void
  ) throws {
    let size = configuration.vocabulary
    var first = 0
    while first < rows.count {
      let part = rows[first..<min(first + Self.batchRows, rows.count)]
      first += part.count
      let places = try Tensor(part.map { Int64($0.place) }, shape: [part.count])
      let logits = try logits(features.indexSelected(0, places)).doubles()
      for (index, row) in part.enumerated() {
        try body(row.pass, row.row, logits[(index * size)..<((index + 1) * size)])
      }
    }
  }

  /// Reads all rows of sequences: the `k` largest logits of each.
  func rows(_ passes: [MaskedPass], k: Int) throws -> [[MaskedRow]] {
    var result = passes.map { [MaskedRow](repeating: MaskedRow(), count: $0.rows.count) }
    try visit(passes) { pass, row, logits in
      var found = MaskedRow()
      found.top = top(k, logits) { _ in true }
      found.wholeWords = top(k, logits) { !isContinuation($0) }
      found.logSum = try logSum(logits)
      result[pass][row - passes[pass].rows.lowerBound] = found
    }
    return result
  }

  /// `mean(-log softmax(logits)[id])` over the read rows of each sequence, of the ids that stand there.
  func meanNegativeLogLikelihoods(_ passes: [MaskedPass]) throws -> [Double] {
    var result = [Double](repeating: 0, count: passes.count)
    try visit(passes) { pass, row, logits in
      let id = passes[pass].ids[row]
      let loss = try logSum(logits) - logits[logits.startIndex + id]
      result[pass] += loss / Double(passes[pass].rows.count)
    }
    return result
  }

  private func isContinuation(_ id: Int) -> Bool {
    tokenizer.piece(of: id)?.hasPrefix("##") ?? true
  }

  private func top(
    _ k: Int, _ logits: ArraySlice<Double>, where isWanted: (Int) -> Bool
  ) -> [(id: Int, logit: Double)] {
    var top: [(id: Int, logit: Double)] = []
    for (id, logit) in logits.enumerated() {
      if top.count == k, logit <= top[k - 1].logit { continue }
      guard isWanted(id) else { continue }
      let place = top.firstIndex { $0.logit < logit } ?? top.count
      top.insert((id, logit), at: place)
      if top.count > k { top.removeLast() }
    }
    return top
  }

  private func logSum(_ logits: ArraySlice<Double>) throws -> Double {
    let value = LogSum.of(logits)
    guard value.isFinite else {
      throw KilpiError("the logits of '\(origin)' are not finite", advice: "check the weights")
    }
    return value
  }
}
