internal import AttackPlans
internal import Attacks
internal import ClipModels
internal import Datasets
internal import Defences
internal import Diagnostics
internal import Evaluation
internal import Files
internal import LuaHost
internal import Tensors

// Attack tables of evaluations: what an attack takes, a list of budgets, and targets.

/// One attack table of an evaluation with one budget.
struct EvaluationTable {
  let options: Options
  /// The table listed several budgets, of which this is one.
  let isPoint: Bool
}

/// Reads the attack tables of evaluations.
enum EvaluationTables {
  /// What an image attack of an evaluation takes.
  static let image: [OptionSpec] =
    ImageAttackOptions.table.map { spec in
      guard spec.name == "eps" else { return spec }
      return .budget(
        "eps", spec.doc + "; in evaluations a list of budgets gives one row each, named NAME@BUDGET"
      )
    } + [
      .any(
        "targeted", type: "string|integer|integer[]|tensor",
        "\"least-likely\", \"random\", \"all\" (every other class in turn), a class, or one for each image of "
          + "data; accuracy counts as ever, hits of the target stand beside it"),
      .handle(
        "mask", type: "tensor",
        "1 for pixels that may change, 0 for the others: [H, W], [C, H, W], or one for each image of data"
      ),
      .handle(
        "init", type: "tensor", "an image for each one of data, from which the search starts"),
      .any(
        "source", type: "classifier|function|list",
        "transfer: gradients come from here, success is judged on the model; the published figure of a defence "
          + "at test time takes the classifier behind it"),
    ]

  /// What only evaluations of classes take.
  static let own: Set<String> = ["targeted", "mask", "init", "source"]

  /// What a multimodal attack of an evaluation takes.
  static let multimodal: [OptionSpec] =
    MultimodalOptions.table.map { spec in
      spec.name == "image"
        ? .table("image", image.filter { $0.name != "source" }, spec.doc) : spec
    } + [.string("name", "what tables and files call it; the names of both attacks when not given")]

  /// The tables of an option that is one table or a list of such ({} is one with all defaults), each
  /// budget of a list on its own.
  ///
  /// Options beside a list hold for all its members, in `image` and `text`
  /// part by part; a member's own come first.
  ///
  /// - Parameters:
  ///   - specs: what a table takes.
  ///   - inner: the part of a table that holds `eps`; nil for the table itself.
  ///   - path: in front of the option's name, `attacks.`.
  static func read(
    _ attacks: Options, _ name: String, _ specs: [OptionSpec], _ call: Call, inner: String? = nil,
    path: String
  ) throws -> [EvaluationTable] {
    guard attacks.has(name) else { return [] }
    guard let table = attacks.value(name).table else {
      throw attacks.problem(
        name, "must be a table, got \(attacks.value(name).typeName)",
        advice: "write \(name) = {method = …}")
    }
    let list = try table.array()
    var entries: [(table: LuaTable, path: String)] = [(table, "\(path)\(name).")]
    if !list.isEmpty {
      let shared = try beside(table, list.count, attacks, name)
      entries = try list.enumerated().map { index, entry in
        guard let member = entry.table else {
          throw attacks.problem(name, "holds a \(entry.typeName), tables are needed")
        }
        return (try joined(member, shared, call), "\(path)\(name)[\(index + 1)].")
      }
    }
    return try entries.flatMap { entry in
      try EvaluationHints.check(attack: entry.table, inner: inner)
      return try points(entry.table, inner, call, path: entry.path).map {
        EvaluationTable(
          options: try call.options($0.table, specs: specs, path: entry.path), isPoint: $0.isPoint)
      }
    }
  }

  /// The named options beside a list of tables.
  private static func beside(
    _ table: LuaTable, _ count: Int, _ attacks: Options, _ name: String
  ) throws -> [(name: String, value: LuaValue)] {
    try table.pairs(limit: 10_000).compactMap { key, value in
      if let place = key.int {
        guard (1...count).contains(place) else {
          throw attacks.problem(
            name, "has an element [\(place)], its list ends at [\(count)]",
            advice: "number its tables without gaps")
        }
        return nil
      }
      guard let option = key.string else {
        throw attacks.problem(name, "has a \(key.typeName) key", advice: "options have names")
      }
      guard option != "name" else {
        throw attacks.problem(
          name, "has one name for \(count) attacks", advice: "name its members: {{name = …}, …}")
      }
      return (option, value)
    }
  }

  /// A member of a list with the options beside it.
  private static func joined(
    _ member: LuaTable, _ shared: [(name: String, value: LuaValue)], _ call: Call
  ) throws -> LuaTable {
    guard !shared.isEmpty else { return member }
    let whole = try copied(member, call)
    for (name, value) in shared {
      let own = try member.get(name)
      if own.isNil {
        try whole.set(name, value)
      } else if nested.contains(name), let own = own.table, let value = value.table {
        let parts = try value.pairs(limit: 10_000).compactMap { key, value in
          key.string.map { (name: $0, value: value) }
        }
        try whole.set(name, joined(own, parts, call))
      }
    }
    return whole
  }

  /// Options that are attack tables themselves.
  private static let nested: Set<String> = ["image", "text"]

