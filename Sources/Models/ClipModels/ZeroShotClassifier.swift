internal import Diagnostics
internal import Kernels
internal import Networks
public import Tensors

/// A classifier made of class names: the class whose prompt is nearest to the image wins.
///
/// `logits = exp(logit_scale) · I · Tᵀ`. With several templates a class's feature is the mean of the
/// normalised features, normalised again. Text features are cached and encoded anew once a weight of
/// the text tower has changed.
public final class ZeroShotClassifier {
  /// The model.
  public let model: ClipModel
  /// Class names, used as given.
  public let classNames: [String]
  /// Templates with the placeholder `{c}`, `{}` or `{class}`.
  public let templates: [String]
  /// Prompts, template by template within each class: `prompts[class][template]`.
  public let promptsByClass: [[String]]
  private var cache: (version: Int, features: Tensor)?
  /// The same classifier in float32, for verdicts.
  private var ownJudge: ZeroShotClassifier?

  /// The template of the published evaluations.
  public static let defaultTemplate = "This is a photo of a {c}"

  /// Makes prompts from names and templates.
  ///
  /// - Throws: `KilpiError` without classes or templates, and for a template without a placeholder.
  public convenience init(
    _ model: ClipModel, classNames: [String], templates: [String] = [defaultTemplate]
  ) throws {
    guard !templates.isEmpty else { throw KilpiError("there are no templates") }
    for template in templates where Self.filled(template, "x") == nil {
      throw KilpiError(
        "the template '\(template.prefix(40))' has no place for the class name",
        advice: "write {c} where it goes")
    }
    try self.init(
      model, classNames: classNames, templates: templates,
      promptsByClass: classNames.map { name in templates.compactMap { Self.filled($0, name) } })
  }

  /// Takes ready prompts, such as adversarial ones.
  public init(
    _ model: ClipModel, classNames: [String], templates: [String], promptsByClass: [[String]]
  ) throws {
    guard !classNames.isEmpty, promptsByClass.count == classNames.count,
      promptsByClass.allSatisfy({ $0.count == templates.count })
    else {
      throw KilpiError(
        "\(promptsByClass.count) lists of prompts do not fit \(classNames.count) classes")
    }
    self.model = model
    self.classNames = classNames
    self.templates = templates
    self.promptsByClass = promptsByClass
  }

  /// A template with a class name in its place; nil when it has none.
  public static func filled(_ template: String, _ name: String) -> String? {
    for place in ["{c}", "{}", "{class}"] {
      if let range = template.firstRange(of: place) {
        return template[..<range.lowerBound] + name + template[range.upperBound...]
      }
    }
    return nil
  }

  /// All prompts, class by class.
  public var prompts: [String] { promptsByClass.flatMap { $0 } }

  /// The same classes with other prompts, in the order of `prompts`.
  public func withPrompts(_ prompts: [String]) throws -> ZeroShotClassifier {
    guard prompts.count == self.prompts.count else {
      throw KilpiError(
        "\(prompts.count) prompts are given, the classifier has \(self.prompts.count)")
    }
    let width = templates.count
    let lists = classNames.indices.map { Array(prompts[$0 * width..<($0 + 1) * width]) }
    return try ZeroShotClassifier(
      model, classNames: classNames, templates: templates, promptsByClass: lists)
  }

  /// Checks that every prompt fits the context, so that an error stands where the prompts are given.
  ///
  /// - Throws: `KilpiError` that names the class.
  public func checkFit() throws {
    for (name, prompts) in zip(classNames, promptsByClass) {
      try model.checkFit(prompts) { _ in "the prompt of class '\(name.prefix(40))'" }
    }
  }

  /// The same prompts for another model.
  public func with(model: ClipModel) throws -> ZeroShotClassifier {
    try ZeroShotClassifier(
      model, classNames: classNames, templates: templates, promptsByClass: promptsByClass)
  }

  /// Class features `[C, D]`, normalised, without a gradient.
  public func textFeatures() throws -> Tensor {
    let version = model.textVersion
    if let cache, cache.version == version { return cache.features }
    let features = try Tensor.withoutGradients { try recordedTextFeatures() }
    cache = (version, features)
    return features
  }

  /// The same, computed anew, with the gradient of weights that record one: for training.
  public func recordedTextFeatures() throws -> Tensor {
    let all = try model.encodeText(prompts)
    if templates.count == 1 { return all }
    return try all.reshaped([classNames.count, templates.count, -1]).mean(axes: [1]).normalized()
  }

  /// Logits of images `[N, 3, H, W]`: `[N, C]`.
  ///
  /// Of a bfloat16 model, images that record a gradient get its own products, as in the steps of a
  /// search; all others get float32, so that every verdict is a float32 verdict.
  public func logits(_ images: Tensor) throws -> Tensor {
    let isStep = GradientMode.isRecording && images.requiresGradient
    return try isStep ? stepLogits(images) : judge().stepLogits(images)
  }

  /// Logits in the model's own precision.
  public func stepLogits(_ images: Tensor) throws -> Tensor {
    let features = try textFeatures()
    return try model.logits(images: model.encodeImage(images), texts: features)
  }

  /// The same classifier in float32: what decides.
  public func judge() throws -> ZeroShotClassifier {
    if model.precision == .float32 { return self }
    if let ownJudge { return ownJudge }
    let judge = try with(model: model.judge())
    ownJudge = judge
    return judge
  }

  /// The best class of each image (0-based) and its probability.
  ///
  /// - Parameter item: names an image in messages.
  /// - Throws: `KilpiError` for logits that are not finite.
  public func predict(
    _ images: Tensor, _ item: (_ row: Int) -> String = { "sample \($0)" }
  ) throws -> (labels: Tensor, scores: Tensor) {
    try Tensor.withoutGradients {
      let logits = try logits(images)
      let labels = try logits.topClasses(item).map { Int64($0) }
      return (
        try Tensor(labels, shape: [labels.count]), try logits.softmax().max(axis: 1).values
      )
    }
  }
}
