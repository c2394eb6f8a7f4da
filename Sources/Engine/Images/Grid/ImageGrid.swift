internal import Diagnostics

/// Pictures in rows and columns with titles and captions, as reports show them.
///
/// Pixels are copied, each as a square of side `scale`, so that what is seen is what the file
/// holds. Text is a small built-in bitmap font.
public struct ImageGrid {
  /// One picture of the grid.
  public struct Tile {
    /// The picture.
    public var image: PixelImage
    /// Text below it; lines break at spaces and `\n`.
    public var caption: String
    /// Colour of the caption.
    public var color: PixelColor

    /// Creates a tile.
    public init(_ image: PixelImage, caption: String = "", color: PixelColor = .black) {
      self.image = image
      self.caption = caption
      self.color = color
    }
  }

  /// Tiles in a row, at least 1; nil makes the grid about square.
  public var columns: Int?
  /// Side of the square that shows one pixel, at least 1; nil enlarges small pictures to 96 pixels.
  public var scale: Int?
  /// Empty pixels between tiles and around them.
  public var padding = 6
  /// Side of one dot of the font, at least 1.
  public let textScale = 1
  /// Most lines of a caption; what is beyond them is cut.
  public let captionLines = 4
  /// Colour behind the tiles.
  public var background = PixelColor.white
  /// Text above the whole grid; empty for none.
  public var title = ""
  /// Text above each column, from the left; may be shorter than the columns.
  public var columnTitles: [String] = []
  /// Text to the left of each row, from the top; may be shorter than the rows.
  public var rowTitles: [String] = []

  /// A grid with the defaults.
  public init(columns: Int? = nil, scale: Int? = nil) {
    self.columns = columns
    self.scale = scale
  }

  /// Draws the grid.
  ///
  /// - Parameter tiles: at least one, row by row; sizes may differ, each is centred in its cell.
  /// - Throws: `KilpiError` when there is no tile, an option is out of range, or the picture would
  ///   have more than 100 million pixels.
  public func rendered(_ tiles: [Tile]) throws -> PixelImage {
    let layout = try Layout(self, tiles)
    var canvas = try Canvas(width: layout.width, height: layout.height, background: background)
    layout.draw(self, tiles, on: &canvas)
    return canvas.image
  }
}

/// Where everything of a grid goes.
private struct Layout {
  let columns: Int
  let scale: Int
  var width = 0
  var height = 0
  private var cellWidth = 0
  private var rowHeights: [Int] = []
  private var captionHeights: [Int] = []
  private var captions: [[String]] = []
  private var titleLines: [String] = []
  private var columnTitleLines: [[String]] = []
  private var leftMargin = 0
  private var columnTitleTop = 0
  private var topMargin = 0

  init(_ grid: ImageGrid, _ tiles: [ImageGrid.Tile]) throws {
    guard !tiles.isEmpty else { throw KilpiError("a grid needs at least one image") }
    let squareSide = Int(clamped: Double(tiles.count).squareRoot().rounded(.up))
    columns = min(grid.columns ?? squareSide, tiles.count)
    let widest = tiles.map(\.image.width).max() ?? 1
    let highest = tiles.map(\.image.height).max() ?? 1
    scale = grid.scale ?? max(1, (96 + max(widest, highest) - 1) / max(widest, highest))
    let limits = [
      ("columns", columns, 1), ("scale", scale, 1), ("padding", grid.padding, 0),
      ("the scale of the text", grid.textScale, 1),
      ("the number of caption lines", grid.captionLines, 1),
    ]
    for (name, value, least) in limits where value < least || value > 10_000 {
      throw KilpiError("\(name) is \(value), outside \(least) … 10000")
    }
    cellWidth = widest * scale
    let rows = tiles.count.parts(of: columns)
    let lineHeight = TextLayout.lineHeight * grid.textScale
    let advance = TextLayout.advance * grid.textScale
    let cellColumns = (cellWidth + grid.textScale) / advance
    captions = tiles.map {
      $0.caption.isEmpty
        ? [] : TextLayout.lines($0.caption, columns: cellColumns, limit: grid.captionLines)
    }
    columnTitleLines = grid.columnTitles.prefix(columns).map {
      TextLayout.lines($0, columns: cellColumns, limit: 2)
    }
    for row in 0..<rows {
      let members = (row * columns)..<min((row + 1) * columns, tiles.count)
      rowHeights.append((members.map { tiles[$0].image.height }.max() ?? 0) * scale)
      let lines = members.map { captions[$0].count }.max() ?? 0
      captionHeights.append(lines == 0 ? 0 : lines * lineHeight + 2)
    }
    let rowTitleWidth =
      grid.rowTitles.prefix(rows).map { TextLayout.width(of: $0, scale: grid.textScale) }.max() ?? 0
    leftMargin = grid.padding + (rowTitleWidth == 0 ? 0 : rowTitleWidth + grid.padding)
    width = leftMargin + columns * (cellWidth + grid.padding)
    if !grid.title.isEmpty {
      titleLines = TextLayout.lines(
        grid.title, columns: (width - 2 * grid.padding) / advance, limit: 4)
    }
    columnTitleTop = grid.padding + (titleLines.isEmpty ? 0 : titleLines.count * lineHeight + 4)
    let titleRows = columnTitleLines.map(\.count).max() ?? 0
    topMargin = columnTitleTop + (titleRows == 0 ? 0 : titleRows * lineHeight + 2)
    let pictures = zip(rowHeights, captionHeights).reduce(0) { $0 + $1.0 + $1.1 + grid.padding }
    height = topMargin + pictures
  }

  func draw(_ grid: ImageGrid, _ tiles: [ImageGrid.Tile], on canvas: inout Canvas) {
    let lineHeight = TextLayout.lineHeight * grid.textScale
    func write(_ lines: [String], x: Int, y: Int, width: Int?, _ color: PixelColor) {
      for (i, line) in lines.enumerated() {
        let slack = (width ?? 0) - TextLayout.width(of: line, scale: grid.textScale)
        canvas.write(
          line, x: x + max(0, slack / 2), y: y + i * lineHeight, scale: grid.textScale,
          color: color)
      }
    }
    write(titleLines, x: grid.padding, y: grid.padding, width: nil, .black)
    for (column, lines) in columnTitleLines.enumerated() {
      let x = leftMargin + column * (cellWidth + grid.padding)
      write(lines, x: x, y: columnTitleTop, width: cellWidth, .black)
    }
    var y = topMargin
    for row in rowHeights.indices {
      if row < grid.rowTitles.count {
        let middle = y + (rowHeights[row] - BitmapFont.height * grid.textScale) / 2
        write([grid.rowTitles[row]], x: grid.padding, y: max(y, middle), width: nil, .black)
      }
      for column in 0..<columns where row * columns + column < tiles.count {
        let index = row * columns + column
        let image = tiles[index].image
        let x = leftMargin + column * (cellWidth + grid.padding)
        canvas.draw(
          image, x: x + (cellWidth - image.width * scale) / 2,
          y: y + (rowHeights[row] - image.height * scale) / 2, scale: scale)
        write(
          captions[index], x: x, y: y + rowHeights[row] + 3, width: cellWidth, tiles[index].color)
      }
      y += rowHeights[row] + captionHeights[row] + grid.padding
    }
  }
}
