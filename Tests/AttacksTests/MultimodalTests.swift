import Diagnostics
import Foundation
import Tensors
import TestSupport
import Testing

@testable import Attacks

/// Image and text attacks together against answers that are known exactly (O9).
@Suite struct MultimodalTests {
  typealias Toys = MultimodalToys

  /// Cross-entropy of two classes from the margin.
  private func loss(_ margin: Double) -> Double {
    margin > 0 ? margin + log1p(exp(-margin)) : log1p(exp(margin))
  }

  @Test("O9: independent ≤ adaptive ≤ exact; adaptive from every text reaches the exact optimum")
  func oracle() throws {
    let (images, labels) = try Toys.images()
    let exact = try Toys.exact(images, labels)
    let independent = try Toys.run(Toys.attack(.independent)).report
    let adaptive = try Toys.run(Toys.attack(.adaptive)).report
    #expect(independent.cleanAccuracy == 1)
    #expect(adaptive.textSuccess == independent.textSuccess)
    var reached = [Double](repeating: -.infinity, count: labels.count)
    for pair in Toys.pairs {
      let report = try Toys.run(Toys.attack(.adaptive, blind: pair)).report
      let rows = try images.floats()
      for row in labels.indices {
        // On a linear encoder the adaptive attack is the closed form for its prompts.
        let known = Toys.best(Array(rows[row * 3..<row * 3 + 3]), labels[row], pair)
        #expect(abs(report.margin[row] - known) < 2e-6)
        reached[row] = max(reached[row], report.margin[row])
      }
    }
    for row in labels.indices {
      #expect(independent.loss[row] <= adaptive.loss[row] + 1e-6)
      #expect(adaptive.margin[row] <= exact[row] + 2e-6)
      #expect(abs(reached[row] - exact[row]) < 2e-6)
    }
    let robust = try #require(adaptive.robustAccuracy)
    #expect(try #require(independent.robustAccuracy) >= robust)
    #expect(robust > Double(exact.filter { $0 <= 0 }.count) / 40)
  }

  @Test("image first: every image meets the prompts that are worst for what became of it")
  func imageFirst() throws {
    let (images, labels) = try Toys.images()
    let result = try Toys.run(Toys.attack(.imageFirst))
    let exact = try Toys.exact(images, labels)
    let clean = try Toys.run(Toys.attack(.independent))
    #expect(try bits(result.images) == bits(clean.images))
    #expect(result.report.imageSuccess == clean.report.imageSuccess)
    let rows = try result.images.floats()
    for row in labels.indices {
      let image = Array(rows[row * 3..<row * 3 + 3])
      let best = Toys.pairs.map { Toys.margin(image, labels[row], $0) }.max() ?? 0
      #expect(abs(result.report.margin[row] - best) < 2e-6)
      #expect(abs(result.report.loss[row] - loss(best)) < 2e-6)
      #expect(result.report.margin[row] <= exact[row] + 2e-6)
      #expect(!result.report.imageSuccess[row] || result.report.success[row])
      let prompts = result.prompts.prompts(image: row)
      #expect(Toys.margin(image, labels[row], prompts) == best)
    }
  }

