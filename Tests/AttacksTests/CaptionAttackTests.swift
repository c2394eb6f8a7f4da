import Diagnostics
import Tensors
import TestSupport
import Testing

@testable import Attacks

/// Multimodal attacks on images with captions: set-wise, and pair by pair.
@Suite struct CaptionAttackTests {
  typealias Toys = MultimodalToys
  static let captions = [["a", "b"], ["b"], ["a", "a1", "b2"]]

  static func images() throws -> Tensor {
    try Toys.images().0.narrowed(0, start: 0, length: 3).contiguous()
  }

  static func attack(_ method: MultimodalMethod) throws -> MultimodalAttack {
    var attack = try Toys.attack(method)
    attack.views.scales = [1, 2]
    attack.text.blind = { texts in texts.map { $0.count == 1 ? $0 + "1" : $0 } }
    return attack
  }

  static func run(_ attack: MultimodalAttack) throws -> CaptionAttackResult {
    try attack.run(Toys.encoder, images: images(), captions: captions)
  }

  @Test("B48: an image meets its own captions and no others, all captions are answered")
  func setWise() throws {
    var pairs: [(text: String, feature: [Float])] = []
    var attack = try Self.attack(.sga)
    attack.text.against = { texts, features in
      pairs += try zip(texts, features).map { ($0, try $1.floats()) }
      return try Toys.against(texts, features)
    }
    let result = try Self.run(attack)
    let clean = try Self.images().floats()
    let moved = try result.images.floats()
    #expect(result.images.shape == [3, 3, 1, 1])
    // Twice all captions, in order: against the clean images, then against the moved ones.
    var place = 0
    for rows in [clean, moved] {
      for (row, texts) in Self.captions.enumerated() {
        for text in texts {
          #expect(pairs[place].text == text)
          #expect(pairs[place].feature == Array(rows[row * 3..<row * 3 + 3]))
          place += 1
        }
      }
    }
    #expect(place == pairs.count)
    #expect(result.captions.map(\.count) == Self.captions.map(\.count))
    #expect(result.similarityAfter.count == 6)
    #expect(zip(result.similarityAfter, result.similarityBefore).allSatisfy { $0 <= $1 })
    // Other images' captions make no difference.
    let alone = try attack.run(
      Toys.encoder, images: Self.images().narrowed(0, start: 0, length: 1),
      captions: [Self.captions[0]])
    #expect(try alone.images.floats() == Array(moved[0..<3]))
    #expect(alone.captions == [result.captions[0]])
  }

