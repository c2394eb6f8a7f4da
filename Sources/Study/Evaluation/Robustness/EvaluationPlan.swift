internal import AttackPlans
package import Attacks
internal import Files

/// Passes that an evaluation plans, at most; text attacks on prompts come on top.
package struct EvaluationCost: Equatable, Sendable {
  /// One entry a row: its label and the passes over all samples.
  package var rows: [(label: String, cost: AttackCost)]
  /// Samples of the evaluation.
  package var samples: Int
  /// Passes of all rows together.
  package var total: AttackCost {
    rows.reduce(AttackCost(forwards: 0, backwards: 0)) { $0 + $1.cost }
  }

  /// Compares labels and passes.
  package static func == (a: EvaluationCost, b: EvaluationCost) -> Bool {
    a.samples == b.samples && a.rows.elementsEqual(b.rows) { $0 == $1 }
  }

  /// One line for people.
  package var description: String {
    "at most \(NumberText.grouped(total.forwards)) forward and "
      + "\(NumberText.grouped(total.backwards)) backward passes for \(samples) "
      + (samples == 1 ? "sample" : "samples")
  }
}

/// One row of an evaluation before it is measured.
struct PlannedRow {
  var kind: ScenarioKind
  var name = ""
  /// With the evaluation's settings.
  var image: ImageAttackSpecification?
  var text: TextAttackSpecification?
  /// A multimodal method that attacks both sides at once.
  var joint: MultimodalSpecification?
  /// Earlier rows of image attacks whose budgets lie within this one's: what they broke is broken here,
  /// too, and only what they left is attacked.
  var nested: [Int] = []
  /// Rows with the same key attack images in the same way.
  var imageKey = ""
  /// The images are those of an image row.
  var takesImages = false
  /// Under which the attacked prompts are kept: the text attack's name where it is the only one of it.
  var textKey = ""

  /// What images may become; nil where they stay as they are.
  var threat: ThreatModel? { image?.threat }
  /// Only what earlier image attacks left is attacked.
  var onSurvivors: Bool { !nested.isEmpty }

  var label: String { name.isEmpty ? kind.rawValue : kind.rawValue + "/" + name }

  /// Passes a sample.
  var cost: AttackCost {
    if let image, let joint {
      // Each run of the image attack is judged with its prompts, and the four pairs at the end.
      let runs = image.attack.plannedCost(image.settings) * joint.imageRuns
      return runs + AttackCost(forwards: 3, backwards: 0) * joint.imageRuns
        + AttackCost(forwards: 4, backwards: 0)
    }
    let scoring = AttackCost(forwards: 1, backwards: 0)
    guard let image, !takesImages else { return scoring }
    let cost = image.attack.plannedCost(image.settings)
    return kind == ScenarioKind(.independent) ? cost + scoring : cost
  }

  /// Passes of the probes for masked gradients, over the first samples.
  func probeCost(samples: Int) -> AttackCost {
    guard let image, image.settings.reporting.probes, !takesImages else {
      return AttackCost(forwards: 0, backwards: 0)
    }
    return ModelProbes.plannedCost(samples: samples) * (joint?.imageRuns ?? 1)
  }

  /// Everything that fixes the row.
  var record: JSONValue {
    var members: [JSONValue.Member] = []
    if let image { members.append(.init("image", image.fullRecord)) }
    if let text { members.append(.init("text", text.record)) }
    if let joint { members.append(.init("multimodal", joint.record)) }
    if onSurvivors { members.append(.init("on_survivors", .bool(true))) }
    if let image, !image.family.isEmpty {
      members.append(.init("family", .string(image.family)))
    }
    return .object(members)
  }
}

/// The rows of an evaluation in the order in which they run.
struct EvaluationPlan {
  var rows: [PlannedRow]

