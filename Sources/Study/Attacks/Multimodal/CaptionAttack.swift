internal import Diagnostics
package import Tensors

/// Adversarial images and captions, and what the attack did.
package struct CaptionAttackResult {
  /// `[N, C, H, W]`, one an image; of a `coAttack` that is not joint `[M, C, H, W]`, one a caption,
  /// in the order of the captions.
  package var images: Tensor
  /// The captions of each image.
  package var captions: [[String]]
  /// What the image attack did.
  package var image: AttackReport
  /// Searches of texts that were made.
  package var limits = TextLimits()
  /// `⟨I, T⟩` of each caption and its image, both clean, in the order of the captions.
  package var similarityBefore: [Double]
  /// The same with both attacked.
  package var similarityAfter: [Double]
  /// `worst`: what was chosen from, as rows of reports name it, `clean` first; else empty.
  package var members: [String] = []
  /// `worst`: the member that each image was taken from; else empty.
  package var chosen: [String] = []
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
  package func run(
    _ encoder: DualEncoder, images: Tensor, captions: [[String]]
  ) throws -> CaptionAttackResult {
    try check()
    let images = try images.detached().contiguous()
    guard images.rank == 4, images.shape[0] == captions.count else {
      throw KilpiError(
        "there are captions for \(captions.count) images, the images have shape "
          + "\(images.shape)", advice: "give one list of captions an image")
    }
    if let empty = captions.firstIndex(where: \.isEmpty) {
      throw KilpiError("image \(empty + 1) has no caption")
    }
    try method.checkTakesCaptions()
    let ids = image.settings.search.sampleIDs ?? captions.indices.map { UInt64($0) + 1 }
    guard ids.count == captions.count else {
      throw KilpiError("there are \(ids.count) sample ids for \(captions.count) images")
    }
    return try method.procedure.captions(
      CaptionRun(attack: self, encoder: encoder, images: images, captions: captions, ids: ids))
  }

  /// Moves images away from themselves or from their captions, without labels.
  ///
  /// - Parameter captions: the captions of each image; read by `captions` alone.
  package func runImages(
    _ encoder: DualEncoder, images: Tensor, captions: [[String]], objective: ImageObjective
  ) throws -> AttackResult {
    try check()
    let images = try images.detached().contiguous()
    let ids = try image.settings.search.sampleIDs ?? (0..<images.shape[0]).mapped { UInt64($0) + 1 }
    return try FeatureStage(self, encoder, images, ids).away(objective, captions: captions)
  }
}

/// One call on images with captions, as methods see it.
struct CaptionRun {
  let attack: MultimodalAttack
  let encoder: DualEncoder
  /// The clean images.
  let images: Tensor
  let captions: [[String]]
  /// Numbers of the samples, which key their random draws.
  let ids: [UInt64]

  /// The image of each caption.
  var owners: [Int] { captions.enumerated().flatMap { row, texts in texts.map { _ in row } } }

  /// Attacks in feature space.
  var stage: FeatureStage { FeatureStage(attack, encoder, images, ids) }

  /// Captions attacked without a look at the images.
  func blindCaptions() throws -> [[String]] {
    Captions.grouped(try attack.blindTexts(captions.flatMap { $0 }), like: captions)
  }

  /// - Parameter isPaired: there is an image for each caption.
  func finished(
    _ moved: AttackResult, _ changed: [[String]], isPaired: Bool = false
  ) throws -> CaptionAttackResult {
    CaptionAttackResult(
      images: moved.images, captions: changed, image: moved.report,
      similarityBefore: try similarities(images, captions, owners),
      similarityAfter: try similarities(
        moved.images, changed, isPaired ? Array(owners.indices) : owners))
  }

  func similarities(
    _ images: Tensor, _ captions: [[String]], _ places: [Int]
  ) throws -> [Double] {
    let features = try encoder.features(images)
    return try Tensor.withoutGradients {
      let texts = try encoder.text(captions.flatMap { $0 })
      return try (features.rows(places) * texts).sum(axes: [1]).doubles()
    }
  }
}
