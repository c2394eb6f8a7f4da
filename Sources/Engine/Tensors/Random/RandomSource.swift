internal import Diagnostics
internal import Glibc

/// What random numbers are drawn for; each purpose has a fixed number and streams of its own.
///
/// New purposes are added at the end: renumbering would change every result.
public enum RandomPurpose: UInt64, Sendable {
  /// Interactive draws of a script.
  case script = 0
  /// Weights of a new model.
  case initialization = 1
  /// Order of a data set's samples.
  case shuffle = 2
  /// Choice of a subset.
  case subset = 3
  /// Crops, flips and colours.
  case augmentation = 4
  /// Resampling for intervals.
  case bootstrap = 5
  /// First point of FGSM-like attacks.
  case fgsmStart = 6
  /// First point of projected gradient descent.
  case attackStart = 7
  /// Choices of a text attack.
  case textAttack = 8
  /// Templates and captions drawn while training.
  case trainingText = 9
  /// Probes that look for masked gradients.
  case probe = 10
  /// Random parts of an attack's steps: neighbours, resizes, places.
  case attackStep = 11
  /// Draws of a defence when it classifies.
  case defence = 13
  /// Noise of the views of a multimodal attack.
  case views = 20
}

/// The root of all randomness of one experiment: a seed from which named streams are made.
public struct RandomSource: Sendable, Equatable {
  /// The seed.
  public let seed: UInt64

  /// Creates a source.
  public init(seed: UInt64) { self.seed = seed }

  /// The stream of a purpose for one sample, restart and step, independent of all other streams.
  ///
  /// What it yields depends on nothing but the seed and these four: not on the sample's place in a
  /// batch, the order of calls or the number of threads.
  public func stream(
    _ purpose: RandomPurpose, sample: UInt64 = 0, restart: Int = 0, step: Int = 0
  ) -> RandomStream {
    var key = Self.mix(seed &+ 0x9E37_79B9_7F4A_7C15)
    for part in [
      purpose.rawValue, sample, UInt64(bitPattern: Int64(restart)),
      UInt64(bitPattern: Int64(step)),
    ] {
      key = Self.mix(key ^ Self.mix(part &+ 0x9E37_79B9_7F4A_7C15))
    }
    return RandomStream(key: key)
  }

  /// A finaliser that spreads every input bit over the output (splitmix64).
  static func mix(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// A sequence of random numbers; a value, so a copy repeats what the original yields.
public struct RandomStream: Sendable {
  private let key: UInt64
  private var counter: UInt64 = 0
  private var spare: UInt64?

  init(key: UInt64) { self.key = key }

  /// 64 random bits.
  public mutating func next() -> UInt64 {
    if let value = spare {
      spare = nil
      return value
    }
    let words = Philox.block(
      counter: (
        UInt32(truncatingIfNeeded: counter), UInt32(truncatingIfNeeded: counter >> 32), 0, 0
      ),
      key: (UInt32(truncatingIfNeeded: key), UInt32(truncatingIfNeeded: key >> 32)))
    counter &+= 1
    spare = UInt64(words.2) | UInt64(words.3) << 32
    return UInt64(words.0) | UInt64(words.1) << 32
  }

  /// A number in `[0, 1)` with 53 random bits.
  public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// A standard normal number (Box–Muller; two uniforms each).
  public mutating func normal() -> Double {
    let radius = (-2 * log(1 - uniform())).squareRoot()
    return radius * cos(2 * .pi * uniform())
  }

  /// An integer in `0 ..< bound`, each equally likely; 0 when `bound` is not positive.
  public mutating func integer(below bound: Int) -> Int {
    bound > 0 ? Int(below(UInt64(bound))) : 0
  }

  /// An integer of the range, each equally likely; the range may be all of int64.
  public mutating func integer(in range: ClosedRange<Int64>) -> Int64 {
    let span = UInt64(bitPattern: range.upperBound &- range.lowerBound)
    let draw = span == .max ? next() : below(span + 1)
    return range.lowerBound &+ Int64(bitPattern: draw)
  }

  /// An integer in `0 ..< bound` of a positive bound.
  private mutating func below(_ bound: UInt64) -> UInt64 {
    let threshold = (0 &- bound) % bound
    while true {
      let (high, low) = next().multipliedFullWidth(by: bound)
      if low >= threshold { return high }
    }
  }

  /// A random order of `0 ..< n` (Fisher–Yates).
  ///
  /// - Throws: `KilpiError` on interrupt.
  public mutating func permutation(_ n: Int) throws -> [Int] {
    try MemoryReservation.ask(max(n, 0).multipliedClamped(by: MemoryLayout<Int>.size))
    var order = Array(0..<max(n, 0))
    try order.withUnsafeMutableBufferPointer { try shuffle($0) }
    return order
  }

  /// Brings elements into a random order (Fisher–Yates).
  ///
  /// - Throws: `KilpiError` on interrupt.
  public mutating func shuffle<Element>(_ order: UnsafeMutableBufferPointer<Element>) throws {
    for index in stride(from: order.count - 1, to: 0, by: -1) {
      if index & 0xFFFF == 0 { try Interrupts.poll() }
      order.swapAt(index, integer(below: index + 1))
    }
  }
}
