@testable import AttackPlans
import Attacks
import ClipModels
import Datasets
import Diagnostics
import Files
import Networks
import Processes
import Tensors
import TestSupport
import Testing

@testable import Training

/// Several processes train as one does with the same batch.
@Suite struct DistributedTrainingTests {
  /// A run of the toy: losses by step, and the final weights.
  struct Run: Sendable {
    var losses: [Double]
    var terms: [[String]]
    var weights: [[Double]]
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var method: TinyTraining.Method
    var captions = false
    var accumulate = 1
    var size = 2
    var batch = 4
    var targets = ContrastiveTargets.label
    var testDescription: String {
      "\(method) \(captions ? "captions " : "")accumulate \(accumulate) processes \(size)"
    }
  }

  private static func run(
    _ row: Case, _ group: ProcessGroup, steps: Int, dtype: DType,
    change: (inout Trainer) -> Void = { _ in }
  ) throws -> Run {
    var trainer = try TinyTraining.trainer(row.method)
    trainer.configuration.steps = steps
    trainer.configuration.batch = row.batch
    trainer.configuration.accumulate = row.accumulate
    trainer.configuration.targets = row.targets
    trainer.configuration.templates = ["a {c}", "a photo of a {c}", "the {c}"]
    trainer.processes = group
    change(&trainer)
    let result = try trainer.run(
      TinyTraining.model().converted(to: dtype),
      data: row.captions ? TinyTraining.captions() : TinyTraining.data())
    return Run(
      losses: result.history.map { row in row.first { $0.key == "loss" }?.value.double ?? .nan },
      terms: result.history.map { $0.map(\.key) },
      weights: try result.model.parameters.entries.map { try $0.tensor.doubles() })
  }

  static let cases: [Case] = [
    Case(method: .clean), Case(method: .mmcoa), Case(method: .imageOnly), Case(method: .textOnly),
    Case(method: .mmcoa, size: 4), Case(method: .mmcoa, size: 3, targets: .labelMean),
    Case(method: .clean, size: 3, batch: 8, targets: .labelLogSum),
    Case(method: .mmcoa, accumulate: 2), Case(method: .clean, accumulate: 4, size: 3, batch: 8),
    Case(method: .contrastive, captions: true, size: 2, targets: .identity),
    Case(method: .mmcoa, captions: true, size: 4),
  ]

  /// In float64 rounding is out of the way: losses agree to 1e-9 and so do the weights.
  @Test(arguments: cases) func equalsOneProcess(row: Case) throws {
    let alone = try Self.run(row, ProcessGroup(), steps: 6, dtype: .float64)
    #expect(Set(alone.losses).count == 6, "the loss must move")
    let together = try onProcesses(row.size) {
      try Self.run(row, $0, steps: 6, dtype: .float64)
    }.map { try $0.get() }
    #expect(together.count == row.size)
    for run in together {
      #expect(mismatch(run.losses, alone.losses, rtol: 1e-9) == nil)
      #expect(run.terms == alone.terms)
      for (a, b) in zip(run.weights, alone.weights) {
        #expect(mismatch(a, b, rtol: 1e-7, atol: 1e-9) == nil)
      }
      #expect(run.weights == together[0].weights, "all processes hold the same bits")
    }
  }

  /// In float32: the first step to 1e-5, the first 50 to 1e-3.
  @Test(arguments: [2, 4]) func curveOverFiftySteps(size: Int) throws {
    let row = Case(method: .mmcoa, size: size)
    func slow(_ trainer: inout Trainer) { trainer.configuration.optimizer.learningRate = 1e-3 }
    let alone = try Self.run(row, ProcessGroup(), steps: 50, dtype: .float32, change: slow)
    let together = try onProcesses(size) { group in
      try Self.run(row, group, steps: 50, dtype: .float32) {
        $0.configuration.optimizer.learningRate = 1e-3
      }
    }.map { try $0.get() }
    for run in together {
      #expect(abs(run.losses[0] - alone.losses[0]) <= 1e-5 * abs(alone.losses[0]))
      #expect(mismatch(run.losses, alone.losses, rtol: 1e-3) == nil)
      #expect(run.weights == together[0].weights)
    }
  }

  /// The first process alone writes; a run goes on with another number of processes.
  @Test func resumesWithAnyNumber() throws {
    let row = Case(method: .mmcoa)
    let whole = try Self.run(row, ProcessGroup(), steps: 6, dtype: .float64)
    try withTemporaryDirectory { folder in
      struct Stop: Error {}
      let stopped = onProcesses(2) { group in
        try Self.run(row, group, steps: 6, dtype: .float64) { trainer in
          trainer.configuration.output = folder + "/run"
          trainer.configuration.checkpointEvery = 2
          trainer.onStep = { line in
            if line.first(where: { $0.key == "step" })?.value.int == 5 { throw Stop() }
            return true
          }
        }
      }
      for result in stopped { #expect(throws: Stop.self) { try result.get() } }
      let again = try onProcesses(3) { group in
        try Self.run(row, group, steps: 6, dtype: .float64) { trainer in
          trainer.configuration.output = folder + "/run"
          trainer.configuration.checkpointEvery = 2
          trainer.configuration.resumes = true
        }
      }.map { try $0.get() }
      for run in again {
        #expect(run.losses.count == 6, "rows of all steps")
        #expect(mismatch(run.losses, whole.losses, rtol: 1e-9) == nil)
        for (a, b) in zip(run.weights, whole.weights) {
          #expect(mismatch(a, b, rtol: 1e-7, atol: 1e-9) == nil)
        }
      }
      let lines = try FileReader.text(at: folder + "/run/metrics.jsonl").split(separator: "\n")
      #expect(lines.count == 6, "one line a step, from one process")
      #expect(FileReader.exists(folder + "/run/model/config.json"))
    }
  }

  @Test func oneProcessFails() {
    let results = onProcesses(2) { group in
      try Self.run(Case(method: .mmcoa), group, steps: 6, dtype: .float32) { trainer in
        guard group.rank == 1 else { return }
        let attack = trainer.imageAttack
        trainer.imageAttack = { target, images, ids, step in
          if step == 1 { throw KilpiError("the attack found nothing") }
          return try attack?(target, images, ids, step) ?? images
        }
      }
    }
    let texts = results.map { result -> String in
      guard case .failure(let error) = result else { return "" }
      return "\(error)"
    }
    #expect(texts == ["process 2: the attack found nothing", "the attack found nothing"])
  }

  @Test func errors() {
    let small = onProcesses(3) { group in
      try Self.run(Case(method: .clean, size: 3, batch: 2), group, steps: 1, dtype: .float32)
    }
    for result in small {
      #expect(
        throws: KilpiError(
          "the batch of 2 cannot be split over 3 processes",
          advice: "each needs a sample: a larger batch, or fewer processes")
      ) { try result.get() }
    }
    let different = onProcesses(2) { group in
      try Self.run(Case(method: .clean), group, steps: 1 + group.rank, dtype: .float32)
    }
    for result in different {
      #expect(
        throws: KilpiError(
          "process 2 does other work than process 1",
          advice: "all processes must run the same script on the same data")
      ) { try result.get() }
    }
  }
}
