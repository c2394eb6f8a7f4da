internal import AttackPlans
internal import Attacks
internal import ClipModels
internal import Diagnostics
internal import Evaluation
internal import LuaHost

/// What is meant by options that stand in the wrong place of an evaluation.
enum EvaluationHints {
  private static let imageNames = Set(EvaluationTables.image.map(\.name))
  private static let textNames = Set(TextAttackOptions.table.map(\.name))
  private static let imageMethods = Set(ImageAttackRow.all.map(\.name))

  /// Names of attacks in other tools and articles, as Kilpi writes them.
  static let methods: [(name: String, form: String)] = [
    ("apgd-ce", "method = \"apgd\", loss = \"ce\""),
    ("apgd-dlr", "method = \"apgd\", loss = \"dlr\""),
    ("apgd-t", "method = \"apgd\", loss = \"dlr-targeted\""),
    ("apgdt", "method = \"apgd\", loss = \"dlr-targeted\""),
    ("apgd-dlr-targeted", "method = \"apgd\", loss = \"dlr-targeted\""),
    ("fab-t", "method = \"fab\", targeted = \"all\""),
    ("aa", "method = \"autoattack\""), ("auto-attack", "method = \"autoattack\""),
    ("auto_attack", "method = \"autoattack\""),
    ("cw-pgd", "method = \"pgd\", loss = \"margin\""),
    ("pgd-l2", "method = \"pgd\", norm = \"l2\", eps = …"),
    ("pgdl2", "method = \"pgd\", norm = \"l2\", eps = …"),
    ("ifgsm", "method = \"bim\""), ("i-fgsm", "method = \"bim\""),
    ("mi-fgsm", "method = \"mifgsm\""), ("ni-fgsm", "method = \"nifgsm\""),
    ("si-fgsm", "method = \"sifgsm\""), ("di-fgsm", "method = \"difgsm\""),
    ("ti-fgsm", "method = \"tifgsm\""), ("vmi-fgsm", "method = \"vmifgsm\""),
    ("ffgsm", "method = \"rfgsm\""), ("c&w", "method = \"cw\""),
  ]

  /// Where an option of an evaluation itself is one of an attack, or an attack.
  ///
  /// - Parameters:
  ///   - known: what may stand there.
  ///   - attacks: the option that holds attack tables, `attacks` or `attack`.
  static func check(_ table: LuaTable, known: [OptionSpec], attacks: String) throws {
    for (key, value) in try table.pairs(limit: 10_000) {
      guard let name = key.string, key.int == nil, !known.contains(where: { $0.name == name })
      else {
        continue
      }
      if let form = form(name, value) {
        throw unknown(name, "it belongs to an attack: \(attacks) = {\(form)}")
      }
    }
  }

  /// Where an attack stands in place of its kind: `attacks = {pgd = {}}`.
  static func check(attacks table: LuaTable, known: [OptionSpec], name attacks: String) throws {
    for (key, value) in try table.pairs(limit: 10_000) {
      if key.int != nil {
        throw KilpiError(
          "\(attacks) holds a list, named parts are needed",
          advice: "write \(attacks) = {image = {…}}, text = {…} or multimodal = {…}")
      }
      guard let name = key.string, !known.contains(where: { $0.name == name }) else { continue }
      if let form = form(name, value) { throw unknown(name, "write \(attacks) = {\(form)}") }
    }
  }

  /// Where `method` has a name of another tool.
  static func check(attack table: LuaTable, inner: String?) throws {
    let owner = try inner.map { try table.get($0).table } ?? table
    guard let given = try owner?.get("method").string else { return }
    let name = given.lowercased()
    guard let known = methods.first(where: { $0.name == name }) else { return }
    throw KilpiError("there is no method \"\(given)\"", advice: "write \(known.form)")
  }

  /// A model that stands under a name, where models stand in a list.
  static func check(models table: LuaTable, known: [OptionSpec]) throws {
    for (key, value) in try table.pairs(limit: 10_000) {
      guard let name = key.string, key.int == nil, !known.contains(where: { $0.name == name })
      else {
        continue
      }
      guard
        value.object(as: ClipModel.self) != nil || value.classifier != nil
          || value.object(as: RobustnessHandle.self) != nil
      else { continue }
      let what = value.object(as: RobustnessHandle.self) == nil ? "model" : "report"
      throw unknown(
        name, "models stand in the list: {{name = \"\(name)\", \(what) = …}, …, data = …}")
    }
  }

  private static func unknown(_ name: String, _ advice: String) -> KilpiError {
    var error = ErrorText.unknownOption(name, known: [])
    error.advice = advice
    return error
  }

  /// How the option is written inside `attacks`; nil where it is no attack's.
  private static func form(_ given: String, _ value: LuaValue) -> String? {
    let other = [
      "budget": "eps", "epsilon": "eps", "iterations": "steps", "num_steps": "steps",
      "step_size": "step",
    ]
    let name = other[given] ?? given
    if let alias = methods.first(where: { $0.name == name.lowercased() }) {
      return "image = {\(alias.form)}"
    }
    if imageMethods.contains(name) { return "image = {method = \"\(name)\"}" }
    if let method = TextAttackMethod(rawValue: name) {
      return "text = {method = \"\(method.rawValue)\"}"
    }
    if let method = MultimodalMethod(rawValue: name) {
      return "multimodal = {method = \"\(method.rawValue)\"}"
    }
    if ["image", "text", "multimodal"].contains(name) { return "\(name) = {…}" }
    if imageNames.contains(name) { return "image = {\(name) = …}" }
    return textNames.contains(name) ? "text = {\(name) = …}" : nil
  }
}
