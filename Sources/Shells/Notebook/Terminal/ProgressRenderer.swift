package import Diagnostics

/// Shows progress on a stream: live bars on a terminal, a plain line now and then elsewhere.
///
/// At most two bars at once (the outermost and the innermost), at most ten drawings a second; a bar
/// that took a second or more leaves one line when it is done. Not a terminal: one line at most
/// every ten seconds.
package final class ProgressRenderer {
  private struct Bar {
    var event: ProgressEvent
    var started: Double
    /// Times of the last steps, newest last.
    var times: [(completed: Int, time: Double)]

    /// The median time of a step over the last ones.
    var secondsPerStep: Double? {
      var rates: [Double] = []
      for (before, after) in zip(times, times.dropFirst()) where after.completed > before.completed
      {
        rates.append((after.time - before.time) / Double(after.completed - before.completed))
      }
      guard !rates.isEmpty else { return nil }
      return rates.sorted()[rates.count / 2]
    }
  }

  private let write: (String) -> Void
  private let isTerminal: Bool
  private let palette: Palette
  private let width: () -> Int
  private let now: () -> Double
  private let lineIsOpen: () -> Bool
  private var bars: [Bar] = []
  private var drawnLines = 0
  private var lastDrawn = -Double.infinity
  private var lastPlainLine: Double?

  static let drawInterval = 0.1
  static let plainInterval = 10.0
  static let historyLength = 32

  /// Creates a renderer.
  ///
  /// - Parameters:
  ///   - isTerminal: live bars, or plain lines.
  ///   - width: columns of the window, read at each drawing.
  ///   - now: seconds of a steady clock.
  ///   - lineIsOpen: whether the terminal's line was begun by somebody else, who must not lose it.
  ///   - write: takes the text, for standard error as a rule.
  package init(
    isTerminal: Bool, palette: Palette = Palette(isOn: false), width: @escaping () -> Int,
    now: @escaping () -> Double, lineIsOpen: @escaping () -> Bool,
    write: @escaping (String) -> Void
  ) {
    self.isTerminal = isTerminal
    self.palette = palette
    self.width = width
    self.now = now
    self.lineIsOpen = lineIsOpen
    self.write = write
  }

  /// Takes a step of work into account, and shows it if it is time.
  package func handle(_ event: ProgressEvent) {
    let time = now()
    let index = place(event, at: time)
    bars[index].event = event
    if bars[index].times.last?.completed != event.completed {
      bars[index].times.append((event.completed, time))
      if bars[index].times.count > Self.historyLength { bars[index].times.removeFirst() }
    }
    let isDone = event.completed >= event.total
    if isTerminal {
      if isDone {
        finish(index, at: time)
      } else if time - lastDrawn >= Self.drawInterval {
        draw(at: time)
      }
    } else {
      plainLine(index, at: time, isDone: isDone)
    }
  }

  /// Takes the bars off the screen, so that other output can be written; they return with the next
  /// step.
  package func hide() {
    guard drawnLines > 0 else { return }
    var text = "\r\u{1B}[K"
    for _ in 1..<max(1, drawnLines) { text += "\n\u{1B}[K" }
    if drawnLines > 1 { text += "\u{1B}[\(drawnLines - 1)A" }
    drawnLines = 0
    lastDrawn = -.infinity
    write(text + "\r")
  }

  /// Forgets all bars: the command is over, whatever became of them.
  package func reset() {
    hide()
    bars = []
    lastPlainLine = nil
  }

  /// The bar of an event: bars within it end when an outer one moves, an unknown name begins one.
  private func place(_ event: ProgressEvent, at time: Double) -> Int {
    if let index = bars.firstIndex(where: { $0.event.name == event.name }) {
      bars.removeSubrange((index + 1)...)
      if event.completed < bars[index].event.completed {
        bars[index] = Bar(event: event, started: time, times: [])
      }
      return index
    }
    bars.append(Bar(event: event, started: time, times: []))
    return bars.count - 1
  }

  private func finish(_ index: Int, at time: Double) {
    let bar = bars[index]
    let seconds = time - bar.started
    bars.removeSubrange(index...)
    if index > 0 {
      if time - lastDrawn >= Self.drawInterval { draw(at: time) }
      return
    }
    hide()
    guard seconds >= 1 else { return }
    var text = lineIsOpen() ? "\n" : ""
    text += "\(bar.event.name)  \(bar.event.total)/\(bar.event.total)  "
    text += ProgressLine.duration(seconds)
    if !bar.event.note.isEmpty { text += "  " + bar.event.note }
    write(palette.faint(text) + "\n")
  }

  private func draw(at time: Double) {
    let columns = width()
    let shown = bars.count > 2 ? [bars[0], bars[bars.count - 1]] : bars
    var text = drawnLines == 0 && lineIsOpen() ? "\n" : ""
    for (row, bar) in shown.enumerated() {
      if row > 0 { text += "\n" }
      text += "\r"
      text += ProgressLine.text(
        name: (row > 0 ? "  " : "") + bar.event.name, completed: bar.event.completed,
        total: bar.event.total, note: bar.event.note, secondsPerStep: bar.secondsPerStep,
        width: columns, palette: palette)
      text += "\u{1B}[K"
    }
    var below = shown.count
    while below < drawnLines {
      text += "\n\r\u{1B}[K"
      below += 1
    }
    if below > 1 { text += "\u{1B}[\(below - 1)A" }
    drawnLines = shown.count
    lastDrawn = time
    write(text + "\r")
  }

  private func plainLine(_ index: Int, at time: Double, isDone: Bool) {
    let bar = bars[index]
    let since = time - (lastPlainLine ?? bars[0].started)
    if isDone { bars.removeSubrange(index...) }
    // The end of long work is always said.
    let isFarewell = isDone && index == 0 && lastPlainLine != nil
    guard since >= Self.plainInterval || isFarewell else { return }
    lastPlainLine = isDone && index == 0 ? nil : time
    let outer =
      index > 0
      ? bars.first.map { "\($0.event.name) \($0.event.completed)/\($0.event.total)  " } ?? "" : ""
    let event = bar.event
    var text = "\(outer)\(event.name)  \(event.completed * 100 / max(1, event.total)) % "
    text += "\(event.completed)/\(event.total)"
    if let seconds = bar.secondsPerStep {
      text += "  " + ProgressLine.rate(seconds)
      if !isDone {
        text += "  ETA " + ProgressLine.clock(seconds * Double(event.total - event.completed))
      }
    }
    if !event.note.isEmpty { text += "  " + event.note }
    write(text + "\n")
  }
}
