package import Attacks
internal import ClipModels
internal import Datasets
internal import Diagnostics
package import Files
internal import Kernels
package import Tensors

/// One evaluated sample with its pictures.
package struct PictureRow {
  /// The sample's id.
  package let id: String
  /// True class, 0-based.
  package let label: Int
  /// The clean image `[3, H, W]`, where the perturbation lives.
  package let image: Tensor
  /// Top class of the clean image, 0-based.
  package let prediction: Int
  /// Attacked images by the label of their row, with their top class.
  package var attacked: [(row: String, image: Tensor, prediction: Int)] = []
}

/// The result of an evaluation: rows, what they were measured on, and how to do it again.
package struct RobustnessReport {
  /// The classifier's name.
  package var name: String
  /// Class names in the order of the labels.
  package let classNames: [String]
  /// Rows, `clean` first, `worst` last where there is more than one attack.
  package let scenarios: [ScenarioResult]
  /// What the text attacks did.
  package let texts: [TextAttackRecord]
  /// Some samples with their pictures, spread evenly.
  package let pictures: [PictureRow]
  /// Name of the data set.
  package let dataName: String
  package let split: String
  /// Samples in the whole split.
  package let splitCount: Int
  /// Width of the images that were perturbed.
  package let width: Int
  /// Height of the images that were perturbed.
  package let height: Int
  /// Where the perturbation lives.
  package let perturbationPlace: PerturbationPlace
  /// Wall-clock time of the whole evaluation.
  package let seconds: Double
  /// Signs of masked gradients of the model, from probes of the evaluation's own.
  package let flags: [AttackFlag]
  /// What was planned, at most.
  package let cost: EvaluationCost
  /// Model, data, prompts, threat model and machine.
  package let record: JSONValue
  /// What a reader of the table must know: about the data, flags, problems.
  package let notes: [String]
  /// It was read from files, which hold no pictures.
  var isLoaded = false

  /// The evaluated samples' ids, in order.
  package var sampleIDs: [String] { scenarios.first?.samples.map(\.id) ?? [] }
  /// How many samples were evaluated.
  package var count: Int { scenarios.first?.samples.count ?? 0 }
}

extension RobustnessReport {
  init(
    subject: EvaluationSubject, evaluation: RobustnessEvaluation, data: Dataset, of splitCount: Int,
    resolution: (width: Int, height: Int), scenarios: [ScenarioResult], texts: [TextAttackRecord],
    pictures: [PictureRow], seconds: Double, cost: EvaluationCost, flags: [AttackFlag],
    notes extra: [String]
  ) throws {
    name = subject.name
    classNames = subject.classNames.isEmpty ? data.classNames : subject.classNames
    self.scenarios = scenarios
    self.texts = texts
    self.pictures = pictures
    dataName = data.name
    split = data.split
    self.splitCount = splitCount
    width = resolution.width
    height = resolution.height
    perturbationPlace = evaluation.perturbationPlace
    self.seconds = seconds
    self.cost = cost
    self.flags = flags
    notes =
      Self.notes(data, classNames, scenarios, texts)
      + flags.map { "masked gradients? \($0.kind.rawValue): \($0.detail)" } + extra
    record = try Self.record(
      subject, evaluation, data, of: splitCount, resolution: resolution, classNames: classNames)
  }

  private static func notes(
    _ data: Dataset, _ classNames: [String], _ scenarios: [ScenarioResult],
    _ texts: [TextAttackRecord]
  ) -> [String] {
    var notes = data.notes
    var seen = Set<String>()
    let twice = Set(classNames.filter { !seen.insert($0).inserted }).sorted()
    if !twice.isEmpty {
      notes.append(
        "classes share a name (\(twice.joined(separator: ", "))): ties go to the lower index")
    }
    if classNames.count == 1 {
      notes.append("there is one class: every answer is right, whatever is attacked")
    }
    if let last = scenarios.last(where: \.isOnSurvivors) { notes.append(last.survivorsNote) }
    if let clean = scenarios.first, let note = clean.chanceNote(classes: classNames.count) {
      notes.append(note)
    }
    notes += scenarios.compactMap(\.leftOutNote)
    for row in scenarios { notes += row.attackNotes }
    let changed = Set(texts.filter { $0.changedShare > 0 }.map(\.name))
    if let clean = scenarios.first,
      let row = scenarios.first(where: { $0.kind == .text && changed.contains($0.textAttack) }),
      row.samples.map(\.margin) == clean.samples.map(\.margin)
    {
      notes.append(
        "\(row.label): no answer changed with the prompts in any digit: the model does not look at them, "
          + "and rows with prompts say nothing about texts")
    }
    return notes
  }

  /// What may change the last bits of a result.
  static func machine(_ precision: String) -> JSONValue {
    .record([
      "precision": .string(precision), "blas_core": .string(BLAS.coreName),
      "products": .string(ProductKernels.name),
    ])
  }

  static func record(
    _ subject: EvaluationSubject, _ evaluation: RobustnessEvaluation, _ data: Dataset,
    of splitCount: Int, resolution: (width: Int, height: Int), classNames: [String]
  ) throws -> JSONValue {
    func number(_ value: Int?) -> JSONValue { value.map { .integer(Int64($0)) } ?? .null }
    let prompts = subject.zeroShot?.prompts
    let hash = prompts.map { prompts in
      String(SampleID.number(of: prompts.joined(separator: "\n")), radix: 16)
    }
    let digests = try data.digests().record
    let model: JSONValue = .record([
      "name": .string(subject.name), "origin": .string(subject.origin),
      "weights": subject.weights.map { .string($0) } ?? .null,
      "parameters": number(subject.parameterCount), "input_side": number(subject.inputSide),
      "text_weights": subject.textWeights.map { .string($0) } ?? .null,
      "training": subject.training,
    ])
    let truncates: JSONValue =
      subject.zeroShot.map { .bool($0.model.truncatesTexts) } ?? .null
    return .record([
      "kilpi": .string(KilpiVersion.current), "model": model,
      "data": .record([
        "name": .string(data.name), "split": .string(data.split), "n": number(data.count),
        "of": number(splitCount), "digests": digests,
        "classes": number(classNames.count), "notes": .strings(data.notes),
      ]),
      "prompts": .record([
        "class_names": .strings(classNames),
        "templates": subject.zeroShot.map { .strings($0.templates) } ?? .null,
        "prompts": prompts.map { .strings($0) } ?? .null, "hash": hash.map { .string($0) } ?? .null,
        "truncate": truncates,
      ]),
      "threat": .record([
        "perturb_at": .string(evaluation.perturbationPlace.rawValue),
        "width": number(resolution.width), "height": number(resolution.height),
        "preprocessing": .string(
          evaluation.perturbationPlace == .input
            ? "openai to the model's input side" : evaluation.preprocessing),
        "resize_in_graph": .string(
          subject.zeroShot == nil
            ? "unknown" : "bicubic, a = -0.75, half-pixel centres, no antialiasing"),
        "attack_all": .bool(evaluation.attacksAll), "each": .bool(evaluation.attacksEach),
      ]),
      "machine": machine(subject.precision),
      "seed": evaluation.seed.map { .integer(Int64(bitPattern: $0)) } ?? .null,
      "protocol": evaluation.protocolName.map { .string($0) } ?? .null,
    ])
  }
}
