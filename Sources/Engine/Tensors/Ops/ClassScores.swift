internal import Diagnostics

// The one place where class scores become a decision: predictions, accuracies, attacks, evaluations
// and rankings all come here, so that none of them takes NaN or infinity for a class.
extension Tensor {
  /// The scores `[N, classes]` in order, none of them NaN or infinite.
  ///
  /// - Parameters:
  ///   - name: what the scores are called in messages.
  ///   - when: what messages end with, such as ` at step 3`.
  ///   - item: names a row, such as `sample 3` or `sample 'cat#12'`.
  /// - Throws: `KilpiError` that names the first row with a score that is not finite.
  public func finiteScores(
    _ name: String = "logits", when: String = "", item: (_ row: Int) -> String
  ) throws -> [Double] {
    try checkFiniteScores(name, when: when, item: item)
    return try doubles()
  }

  /// Refuses scores like `finiteScores`, for rankings of many that are read where they lie.
  ///
  /// - Parameter advice: what to look at.
  /// - Throws: `KilpiError` that names the first row with a score that is not finite.
  public func checkFiniteScores(
    _ name: String, when: String = "",
    advice: String = "check the classifier's output on this image", item: (_ row: Int) -> String
  ) throws {
    guard let place = try firstNotFinite() else { return }
    let width = Swift.max(shape.dropFirst().reduce(1, *), 1)
    throw KilpiError("the \(name) of \(item(place / width)) are not finite\(when)", advice: advice)
  }

  /// The class with the largest score in each row of `[N, classes]`, 0-based; of equal ones the first.
  ///
  /// - Throws: `KilpiError` for scores that are not finite, and for other shapes or no class.
  public func topClasses(_ item: (_ row: Int) -> String) throws -> [Int] {
    guard rank == 2, shape[1] > 0, dtype.isFloatingPoint else {
      throw KilpiError(
        "class scores are \(dtype.rawValue) \(shape.prefix(8)), float [N, classes] is needed")
    }
    let (values, classes) = (try finiteScores(item: item), shape[1])
    return (0..<shape[0]).map { Tensor.topClass(values[row: $0, of: classes]) }
  }

  /// The place of the largest of some finite scores, 0-based; of equal ones the first.
  public static func topClass(_ scores: some Collection<Double>) -> Int {
    var (top, best) = (0, -Double.infinity)
    for (index, value) in scores.enumerated() where value > best { (top, best) = (index, value) }
    return top
  }
}

extension Array where Element == Double {
  /// One row of `width` values.
  fileprivate subscript(row row: Int, of width: Int) -> ArraySlice<Double> {
    self[row * width..<(row + 1) * width]
  }
}
