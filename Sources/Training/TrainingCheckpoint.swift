internal import Diagnostics
internal import Files
internal import Networks
internal import Tensors

/// The state of a run after a step, as one safetensors file: weights, moments, and JSON metadata.
///
/// Written atomically; the last two are kept. What is not stored is a function of seed and step.
struct TrainingCheckpoint {
  var step: Int
  var lengths: RunFolder.Lengths
  var configuration: JSONValue
  var tensors: [String: Tensor]

  /// Gathers the state of a run.
  init(
    step: Int, parameters: ParameterList, optimizer: AdamW, lengths: RunFolder.Lengths,
    configuration: JSONValue
  ) {
    self.step = step
    self.lengths = lengths
    self.configuration = configuration
    tensors = [:]
    for (name, tensor) in parameters.entries { tensors["weight." + name] = tensor.detached() }
    for (name, tensor) in optimizer.first { tensors["first." + name] = tensor }
    for (name, tensor) in optimizer.second { tensors["second." + name] = tensor }
  }

  /// Writes the file and removes all but the two newest.
  func save(in folder: String) throws {
    let state = JSONValue.object([
      .init("format", 1), .init("step", .integer(Int64(step))),
      .init("metrics_bytes", .integer(Int64(lengths.metrics))),
      .init("table_bytes", .integer(Int64(lengths.table))),
      .init("configuration", configuration),
    ])
    let digits = String(step)
    let name = "step-" + String(repeating: "0", count: max(8 - digits.count, 0)) + digits
    try Safetensors.save(
      tensors, metadata: ["kilpi": state.serialized()],
      to: "\(folder)/checkpoints/\(name).safetensors")
    for old in try Self.names(in: folder).dropLast(2) {
      try FileReader.remove("\(folder)/checkpoints/\(old)")
    }
  }

  private static func names(in folder: String) throws -> [String] {
    try FileReader.names(in: folder + "/checkpoints").filter {
      $0.hasPrefix("step-") && $0.hasSuffix(".safetensors")
    }
  }

  /// The newest checkpoint that can be read; a damaged one is passed over and named in `damaged`.
  static func newest(in folder: String) throws -> (checkpoint: TrainingCheckpoint, damaged: [String])? {
    var damaged: [String] = []
    for name in try names(in: folder).reversed() {
      do {
        let checkpoint = try TrainingCheckpoint(path: "\(folder)/checkpoints/\(name)")
        return (checkpoint, damaged)
      } catch let error as KilpiError where error.kind == .host {
        damaged.append("\(name): \(error.problem)")
      }
    }
    return nil
  }

  private init(path: String) throws {
    let (tensors, metadata) = try Safetensors.load(path)
    guard let text = metadata["kilpi"] else {
      throw KilpiError("", "'\(path)' is no checkpoint of a training run")
    }
    let state = try JSONValue.parse(text)
    guard state["format"]?.int == 1, let step = state["step"]?.int,
      let metrics = state["metrics_bytes"]?.int, let table = state["table_bytes"]?.int,
      let configuration = state["configuration"]
    else { throw KilpiError("", "'\(path)' has another format") }
    self.step = step
    lengths = RunFolder.Lengths(metrics: metrics, table: table)
    self.configuration = configuration
    self.tensors = tensors
  }

  /// Checks that a run goes on as it began.
  ///
  /// - Throws: `KilpiError` listing the fields that differ.
  func check(against other: JSONValue) throws {
    let differences = (other.object ?? []).compactMap { member -> String? in
      let before = configuration[member.key] ?? .null
      if before == member.value { return nil }
      return "\(member.key) was \(before.serialized().prefix(60)), is \(member.value.serialized().prefix(60))"
    }
    guard differences.isEmpty else {
      throw KilpiError(
        "", "the run was started with other settings: " + differences.joined(separator: "; "),
        advice: "use the same settings, or another out")
    }
  }

  /// Puts weights and moments back.
  func restore(parameters: ParameterList, optimizer: AdamW) throws {
    func part(_ prefix: String) -> [String: Tensor] {
      var result: [String: Tensor] = [:]
      for (name, tensor) in tensors where name.hasPrefix(prefix) {
        result[String(name.dropFirst(prefix.count))] = tensor
      }
      return result
    }
    let weights = part("weight.")
    for (name, tensor) in parameters.entries {
      guard let saved = weights[name], saved.shape == tensor.shape else {
        throw KilpiError("", "the checkpoint lacks the weight '\(name)'")
      }
      try Tensor.withoutGradients { try tensor.assign(saved) }
    }
    try optimizer.restore(step: step, first: part("first."), second: part("second."))
  }
}
