internal import Diagnostics

/// The text of a progress bar and of spans of time.
enum ProgressLine {
  /// One bar: `name  42 % [======>     ] 420/1000  1.2 s/it  ETA 11:20  loss 2.31`.
  ///
  /// - Parameters:
  ///   - secondsPerStep: nil as long as nothing is known.
  ///   - width: columns to use at most; the bar gives way first, then the note.
  static func text(
    name: String, completed: Int, total: Int, note: String, secondsPerStep: Double?, width: Int,
    palette: Palette = Palette(isOn: false)
  ) -> String {
    let total = max(1, total)
    let done = min(max(0, completed), total)
    let percent = String(done * 100 / total)
    let head = name + "  " + String(repeating: " ", count: max(0, 3 - percent.count)) + percent
    var tail = "\(done)/\(total)"
    if let secondsPerStep {
      tail += "  " + rate(secondsPerStep)
      if done < total { tail += "  ETA " + clock(secondsPerStep * Double(total - done)) }
    }
    let withNote = note.isEmpty ? tail : tail + "  " + note
    let fixed = Terminal.width(head) + 6  // " % [" and "] "
    let room = width - 1 - fixed
    let noteFits = Terminal.width(withNote) + 4 <= room
    let rest = noteFits ? withNote : tail
    let length = min(24, room - Terminal.width(rest))
    guard length >= 4 else { return String("\(head) % \(rest)".prefix(max(0, width - 1))) }
    return "\(head) % [" + palette.bar(bar(done, total, length)) + "] " + rest
  }

  /// `======>     `, `length` columns wide.
  static func bar(_ done: Int, _ total: Int, _ length: Int) -> String {
    let filled = min(length, done * length / total)
    if filled == length { return String(repeating: "=", count: length) }
    return String(repeating: "=", count: filled) + ">"
      + String(repeating: " ", count: length - filled - 1)
  }

  /// `1.2 s/it`, or `35 it/s` when steps are quick.
  static func rate(_ secondsPerStep: Double) -> String {
    guard secondsPerStep > 0, secondsPerStep.isFinite else { return "" }
    return secondsPerStep >= 0.1
      ? "\(short(secondsPerStep)) s/it" : "\(short(1 / secondsPerStep)) it/s"
  }

  /// `11:20`, or `1:02:03` above an hour.
  static func clock(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0, seconds < 3.6e8 else { return "?" }
    let whole = Int(clamped: seconds.rounded(.up))
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60)
    return hours > 0
      ? "\(hours):\(twoDigits(minutes)):\(twoDigits(rest))" : "\(minutes):\(twoDigits(rest))"
  }

  /// `1.24 s`, `12.3 s`, `3 min 5 s`, `1 h 2 min`, for a person.
  static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0, seconds < 3.6e8 else { return "? s" }
    if seconds < 1e-3 { return short(seconds * 1e6) + " µs" }
    if seconds < 1 { return short(seconds * 1e3) + " ms" }
    if seconds < 60 { return short(seconds) + " s" }
    let whole = Int(clamped: seconds.rounded())
    return whole < 3600
      ? "\(whole / 60) min \(whole % 60) s" : "\(whole / 3600) h \(whole / 60 % 60) min"
  }

  /// A number with about three significant digits and no exponent.
  static func short(_ value: Double) -> String {
    guard value.isFinite, value.magnitude < 1e15 else { return "\(value)" }
    let digits = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
    let scale = digits == 0 ? 1.0 : digits == 1 ? 10.0 : 100.0
    let scaled = Int(clamped: (value * scale).rounded())
    if digits == 0 { return String(scaled) }
    let fraction = String(scaled % Int(scale))
    return "\(scaled / Int(scale))." + String(repeating: "0", count: digits - fraction.count)
      + fraction
  }

  /// `3.2 MB` and the like, decimal units.
  static func bytes(_ count: Int) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"]
    var value = Double(max(0, count))
    var unit = 0
    while value >= 999.5, unit < units.count - 1 {
      value /= 1000
      unit += 1
    }
    return unit == 0 ? "\(count) B" : "\(short(value)) \(units[unit])"
  }

  private static func twoDigits(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
}
