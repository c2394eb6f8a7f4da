internal import Datasets
internal import Diagnostics
internal import Files
internal import Networks
internal import Tensors

/// The state of a run after a step, as one safetensors file: weights, moments, and JSON metadata.
///
/// Written atomically and sealed with a SHA-256 of the whole file; through the digests in it, the rows of
/// the metric files up to its step are sealed too. What is not stored is a function of seed and step.
struct TrainingCheckpoint {
  var step: Int
  var contents: RunFolder.Contents
  var configuration: JSONValue
  private var tensors: [String: Tensor] = [:]
  /// Where the tensors are; only of a checkpoint that was read.
  private var file: SafetensorsFile?
  /// The rows of the metric files up to `step`; only of a checkpoint that was read.
  private(set) var rows: [[JSONValue.Member]] = []

  /// Format of the metadata: 2 has the seal; 3 the data's digests in the configuration.
  private static let format = 3

  /// Gathers the state of a run.
  init(
    step: Int, weights: TrainedWeights, optimizer: any Optimizer, average: WeightAverage?,
    contents: RunFolder.Contents, configuration: JSONValue
  ) {
    self.step = step
    self.contents = contents
    self.configuration = configuration
    for (name, tensor) in weights.all { tensors["weight." + name] = tensor.detached() }
    for (slot, moments) in optimizer.state {
      for (name, tensor) in moments { tensors["\(slot).\(name)"] = tensor }
    }
    for (name, tensor) in average?.means ?? [:] { tensors["mean." + name] = tensor }
  }

  /// Writes the file and removes older ones.
  ///
  /// - Parameters:
  ///   - keeping: how many of the newest stay; nil: all.
  ///   - schedule: tells epoch and place of the step, which are stored as a check.
  func save(in folder: String, keeping: Int?, schedule: BatchSchedule) throws {
    let (epoch, position) = step.quotientAndRemainder(dividingBy: schedule.stepsPerEpoch)
    let state = JSONValue.object([
      .init("format", .integer(Int64(Self.format))), .init("step", .integer(Int64(step))),
      .init("epoch", .integer(Int64(epoch))),
      .init("position", .integer(Int64(position))),
      .init("metrics_bytes", .integer(Int64(contents.metrics))),
      .init("table_bytes", .integer(Int64(contents.table))),
      .init("metrics_sha256", contents.metricsDigest.map { .string($0) } ?? .null),
      .init("table_sha256", contents.tableDigest.map { .string($0) } ?? .null),
      .init("run_sha256", contents.recordDigest.map { .string($0) } ?? .null),
      .init("configuration", configuration),
    ])
    let digits = String(step)
    let name = "step-" + String(repeating: "0", count: max(8 - digits.count, 0)) + digits
    try FileReader.makeDirectory(folder + "/checkpoints")
    try Safetensors.save(
      tensors, metadata: ["kilpi": state.serialized()],
      to: "\(folder)/checkpoints/\(name).safetensors", sealed: true)
    guard let keeping else { return }
    // Later steps than this one can only be leftovers: they must not push it out.
    for old in try Self.files(in: folder).filter({ $0.step <= step }).dropLast(keeping) {
      try FileReader.remove("\(folder)/checkpoints/\(old.name)")
    }
  }

  /// The files that may be checkpoints, by their steps.
  static func files(in folder: String) throws -> [(name: String, step: Int)] {
    guard FileReader.exists(folder + "/checkpoints") else { return [] }
    return try FileReader.names(in: folder + "/checkpoints").compactMap { name in
      guard name.hasPrefix("step-"), name.hasSuffix(".safetensors") else { return nil }
      let digits = name.dropFirst(5).dropLast(12)
      guard digits.count >= 8, digits.allSatisfy({ $0.isASCII && $0.isNumber }),
        let step = Int(digits)
      else { return nil }
      return (name, step)
    }
    .sorted { $0.step < $1.step }
  }

