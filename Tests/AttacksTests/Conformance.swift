import Attacks
import Diagnostics
import Synchronization
import Tensors

/// The requirements on every attack, as checks that return what is violated.
///
/// The conformance table runs them on real attacks, the negative controls on broken ones.
struct Conformance {
  let row: Combination
  var attack: any FixedBudgetAttack { row.attack.attack }

  /// Samples that these checks have attacked in this process.
  static let attacked = Atomic<Int>(0)

  /// As many samples as the row says, or as the check needs.
  func samples(_ usual: Int, margin: Double = 0) throws -> (images: Tensor, labels: [Int]) {
    try row.model.samples(row.count ?? usual, row.dtype, margin: margin)
  }

  func run(
    _ classifier: Classifier, _ images: Tensor, _ labels: [Int],
    _ change: (inout AttackSettings) -> Void = { _ in }
  ) throws -> AttackResult {
    Self.attacked.add(labels.count, ordering: .relaxed)
    var settings = try row.settings()
    settings.reporting.probes = false
    change(&settings)
    return try attack.run(
      classifier, images: images, criterion: .misclassified(labels), settings: settings)
  }

  /// Distances beyond the budget, by whatever little.
  private func excess(_ clean: Tensor, _ moved: Tensor) throws -> [Double] {
    let budget = try row.budget
    return try Distances(from: clean, to: moved)[row.norm].filter { !($0 <= budget.epsilon) }
  }

  /// I1, I2: budget and range, of the result and of every image that the model saw.
  func budgetAndRange() throws -> [String] {
    let (images, labels) = try samples(7)
    let spy = Spy(row.model.classifier())
    let result = try run(spy.see, images, labels)
    var found = try excess(images, result.images).map { "I1: result at distance \($0)" }
    for batch in spy.batches {
      let values = try batch.doubles()
      if values.contains(where: { !($0 >= 0 && $0 <= 1) }) { found.append("I2: outside 0 … 1") }
      if batch.shape[0] == labels.count, !row.attack.showsCopies {
        found += try excess(images, batch).map { "I1: shown at distance \($0)" }
      }
    }
    return found
  }

  /// I3: `eps = 0` returns the same bytes.
  func zeroBudget() throws -> [String] {
    let (images, labels) = try samples(5)
    let budget = try Budget(row.norm, 0)
    let result = try run(row.model.classifier(), images, labels) { $0.threat.budget = budget }
    return try bits(result.images) == bits(images) ? [] : ["I3: eps = 0 changed the images"]
  }

  /// I6: the reported success is that of each image evaluated alone.
  func successAlone() throws -> [String] {
    let (images, labels) = try samples(7)
    let result = try run(row.model.classifier(), images, labels)
    return try labels.indices.compactMap { index in
      let alone = try result.images.narrowed(0, start: index, length: 1)
      let top = try row.model.classifier()(alone).argmax(axis: 1).integers()[0]
      let isBroken = Int(top) != labels[index]
      return isBroken == result.report.success[index] ? nil : "I6: sample \(index)"
    }
  }

  /// The loss that the attack increases: its own, the margin, or cross-entropy.
  private func losses(_ logits: Tensor, _ labels: [Int]) throws -> [Double] {
    guard attack.ownLoss != nil else {
      let truth = try Tensor(labels.map { Int64($0) }, shape: [labels.count])
      return try Tensor.crossEntropy(logits: logits, labels: truth, reduction: .none).doubles()
    }
    let (values, classes) = (try logits.doubles(), logits.shape[1])
    return labels.enumerated().map { sample, label in
      let others = (0..<classes).filter { $0 != label }.map { values[sample * classes + $0] }
      let margin = (others.max() ?? 0) - values[sample * classes + label]
      // As the attack has it: points that are alike in float32 are equally good.
      return logits.dtype == .float32 ? Double(Float(margin)) : margin
    }
  }

