internal import CMPI
public import Diagnostics

/// Carries bytes between the processes of a group; what `ProcessGroup` stands on.
public protocol ProcessTransport: AnyObject {
  /// This process's number, from 0.
  var rank: Int { get }
  /// How many processes there are.
  var size: Int { get }

  /// Sends `outgoing[r]` to each process `r` and fills `incoming[r]` from it; all processes call it,
  /// with lengths that fit.
  ///
  /// - Parameters:
  ///   - limit: seconds after which it gives up; nil waits for as long as no interrupt comes.
  /// - Throws: `KilpiError`, after which the group is of no more use.
  func exchange(
    _ outgoing: [UnsafeRawBufferPointer], into incoming: [UnsafeMutableRawBufferPointer],
    limit: Double?) throws

  /// Leaves the others, who leave too.
  func finish()
}

/// Processes that run the same script and share its work (docs/parallel.md).
///
/// Every process calls the same methods in the same order. In front of the data each call carries a
/// small message that says what it is, so that a process that failed, or does something else, is
/// noticed by all others at their next call; all of them then throw, and none waits for ever.
///
/// The group of one process costs nothing: its methods return at once.
public final class ProcessGroup {
  /// This process's number, from 0.
  public let rank: Int
  /// How many processes there are.
  public let size: Int
  private let transport: (any ProcessTransport)?
  /// The last call saw that some process failed; all know of it.
  private var sawFailure = false
  /// Nothing can be exchanged any more.
  public private(set) var isBroken = false

  /// Longest wait for the others after a failure of one's own, in seconds.
  private static let patience = 60.0

  /// This process alone.
  public init() {
    rank = 0
    size = 1
    transport = nil
  }

  /// A group over a transport.
  public init(_ transport: any ProcessTransport) {
    rank = transport.rank
    size = transport.size
    self.transport = transport.size > 1 ? transport : nil
  }

  /// True for the process that prints and writes.
  public var isRoot: Bool { rank == 0 }

  /// The share of `count` things that belongs to this process: contiguous, in the order of the
  /// ranks, lengths that differ by one at most.
  public func share(of count: Int) -> Range<Int> { share(of: count, rank: rank) }

  /// The share that belongs to another process.
  public func share(of count: Int, rank: Int) -> Range<Int> {
    count * rank / size..<count * (rank + 1) / size
  }

  // MARK: Work in common

  /// Runs work that all processes do together: it succeeds on all of them, or throws on all.
  ///
  /// - Parameters:
  ///   - fingerprint: what must be the same everywhere; it is compared first.
  /// - Throws: what `body` threw; on the other processes `process 2: …` with its text.
  public func together<Result>(
    _ fingerprint: String, _ body: () throws -> Result
  ) throws -> Result {
    guard transport != nil else { return try body() }
    do {
      let seen = try meet(.begin, text: fingerprint)
      if let other = seen.indices.first(where: { seen[$0].text != seen[0].text }) {
        sawFailure = true
        throw KilpiError(
          "process \(other + 1) does other work than process 1",
          advice: "all processes must run the same script on the same data")
      }
      let result = try body()
      try meet(.end)
      return result
    } catch {
      if isBroken { throw error }
      // Answers whatever the others are at; then all meet once more, so that all leave together.
      if !sawFailure { _ = try? meet(.failed, text: Self.text(error), kind: Self.kind(error)) }
      sawFailure = false
      if !isBroken { _ = try? meet(.end, limit: Self.patience) }
      sawFailure = false
      throw error
    }
  }

  /// What each process gives, in the order of the ranks.
  public func gathered(_ bytes: [UInt8]) throws -> [[UInt8]] {
    guard transport != nil else { return [bytes] }
    let counts = try meet(.gather, count: bytes.count).map(\.count)
    var buffers = counts.map { [UInt8](repeating: 0, count: $0) }
    try bytes.withUnsafeBytes { own in
      try Self.withBuffers(&buffers) { incoming in
        try exchange([UnsafeRawBufferPointer](repeating: own, count: size), incoming)
      }
    }
    return buffers
  }

