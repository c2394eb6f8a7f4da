internal import Diagnostics

/// Turns finished work into progress.
final class EvaluationMeter {
  private let name: String
  private var total: Int
  private var done = 0
  private let weights: [String: Int]
  private let samples: Int
  private var finished: [String: Int] = [:]
  private let batch: Int

  /// A meter for rows of unequal cost; labels that are not among `weights` are no part of the whole.
  init(_ name: String, weights: [String: Int], samples: Int, batch: Int) {
    self.name = name
    self.weights = weights
    self.samples = samples
    self.batch = batch
    total = max(1, samples.multipliedClamped(by: weights.values.reduce(0) { $0.addingClamped($1) }))
  }

  /// Says what is planned, before anything runs.
  func announce(_ note: String, _ progress: ProgressHandler?) {
    progress?(ProgressEvent(name: name, completed: 0, total: total, note: note))
  }

  /// Takes what an earlier run did out of the whole, so that the time left is that of the rest.
  func restored(_ label: String, _ count: Int) {
    total = max(1, total - count * (weights[label] ?? 0))
    finished[label, default: 0] += count
  }

  /// Reports so many samples of a row as done.
  func finished(_ label: String, _ count: Int, _ progress: ProgressHandler?) {
    done += count * (weights[label] ?? 0)
    finished[label, default: 0] += count
    progress?(
      ProgressEvent(
        name: name, completed: min(done, total), total: total,
        note: "\(label) \(finished[label] ?? 0) of \(samples)"))
  }

  /// The progress of a text attack under a name of its own: what it costs is not known beforehand, so
  /// it is no part of the whole.
  static func own(_ label: String, _ progress: ProgressHandler?) -> ProgressHandler? {
    guard let progress else { return nil }
    return { event in
      progress(
        ProgressEvent(
          name: label, completed: event.completed, total: event.total, note: event.note))
    }
  }

  /// Passes on an attack's own steps as part of the whole.
  func handler(_ label: String, _ progress: ProgressHandler?) -> ProgressHandler? {
    guard let progress else { return nil }
    return { [self] event in
      let count = min(batch, samples - (finished[label] ?? 0))
      let share = Double(event.completed) / Double(max(event.total, 1))
      let own = Int(clamped: share * Double(count * (weights[label] ?? 0)))
      progress(
        ProgressEvent(
          name: name, completed: min(done + own, total), total: total,
          note: label + (event.note.isEmpty ? "" : ", " + event.note)))
    }
  }
}
