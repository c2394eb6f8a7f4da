import Diagnostics
import Tensors
import Testing

@testable import Attacks

/// The exact per-image path of docs/methods/text-attacks.md, section 3.8, against enumeration.
@Suite struct TextPerImageTests {
  private static let classes = ["cat", "dog", "bird"]
  private static let candidates = classes.map { name in
    ["a photo of a \(name)"] + (1...3).map { "a photo of a \(name)\($0)" }
  }

  /// A text model in which a prompt's class shows, and its other words move it a little.
  private final class ClassEncoder {
    let width = 6
    private(set) var encoded: [String] = []
    private let toy = ToyEncoder()

    func encode(_ texts: [String]) throws -> Tensor {
      encoded += texts
      return try Tensor(texts.flatMap(features), shape: [texts.count, width])
    }

    func features(_ text: String) -> [Float] {
      let noise = ObjectiveEvaluator.normalized(toy.features(text))
      let class_ = TextPerImageTests.classes.firstIndex { text.contains($0) }
      return noise.indices.map { Float(0.5 * noise[$0] + ($0 == class_ ? 1 : 0)) }
    }
  }

  /// Images near their classes' prompts, with noise.
  private func images(_ encoder: ClassEncoder, count: Int) throws -> (Tensor, [Int]) {
    var stream = RandomSource(seed: 3).stream(.script)
    var values: [Float] = []
    var labels: [Int] = []
    for index in 0..<count {
      let label = index % Self.classes.count
      labels.append(label)
      values += encoder.features(Self.candidates[label][0]).map {
        $0 + Float(stream.normal()) * 0.6
      }
    }
    return (try Tensor(values, shape: [count, encoder.width]), labels)
  }

  private func unit(_ row: [Float]) -> [Double] { ObjectiveEvaluator.normalized(row) }

  /// Every combination of candidates, for each image: the largest loss and whether any breaks it.
  private func enumerate(
    _ image: [Float], _ label: Int, _ encoder: ClassEncoder, _ threat: TextThreat, scale: Double
  ) -> (loss: Double, robust: Bool) {
    let image = unit(image)
    let scores = Self.candidates.map { texts in
      texts.map { text in zip(unit(encoder.features(text)), image).reduce(0) { $0 + $1.0 * $1.1 } }
    }
    var worst = -Double.infinity
    var robust = true
    func choose(_ chosen: [Double]) {
      let class_ = chosen.count
      if class_ == scores.count {
        let z = chosen.map { $0 * scale }
        let top = z.max() ?? 0
        let loss = top + logOfSum(z.map { $0 - top }) - z[label]
        worst = max(worst, loss)
        if z.indices.contains(where: { $0 != label && z[$0] >= z[label] }) { robust = false }
        return
      }
      let free =
        threat == .all || (threat == .trueClass && class_ == label)
        || (threat == .wrong && class_ != label)
      for score in free ? scores[class_] : [scores[class_][0]] { choose(chosen + [score]) }
    }
    choose([])
    return (worst, robust)
  }

  private func logOfSum(_ values: [Double]) -> Double {
    // The natural logarithm by Newton's iteration keeps the test free of the tested code.
    var sum = 0.0
    for value in values { sum += power(value) }
    var y = 0.0
    for _ in 0..<60 { y += 2 * (sum - power(y)) / (sum + power(y)) }
    return y
  }

  private func power(_ x: Double) -> Double {
    var term = 1.0
    var sum = 1.0
    let halved = x / 1024
    for n in 1..<20 {
      term *= halved / Double(n)
      sum += term
    }
    for _ in 0..<10 { sum *= sum }
    return sum
  }

