package import ClipModels
internal import Diagnostics
internal import Networks
package import Tensors

/// Which weights a run trains.
package struct TrainableSelection: Sendable {
  /// Its name in records.
  package let name: String
  /// A low-rank change of the chosen weights is trained in place of them; nil: they themselves.
  package private(set) var lowRank: LowRank?
  private let includes: @Sendable (_ name: String, _ model: Layout) -> Bool

  /// What a selection looks at beside a weight's name.
  struct Layout: Sendable {
    /// Blocks of the two towers.
    let vision: Int
    let text: Int
    /// Names of the image tower's weights, in definition order.
    let visionTensors: [String]
  }

  /// The size of low-rank changes `ΔW = (α/r)·B·A` (arXiv:2106.09685).
  package struct LowRank: Sendable, Equatable {
    /// `r`.
    package let rank: Int
    package let alpha: Double
    /// Which projections of attention: `q`, `k`, `v`, `o`.
    package let projections: [String]

    package init(rank: Int = 8, alpha: Double = 16, projections: [String] = ["q", "k", "v", "o"]) {
      (self.rank, self.alpha, self.projections) = (rank, alpha, projections)
    }
  }

  private init(_ name: String, _ includes: @escaping @Sendable (String, Layout) -> Bool) {
    (self.name, self.includes) = (name, includes)
  }

  private static func isVisual(_ name: String) -> Bool { name.hasPrefix("visual.") }

  /// All weights of both towers, projections, positions and the scale.
  package static let both = TrainableSelection("both") { _, _ in true }
  /// The image tower with its projection.
  package static let visual = TrainableSelection("visual") { name, _ in isVisual(name) }
  /// The image tower and the scale.
  package static let visualAndScale = TrainableSelection("visual+scale") { name, _ in
    isVisual(name) || name.hasPrefix("logit_")
  }
  /// The text tower with its embeddings and projection, and the scale.
  package static let text = TrainableSelection("text") { name, _ in !isVisual(name) }
  /// What the released MMCoA trains without `full_tuning`: token embedding, blocks and last norm of
  /// the text tower; neither positions nor projection.
  package static let textReleased = TrainableSelection("text_released") { name, _ in
    name.hasPrefix("token_embedding") || name.hasPrefix("transformer.")
      || name.hasPrefix("ln_final")
  }
  /// Biases, and gains of norms.
  package static let biasNorm = TrainableSelection("bias_norm") { name, _ in
    name.hasSuffix("bias")
      || ["ln_", ".ln.", ".bn", ".downsample.1."].contains { name.contains($0) }
  }

  /// The last blocks of the towers, their last norms and projections.
  package static func lastBlocks(_ count: Int) -> TrainableSelection {
    TrainableSelection("last_blocks=\(count)") { name, layout in
      let isVision = isVisual(name)
      let parts = name.split(separator: ".")
      if let place = parts.firstIndex(of: "resblocks"), place + 1 < parts.count,
        let block = Int(parts[place + 1])
      {
        return block >= (isVision ? layout.vision : layout.text) - count
      }
      // The stages of a residual network count as its blocks.
      if isVision, parts.count > 1, parts[1].hasPrefix("layer"),
        let stage = Int(parts[1].dropFirst(5))
      {
        return stage > layout.vision - count
      }
      return [
        "visual.ln_post", "visual.proj", "visual.attn", "ln_final", "text_projection",
      ].contains {
        name.hasPrefix($0)
      }
    }
  }

  /// The last tensors of the image tower in definition order, as TeCoA's `last_num_ft` counts.
  package static func lastTensors(_ count: Int) -> TrainableSelection {
    TrainableSelection("last_tensors=\(count)") { name, layout in
      layout.visionTensors.suffix(count).contains(name)
    }
  }

  /// Low-rank changes of attention's projections.
  package static func lowRank(_ size: LowRank) -> TrainableSelection {
    let on = size.projections.joined(separator: ",")
    var selection = TrainableSelection("lora(r=\(size.rank), alpha=\(size.alpha), on=\(on))") {
      name, _ in
      name.hasSuffix(".attn.in_proj_weight") && size.projections.contains { "qkv".contains($0) }
        || name.hasSuffix(".attn.out_proj.weight") && size.projections.contains("o")
    }
    selection.lowRank = size
    return selection
  }

  /// The chosen weights of a model, in its order.
  ///
  /// - Throws: `KilpiError` when there is none.
  package func weights(of model: ClipModel) throws -> [(name: String, tensor: Tensor)] {
    guard lowRank == nil || model.configuration.residualBlocks == nil else {
      throw KilpiError(
        "low-rank changes are of attention's projections, which a residual network has none of in its "
          + "image tower", advice: "train bias_norm or last_blocks")
    }
    let names = model.parameters.entries.map(\.name).filter { !ClipModel.isBuffer($0) }
    let layout = Layout(
      vision: model.configuration.vision.layers, text: model.configuration.text.layers,
      visionTensors: names.filter(Self.isVisual))
    let chosen = model.parameters.entries.filter {
      !ClipModel.isBuffer($0.name) && includes($0.name, layout)
    }
    guard !chosen.isEmpty else {
      throw KilpiError("no weight is selected for training", advice: "the selection is \(name)")
    }
    return chosen.map { ($0.name, $0.tensor) }
  }
}
