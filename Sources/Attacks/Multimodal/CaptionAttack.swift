internal import Diagnostics
public import Tensors

/// Adversarial images and captions, and what the attack did.
public struct CaptionAttackResult {
  /// `[N, C, H, W]`, one an image; of a `coAttack` that is not joint `[M, C, H, W]`, one a caption,
  /// in the order of the captions.
  public var images: Tensor
  /// The captions of each image.
  public var captions: [[String]]
  /// What the image attack did.
  public var image: AttackReport
  /// Searches of texts that were made.
  public var limits = TextLimits()
  /// `⟨I, T⟩` of each caption and its image, both clean, in the order of the captions.
  public var similarityBefore: [Double]
  /// The same with both attacked.
  public var similarityAfter: [Double]
  /// `worst`: what was chosen from, as rows of reports name it, `clean` first; else empty.
  public var members: [String] = []
  /// `worst`: the member that each image was taken from; else empty.
  public var chosen: [String] = []
}

extension MultimodalAttack {
  /// Attacks images and their captions together: `independent`, `coAttack`, `sga`, or the `worst` of
  /// these.
  ///
  /// An image meets its own captions and no others. `independent` moves each image away from its
  /// clean features (the first term of `coAttack`), and its captions without a look at it. `worst`
  /// takes for each image the pair of sides with the least mean `⟨I, T⟩` over its captions, the
  /// clean pair among them: without other captions to confuse them with, that is what a loss can
  /// grow by. Its Co-Attack is joint.
  ///
  /// - Parameters:
  ///   - images: `[N, C, H, W]` in `[0, 1]`.
  ///   - captions: at least one a image.
  /// - Throws: `KilpiError` for methods that need classes, and what the attacks throw.
  public func run(
    _ encoder: DualEncoder, images: Tensor, captions: [[String]]
  ) throws -> CaptionAttackResult {
    try check()
    var images = try images.detached().contiguous()
    guard images.rank == 4, images.shape[0] == captions.count else {
      throw KilpiError(
        "",
        "there are captions for \(captions.count) images, the images have shape "
          + "\(images.shape)", advice: "give one list of captions an image")
    }
    if let empty = captions.firstIndex(where: \.isEmpty) {
      throw KilpiError("", "image \(empty + 1) has no caption")
    }
    try method.checkTakesCaptions()
    var ids = image.settings.sampleIDs ?? captions.indices.map { UInt64($0) + 1 }
    guard ids.count == captions.count else {
      throw KilpiError("", "there are \(ids.count) sample ids for \(captions.count) images")
    }
    let owners = captions.enumerated().flatMap { row, texts in texts.map { _ in row } }
    let clean = images
    if method == .worst { return try worst(encoder, images, captions, ids, owners) }
    let moved: AttackResult
    var changed: [[String]]
    var stage = self
    switch method {
    case .sga: (moved, changed) = try FeatureStage(self, encoder, images, ids).sga(captions)
    case .coAttack:
      changed = Captions.grouped(try blindTexts(captions.flatMap { $0 }), like: captions)
      var sets = changed
      if !isJoint {
        // Each pair is an attack of its own, with random draws of its own.
        images = try images.rows(owners)
        stage.image.settings.mask = try image.settings.mask?.rows(owners)
        stage.image.settings.startPoints = try image.settings.startPoints?.rows(owners)
        ids = captions.enumerated().flatMap { row, texts in
          texts.indices.map { ids[row] &* 1_000_003 &+ UInt64($0) }
        }
        sets = changed.flatMap { $0.map { [$0] } }
      }
      moved = try FeatureStage(stage, encoder, images, ids).coAttack(sets)
    default:
      changed = Captions.grouped(try blindTexts(captions.flatMap { $0 }), like: captions)
      moved = try FeatureStage(self, encoder, images, ids).away(.kl, captions: captions)
    }
    let isPaired = moved.images.shape[0] != captions.count || !isJoint && method == .coAttack
    return CaptionAttackResult(
      images: moved.images, captions: changed, image: moved.report,
      similarityBefore: try similarities(encoder, clean, captions, owners),
      similarityAfter: try similarities(
        encoder, moved.images, changed, isPaired ? Array(owners.indices) : owners))
  }

  /// For each image the member whose pair is least alike; the first of equals.
  private func worst(
    _ encoder: DualEncoder, _ images: Tensor, _ captions: [[String]], _ ids: [UInt64],
    _ owners: [Int]
  ) throws -> CaptionAttackResult {
    var members = try MultimodalMethod.captionMembers(methods)
    if methods.isEmpty, text.against == nil { members.removeAll { $0 == .sga } }
    func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
    let before = try similarities(encoder, images, captions, owners)
    var after = Captions.grouped(before, like: captions)
    var changed = captions
    var chosen = captions.map { _ in "clean" }
    let moved = try images.cloned()
    var report = AttackReport(budget: image.settings.budget, distance: Distances())
    report.attack = "worst"
    report.sampleIDs = ids
    report.seed = image.settings.seed
    report.forwards = ids.map { _ in 0 }
    report.backwards = report.forwards
    for member in members {
      var attack = self
      attack.method = member
      attack.isJoint = true
      attack.image.settings.sampleIDs = ids
      let found = try attack.run(encoder, images: images, captions: captions)
      report.add(found.image, rows: Array(captions.indices))
      let values = Captions.grouped(found.similarityAfter, like: captions)
      for row in captions.indices where mean(values[row]) < mean(after[row]) {
        after[row] = values[row]
        changed[row] = found.captions[row]
        chosen[row] = member.scenario
        try moved.narrowed(0, start: row, length: 1).assign(
          found.images.narrowed(0, start: row, length: 1))
      }
    }
    report.distance = try Distances(from: images, to: moved)
    var result = CaptionAttackResult(
      images: moved, captions: changed, image: report, similarityBefore: before,
      similarityAfter: after.flatMap { $0 })
    result.members = ["clean"] + members.map(\.scenario)
    result.chosen = chosen
    return result
  }

  /// Moves images away from themselves or from their captions, without labels.
  ///
  /// - Parameter captions: the captions of each image; read by `captions` alone.
  public func runImages(
    _ encoder: DualEncoder, images: Tensor, captions: [[String]], objective: ImageObjective
  ) throws -> AttackResult {
    try check()
    let images = try images.detached().contiguous()
    let ids = try image.settings.sampleIDs ?? (0..<images.shape[0]).mapped { UInt64($0) + 1 }
    return try FeatureStage(self, encoder, images, ids).away(objective, captions: captions)
  }

  private func similarities(
    _ encoder: DualEncoder, _ images: Tensor, _ captions: [[String]], _ places: [Int]
  ) throws -> [Double] {
    let features = try encoder.features(images)
    return try Tensor.withoutGradients {
      let texts = try encoder.text(captions.flatMap { $0 })
      return try (features.rows(places) * texts).sum(axes: [1]).doubles()
    }
  }
}
