package import AttackPlans
package import Attacks
internal import Diagnostics
internal import Files
internal import Tensors

/// What an article or its release evaluates with: attacks, budgets, where the perturbation lives, samples.
///
/// To add one is to add its row of `all`. What the sources do not say is left to the caller
/// (docs/methods/evaluation.md, section 6.10).
package struct EvaluationProtocol: Sendable {
  /// Its name in scripts and records.
  package let name: String
  /// One phrase: what it is.
  package let summary: String
  /// Where the perturbation lives.
  package let place: PerturbationPlace
  /// Samples drawn; nil: all.
  package var samples: Int?
  /// A defence at test time is attacked both through it and behind it.
  package var addsTransfer = false
  /// What joins images and texts, where texts are attacked.
  package var methods: [MultimodalMethod] = []
  private let attacks: @Sendable () -> [Row]

  /// An attack at a budget in L∞, in 255ths.
  private struct Row {
    var attack: any ImageAttack
    var epsilon = 1
    var loss = AttackLoss.crossEntropy
    var name: String?
  }

  /// Every protocol.
  package static let all: [EvaluationProtocol] = [
    EvaluationProtocol(
      name: "mmcoa", summary: "PGD-100 at 1/255 (arXiv:2404.19287); adaptive rows are added",
      place: .native, methods: [.independent, .adaptive]
    ) { [Row(attack: descent(100))] },
    EvaluationProtocol(
      name: "tecoa",
      summary: "PGD-100, CW-PGD with kappa 50 and AA/ce+dlr at 1/255 (arXiv:2212.07016)",
      place: .input
    ) { margins + [Row(attack: AutoAttack(.ceDLR))] },
    EvaluationProtocol(
      name: "tga", summary: "PGD-100, CW-PGD and AA/ce+dlr at 1/255 (arXiv:2410.21802)",
      place: .input
    ) { margins + [Row(attack: AutoAttack(.ceDLR))] },
    EvaluationProtocol(
      name: "pmg-aft", summary: "PGD-20 and AA/standard at 1/255 (arXiv:2401.04350)", place: .input
    ) { [Row(attack: descent(20)), Row(attack: AutoAttack())] },
    EvaluationProtocol(
      name: "fare", summary: "AA/ce+t at 1, 2 and 4/255 on 1,000 samples (arXiv:2402.12336)",
      place: .input, samples: 1000
    ) { [1, 2, 4].map { Row(attack: AutoAttack(.ceT), epsilon: $0) } },
    EvaluationProtocol(
      name: "ttc",
      summary: "PGD-10 at 1/255 and 4/255, through the defence and behind it (arXiv:2503.03613)",
      place: .input, addsTransfer: true
    ) { [1, 4].map { Row(attack: descent(10), epsilon: $0) } },
    EvaluationProtocol(
      name: "gold",
      summary: "PGD-100 and AA/standard at 1/255 and 4/255, adaptive attacks on images and texts",
      place: .native, methods: [.independent, .adaptive, .alternating]
    ) {
      [1, 4].flatMap { epsilon in
        [
          Row(attack: descent(100), epsilon: epsilon), Row(attack: AutoAttack(), epsilon: epsilon),
        ]
      }
    },
  ]

  /// The protocol of a name; nil for none.
  package static func named(_ name: String) -> EvaluationProtocol? { all.first { $0.name == name } }

  private init(
    name: String, summary: String, place: PerturbationPlace, samples: Int? = nil,
    addsTransfer: Bool = false, methods: [MultimodalMethod] = [],
    attacks: @escaping @Sendable () -> [Row]
  ) {
    (self.name, self.summary, self.place, self.samples) = (name, summary, place, samples)
    (self.addsTransfer, self.methods, self.attacks) = (addsTransfer, methods, attacks)
  }

  private static func descent(_ steps: Int) -> ProjectedGradientDescent {
    ProjectedGradientDescent(steps: steps, step: 1.0 / 255)
  }

  private static var margins: [Row] {
    [
      Row(attack: descent(100)),
      Row(attack: descent(100), loss: .margin(clamp: 50), name: "cw-pgd"),
    ]
  }

  /// The attacks on images.
  ///
  /// - Parameters:
  ///   - classes: number of classes, which sets of attacks are named after.
  ///   - seed: root of their draws.
  package func images(classes: Int, seed: UInt64) throws -> [ImageAttackSpecification] {
    let rows = attacks()
    let several = Set(rows.map(\.epsilon)).count > 1
    return try rows.map { row in
      var settings = AttackSettings(
        budget: try Budget(.linf, Double(row.epsilon) / 255), seed: seed)
      settings.search.loss = row.loss
      settings.threat.isWithinBudgetOnly = true
      settings.reporting.firstIndex = 1
      let name = row.name ?? row.attack.name(classes: classes)
      var made = ImageAttackSpecification(
        name: several ? "\(name)@\(row.epsilon)/255" : name, attack: row.attack, settings: settings)
      if several { made.family = name }
      return made
    }
  }
}

extension RobustnessReport {
  /// One line that says what was measured: what is needed to repeat it, and what tells it from others.
  package var protocolLine: String {
    var ids = SHA256()
    for id in sampleIDs { Array((id + "\n").utf8).withUnsafeBytes { ids.update($0) } }
    let model = record["model"]
    // Everything else that fixes a number: attacks with all parameters, data, seed, a defence.
    var whole = SHA256()
    let facts =
      scenarios.map(\.record) + ["data", "prompts", "threat", "seed"].map { record[$0] ?? .null }
      + [model?["origin"] ?? .null]
    for fact in facts { Array(fact.serialized().utf8).withUnsafeBytes { whole.update($0) } }
    let rows = scenarios.filter { $0.record.object != nil && $0.kind != .clean }.map {
      row -> String in
      let image = row.record["image"]
      let steps = image?["parameters"]?["steps"]?.int
      let restarts = image?["restarts"]?.int ?? 1
      return "\(row.label) \(row.threatText)" + (steps.map { " \($0) steps" } ?? "")
        + (restarts == 1 ? "" : " \(restarts) restarts")
        + (image?["transfer"]?.bool == true ? " transfer" : "")
    }
    let parts: [String?] = [
      "kilpi \(record["kilpi"]?.string ?? "-")",
      record["protocol"]?.string.map { "protocol \($0)" },
      "\(name) weights \(model?["weights"]?.string ?? "-")",
      "\(dataName)/\(split) n=\(count) ids \(ids.hexadecimal().prefix(8))",
      "prompts \(record["prompts"]?["hash"]?.string ?? "-")",
      "\(height)x\(width) \(perturbationPlace.rawValue)", rows.joined(separator: "; "),
      "seed \(record["seed"]?.serialized() ?? "-")",
      "right = clean and attacked top class is the label, each image alone in float32",
      "all \(whole.hexadecimal().prefix(12))",
    ]
    return parts.compactMap { $0 }.joined(separator: " | ")
  }
}
