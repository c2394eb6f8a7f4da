internal import Diagnostics

extension Repl {
  func set(_ argument: String) {
    let words = argument.split(separator: " ").map(String.init)
    guard let name = words.first else {
      return result(Setting.all.map { $0.name + " " + $0.value(self) }.joined(separator: "  "))
    }
    guard let setting = Setting.all.first(where: { $0.name == name }) else {
      let near = NearestName.suggestion(for: name, among: Setting.all.map(\.name))
      return complain(
        "there is no setting '\(name)' "
          + (near.map { "(did you mean '\($0)'?)" } ?? "(:set lists them)"))
    }
    guard words.count > 1 else { return result(name + " " + setting.value(self)) }
    let value = words.dropFirst().joined(separator: " ")
    if !setting.set(self, value) {
      complain("\(name) is \(setting.usage), not '\(value)'")
    }
  }
}

/// Something that `:set` changes.
struct Setting: Sendable {
  var name: String
  /// Its values, as a message says them.
  var usage: String
  /// The values that can be completed.
  var choices: [String]
  /// The present value.
  var value: @Sendable (Repl) -> String
  /// Sets a value; false when it is none.
  var set: @Sendable (Repl, String) -> Bool

  /// One of several words.
  static func choice(
    _ name: String, _ choices: [String], value: @escaping @Sendable (Repl) -> String,
    set: @escaping @Sendable (Repl, String) -> Void
  ) -> Setting {
    Setting(
      name: name, usage: choices.joined(separator: " or "), choices: choices, value: value
    ) { repl, text in
      guard choices.contains(text) else { return false }
      set(repl, text)
      return true
    }
  }

  /// All of them, in the order of the list.
  static let all = [
    choice("locals", ["keep", "strict"]) {
      $0.session.promotesLocals ? "keep" : "strict"
    } set: {
      $0.session.promotesLocals = $1 == "keep"
    },
    Setting(
      name: "strict", usage: "on or off", choices: ["on", "off"],
      value: { $0.session.isStrict ? "on" : "off" },
      set: { repl, text in
        guard text == "on" || text == "off" else { return false }
        repl.attempt { try repl.session.setStrict(text == "on") }
        return true
      }),
    choice("timing", ["on", "off"]) {
      $0.settings.timeAbove == nil ? "off" : "on"
    } set: {
      $0.settings.timeAbove = $1 == "on" ? 1 : nil
    },
    choice("bell", ["on", "off"]) {
      $0.settings.ringsBell ? "on" : "off"
    } set: {
      $0.settings.ringsBell = $1 == "on"
    },
    choice("traceback", ErrorReport.Traceback.allCases.map(\.rawValue)) {
      $0.settings.traceback.rawValue
    } set: {
      $0.settings.traceback = ErrorReport.Traceback(rawValue: $1) ?? .short
    },
    choice("graphics", GraphicsChoice.allCases.map(\.rawValue)) {
      ($0.settings.graphics ?? .auto).rawValue
    } set: {
      $0.settings.graphics = GraphicsChoice(rawValue: $1).flatMap { $0 == .auto ? nil : $0 }
    },
    Setting(
      name: "width", usage: "a number of columns from 20, or auto", choices: ["auto"],
      value: { $0.settings.width.map(String.init) ?? "auto" },
      set: { repl, text in
        let columns = Int(text)
        guard text == "auto" || columns ?? 0 >= 20 else { return false }
        repl.settings.width = columns
        return true
      }),
  ]
}
