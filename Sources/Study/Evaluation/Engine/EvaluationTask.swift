internal import Datasets
internal import Diagnostics
internal import Files
internal import Processes

/// What one row makes of one batch of images, or some of it: finished, or not at all.
protocol EvaluationPart {
  /// The row's label.
  var label: String { get }
  /// Images that the row is through with.
  var count: Int { get }
  /// Time that they took.
  var seconds: Double { get }
  /// It stands in the record already.
  var isRestored: Bool { get set }
  /// All but `isRestored`, for other processes.
  func json() throws -> JSONValue
}

/// What an evaluation measures.
///
/// The engine, which is the extension of this protocol, opens the record, hands batches of images to the
/// processes, and brings what they finish into the results and the record, in the order of the batches.
protocol EvaluationTask: AnyObject {
  associatedtype Part: EvaluationPart
  associatedtype Report

  /// The kind of its results.
  static var kind: ResultFolder.Kind { get }
  /// What the engine keeps.
  var state: RunState<Part> { get set }
  /// Labels of the rows, each with all that fixes it.
  var planned: [(label: String, record: JSONValue)] { get }
  /// What else is the same on all processes.
  var common: [String] { get throws }

  /// What comes before the record is opened.
  func prepare() throws
  /// Model, data and threat model.
  func about() throws -> JSONValue
  /// What else fixes the result.
  func settings() throws -> [JSONValue.Member]
  /// Takes a line of the record; false when it has another format.
  func take(line: JSONValue) throws -> Bool
  /// Measures all rows, by `eachBatch` and `once`.
  func measure() throws
  /// Reads what `Part.json` wrote; nil when something is missing or does not fit.
  func part(_ json: JSONValue) throws -> Part?
  /// Takes a part into the results.
  func take(_ part: Part) throws
  /// Writes a part; the part as the record has it.
  func write(_ part: Part, to record: RunRecord) throws -> Part
  /// The result, when all is measured.
  func report() throws -> Report
}

/// What every run keeps.
struct RunState<Part> {
  let settings: any EvaluationSettings
  /// Images of the data set.
  let images: Int
  var meter: EvaluationMeter
  /// Where finished parts are kept; nil where nothing is.
  fileprivate(set) var record: RunRecord?
  /// What this process finished since the processes last told each other.
  fileprivate var untold: [Part] = []
  /// Time that earlier sessions spent on what the record held.
  private(set) var restoredSeconds = 0.0
  private let start = ContinuousClock.now

  init(_ settings: any EvaluationSettings, images: Int, meter: EvaluationMeter) {
    self.settings = settings
    self.images = images
    self.meter = meter
  }

  /// Time of the whole evaluation, earlier sessions included.
  var seconds: Double { start.seconds + restoredSeconds }

  fileprivate mutating func restored(_ seconds: Double) { restoredSeconds += seconds }
}

extension EvaluationTask {
  private var processes: ProcessGroup { state.settings.processes }

  /// Runs the evaluation; all processes call it.
  func run() throws -> Report {
    try processes.together(processes.size > 1 ? fingerprint() : "") {
      try prepare()
      try openRecord()
      try measure()
      // Who was killed inside a save may still have been dying when the record was taken up.
      if state.settings.resumes, let folder = state.settings.output, processes.isRoot {
        AtomicFile.removeLeftovers(in: folder)
      }
      return try report()
    }
  }

  // MARK: The record

  /// What all processes must have in common, as a few digits.
  private func fingerprint() throws -> String {
    let parts =
      try planned.flatMap { [$0.label, $0.record.serialized()] } + [String(state.settings.batch)]
      + common
    return Self.kind.header + " "
      + String(SampleID.number(of: parts.joined(separator: "\n")), radix: 16)
  }

