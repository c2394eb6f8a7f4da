internal import AttackPlans
package import Attacks
package import ClipModels
package import Files
internal import Kernels
internal import Networks
internal import Tensors

/// What is evaluated: a classifier, and what a record must say about it.
package struct EvaluationSubject {
  /// Its name in titles and tables.
  package var name: String
  /// Class names in the order of the logits; empty when they are those of the data.
  package var classNames: [String]
  /// Images to logits, with the clean prompts.
  package var classifier: Classifier
  /// The prompts behind the classes, for text attacks; nil for a plain function.
  package var zeroShot: ZeroShotClassifier?
  /// Images to logits with other prompts, in the order of the prompts; nil for a plain function.
  package var reprompted: (([String]) throws -> Classifier)?
  /// Where the weights came from.
  package var origin = ""
  /// A hash of all weights, 16 hexadecimal digits; nil for a plain function.
  package var weights: String?
  /// A hash of the weights that texts are searched on, where verdicts are a function's.
  package var textWeights: String?
  /// Number of weights.
  package var parameterCount: Int?
  /// Side of the model's input; nil when unknown.
  package var inputSide: Int?
  /// The precision of the products in the steps of a search; verdicts are always float32.
  package var precision = "float32"
  /// Images and prompts are judged by features of a CLIP, which attacks on both sides at once need.
  package var hasFeatures = false
  /// How the model was trained, if that is known; goes into the record as it is.
  package var training = JSONValue.null

  /// A CLIP with prompts.
  ///
  /// Its weights are used as they are when the evaluation runs, and record no gradient.
  package init(_ classifier: ZeroShotClassifier, name: String = "") throws {
    let model = classifier.model
    let frozen = try classifier.with(model: model.frozen())
    self.name = name.isEmpty ? model.origin : name
    classNames = classifier.classNames
    self.classifier = try Classifier(frozen)
    zeroShot = frozen
    hasFeatures = true
    reprompted = { try Classifier(frozen.withPrompts($0)) }
    precision = model.precision.rawValue
    origin = model.origin
    weights = try model.weightsHash()
    parameterCount = model.parameters.elementCount
    inputSide = model.configuration.imageSize
  }

  /// Any function from images `[N, 3, H, W]` to logits `[N, C]`.
  ///
  /// Scenarios with text need a `ZeroShotClassifier`.
  package init(name: String, classNames: [String] = [], classifier: Classifier) {
    self.name = name
    self.classNames = classNames
    self.classifier = classifier
  }
}
