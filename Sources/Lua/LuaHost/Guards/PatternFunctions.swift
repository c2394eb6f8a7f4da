internal import CLua
internal import CLuaBridge
internal import Diagnostics

/// `string.find`, `match`, `gmatch` and `gsub` for the cases in which Lua's own may run long.
///
/// The functions of the `string` table stay Lua's for everything else; see `values.c`.
enum PatternFunctions {
  static let entries = [
    Entry("find", "(s, pattern [, init, plain])", doc: "") { call in
      try search(call, isFind: true) { matcher, start, end in
        let whole: [any LuaConvertible] = [start + 1, end]
        return matcher.captures.isEmpty ? whole : try whole + values(matcher, start, end)
      }
    },
    Entry("match", "(s, pattern [, init])", doc: "") { call in try search(call, values) },
    Entry("gmatch", "(s, pattern [, init])", doc: "") { call in
      let subject = try call.bytes(1).bytes
      let pattern = try call.bytes(2).bytes
      var position = try start(call, count: subject.count) ?? subject.count + 1
      var previous = -1
      return [
        LuaClosure("gmatch") { _ in
          try matching(subject, pattern) { matcher in
            while position <= subject.count {
              let start = position
              position += 1
              guard let end = try matcher.match(at: start), end != previous else { continue }
              position = end
              previous = end
              return try values(matcher, start, end)
            }
            return [LuaValue.nil]
          }
        }
      ]
    },
    Entry("gsub", "(s, pattern, repl [, n])", doc: "", body: substitute),
  ]

  private typealias Found = (PatternMatcher, Int, Int) throws -> [any LuaConvertible]

  private static func matching<R>(
    _ subject: [UInt8], _ pattern: [UInt8], _ body: (inout PatternMatcher) throws -> R
  ) rethrows -> R {
    try subject.withUnsafeBufferPointer { subject in
      try pattern.withUnsafeBufferPointer { pattern in
        var matcher = PatternMatcher(subject: subject, pattern: pattern)
        return try body(&matcher)
      }
    }
  }

  /// The 0-based start that argument 3 asks for; nil behind the end.
  private static func start(_ call: Call, count: Int) throws -> Int? {
    let first = try call.integer(3, default: 1)
    let start = first > 0 ? first - 1 : first == 0 || first < -count ? 0 : count + first
    return start > count ? nil : start
  }

  /// A pattern without these is text to `find`, even with a parenthesis that closes nothing.
  private static let specials = Array("^$*+?.([%-".utf8)

  private static func search(_ call: Call, isFind: Bool = false, _ found: Found) throws
    -> [any LuaConvertible]
  {
    let subject = try call.bytes(1).bytes
    let pattern = try call.bytes(2).bytes
    guard let first = try start(call, count: subject.count) else { return [LuaValue.nil] }
    let asksPlain =
      try isFind && !call.isNone(4)
      && (call.kind(4) != .boolean || call.boolean(4))
    if isFind, asksPlain || !pattern.contains(where: { specials.contains($0) }) {
      guard let place = plainPlace(of: pattern, in: subject, from: first) else {
        return [LuaValue.nil]
      }
      return [place + 1, place + pattern.count]
    }
    let isAnchored = pattern.first == UInt8(ascii: "^")
    return try matching(subject, pattern) { matcher in
      for start in first...subject.count {
        if let end = try matcher.match(at: start, pattern: isAnchored ? 1 : 0) {
          return try found(matcher, start, end)
        }
        if isAnchored { break }
      }
      return [LuaValue.nil]
    }
  }

  /// Where text without special characters stands, in linear time.
  private static func plainPlace(of text: [UInt8], in subject: [UInt8], from first: Int) -> Int? {
    let place = subject.withUnsafeBytes { subject in
      text.withUnsafeBytes { text in
        kilpi_find_text(
          subject.baseAddress, subject.count, text.baseAddress, text.count, first)
      }
    }
    return place < 0 ? nil : place
  }

  /// The captures of a match, the whole of it when there are none.
  private static func values(
    _ matcher: PatternMatcher, _ start: Int, _ end: Int
  ) throws -> [any LuaConvertible] {
    try (0..<max(1, matcher.captures.count)).map { try value($0, matcher, start, end) }
  }