  /// The least alike of the members for each image, nothing mixed, nothing outside the budget.
  @Test("worst: for each image the member that is least alike, clean among them")
  func worst() throws {
    let clean = try Self.images()
    let methods: [MultimodalMethod] = [.independent, .coAttack, .sga]
    func means(_ values: [Double]) -> [Double] {
      Captions.grouped(values, like: Self.captions).map { $0.reduce(0, +) / Double($0.count) }
    }
    var members: [String: CaptionAttackResult] = [:]
    for method in methods {
      var attack = try Self.attack(method)
      attack.isJoint = true
      members[method.scenario] = try Self.run(attack)
    }
    var attack = try Self.attack(.worst)
    let result = try Self.run(attack)
    #expect(result.members == ["clean", "mm_sep", "mm_co", "mm_sga"])
    #expect(result.images.shape == [3, 3, 1, 1] && result.similarityAfter.count == 6)
    let found = means(result.similarityAfter)
    for row in 0..<3 {
      let all = members.mapValues { means($0.similarityAfter)[row] }
      let least = all.values.reduce(means(result.similarityBefore)[row], min)
      #expect(found[row] == least, "image \(row)")
      let member = try #require(members[result.chosen[row]])
      #expect(result.captions[row] == member.captions[row])
      #expect(
        try bits(result.images.narrowed(0, start: row, length: 1))
          == bits(member.images.narrowed(0, start: row, length: 1)))
    }
    #expect(try (result.images - clean).abs().max().item() <= Toys.epsilon + 1e-7)
    #expect(
      result.image.forwards
        == (0..<3).map { row in members.values.reduce(0) { $0 + $1.image.forwards[row] } })
    // Fewer members; a member that is worse than doing nothing leaves the images clean.
    attack.methods = [.independent]
    attack.text.blind = { $0 }
    attack.image.settings.threat.budget = try Budget(.linf, 0)
    let idle = try Self.run(attack)
    #expect(idle.members == ["clean", "mm_sep"] && idle.chosen == ["clean", "clean", "clean"])
    #expect(try bits(idle.images) == bits(clean) && idle.captions == Self.captions)
    // Other images make no difference.
    attack = try Self.attack(.worst)
    let alone = try attack.run(
      Toys.encoder, images: clean.narrowed(0, start: 0, length: 1), captions: [Self.captions[0]])
    #expect(try alone.images.floats() == Array(result.images.floats()[0..<3]))
    #expect(alone.chosen == [result.chosen[0]] && alone.captions == [result.captions[0]])
    // Without a text attack against images all but sga remain.
    attack.text.against = nil
    #expect(try Self.run(attack).members == ["clean", "mm_sep", "mm_co"])
  }

  @Test("sga, compat: the image attack alone is shown less of the texts")
  func shownTexts() throws {
    var attack = try Self.attack(.sga)
    let whole = try Self.run(attack)
    var asked: [String] = []
    attack.text.shown = { text in
      asked.append(text)
      return "b"
    }
    let cut = try Self.run(attack)
    // Stage 1's texts, each once; stage 3 attacks the captions as they are.
    #expect(asked.count == 6 && Set(asked).isSubset(of: Toys.table.keys))
    #expect(cut.captions.map(\.count) == whole.captions.map(\.count))
    // On a linear encoder every image now leaves "b" alone: its second pixel falls.
    let (start, end) = (try Self.images().floats(), try cut.images.floats())
    for row in 0..<3 {
      let x = Double(start[row * 3 + 1])
      #expect(abs(Double(end[row * 3 + 1]) - max(x - Toys.epsilon, 0)) < 1e-6)
    }
    #expect(try bits(whole.images) != bits(cut.images))
  }

  @Test("Co-Attack: one image a pair, none overwritten; joint: one image for all captions")
  func pairs() throws {
    var attack = try Self.attack(.coAttack)
    let result = try Self.run(attack)
    #expect(result.images.shape == [6, 3, 1, 1])
    #expect(result.captions == [["a1", "b1"], ["b1"], ["a1", "a1", "b2"]])
    let owners = [0, 0, 1, 2, 2, 2]
    let clean = try Self.images()
    // A pair alone gives the same image.
    for (place, owner) in [(0, 0), (2, 1), (3, 2)] {
      attack.image.settings.search.sampleIDs = [UInt64(owner) + 1]
      let alone = try attack.run(
        Toys.encoder, images: clean.narrowed(0, start: owner, length: 1),
        captions: [[Self.captions[owner][0]]])
      #expect(
        try bits(alone.images)
          == bits(
            result.images.narrowed(0, start: place, length: 1)
              .contiguous()))
    }
    attack.image.settings.search.sampleIDs = nil
    // Captions of one image pull it to different places.
    let rows = try result.images.floats()
    #expect(rows[0..<3] != rows[3..<6])
    for (place, owner) in owners.enumerated() {
      let (moved, start) = (rows[place * 3..<place * 3 + 3], try clean.floats())
      for pixel in 0..<3 {
        #expect(abs(moved[place * 3 + pixel] - start[owner * 3 + pixel]) <= 0.0500001)
      }
    }
    attack.isJoint = true
    let joint = try Self.run(attack)
    #expect(joint.images.shape == [3, 3, 1, 1])
    #expect(joint.captions == result.captions)
    // With a single caption a joint image is that of the pair, up to the random start.
    attack.image.attack = ProjectedGradientDescent(steps: 20, startsAtRandom: false)
    let jointly = try Self.run(attack)
    attack.isJoint = false
    let paired = try Self.run(attack)
    #expect(
      try mismatch(
        jointly.images.narrowed(0, start: 1, length: 1),
        paired.images.narrowed(0, start: 2, length: 1), rtol: 0, atol: 1e-6) == nil)
  }

  @Test("independent: captions without a look at images, images away from themselves")
  func independent() throws {
    let result = try Self.run(Self.attack(.independent))
    #expect(result.captions == [["a1", "b1"], ["b1"], ["a1", "a1", "b2"]])
    let images = try Self.images()
    let attack = try Self.attack(.independent)
    for objective in ImageObjective.allCases {
      let moved = try attack.runImages(
        Toys.encoder, images: images, captions: Self.captions, objective: objective)
      #expect(moved.report.loss.allSatisfy { $0.isFinite })
      if objective == .kl { #expect(try bits(moved.images) == bits(result.images)) }
      let clean = try Toys.encoder.features(images)
      let change = try (Toys.encoder.features(moved.images) - clean).abs().sum(axes: [1]).doubles()
      #expect(change.allSatisfy { $0 > 0.05 })
    }
    // Captions, on a linear encoder: each pixel moves against the sum of the captions' features.
    let moved = try attack.runImages(
      Toys.encoder, images: images, captions: Self.captions, objective: .captions)
    let (start, end) = (try images.floats(), try moved.images.floats())
    for (row, texts) in Self.captions.enumerated() {
      for pixel in 0..<3 {
        let weight = texts.reduce(0) { $0 + (Toys.table[$1]?[pixel] ?? 0) }
        guard weight != 0 else { continue }
        let x = Double(start[row * 3 + pixel])
        let expected = weight > 0 ? max(x - Toys.epsilon, 0) : min(x + Toys.epsilon, 1)
        #expect(abs(Double(end[row * 3 + pixel]) - expected) < 1e-6)
      }
    }
  }

  @Test("views: weights of the cubic, constant images stay, noise has its deviation")
  func views() throws {
    // 4 pixels to 2: A = −0.75 at distances 1.5 and 0.5, edges repeated.
    let x = try Tensor([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0] as [Double], shape: [3, 1, 1, 4])
    let small = try ScaledViews.resampled(x, height: 1, width: 2)
    #expect(
      try mismatch(
        small.doubles(), [0.5, 0, 0.59375, -0.09375, -0.09375, 0.59375], rtol: 1e-12) == nil)
    var views = ScaledViews()
    views.noise = 0
    let streams = [RandomSource(seed: 1).stream(.views), RandomSource(seed: 2).stream(.views)]
    let constant = try Tensor.full([2, 3, 8, 6], 0.4)
    for scale in views.scales {
      let copy = try views.copy(constant, scale: scale, streams)
      #expect(try mismatch(copy, constant, rtol: 0, atol: 1e-6) == nil)
    }
    views.noise = 0.05
    let noisy = try views.copy(constant, scale: 1, streams)
    let shifts = try (noisy - constant).doubles()
    let deviation = (shifts.reduce(0) { $0 + $1 * $1 } / Double(shifts.count)).squareRoot()
    #expect(abs(deviation - 0.05) < 0.006)
    #expect(shifts[0..<144] != shifts[144..<288])
    // Reproducible, and another draw for another look.
    #expect(try bits(views.copy(constant, scale: 1, streams)) == bits(noisy))
  }

  @Test func refusals() throws {
    for method in MultimodalMethod.allCases where !MultimodalMethod.captioned.contains(method) {
      #expect(
        message { _ = try Self.run(Self.attack(method)) }
          == "method \"\(method.rawValue)\" needs labels "
          + "(captions take \"independent\", \"co-attack\", \"sga\" or \"worst\")")
      var worst = try Self.attack(.worst)
      worst.methods = [.sga, method]
      let whole = worst
      #expect(
        message { _ = try Self.run(whole) }.hasPrefix("method \"\(method.rawValue)\" needs labels"))
    }
    let attack = try Self.attack(.sga)
    #expect(
      message { _ = try attack.run(Toys.encoder, images: Self.images(), captions: [["a"]]) }
        == "there are captions for 1 images, the images have shape [3, 3, 1, 1] "
        + "(give one list of captions an image)")
    #expect(
      message {
        _ = try attack.run(Toys.encoder, images: Self.images(), captions: [["a"], [], ["b"]])
      } == "image 2 has no caption")
  }
}
