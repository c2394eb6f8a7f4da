internal import LuaHost
internal import Tensors

/// The root of all randomness of a state, set by `random.seed`.
final class RandomRoot {
  private(set) var source = RandomSource(seed: 0)
  /// Draws that name no seed come one after another from here.
  var stream = RandomSource(seed: 0).stream(.script)

  /// Starts anew from another seed.
  func restart(seed: UInt64) {
    source = RandomSource(seed: seed)
    stream = source.stream(.script)
  }
}

extension OptionSpec {
  /// `seed`, as everything random takes it.
  static let seed = integer(
    "seed", "root of the random numbers of this call; the root of random.seed when not given")
}

extension Call {
  /// What `random.seed` has set for this state.
  var randomRoot: RandomRoot { state.attachment(RandomRoot.self) { RandomRoot() } }

  /// The source for work that asks for named streams: the option `seed`, else the state's root.
  func randomSource(_ options: Options) throws -> RandomSource {
    guard let seed = try options.integerIfGiven("seed") else { return randomRoot.source }
    return RandomSource(seed: UInt64(bitPattern: Int64(seed)))
  }

  /// Runs `body` on the stream of interactive draws: that of `seed`, else the state's one stream.
  func drawing<R>(
    _ options: Options, _ body: (inout RandomStream) throws -> R
  ) throws -> R {
    if options.has("seed") {
      var stream = try randomSource(options).stream(.script)
      return try body(&stream)
    }
    return try body(&randomRoot.stream)
  }
}
