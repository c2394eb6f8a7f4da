internal import Attacks

/// What was changed when a row of a table was measured (`clean`, `image`, `text`, …).
public enum ScenarioKind: String, Sendable, CaseIterable {
  /// Nothing.
  case clean
  /// Images, against the clean prompts.
  case image
  /// Every class prompt; images are clean.
  case text
  /// Images against the clean prompts, scored with the adversarial prompts.
  case multimodalIndependent = "mm_sep"
  /// Prompts first, then images against the adversarial prompts.
  case multimodalAdaptive = "mm_t2i"
  /// Images first, then for each image the worst prompts.
  case multimodalImageFirst = "mm_i2t"
  /// Both sides in turns.
  case multimodalAlternating = "mm_alt"
  /// Co-Attack.
  case multimodalCoAttack = "mm_co"
  /// Set-level guidance.
  case multimodalSGA = "mm_sga"
  /// For each sample the best of several multimodal methods.
  case multimodalWorst = "mm_worst"
  /// The worst of all rows above, sample by sample.
  case worst
}

extension ScenarioKind {
  /// The row of a multimodal method.
  init(_ method: MultimodalMethod) {
    switch method {
    case .independent: self = .multimodalIndependent
    case .adaptive: self = .multimodalAdaptive
    case .imageFirst: self = .multimodalImageFirst
    case .alternating: self = .multimodalAlternating
    case .coAttack: self = .multimodalCoAttack
    case .sga: self = .multimodalSGA
    case .worst: self = .multimodalWorst
    }
  }
}
