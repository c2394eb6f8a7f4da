@testable import AttackPlans
import ClipModels
import Diagnostics
import Tensors
import TestSupport
import Testing

@testable import Training

/// Parts of a batch and recomputed blocks save memory and change nothing else.
@Suite struct TrainingMemoryTests {
  enum Family: String, CaseIterable, Sendable {
    case clip, siglip, residual

    func model() throws -> ClipModel {
      var configuration = ClipConfiguration(
        embedding: 8, imageSize: 8, patchSize: 4,
        vision: .init(width: 8, layers: 2, heads: 2), text: .init(width: 4, layers: 2, heads: 1))
      switch self {
      case .clip: break
      case .siglip:
        configuration.imageStyle = .siglip
        configuration.textStyle = .siglip
        configuration.score = .sigmoid
        configuration.context = 16
      case .residual:
        configuration.residualBlocks = [1, 1, 1, 1]
        configuration.imageSize = 32
        configuration.patchSize = 32
        configuration.vision = .init(width: 2, layers: 4, heads: 2)
      }
      return try ClipModel.random(configuration, seed: 4).converted(to: .float64)
    }
  }

  private func gradients(
    _ family: Family, _ method: TinyTraining.Method, accumulate: Int, recomputes: Bool
  ) throws -> (loss: Double, gradients: [Tensor]) {
    var trainer = try TinyTraining.trainer(method)
    trainer.configuration.accumulate = accumulate
    trainer.configuration.recomputesActivations = recomputes
    let session = try TrainingSession(
      trainer, model: family.model(), data: TinyTraining.data())
    let batch = try session.schedule.batch(step: 0, order: Array(0..<8))
    let result = try StepFeatures(session, batch).lossAndGradients()
    return (result.value, result.gradients)
  }

  @Test(arguments: Family.allCases) func sameGradients(family: Family) throws {
    for method in [TinyTraining.Method.mmcoa, .clean] {
      let plain = try gradients(family, method, accumulate: 1, recomputes: false)
      #expect(try plain.gradients.contains { try $0.sumOfSquares() > 0 })
      for (accumulate, recomputes) in [(1, true), (2, false), (4, true)] {
        let other = try gradients(family, method, accumulate: accumulate, recomputes: recomputes)
        #expect(abs(other.loss - plain.loss) <= 1e-12 * abs(plain.loss))
        for (a, b) in zip(other.gradients, plain.gradients) {
          try expectClose(a, b, rtol: 1e-9, atol: 1e-12)
        }
      }
    }
  }

  @Test func aPartMustFit() throws {
    var trainer = try TinyTraining.trainer(.clean)
    trainer.configuration.accumulate = 3
    #expect(
      throws: KilpiError("accumulate is 3, which does not divide the batch of 4")
    ) { try trainer.run(TinyTraining.model(), data: TinyTraining.data()) }
  }

  /// A changed weight between forward and backward is an error, as without recomputation.
  @Test func changedInputsAreNoticed() throws {
    let x = try Tensor.ones([3]).setRequiresGradient(true)
    let w = try Tensor.ones([3])
    let y = try Tensor.recomputed([x, w]) { try ($0[0] * $0[1]).exp() }
    try w.assign(Tensor.zeros([3]))
    #expect(throws: KilpiError.self) { try y.sum().backward() }
  }
}
