internal import Diagnostics

/// Texts that show a tensor to a person; neither changes it, and a view is not copied.
public enum TensorSummary {
  /// Elements up to which all are shown.
  static let wholeLimit = 1000
  /// Entries shown at each end of an axis beyond that.
  private static let corner = 3

  /// One line: type, shape, and up to eight values in full precision.
  ///
  /// `tensor float32 [2, 3]: 1, 2, 3, 4, 5, 6`; `, view` and `, requires_grad` follow where they
  /// hold.
  public static func oneLine(_ tensor: Tensor) throws -> String {
    var text = "tensor " + kind(tensor)
    if (1...8).contains(tensor.count) {
      text += ": " + (try exactValues(tensor)).joined(separator: ", ")
    }
    return text + marks(tensor)
  }

  /// A block: values in columns, slice by slice, and type and shape in the last line.
  ///
  /// Up to 1,000 elements are shown, with a common power of ten where that is shorter; rows that do
  /// not fit are cut in the middle. Of larger tensors the corners of the first and the last slice
  /// are shown, with least, largest, mean and standard deviation of the finite values and the number
  /// of those that are not, all from one pass. Slices are numbered from 1, as in Lua.
  ///
  /// - Parameter width: columns of the terminal, 24 at least.
  /// - Throws: `KilpiError` on interrupt.
  public static func describe(_ tensor: Tensor, width: Int = 80) throws -> String {
    var lines: [String] = []
    if tensor.count > 0 {
      let isWhole = tensor.count <= wholeLimit
      let block = Block(tensor, width: Swift.max(width, 24), corner: isWhole ? nil : corner)
      lines = try block.lines()
      if !isWhole { lines.append(try statistics(tensor)) }
    }
    lines.append(kind(tensor) + marks(tensor))
    return lines.joined(separator: "\n")
  }

  private static func kind(_ tensor: Tensor) -> String {
    tensor.dtype.rawValue + " " + Shape.describe(tensor.shape)
  }

  private static func marks(_ tensor: Tensor) -> String {
    (tensor.isView ? ", view" : "") + (tensor.requiresGradient ? ", requires_grad" : "")
  }

  private static func exactValues(_ tensor: Tensor) throws -> [String] {
    func plain(_ text: String) -> String { text.hasSuffix(".0") ? String(text.dropLast(2)) : text }
    switch tensor.dtype {
    case .float32: return try tensor.floats().map { plain("\($0)") }
    case .float64: return try tensor.doubles().map { plain("\($0)") }
    case .int64: return try tensor.integers().map { "\($0)" }
    }
  }

  private static func statistics(_ tensor: Tensor) throws -> String {
    let found = try TensorStatistics(of: tensor)
    var parts: [String] = []
    if found.hasFinite || found.infinityCount > 0 {
      parts.append("min \(NumberLayout.short(found.minimum))")
      parts.append("max \(NumberLayout.short(found.maximum))")
    }
    if found.hasFinite {
      parts.append("mean \(NumberLayout.short(found.mean))")
      parts.append("std \(NumberLayout.short(found.standardDeviation))")
    }
    if found.nanCount > 0 { parts.append("nan \(found.nanCount)") }
    if found.infinityCount > 0 { parts.append("inf \(found.infinityCount)") }
    return parts.joined(separator: "  ")
  }

  /// The values of a tensor in columns.
  private struct Block {
    let tensor: Tensor
    let width: Int
    /// Entries shown at each end of an axis; nil for all.
    let corner: Int?

    init(_ tensor: Tensor, width: Int, corner: Int?) {
      (self.tensor, self.width, self.corner) = (tensor, width, corner)
    }

    private static let gap = "  "

    /// The entries of an axis that are shown; nil stands for those left out.
    private func entries(_ size: Int) -> [Int?] {
      guard let corner, size > 2 * corner + 1 else { return (0..<size).map { $0 } }
      return (0..<corner).map { $0 } + [nil] + (size - corner..<size).map { $0 }
    }