  /// The newest checkpoint of a run that is what was written; those passed over are named in `damaged`.
  ///
  /// Hash, step, epoch, place, and lengths and digests of the metric files must all be right.
  static func newest(
    in folder: String, schedule: BatchSchedule
  ) throws -> (checkpoint: TrainingCheckpoint?, damaged: [(name: String, reason: String)]) {
    var damaged: [(String, String)] = []
    for (name, step) in try files(in: folder).reversed() {
      do {
        let path = "\(folder)/checkpoints/\(name)"
        return (try TrainingCheckpoint(path, step: step, in: folder, schedule), damaged)
      } catch let error as KilpiError where error.kind == .host {
        damaged.append((name, error.problem))
      }
    }
    return (nil, damaged)
  }

  private init(
    _ path: String, step: Int, in folder: String, _ schedule: BatchSchedule
  ) throws {
    let file = try SafetensorsFile(path: path)
    guard let text = file.metadata["kilpi"] else {
      throw KilpiError("it is no checkpoint of a training run")
    }
    try file.checkSeal()
    let state = try JSONValue.parse(text)
    guard state["format"]?.int == Self.format, let configuration = state["configuration"],
      let total = configuration["steps"]?.int, let metrics = state["metrics_bytes"]?.int,
      let table = state["table_bytes"]?.int
    else { throw KilpiError("it has another format than \(Self.format)") }
    // Of a run with other settings, `check` says more.
    let digests = try schedule.data.digests().record
    let isThisRun =
      total == schedule.total && configuration["data_digests"] == digests
      && configuration["batch"]?.int == schedule.configuration.batch
    for (key, right) in [
      ("step", step), ("epoch", step / schedule.stepsPerEpoch),
      ("position", step % schedule.stepsPerEpoch),
    ] where isThisRun || key == "step" {
      guard state[key]?.int == right else {
        throw KilpiError(
          "its metadata say \(key) \(state[key]?.serialized().prefix(20) ?? "nothing"), "
            + "by its name it is \(right)")
      }
    }
    guard (1...max(total, 1)).contains(step) else {
      throw KilpiError("its step is \(step), the run has \(total)")
    }
    self.step = step
    contents = RunFolder.Contents(
      metrics: metrics, table: table, metricsDigest: state["metrics_sha256"]?.string,
      tableDigest: state["table_sha256"]?.string, recordDigest: state["run_sha256"]?.string)
    self.configuration = configuration
    rows = try RunFolder.rows(in: folder, contents, steps: step)
    self.file = file
  }

  /// Checks that a run goes on as it began.
  ///
  /// - Throws: `KilpiError` listing the fields that differ.
  func check(against other: JSONValue) throws {
    // What was written is compared, with numbers as text gives them back.
    let differences = configuration.differences(to: try JSONValue.parse(other.serialized()))
      .map(\.description)
    guard differences.isEmpty else {
      throw KilpiError(
        "the run was started with other settings: " + differences.joined(separator: "; "),
        advice: "use the same settings, or another out")
    }
  }

  /// Puts weights and moments back.
  func restore(
    _ weights: TrainedWeights, optimizer: any Optimizer, average: WeightAverage?
  ) throws {
    func saved(_ name: String) throws -> Tensor? {
      guard let file else { return tensors[name] }
      return file.names.contains(name) ? try file.tensor(name) : nil
    }
    func part(_ prefix: String) throws -> [String: Tensor] {
      var result: [String: Tensor] = [:]
      for name in file?.names ?? Array(tensors.keys) where name.hasPrefix(prefix) {
        result[String(name.dropFirst(prefix.count))] = try saved(name)
      }
      return result
    }
    let kept = try part("weight.")
    for (name, tensor) in weights.all {
      guard let saved = kept[name], saved.shape == tensor.shape else {
        throw KilpiError("the checkpoint lacks the weight '\(name)'")
      }
      try Tensor.withoutGradients { try tensor.assign(saved) }
    }
    var state: [String: [String: Tensor]] = [:]
    for slot in optimizer.state.keys { state[slot] = try part(slot + ".") }
    try optimizer.restore(step: step, state: state)
    try average?.restore(part("mean."))
  }
}
