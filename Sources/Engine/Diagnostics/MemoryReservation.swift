internal import Glibc
internal import Synchronization

/// Memory of Swift's own arrays, asked of the cap before they are made.
///
/// Tensors and Lua's blocks are metered where they are allocated; an array of Swift's ends the process when
/// there is no memory for it. So whatever grows with a number or a text of the user's is reserved first:
///
///     let order = try MemoryReservation.holding(count, of: Int.self) { Array(0..<count) }
///
/// A reservation counts against the cap, beside tensors and Lua, as long as it lives.
public final class MemoryReservation: Sendable {
  private let held: Atomic<Int>

  /// Bytes of this reservation.
  public var bytes: Int { held.load(ordering: .relaxed) }

  /// Reserves bytes.
  ///
  /// - Throws: `KilpiError` of kind `memory` when the cap or the system does not have them.
  public init(bytes: Int = 0) throws {
    try Self.ask(bytes)
    held = Atomic(max(bytes, 0))
    Self.total.add(max(bytes, 0), ordering: .relaxed)
  }

  deinit { Self.total.subtract(bytes, ordering: .relaxed) }

  /// Reserves more bytes.
  ///
  /// - Throws: `KilpiError` of kind `memory` when the cap or the system does not have them.
  public func grow(by more: Int) throws {
    guard more > 0 else { return }
    // Many small pieces are as much as a large one: whenever they have filled a block, it is asked.
    if (bytes & (Self.block - 1)).addingClamped(more) >= Self.block {
      try Self.ask(max(more, Self.block))
    }
    held.add(more, ordering: .relaxed)
    Self.total.add(more, ordering: .relaxed)
  }

  /// Runs `body` while room for `count` elements is reserved.
  ///
  /// - Throws: `KilpiError` of kind `memory` when there is no room, and what `body` throws.
  public static func holding<Element, Result>(
    _ count: Int, of element: Element.Type, _ body: () throws -> Result
  ) throws -> Result {
    let size = max(count, 0).multipliedClamped(by: MemoryLayout<Element>.stride)
    let reservation = try MemoryReservation(bytes: size)
    return try withExtendedLifetime(reservation) { try body() }
  }

  /// Checks that `bytes` could be had now; reserves nothing.
  ///
  /// - Throws: `KilpiError` of kind `memory` when not.
  public static func ask(_ bytes: Int) throws {
    // What is smaller hides in what the allocator keeps.
    guard bytes >= block else { return }
    if !fits(bytes) {
      meter.withLock { $0 }.reclaim()
      guard fits(bytes) else {
        throw KilpiError(
          "not enough memory for \(describe(bytes))",
          advice: "make it smaller, or raise the cap with --memory", kind: .memory)
      }
    }
  }

  /// Bytes that could be had now.
  public static var availableBytes: Int {
    max(0, meter.withLock { $0 }.available() - totalBytes)
  }

  /// Bytes that living reservations hold.
  public static var totalBytes: Int { total.load(ordering: .relaxed) }

  /// Sets who knows the cap.
  ///
  /// - Parameters:
  ///   - available: bytes still free below the cap, reservations not counted; nil: the machine's memory,
  ///     or half of the addresses where they are limited.
  ///   - reclaim: what is tried once before a refusal, such as a collection of scripts' garbage.
  ///
  /// Both run on the thread that reserves.
  public static func setMeter(available: (() -> Int)?, reclaim: @escaping () -> Void = {}) {
    meter.withLock { $0 = Meter(available: available ?? { machine }, reclaim: reclaim) }
  }

  /// Not checked: a process sets it once, and scripts' work has one thread.
  private struct Meter: @unchecked Sendable {
    var available: () -> Int = { machine }
    var reclaim: () -> Void = {}
  }

  private static let block = 1 << 16
  private static let meter = Mutex(Meter())
  private static let total = Atomic<Int>(0)

  private static func fits(_ bytes: Int) -> Bool {
    guard bytes <= meter.withLock({ $0 }).available() - totalBytes else { return false }
    guard bytes >= 1 << 24 else { return true }
    // The cap may be more than the system gives, as with `ulimit -v`.
    let probe = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let probe, probe != MAP_FAILED else { return false }
    munmap(probe, bytes)
    return true
  }

  private static let machine: Int = {
    var limit = rlimit()
    let addresses =
      getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0
      ? Int(clamping: limit.rlim_cur) / 2 : Int.max
    let pages = sysconf(Int32(_SC_PHYS_PAGES)).multipliedClamped(by: sysconf(Int32(_SC_PAGESIZE)))
    return min(addresses, pages > 0 ? pages : 1 << 32)
  }()

  /// A size as people write it: `4.0 MB`.
  public static func describe(_ bytes: Int) -> String {
    let units = ["bytes", "KB", "MB", "GB", "TB", "PB", "EB"]
    var value = Double(bytes)
    var unit = 0
    while value >= 1000, unit < units.count - 1 {
      value /= 1024
      unit += 1
    }
    if unit == 0 { return "\(bytes) bytes" }
    return "\((value * 10).rounded() / 10) \(units[unit])"
  }
}

extension Range<Int> {
  /// The results for each number in order, as `map` gives them: room for all is asked of the cap before the
  /// array is made, and the interrupt flag is looked at, since the bound may be a user's.
  ///
  /// - Parameter bytes: what one result takes beside its place in the array.
  /// - Throws: `KilpiError` of kind `memory` when there is no room, on interrupt, and what `transform` throws.
  public func mapped<Result>(
    bytes: Int = 0, _ transform: (Int) throws -> Result
  ) throws -> [Result] {
    try MemoryReservation.ask(
      count.multipliedClamped(by: MemoryLayout<Result>.stride.addingClamped(bytes)))
    var results: [Result] = []
    results.reserveCapacity(count)
    for index in self {
      if index & 0x3FF == 0x3FF { try Interrupts.poll() }
      results.append(try transform(index))
    }
    return results
  }
}
