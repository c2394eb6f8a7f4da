package import Attacks
internal import Diagnostics
package import Files
package import Tensors

/// An image attack with everything that fixes its result, as trainers and evaluations take it.
package struct ImageAttackSpecification {
  /// Its name in tables and records; two attacks of one evaluation have different names.
  package var name: String
  package var attack: any ImageAttack
  /// Budget, loss, seed and the like.
  package var settings: AttackSettings
  /// The name without a budget, where several descriptions differ in that alone; empty for none.
  package var family = ""
  /// The mask of the settings, where it holds for all images; nil for none.
  package private(set) var commonMask: Tensor?
  /// The seed of the description; that of the settings may be an evaluation's.
  private let seed: UInt64
  /// Evaluations: what a targeted attack aims at; nil for an untargeted one.
  package var targets: AttackTargets?
  /// Evaluations: what tells the sources of a transfer attack apart; nil for none.
  package var sources: String?
  /// Evaluations: which pixels may change, as `PixelMask` takes it; where it has a first size above 1, a
  /// mask for each image of the data set.
  package var mask: Tensor?
  /// Evaluations: where the search starts, an image for each one of the data set, brought into the budget.
  package var start: Tensor?

  package init(name: String, attack: any ImageAttack, settings: AttackSettings) {
    self.name = name
    self.attack = attack
    self.settings = settings
    seed = settings.search.seed
  }

  /// Makes a mask that holds for all images part of the attack.
  package mutating func keep(mask: Tensor) throws {
    settings.threat.mask = try PixelMask(mask)
    commonMask = try mask.detached().cloned()
  }

  /// Some digits that tell tensors apart: of the shape and every bit of the values.
  package static func digest(_ tensor: Tensor) -> String {
    let values = (try? tensor.detached().doubles()) ?? []
    var digest = SHA256()
    tensor.shape.withUnsafeBytes { digest.update($0) }
    values.withUnsafeBytes { digest.update($0) }
    return String(digest.hexadecimal().prefix(16))
  }

  /// All parameters, for `run.json` and result records.
  package var record: JSONValue {
    let budget = settings.threat.budget
    var members: [JSONValue.Member] = [.init("method", .string(attack.method))]
    if !attack.choosesLoss, case .margin(let clamp?) = settings.search.loss {
      members.append(.init("kappa", .number(clamp)))
    }
    members += [
      .init("norm", .string(budget.norm.rawValue)), .init("eps", .number(budget.epsilon)),
      .init("eps_255", .number((budget.epsilon * 255 * 1e6).rounded() / 1e6)),
      .init("loss", .string(lossName)),
      .init("restarts", attack.choosesRestarts ? "own" : .integer(Int64(settings.search.restarts))),
      .init("seed", .integer(Int64(bitPattern: seed))),
    ]
    if let commonMask { members.append(.init("mask", .string(Self.digest(commonMask)))) }
    return .object(members + attack.recordedParameters)
  }

  private var lossName: String {
    if attack.choosesLoss { return "own" }
    if case .custom = settings.search.loss { return "function" }
    return settings.search.loss.name
  }

  /// Something is given for each image of the data set.
  package var goesByPlace: Bool {
    if case .classes? = targets { return true }
    return start != nil || (mask.map { $0.rank == 4 && $0.shape[0] > 1 } ?? false)
  }

  /// Refuses masks and starts that are not those of the data set's images.
  package func check(images count: Int) throws {
    if let mask { _ = try PixelMask(mask) }
    for (what, list) in [("mask", mask?.rank == 4 ? mask : nil), ("init", start)] {
      guard let list, list.shape.first != count, what == "init" || list.shape[0] != 1 else {
        continue
      }
      throw KilpiError(
        "\(name): \(what) is for \(list.shape.first ?? 0) images, data has \(count)",
        advice: "give one for each image of data, in its order")
    }
  }

  /// The settings for some samples, by their places in the data set.
  package func settings(at places: [Int], like images: Tensor) throws -> AttackSettings {
    var settings = self.settings
    func chosen(_ all: Tensor) throws -> Tensor {
      try all.detached().indexSelected(
        0, Tensor(places.map { Int64($0) }, shape: [places.count]))
    }
    if let start { settings.search.startPoints = try chosen(start).converted(to: images.dtype) }
    if let mask {
      settings.threat.mask = try PixelMask(
        mask.rank == 4 && mask.shape[0] > 1 ? chosen(mask) : mask)
    }
    return settings
  }

  /// Everything that fixes its result, for rows of evaluations.
  package var fullRecord: JSONValue {
    var members: [JSONValue.Member] = [
      .init("method", .string(attack.name)),
      .init("norm", .string(settings.threat.budget.norm.rawValue)),
      .init("eps", .number(settings.threat.budget.epsilon)),
      .init("eps_255", .number(settings.threat.budget.epsilon * 255)),
      .init(
        "restarts", attack.choosesRestarts ? "own" : .integer(Int64(settings.search.restarts))),
      .init("seed", .integer(Int64(bitPattern: settings.search.seed))),
      .init("attack_all", .bool(settings.search.attacksAll)),
      .init("early_stop", .bool(settings.search.stopsEarly)),
      .init("eot", .integer(Int64(settings.search.draws))),
      .init("lattice", settings.threat.isOnEightBitLevels ? .integer(8) : .null),
      .init("transfer", .bool(!settings.search.sources.isEmpty)),
      .init("keep", settings.search.keep.map { .string($0.rawValue) } ?? .null),
    ]
    members.append(.init("loss", attack.choosesLoss ? "own" : .string(settings.search.loss.name)))
    if !attack.choosesLoss, case .margin(let clamp) = settings.search.loss {
      members.append(.init("clamp", clamp.map { .number($0) } ?? .null))
    }
    if let sources { members.append(.init("source", .string(sources))) }
    if let targets { members.append(.init("targeted", targets.json)) }
    if let mask { members.append(.init("mask", .string(Self.digest(mask)))) }
    if let start { members.append(.init("init", .string(Self.digest(start)))) }
    return .object(members + [.init("parameters", record)])
  }
}
