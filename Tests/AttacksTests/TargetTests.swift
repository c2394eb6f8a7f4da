import Attacks
import Diagnostics
import Tensors
import Testing

/// Targeted attacks: accuracies are counted from predictions and labels, hits of the target apart.
@Suite struct TargetTests {
  static let model = ToyModel(kind: .gelu, shape: [3, 3, 2], classes: 5, seed: 2)

  static func settings(_ epsilon: Double = 0) throws -> AttackSettings {
    var settings = AttackSettings(budget: try Budget(.linf, epsilon))
    settings.reporting.probes = false
    return settings
  }

  static func tops(_ images: Tensor) throws -> [Int] {
    try model.classifier()(images).argmax(axis: 1).integers().map { Int($0) }
  }

  static var attacks: [any ImageAttack] {
    AttackCase.all.filter { $0.id != "apgd-t" }.map(\.attack)
      + NearestCase.all.filter { $0.id != "deepfool" && $0.norms.contains(.linf) }.map(\.attack)
  }

  @Test("no change, no harm: a zero budget breaks nothing, whatever the targets", arguments: 0..<5)
  func zeroBudget(_ shift: Int) throws {
    let (images, labels) = try Self.model.samples(8)
    let right = zip(try Self.tops(images), labels).map { $0 == $1 }
    let targets = labels.map { ($0 + shift) % 5 }
    for attack in Self.attacks {
      var settings = try Self.settings()
      settings.threat.isWithinBudgetOnly = true
      let report = try attack.run(
        Self.model.classifier(), images: images,
        criterion: .targeted(.classes(targets), labels: labels), settings: settings
      ).report
      #expect(report.broken == right.map { !$0 }, "\(attack.name)")
      #expect(report.cleanAccuracy == report.robustAccuracy, "\(attack.name)")
      #expect(report.leftOut == (shift == 0 ? Array(0..<8) : []), "\(attack.name)")
      // Sample 3 is wrong when clean: its prediction may be the target.
      let hits = zip(try Self.tops(images), targets).map { shift != 0 && $0 == $1 }
      #expect(report.targetHit == hits, "\(attack.name)")
    }
  }

