internal import Diagnostics
internal import Tensors

extension MultimodalMethod {
  /// The image moves away from itself and from the adversarial text, in feature space.
  package static let coAttack = MultimodalMethod(CoAttack())
}

/// Co-Attack (arXiv:2206.09391) in its form for dual encoders.
struct CoAttack: MultimodalProcedure {
  let name = "co-attack"
  let scenario = "mm_co"
  let needs = [MultimodalNeed.ball]
  let parameterNames: Set = ["alpha", "joint", "compat"]
  let takesCaptions = true
  var usualBudget: Double? { 2.0 / 255 }
  var stepShare: Double? { 1.25 }

  func classes(_ run: MultimodalRun) throws -> MultimodalResult {
    try run.checkLabels()
    let changed = try run.blindPrompts()
    return try run.finished(.coAttack, run.stage.coAttack(run.own(changed)), .shared(changed))
  }

  func captions(_ run: CaptionRun) throws -> CaptionAttackResult {
    let changed = try run.blindCaptions()
    if run.attack.isJoint { return try run.finished(run.stage.coAttack(changed), changed) }
    // Each pair is an attack of its own, with random draws of its own.
    var attack = run.attack
    attack.image.settings = try attack.image.settings.rows(run.owners, of: run.ids.count)
    let ids = run.captions.enumerated().flatMap { row, texts in
      texts.indices.map { run.ids[row] &* 1_000_003 &+ UInt64($0) }
    }
    let stage = FeatureStage(attack, run.encoder, try run.images.rows(run.owners), ids)
    let moved = try stage.coAttack(changed.flatMap { $0.map { [$0] } })
    return try run.finished(moved, changed, isPaired: true)
  }
}

extension FeatureStage {
  /// `Σ_j [KL(softmax(I) ‖ softmax(I')) + α · KL(softmax(T_j) ‖ softmax(I'))]` over the image's
  /// adversarial captions `j` (arXiv:2206.09391, embedding form).
  func coAttack(_ captions: [[String]]) throws -> AttackResult {
    let ball = try attack.ballAttack(.coAttack)
    let clean = try encoder.features(images)
    let target = try Tensor.withoutGradients { try mixture(captions) }
    let counts = try Tensor(captions.map { Double($0.count) }, shape: [captions.count])
      .converted(to: clean.dtype)
    var settings = settings()
    var first: UncutStart?
    if attack.followsRelease {
      guard settings.search.keep == nil || settings.search.keep == .last else {
        throw KilpiError(
          "compat ends at the last point, keep is \"\(settings.search.keep?.rawValue ?? "")\"",
          advice: "leave one of them out")
      }
      guard settings.search.startPoints == nil else {
        throw KilpiError(
          "compat has a start of its own, init is given", advice: "leave one of them out")
      }
      let starts = try oneSidedStarts()
      let cut = try starts.clamped(0, 1)
      settings.search.startPoints = cut
      settings.search.keep = .last
      first = try UncutStart(starts, cut: cut)
    }
    let encoder = self.encoder
    let alpha = attack.alpha
    return try ball.maximize(
      { images, rows, pass in
        let moved = try encoder.image[pass](first?.shown(images, rows) ?? images)
        let apart = try Tensor.klDivergence(logits: clean.rows(rows), moved, reduction: .none)
        // Σ_j Σ_d p_jd (log p_jd − log q_d): the sums over j do not depend on the image.
        let crossed = try (target.sums.rows(rows) * moved.logSoftmax()).sum(axes: [1])
        let texts = try target.negativeEntropies.rows(rows) - crossed
        return try apart * counts.rows(rows) + texts * alpha
      }, images: images, settings: settings)
  }

  /// `Σ_j softmax(T_j)` and `Σ_j Σ_d p_jd log p_jd` of each image's captions.
  private func mixture(
    _ captions: [[String]]
  ) throws -> (sums: Tensor, negativeEntropies: Tensor) {
    var sums: [Tensor] = []
    var entropies: [Tensor] = []
    for texts in captions {
      let logs = try encoder.text(texts).logSoftmax()
      let shares = try logs.exp()
      sums.append(try shares.sum(axes: [0]))
      entropies.append(try (shares * logs).sum())
    }
    return (try Tensor.stacked(sums), try Tensor.stacked(entropies))
  }

  /// Released code starts on one side of the image, which may lie beyond 1.
  private func oneSidedStarts() throws -> Tensor {
    let each = images.count / max(images.shape[0], 1)
    let source = RandomSource(seed: attack.image.settings.search.seed)
    let epsilon = attack.image.settings.threat.budget.epsilon
    let values = ids.flatMap { id -> [Double] in
      var stream = source.stream(.attackStart, sample: id)
      return (0..<each).map { _ in stream.uniform() * epsilon }
    }
    return try images + Tensor(values, shape: images.shape).converted(to: images.dtype)
  }
}

/// The start of released code, which the model sees before it is cut to `[0, 1]`: what an attack shows
/// that begins elsewhere, and every later point, stays as it is.
private struct UncutStart {
  private let cut: [[Double]]
  /// What the cut takes away from each start, `[N, C, H, W]`.
  private let beyond: Tensor

  init(_ starts: Tensor, cut: Tensor) throws {
    beyond = try starts - cut
    self.cut = try Self.rows(cut)
  }

  private static func rows(_ images: Tensor) throws -> [[Double]] {
    let (values, width) = (try images.detached().doubles(), images.width)
    return try (0..<images.shape[0]).mapped { Array(values[$0 * width..<($0 + 1) * width]) }
  }

  func shown(_ images: Tensor, _ rows: [Int]) throws -> Tensor {
    let isStart = try zip(Self.rows(images), rows).map { $0 == cut[$1] }
    guard isStart.contains(true) else { return images }
    let mask = try Tensor(isStart.map { $0 ? 1.0 : 0 }, shape: [rows.count, 1, 1, 1])
    return try images + beyond.rows(rows) * mask.converted(to: images.dtype)
  }
}
