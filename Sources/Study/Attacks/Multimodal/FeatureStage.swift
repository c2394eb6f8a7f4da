internal import Diagnostics
internal import Tensors

/// What an image attack without labels increases, on features `I` of clean and `I'` of moved images.
package enum ImageObjective: String, Sendable, CaseIterable {
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
  let attack: MultimodalAttack
  let encoder: DualEncoder
  let images: Tensor
  let ids: [UInt64]

  init(_ attack: MultimodalAttack, _ encoder: DualEncoder, _ images: Tensor, _ ids: [UInt64]) {
    self.attack = attack
    self.encoder = encoder
    self.images = images
    self.ids = ids
  }

  func settings() -> AttackSettings {
    var settings = attack.image.settings
    settings.search.sampleIDs = ids
    return settings
  }

  /// The image side alone.
  func away(_ objective: ImageObjective, captions: [[String]]) throws -> AttackResult {
    let ball = try attack.ballAttack(.independent)
    let clean = try encoder.features(images)
    let own = objective == .captions ? try summed(captions) : clean
    let encoder = self.encoder
    return try ball.maximize(
      { images, rows, pass in
        let moved = try encoder.image[pass](images)
        switch objective {
        case .kl:
          return try Tensor.klDivergence(logits: clean.rows(rows), moved, reduction: .none)
        case .cosine: return try 1 - (own.rows(rows) * moved).sum(axes: [1])
        case .captions: return try -(own.rows(rows) * moved).sum(axes: [1])
        }
      }, images: images, settings: settings())
  }

  /// The sum of the features of each image's captions, `[n, D]`.
  func summed(_ captions: [[String]]) throws -> Tensor {
    try Tensor.withoutGradients {
      try Tensor.stacked(captions.map { try encoder.text($0).sum(axes: [0]) })
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