    /// Leading indices of the slices that are shown; nil stands for those left out.
    private func slices() -> [[Int]?] {
      let sizes = Array(tensor.shape.dropLast(2))
      if sizes.isEmpty { return [[]] }
      if corner != nil {
        let (first, last) = (sizes.map { _ in 0 }, sizes.map { $0 - 1 })
        return first == last ? [first] : [first, nil, last]
      }
      let all: [[Int]] = sizes.reduce([[]]) { found, size in
        found.flatMap { index in (0..<size).map { index + [$0] } }
      }
      return all
    }

    func lines() throws -> [String] {
      let rank = tensor.rank
      let columns = entries(tensor.shape.last ?? 1)
      let rows = rank >= 2 ? entries(tensor.shape[rank - 2]) : [0]
      let shown = slices()
      var cells: [[[String]]] = []
      var heading: [String] = []
      let values = shown.map { slice in
        slice.map { slice in rows.map { row in row.map { place(slice, $0, columns) } } }
      }
      if tensor.dtype == .int64 {
        cells = values.compactMap { $0 }.map { slice in
          slice.compactMap { $0 }.map { row in row.map { $0.map { "\(tensor.i64[$0])" } ?? "..." } }
        }
      } else {
        let numbers = values.compactMap { $0 }.map { slice in
          slice.compactMap { $0 }.map { row in row.map { $0.map(tensor.number) } }
        }
        let layout = NumberLayout(numbers.joined().joined().compactMap { $0 })
        if let exponent = layout.exponent { heading = ["1e\(exponent) *"] }
        cells = numbers.map { $0.map { row in row.map { $0.map(layout.text) ?? "..." } } }
      }
      try Interrupts.poll()
      let cellWidth = cells.joined().joined().filter { $0 != "..." }.map(\.count).max() ?? 0
      var result = heading
      var next = cells.makeIterator()
      for slice in shown {
        guard let slice, let block = next.next() else {
          result.append("...")
          continue
        }
        if !slice.isEmpty {
          result.append("(" + slice.map { "\($0 + 1)" }.joined(separator: ", ") + ", :, :)")
        }
        var filled = block.makeIterator()
        for row in rows {
          guard row != nil, let texts = filled.next() else {
            result.append("...")
            continue
          }
          result += rank == 1 && corner == nil ? wrapped(texts, cellWidth) : [cut(texts, cellWidth)]
        }
      }
      return result
    }

    /// Offsets of a row's shown elements.
    private func place(_ slice: [Int], _ row: Int, _ columns: [Int?]) -> [Int?] {
      let rank = tensor.rank
      let start =
        zip(slice, tensor.strides).reduce(0) { $0 + $1.0 * $1.1 }
        + (rank >= 2 ? row * tensor.strides[rank - 2] : 0)
      let step = tensor.strides.last ?? 0
      return columns.map { column in column.map { start + $0 * step } }
    }

    private func padded(_ text: String, _ length: Int) -> String {
      String(repeating: " ", count: Swift.max(length - text.count, 0)) + text
    }

    private func joined(_ texts: [String], _ cellWidth: Int) -> String {
      texts.map { $0 == "..." ? $0 : padded($0, cellWidth) }.joined(separator: Self.gap)
    }

    private func fitting(_ cellWidth: Int) -> Int {
      Swift.max((width + Self.gap.count) / (cellWidth + Self.gap.count), 1)
    }

    /// A row of a matrix: its middle is left out when it does not fit.
    private func cut(_ texts: [String], _ cellWidth: Int) -> String {
      guard texts.count > fitting(cellWidth) else { return joined(texts, cellWidth) }
      // "..." takes its own three columns, each cell its gap.
      let room = (width - 3) / (cellWidth + Self.gap.count)
      let kept = Swift.max(room, 2)
      let (head, tail) = ((kept + 1) / 2, kept / 2)
      let ends = texts.prefix(head).filter { $0 != "..." } + ["..."]
      return joined(Array(ends) + texts.suffix(tail).filter { $0 != "..." }, cellWidth)
    }

    /// A vector over as many lines as it takes.
    private func wrapped(_ texts: [String], _ cellWidth: Int) -> [String] {
      let count = fitting(cellWidth)
      return stride(from: 0, to: texts.count, by: count).map {
        joined(Array(texts[$0..<Swift.min($0 + count, texts.count)]), cellWidth)
      }
    }
  }
}
