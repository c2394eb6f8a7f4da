internal import AttackPlans
internal import Attacks
internal import ClipModels
internal import Datasets
internal import Defences
internal import Diagnostics
internal import Evaluation
internal import Files
internal import LuaHost
internal import Networks
internal import Tensors

// What an evaluation may be given as its model.

extension EvalLibrary {
  static let modelType = "clip model|classifier|function|table"
  static let modelText =
    "what to evaluate: a model, a classifier, a function from images to logits, or {logits =, text =, name =}"

  /// The subject of an option `model`.
  ///
  /// - Parameter name: its name in tables; the model's origin when nil.
  static func subject(
    _ value: LuaValue, _ data: Dataset, _ options: Options, _ call: Call, name: String? = nil
  ) throws -> EvaluationSubject {
    var subject = try bareSubject(value, data, options, call, name: name)
    let model = value.object(as: ClipModel.self) ?? value.object(as: ZeroShotClassifier.self)?.model
    subject.training = training(model?.folder, call)
    return subject
  }

  private static func bareSubject(
    _ value: LuaValue, _ data: Dataset, _ options: Options, _ call: Call, name: String?
  ) throws -> EvaluationSubject {
    if let classifier = value.object(as: ZeroShotClassifier.self) {
      let model = try classifier.model.truncating(options)
      let judged = model === classifier.model ? classifier : try classifier.with(model: model)
      return try EvaluationSubject(judged, name: name ?? "")
    }
    if let model = value.object(as: ClipModel.self) {
      return try EvaluationSubject(zeroShot(model, data, options), name: name ?? "")
    }
    try RobustnessEvaluation.requireClasses(data)
    if let defended = value.object(as: DefendedClassifier.self) {
      return try subject(defended, data, name: name)
    }
    if let classifier = value.classifier {
      return EvaluationSubject(
        name: name ?? "function", classNames: data.classNames, classifier: classifier)
    }
    guard let table = value.table else {
      throw KilpiError(
        "model is a \(value.typeName), a clip model, classifier or function is needed",
        advice: value.typeName == "nil" ? "give model = …" : nil)
    }
    return try defended(table, data, options, call, name: name)
  }

  /// A classifier behind a defence: texts are searched on what it defends, everything is judged through
  /// it.
  private static func subject(
    _ defended: DefendedClassifier, _ data: Dataset, name: String?
  ) throws -> EvaluationSubject {
    let model = defended.base.model
    var subject = EvaluationSubject(
      name: name ?? defended.name, classNames: defended.base.classNames,
      classifier: defended.classifier)
    subject.zeroShot = defended.base
    subject.reprompted = { try defended.withPrompts($0).classifier }
    subject.weights = try model.weightsHash()
    subject.parameterCount = model.parameters.elementCount
    subject.inputSide = model.configuration.imageSize
    subject.origin = "\(defended.record.serialized()) over \(model.origin)"
    return subject
  }

  private static func zeroShot(
    _ model: ClipModel, _ data: Dataset, _ options: Options
  ) throws -> ZeroShotClassifier {
    try RobustnessEvaluation.requireClasses(data)
    let templates = try options.stringsIfGiven("templates") ?? data.templates
    let classifier = try ZeroShotClassifier(
      model.truncating(options), classNames: data.classNames, templates: templates)
    try classifier.checkFit()
    return classifier
  }

  /// `{logits = function(images, prompts), text = model, name =}`.
  private static func defended(
    _ table: LuaTable, _ data: Dataset, _ options: Options, _ call: Call, name: String?
  ) throws -> EvaluationSubject {
    let parts = try call.options(
      table,
      specs: [
        OptionSpec.function("logits", "(images, prompts) -> logits [N, C]").mandatory,
        .handle("text", type: "clip model", "whose text encoder text attacks search on"),
        .string("name", "its name in tables"),
      ], path: "model.")
    guard let function = try parts.functionIfGiven("logits") else {
      throw parts.problem("logits", "is missing")
    }
    let templates = try options.stringsIfGiven("templates") ?? data.templates
    let prompts = try data.classNames.flatMap { name in
      try templates.map { try TextPrompt(template: $0, className: name).text }
    }
    func judge(_ prompts: [String]) -> Classifier {
      function.classifier("model.logits", prompts: prompts)
    }
    var subject = EvaluationSubject(
      name: try name ?? parts.stringIfGiven("name") ?? "function", classNames: data.classNames,
      classifier: judge(prompts))
    if let model = try parts.handleIfGiven("text", as: ClipModel.self) {
      subject.zeroShot = try zeroShot(model.frozen(), data, options)
      subject.reprompted = { judge($0) }
      subject.textWeights = try model.weightsHash()
      subject.origin = "function; text attacks searched on " + model.origin
    }
    return subject
  }

  /// What `run.json` says about how a model was trained: of the run whose folder `model` it was loaded
  /// from, or that lies in the same folder as its weights.
  private static func training(_ folder: String?, _ call: Call) -> JSONValue {
    guard let folder else { return .null }
    var places = [folder]
    let parts = folder.split(separator: "/")
    if ["model", "best"].contains(parts.last) {
      let above = parts.dropLast().joined(separator: "/")
      places.append(folder.hasPrefix("/") ? "/" + above : above.isEmpty ? "." : above)
    }
    for place in places {
      let path = place + "/run.json"
      // A sandbox that hides the file hides what it says.
      guard FileReader.exists(path), (try? call.state.checkFile(path, writing: false)) != nil,
        let text = try? FileReader.text(at: path), text.utf8.count < 1 << 20,
        let run = try? JSONValue.parse(text), run["kind"]?.string == "training"
      else { continue }
      return run
    }
    return .null
  }
}
