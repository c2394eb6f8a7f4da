import Attacks
import TestSupport
import Testing

/// R18: attacks against answers that are known exactly, on random models; every row of the attack tables
/// is held to "no false success", those that must reach the optimum are named.
@Suite struct OracleAssuranceTests {
  @Test func oracles() throws {
    let assurance = Assurance("oracles")
    var outcome = Assurance.Outcome()
    let rounds = assurance.amount(smoke: 1, quick: 6, full: 600)
    for round in 0..<rounds {
      let seed = assurance.seed &* 1_000_003 &+ UInt64(round * assurance.parts + assurance.part)
      var check = OracleRound(seed: seed)
      try check.closedForms(AttackCase.all)
      try check.smallestDistances(NearestCase.all)
      try check.lattice(AttackCase.all)
      try check.continuous(AttackCase.all)
      try check.certified(AttackCase.all)
      try check.embedding()
      for (name, value) in check.counts { outcome.add(name, value) }
      outcome.violations += check.violations.map { "\($0), round seed \(seed)" }
      outcome.samples += check.samples
    }
    outcome.controls = try Self.controls(assurance.seed)
    try assurance.report(outcome)
    #expect(outcome.violations == [])
    #expect(outcome.controls.filter { !$0.isCaught }.map(\.id) == [])
    for kind in ["lattice", "continuous"] where assurance.size == .smoke {
      // Few samples: the share is only claimed at full size.
      let share =
        (outcome.counts[kind + " reached"] ?? 0) / (outcome.counts[kind + " breakable"] ?? 1)
      #expect(share > 0.8, "\(kind): \(outcome.counts)")
    }
  }

  /// Wrong attacks that the oracles must object to.
  private static func controls(_ seed: UInt64) throws -> [(id: String, isCaught: Bool)] {
    func objects(_ rounds: Int, _ body: (inout OracleRound) throws -> Bool) throws -> Bool {
      for round in 0..<rounds {
        var check = OracleRound(seed: seed &+ UInt64(round))
        if try body(&check) { return true }
      }
      return false
    }
    func row(_ defect: Broken.Defect) -> [AttackCase] {
      [AttackCase(id: "broken", attack: Broken(defect), norms: [.linf])]
    }
    let far = [
      NearestCase(
        id: "far", attack: Careless(defect: .far), norms: [.l2], oracle: Careless(defect: .far))
    ]
    return [
      (
        "beyond the optimum of a linear model (B06)",
        try objects(3) {
          try $0.closedForms(row(.drifting))
          return !$0.violations.isEmpty
        }
      ),
      (
        "a success where enumeration says robust",
        try objects(6) {
          try $0.lattice(row(.overstated), strong: row(.overstated)[0], isHeld: false)
          return !$0.violations.isEmpty
        }
      ),
      (
        "a success where every piece is certified",
        try objects(6) {
          try $0.continuous(row(.overstated), strong: row(.overstated)[0])
          return !$0.violations.isEmpty
        }
      ),
      (
        "a certified sample is broken",
        try objects(6) {
          try $0.certified(row(.overstated))
          return !$0.violations.isEmpty
        }
      ),
      (
        "an attack that does nothing reaches too little",
        try objects(6) {
          // Off the lattice, where no moves from level to level come to its help.
          try $0.lattice([], strong: row(.identity)[0], isHeld: false)
          return $0.counts["lattice reached", default: 0]
            < 0.95 * $0.counts["lattice breakable", default: 0]
        }
      ),
      (
        "three times the smallest distance",
        try objects(3) {
          try $0.smallestDistances(far)
          return !$0.violations.isEmpty
        }
      ),
      (
        "one step on an embedding",
        try objects(3) {
          try $0.embedding(ProjectedGradientDescent(steps: 1))
          return !$0.violations.isEmpty
        }
      ),
    ]
  }
}