  init(_ evaluation: RobustnessEvaluation) {
    rows = [PlannedRow(kind: .clean)]
    // Scored with other prompts too, so that all samples need images of full strength.
    let shared = Set(
      evaluation.multimodal.filter { $0.method == .independent }.compactMap {
        Self.key($0.image, evaluation)
      })
    func isShared(_ attack: ImageAttackSpecification) -> Bool {
      Self.key(attack, evaluation).map(shared.contains) ?? false
    }
    func completed(_ attack: ImageAttackSpecification) -> ImageAttackSpecification {
      var attack = attack
      attack.settings.search.attacksAll = evaluation.attacksAll
      // A sample that leaves at its first success has a small loss: enough for its own row, but
      // too weak for `mm_sep`.
      attack.settings.search.stopsEarly = !isShared(attack)
      attack.settings.reporting.probes =
        attack.settings.reporting.probes && evaluation.probesGradients
      attack.settings.reporting.judging = .alone
      attack.settings.search.seed = evaluation.seed ?? attack.settings.search.seed
      return attack
    }
    var images = evaluation.images.map(completed)
    // Survivors are handed on from row to row: the order must be that of the attacks, not of the list.
    if !evaluation.attacksEach {
      images = images.map { ($0, Self.order($0)) }.sorted { $0.1 < $1.1 }.map(\.0)
    }
    var given: Set<String> = []
    for attack in images {
      let key = Self.key(attack, evaluation)
      if let key { given.insert(key) }
      var row = PlannedRow(
        kind: .image, name: attack.name, image: attack, imageKey: key ?? "row \(rows.count)")
      // Hits of a target are counted over all samples.
      if !evaluation.attacksEach, !isShared(attack), attack.targets == nil {
        row.nested = rows.indices.filter {
          rows[$0].kind == .image && rows[$0].threat?.isNested(in: attack.threat) == true
        }
      }
      rows.append(row)
    }
    var texts: [String: String] = [:]
    for attack in evaluation.texts {
      texts[attack.name] = attack.record.serialized()
      rows.append(
        PlannedRow(kind: .text, name: attack.name, text: attack, textKey: attack.name))
    }
    for both in evaluation.multimodal {
      var image = completed(both.image)
      let isJoint = both.method.attacksTogether
      if isJoint {
        // Who is attacked is decided before; images meet other prompts than those of the search.
        image.settings.search.attacksAll = true
        image.settings.search.stopsEarly = false
      }
      let key = Self.key(both.image, evaluation)
      var row = PlannedRow(
        kind: ScenarioKind(both.method), name: both.name, image: image,
        text: isJoint ? nil : both.text, joint: isJoint ? both : nil,
        imageKey: key ?? "row \(rows.count)")
      row.takesImages = both.method == .independent && given.contains(row.imageKey)
      if both.method == .independent { given.insert(row.imageKey) }
      if let text = row.text {
        let record = text.record.serialized()
        row.textKey = texts[text.name, default: record] == record ? text.name : row.label
        if texts[text.name] == nil { texts[text.name] = record }
      }
      rows.append(row)
    }
  }

  /// The order of image attacks: threat models that hold others after them, and in each the cheapest
  /// attack first.
  private struct Order: Comparable {
    let threat: (Int, Int, String, Double)
    let cost: Int
    let name: String

    static func < (a: Order, b: Order) -> Bool {
      if a.threat != b.threat { return a.threat < b.threat }
      return (a.cost, a.name) < (b.cost, b.name)
    }

    static func == (a: Order, b: Order) -> Bool {
      a.threat == b.threat && a.cost == b.cost && a.name == b.name
    }
  }

  private static func order(_ attack: ImageAttackSpecification) -> Order {
    Order(
      threat: attack.threat.order, cost: attack.attack.plannedCost(attack.settings).time,
      name: attack.name)
  }

  /// Name and all that fixes an attack on images; nil where functions or other models do, which nobody
  /// can compare.
  private static func key(
    _ attack: ImageAttackSpecification, _ evaluation: RobustnessEvaluation
  ) -> String? {
    if case .custom = attack.settings.search.loss { return nil }
    guard attack.settings.search.sources.isEmpty else { return nil }
    var attack = attack
    attack.settings.search.attacksAll = evaluation.attacksAll
    attack.settings.search.stopsEarly = false
    attack.settings.search.seed = evaluation.seed ?? attack.settings.search.seed
    return attack.name + " " + attack.fullRecord.serialized()
  }

  /// Passes over so many samples.
  func cost(samples: Int) -> EvaluationCost {
    EvaluationCost(
      rows: rows.map { ($0.label, $0.cost * samples + $0.probeCost(samples: samples)) },
      samples: samples)
  }
}