  /// What the first process has, for decisions that must be the same everywhere.
  public func fromRoot(_ bytes: [UInt8]) throws -> [UInt8] {
    try gathered(isRoot ? bytes : [])[0]
  }

  /// Replaces the values on every process by their sum over all of them.
  ///
  /// Each process adds a share of them, in float64 and in the order of the ranks, and hands the
  /// result to all: so every process gets the very same bits, in every run.
  public func sum(_ values: UnsafeMutableBufferPointer<Float>) throws {
    try sumParts(values) { kilpi_mpi_sum_f32($0, $1, $2, $3) }
  }

  /// The sum of float64 values; see the other `sum`.
  public func sum(_ values: UnsafeMutableBufferPointer<Double>) throws {
    try sumParts(values) { kilpi_mpi_sum_f64($0, $1, $2, $3) }
  }

  /// Adds rows of numbers: the rows one after another, their length, how many, and the sum.
  private typealias Adder<Value> = (
    UnsafePointer<Value>, Int, Int, UnsafeMutablePointer<Value>
  ) -> Void

  private func sumParts<Value: BinaryFloatingPoint>(
    _ values: UnsafeMutableBufferPointer<Value>, _ add: Adder<Value>
  ) throws {
    guard transport != nil else { return }
    try meet(.sum, count: values.count * MemoryLayout<Value>.stride, mustAgree: true)
    // Pieces bound the scratch memory: one piece on each process.
    let length = 1 << 22
    var start = 0
    while start < values.count {
      let piece = UnsafeMutableBufferPointer(
        rebasing: values[start..<min(start + length, values.count)])
      try sum(piece: piece, add)
      start += length
    }
  }

  private func sum<Value: BinaryFloatingPoint>(
    piece: UnsafeMutableBufferPointer<Value>, _ add: Adder<Value>
  ) throws {
    let parts = (0..<size).map { other in
      UnsafeMutableBufferPointer(rebasing: piece[share(of: piece.count, rank: other)])
    }
    let own = parts[rank]
    var scratch = [Value](repeating: 0, count: own.count * size)
    try scratch.withUnsafeMutableBufferPointer { scratch in
      let incoming = (0..<size).map { other in
        UnsafeMutableBufferPointer(
          rebasing: scratch[other * own.count..<(other + 1) * own.count])
      }
      try exchange(
        parts.map { UnsafeRawBufferPointer($0) },
        incoming.map { UnsafeMutableRawBufferPointer($0) })
      if let rows = scratch.baseAddress, let sum = own.baseAddress {
        add(rows, own.count, size, sum)
      }
    }
    // One's own share lies where it belongs already.
    let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
    try exchange(
      (0..<size).map { $0 == rank ? nothing : UnsafeRawBufferPointer(own) },
      (0..<size).map {
        $0 == rank
          ? UnsafeMutableRawBufferPointer(start: nil, count: 0)
          : UnsafeMutableRawBufferPointer(parts[$0])
      })
  }

  // MARK: The end

  /// How a process's end went.
  public enum Departure: Equatable, Sendable {
    /// All ended, and the group is closed; with the failure of another process, if one failed.
    case together(KilpiError?)
    /// Others do not answer or are still at work: end them.
    case alone(KilpiError)
  }

  /// Ends the work of this process; it must exchange nothing afterwards.
  ///
  /// - Parameters:
  ///   - failure: the error that ended it.
  public func leave(_ failure: KilpiError?) -> Departure {
    guard let transport else { return .together(nil) }
    guard !isBroken else {
      return .alone(failure ?? KilpiError("the other processes cannot be reached"))
    }
    do {
      let seen = try meet(
        .leave, text: failure.map { Self.text($0) } ?? "", kind: failure?.kind,
        limit: failure == nil ? nil : 2)
      isBroken = true
      transport.finish()
      let failed = seen.indices.first { $0 != rank && seen[$0].kind != nil }
      return .together(failed.map { error(of: seen[$0], rank: $0) })
    } catch let error as KilpiError {
      return .alone(failure ?? error)
    } catch {
      return .alone(failure ?? KilpiError("\(error)"))
    }
  }

