internal import LuaBindings
internal import Notebook

/// What scripts' output looks like on the terminal: how wide lines are, how pictures are shown, and
/// which displayed values can still be replaced.
final class Screen {
  /// The terminal behind the standard streams.
  let terminal: Terminal
  /// How pictures are shown, decided by option, environment and terminal.
  private let givenGraphics: GraphicsChoice
  private var graphics: GraphicsChoice { chosenGraphics() ?? givenGraphics }
  private let progress: ProgressRenderer
  private var displayed = DisplayedValues()
  private var hasNotedReprint = false
  /// Of the last picture shown under the present id, so that the next value of the id replaces it.
  private var pictureNumber: UInt32?
  /// What the user chose at the prompt.
  private var chosenWidth: () -> Int? = { nil }
  private var chosenGraphics: () -> GraphicsChoice? = { nil }

  init(terminal: Terminal, graphics: GraphicsChoice, progress: ProgressRenderer) {
    self.terminal = terminal
    givenGraphics = graphics
    self.progress = progress
  }

  /// Columns of a line: the user's, the window's, or 80.
  var columns: Int {
    chosenWidth() ?? (terminal.outputIsTerminal ? max(20, terminal.size.columns) : 80)
  }

  /// Lets `:set width` and `:set graphics` of a prompt decide as long as the prompt is there.
  func follow(_ repl: Repl) {
    chosenWidth = { [weak repl] in repl?.settings.width }
    chosenGraphics = { [weak repl] in repl?.settings.graphics }
  }

  /// Shows a picture among the output; false when pictures are off.
  func show(_ picture: Picture) -> Bool {
    guard graphics != .none else { return false }
    let size = terminal.size
    let (columns, rows) = (min(columns, 120), min(28, max(4, size.rows - 2)))
    let text: String
    switch graphics {
    case .kitty, .iterm, .sixel:
      let enlarged = picture.enlarged(toSide: PixelGraphics.side)
      guard let image = pixels(enlarged, columns: columns) else { return false }
      progress.hide()
      displayed.notePicture(rows: terminal.cellHeight.map { (enlarged.height + $0 - 1) / $0 })
      StandardStream.output.write(image)
      return true
    default:
      text = HalfBlocks.render(
        rgb: picture.rgb, width: picture.width, height: picture.height, columns: columns,
        rows: rows, depth: terminal.hasTrueColor ? .full : .indexed)
    }
    write(Array(text.utf8))
    return true
  }

  private func pixels(_ picture: Picture, columns: Int) -> String? {
    if graphics == .sixel {
      return PixelGraphics.sixel(rgb: picture.rgb, width: picture.width, height: picture.height)
    }
    guard let png = try? picture.png() else { return nil }
    // Escapes cannot go through tmux and screen by themselves.
    if let number = pictureNumber { pictureNumber = number &+ 1 }
    return graphics == .kitty
      ? PixelGraphics.kitty(png: png, number: pictureNumber)
      : PixelGraphics.iterm(png: png, width: picture.width, height: picture.height)
  }

  /// Writes what a script writes, as it is.
  func write(_ bytes: [UInt8]) {
    progress.hide()
    displayed.note(bytes)
    bytes.withUnsafeBytes { StandardStream.output.write($0) }
  }

  /// Runs what shows a value; with an id that was shown before, in the place of the earlier one.
  func display(id: String?, _ show: () throws -> Void) rethrows {
    guard let id else { return try show() }
    progress.hide()
    StandardStream.output.startLine()
    if terminal.canEdit, let rows = displayed.rowsToReplace(id, below: StandardStream.writes) {
      StandardStream.output.draw("\u{1B}[\(rows)A\r\u{1B}[J")
    } else if displayed.knows(id), !hasNotedReprint {
      hasNotedReprint = true
      StandardStream.output.flush()
      StandardStream.error.write(
        "display: '\(id)' is printed anew: only the last lines of a terminal can be replaced\n")
    }
    displayed.begin()
    // Any number will do that is the same for the same id.
    pictureNumber = id.utf8.reduce(2_166_136_261) { ($0 ^ UInt32($1)) &* 16_777_619 } >> 1
    defer {
      pictureNumber = nil
      StandardStream.output.startLine()
      displayed.end(
        id, columns: terminal.size.columns, limit: terminal.size.rows,
        writes: StandardStream.writes)
    }
    try show()
  }
}
