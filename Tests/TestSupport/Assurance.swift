internal import Foundation

/// What a figure of `scripts/assure` was asked for; the same code runs at a small size in every test
/// run, so that it cannot rot.
///
/// The driver passes it through the environment: `KILPI_ASSURE` (the figure's name), `..._SIZE`,
/// `..._SEED`, `..._PART` (`2/8`), `..._REPLAY` and `..._JSON` (where the outcome goes).
public struct Assurance: Sendable {
  /// How much is done.
  public enum Size: String, Sendable { case smoke, quick, full }

  /// How much is done.
  public let size: Size
  /// Root of all random draws.
  public let seed: UInt64
  /// Which part of the work, from 0 on.
  public let part: Int
  /// In how many parts the work is cut.
  public let parts: Int
  /// A case to repeat in place of the whole.
  public let replay: String?
  private let output: String?

  /// The request for a figure; without one, a small size with a fixed seed.
  public init(_ figure: String) {
    let environment = ProcessInfo.processInfo.environment
    guard environment["KILPI_ASSURE"] == figure else {
      (size, seed, part, parts, replay, output) = (.smoke, 0, 0, 1, nil, nil)
      return
    }
    size = environment["KILPI_ASSURE_SIZE"].flatMap { Size(rawValue: $0) } ?? .quick
    seed = environment["KILPI_ASSURE_SEED"].flatMap { UInt64($0) } ?? 0
    let cut = (environment["KILPI_ASSURE_PART"] ?? "1/1").split(separator: "/").compactMap {
      Int($0)
    }
    part = max(0, (cut.first ?? 1) - 1)
    parts = max(1, cut.last ?? 1)
    replay = environment["KILPI_ASSURE_REPLAY"].flatMap { $0.isEmpty ? nil : $0 }
    output = environment["KILPI_ASSURE_JSON"]
  }

  /// A number for each size; a part gets its share.
  public func amount(smoke: Int, quick: Int, full: Int) -> Int {
    switch size {
    case .smoke: return smoke
    case .quick: return (quick + parts - 1) / parts
    case .full: return (full + parts - 1) / parts
    }
  }

  /// What a figure found.
  public struct Outcome {
    /// Samples, cases or data sets that were looked at.
    public var samples = 0
    /// Numbers by name; the driver adds those of all parts.
    public var counts: [String: Double] = [:]
    /// What must not be, each with the way to repeat it.
    public var violations: [String] = []
    /// Seeded wrong variants, and whether they were caught.
    public var controls: [(id: String, isCaught: Bool)] = []
    /// What was left out, and why.
    public var skips: [String] = []

    /// Nothing found yet.
    public init() {}

    /// Adds to a number.
    public mutating func add(_ name: String, _ value: Double = 1) {
      counts[name, default: 0] += value
    }
  }

  /// Hands the outcome to the driver, if there is one.
  public func report(_ outcome: Outcome) throws {
    guard let output else { return }
    let value: [String: Any] = [
      "samples": outcome.samples, "counts": outcome.counts,
      "violations": Array(outcome.violations.prefix(50)),
      "violation_count": outcome.violations.count,
      "controls": outcome.controls.map { ["id": $0.id, "caught": $0.isCaught] as [String: Any] },
      "skips": outcome.skips,
    ]
    let data = try JSONSerialization.data(withJSONObject: value, options: [.sortedKeys])
    try data.write(to: URL(fileURLWithPath: output), options: .atomic)
  }
}