  /// One capture; the first is the whole match when there are none.
  private static func value(
    _ index: Int, _ matcher: PatternMatcher, _ start: Int, _ end: Int
  ) throws -> any LuaConvertible {
    guard index < matcher.captures.count else {
      if index == 0 { return LuaString(Array(matcher.subject[start..<end])) }
      throw ArgumentError(description: "invalid capture index %\(index + 1) in replacement string")
    }
    let capture = matcher.captures[index]
    guard let length = capture.length else {
      throw ArgumentError(description: "unfinished capture")
    }
    if length < 0 { return capture.start + 1 }
    return LuaString(Array(matcher.subject[capture.start..<capture.start + length]))
  }

  @Sendable private static func substitute(_ call: Call) throws -> [any LuaConvertible] {
    let subject = try call.bytes(1).bytes
    let pattern = try call.bytes(2).bytes
    let replacement = try replacement(call)
    let limit = try call.integer(4, default: subject.count + 1)
    let isAnchored = pattern.first == UInt8(ascii: "^")
    var result: [UInt8] = []
    var count = 0
    let reservation = try MemoryReservation()
    try matching(subject, pattern) { matcher in
      var position = 0
      var previous = -1
      while count < limit {
        if let end = try matcher.match(at: position, pattern: isAnchored ? 1 : 0), end != previous {
          count += 1
          let text = try replacement(matcher, position, end) ?? Array(subject[position..<end])
          if result.capacity - result.count < text.count {
            // An array that is full doubles, and is copied.
            try Interrupts.poll()
            try reservation.grow(by: max(result.count, text.count) * 2 - reservation.bytes)
          }
          result += text
          position = end
          previous = end
        } else if position < subject.count {
          result.append(subject[position])
          position += 1
        } else {
          break
        }
        if isAnchored { break }
      }
      if position < subject.count { result += subject[position...] }
    }
    return try withExtendedLifetime(reservation) {
      try MemoryReservation.ask(result.count)
      return [LuaString(result), count]
    }
  }

  /// Makes the new text of a match; nil leaves it as it is.
  private typealias Replacement = (PatternMatcher, Int, Int) throws -> [UInt8]?

  private static func replacement(_ call: Call) throws -> Replacement {
    switch call.value(3) {
    case .string(let text): return { try expand(text.bytes, $0, $1, $2) }
    case .integer, .number:
      let text = LuaString(try call.state.text(call.value(3))).bytes
      return { try expand(text, $0, $1, $2) }
    case .function(let function):
      return { try checked(function.first(values($0, $1, $2)), call) }
    case .table(let table):
      return { try checked(call.state.get(table, value(0, $0, $1, $2)), call) }
    default:
      throw call.badArgument(3, expected: "string/function/table")
    }
  }

  private static func checked(_ value: LuaValue, _ call: Call) throws -> [UInt8]? {
    switch value {
    case .nil, .boolean(false): return nil
    case .string(let text): return text.bytes
    case .integer, .number: return Array(try call.state.text(value).utf8)
    default:
      throw ArgumentError(description: "invalid replacement value (a \(value.typeName))")
    }
  }

  private static func expand(
    _ text: [UInt8], _ matcher: PatternMatcher, _ start: Int, _ end: Int
  ) throws -> [UInt8] {
    var result: [UInt8] = []
    var position = 0
    while position < text.count {
      let byte = text[position]
      position += 1
      guard byte == UInt8(ascii: "%") else {
        result.append(byte)
        continue
      }
      let next = position < text.count ? text[position] : 0
      position += 1
      switch next {
      case UInt8(ascii: "%"): result.append(next)
      case UInt8(ascii: "0"): result += matcher.subject[start..<end]
      case UInt8(ascii: "1")...UInt8(ascii: "9"):
        let capture = try value(Int(next) - 49, matcher, start, end)
        if let place = capture as? Int { result += Array(String(place).utf8) }
        if let text = capture as? LuaString { result += text.bytes }
      default: throw ArgumentError(description: "invalid use of '%' in replacement string")
      }
    }
    return result
  }
}
