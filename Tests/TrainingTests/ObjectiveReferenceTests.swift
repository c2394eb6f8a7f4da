import AttackPlans
import Attacks
import Datasets
import Diagnostics
import Networks
import Tensors
import TestSupport
import Testing

@testable import ClipModels
@testable import Training

/// The model, batch and numbers of `scripts/reference/objectives.py`.
enum ObjectiveFixture {
  /// One token a character: a to z are 1 to 26, a space is 27.
  struct Letters: TextTokenizer {
    let vocabularySize = 64
    let specialCount = 2
    let hasFiles = false
    let openCLIPCleaning: String? = nil

    func encode(_ text: String, context: Int, truncate: Bool) throws -> [Int] {
      let ids = [62] + plainIDs(of: text) + [63]
      guard ids.count <= context else { throw KilpiError("'\(text)' is too long") }
      return ids + Array(repeating: 0, count: context - ids.count)
    }
    func plainIDs(of text: String) -> [Int] {
      text.utf8.map { $0 == 32 ? 27 : Int($0) - 96 }
    }
    func plainText(of ids: [Int]) -> String {
      String(decoding: ids.map { $0 == 27 ? 32 : UInt8($0 + 96) }, as: UTF8.self)
    }
    func word(of id: Int) -> String? { nil }
    func words(of text: String) -> [String] { text.split(separator: " ").map(String.init) }
    func save(in folder: String) {}
  }

  static let folder = TestFiles.fixture("objectives")
  static let labels = [0, 1, 2, 0, 1, 0]
  static let names = ["cat", "dog", "bus"]
  static let edited = ["a cat": "a cot", "a dog": "o dogg", "a bus": "a bs"]

  static func cases() throws -> SafetensorsFile {
    try SafetensorsFile(path: folder + "/cases.safetensors")
  }

  static func model(_ name: String) throws -> ClipModel {
    let model = try ClipModel.load("\(folder)/\(name)").converted(to: .float64)
    model.tokenizer = Letters()
    return model
  }

  static func batch(_ images: Tensor) -> TrainingBatch {
    TrainingBatch(
      rows: 0..<6, images: images, texts: labels.map { "a " + names[$0] }, groups: labels,
      labels: labels, sampleIDs: (1...6).map { UInt64($0) },
      templates: Array(repeating: 0, count: 6))
  }

  /// A run of `objective` from the original weights, whose attacks give the fixture's inputs.
  static func session(
    _ objective: any TrainingObjective, _ change: (inout TrainingConfiguration) -> Void = { _ in }
  ) throws -> (session: TrainingSession, batch: TrainingBatch) {
    let cases = try cases()
    let images = try cases.tensor("images")
    let moved = try cases.tensor("adversarial")
    var plan = TrainingPlan()
    objective.publish(&plan)
    var configuration = plan.configuration
    configuration.batch = 6
    configuration.steps = 5
    configuration.targets = .labelMean
    configuration.clipNorm = nil
    configuration.warmup = 0
    configuration.schedule = .constant
    configuration.optimizer.learningRate = 1e-2
    configuration.optimizer.betas = [0.9, 0.98]
    configuration.optimizer.epsilon = 1e-6
    configuration.optimizer.weightDecay = configuration.optimizer.kind == .sgd ? 0 : 0.1
    change(&configuration)
    var trainer = Trainer(objective, configuration)
    trainer.imageAttack = { _, _, _, _ in moved }
    trainer.textAttack = { _, texts, _ in texts.map { edited[$0.text] ?? $0.text } }
    let data = try MemoryDataset.make(
      images: images.converted(to: .float32), labels: labels, captions: nil, classNames: names,
      templates: ["a {c}"], ids: nil, name: "letters")
    return (try TrainingSession(trainer, model: model("original"), data: data), batch(images))
  }

  /// Under the names of the fixture, which is in Hugging Face's layout.
  static func named(_ tensors: [String: Tensor], _ model: ClipModel) throws -> [String: Tensor] {
    let whole = try model.parameters.mapped { name, weight in
      try tensors[name] ?? Tensor.zeros(weight.shape, weight.dtype)
    }
    return Dictionary(
      uniqueKeysWithValues: try CheckpointTranslation.huggingFace(whole, model.configuration)
        .map { ($0.0, $0.1) })
  }
}

/// Every method against PyTorch: loss and gradient at 1e-6, five updates at 2e-3.
@Suite struct ObjectiveReferenceTests {
  static let methods = TrainingObjectives.all.map(\.name)

  @Test(arguments: methods) func lossAndGradientsAgree(method: String) throws {
    let objective = try #require(TrainingObjectives.named(method))
    let cases = try ObjectiveFixture.cases()
    for accumulate in [1, 3] {
      let (session, batch) = try ObjectiveFixture.session(objective) { $0.accumulate = accumulate }
      let current = try ObjectiveFixture.model("current")
      try Tensor.withoutGradients {
        for (name, weight) in session.model.parameters.entries {
          try weight.assign(current.parameters.required(name))
        }
      }
      let loss = try StepFeatures(session, batch).lossAndGradients()
      let expected = try cases.tensor("\(method).loss").item()
      #expect(abs(loss.value - expected) < 1e-6 * abs(expected), "\(loss.value), not \(expected)")
      let gradients = Dictionary(
        uniqueKeysWithValues: zip(session.optimizer.parameters.map(\.name), loss.gradients))
      let prefix = "\(method).gradient."
      let keys = cases.names.filter { $0.hasPrefix(prefix) }
      let mine = try ObjectiveFixture.named(gradients, session.model)
      #expect(keys.count >= 18)
      for key in keys {
        let theirs = try cases.tensor(key).converted(to: .float64)
        let largest = max(try theirs.abs().max().item(), 1e-3)
        try expectClose(
          #require(mine[String(key.dropFirst(prefix.count))]), theirs, rtol: 0,
          atol: 1e-6 * largest,
          "\(key), in \(accumulate) parts")
      }
    }
  }

  @Test(arguments: methods) func fiveUpdatesAgree(method: String) throws {
    let objective = try #require(TrainingObjectives.named(method))
    let cases = try ObjectiveFixture.cases()
    let (session, batch) = try ObjectiveFixture.session(objective)
    for _ in 0..<5 { _ = try session.oneStep(batch, epoch: 0) }
    let prefix = "\(method).updated."
    let mine = try ObjectiveFixture.named(
      Dictionary(
        uniqueKeysWithValues: session.model.parameters.entries.map { ($0.name, $0.tensor) }),
      session.model)
    let start = try ObjectiveFixture.named(
      Dictionary(
        uniqueKeysWithValues: session.original.parameters.entries.map { ($0.name, $0.tensor) }),
      session.model)
    var distance = 0.0
    for key in cases.names where key.hasPrefix(prefix) {
      let name = String(key.dropFirst(prefix.count))
      let theirs = try cases.tensor(key).converted(to: .float64)
      try expectClose(#require(mine[name]), theirs, rtol: 2e-3, atol: 2e-5, "\(key)")
      distance += try (theirs - #require(start[name])).abs().sum().item()
    }
    #expect(distance > 1e-3, "the updates must move the weights")
  }
}
