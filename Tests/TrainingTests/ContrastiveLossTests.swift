@testable import AttackPlans
import ClipModels
import Foundation
import Tensors
import TestSupport
import Testing
import Training

/// The targets of docs/methods/training.md, section 5.2, against their definitions, in float64.
@Suite struct ContrastiveLossTests {
  /// `Φ(S)` written as its definition, with plain loops.
  static func definition(_ s: [[Double]], _ groups: [Int], _ targets: ContrastiveTargets) -> Double
  {
    let n = groups.count
    func oneSided(_ s: [[Double]]) -> Double {
      let p = s.map { row in
        let total = row.reduce(0) { $0 + exp($1) }
        return row.map { exp($0) / total }
      }
      let pairs = (0..<n).flatMap { i in (0..<n).filter { groups[i] == groups[$0] }.map { (i, $0) }
      }
      switch targets {
      case .identity: return -(0..<n).reduce(0) { $0 + log(p[$1][$1]) } / Double(n)
      case .label:
        return -pairs.reduce(0) { $0 + log(p[$1.0][$1.1]) } / Double(pairs.count)
      case .labelMean:
        return -pairs.reduce(0) { total, pair in
          let size = groups.count { $0 == groups[pair.0] }
          return total + log(p[pair.0][pair.1]) / Double(size)
        } / Double(n)
      case .labelLogSum:
        return -(0..<n).reduce(0) { total, i in
          total + log((0..<n).reduce(0) { groups[i] == groups[$1] ? $0 + p[i][$1] : $0 })
        } / Double(n)
      }
    }
    let transposed = (0..<n).map { j in s.map { $0[j] } }
    return 0.5 * (oneSided(s) + oneSided(transposed))
  }

  static let groupings = [[0, 1, 2, 3], [0, 0, 1, 2], [5, 5, 5, 5], [1, 0, 1, 0]]

  static let rows = ContrastiveTargets.allCases.flatMap { targets in
    groupings.indices.map { (targets, $0) }
  }

  @Test("B36: the loss is its definition, with the true temperature", arguments: rows.indices)
  func equalsItsDefinition(row: Int) throws {
    let (targets, index) = Self.rows[row]
    let groups = Self.groupings[index]
    var stream = RandomSource(seed: 4).stream(.script)
    let s = try Tensor.randomNormal([4, 4], stream: &stream, dtype: .float64)
    let values = try s.doubles()
    let expected = Self.definition(
      (0..<4).map { Array(values[$0 * 4..<$0 * 4 + 4]) }, groups, targets)
    let loss = try ContrastiveLoss.symmetric(s, groups: groups, targets: targets)
    #expect(abs(try loss.item() - expected) < 1e-12)
    let error = try GradientCheck.maximumError(inputs: [s]) {
      try ContrastiveLoss.symmetric($0[0], groups: groups, targets: targets)
    }
    #expect(error < 1e-6)
  }

  /// With equal texts a class, `identity` and `label_mean` agree in value and gradient; with
  /// classes equally frequent, `label` too.
  ///
  /// A wrong multi-positive weighting breaks this.
  @Test func targetsAgreeOnClassPrompts() throws {
    let groups = [0, 1, 0, 1, 2, 2]
    var stream = RandomSource(seed: 9).stream(.script)
    let images = try Tensor.randomNormal([6, 5], stream: &stream, dtype: .float64)
    let classes = try Tensor.randomNormal([3, 5], stream: &stream, dtype: .float64)
    let picks = try Tensor(groups.map { Int64($0) }, shape: [6])
    func result(_ targets: ContrastiveTargets) throws -> (Double, Tensor) {
      let x = try images.detached().setRequiresGradient(true)
      let s = try x.matmul(classes.indexSelected(0, picks), transposeB: true)
      let loss = try ContrastiveLoss.symmetric(s, groups: groups, targets: targets)
      return (try loss.item(), try Tensor.gradients(of: loss, with: [x])[0])
    }
    let (identity, gradient) = try result(.identity)
    for targets in [ContrastiveTargets.labelMean, .label] {
      let (value, other) = try result(targets)
      #expect(abs(value - identity) < 1e-5 * abs(identity))
      try expectClose(other, gradient, rtol: 1e-5, atol: 1e-9)
    }
  }

  /// The floor depends on the sizes of the groups alone, to the last bit.
  @Test func floorIsReproducible() {
    let sizes = [1, 2, 3, 5, 7, 11, 13, 17, 19, 23]
    for targets in [ContrastiveTargets.identity, .label, .labelMean] {
      for score in [ClipConfiguration.Score.softmax, .sigmoid] {
        let floors = (0..<40).map { shift in
          ContrastiveLoss.floor(
            groups: sizes.flatMap { Array(repeating: $0 &* (2 * shift + 1), count: $0) },
            targets: targets, score: score)
        }
        #expect(Set(floors.map(\.bitPattern)).count == 1, "\(targets) \(score): \(floors)")
      }
    }
  }

  @Test func floorIsReached() throws {
    // Perfect separation: every row spreads evenly over its group.
    let groups = [0, 0, 0, 1]
    let s = try Tensor(
      (0..<4).flatMap { i in (0..<4).map { groups[i] == groups[$0] ? 50.0 : -50.0 } },
      shape: [4, 4])
    for targets in ContrastiveTargets.allCases {
      let loss = try ContrastiveLoss.symmetric(s, groups: groups, targets: targets).item()
      #expect(abs(loss - ContrastiveLoss.floor(groups: groups, targets: targets)) < 1e-9)
    }
  }
}