  /// One table for each budget of `eps`, where that is a list.
  private static func points(
    _ table: LuaTable, _ inner: String?, _ call: Call, path: String
  ) throws -> [(table: LuaTable, isPoint: Bool)] {
    let owner = try inner.map { try table.get($0).table } ?? table
    guard let list = try owner?.get("eps").table, let owner else { return [(table, false)] }
    let place = path + (inner.map { $0 + "." } ?? "") + "eps"
    let budgets = try list.array()
    guard !budgets.isEmpty else {
      throw KilpiError(
        "option '\(place)' is an empty list",
        advice: "write a budget, or a list such as {\"1/255\", \"2/255\"}")
    }
    var seen: [Double] = []
    return try budgets.map { budget in
      guard budget.string != nil || budget.double != nil else {
        throw KilpiError("option '\(place)' holds a \(budget.typeName), budgets are needed")
      }
      if let value = budget.double ?? budget.string.flatMap(Options.fraction) {
        guard !seen.contains(value) else {
          throw KilpiError(
            "option '\(place)' holds \(budget.string ?? ErrorText.number(value)) twice",
            advice: "each budget gives one row: leave one out")
        }
        seen.append(value)
      }
      let copy = try copied(owner, call)
      try copy.set("eps", budget)
      guard let inner else { return (copy, true) }
      let outer = try copied(table, call)
      try outer.set(inner, copy)
      return (outer, true)
    }
  }

  private static func copied(_ table: LuaTable, _ call: Call) throws -> LuaTable {
    let copy = try call.state.makeTable()
    for (key, value) in try table.pairs(limit: 10_000) {
      if let place = key.int {
        try copy.set(place, value)
      } else if let name = key.string {
        try copy.set(name, value)
      }
    }
    return copy
  }

  // MARK: Image attacks

  /// The image attacks of some tables, with names that tell budgets apart.
  static func images(
    _ tables: [EvaluationTable], _ make: (Options) throws -> ImageAttackSpecification
  ) throws -> [ImageAttackSpecification] {
    let made = try tables.map { table in
      (table: table, image: try make(table.options))
    }
    return try made.map { table, image in
      // Attacks without a name of their own that differ in the budget alone are told apart by it.
      let kin = made.filter { $0.image.name == image.name && !$0.table.options.has("name") }
      let isOneOfSeveral =
        !table.options.has("name") && kin.count > 1
        && kin.contains { $0.image.settings.threat.budget != image.settings.threat.budget }
      var attack = named(image, isPoint: table.isPoint || isOneOfSeveral)
      for name in own.sorted()
      where table.options.has(name) && !ImageAttackOptions.takes(name, image.attack) {
        throw table.options.problem(
          name,
          "is given, \(image.name) "
            + (name == "targeted" ? "has no targeted form" : "has no \(name)"))
      }
      attack.targets = try targets(table.options)
      // A mask that holds for all images is part of the settings already.
      if attack.commonMask == nil {
        attack.mask = try table.options.handleIfGiven("mask", as: Tensor.self)
      }
      attack.start = try table.options.handleIfGiven("init", as: Tensor.self)
      return attack
    }
  }

  /// The attack with its gradients from the option `source`, where there is one.
  static func transferred(
    _ image: ImageAttackSpecification, _ options: Options, _ data: Dataset, _ call: Call
  ) throws -> ImageAttackSpecification {
    guard options.has("source") else { return image }
    guard ImageAttackOptions.takes("source", image.attack) else {
      throw options.problem("source", "is given, \(image.name) has no transfer form")
    }
    var image = image
    image.settings.search.sources = try call.sources(options)
    let value = options.value("source")
    let members = try value.table.map { try $0.array() } ?? [value]
    for member in members {
      let own =
        member.object(as: ZeroShotClassifier.self)
        ?? member.object(as: DefendedClassifier.self)?.base
      if let own { try data.requireOrder(ofClasses: own.classNames) }
    }
    image.sources = try members.map { member in
      if let defended = member.object(as: DefendedClassifier.self) {
        return try defended.record.serialized() + defended.base.model.weightsHash()
      }
      return try member.object(as: ZeroShotClassifier.self)?.model.weightsHash() ?? member.typeName
    }.joined(separator: ", ")
    if !options.has("name") { image.name += "-transfer" }
    return image
  }

  /// The attack as a point of a curve: `pgd@2/255`, `pgd@l2 0.5`.
  static func named(
    _ image: ImageAttackSpecification, isPoint: Bool
  ) -> ImageAttackSpecification {
    guard isPoint else { return image }
    var image = image
    let budget = image.settings.threat.budget
    image.family = image.name
    image.name += "@" + (budget.norm == .linf ? budget.length : budget.description)
    return image
  }

  /// The option `targeted`.
  static func targets(_ options: Options) throws -> AttackTargets? {
    let value = options.value("targeted")
    if let name = value.string {
      switch name {
      case "least-likely": return .leastLikely
      case "random": return .random
      case "all": return .every
      default:
        throw options.problem(
          "targeted", "is '\(name.prefix(40))'",
          advice: "\"least-likely\", \"random\", \"all\", a class, or one for each image")
      }
    }
    if let label = value.int {
      return .one(try Call.zeroBased([label], classes: nil, name: "targeted")[0])
    }
    return try options.labelsIfGiven("targeted").map { .classes($0) }
  }
}