  @Test(arguments: TextThreat.allCases)
  func equalsEnumeration(threat: TextThreat) throws {
    let encoder = ClassEncoder()
    let (images, labels) = try images(encoder, count: 60)
    var attack = PerImageTextAttack()
    attack.scale = 5
    attack.batch = 5
    let report = try attack.perturb(
      images: images, labels: labels, candidates: Self.candidates, encoder: encoder.encode)
    #expect(report.queries.encoded == encoder.encoded.count)
    let rows = try images.floats()
    var broken = 0
    for index in labels.indices {
      let image = Array(rows[(index * 6)..<(index * 6 + 6)])
      let exact = enumerate(image, labels[index], encoder, threat, scale: 5)
      let loss = try #require(report.loss[threat]?[index])
      #expect(abs(loss - exact.loss) <= 1e-4 * max(1, exact.loss))
      #expect(report.robust[threat]?[index] == exact.robust)
      if !exact.robust { broken += 1 }
      // The prompts that the report names give this loss.
      let prompts = report.prompts(image: index, threat)
      let image2 = unit(image)
      let z = prompts.map { text in
        5 * zip(unit(encoder.features(text)), image2).reduce(0) { $0 + $1.0 * $1.1 }
      }
      let top = z.max() ?? 0
      #expect(abs(top + logOfSum(z.map { $0 - top }) - z[labels[index]] - loss) < 1e-4)
    }
    // The table must be able to fail: some images break, some do not.
    #expect(broken > 0 && broken < labels.count)
  }

  @Test func threatsAreOrdered() throws {
    let encoder = ClassEncoder()
    let (images, labels) = try images(encoder, count: 60)
    let report = try PerImageTextAttack().perturb(
      images: images, labels: labels, candidates: Self.candidates, encoder: encoder.encode)
    let (all, own) = try (#require(report.accuracy(.all)), #require(report.accuracy(.trueClass)))
    let (wrong, clean) = try (#require(report.accuracy(.wrong)), #require(report.cleanAccuracy))
    #expect(all <= own && own <= clean && all <= wrong && wrong <= clean)
  }

  @Test func tiesAreNotRobust() throws {
    let encoder = ClassEncoder()
    let images = try Tensor(encoder.features("same"), shape: [1, 6])
    let report = try PerImageTextAttack().perturb(
      images: images, labels: [0], candidates: [["same"], ["same"]], encoder: encoder.encode)
    #expect(report.cleanCorrect == [false])
    #expect(report.robust[.all] == [false])
    #expect(report.queries.encoded == 1 && report.queries.cached == 1)
  }

  /// `candidateTexts` gives the sets, and per-class prompts are among them.
  @Test func candidateSetsHoldTheGreedyResult() throws {
    var attack = TextAttack()
    attack.sources = [toySource]
    attack.constraints.words = 2
    let prompts = ["the big BAD wolf", "cat", "of the"].map { TextPrompt($0) }
    let sets = try attack.candidateTexts(prompts)
    #expect(sets.map(\.count) == [1 + 9 + 27, 4, 1])
    let report = try attack.perturb(prompts, encoder: ToyEncoder().encode)
    for (set, result) in zip(sets, report.results) {
      #expect(set[0] == result.original)
      #expect(set.contains(result.adversarial))
      #expect(Set(set).count == set.count)
    }
    #expect(throws: KilpiError.self) { try attack.candidateTexts(prompts, limit: 35) }
    attack.sources = []
    attack.characters = CharacterSearch()
    #expect(throws: KilpiError.self) { try attack.candidateTexts(prompts) }
  }

  struct ErrorCase: Sendable, CustomTestStringConvertible {
    var id: String
    var labels: [Int]
    var candidates: [[String]]
    var message: String
    var testDescription: String { id }
  }

  @Test(arguments: [
    ErrorCase(
      id: "labels", labels: [0], candidates: [["a"], ["b"]],
      message: "image features are [2, 6] for 1 labels (give [1, D])"),
    ErrorCase(
      id: "class", labels: [0, 2], candidates: [["a"], ["b"]],
      message: "a label is 3, classes are 1 … 2 (labels count from 1)"),
    ErrorCase(
      id: "empty", labels: [0, 1], candidates: [["a"], []], message: "class 2 has no prompt"),
  ])
  func refuses(_ row: ErrorCase) throws {
    let encoder = ClassEncoder()
    let (images, _) = try images(encoder, count: 2)
    #expect {
      try PerImageTextAttack().perturb(
        images: images, labels: row.labels, candidates: row.candidates, encoder: encoder.encode)
    } throws: {
      "\($0)" == row.message
    }
  }
}