  /// I9: the best of all visited points comes back.
  func bestPoint(keep: Keep = .best) throws -> [String] {
    let (images, labels) = try samples(7)
    let spy = Spy(row.model.classifier())
    let result = try run(spy.see, images, labels) { $0.search.keep = keep }
    func rank(_ batch: Tensor) throws -> [(solved: Bool, loss: Double)] {
      let logits = try row.model.classifier()(batch)
      let losses = try self.losses(logits, labels)
      let tops = try logits.argmax(axis: 1).integers()
      return labels.indices.map { (Int(tops[$0]) != labels[$0], losses[$0]) }
    }
    let visited = try spy.batches.filter {
      try $0.shape[0] == labels.count
        && (!row.attack.showsCopies || excess(images, $0).isEmpty)
    }.map(rank)
    let returned = try rank(result.images)
    return labels.indices.compactMap { index in
      let isBeaten = visited.contains { visit in
        if visit[index].solved != returned[index].solved { return visit[index].solved }
        return visit[index].loss > returned[index].loss
      }
      return isBeaten ? "I9: a better point of sample \(index) was visited" : nil
    }
  }

  /// I10: more restarts never help the defender.
  func restarts() throws -> [String] {
    let (images, labels) = try samples(9)
    let one = try run(row.model.classifier(), images, labels) { $0.search.keep = .best }
    let three = try run(row.model.classifier(), images, labels) {
      $0.search.keep = .best
      $0.search.restarts = 3
    }
    return labels.indices.compactMap { index in
      let isWorse = one.report.success[index] && !three.report.success[index]
      return isWorse ? "I10: sample \(index) survives three restarts, not one" : nil
    }
  }

  /// I11: one by one, permuted, in parts or all at once: the same bits.
  func independence() throws -> [String] {
    let (images, labels) = try samples(7)
    let whole = try run(row.model.classifier(), images, labels)
    let wholeBits = try bits(whole.images)
    let width = wholeBits.count / labels.count
    var found: [String] = []
    for index in labels.indices.prefix(7) {
      let alone = try run(
        row.model.classifier(), images.narrowed(0, start: index, length: 1), [labels[index]]
      ) { $0.search.sampleIDs = [UInt64(index + 1)] }
      if try bits(alone.images) != Array(wholeBits[index * width..<(index + 1) * width]) {
        found.append("I11: sample \(index) alone differs")
      }
    }
    // Even places backwards, then odd ones.
    let order =
      labels.indices.filter { $0 % 2 == 0 }.reversed() + labels.indices.filter { $0 % 2 == 1 }
    let shuffled = try images.indexSelected(
      0, Tensor(order.map { Int64($0) }, shape: [labels.count]))
    let permuted = try run(row.model.classifier(), shuffled, order.map { labels[$0] }) {
      $0.search.sampleIDs = order.map { UInt64($0 + 1) }
    }
    let expected = order.flatMap { wholeBits[$0 * width..<($0 + 1) * width] }
    if try bits(permuted.images) != expected { found.append("I11: permuted") }
    for change in [{ $0.search.batch = 3 }, { $0.search.draws = 2 }]
      as [(inout AttackSettings) -> Void]
    {
      var compared = try run(row.model.classifier(), images, labels) { change(&$0) }
      if try bits(compared.images) != wholeBits { found.append("I11: in parts, or averaged") }
      compared = try run(row.model.classifier(), images, labels) {
        change(&$0)
        $0.search.stopsEarly = true
        $0.search.keep = .best
      }
      for index in labels.indices where whole.report.success[index] {
        if !compared.report.success[index] { found.append("early stop loses sample \(index)") }
      }
    }
    return found
  }

  /// I12: the same seed gives the same bytes; another one others, where anything is random.
  func seeds() throws -> [String] {
    let (images, labels) = try samples(4)
    func shown(_ seed: UInt64) throws -> [UInt64] {
      let spy = Spy(row.model.classifier())
      _ = try run(spy.see, images, labels) { $0.search.seed = seed }
      return try spy.batches.flatMap(bits)
    }
    var found: [String] = []
    if try shown(5) != shown(5) { found.append("I12: the same seed gives other bytes") }
    // Stripes and signs of a few pixels come out alike by chance.
    let draws = row.model.shape[0] * row.model.shape[2] * labels.count
    if row.attack.isRandom, draws >= 24 {
      // The box can hold all pixels of a few corners in place, whatever is drawn.
      let isFree = row.model.pixels != .corners
      if isFree, try shown(5) == shown(6) { found.append("I12: another seed gives the same bytes") }
      if try !restartsDiffer() { found.append("I10: the second restart repeats the first") }
    }
    return found
  }

  /// Restarts have streams of their own: no image of the second run equals one of the first.
  private func restartsDiffer() throws -> Bool {
    let (images, labels) = try samples(4, margin: 0.3)
    let spy = Spy(row.model.classifier())
    _ = try run(spy.see, images, labels) {
      $0.search.restarts = 2
      $0.reporting.judging = .none
    }
    let starts = try [0, spy.batches.count / 2].map { try bits(spy.batches[$0]) }
    return starts[0] != starts[1]
  }

