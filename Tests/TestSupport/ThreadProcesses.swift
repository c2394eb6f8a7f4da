internal import Diagnostics
internal import Foundation
public import Processes

/// Runs `body` as so many processes would, each a thread of this one; the results in the order of
/// the ranks.
///
/// What is tested this way is the mathematics and the protocol; the messages themselves are tested
/// with mpirun.
public func onProcesses<Result: Sendable>(
  _ size: Int, _ body: @escaping @Sendable (ProcessGroup) throws -> Result
) -> [Swift.Result<Result, any Error>] {
  let hub = Hub(size: size)
  let results = Box<[Int: Swift.Result<Result, any Error>]>([:])
  for rank in 0..<size {
    let thread = Thread {
      let group = ProcessGroup(ThreadTransport(rank: rank, hub: hub))
      let result = Swift.Result { try body(group) }
      hub.condition.lock()
      results.value[rank] = result
      hub.condition.broadcast()
      hub.condition.unlock()
    }
    thread.stackSize = 16 << 20
    thread.start()
  }
  hub.condition.lock()
  while results.value.count < size { hub.condition.wait() }
  let found = results.value
  hub.condition.unlock()
  return (0..<size).compactMap { found[$0] }
}

/// A value that a lock guards.
private final class Box<Value>: @unchecked Sendable {
  var value: Value
  init(_ value: Value) { self.value = value }
}

/// Where the threads leave their messages; the condition's lock guards everything.
private final class Hub: @unchecked Sendable {
  let size: Int
  let condition = NSCondition()
  /// By exchange, then by sender: one message for each receiver.
  var mail: [Int: [Int: [[UInt8]]]] = [:]
  var readers: [Int: Int] = [:]

  init(size: Int) { self.size = size }
}

private final class ThreadTransport: ProcessTransport {
  let rank: Int
  var size: Int { hub.size }
  private let hub: Hub
  private var exchanges = 0

  init(rank: Int, hub: Hub) {
    self.rank = rank
    self.hub = hub
  }

  func exchange(
    _ outgoing: [UnsafeRawBufferPointer], into incoming: [UnsafeMutableRawBufferPointer],
    limit: Double?
  ) throws {
    let number = exchanges
    exchanges += 1
    // No test waits as long; a hang becomes a failure.
    let deadline = Date(timeIntervalSinceNow: min(limit ?? 60, 60))
    hub.condition.lock()
    defer { hub.condition.unlock() }
    hub.mail[number, default: [:]][rank] = outgoing.map { [UInt8]($0) }
    hub.condition.broadcast()
    while hub.mail[number]?.count != size {
      guard hub.condition.wait(until: deadline) else {
        throw KilpiError("the other processes did not answer")
      }
    }
    for other in 0..<size {
      guard let message = hub.mail[number]?[other]?[rank], message.count == incoming[other].count
      else { throw KilpiError("process \(other + 1) sent another length") }
      incoming[other].copyBytes(from: message)
    }
    hub.readers[number, default: 0] += 1
    if hub.readers[number] == size {
      hub.mail[number] = nil
      hub.readers[number] = nil
    }
  }

  func finish() {}
}
