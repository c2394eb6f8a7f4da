internal import Diagnostics
internal import LuaHost
internal import Tensors

/// The block that `print(t)` shows: numbers in columns with one exponent, then type and shape.
///
/// Up to 1,000 elements all rows are there; beyond, the corners and a summary. A slice of more than
/// two axes stands under the index that gives it, `[1][2]`.
struct TensorBlock {
  private let tensor: Tensor
  private let width: Int
  /// More elements than this are summarised.
  private static let limit = 1000

  init(_ tensor: Tensor, width: Int) {
    self.tensor = tensor.detached()
    isTracked = tensor.requiresGradient
    self.width = width
  }

  private let isTracked: Bool

  /// The lines, without a newline at the end.
  func text() throws -> String {
    var lines: [String] = []
    if tensor.count > 0 {
      let picks = tensor.shape.indices.map { positions(axis: $0) }
      let column =
        tensor.dtype == .int64
        ? NumberColumn(integers: try Self.values(of: tensor, picks[...]) { try $0.integers() })
        : NumberColumn(try Self.values(of: tensor, picks[...]) { try $0.doubles() })
      if let factor = column.factorText { lines.append(factor) }
      var cursor = column.texts[...]
      show(picks[...], prefix: "", column, &cursor, &lines)
      if tensor.count > Self.limit { lines += try summary() }
    }
    lines.append(footer)
    return lines.joined(separator: "\n")
  }

  private var footer: String {
    var text = "\(tensor.dtype.rawValue) \(ErrorText.shape(tensor.shape))"
    if tensor.isView, tensor.count > 0 { text += ", view" }
    if isTracked { text += ", requires_grad" }
    return text
  }

  /// The positions shown along an axis; nil stands for those left out.
  private func positions(axis: Int) -> [Int?] {
    let size = tensor.shape[axis]
    guard tensor.count > Self.limit else { return Array(0..<size) }
    let kept = axis >= tensor.rank - 2 ? 3 : 1
    guard size > 2 * kept + 1 else { return Array(0..<size) }
    return Array(0..<kept) + [nil] + Array(size - kept..<size)
  }

  /// The shown elements in row-major order.
  private static func values<Number>(
    of tensor: Tensor, _ picks: ArraySlice<[Int?]>, read: (Tensor) throws -> [Number]
  ) throws -> [Number] {
    guard let first = picks.first else { return try read(tensor) }
    guard
      first.contains(where: { $0 == nil })
        || picks.dropFirst().contains(where: { $0.contains(nil) })
    else { return try read(tensor) }
    try Interrupts.poll()
    return try first.compactMap { $0 }.flatMap {
      try values(of: tensor.selected(0, $0), picks.dropFirst(), read: read)
    }
  }

  /// Appends the lines of a slice whose remaining axes are `picks`.
  private func show(
    _ picks: ArraySlice<[Int?]>, prefix: String, _ column: NumberColumn,
    _ cursor: inout ArraySlice<String>, _ lines: inout [String]
  ) {
    guard let first = picks.first else {
      lines.append(cursor.popFirst() ?? "")
      return
    }
    if picks.count > 2 {
      for position in first {
        guard let position else {
          lines.append("...")
          continue
        }
        let name = "\(prefix)[\(position + 1)]"
        if picks.count == 3 { lines.append(name) }
        show(picks.dropFirst(), prefix: name, column, &cursor, &lines)
      }
      return
    }
    if picks.count == 1 {
      let cells = cells(first, column, &cursor)
      lines += tensor.count > Self.limit ? [elided(cells)] : wrapped(cells)
      return
    }
    for row in first {
      lines.append(
        row == nil ? "..." : elided(cells(picks[picks.startIndex + 1], column, &cursor)))
    }
  }

  private func cells(
    _ picks: [Int?], _ column: NumberColumn, _ cursor: inout ArraySlice<String>
  ) -> [String] {
    picks.map { $0 == nil ? "..." : column.padded(cursor.popFirst() ?? "") }
  }

  /// A row that leaves out its middle when it is wider than the line.
  private func elided(_ cells: [String]) -> String {
    let text = cells.joined(separator: "  ")
    guard text.count > width, let cell = cells.first?.count else { return text }
    let fitting = max((width - 5 + 2) / (cell + 2), 2)
    let front = (fitting + 1) / 2
    return
      (cells.prefix(front) + ["..."] + cells.suffix(fitting - front)).joined(separator: "  ")
  }

  /// A list over as many lines as it needs.
  private func wrapped(_ cells: [String]) -> [String] {
    guard let cell = cells.first?.count else { return [] }
    let count = max((width + 2) / (cell + 2), 1)
    return stride(from: 0, to: cells.count, by: count).map { start in
      cells[start..<min(start + count, cells.count)].joined(separator: "  ")
    }
  }

  /// Hands on views that are the tensor together, of 65,536 elements at most.
  private static func eachPiece(of tensor: Tensor, _ body: (Tensor) throws -> Void) throws {
    guard tensor.count > 1 << 16,
      let axis = tensor.shape.indices.max(by: { tensor.shape[$0] < tensor.shape[$1] })
    else { return try body(tensor) }
    let half = tensor.shape[axis] / 2
    try eachPiece(of: tensor.narrowed(axis, start: 0, length: half), body)
    try eachPiece(
      of: tensor.narrowed(axis, start: half, length: tensor.shape[axis] - half), body)
  }

  /// `min … max … mean … std …`, with the number of NaN and infinities if there are any.
  private func summary() throws -> [String] {
    var figures = Figures()
    var (lowest, highest) = (Int64.max, Int64.min)
    if tensor.dtype == .float32, tensor.isContiguous {
      try tensor.withFloats { try figures.add($0) }
    } else {
      // Piece by piece: a copy of the whole may not fit where the tensor does.
      try Self.eachPiece(of: tensor) { piece in
        if piece.dtype == .int64 {
          for value in try piece.integers() {
            (lowest, highest) = (min(lowest, value), max(highest, value))
          }
        }
        try piece.doubles().withUnsafeBufferPointer { try figures.add($0) }
      }
    }
    let number = NumberColumn.significant
    var lines: [String] = []
    if figures.count > 0 {
      let isInteger = tensor.dtype == .int64
      let low = isInteger ? String(lowest) : number(figures.low)
      let high = isInteger ? String(highest) : number(figures.high)
      lines.append(
        "min \(low)  max \(high)  mean \(number(figures.mean))  "
          + "std \(number(figures.deviation))")
    }
    if figures.nans > 0 || figures.infinities > 0 {
      lines.append("nan \(figures.nans)  inf \(figures.infinities)")
    }
    return lines
  }
}

/// Extremes and moments of the finite elements, in one pass (Welford).
private struct Figures {
  var count = 0
  var low = Double.infinity
  var high = -Double.infinity
  var mean = 0.0
  var squares = 0.0
  var nans = 0
  var infinities = 0

  /// Unbiased, as `t:std()`.
  var deviation: Double { count > 1 ? (squares / Double(count - 1)).squareRoot() : 0 }

  mutating func add<Number: BinaryFloatingPoint>(
    _ values: UnsafeBufferPointer<Number>
  ) throws {
    for (position, value) in values.enumerated() {
      if position & 0xFFFF == 0 { try Interrupts.poll() }
      let value = Double(value)
      if value.isNaN {
        nans += 1
      } else if value.isInfinite {
        infinities += 1
      } else {
        count += 1
        low = min(low, value)
        high = max(high, value)
        let distance = value - mean
        mean += distance / Double(count)
        squares += distance * (value - mean)
      }
    }
  }
}
