internal import Diagnostics

/// The one layer between Lua's numbers, which count from 1, and Swift's, which count from 0.
public enum Indexing {
  /// A 0-based axis from Lua's: 1 is the first, -1 the last.
  public static func axis(_ axis: Int, shape: [Int]) throws -> Int {
    if axis >= 1, axis <= shape.count { return axis - 1 }
    if axis < 0, axis >= -shape.count { return shape.count + axis }
    throw ErrorText.axis(axis, shape: shape)
  }

  /// A 0-based position from Lua's, in a list of `count`.
  public static func index(_ index: Int, count: Int, what: String = "index") throws -> Int {
    if index >= 1, index <= count { return index - 1 }
    if index < 0, index >= -count { return count + index }
    throw ErrorText.index(index, count: count, what: what)
  }

  /// A 0-based half-open range from Lua's inclusive one: `{first, last}`; empty when last is
  /// first - 1.
  public static func range(_ first: Int, _ last: Int, count: Int) throws -> Range<Int> {
    if count > 0, first >= 1, first <= count.addingClamped(1), last == first - 1 {
      return first - 1..<first - 1
    }
    let start = try index(first, count: count)
    let end = try index(last, count: count)
    guard start <= end else {
      throw KilpiError("the range {\(first), \(last)} runs backwards in 1 … \(count)")
    }
    return start..<end + 1
  }

  /// 0-based class labels from Lua's 1 … classes.
  public static func labels(
    _ labels: [Int], classes: Int, name: String = "labels"
  ) throws -> [Int] {
    for (position, label) in labels.enumerated() where label < 1 || label > classes {
      throw ErrorText.label(label, at: position + 1, classes: classes, name: name)
    }
    return labels.map { $0 - 1 }
  }
}

extension Call {
  /// A 0-based axis of `shape` from the argument.
  public func axis(_ index: Int, shape: [Int]) throws -> Int {
    try Indexing.axis(integer(index), shape: shape)
  }

  /// A 0-based position in a list of `count` from the argument.
  public func position(_ index: Int, count: Int, what: String = "index") throws -> Int {
    try Indexing.index(integer(index), count: count, what: what)
  }
}
