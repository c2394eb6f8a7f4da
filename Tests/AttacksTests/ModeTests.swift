import Attacks
import Diagnostics
import Tensors
import Testing

/// The mode that a caller is in: recording is the only one that there is.
@Suite struct ModeTests {
  struct Row: CustomTestStringConvertible, Sendable {
    var wasRecordingWhenMade: Bool
    var isRecording: Bool
    var fails: Bool
    var testDescription: String {
      "made \(wasRecordingWhenMade), called \(isRecording), \(fails ? "fails" : "ends well")"
    }
  }

  static let rows = [true, false].flatMap { made in
    [true, false].flatMap { called in
      [true, false].map { Row(wasRecordingWhenMade: made, isRecording: called, fails: $0) }
    }
  }

  /// Runs `body` with recording on or off.
  private static func recording<Result>(
    _ isOn: Bool, _ body: () throws -> Result
  ) throws -> Result {
    isOn ? try body() : try Tensor.withoutGradients(body)
  }

  @Test(
    "B27, I15: the mode after an attack is that at the call, not that when it was made",
    arguments: rows)
  func modeAtTheCall(_ row: Row) throws {
    let model = ToyModel(kind: .gelu, shape: [3, 3, 2], classes: 4)
    let (images, labels) = try model.samples(4)
    var settings = AttackSettings(budget: try Budget(.linf, 0.05), seed: 1)
    settings.reporting.probes = false
    let attacks = try Self.recording(row.wasRecordingWhenMade) {
      [
        ProjectedGradientDescent(steps: 4), MomentumIterative(steps: 4, scales: 2),
        AutoAttack(.ceDLR, steps: 4), CarliniWagner(searchSteps: 1, steps: 4),
        DeepFool(steps: 4),
      ] as [any ImageAttack]
    }
    for attack in attacks {
      var calls = 0
      let classifier = Classifier { batch in
        calls += 1
        // Behind the first gradient, so that a mode is there to be put back.
        if row.fails, calls == 4 { throw KilpiError("stop") }
        return try model.classifier()(batch)
      }
      var settings = settings
      settings.threat.budget = attack.name == "cw" ? try Budget(.l2, 0.5) : settings.threat.budget
      try Self.recording(row.isRecording) {
        let text = message {
          _ = try attack.run(
            classifier, images: images, criterion: .misclassified(labels), settings: settings)
        }
        #expect(text == (row.fails ? "stop" : "no error"), "\(attack.name)")
        #expect(GradientMode.isRecording == row.isRecording, "\(attack.name)")
      }
      #expect(GradientMode.isRecording, "\(attack.name)")
    }
  }
}
