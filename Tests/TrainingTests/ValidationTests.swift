import AttackPlans
import Attacks
import ClipModels
import Datasets
import Diagnostics
import Files
import Networks
import Tensors
import TestSupport
import Testing

@testable import Training

/// Looks at held-out data: when they happen, what is kept, when a run ends.
@Suite struct ValidationTests {
  private static func held() throws -> Dataset {
    var stream = RandomSource(seed: 15).stream(.script)
    let images = try Tensor.random([12, 3, 8, 8], stream: &stream) * 0.8 + 0.1
    return try MemoryDataset.make(
      images: images, labels: (0..<12).map { $0 % 2 }, captions: nil, classNames: ["cat", "dog"],
      templates: [], ids: nil, name: "held")
  }

  private static func trainer(steps: Int, every: Int) throws -> Trainer {
    var trainer = try TinyTraining.trainer(.imageOnly)
    trainer.configuration.steps = steps
    trainer.configuration.optimizer.learningRate = 3e-2
    var validation = Validation(try held(), every: every)
    validation.attack = ImageAttackSpecification(
      name: "pgd", attack: ProjectedGradientDescent(steps: 3),
      settings: AttackSettings(budget: try Budget(.linf, 0.02), seed: 1))
    trainer.validation = validation
    return trainer
  }

  private static func column(_ name: String, _ rows: [[JSONValue.Member]]) -> [Double?] {
    rows.map { row in row.first { $0.key == name }?.value.double }
  }

