internal import Synchronization

/// Where the large blocks that tensors live in were made.
enum LargeBlocks {
  /// Bytes from which a block is remembered; finding the place costs less than filling it.
  static let least = 1 << 20

  private struct Known {
    var blocks: [UInt: (bytes: Int, place: String)] = [:]
    var place: Place?
  }

  /// A closure of the one thread that runs scripts.
  private struct Place: @unchecked Sendable {
    var now: () -> String
  }

  private static let known = Mutex(Known())

  static func setPlaces(_ place: (() -> String)?) {
    let place = place.map { Place(now: $0) }
    known.withLock { $0.place = place }
  }

  static func add(_ base: UnsafeMutableRawPointer, _ bytes: Int) {
    // Asked without the lock: it runs code of the shell.
    guard let place = known.withLock({ $0.place })?.now() else { return }
    let address = UInt(bitPattern: base)
    known.withLock { $0.blocks[address] = (bytes, place) }
  }

  static func remove(_ base: UnsafeMutableRawPointer) {
    let address = UInt(bitPattern: base)
    known.withLock { _ = $0.blocks.removeValue(forKey: address) }
  }

  static func byPlace() -> [(place: String, bytes: Int, blocks: Int)] {
    let blocks = known.withLock { Array($0.blocks.values) }
    var sums: [String: (bytes: Int, blocks: Int)] = [:]
    for block in blocks {
      let place = block.place.isEmpty ? "outside of scripts" : block.place
      sums[place, default: (0, 0)].bytes += block.bytes
      sums[place, default: (0, 0)].blocks += 1
    }
    return sums.map { (place: $0.key, bytes: $0.value.bytes, blocks: $0.value.blocks) }
      .sorted { ($1.bytes, $0.place) < ($0.bytes, $1.place) }
  }
}

/// How much models have worked.
public enum ForwardMeter {
  private static let passes = Atomic<Int>(0)

  /// Images and texts that encoders were given since the process began; equal texts of one call are
  /// one.
  public static var count: Int { passes.load(ordering: .relaxed) }

  /// Counts a batch.
  public static func add(_ samples: Int) { passes.wrappingAdd(samples, ordering: .relaxed) }
}
