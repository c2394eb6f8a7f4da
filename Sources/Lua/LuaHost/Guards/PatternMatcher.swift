internal import Diagnostics

#if canImport(Glibc)
  internal import Glibc
#endif

/// Lua's patterns, matched with polls for interrupts.
///
/// Lua's own matcher runs to its end whatever happens, which on a hostile pattern can be never. This
/// one takes over where a match may take long, with the same meaning: greedy and lazy repetition
/// with backtracking, captures, sets, `%b`, `%f` and back references.
struct PatternMatcher {
  /// A piece of the subject that a pair of parentheses holds.
  struct Capture {
    var start: Int
    /// The length; nil while the group is open, -1 for a position capture.
    var length: Int?
  }

  let subject: UnsafeBufferPointer<UInt8>
  let pattern: UnsafeBufferPointer<UInt8>
  private(set) var captures: [Capture] = []
  /// As in Lua: deeper patterns are too complex.
  private var depth = 0
  private var steps = 0

  init(subject: UnsafeBufferPointer<UInt8>, pattern: UnsafeBufferPointer<UInt8>) {
    self.subject = subject
    self.pattern = pattern
  }

  static let maximalDepth = 200
  static let maximalCaptures = 32

  /// The end of the match of the pattern from `position` of the pattern on at `start`, or nil.
  mutating func match(at start: Int, pattern position: Int = 0) throws -> Int? {
    captures.removeAll(keepingCapacity: true)
    depth = 0
    return try matchHere(start, position)
  }

  private mutating func step() throws {
    steps &+= 1
    if steps & 0xFFFF == 0 { try Interrupts.poll() }
  }

  private mutating func matchHere(_ start: Int, _ position: Int) throws -> Int? {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.maximalDepth else { throw malformed("pattern too complex") }
    var s = start
    var p = position
    while p < pattern.count {
      try step()
      switch pattern[p] {
      case UInt8(ascii: "("):
        let isPosition = p + 1 < pattern.count && pattern[p + 1] == UInt8(ascii: ")")
        return try open(s, p + (isPosition ? 2 : 1), isPosition: isPosition)
      case UInt8(ascii: ")"):
        return try close(s, p + 1)
      case UInt8(ascii: "$") where p + 1 == pattern.count:
        return s == subject.count ? s : nil
      case UInt8(ascii: "%") where p + 1 < pattern.count:
        switch pattern[p + 1] {
        case UInt8(ascii: "b"):
          guard let end = try balanced(s, p + 2) else { return nil }
          s = end
          p += 4
          continue
        case UInt8(ascii: "f"):
          guard p + 2 < pattern.count, pattern[p + 2] == UInt8(ascii: "[") else {
            throw malformed("missing '[' after '%f' in pattern")
          }
          let end = try classEnd(p + 2)
          let before = s == 0 ? 0 : subject[s - 1]
          let here = s < subject.count ? subject[s] : 0
          guard !matchesSet(before, p + 2, end - 1), matchesSet(here, p + 2, end - 1) else {
            return nil
          }
          p = end
          continue
        case UInt8(ascii: "0")...UInt8(ascii: "9"):
          guard let end = try backReference(s, pattern[p + 1]) else { return nil }
          s = end
          p += 2
          continue
        default: break
        }
      default: break
      }
      let end = try classEnd(p)
      let repetition = end < pattern.count ? pattern[end] : 0
      switch repetition {
      case UInt8(ascii: "?"):
        if matchesOne(s, p, end), let result = try matchHere(s + 1, end + 1) { return result }
        p = end + 1
      case UInt8(ascii: "+"):
        return matchesOne(s, p, end) ? try greedy(s + 1, p, end) : nil
      case UInt8(ascii: "*"): return try greedy(s, p, end)
      case UInt8(ascii: "-"): return try lazy(s, p, end)
      default:
        guard matchesOne(s, p, end) else { return nil }
        s += 1
        p = end
      }
    }
    return s
  }

  private mutating func greedy(_ s: Int, _ p: Int, _ end: Int) throws -> Int? {
    var count = 0
    while matchesOne(s + count, p, end) {
      count += 1
      try step()
    }
    while count >= 0 {
      if let result = try matchHere(s + count, end + 1) { return result }
      count -= 1
      try step()
    }
    return nil
  }

  private mutating func lazy(_ start: Int, _ p: Int, _ end: Int) throws -> Int? {
    var s = start
    while true {
      if let result = try matchHere(s, end + 1) { return result }
      guard matchesOne(s, p, end) else { return nil }
      s += 1
      try step()
    }
  }

  private mutating func open(_ s: Int, _ p: Int, isPosition: Bool) throws -> Int? {
    guard captures.count < Self.maximalCaptures else { throw malformed("too many captures") }
    captures.append(Capture(start: s, length: isPosition ? -1 : nil))
    let result = try matchHere(s, p)
    if result == nil { captures.removeLast() }
    return result
  }

