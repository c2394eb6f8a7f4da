package import Attacks
internal import Files

/// What an attack may do to an image: a set of allowed images around the clean one.
///
/// Numbers of two threat models are numbers of two questions. An evaluation hands the samples that an
/// attack left on to another one only where the first one's allowed images are among the second one's.
package struct ThreatModel: Equatable, Sendable {
  /// Norm and size of the change.
  package var budget: Budget
  /// Results lie on 8-bit levels.
  package var isOnEightBitLevels = false
  /// What tells masks of pixels apart, as it is printed; nil when every pixel may change.
  package var mask: String?

  /// A ball; everything in it is allowed.
  package init(_ budget: Budget, isOnEightBitLevels: Bool = false, mask: String? = nil) {
    self.budget = budget
    self.isOnEightBitLevels = isOnEightBitLevels
    self.mask = mask
  }

  /// Whether every image that this threat model allows is one that `other` allows, whatever the image's
  /// size: one norm, a radius that is not larger, and no restriction that only `other` has.
  package func isNested(in other: ThreatModel) -> Bool {
    budget.norm == other.budget.norm && budget.epsilon <= other.budget.epsilon
      && (isOnEightBitLevels || !other.isOnEightBitLevels)
      && (other.mask == nil || mask == other.mask)
  }

  /// As rows print it: `linf 8/255`, `linf 8/255 on 8-bit levels, mask 5f0c21aa (64 of 256 free)`.
  package var description: String {
    budget.description + (isOnEightBitLevels ? " on 8-bit levels" : "")
      + (mask.map { ", mask " + $0 } ?? "")
  }

  /// The order of rows: by norm and restriction, small budgets before those that hold them.
  var order: (Int, Int, String, Double) {
    (
      Norm.allCases.firstIndex(of: budget.norm) ?? 0, isOnEightBitLevels ? 0 : 1, mask ?? "~",
      budget.epsilon
    )
  }

  /// Norm, radius in both units, and restrictions.
  var json: JSONValue {
    .record([
      "norm": .string(budget.norm.rawValue), "eps": .number(budget.epsilon),
      "eps_255": .number(budget.epsilon * 255),
      "lattice": isOnEightBitLevels ? .integer(8) : .null,
      "mask": mask.map { .string($0) } ?? .null, "text": .string(description),
    ])
  }

  /// Reads what `json` wrote; nil when something is missing.
  init?(_ json: JSONValue) {
    guard let norm = json["norm"]?.string.flatMap({ Norm(rawValue: $0) }),
      let epsilon = json["eps"]?.anyDouble
    else { return nil }
    if epsilon.isFinite {
      guard let budget = try? Budget(norm, epsilon) else { return nil }
      self.init(budget)
    } else {
      self.init(.unlimited(norm))
    }
    isOnEightBitLevels = json["lattice"]?.int == 8
    mask = json["mask"]?.string
  }
}
