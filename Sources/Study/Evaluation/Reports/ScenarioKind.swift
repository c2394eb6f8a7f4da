internal import Attacks

/// What was changed when a row of a table was measured (`clean`, `image`, `text`, …).
package struct ScenarioKind: RawRepresentable, Hashable, Sendable, CaseIterable {
  /// Its name in reports.
  package let rawValue: String

  private init(_ name: String) { rawValue = name }

  /// The row of a multimodal method.
  init(_ method: MultimodalMethod) { rawValue = method.scenario }

  /// The kind of a name; nil for none.
  package init?(rawValue: String) {
    guard Self.allCases.contains(where: { $0.rawValue == rawValue }) else { return nil }
    self.rawValue = rawValue
  }

  /// Nothing.
  package static let clean = ScenarioKind("clean")
  /// Images, against the clean prompts.
  package static let image = ScenarioKind("image")
  /// Every class prompt; images are clean.
  package static let text = ScenarioKind("text")
  /// The worst of all rows above, sample by sample.
  package static let worst = ScenarioKind("worst")

  /// All kinds, in the order of reports.
  package static let allCases: [ScenarioKind] =
    [.clean, .image, .text] + MultimodalMethod.allCases.map { ScenarioKind($0) } + [.worst]
}