  private mutating func close(_ s: Int, _ p: Int) throws -> Int? {
    guard let index = captures.lastIndex(where: { $0.length == nil }) else {
      throw malformed("invalid pattern capture")
    }
    captures[index].length = s - captures[index].start
    let result = try matchHere(s, p)
    if result == nil { captures[index].length = nil }
    return result
  }

  private mutating func balanced(_ s: Int, _ p: Int) throws -> Int? {
    guard p + 1 < pattern.count else {
      throw malformed("malformed pattern (missing arguments to '%b')")
    }
    guard s < subject.count, subject[s] == pattern[p] else { return nil }
    var level = 1
    var position = s + 1
    while position < subject.count {
      try step()
      if subject[position] == pattern[p + 1] {
        level -= 1
        if level == 0 { return position + 1 }
      } else if subject[position] == pattern[p] {
        level += 1
      }
      position += 1
    }
    return nil
  }

  private mutating func backReference(_ s: Int, _ digit: UInt8) throws -> Int? {
    let index = Int(digit) - 49
    guard index >= 0, index < captures.count, let length = captures[index].length else {
      throw malformed("invalid capture index %\(index + 1)")
    }
    // A position capture has no text that could come again.
    guard length >= 0, subject.count - s >= length else { return nil }
    for offset in 0..<length {
      try step()
      if subject[captures[index].start + offset] != subject[s + offset] { return nil }
    }
    return s + length
  }

  /// The position after the single class that starts at `position`.
  private func classEnd(_ position: Int) throws -> Int {
    var p = position + 1
    switch pattern[position] {
    case UInt8(ascii: "%"):
      guard p < pattern.count else { throw malformed("malformed pattern (ends with '%')") }
      return p + 1
    case UInt8(ascii: "["):
      if p < pattern.count, pattern[p] == UInt8(ascii: "^") { p += 1 }
      repeat {
        guard p < pattern.count else { throw malformed("malformed pattern (missing ']')") }
        p += pattern[p] == UInt8(ascii: "%") ? 2 : 1
      } while p >= pattern.count || pattern[p] != UInt8(ascii: "]")
      return p + 1
    default: return p
    }
  }

  private func matchesOne(_ s: Int, _ p: Int, _ end: Int) -> Bool {
    guard s < subject.count else { return false }
    let byte = subject[s]
    switch pattern[p] {
    case UInt8(ascii: "."): return true
    case UInt8(ascii: "%"): return Self.matchesClass(byte, pattern[p + 1])
    case UInt8(ascii: "["): return matchesSet(byte, p, end - 1)
    default: return pattern[p] == byte
    }
  }

  /// Whether the set from `[` at `start` to `]` at `last` holds the byte.
  private func matchesSet(_ byte: UInt8, _ start: Int, _ last: Int) -> Bool {
    var p = start + 1
    var found = true
    if pattern[p] == UInt8(ascii: "^") {
      found = false
      p += 1
    }
    while p < last {
      if pattern[p] == UInt8(ascii: "%") {
        if Self.matchesClass(byte, pattern[p + 1]) { return found }
        p += 2
      } else if p + 2 < last, pattern[p + 1] == UInt8(ascii: "-") {
        if pattern[p] <= byte, byte <= pattern[p + 2] { return found }
        p += 3
      } else {
        if pattern[p] == byte { return found }
        p += 1
      }
    }
    return !found
  }

  private static func matchesClass(_ byte: UInt8, _ letter: UInt8) -> Bool {
    let c = Int32(byte)
    let result: Bool
    switch letter | 0x20 {
    case UInt8(ascii: "a"): result = isalpha(c) != 0
    case UInt8(ascii: "c"): result = iscntrl(c) != 0
    case UInt8(ascii: "d"): result = isdigit(c) != 0
    case UInt8(ascii: "g"): result = isgraph(c) != 0
    case UInt8(ascii: "l"): result = islower(c) != 0
    case UInt8(ascii: "p"): result = ispunct(c) != 0
    case UInt8(ascii: "s"): result = isspace(c) != 0
    case UInt8(ascii: "u"): result = isupper(c) != 0
    case UInt8(ascii: "w"): result = isalnum(c) != 0
    case UInt8(ascii: "x"): result = isxdigit(c) != 0
    case UInt8(ascii: "z"): result = byte == 0  // deprecated, but Lua still knows it
    default: return letter == byte
    }
    // Letters alone come here; an upper-case one stands for the complement.
    guard isalpha(Int32(letter)) != 0 else { return letter == byte }
    return isupper(Int32(letter)) != 0 ? !result : result
  }

  private func malformed(_ problem: String) -> ArgumentError { ArgumentError(description: problem) }
}
