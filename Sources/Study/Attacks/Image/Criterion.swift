internal import Diagnostics
package import Tensors

/// Which classes a targeted attack aims at.
///
/// A target that is the sample's own label is nothing to attack for: such samples are left out, come back
/// unchanged, hit nothing, and are counted (`AttackReport.leftOut`).
package enum TargetChoice: Equatable, Sendable {
  /// These classes, 0-based, one a sample.
  case classes([Int])
  /// The class with the smallest logit on the clean image.
  case leastLikely
  /// A class other than the label, drawn with the sample's own stream.
  case random
  /// Every class but the label in turn; the best result counts, a reached target before any other.
  case all
}

/// When an attack has succeeded: the top class differs from the label, or equals a target.
///
/// Accuracies are counted from predictions and labels in either case.
package struct Criterion: Equatable, Sendable {
  /// True classes, 0-based, one a sample.
  package var labels: [Int]
  /// What a targeted attack aims at; nil for an untargeted one.
  package var targets: TargetChoice?

  /// The top class differs from the label.
  package static func misclassified(_ labels: [Int]) -> Criterion {
    Criterion(labels: labels, targets: nil)
  }

  /// The top class differs from the label; `labels` is int64 `[N]`, 0-based.
  package static func misclassified(_ labels: Tensor) throws -> Criterion {
    guard labels.dtype == .int64, labels.rank == 1 else {
      throw KilpiError("labels must be an int64 tensor [N], or a list of integers")
    }
    return .misclassified(try labels.integers().map { Int($0) })
  }

  /// The top class equals the target.
  package static func targeted(_ targets: TargetChoice, labels: [Int]) -> Criterion {
    Criterion(labels: labels, targets: targets)
  }

  /// True for a targeted attack.
  package var isTargeted: Bool { targets != nil }
}

/// A criterion with every target known, as the search uses it.
struct Goal {
  let labels: [Int]
  let targets: [Int]?
  /// Samples whose given target is their label.
  private(set) var leftOut: [Int] = []

  init(labels: [Int], targets: [Int]?, leavesLabelsOut: Bool = false) {
    (self.labels, self.targets) = (labels, targets)
    guard leavesLabelsOut, let targets, targets.count == labels.count else { return }
    leftOut = labels.indices.filter { labels[$0] == targets[$0] }
  }

  /// True when `prediction` is what sample `row` is attacked for.
  func isMet(_ prediction: Int, row: Int) -> Bool {
    if let targets { return prediction == targets[row] && prediction != labels[row] }
    return prediction != labels[row]
  }

  /// How far sample `row` is beyond the decision boundary: positive where the goal is met.
  func margin(_ logits: ArraySlice<Double>, row: Int) -> Double {
    let aim = targets?[row] ?? labels[row]
    let own = logits[logits.startIndex + aim]
    var other = -Double.infinity
    for (offset, value) in logits.enumerated() where offset != aim { other = max(other, value) }
    return targets == nil ? other - own : own - other
  }

  func labels(_ rows: [Int]) throws -> Tensor {
    try Tensor(rows.map { Int64(labels[$0]) }, shape: [rows.count])
  }

  func targets(_ rows: [Int]) throws -> Tensor? {
    try targets.map { targets in
      try Tensor(rows.map { Int64(targets[$0]) }, shape: [rows.count])
    }
  }
}