  /// I14: the images passed in are unchanged, also when the loss throws in the middle.
  func inputsUntouched() throws -> [String] {
    let (images, labels) = try samples(5)
    let before = try bits(images)
    _ = try run(row.model.classifier(), images, labels)
    var calls = 0
    let failing = Classifier { batch in
      calls += 1
      if calls == 3 { throw KilpiError("the model fails") }
      return try row.model.classifier()(batch)
    }
    let text = message { _ = try run(failing, images, labels) }
    var found = try bits(images) == before ? [] : ["I14: the images changed"]
    if calls >= 3, text != "the model fails" { found.append("the model's error became '\(text)'") }
    if !GradientMode.isRecording { found.append("I13: recording stayed off") }
    return found
  }

  /// I16: a zero gradient is a zero step, and the direction does not depend on the gradient's scale.
  func zeroAndTinyGradients() throws -> [String] {
    let (images, _) = try samples(5, margin: 0.3)
    var settings = try row.settings()
    settings.reporting.probes = false
    settings.search.keep = .last
    func moved(_ scale: Double) throws -> Tensor {
      try attack.maximize(
        { images, _, _ in
          try row.model.classifier()(images).sum(axes: [1]) * scale
        }, images: images, settings: settings
      ).images
    }
    var found: [String] = []
    let still = try moved(0)
    if try still.doubles().contains(where: { $0.isNaN }) { found.append("I16: NaN") }
    if !row.attack.isRandom, try bits(still) != bits(images) {
      found.append("I16: a zero gradient moved the images")
    }
    let reference = try moved(1).doubles()
    // Powers of two: the model's numbers are the same but for their exponent.
    for scale in [0x1p-27, 0x1p-100] {
      let worst = try zip(moved(scale).doubles(), reference).map { abs($0 - $1) }.max() ?? 0
      let limit = row.norm == .linf ? 0 : 2e-6
      if !(worst <= limit) { found.append("I16: scale \(scale) moves pixels by \(worst)") }
    }
    return found
  }

  /// I22: a constant added to the logits changes no success, and hardly a pixel.
  ///
  /// A search that only compares losses may go another way after one rounding, which float32 makes
  /// likely enough to be met in long runs: there it is asked in float64.
  func shiftedLogits() throws -> [String] {
    let comparesAlone = try attack.plannedCost(row.settings()).backwards == 0
    if comparesAlone, row.dtype == .float32 { return [] }
    let (images, labels) = try samples(5, margin: 0.3)
    let plain = try run(row.model.classifier(), images, labels)
    let shifted = try run(Classifier { try row.model.classifier()($0) + 2.0 }, images, labels)
    var found = plain.report.success == shifted.report.success ? [] : ["I22: success changed"]
    // On random models a sum that is nearly zero may change its sign with the last bits.
    if row.count == nil, row.norm == .linf, row.dtype == .float64,
      try bits(plain.images) != bits(shifted.images)
    {
      found.append("I22: images changed")
    }
    return found
  }

  /// I25: the counters equal what the model really saw.
  func counters() throws -> [String] {
    let (images, labels) = try samples(5)
    let spy = Spy(row.model.classifier())
    let result = try run(spy.see, images, labels) { $0.reporting.probes = true }
    let counted = result.report.forwards.reduce(0, +)
    return counted == spy.images ? [] : ["I25: \(counted) counted, \(spy.images) seen"]
  }

  /// What a useful attack does, and the identity does not: it raises the loss of every sample, or of
  /// all together where a random step may have gone wrong in every pixel of one.
  func raisesLoss() throws -> [String] {
    if !row.attack.followsLoss { return [] }
    let (images, labels) = try samples(6, margin: 0.3)
    let result = try run(row.model.classifier(), images, labels)
    let before = try losses(row.model.classifier()(images), labels)
    let after = try losses(row.model.classifier()(result.images), labels)
    if row.attack.isRandom, attack.plannedVisits == 1 {
      return after.reduce(0, +) > before.reduce(0, +) ? [] : ["the mean loss fell"]
    }
    return before.indices.compactMap { after[$0] > before[$0] ? nil : "loss of sample \($0) fell" }
  }
}
