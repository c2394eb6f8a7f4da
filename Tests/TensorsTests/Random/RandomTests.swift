import Glibc
import Testing

@testable import Tensors

@Suite("random streams")
struct RandomTests {
  typealias Words = (UInt32, UInt32, UInt32, UInt32)

  /// The known-answer vectors that Random123 publishes for philox4x32-10 (`kat_vectors`).
  static let answers: [(counter: [UInt32], key: [UInt32], words: [UInt32])] = [
    ([0, 0, 0, 0], [0, 0], [0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8]),
    (
      [.max, .max, .max, .max], [.max, .max],
      [0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD]
    ),
    (
      [0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344], [0xA409_3822, 0x299F_31D0],
      [0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1]
    ),
  ]

  @Test("Philox gives its published known answers", arguments: answers.indices)
  func knownAnswers(_ index: Int) {
    let (counter, key, words) = Self.answers[index]
    let found = Philox.block(
      counter: (counter[0], counter[1], counter[2], counter[3]), key: (key[0], key[1]))
    #expect([found.0, found.1, found.2, found.3] == words)
  }

  @Test("a stream yields Philox's blocks in counter order, low words first")
  func blocks() {
    let key: UInt64 = 0x0123_4567_89AB_CDEF
    var stream = RandomStream(key: key)
    for counter in UInt32(0)..<5 {
      let words = Philox.block(
        counter: (counter, 0, 0, 0), key: (0x89AB_CDEF, 0x0123_4567))
      #expect(stream.next() == UInt64(words.0) | UInt64(words.1) << 32)
      #expect(stream.next() == UInt64(words.2) | UInt64(words.3) << 32)
    }
  }

  @Test("the same four names the same stream, any other another")
  func independence() {
    let source = RandomSource(seed: 1)
    var streams: [RandomStream] = []
    for purpose in [RandomPurpose.script, .shuffle, .attackStart] {
      for sample in [UInt64(0), 1, .max] {
        for restart in [0, 1, -1] {
          for step in [0, 1] {
            streams.append(source.stream(purpose, sample: sample, restart: restart, step: step))
          }
        }
      }
    }
    streams.append(RandomSource(seed: 2).stream(.script))
    streams.append(RandomSource(seed: .max).stream(.script))
    let first = streams.map { stream -> UInt64 in
      var copy = stream
      return copy.next()
    }
    #expect(Set(first).count == streams.count)
    var (a, b) = (source.stream(.subset, sample: 9), source.stream(.subset, sample: 9))
    #expect((0..<100).allSatisfy { _ in a.next() == b.next() })
  }

  @Test("neighbouring streams are not correlated")
  func correlation() {
    let source = RandomSource(seed: 77)
    let count = 20_000
    var neighbours = 0.0
    for sample in 0..<count {
      var a = source.stream(.attackStart, sample: UInt64(sample))
      var b = source.stream(.attackStart, sample: UInt64(sample + 1))
      neighbours += (a.uniform() - 0.5) * (b.uniform() - 0.5)
    }
    // The product of two uniforms about 0 has deviation 1/12; five deviations of the mean.
    #expect(abs(neighbours / Double(count)) < 5 / 12.0 / Double(count).squareRoot())
  }

  @Test("uniform numbers have the moments of their distribution")
  func uniform() {
    var stream = RandomSource(seed: 3).stream(.script)
    let count = 100_000
    let values = (0..<count).map { _ in stream.uniform() }
    #expect(values.allSatisfy { (0..<1).contains($0) })
    // E xᵏ = 1/(k+1), with deviation below 0.3; five deviations of the mean.
    for power in 1...4 {
      let moment = values.map { pow($0, Double(power)) }.reduce(0, +) / Double(count)
      #expect(abs(moment - 1 / Double(power + 1)) < 5 * 0.3 / Double(count).squareRoot())
    }
  }

  @Test("normal numbers have the moments of their distribution, and are finite")
  func normal() {
    var stream = RandomSource(seed: 4).stream(.script)
    let count = 100_000
    let values = (0..<count).map { _ in stream.normal() }
    #expect(values.allSatisfy { $0.isFinite })
    // Deviations of x, x², x³, x⁴ are 1, √2, √15, √96.
    for (power, mean, deviation) in [(1, 0.0, 1.0), (2, 1, 1.42), (3, 0, 3.9), (4, 3, 9.8)] {
      let moment = values.map { pow($0, Double(power)) }.reduce(0, +) / Double(count)
      #expect(abs(moment - mean) < 5 * deviation / Double(count).squareRoot())
    }
  }

  @Test("integers below a bound are equally likely, and never beyond")
  func integers() {
    var stream = RandomSource(seed: 5).stream(.script)
    var counts = [Int](repeating: 0, count: 7)
    for _ in 0..<70_000 { counts[stream.integer(below: 7)] += 1 }
    #expect(counts.allSatisfy { abs($0 - 10_000) < 500 })
    #expect(stream.integer(below: 1) == 0)
    #expect(stream.integer(below: 0) == 0)
    #expect(stream.integer(below: -3) == 0)
    #expect((0..<100).allSatisfy { _ in stream.integer(below: .max) >= 0 })
  }

  @Test("a permutation has every number once, and every order of three equally often")
  func permutation() throws {
    var stream = RandomSource(seed: 6).stream(.shuffle)
    #expect(try stream.permutation(1000).sorted() == Array(0..<1000))
    #expect(try stream.permutation(0) == [])
    #expect(try stream.permutation(-1) == [])
    var counts: [[Int]: Int] = [:]
    for _ in 0..<12_000 {
      let order = try stream.permutation(3)
      counts[order, default: 0] += 1
    }
    #expect(counts.count == 6 && counts.values.allSatisfy { abs($0 - 2000) < 250 })
  }

  @Test("tensors hold the stream's numbers in order, in each type")
  func tensors() throws {
    var (a, b) = (RandomSource(seed: 8).stream(.script), RandomSource(seed: 8).stream(.script))
    let single = try Tensor.random([2, 3], stream: &a)
    let expected = (0..<6).map { _ in Float(b.uniform()) }
    #expect(try single.floats() == expected)
    let double = try Tensor.randomNormal([4], stream: &a, dtype: .float64)
    #expect(try double.doubles() == (0..<4).map { _ in b.normal() })
    #expect(throws: (any Error).self) { try Tensor.random([1], stream: &a, dtype: .int64) }
  }

  @Test("a float32 number stays below 1 though rounding would reach it")
  func belowOne() {
    #expect(Tensor.single(1 - 0x1p-53) < 1)
    #expect(Tensor.single(1) == 1)
    #expect(Tensor.single(0.5) == 0.5)
  }

  @Test("the numbers of purposes are part of what a seed means")
  func purposes() {
    let numbers: [RandomPurpose: UInt64] = [
      .script: 0, .initialization: 1, .shuffle: 2, .subset: 3, .augmentation: 4, .bootstrap: 5,
      .fgsmStart: 6, .attackStart: 7, .textAttack: 8, .trainingText: 9, .probe: 10,
    ]
    for (purpose, number) in numbers { #expect(purpose.rawValue == number) }
  }
}
