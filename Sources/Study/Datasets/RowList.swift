internal import Diagnostics

/// Which samples of a source a set has, in order.
///
/// Memory for the list is reserved before it is made, and held as long as it lives: sets of sets
/// grow with every call of a script.
struct RowList: RandomAccessCollection {
  private let rows: [Int]
  private let reservation: MemoryReservation
  /// True for all rows of a source in their order.
  let isWhole: Bool

  /// The rows 0 ..< `count`.
  ///
  /// - Throws: `KilpiError` of kind `memory` when there is no room, and on interrupt.
  init(whole count: Int) throws { try self.init(count, isWhole: true) { $0 } }

  /// The results of `row` for 0 ..< `count`, in order.
  ///
  /// - Throws: `KilpiError` of kind `memory` when there is no room, on interrupt, and what `row` throws.
  init(
    _ count: Int, isWhole: Bool = false, _ row: (_ place: Int) throws -> Int
  ) throws {
    self.isWhole = isWhole
    reservation = try MemoryReservation(
      bytes: count.multipliedClamped(by: MemoryLayout<Int>.stride))
    rows = try (0..<count).mapped(row)
  }

  var startIndex: Int { 0 }
  var endIndex: Int { rows.count }
  subscript(place: Int) -> Int { rows[place] }
}
