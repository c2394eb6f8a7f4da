internal import LuaHost
internal import Training

/// The option `train`: which weights a run trains.
enum TrainedPart {
  static func selection(_ options: Options) throws -> TrainableSelection {
    let value = options.value("train")
    if value.table != nil { return try tableSelection(options) }
    let named: [TrainableSelection] = [
      .both, .visual, .visualAndScale, .text, .textReleased, .biasNorm,
    ]
    guard let name = value.string, let selection = named.first(where: { $0.name == name }) else {
      throw options.problem(
        "train", "is not a selection",
        advice: named.map { "\"\($0.name)\"" }.joined(separator: ", ")
          + ", {last_blocks = n}, {last_tensors = n} or {lora = {r = n}}")
    }
    return selection
  }

  private static func tableSelection(_ options: Options) throws -> TrainableSelection {
    let forms =
      "{last_blocks = n}, {last_tensors = n}, {lora = {r = n, alpha = x, on = {\"q\", \"v\"}}}"
    func refused() -> any Error {
      options.problem(
        "train", "is none of the tables that select weights, or has a number out of range",
        advice: forms + "; r from 1 to 4096, alpha above 0")
    }
    guard case .map(let pairs) = try options.tree("train"), pairs.count == 1,
      case .string(let key) = pairs[0].key
    else { throw refused() }
    switch (key.text, pairs[0].value) {
    case ("last_blocks", .integer(let count)) where count >= 1: return .lastBlocks(Int(count))
    case ("last_tensors", .integer(let count)) where count >= 1: return .lastTensors(Int(count))
    case ("lora", .map(let members)): return try lowRank(members, refused)
    case ("lora", .emptyList), ("lora", .list): return .lowRank(.init())
    default: throw refused()
    }
  }

  private static func lowRank(
    _ members: [(key: LuaTree, value: LuaTree)], _ refused: () -> any Error
  ) throws -> TrainableSelection {
    let usual = TrainableSelection.LowRank()
    var (rank, alpha, projections) = (usual.rank, usual.alpha, usual.projections)
    for (key, value) in members {
      guard case .string(let name) = key else { throw refused() }
      switch (name.text, value) {
      case ("r", .integer(let number)) where (1...4096).contains(number): rank = Int(number)
      case ("alpha", .integer(let number)) where number > 0: alpha = Double(number)
      case ("alpha", .number(let number)) where number > 0 && number.isFinite: alpha = number
      case ("on", .list(let names)):
        projections = try names.map {
          guard case .string(let one) = $0, let text = one.text,
            usual.projections.contains(text)
          else { throw refused() }
          return text
        }
      default: throw refused()
      }
    }
    guard !projections.isEmpty else { throw refused() }
    return .lowRank(.init(rank: rank, alpha: alpha, projections: projections))
  }
}