  @Test("a third class is no hit, and breaks the image all the same")
  func thirdClass() throws {
    let (images, labels) = try Self.model.samples(12)
    let targets = labels.map { ($0 + 1) % 5 }
    // What is increased is the margin of any other class, while the target is another one.
    var settings = try Self.settings(0.3)
    settings.search.loss = .custom { logits, targets in
      let wanted = try (targets + 2).integers().map { $0 % 5 }
      let index = try Tensor(wanted, shape: [wanted.count, 1])
      return try logits.gathered(1, index).squeezed(1)
    }
    let result = try ProjectedGradientDescent(steps: 20).run(
      Self.model.classifier(), images: images,
      criterion: .targeted(.classes(targets), labels: labels), settings: settings)
    let tops = try Self.tops(result.images)
    let clean = try Self.tops(images)
    let isThird = tops.indices.map { tops[$0] != labels[$0] && tops[$0] != targets[$0] }
    #expect(isThird.contains(true))
    for index in labels.indices {
      let isBroken = clean[index] != labels[index] || tops[index] != labels[index]
      #expect(result.report.broken[index] == isBroken)
      #expect(result.report.targetHit?[index] == (tops[index] == targets[index]))
      if isThird[index] { #expect(result.report.success[index] == false) }
    }
    let robust = result.report.broken.filter { !$0 }.count
    #expect(result.report.robustAccuracy == Double(robust) / 12)
  }

  @Test("a target that is the label leaves the sample out, and says so")
  func leftOut() throws {
    let (images, labels) = try Self.model.samples(8)
    var targets = labels.map { ($0 + 1) % 5 }
    for index in [0, 3, 6] { targets[index] = labels[index] }
    let before = try bits(images)
    let width = before.count / 8
    for attack in Self.attacks {
      for (batch, stopsEarly) in [(0, false), (3, true)] {
        var settings = try Self.settings(0.2)
        settings.search.batch = batch
        settings.search.stopsEarly = stopsEarly
        let result = try attack.run(
          Self.model.classifier(), images: images,
          criterion: .targeted(.classes(targets), labels: labels), settings: settings)
        let (report, after) = (result.report, try bits(result.images))
        #expect(report.leftOut == [0, 3, 6], "\(attack.name)")
        for index in [0, 3, 6] {
          let own = index * width..<(index + 1) * width
          #expect(after[own] == before[own] && report.success[index] == false, "\(attack.name)")
          #expect(report.broken[index] == !report.cleanCorrect[index])
        }
        #expect(after != before, "\(attack.name)")
        let hits = report.success.filter { $0 }.count
        #expect(report.targetHitRate == Double(hits) / 5, "\(attack.name)")
      }
    }
  }

  @Test("samples that are wrong when clean are skipped where that is asked for")
  func wrongWhenClean() throws {
    let (images, labels) = try Self.model.samples(8)
    let targets = labels.indices.map { index in
      (0..<5).first { $0 != labels[index] && $0 != (labels[index] + 4) % 5 } ?? 0
    }
    for attack in Self.attacks {
      var settings = try Self.settings(0.2)
      settings.search.attacksAll = false
      let result = try attack.run(
        Self.model.classifier(), images: images,
        criterion: .targeted(.classes(targets), labels: labels), settings: settings)
      let (before, after) = (try bits(images), try bits(result.images))
      #expect(before[54..<72] == after[54..<72], "\(attack.name)")  // sample 3
      #expect(before != after, "\(attack.name)")
    }
  }

  @Test("least-likely and random are never the label, also where it is the least likely")
  func chosen() throws {
    let (images, _) = try Self.model.samples(30)
    let logits = try Self.model.classifier()(images).doubles()
    // The label is the class with the smallest logit.
    let labels = (0..<30).map { row in
      (0..<5).min { logits[row * 5 + $0] < logits[row * 5 + $1] } ?? 0
    }
    for choice in [TargetChoice.leastLikely, .random] {
      for attack in Self.attacks {
        let report = try attack.run(
          Self.model.classifier(), images: images,
          criterion: .targeted(choice, labels: labels), settings: Self.settings(0.01)
        ).report
        let targets = try #require(report.targets)
        #expect(zip(targets, labels).allSatisfy { $0 != $1 }, "\(attack.name)")
        #expect(report.leftOut == [])
        if case .leastLikely = choice {
          let expected = labels.enumerated().map { row, label in
            (0..<5).filter { $0 != label }.min { logits[row * 5 + $0] < logits[row * 5 + $1] }
          }
          #expect(targets == expected.compactMap { $0 })
        }
      }
    }
  }

  @Test(
    "universal perturbations and patches count accuracy from labels, and leave the target's class out"
  )
  func shared() throws {
    let (images, labels) = try Self.model.samples(20)
    let target = labels[0]
    let own = labels.indices.filter { labels[$0] == target }
    var settings = SharedSettings(seed: 1)
    settings.target = target
    settings.heldOut = 0.25
    let still = try UniversalPerturbation(epochs: 2).run(
      Self.model.classifier(), LabelledSource(images, labels: labels),
      budget: Budget(.linf, 0), settings: settings)
    let tops = try Self.tops(images)
    #expect(still.report.leftOut == own)
    #expect(still.report.robustAccuracy == still.report.cleanAccuracy)
    #expect(still.report.targetHit == tops.indices.map { tops[$0] == target && !own.contains($0) })
    let all = still.accuracies(Array(0..<20))
    #expect(all.clean == still.report.cleanAccuracy && all.robust == all.clean)
    #expect(still.hitRate(own) == nil)
    for index in own { #expect(still.report.backwards[index] == 0) }
    let patched = try AdversarialPatch(area: 0.3, steps: 20, step: 0.1).run(
      Self.model.classifier(), LabelledSource(images, labels: labels), settings: settings)
    for index in labels.indices {
      let isRight = tops[index] == labels[index]
      #expect(
        patched.report.broken[index]
          == (!isRight || patched.report.prediction[index] != labels[index]))
    }
    // Nothing but the target's class: nothing to search for, and nothing changes.
    let same = labels.map { _ in target }
    let idle = try UniversalPerturbation().run(
      Self.model.classifier(), LabelledSource(images, labels: same),
      budget: Budget(.linf, 0.5), settings: settings)
    #expect(idle.report.leftOut == Array(0..<20))
    #expect(try idle.change.doubles().allSatisfy { $0 == 0 })
    #expect(idle.report.robustAccuracy == idle.report.cleanAccuracy)
    let grey = try AdversarialPatch(area: 0.3, steps: 3).run(
      Self.model.classifier(), LabelledSource(images, labels: same), settings: settings)
    #expect(grey.report.backwards.allSatisfy { $0 == 0 })
  }
}
