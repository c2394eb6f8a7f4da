internal import Diagnostics
internal import Glibc

/// How the size of a perturbation is measured, per image over all its values.
package enum Norm: String, Sendable, CaseIterable {
  /// Largest absolute change.
  case linf
  /// Euclidean length.
  case l2
  /// Sum of absolute changes.
  case l1

  /// A norm by its name in scripts.
  ///
  /// - Throws: `KilpiError` that lists the names.
  package static func named(_ name: String) throws -> Norm {
    guard let norm = Norm(rawValue: name.lowercased()) else {
      throw KilpiError(
        "unknown norm '\(name.prefix(40))'", advice: "norms are \"linf\", \"l2\" and \"l1\"")
    }
    return norm
  }
}

/// What an attack may change: all perturbations whose norm is at most `epsilon`, in pixel units of
/// `[0, 1]`.
package struct Budget: Equatable, Sendable {
  /// How the perturbation is measured.
  package let norm: Norm
  /// The largest norm allowed; 0 allows nothing.
  package let epsilon: Double

  /// A checked budget.
  ///
  /// - Parameters:
  ///   - epsilon: in `0 ... 1` for `linf`; any finite size for the other norms.
  /// - Throws: `KilpiError` that says how to write the budget.
  package init(_ norm: Norm = .linf, _ epsilon: Double) throws {
    self.norm = norm
    self.epsilon = try Budget.checked(epsilon, name: "eps", norm: norm)
  }

  /// 1/255 in L∞, the budget of CLIP studies.
  package static let `default` = Budget(unchecked: .linf, 1.0 / 255)

  /// No limit: for attacks that look for the nearest adversarial image.
  package static func unlimited(_ norm: Norm) -> Budget { Budget(unchecked: norm, .infinity) }

  /// False for `unlimited`.
  package var isLimited: Bool { epsilon < .infinity }

  private init(unchecked norm: Norm, _ epsilon: Double) {
    self.norm = norm
    self.epsilon = epsilon
  }

  /// A length in pixel units, checked: finite, not negative, and at most 1 for `linf`.
  ///
  /// - Throws: `KilpiError` naming `name`, the value, and how to write it.
  package static func checked(
    _ value: Double, name: String = "eps", norm: Norm = .linf
  ) throws -> Double {
    let limit = norm == .linf ? 1.0 : Double.greatestFiniteMagnitude
    guard value >= 0, value <= limit else {
      let range = norm == .linf ? "0 … 1" : "0 and above"
      let levels = value > 1 && value <= 255 && value == value.rounded()
      let advice =
        levels
        ? "for \(Int(value)) of 255 levels write \(name) = \"\(Int(value))/255\""
        : "budgets are in pixel units of 0 … 1"
      throw KilpiError("\(name) is \(number(value)), outside \(range)", advice: advice)
    }
    return value
  }

  /// A length from a script's text: a fraction `"8/255"` or a plain number `"0.03"`.
  ///
  /// - Returns: the float64 quotient.
  /// - Throws: `KilpiError` for any other text; the range is checked by `checked`.
  package static func parse(
    _ text: String, name: String = "eps", norm: Norm = .linf
  ) throws -> Double {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
      .map { Double(trimmed($0)) }
    var value: Double?
    if parts.count == 1 { value = parts[0] }
    if parts.count == 2, let top = parts[0], let bottom = parts[1], bottom > 0 {
      value = top / bottom
    }
    guard let value else {
      throw KilpiError(
        "\(name) is \"\(text.prefix(40))\", which is no budget",
        advice: "write a number such as 0.03, or a fraction such as \"8/255\"")
    }
    return try checked(value, name: name, norm: norm)
  }

  private static func trimmed(_ part: Substring) -> String {
    let spaces: Set<Character> = [" ", "\t"]
    var part = part
    while let first = part.first, spaces.contains(first) { part.removeFirst() }
    while let last = part.last, spaces.contains(last) { part.removeLast() }
    return String(part)
  }

  /// A number as people write it: `8`, `0.5`, `nan`.
  static func number(_ value: Double) -> String {
    if let whole = Int(exactly: value), whole.magnitude < 1 << 53 { return String(whole) }
    // The sign of NaN says nothing.
    return value.isNaN ? "nan" : "\(value)"
  }

  /// The budget as result rows print it: `linf 8/255`, `linf 0.25/255`, `l2 0.5`.
  package var description: String { "\(norm.rawValue) " + length }

  /// The size alone: the number where it is short, else levels of 255 for `linf` where these are whole
  /// or shorter than the number; at most six digits.
  package var length: String {
    guard isLimited else { return "without limit" }
    func isWhole(_ value: Double) -> Bool {
      (value - value.rounded()).magnitude < 1e-9
    }
    let levels = epsilon * 255
    let own = Budget.number(epsilon)
    // 0.2 is what people write for 0.2, although it is 51/255.
    if own.count <= 5 { return own }
    if norm == .linf, levels > 0.5, isWhole(levels) {
      return "\(Int(clamped: levels.rounded()))/255"
    }
    if own.count <= 8 { return own }
    // A hundredth of a level is the finest that people write.
    if norm == .linf, levels > 0.005, isWhole(levels * 100) {
      return Budget.number((levels * 100).rounded() / 100) + "/255"
    }
    return Budget.rounded(epsilon)
  }

  /// A number with six significant digits.
  private static func rounded(_ value: Double) -> String {
    guard value > 0 else { return number(value) }
    let scale = pow(10, 5 - floor(log10(value)))
    let short = (value * scale).rounded() / scale
    return number(short.isFinite ? short : value)
  }
}
