import Attacks
import Diagnostics
import Synchronization
import TestSupport
import Testing

/// R17: the invariants of attacks on random cases, every row of `AttackCase.all` in turn.
@Suite struct AttackAssuranceTests {
  @Test func invariants() throws {
    let assurance = Assurance("attacks")
    var outcome = Assurance.Outcome()
    if let replay = assurance.replay {
      let known: (any PropertyCase)? = RandomCase(text: replay) ?? RandomNearestCase(text: replay)
      let one = try #require(known, "no such case: \(replay)")
      outcome.violations = try one.violations()
      outcome.samples = 1
      try assurance.report(outcome)
      #expect(outcome.violations == [])
      return
    }
    let goal = assurance.amount(smoke: 1500, quick: 10_000, full: 1_000_000)
    let before = Conformance.attacked.load(ordering: .relaxed)
    var index = assurance.part
    var own = 0
    while own < goal {
      let start = Conformance.attacked.load(ordering: .relaxed)
      // Minimum-norm attacks have a table of their own; every eighth case is one of theirs.
      let one: any PropertyCase =
        index % 8 == 7
        ? RandomNearestCase(index / 8, seed: assurance.seed)
        : RandomCase(index / 8 * 7 + index % 8, seed: assurance.seed, attacks: AttackCase.all)
      outcome.add("cases")
      outcome.add("cases of " + one.attackID)
      do {
        let found = try one.violations()
        if !found.isEmpty { outcome.violations.append(Self.described(found, one)) }
      } catch let error as KilpiError where error.problem.contains("dlr loss needs") {
        outcome.add("refused for too few classes")  // I21
      } catch {
        outcome.violations.append(Self.described(["\(error)"], one))
      }
      // Other tests of the process count too: what one case adds is bounded.
      own += min(Conformance.attacked.load(ordering: .relaxed) - start, 2000)
      index += assurance.parts
    }
    outcome.samples =
      assurance.size == .smoke ? own : Conformance.attacked.load(ordering: .relaxed) - before
    outcome.controls = Self.controls(assurance)
    try assurance.report(outcome)
    #expect(outcome.violations == [])
    #expect(outcome.controls.filter { !$0.isCaught }.map(\.id) == [])
  }

  private static func described(_ found: [String], _ one: any PropertyCase) -> String {
    let small = one.shrunk()
    let what = ((try? small.violations()) ?? found).first ?? found.first ?? ""
    return "\(what): scripts/assure attacks --replay '\(small)'"
  }

  /// Each seeded defect must be found on random combinations, by the check that it violates.
  private static func controls(_ assurance: Assurance) -> [(id: String, isCaught: Bool)] {
    NegativeControlTests.controls.map { control in
      let broken = AttackCase(id: control.id, attack: control.attack, norms: [control.norm])
      let isCaught = (0..<20 * Conformance.checks.count).contains { index in
        let one = RandomCase(index, seed: assurance.seed, attacks: [broken])
        // An error is not the check's objection.
        return (try? control.check(Conformance(row: one.row)))?.isEmpty == false
      }
      return (control.id, isCaught)
    }
  }
}