  /// Opens the record; the first process reads and writes the file, the others get what it read.
  private func openRecord() throws {
    guard let folder = state.settings.output else { return }
    if processes.isRoot {
      let rows = planned.map {
        JSONValue.record(["label": .string($0.label), "attack": $0.record])
      }
      let header = try (about().object ?? []) + [.init("rows", .array(rows))] + settings()
      state.record = try RunRecord(
        folder, kind: Self.kind, header: .object(header), resumes: state.settings.resumes,
        take: take(line:))
    }
    guard processes.size > 1 else { return }
    let lines = JSONValue.array(state.record?.lines ?? []).serialized()
    let shared = try processes.fromRoot(Array(lines.utf8))
    guard !processes.isRoot else { return }
    state.record = try RunRecord(
      copying: JSONValue.received(shared).array ?? [], take: take(line:))
  }

  /// What the first process makes once, or the record holds of it, on all processes.
  ///
  /// - Parameter line: its line in the record.
  func once(
    _ known: JSONValue?, line: (JSONValue) -> [JSONValue.Member], _ body: () throws -> JSONValue
  ) throws -> JSONValue {
    if let known {
      state.restored((known["seconds"] ?? known["totals"]?["seconds"])?.anyDouble ?? 0)
      return known
    }
    var own: JSONValue?
    if processes.isRoot {
      let made = try body()
      try state.record?.append(line(made))
      own = made
    }
    if processes.size == 1, let own { return own }
    return try JSONValue.received(processes.fromRoot(Array((own?.serialized() ?? "").utf8)))
  }

  // MARK: Batches

  /// Hands out the places of all batches of images, each whole to one process, so that results are those
  /// of one process.
  func eachBatch(_ body: (Range<Int>) throws -> Void) throws {
    let (batch, size) = (state.settings.batch, processes.size)
    let starts = Array(stride(from: 0, to: state.images, by: batch))
    for round in stride(from: 0, to: starts.count, by: size) {
      try Interrupts.poll()
      if round + processes.rank < starts.count {
        let first = starts[round + processes.rank]
        try body(first..<min(first + batch, state.images))
      }
      try shareUntold()
    }
  }

  /// Takes what this process has finished, or found in the record.
  ///
  /// Among several the first process writes it, in the order of the batches, when all have told.
  func finish(_ part: Part) throws {
    if part.isRestored { state.restored(part.seconds) }
    if processes.size > 1 {
      try take(part)
      state.untold.append(part)
    } else {
      try take(written(part))
    }
    count(part)
  }

  private func written(_ part: Part) throws -> Part {
    guard !part.isRestored, let record = state.record else { return part }
    return try write(part, to: record)
  }

  private func count(_ part: Part) {
    if part.isRestored {
      state.meter.restored(part.label, part.count)
    } else if part.count > 0 {
      state.meter.finished(part.label, part.count, state.settings.progress)
    }
  }

  /// Tells the other processes what this one finished, and takes in what they did.
  private func shareUntold() throws {
    guard processes.size > 1 else { return }
    let own = try state.untold.map {
      JSONValue.record(["restored": .bool($0.isRestored), "part": try $0.json()])
    }
    let all = try processes.gathered(Array(JSONValue.array(own).serialized().utf8))
    for (rank, bytes) in all.enumerated() {
      let isOwn = rank == processes.rank
      for part in isOwn ? state.untold : try received(bytes, from: rank) {
        if !isOwn {
          try take(part)
          count(part)
        }
        _ = try written(part)
      }
    }
    state.untold = []
  }

  private func received(_ bytes: [UInt8], from rank: Int) throws -> [Part] {
    try (JSONValue.received(bytes).array ?? []).map { line in
      guard let json = line["part"], var part = try part(json),
        let isRestored = line["restored"]?.bool
      else { throw KilpiError("a part of process \(rank + 1) cannot be read") }
      part.isRestored = isRestored
      return part
    }
  }

  /// Puts a row's name in front of what went wrong in it.
  func named<Result>(_ label: String, _ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch var error as KilpiError where error.kind == .host && error.function.isEmpty {
      error.problem = label + ": " + error.problem
      throw error
    }
  }
}

extension ContinuousClock.Instant {
  /// Seconds since this moment.
  var seconds: Double {
    let passed = duration(to: .now).components
    return Double(passed.seconds) + Double(passed.attoseconds) * 1e-18
  }
}
