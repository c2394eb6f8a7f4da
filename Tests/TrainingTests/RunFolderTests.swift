@testable import AttackPlans
import Diagnostics
import Files
import Foundation
import TestSupport
import Testing

@testable import Training

/// What is said of a run that was disturbed is what `resume` then finds.
@Suite struct DisturbedRunTests {
  private struct Outcome {
    var error: KilpiError?
    var result: TrainingResult?
    var said: [String] = []
  }

  /// Trains 7 steps with a checkpoint every second one; `disturb` runs after step 5.
  private func run(
    _ path: String, resumes: Bool = false, disturb: (() throws -> Void)? = nil
  ) throws -> Outcome {
    var trainer = try TinyTraining.trainer(.contrastive)
    trainer.configuration.steps = 7
    trainer.configuration.output = path
    trainer.configuration.checkpointEvery = 2
    trainer.configuration.resumes = resumes
    var outcome = Outcome()
    trainer.notice = { outcome.said.append($0) }
    trainer.onStep = { row in
      if row.first(where: { $0.key == "step" })?.value.int == 5 { try disturb?() }
      return true
    }
    do {
      outcome.result = try trainer.run(TinyTraining.model(), data: TinyTraining.data())
    } catch let error as KilpiError {
      outcome.error = error
    }
    return outcome
  }

  /// I28: equal texts are negatives of each other only by name, and the run says so once.
  @Test func repeatsUnderIdentityTargetsAreSaid() throws {
    for (targets, count) in [(ContrastiveTargets.identity, 1), (.labelMean, 0)] {
      var said: [String] = []
      var trainer = try TinyTraining.trainer(.contrastive)
      trainer.configuration.steps = 3
      trainer.configuration.targets = targets
      trainer.notice = { said.append($0) }
      _ = try trainer.run(TinyTraining.model(), data: TinyTraining.data())
      #expect(said.count { $0.hasPrefix("identity targets: ") } == count, "\(targets): \(said)")
    }
  }

  static let disturbances: [(name: String, disturb: @Sendable (String) throws -> Void)] = [
    ("metrics removed", { try FileReader.remove($0 + "/metrics.jsonl") }),
    ("table removed", { try FileReader.remove($0 + "/metrics.csv") }),
    ("metrics emptied", { #expect(truncate($0 + "/metrics.jsonl", 0) == 0) }),
    ("metrics replaced", { try AtomicFile.write("{}\n", to: $0 + "/metrics.jsonl") }),
    (
      "being removed",
      { path in
        for name in try FileReader.names(in: path + "/checkpoints") {
          try FileReader.remove(path + "/checkpoints/" + name)
        }
        try FileReader.remove(path + "/metrics.jsonl")
      }
    ),
  ]

  @Test(arguments: disturbances.indices) func isWrittenBeside(index: Int) throws {
    let (name, disturb) = Self.disturbances[index]
    try withTemporaryDirectory { folder in
      let whole = try #require(try run(folder + "/whole").result)
      let path = folder + "/run"
      let error = try #require(try run(path, disturb: { try disturb(path) }).error, "\(name)")
      #expect(error.problem.hasSuffix("after step 6 of 7"), "\(name): \(error)")
      #expect(
        error.advice
          == "'\(path).rescued' was written with all rows and the state of this step: "
          + "resume = true goes on there", "\(name)")
      let resumed = try #require(try run(path + ".rescued", resumes: true).result)
      #expect(resumed.resumedFrom == 6 && resumed.history.count == 7)
      #expect(try TinyTraining.weights(resumed.model) == TinyTraining.weights(whole.model))
    }
  }

  /// The advice of a run that stops names the step from which `resume` does go on.
  @Test func theAdviceIsTried() throws {
    try withTemporaryDirectory { folder in
      let path = folder + "/run"
      // The newest checkpoint is damaged; the metric file is torn behind what checkpoints hold.
      let outcome = try run(path) {
        try AtomicFile.write("damaged", to: path + "/checkpoints/step-00000004.safetensors")
        let file = try AppendOnlyFile(path: path + "/metrics.jsonl")
        try file.append("{")
      }
      #expect(outcome.error?.advice == "resume = true goes on from step 2 in '\(path)'")
      #expect(try run(path, resumes: true).result?.resumedFrom == 2)
    }
  }

  /// Rows that were edited are not taken for the run's.
  @Test func editedRowsAreRefused() throws {
    try withTemporaryDirectory { folder in
      for (name, from, to) in [
        ("metrics.jsonl", "\"lr\":", "\"lR\":"), ("metrics.csv", "1,1,", "1,2,"),
      ] {
        let path = folder + "/" + name
        _ = try run(path, disturb: { throw KilpiError("stop") })
        let text = try FileReader.text(at: path + "/" + name)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        // In the last row of the newer checkpoint: the older one is still right.
        let row = name == "metrics.csv" ? 4 : 3
        var later = lines
        later[row] =
          name == "metrics.csv"
          ? "4," + "9" + lines[row].dropFirst(3) : lines[row].replacing(from, with: to)
        try AtomicFile.write(later.joined(separator: "\n"), to: path + "/" + name)
        let outcome = try run(path, resumes: true)
        #expect(outcome.result?.resumedFrom == 2, "\(String(describing: outcome.error))")
        #expect(
          outcome.said == [
            "passed over a damaged checkpoint: step-00000004.safetensors: \(name) was changed after "
              + "it was written; goes on from step 2"
          ])
        var first = try FileReader.text(at: path + "/" + name)
        first = first.replacing(from, with: to, maxReplacements: 1)
        try AtomicFile.write(first, to: path + "/" + name)
        let error = try run(path, resumes: true).error
        #expect(
          error?.problem.hasSuffix("\(name) was changed after it was written") == true,
          "\(String(describing: error))")
      }
    }
  }

  @Test func anEditedDescriptionIsWrittenAgain() throws {
    try withTemporaryDirectory { folder in
      let path = folder + "/run"
      _ = try run(path, disturb: { throw KilpiError("stop") })
      let text = try FileReader.text(at: path + "/run.json")
      try AtomicFile.write(text.replacing("contrastive", with: "mmcoa"), to: path + "/run.json")
      let outcome = try run(path, resumes: true)
      #expect(outcome.said == ["run.json was changed after it was written: it is written again"])
      #expect(try FileReader.text(at: path + "/run.json") == text)
      // The checkpoints that followed hold the digest of what was written again.
      #expect(try run(path, resumes: true).said == [])
    }
  }
}
