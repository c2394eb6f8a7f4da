internal import Attacks
package import Diagnostics
package import Processes

/// What an evaluation is told, whatever it measures.
package protocol EvaluationSettings {
  /// Images worked on together, at least 1.
  var batch: Int { get set }
  /// Root of random draws, in place of the attacks' own seeds.
  var seed: UInt64? { get set }
  /// A folder for the record, which grows as images are finished; nil for none.
  var output: String? { get set }
  /// Go on with the record that stands in `output`: what is finished is not computed again.
  var resumes: Bool { get set }
  /// Who shares the work; this process alone unless told otherwise.
  var processes: ProcessGroup { get set }
  /// Told as images are finished.
  var progress: ProgressHandler? { get set }
}

extension EvaluationSettings {
  /// Refuses batches without images, and a record without a folder.
  func checkRun() throws {
    guard batch >= 1 else { throw KilpiError("batch is \(batch), at least 1 is needed") }
    guard output != nil || !resumes else {
      throw KilpiError("resume needs out", advice: "name the evaluation's folder")
    }
  }

  /// Refuses attacks without a name, and two of one name among those of one kind.
  func checkNames(_ kinds: [[String]]) throws {
    for names in kinds {
      if names.contains("") {
        throw KilpiError("an attack has an empty name", advice: "leave name out, or give one")
      }
      var seen = Set<String>()
      if let twice = names.first(where: { !seen.insert($0).inserted }) {
        throw KilpiError(
          "two attacks have the name '\(twice)'", advice: "give one of them another name")
      }
    }
  }
}

extension Parameter where Owner: EvaluationSettings {
  /// Images worked on together.
  static var batch: Parameter { Parameter("batch", \.batch, 1...65536, "images at once") }
}
