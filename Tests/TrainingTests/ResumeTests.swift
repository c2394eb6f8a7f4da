@testable import AttackPlans
import Datasets
import ClipModels
import Diagnostics
import Files
import Tensors
import TestSupport
import Testing

@testable import Training

@Suite struct ResumeTests {
  /// Interrupts a run after `stop` steps by an error from the callback.
  private func run(
    _ path: String, steps: Int, stop: Int? = nil, resumes: Bool = false, keeping: Int? = 2,
    every: Int = 2, said: ((String) -> Void)? = nil, then: (() throws -> Void)? = nil
  ) throws -> TrainingResult? {
    var trainer = try TinyTraining.trainer(.mmcoa)
    trainer.configuration.steps = steps
    trainer.configuration.output = path
    trainer.configuration.checkpointEvery = every
    trainer.configuration.keptCheckpoints = keeping
    trainer.notice = said
    trainer.configuration.resumes = resumes
    var done = 0
    trainer.onStep = { _ in
      done += 1
      guard done == stop else { return true }
      guard let then else { throw KilpiError("stopped by the test") }
      try then()
      return true
    }
    do {
      return try trainer.run(TinyTraining.model(), data: TinyTraining.data())
    } catch let error as KilpiError where error.problem == "stopped by the test" {
      return nil
    }
  }

  @Test func aResumedRunEndsInTheSameWeights() throws {
    try withTemporaryDirectory { folder in
      let whole = try #require(try run(folder + "/whole", steps: 7))
      #expect(try run(folder + "/parts", steps: 7, stop: 5) == nil)
      let resumed = try #require(try run(folder + "/parts", steps: 7, resumes: true))
      #expect(resumed.resumedFrom == 4)
      #expect(resumed.history.count == 7)
      func steps(_ result: TrainingResult) -> [Int?] {
        result.history.map { row in row.first { $0.key == "step" }?.value.int }
      }
      #expect(steps(resumed) == Array(1...7))
      func losses(_ result: TrainingResult) -> [Double?] {
        result.history.map { row in row.first { $0.key == "loss" }?.value.double }
      }
      #expect(losses(resumed) == losses(whole))
      #expect(try TinyTraining.weights(resumed.model) == TinyTraining.weights(whole.model))
      func losses(_ name: String) throws -> [String] {
        try FileReader.text(at: "\(folder)/\(name)/metrics.csv").split(separator: "\n").map {
          $0.split(separator: ",").dropLast(2).joined(separator: ",")
        }
      }
      #expect(try losses("whole") == losses("parts"))
      #expect(try losses("whole").count == 8)
      let loaded = try ClipModel.load(folder + "/parts/model")
      #expect(try TinyTraining.weights(loaded) == TinyTraining.weights(whole.model))
    }
  }

  @Test func refusesToMixRuns() throws {
    try withTemporaryDirectory { folder in
      let path = folder + "/run"
      _ = try run(path, steps: 2)
      let again = #expect(throws: KilpiError.self) { try run(path, steps: 2) }
      #expect(again?.problem == "a run exists in '\(path)'")
      let other = #expect(throws: KilpiError.self) { try run(path, steps: 3, resumes: true) }
      #expect(other?.problem == "the run was started with other settings: steps was 2, is 3")
      // Without its description it still is a run, and gets another one.
      try FileReader.remove(path + "/run.json")
      #expect(throws: KilpiError.self) { try run(path, steps: 2) }
      #expect(try run(path, steps: 2, resumes: true)?.resumedFrom == 2)
      #expect(FileReader.exists(path + "/run.json"))
    }
  }

