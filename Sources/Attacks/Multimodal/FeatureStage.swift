internal import Diagnostics
internal import Tensors

/// What an image attack without labels increases, on features `I` of clean and `I'` of moved images.
public enum ImageObjective: String, Sendable, CaseIterable {
  /// `KL(softmax(I) ‖ softmax(I'))` over the coordinates: the image's part of Co-Attack
  /// (arXiv:2206.09391).
  case kl
  /// `1 − ⟨I, I'⟩`.
  case cosine
  /// `−Σ ⟨I', T⟩` over the features of the image's own captions.
  case captions
}

/// Image attacks in feature space, which see images and their own captions, nothing of other images.
struct FeatureStage {
  private let attack: MultimodalAttack
  private let encoder: DualEncoder
  private let images: Tensor
  private let ids: [UInt64]

  init(_ attack: MultimodalAttack, _ encoder: DualEncoder, _ images: Tensor, _ ids: [UInt64]) {
    self.attack = attack
    self.encoder = encoder
    self.images = images
    self.ids = ids
  }

  private func settings() -> AttackSettings {
    var settings = attack.image.settings
    settings.sampleIDs = ids
    return settings
  }

  // MARK: Objectives

  /// The image side alone.
  func away(_ objective: ImageObjective, captions: [[String]]) throws -> AttackResult {
    let ball = try attack.ballAttack(.independent)
    let clean = try encoder.features(images)
    let own = objective == .captions ? try summed(captions) : clean
    let encoder = self.encoder
    return try ball.maximize(
      { images, rows in
        let moved = try encoder.image(images)
        switch objective {
        case .kl:
          return try Tensor.klDivergence(logits: clean.rows(rows), moved, reduction: .none)
        case .cosine: return try 1 - (own.rows(rows) * moved).sum(axes: [1])
        case .captions: return try -(own.rows(rows) * moved).sum(axes: [1])
        }
      }, images: images, settings: settings())
  }

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
    if attack.startsOneSided {
      guard settings.keep == nil || settings.keep == .last else {
        throw KilpiError(
          "", "compat ends at the last point, keep is \"\(settings.keep?.rawValue ?? "")\"",
          advice: "leave one of them out")
      }
      guard settings.startPoints == nil else {
        throw KilpiError(
          "", "compat has a start of its own, init is given", advice: "leave one of them out")
      }
      let starts = try oneSidedStarts()
      let cut = try starts.clamped(0, 1)
      settings.startPoints = cut
      settings.keep = .last
      first = try UncutStart(starts, cut: cut)
    }
    let encoder = self.encoder
    let alpha = attack.alpha
    return try ball.maximize(
      { images, rows in
        let moved = try encoder.image(first?.shown(images, rows) ?? images)
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
    let source = RandomSource(seed: attack.image.settings.seed)
    let epsilon = attack.image.settings.budget.epsilon
    let values = ids.flatMap { id -> [Double] in
      var stream = source.stream(.attackStart, sample: id)
      return (0..<each).map { _ in stream.uniform() * epsilon }
    }
    return try images + Tensor(values, shape: images.shape).converted(to: images.dtype)
  }

  // MARK: SGA

  /// Captions against clean images, images against those captions in several scales, the original
  /// captions against the moved images (arXiv:2307.14061).
  func sga(_ captions: [[String]]) throws -> (AttackResult, captions: [[String]]) {
    let against = try attack.against()
    let ball = try attack.ballAttack(.sga)
    var texts = try moved(captions, from: images, by: against)
    if let shown = attack.text.shown { texts = try texts.map { try $0.map(shown) } }
    let first = try summed(texts)
    var settings = settings()
    // Values under fresh noise do not tell which point is better: the last one is the result.
    settings.keep = settings.keep ?? .last
    let noise = ViewNoise(settings.seed, ids)
    let encoder = self.encoder
    let views = attack.views
    var attacked = try ball.maximize(
      { images, rows in
        var sum = try encoder.image(images)
        let steps = noise.next(rows)
        for (index, scale) in views.scales.enumerated() {
          let streams = noise.streams(rows, steps, view: index)
          sum = try sum + encoder.image(views.copy(images, scale: scale, streams))
        }
        return try -(first.rows(rows) * sum).sum(axes: [1])
      }, images: images, settings: settings)
    // Each look shows the model the image and its copies.
    let shown = 1 + views.scales.count
    attacked.report.forwards = attacked.report.forwards.map { $0 * shown }
    attacked.report.backwards = attacked.report.backwards.map { $0 * shown }
    return (attacked, try moved(captions, from: attacked.images, by: against))
  }

  /// Captions moved away from their own image.
  private func moved(
    _ captions: [[String]], from images: Tensor, by against: TextSteps.Against
  ) throws -> [[String]] {
    let features = try encoder.features(images)
    var flat: [String] = []
    var own: [Tensor] = []
    for (row, texts) in captions.enumerated() {
      let feature = try features.narrowed(0, start: row, length: 1)
      flat += texts
      own += texts.map { _ in feature }
    }
    let found = try MultimodalAttack.counted(against(flat, own), flat.count)
    return Captions.grouped(found, like: captions)
  }

  /// The sum of the features of each image's captions, `[n, D]`.
  private func summed(_ captions: [[String]]) throws -> Tensor {
    try Tensor.withoutGradients {
      try Tensor.stacked(captions.map { try encoder.text($0).sum(axes: [0]) })
    }
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

/// Streams for the noise of views: another one for each look at an image.
private final class ViewNoise {
  private let source: RandomSource
  private let ids: [UInt64]
  private var looks: [Int]

  init(_ seed: UInt64, _ ids: [UInt64]) {
    source = RandomSource(seed: seed)
    self.ids = ids
    looks = ids.map { _ in 0 }
  }

  /// Counts one more look at samples `rows`.
  func next(_ rows: [Int]) -> [Int] {
    for row in rows { looks[row] += 1 }
    return rows.map { looks[$0] }
  }

  func streams(_ rows: [Int], _ steps: [Int], view: Int) -> [RandomStream] {
    zip(rows, steps).map { row, step in
      source.stream(.views, sample: ids[row], restart: view, step: step)
    }
  }
}

/// Lists of captions, one list an image.
enum Captions {
  /// A flat list cut into lists as long as those of `lists`.
  static func grouped<Value>(_ flat: [Value], like lists: [[String]]) -> [[Value]] {
    var start = 0
    return lists.map { list in
      defer { start += list.count }
      return Array(flat[start..<(start + list.count)])
    }
  }
}