  @Test func theBestLookIsKept() throws {
    let result = try Self.trainer(steps: 10, every: 3).run(
      TinyTraining.model(), data: TinyTraining.data())
    let robust = Self.column("val_robust", result.history)
    #expect(robust.indices.filter { robust[$0] != nil } == [2, 5, 8, 9])
    let clean = Self.column("val_clean", result.history)
    for (a, b) in zip(robust, clean) { #expect((a == nil) == (b == nil) && a ?? 0 <= b ?? 1) }
    let best = try #require(result.best)
    let values = robust.compactMap { $0 }
    #expect(best.value == values.max())
    #expect(best.step == (robust.firstIndex(of: best.value) ?? -1) + 1)
    // The kept model has the accuracy that was written down.
    let held = try Self.held()
    let classifier = try ZeroShotClassifier(best.model.frozen(), classNames: held.classNames)
    let labels = try (0..<12).compactMap { try held.label(at: $0) }
    let found = try classifier.predict(held.batch(Array(0..<12)).images).labels.integers()
    let share = Double(zip(found, labels).count { $0 == Int64($1) }) / 12
    #expect(share == clean[best.step - 1])
  }

  /// The events of a run, read as TensorBoard reads them: lengths, both checksums, steps, tags, numbers.
  @Test func eventsAreTensorBoards() throws {
    #expect(Array("123456789".utf8).withUnsafeBytes { Checksum.crc32c($0) } == 0xE306_9283)
    try withTemporaryDirectory { folder in
      var trainer = try Self.trainer(steps: 3, every: 3)
      trainer.configuration.output = folder + "/run"
      let result = try trainer.run(TinyTraining.model(), data: TinyTraining.data())
      let bytes = try FileReader.bytes(at: folder + "/run/events.out.tfevents.kilpi")
      func number(_ place: Int, _ size: Int) -> UInt64 {
        (0..<size).reduce(0) { $0 | UInt64(bytes[place + $1]) << ($1 * 8) }
      }
      func masked(_ range: Range<Int>) -> UInt64 {
        let sum = Array(bytes[range]).withUnsafeBytes { Checksum.crc32c($0) }
        return UInt64((sum >> 15 | sum << 17) &+ 0xA282_EAD8)
      }
      var (place, messages): (Int, [[UInt8]]) = (0, [])
      while place < bytes.count {
        let length = Int(number(place, 8))
        #expect(number(place + 8, 4) == masked(place..<place + 8))
        let start = place + 12
        #expect(number(start + length, 4) == masked(start..<start + length))
        messages.append(Array(bytes[start..<start + length]))
        place = start + length + 4
      }
      #expect(place == bytes.count && messages.count == 4)
      // Wall time, then the step as a number of one byte.
      #expect(
        messages.dropFirst().map { Array($0[9...10]) } == [[0x10, 1], [0x10, 2], [0x10, 3]])
      let loss = try #require(Self.column("loss", result.history)[0])
      let tag = Array("loss".utf8)
      let first = messages[1]
      let at = try #require(first.indices.first { Array(first[$0...].prefix(4)) == tag })
      let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(first[at + 5 + $1]) << ($1 * 8) }
      #expect(first[at + 4] == 0x15 && Float(bitPattern: bits) == Float(loss))
    }
  }

  /// Looks change nothing of the training itself.
  @Test func looksDoNotDisturb() throws {
    var plain = try Self.trainer(steps: 6, every: 2)
    plain.validation = nil
    let a = try plain.run(TinyTraining.model(), data: TinyTraining.data())
    let b = try Self.trainer(steps: 6, every: 2).run(
      TinyTraining.model(), data: TinyTraining.data())
    #expect(try TinyTraining.weights(a.model) == TinyTraining.weights(b.model))
    #expect(a.best == nil && b.best != nil)
  }

  @Test func noBetterLookEndsTheRun() throws {
    var trainer = try Self.trainer(steps: 60, every: 1)
    trainer.configuration.optimizer.learningRate = 1e-9
    trainer.validation?.patience = 3
    let result = try trainer.run(TinyTraining.model(), data: TinyTraining.data())
    #expect(result.steps == 4, "the first look is the best, three more are not better")
    #expect(result.best?.step == 1)
  }

  @Test func aResumedRunHasTheSameBest() throws {
    try withTemporaryDirectory { folder in
      var whole = try Self.trainer(steps: 8, every: 2)
      whole.configuration.output = folder + "/whole"
      let expected = try whole.run(TinyTraining.model(), data: TinyTraining.data())
      var stopped = try Self.trainer(steps: 8, every: 2)
      stopped.configuration.output = folder + "/run"
      stopped.configuration.checkpointEvery = 3
      stopped.onStep = { row in
        if row.first(where: { $0.key == "step" })?.value.int == 7 { throw KilpiError("stopped") }
        return true
      }
      #expect(throws: KilpiError.self) {
        try stopped.run(TinyTraining.model(), data: TinyTraining.data())
      }
      stopped.onStep = nil
      stopped.configuration.resumes = true
      let result = try stopped.run(TinyTraining.model(), data: TinyTraining.data())
      #expect(result.resumedFrom == 6)
      let (a, b) = (try #require(expected.best), try #require(result.best))
      #expect(a.step == b.step && a.value == b.value)
      #expect(try TinyTraining.weights(a.model) == TinyTraining.weights(b.model))
      let saved = try ClipModel.load(folder + "/run/best")
      #expect(try TinyTraining.weights(saved) == TinyTraining.weights(b.model))
    }
  }

  @Test func sharedSamplesAreRefused() throws {
    func set(_ ids: [String]) throws -> Dataset {
      try MemoryDataset.make(
        images: Tensor.full([4, 3, 8, 8], 0.5), labels: [0, 1, 0, 1], captions: nil,
        classNames: ["cat", "dog"], templates: [], ids: ids, name: "pets")
    }
    var trainer = try TinyTraining.trainer(.clean)
    trainer.validation = Validation(try set(["d", "e", "f", "g"]), every: 1)
    #expect(
      throws: KilpiError(
        "1 samples of pets are in both sets, 'd' among them",
        advice: "train and test on different samples")
    ) { try trainer.run(TinyTraining.model(), data: set(["a", "b", "c", "d"])) }
    trainer.validation = Validation(try TinyTraining.captions(), every: 1)
    #expect(throws: KilpiError.self) {
      try trainer.run(TinyTraining.model(), data: TinyTraining.data())
    }
  }
}