  @Test("alternating ≥ image first in loss, sample by sample, and never above the optimum")
  func alternating() throws {
    let (images, labels) = try Toys.images()
    let first = try Toys.run(Toys.attack(.imageFirst))
    let exact = try Toys.exact(images, labels)
    var attack = try Toys.attack(.alternating)
    for rounds in [1, 2, 3, 6] {
      attack.rounds = rounds
      let result = try Toys.run(attack)
      for row in labels.indices {
        #expect(result.report.loss[row] >= first.report.loss[row])
        #expect(!first.report.success[row] || result.report.success[row])
        #expect(result.report.margin[row] <= exact[row] + 2e-6)
        #expect((1...rounds).contains(result.report.rounds[row]))
        #expect(
          (result.report.rounds[row] == 1) == (result.report.loss[row] == first.report.loss[row]))
        // The verdict is that of the pair that is returned.
        let image = try result.images.narrowed(0, start: row, length: 1).floats()
        let margin = Toys.margin(image, labels[row], result.prompts.prompts(image: row))
        #expect(abs(margin - result.report.margin[row]) < 2e-6)
      }
      if rounds == 1 {
        #expect(try bits(result.images) == bits(first.images))
        #expect(result.prompts == first.prompts)
      } else {
        // Some sample must gain, else the rounds did nothing.
        #expect(zip(result.report.loss, first.report.loss).contains { $0 > $1 + 1e-4 })
        #expect(result.report.rounds.contains(2) && result.report.rounds.contains(1))
        let spent = result.report.image.backwards.reduce(0, +)
        #expect(spent > first.report.image.backwards.reduce(0, +))
      }
      #expect(try Distances(from: images, to: result.images).linf.allSatisfy { $0 <= Toys.epsilon })
    }
  }

  @Test("Co-Attack: the objective is convex in the pixels, so a corner of the ball is the optimum")
  func coAttack() throws {
    let (images, labels) = try Toys.images()
    for alpha in [0.0, 1, 3] {
      var attack = try Toys.attack(
        .coAttack, step: Toys.step(ProjectedGradientDescent(steps: 30, step: 0.01)))
      attack.alpha = alpha
      // Every corner is a local optimum: starts all over the ball find the best of them.
      attack.image.settings.search.restarts = 40
      let result = try Toys.run(attack)
      #expect(result.prompts == .shared(["a1", "b1"]))
      let clean = try images.floats()
      let moved = try result.images.floats()
      for row in labels.indices {
        let image = clean[row * 3..<row * 3 + 3].map(Double.init)
        let caption = (Toys.table[labels[row] == 0 ? "a1" : "b1"] ?? []).map(Double.init)
        func objective(_ x: [Double]) -> Double {
          divergence(image, x) + alpha * divergence(caption, x)
        }
        let corners = (0..<8).map { corner in
          objective(
            image.enumerated().map { pixel, value in
              corner >> pixel & 1 == 1
                ? min(value + Toys.epsilon, 1) : max(value - Toys.epsilon, 0)
            })
        }
        let best = corners.max() ?? 0
        let reached = objective(moved[row * 3..<row * 3 + 3].map(Double.init))
        #expect(reached <= best + 1e-6)
        #expect(reached >= 0.99 * best)
        #expect(abs(result.report.image.loss[row] - reached) < 1e-5)
      }
    }
  }

  private func divergence(_ p: [Double], _ q: [Double]) -> Double {
    func logs(_ z: [Double]) -> [Double] {
      let top = log(z.reduce(0) { $0 + exp($1) })
      return z.map { $0 - top }
    }
    return zip(logs(p), logs(q)).reduce(0) { $0 + exp($1.0) * ($1.0 - $1.1) }
  }

  @Test("Co-Attack, compat: the released start lies on one side and within the box")
  func oneSidedStart() throws {
    var attack = try Toys.attack(.coAttack, step: Toys.step(StartOnly()))
    let both = try Toys.run(attack)
    attack.followsRelease = true
    let (images, _) = try Toys.images()
    let one = try Toys.run(attack)
    let shift = try (one.images - images).doubles()
    #expect(shift.allSatisfy { $0 >= 0 && $0 <= Toys.epsilon + 1e-7 })
    #expect(abs(shift.reduce(0, +) / Double(shift.count) - Toys.epsilon / 2) < 0.006)
    #expect(try (both.images - images).doubles().contains { $0 < 0 })
    #expect(try one.images.doubles().allSatisfy { $0 <= 1 })
  }

  @Test("B09: Co-Attack, compat: the model sees the released start uncut, once and nowhere else")
  func uncutStart() throws {
    var attack = try Toys.attack(.coAttack, step: Toys.step(ProjectedGradientDescent(steps: 4)))
    attack.followsRelease = true
    let image = try Tensor.full([2, 3, 1, 1], 0.98)
    var largest: [Float] = []
    var encoder = Toys.encoder
    let plain = encoder.image
    encoder.image = Classifier { images in
      if GradientMode.isRecording {
        largest += try [images.detached().max().item()].map { Float($0) }
      }
      return try plain(images)
    }
    let result = try attack.run(encoder, images: image, labels: [0, 1], prompts: ["a", "b"])
    #expect(largest.count >= 4 && (largest.first ?? 0) > 1)
    #expect(largest.dropFirst().allSatisfy { $0 <= 1 })
    #expect(try result.images.doubles().allSatisfy { $0 >= 0.93 && $0 <= 1 })
    // An attack that begins at the clean images shows nothing beyond 1.
    attack.image = try Toys.step(FastGradientSign())
    largest = []
    _ = try attack.run(encoder, images: image, labels: [0, 1], prompts: ["a", "b"])
    #expect(!largest.isEmpty && largest.allSatisfy { $0 <= 1 })
  }

  @Test("Co-Attack, compat: the last point is the result, and another keep is refused")
  func compatKeepsTheLast() throws {
    // Two steps of the whole ball: one to its border, one that may overshoot the best point.
    var attack = try Toys.attack(
      .coAttack, step: Toys.step(ProjectedGradientDescent(steps: 3, step: 0.09)))
    attack.followsRelease = true
    let found = try Toys.run(attack)
    attack.image.settings.search.keep = .last
    #expect(try bits(Toys.run(attack).images) == bits(found.images))
    attack.image.settings.search.keep = .best
    #expect(
      message { _ = try Toys.run(attack) }
        == "compat ends at the last point, keep is \"best\" (leave one of them out)")
    attack.followsRelease = false
    #expect(try bits(Toys.run(attack).images) != bits(found.images))
  }

  /// Returns where a run starts.
  private struct StartOnly: FixedBudgetAttack {
    static var parameters: [Parameter<Self>] { [] }
    var name: String { "start" }
    var plannedVisits: Int { 0 }
    var defaultKeep: Keep { .last }
    func check(_ settings: AttackSettings) throws {}
    func perturb(_ search: PixelSearch) throws { try search.finish(search.start(random: true)) }
  }

  @Test("SGA without copies: the closed form for the image, then its own class's prompt")
  func sga() throws {
    let (images, labels) = try Toys.images()
    var attack = try Toys.attack(.sga)
    attack.views.scales = []
    let result = try Toys.run(attack)
    let clean = try images.floats()
    let moved = try result.images.floats()
    for row in labels.indices {
      let image = try Tensor(Array(clean[row * 3..<row * 3 + 3]), shape: [1, 3])
      let first = try Toys.against([["a", "b"][labels[row]]], [image])[0]
      for (pixel, weight) in (Toys.table[first] ?? []).enumerated() where weight != 0 {
        let x = Double(clean[row * 3 + pixel])
        let end = weight > 0 ? max(x - Toys.epsilon, 0) : min(x + Toys.epsilon, 1)
        #expect(abs(Double(moved[row * 3 + pixel]) - end) < 1e-6)
      }
      // The original prompt again, against the moved image; the other class stays clean.
      let seen = try Tensor(Array(moved[row * 3..<row * 3 + 3]), shape: [1, 3])
      var expected = ["a", "b"]
      expected[labels[row]] = try Toys.against([expected[labels[row]]], [seen])[0]
      #expect(result.prompts.prompts(image: row) == expected)
    }
    #expect(try #require(result.report.robustAccuracy) < 1)
  }

  @Test("a target that is the label is no hit: the sample is left out and counted")
  func labelsAsTargets() throws {
    let (_, labels) = try Toys.images()
    for method in [MultimodalMethod.independent, .adaptive] {
      var attack = try Toys.attack(method)
      attack.targets = .classes(labels.enumerated().map { $0 < 5 ? $1 : 1 - $1 })
      let report = try Toys.run(attack).report
      #expect(report.leftOut == Array(0..<5) && report.image.leftOut == report.leftOut)
      let hits = zip(report.prediction, labels).map { $0 != $1 }.dropFirst(5)
      #expect(report.targetHit == [Bool](repeating: false, count: 5) + hits)
      #expect(report.targetHitRate == Double(hits.count { $0 }) / Double(labels.count - 5))
      attack.targets = .classes(labels)
      let none = try Toys.run(attack).report
      #expect(none.targetHit.allSatisfy { !$0 } && none.targetHitRate == nil)
    }
  }

  @Test("worst: per sample the pair that succeeds, else the largest loss; never above a member")
  func worst() throws {
    let (images, labels) = try Toys.images()
    var attack = try Toys.attack(.worst)
    attack.views.scales = []
    // Some samples are wrong when clean: they count as broken whatever the attacks do.
    var given = labels
    given[0] = 1 - given[0]
    let result = try attack.run(
      Toys.encoder, images: images, labels: given, prompts: ["a", "b"])
    #expect(
      result.report.members
        == ["clean", "mm_sep", "mm_t2i", "mm_i2t", "mm_alt", "mm_co", "mm_sga"])
    var broken = given.indices.map { $0 == 0 }
    var largest = [Double](repeating: -.infinity, count: 40)
    for method in MultimodalMethod.allCases where method != .worst {
      attack.method = method
      let member = try attack.run(
        Toys.encoder, images: images, labels: given, prompts: ["a", "b"]
      ).report
      broken = zip(broken, member.broken).map { $0 || $1 }
      largest = zip(largest, member.loss).map { max($0, $1) }
      for row in given.indices where result.report.chosen[row] == method.scenario {
        #expect(result.report.loss[row] == member.loss[row])
        #expect(result.report.success[row] == member.success[row])
      }
    }
    #expect(result.report.broken == broken)
    for row in given.indices where result.report.success[row] {
      #expect(result.report.margin[row] > 0)
    }
    #expect(zip(result.report.loss, largest).allSatisfy { $0 <= $1 })
    #expect(Set(result.report.chosen).count >= 3)
    // A shorter list is kept to.
    attack.method = .worst
    attack.methods = [.independent]
    let short = try Toys.run(attack).report
    #expect(short.members == ["clean", "mm_sep"])
    #expect(short.success == (try Toys.run(Toys.attack(.independent)).report.success))
  }

  @Test(
    "results do not depend on the company of other samples", arguments: MultimodalMethod.allCases)
  func samplesAreIndependent(_ method: MultimodalMethod) throws {
    let (images, labels) = try Toys.images()
    var attack = try Toys.attack(method)
    attack.views.scales = [1, 2]
    attack.image.settings.search.sampleIDs = labels.indices.map { UInt64($0) * 3 + 5 }
    let all = try Toys.run(attack)
    for row in [0, 17, 39] {
      attack.image.settings.search.sampleIDs = [UInt64(row) * 3 + 5]
      let one = try attack.run(
        Toys.encoder, images: images.narrowed(0, start: row, length: 1).contiguous(),
        labels: [labels[row]], prompts: ["a", "b"])
      #expect(
        try bits(one.images) == bits(all.images.narrowed(0, start: row, length: 1).contiguous()))
      #expect(one.prompts.prompts(image: 0) == all.prompts.prompts(image: row))
      #expect(one.report.loss[0] == all.report.loss[row])
    }
  }

  struct ErrorCase: Sendable, CustomTestStringConvertible {
    var method: MultimodalMethod
    var message: String
    var change: @Sendable (inout MultimodalAttack) -> Void
    var testDescription: String { message }
  }

  static let errors: [ErrorCase] = [
    ErrorCase(
      method: .imageFirst,
      message: "method \"image-first\" needs a text attack for each image "
        + "(it takes classifiers with one template)"
    ) { $0.text.perImage = nil },
    ErrorCase(
      method: .sga, message: "method \"sga\" needs a text attack against images"
    ) { $0.text.against = nil },
    ErrorCase(
      method: .independent, message: "the text attack returned 1 texts for 2"
    ) { $0.text.blind = { _ in ["a"] } },
    ErrorCase(
      method: .imageFirst, message: "the text attack returned 1 lists of prompts for 40 images"
    ) { $0.text.perImage = { prompts, _, _ in [prompts] } },
    ErrorCase(
      method: .alternating, message: "rounds is 0, at least 1 is needed"
    ) { $0.rounds = 0 },
    ErrorCase(
      method: .coAttack, message: "alpha is -1, outside 0 … 1000000"
    ) { $0.alpha = -1 },
    ErrorCase(
      method: .worst, message: "methods holds \"worst\" itself (name what it chooses from)"
    ) { $0.methods = [.worst] },
    ErrorCase(
      method: .coAttack,
      message: "method \"co-attack\" needs an image attack within a ball "
        + "(free is none; use method = \"pgd\")"
    ) { $0.image.attack = Free() },
    ErrorCase(
      method: .sga, message: "a scale is 0.0, outside 0 … 16"
    ) { $0.views.scales = [0] },
    ErrorCase(
      method: .sga,
      message: "scale 0.5 leaves no pixel of images of 1 x 1 (use larger scales)"
    ) { $0.views.scales = [0.5] },
    ErrorCase(
      method: .adaptive,
      message: "there are 2 sample ids for 40 images (give one id an image)"
    ) { $0.image.settings.search.sampleIDs = [1, 2] },
  ]

  private struct Free: ImageAttack {
    static var parameters: [Parameter<Self>] { [] }
    var name: String { "free" }
    func run(
      _ classifier: Classifier, images: Tensor, criterion: Criterion,
      settings: AttackSettings
    ) throws -> AttackResult { throw KilpiError("not run") }
  }

  @Test(arguments: errors.indices) func refusals(_ index: Int) throws {
    let row = Self.errors[index]
    var attack = try Toys.attack(row.method)
    row.change(&attack)
    #expect(message { _ = try Toys.run(attack) } == row.message)
  }

  @Test("labels beyond the classes are refused", arguments: MultimodalMethod.allCases)
  func labelsAreChecked(_ method: MultimodalMethod) throws {
    let (images, labels) = try Toys.images()
    let text = message {
      _ = try Toys.attack(method).run(
        Toys.encoder, images: images, labels: [2] + labels.dropFirst(), prompts: ["a", "b"])
    }
    #expect(text.contains("3, classes are 1 … 2") || text.contains("is 2, classes are 0 … 1"))
  }

  @Test func textsAreEncodedOnce() throws {
    var seen: [String] = []
    let memory = TextMemory(
      { texts in
        seen += texts
        return try Toys.text(texts)
      }, batch: 2)
    let first = try memory(["a", "b", "a1", "a"])
    #expect(try mismatch(first, Toys.text(["a", "b", "a1", "a"]), rtol: 0) == nil)
    #expect(try mismatch(memory(["b2", "a"]), Toys.text(["b2", "a"]), rtol: 0) == nil)
    #expect(seen == ["a", "b", "a1", "b2"])
    #expect(memory.encoded == 4)
    // A failed text is not remembered, and the others still are right.
    #expect(message { _ = try memory(["nope"]) } == "no prompt 'nope'")
    #expect(message { _ = try memory(["nope"]) } == "no prompt 'nope'")
    #expect(try mismatch(memory(["b1"]), Toys.text(["b1"]), rtol: 0) == nil)
  }
}
