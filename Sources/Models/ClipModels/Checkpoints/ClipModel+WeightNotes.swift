internal import Glibc
internal import Networks
internal import Tensors

extension ClipModel {
  /// Says once, on loading, what makes logits infinite or NaN: weights that are not finite, and a scale
  /// above 1000.
  ///
  /// A checkpoint holds the scale's logarithm, CLIP's at most ln 100.
  func noteDoubtfulWeights(_ options: CheckpointOptions) throws {
    let broken = try parameters.names.filter {
      try parameters.required($0).firstNotFinite() != nil
    }
    if let first = broken.first {
      let others = broken.count - 1
      let more = others == 0 ? "" : " and \(others) other weight\(others == 1 ? "" : "s")"
      options.note(
        "'\(first)'\(more) hold\(others == 0 ? "s" : "") NaN or infinity: features and logits will not "
          + "be finite")
    }
    let logarithm: Double = try logitScale.item()
    guard logarithm.isFinite, logarithm > log(1000) else { return }
    options.note(
      "logit_scale is \(Float(logarithm)), above ln 1000 = 6.9: was the factor saved for its logarithm?"
    )
  }
}
