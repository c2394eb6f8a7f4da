import Attacks
import Diagnostics
import Tensors

extension Conformance {
  /// One requirement as a check, for tables and for random cases.
  struct Check: Sendable {
    var id: String
    /// What it needs of a random model; nil: nothing.
    var isLinearOnly = false
    var run: @Sendable (Conformance) throws -> [String]
  }

  /// Every check; the first is the cheapest, and the one that most can go wrong with.
  static let checks: [Check] = [
    Check(id: "I1-I2") { try $0.budgetAndRange() },
    Check(id: "I3") { try $0.zeroBudget() },
    Check(id: "I4") { try $0.projection() },
    Check(id: "I6") { try $0.successAlone() },
    Check(id: "I7") { try $0.wrongWhenClean() },
    Check(id: "I9") { try $0.bestPoint() },
    Check(id: "I10") { try $0.restarts() },
    Check(id: "I11-I18") { try $0.independence() },
    Check(id: "I12") { try $0.seeds() },
    Check(id: "I13-I14") { try $0.inputsUntouched() },
    Check(id: "I16") { try $0.zeroAndTinyGradients() },
    Check(id: "I17") { try $0.notANumber() },
    Check(id: "I22") { try $0.shiftedLogits() },
    Check(id: "I25") { try $0.counters() },
    Check(id: "moves", isLinearOnly: true) { try $0.raisesLoss() },
  ]

  /// I4: projecting twice changes no bit, and one projection satisfies ball and box.
  func projection() throws -> [String] {
    let (images, _) = try samples(7)
    let ball = try Ball(images, row.budget)
    var stream = RandomSource(seed: row.seed).stream(.probe)
    var found: [String] = []
    for reach in [0.01, 1, 100] {
      let noise = try Tensor.randomNormal(images.shape, stream: &stream, dtype: row.dtype)
      let once = try ball.projected(images + noise * reach)
      let twice = try ball.projected(once)
      if try bits(once) != bits(twice) { found.append("I4: a second projection moves points") }
      if try once.doubles().contains(where: { !($0 >= 0 && $0 <= 1) }) {
        found.append("I4: a projected point leaves 0 … 1")
      }
      let limit = try row.budget.epsilon
      let distances = try Distances(from: images, to: once)[row.norm]
      if distances.contains(where: { !($0 <= limit) }) {
        found.append("I4: a projected point leaves the ball")
      }
    }
    return found
  }

  /// I7: samples wrong when clean come back unchanged, count as broken, and both rates say so.
  func wrongWhenClean() throws -> [String] {
    let (images, labels) = try samples(7)
    let result = try run(row.model.classifier(), images, labels) { $0.search.attacksAll = false }
    let report = result.report
    let (before, after) = (try bits(images), try bits(result.images))
    let width = before.count / labels.count
    var found: [String] = []
    var (right, lost) = (0, 0)
    for (index, label) in labels.enumerated() {
      let alone = try images.narrowed(0, start: index, length: 1)
      let isRight = try Int(row.model.classifier()(alone).argmax(axis: 1).integers()[0]) == label
      if report.cleanCorrect[index] != isRight { found.append("I7: sample \(index) misjudged") }
      let own = index * width..<(index + 1) * width
      if !isRight, before[own] != after[own] { found.append("I7: sample \(index) was attacked") }
      if !isRight, !report.broken[index] { found.append("I7: sample \(index) is not broken") }
      right += isRight ? 1 : 0
      lost += isRight && report.success[index] ? 1 : 0
    }
    let n = Double(labels.count)
    if abs((report.successRateDrop ?? .nan) - Double(lost) / n) > 1e-12 {
      found.append("I7: asr_drop")
    }
    let share = right == 0 ? nil : Double(lost) / Double(right)
    if report.successRateLost != share { found.append("I7: asr_lost") }
    return found
  }

  /// I17: logits that are not numbers are an error, and never become an image.
  func notANumber() throws -> [String] {
    let (images, labels) = try samples(3)
    return [Double.nan, .infinity].compactMap { poison in
      var calls = 0
      let text = message {
        _ = try run(
          Classifier { batch in
            calls += 1
            let logits = try row.model.classifier()(batch)
            return calls > 1 ? try logits * poison : logits
          }, images, labels)
      }
      let isTold = ["finite", "nan", "inf"].contains { text.contains($0) }
      return isTold ? nil : "I17: with \(poison) in the logits: \(text)"
    }
  }
}