  @Test func refusesOtherDataAndModels() throws {
    try withTemporaryDirectory { folder in
      let path = folder + "/run"
      _ = try run(path, steps: 2)
      var trainer = try TinyTraining.trainer(.mmcoa)
      trainer.configuration.steps = 2
      trainer.configuration.output = path
      trainer.configuration.resumes = true
      let data = try TinyTraining.data()
      let other = #expect(throws: KilpiError.self) {
        try trainer.run(TinyTraining.model(), data: data.subset([1, 0, 2, 3, 4, 5, 6, 7]))
      }
      #expect(other?.problem.contains("data_digests.ids was ") == true)
      // Another number of samples moves the epochs, too: still the data are named.
      let fewer = #expect(throws: KilpiError.self) {
        try trainer.run(TinyTraining.model(), data: data.subset([0, 1, 2, 3, 4, 5]))
      }
      #expect(fewer?.problem.contains("data_digests.ids was ") == true)
    }
  }

  struct Change: CustomTestStringConvertible, @unchecked Sendable {
    let expected: String
    var data: (Dataset) throws -> Dataset = { $0 }
    var model: (ClipModel) throws -> ClipModel = { $0 }
    var settings: (inout TrainingConfiguration) -> Void = { _ in }
    var testDescription: String { expected }
  }

  /// The same images with other labels or names.
  private static func relabelled(
    _ data: Dataset, labels: ([Int]) -> [Int] = { $0 }, names: ([String]) -> [String] = { $0 }
  ) throws -> Dataset {
    let batch = try data.batch(Array(0..<data.count))
    let own = try (0..<data.count).map { try data.label(at: $0) ?? 0 }
    return try MemoryDataset.make(
      images: batch.images, labels: labels(own), classNames: names(data.classNames),
      templates: data.templates, ids: data.ids, name: data.name)
  }

  static let changes = [
    Change(expected: "accumulate was 1, is 2", settings: { $0.accumulate = 2 }),
    Change(expected: "truncate was false, is true", model: { try $0.truncatingTexts(true) }),
    Change(expected: "templates.1 was ", settings: { $0.templates = ["one {c}"] }),
    Change(
      expected: "data_digests.labels was ",
      data: { try relabelled($0, labels: { $0.reversed() }) }),
    Change(
      expected: "data_digests.classes was ",
      data: { try relabelled($0, names: { $0.map { $0 + "s" } }) }),
  ]

  @Test("what changes the result is held against the checkpoint", arguments: changes)
  func refusesOtherSettings(_ row: Change) throws {
    try withTemporaryDirectory { folder in
      func trainer() throws -> Trainer {
        var trainer = try TinyTraining.trainer(.contrastive)
        trainer.configuration.steps = 1
        trainer.configuration.output = folder + "/run"
        return trainer
      }
      let data = try Self.relabelled(TinyTraining.data())
      _ = try trainer().run(TinyTraining.model(), data: data)
      var other = try trainer()
      other.configuration.resumes = true
      row.settings(&other.configuration)
      let error = #expect(throws: KilpiError.self) {
        try other.run(row.model(TinyTraining.model()), data: row.data(data))
      }
      #expect(
        error?.problem.hasPrefix("the run was started with other settings: \(row.expected)")
          == true,
        "\(error?.problem ?? "nothing")")
    }
  }

  private func checkpoints(_ path: String) throws -> [String] {
    try FileReader.names(in: path + "/checkpoints")
  }

  @Test func passesOverADamagedCheckpoint() throws {
    try withTemporaryDirectory { folder in
      let path = folder + "/run"
      let whole = try #require(try run(folder + "/whole", steps: 7))
      #expect(try run(path, steps: 7, stop: 5) == nil)
      let name = path + "/checkpoints/step-00000004.safetensors"
      // One bit of one weight.
      var bytes = try FileReader.bytes(at: name)
      bytes[bytes.count - 100] ^= 1
      try AtomicFile.write(bytes, to: name)
      var said: [String] = []
      let resumed = try #require(
        try run(path, steps: 7, resumes: true, said: { said.append($0) }))
      #expect(resumed.resumedFrom == 2)
      #expect(
        said == [
          "passed over a damaged checkpoint: step-00000004.safetensors: its SHA-256 is wrong: "
            + "the file was changed; goes on from step 2"
        ])
      #expect(try TinyTraining.weights(resumed.model) == TinyTraining.weights(whole.model))
      #expect(try FileReader.bytes(at: name + ".damaged") == bytes, "it is kept")
    }
  }

  /// Metadata that lie, under a hash that is right.
  static let lies: [(String, String, String)] = [
    ("\"step\":4", "\"step\":-1", "its metadata say step -1, by its name it is 4"),
    ("\"step\":4", "\"step\":100", "its metadata say step 100, by its name it is 4"),
    ("\"step\":4", "\"step\":\"4\"", "its metadata say step \"4\", by its name it is 4"),
    ("\"step\":4", "\"step\":1e300", "its metadata say step 1e+300, by its name it is 4"),
    ("\"epoch\":2", "\"epoch\":7", "its metadata say epoch 7, by its name it is 2"),
    ("\"position\":0", "\"position\":1", "its metadata say position 1, by its name it is 0"),
    ("\"format\":3", "\"format\":1", "it has another format than 3"),
    ("\"metrics_bytes\":", "\"metrics_bytes\":1099511627776,\"x\":", "metrics.jsonl has "),
    ("\"metrics_bytes\":", "\"metrics_bytes\":-1,\"x\":", "metrics.jsonl has "),
    ("\"metrics_bytes\":", "\"metrics_bytes\":0,\"x\":", "metrics.jsonl holds 0 lines in 0 bytes"),
    ("\"table_bytes\":", "\"table_bytes\":40,\"x\":", "metrics.csv holds 1 lines in 40 bytes"),
    ("\"configuration\":", "\"settings\":", "it has another format than 3"),
  ]

  @Test(arguments: lies.indices) func refusesMetadataThatLie(index: Int) throws {
    let (from, to, reason) = Self.lies[index]
    try withTemporaryDirectory { folder in
      let path = folder + "/run"
      #expect(try run(path, steps: 7, stop: 5) == nil)
      let length = try FileReader.bytes(at: path + "/metrics.jsonl").count
      let name = path + "/checkpoints/step-00000004.safetensors"
      let (tensors, metadata) = try Safetensors.load(name)
      let text = try #require(metadata["kilpi"])
      let lie = text.replacing(from, with: to, maxReplacements: 1)
      #expect(lie != text)
      try Safetensors.save(tensors, metadata: ["kilpi": lie], to: name, sealed: true)
      try FileReader.remove(path + "/checkpoints/step-00000002.safetensors")
      let error = #expect(throws: KilpiError.self) { try run(path, steps: 7, resumes: true) }
      #expect(
        error?.problem.hasPrefix(
          "no checkpoint of the run in '\(path)' can be resumed from: "
            + "step-00000004.safetensors: \(reason)") == true, "\(error?.problem ?? "nothing")")
      #expect(try FileReader.bytes(at: path + "/metrics.jsonl").count == length)
      #expect(try checkpoints(path) == ["step-00000004.safetensors"], "nothing was touched")
    }
  }

  @Test func aNameCountsAsMuchAsTheMetadata() throws {
    try withTemporaryDirectory { folder in
      let path = folder + "/run"
      #expect(try run(path, steps: 7, stop: 5) == nil)
      let folder = path + "/checkpoints/"
      let bytes = try FileReader.bytes(at: folder + "step-00000004.safetensors")
      try AtomicFile.write(bytes, to: folder + "step-00000006.safetensors")
      try AtomicFile.write(bytes, to: folder + "step-4.safetensors")
      #expect(try run(path, steps: 7, resumes: true)?.resumedFrom == 4)
    }
  }

  @Test func keepsAsManyCheckpointsAsAsked() throws {
    try withTemporaryDirectory { folder in
      for (kept, count) in [(2, 2), (3, 3), (nil, 7)] as [(Int?, Int)] {
        let path = "\(folder)/\(count)"
        _ = try run(path, steps: 7, keeping: kept, every: 1)
        #expect(
          try checkpoints(path)
            == (1...7).suffix(count).map { "step-0000000\($0).safetensors" })
      }
    }
  }

  @Test func oneRunAFolder() throws {
    try withTemporaryDirectory { folder in
      let path = folder + "/run"
      let result = try run(
        path, steps: 4, stop: 3, every: 1,
        then: {
          let second = #expect(throws: KilpiError.self) { try run(path, steps: 4, resumes: true) }
          #expect(second?.problem.hasSuffix("already works in '\(path)'") == true)
        })
      #expect(result?.steps == 4)
      #expect(try run(path, steps: 4, resumes: true)?.resumedFrom == 4)
    }
  }

  @Test func aRemovedFolderIsWrittenAgain() throws {
    try withTemporaryDirectory { folder in
      let whole = try #require(try run(folder + "/whole", steps: 7))
      let path = folder + "/run"
      let error = #expect(throws: KilpiError.self) {
        _ = try run(
          path, steps: 7, stop: 3,
          then: { try FileReader.rename(path, to: folder + "/elsewhere") })
      }
      #expect(
        error?.description
          == "cannot write '\(path)/metrics.jsonl': it was removed or replaced while it was being "
          + "written, after step 4 of 7 (it was written again with all rows and the state of this "
          + "step: resume = true goes on there)")
      let resumed = try #require(try run(path, steps: 7, resumes: true))
      #expect(resumed.resumedFrom == 4 && resumed.history.count == 7)
      #expect(try TinyTraining.weights(resumed.model) == TinyTraining.weights(whole.model))
    }
  }

  @Test func somethingElseInItsPlaceIsLeftAlone() throws {
    try withTemporaryDirectory { folder in
      let path = folder + "/run"
      let error = #expect(throws: KilpiError.self) {
        _ = try run(
          path, steps: 7, stop: 7,
          then: {
            try FileReader.rename(path, to: folder + "/elsewhere")
            try FileReader.makeDirectory(path)
            try AtomicFile.write("{}", to: path + "/run.json")
          })
      }
      #expect(
        error?.description
          == "'\(path)' was removed or replaced by something else, after step 7 of 7 "
          + "('\(path).rescued' was written with all rows and the state of this step: "
          + "resume = true goes on there)")
      let names = try FileReader.names(in: path)
      #expect(names == ["run.json"])
      let resumed = try run(path + ".rescued", steps: 7, resumes: true)
      #expect(resumed?.resumedFrom == 7)
    }
  }
}
