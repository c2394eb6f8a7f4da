internal import Diagnostics

/// What a process tells the others before it exchanges data with them: a few hundred bytes of fixed
/// length, so that it can be read whatever the other does.
struct GroupMessage: Equatable {
  /// What it is about to do.
  enum Step: UInt8 {
    case begin = 1
    case end, failed, gather, sum, leave
  }

  static let length = 512
  private static let head = 16

  var step: Step
  /// Bytes that it has to give.
  var count: Int
  /// Fingerprint or error.
  var text: String
  /// The sort of failure; nil without one.
  var kind: KilpiError.Kind?

  init(step: Step, count: Int = 0, text: String = "", kind: KilpiError.Kind? = nil) {
    self.step = step
    self.count = count
    self.text = text
    self.kind = kind
  }

  private static let kinds: [KilpiError.Kind] = [.host, .memory, .interrupted]

  /// Step, kind (0: none), length of the text, count, text; the rest is 0.
  var bytes: [UInt8] {
    var cut = text
    while cut.utf8.count > Self.length - Self.head { cut.removeLast() }
    let text = Array(cut.utf8)
    var bytes: [UInt8] = [
      step.rawValue, UInt8(truncatingIfNeeded: (kind.flatMap(Self.kinds.firstIndex) ?? -1) + 1),
      UInt8(truncatingIfNeeded: text.count), UInt8(truncatingIfNeeded: text.count >> 8),
      0, 0, 0, 0,
    ]
    bytes += (0..<8).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) }
    bytes += text
    return bytes + [UInt8](repeating: 0, count: Self.length - bytes.count)
  }

  /// Reads what `bytes` wrote; nil when it is something else.
  init?(_ bytes: [UInt8]) {
    guard bytes.count == Self.length, let step = Step(rawValue: bytes[0]) else { return nil }
    let place = Int(bytes[1])
    let length = Int(bytes[2]) | Int(bytes[3]) << 8
    let count = (0..<8).reduce(0) { $0 | Int(bytes[8 + $1]) << (8 * $1) }
    guard place <= Self.kinds.count, Self.head + length <= bytes.count, count >= 0 else {
      return nil
    }
    self.init(
      step: step, count: count,
      text: String(decoding: bytes[Self.head..<Self.head + length], as: UTF8.self),
      kind: place == 0 ? nil : Self.kinds[place - 1])
  }
}
