package import AttackPlans
package import Attacks
package import ClipModels
package import Datasets
package import Diagnostics
internal import Files
package import Processes

/// Measures recall in both directions over a whole gallery, clean and under attacks on all its
/// images, all its captions, or both (docs/methods/evaluation.md, section 6.6).
///
/// The attacked side of the gallery is adversarial as a whole. Attacks see an image with its own
/// captions and nothing of other images.
package struct RetrievalEvaluation: EvaluationSettings {
  /// An attack on images alone.
  package struct ImageAttack {
    /// The attack; one within a ball.
    package var specification: ImageAttackSpecification
    /// What it increases.
    package var objective: ImageObjective

    package init(_ specification: ImageAttackSpecification, objective: ImageObjective = .kl) {
      self.specification = specification
      self.objective = objective
    }
  }

  /// An attack on captions alone.
  package struct TextAttack {
    package var specification: TextAttackSpecification
    /// True: each caption moves away from its own clean image, in place of the attack's objective.
    package var leavesImages: Bool

    package init(_ specification: TextAttackSpecification, leavesImages: Bool = false) {
      self.specification = specification
      self.leavesImages = leavesImages
    }
  }

  /// Attacks on images.
  package var images: [ImageAttack] = []
  /// Attacks on captions.
  package var texts: [TextAttack] = []
  /// Attacks on both: `independent`, `coAttack`, `sga`, or for each query the `worst` of their
  /// galleries and the clean one; an image of the gallery is one image, so
  /// Co-Attack attacks it for all its captions jointly.
  package var multimodal: [MultimodalSpecification] = []
  /// Images worked on together, at least 1.
  package var batch = 64
  /// Root of random draws, in place of the attacks' own seeds.
  package var seed: UInt64?
  /// A folder for the record, which grows as batches of images are finished; nil for none.
  package var output: String?
  /// Go on with the record that stands in `output`: what is finished is not computed again.
  package var resumes = false
  /// Who shares the work; this process alone unless told otherwise.
  package var processes = ProcessGroup()
  /// Told as images are finished.
  package var progress: ProgressHandler?

  /// Clean recall alone.
  package init() {}

  /// The cut-offs that reports show.
  package static let cutoffs = [1, 5, 10]

  /// Runs the evaluation.
  ///
  /// Several processes take the batches of images in turn and give the report of one; all call this with
  /// the same arguments, and the first alone attacks captions on their own and writes the record.
  ///
  /// - Parameter data: images of one size with captions, a test split.
  /// - Throws: `KilpiError` when the set has no captions or is a training split, two attacks share a
  ///   name, a method needs labels, the record in `output` is damaged or of another evaluation, or an
  ///   attack fails; on interrupt.
  package func run(_ model: ClipModel, data: Dataset, name: String = "") throws -> RetrievalReport {
    try checkRun()
    guard data.count > 0 else { throw KilpiError("there is no image in \(data.name)") }
    guard data.hasCaptions else {
      throw KilpiError(
        "\(data.name) has classes, not captions", advice: "evaluate it with eval.robustness")
    }
    guard data.split != "train" else {
      throw KilpiError(
        "retrieval is measured on a test split, this is '\(data.split)' of \(data.name)",
        advice: "open it with split = \"test\"")
    }
    for both in multimodal {
      try both.method.checkTakesCaptions()
      _ = try MultimodalMethod.captionMembers(both.methods)
    }
    try checkNames([
      images.map(\.specification.name), texts.map(\.specification.name),
      multimodal.map { ScenarioKind($0.method).rawValue + "/" + $0.name },
    ])
    return try RetrievalRun(self, model, data, name: name).run()
  }
}

extension RetrievalEvaluation: Parameterized {
  /// Its plain values.
  package static var parameters: [Parameter<RetrievalEvaluation>] { [.batch] }
}
