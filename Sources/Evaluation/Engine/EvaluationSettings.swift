internal import Diagnostics
internal import Processes

/// What an evaluation is told, whatever it measures.
protocol EvaluationSettings {
  /// Images worked on together.
  var batch: Int { get }
  /// A folder for the record; nil for none.
  var output: String? { get }
  /// Go on with the record that stands there.
  var resumes: Bool { get }
  /// Who shares the work.
  var processes: ProcessGroup { get }
  /// Told as images are finished.
  var progress: ProgressHandler? { get }
}

extension EvaluationSettings {
  /// Refuses batches without images, and a record without a folder.
  func checkRun() throws {
    guard batch >= 1 else { throw KilpiError("", "batch is \(batch), at least 1 is needed") }
    guard output != nil || !resumes else {
      throw KilpiError("", "resume needs out", advice: "name the evaluation's folder")
    }
  }

  /// Refuses attacks without a name, and two of one name among those of one kind.
  func checkNames(_ kinds: [[String]]) throws {
    for names in kinds {
      if names.contains("") {
        throw KilpiError("", "an attack has an empty name", advice: "leave name out, or give one")
      }
      var seen = Set<String>()
      if let twice = names.first(where: { !seen.insert($0).inserted }) {
        throw KilpiError(
          "", "two attacks have the name '\(twice)'", advice: "give one of them another name")
      }
    }
  }
}