  // MARK: Messages

  private static func text(_ error: any Error) -> String {
    guard let error = error as? KilpiError else { return "\(error)" }
    return error.problem + (error.advice.map { " (\($0))" } ?? "")
  }

  private static func kind(_ error: any Error) -> KilpiError.Kind {
    (error as? KilpiError)?.kind ?? .host
  }

  private func error(of message: GroupMessage, rank: Int) -> KilpiError {
    KilpiError("process \(rank + 1): \(message.text)", kind: message.kind ?? .host)
  }

  /// Tells all others what this process is about to do and learns it of them.
  ///
  /// - Throws: when one of them failed, has ended, or does something else; not for an own failure.
  @discardableResult private func meet(
    _ step: GroupMessage.Step, count: Int = 0, text: String = "",
    kind: KilpiError.Kind? = nil, mustAgree: Bool = false, limit: Double? = nil
  ) throws -> [GroupMessage] {
    let own = GroupMessage(step: step, count: count, text: text, kind: kind)
    var buffers = [[UInt8]](
      repeating: [UInt8](repeating: 0, count: GroupMessage.length), count: size)
    try own.bytes.withUnsafeBytes { bytes in
      try Self.withBuffers(&buffers) { incoming in
        try exchange(
          [UnsafeRawBufferPointer](repeating: bytes, count: size), incoming,
          limit: limit ?? (step == .failed ? Self.patience : nil))
      }
    }
    let seen = try buffers.map { bytes in
      guard let message = GroupMessage(bytes) else {
        isBroken = true
        throw KilpiError("a message between the processes cannot be read")
      }
      return message
    }
    if step != .leave, let gone = seen.firstIndex(where: { $0.step == .leave }) {
      isBroken = true
      let text = seen[gone].text
      throw KilpiError(
        "process \(gone + 1) has ended" + (text.isEmpty ? "" : ": " + text),
        kind: seen[gone].kind ?? .host)
    }
    if step == .leave {
      if seen.contains(where: { $0.step != .leave }) {
        isBroken = true
        let busy = seen.firstIndex { $0.step != .leave } ?? 0
        throw KilpiError("process \(busy + 1) was still at work when this one ended")
      }
      return seen
    }
    if step == .failed { return seen }
    if let failed = seen.firstIndex(where: { $0.step == .failed }) {
      sawFailure = true
      throw error(of: seen[failed], rank: failed)
    }
    if let other = seen.firstIndex(where: {
      $0.step != step || mustAgree && $0.count != count
    }) {
      sawFailure = true
      throw KilpiError(
        "process \(other + 1) is at another place of the work than process \(rank + 1)",
        advice: "all processes must run the same script on the same data")
    }
    return seen
  }

  private func exchange(
    _ outgoing: [UnsafeRawBufferPointer], _ incoming: [UnsafeMutableRawBufferPointer],
    limit: Double? = nil
  ) throws {
    guard let transport, !isBroken else {
      throw KilpiError("the other processes cannot be reached")
    }
    do {
      try transport.exchange(outgoing, into: incoming, limit: limit)
    } catch {
      isBroken = true
      throw error
    }
  }

  private static func withBuffers<Result>(
    _ buffers: inout [[UInt8]], _ body: ([UnsafeMutableRawBufferPointer]) throws -> Result
  ) rethrows -> Result {
    // One block for all: pointers into several arrays at once would need as many nested calls.
    let lengths = buffers.map(\.count)
    let total = lengths.reduce(0, +)
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: max(total, 1), alignment: 16)
    defer { block.deallocate() }
    var parts: [UnsafeMutableRawBufferPointer] = []
    var start = 0
    for length in lengths {
      parts.append(UnsafeMutableRawBufferPointer(rebasing: block[start..<start + length]))
      start += length
    }
    let result = try body(parts)
    for index in buffers.indices { buffers[index] = Array(parts[index]) }
    return result
  }
}
