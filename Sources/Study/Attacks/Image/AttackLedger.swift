internal import Diagnostics
internal import Tensors

/// What a run of an attack spent and saw: passes, losses, gradients, progress.
final class AttackLedger {
  /// Passes of each sample.
  private(set) var forwards: [Int]
  /// Gradients of each sample.
  private(set) var backwards: [Int]
  /// The largest magnitude of each sample's first gradient, for the flag `zero_gradient`.
  private(set) var firstSizes: [Double?]
  /// That of its last one, for `loss_flat`.
  private(set) var lastSizes: [Double?]
  /// The best loss of each sample in the first run after half of the steps; empty where nobody asks.
  private(set) var halfLosses: [Double] = []
  /// That after all of them.
  private(set) var fullLosses: [Double] = []
  private var steps: AttackTrace?
  private let start = ContinuousClock.now
  private let name: String
  private let settings: AttackSettings
  private let plannedVisits: Int
  private let watchesLosses: Bool
  private var stepsDone = 0
  private var stepsPlanned = 1

  /// - Parameters:
  ///   - plannedVisits: points of one run.
  ///   - watchesLosses: whether a loss that does not grow is a sign of anything.
  init(
    _ name: String, samples: Int, _ settings: AttackSettings, plannedVisits: Int = 0,
    watchesLosses: Bool = false
  ) {
    self.name = name
    self.settings = settings
    self.plannedVisits = plannedVisits
    self.watchesLosses = watchesLosses && plannedVisits >= 4
    forwards = [Int](repeating: 0, count: samples)
    backwards = forwards
    firstSizes = [Double?](repeating: nil, count: samples)
    lastSizes = firstSizes
  }

  // MARK: Passes

  func count(forwards rows: [Int]) { for row in rows { forwards[row] += 1 } }
  func count(backwards rows: [Int]) { for row in rows { backwards[row] += 1 } }

  /// Passes of a probe over the first samples, one after another and from the start again.
  func count(probes passes: Int) {
    for index in 0..<passes { forwards[index % forwards.count] += 1 }
  }

  // MARK: Losses and gradients

  /// The values of a loss, none of them infinite or NaN.
  func finite(_ loss: Tensor, _ rows: [Int], step: Int) throws -> [Double] {
    let values = try checkedLoss(loss, rows: rows.count).doubles()
    for (position, value) in values.enumerated() where !value.isFinite {
      throw KilpiError(
        "the loss of sample \(rows[position] + settings.reporting.firstIndex) is \(value) at step \(step)",
        advice: "check the classifier's output on this image")
    }
    return values
  }

  /// Remembers the sizes of a gradient, none of whose entries is infinite or NaN.
  func note(_ gradient: Tensor, _ rows: [Int], step: Int) throws {
    for (size, row) in zip(try gradient.largestMagnitudes(), rows) {
      guard size.isFinite else {
        throw KilpiError(
          "the gradient of sample \(row + settings.reporting.firstIndex) is not finite at step \(step)",
          advice: "check the classifier on this image")
      }
      if firstSizes[row] == nil { firstSizes[row] = size }
      lastSizes[row] = size
    }
  }

  /// Remembers the best loss of each sample in the first run, after half of the steps and after all.
  func note(losses: [Double], _ rows: [Int], restart: Int, visit: Int) {
    guard watchesLosses, settings.reporting.probes, restart == 0 else { return }
    if halfLosses.isEmpty {
      halfLosses = [Double](repeating: -.infinity, count: forwards.count)
      fullLosses = halfLosses
    }
    for (row, loss) in zip(rows, losses) {
      fullLosses[row] = max(fullLosses[row], loss)
      if 2 * visit <= plannedVisits { halfLosses[row] = max(halfLosses[row], loss) }
    }
  }

  /// Every step, where the settings ask for it.
  func trace(
    _ restart: Int, _ visit: Int, _ rows: [Int], _ losses: [Double], _ margins: [Double]?
  ) {
    guard settings.reporting.recordsTrace else { return }
    var trace = steps ?? AttackTrace()
    let index = restart.multipliedClamped(by: plannedVisits.addingClamped(1)).addingClamped(
      visit - 1)
    let blank = [Double](repeating: .nan, count: forwards.count)
    while trace.loss.count <= index { trace.loss.append(blank) }
    for (position, row) in rows.enumerated() { trace.loss[index][row] = losses[position] }
    if let margins {
      while trace.margin.count <= index { trace.margin.append(blank) }
      for (position, row) in rows.enumerated() { trace.margin[index][row] = margins[position] }
    }
    steps = trace
  }

  // MARK: Progress

  /// Plans as many steps as `batches` of samples take in all runs.
  func plan(batches: Int) {
    stepsPlanned = max(
      1,
      batches.multipliedClamped(by: settings.search.restarts).multipliedClamped(
        by: plannedVisits.addingClamped(1)))
  }

  /// Tells the mean loss of a step.
  func step(losses: [Double]) {
    guard let progress = settings.reporting.progress, !losses.isEmpty else { return }
    stepsDone = min(stepsDone + 1, stepsPlanned)
    let mean = losses.reduce(0, +) / Double(losses.count)
    let text = "loss \((mean * 1000).rounded() / 1000)"
    progress(ProgressEvent(name: name, completed: stepsDone, total: stepsPlanned, note: text))
  }

  /// Ends the bar, also of attacks that needed fewer visits than planned.
  func end() {
    settings.reporting.progress?(
      ProgressEvent(name: name, completed: stepsPlanned, total: stepsPlanned))
  }

  /// Puts passes, steps and time into a report.
  func fill(_ report: inout AttackReport) {
    report.forwards = forwards
    report.backwards = backwards
    report.trace = steps
    let duration = start.duration(to: .now).components
    report.seconds = Double(duration.seconds) + Double(duration.attoseconds) * 1e-18
  }
}
