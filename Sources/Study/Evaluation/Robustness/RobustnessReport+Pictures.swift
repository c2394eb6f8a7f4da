internal import Diagnostics
package import Images
internal import Tensors

extension RobustnessReport {
  /// Clean images, attacked images and amplified differences one below the other, a sample a column,
  /// with the predicted classes: green where right, red where wrong.
  ///
  /// - Parameters:
  ///   - row: which attack's images, by its label such as `image/pgd`; nil for the first.
  ///   - limit: at most so many samples; nil for all that were kept.
  ///   - gain: how much the difference is amplified; nil fits it to the largest change, at most 50.
  /// - Throws: `KilpiError` when no pictures were kept, or none of that row.
  package func grid(row: String? = nil, limit: Int? = nil, gain: Double? = nil) throws -> PixelImage
  {
    let chosen = try PictureSheet.row(row, of: self)
    guard limit ?? 1 >= 1 else {
      throw KilpiError("limit is \(limit ?? 0), at least 1 is needed")
    }
    let shown = pictures.prefix(limit ?? pictures.count)
    let pairs = shown.compactMap { picture in
      picture.attacked.first { $0.row == chosen }.map { (picture, $0.image, $0.prediction) }
    }
    let gain = try gain ?? PictureSheet.fittingGain(pairs.map { ($0.1, $0.0.image) })
    let title = "\(name): \(chosen), \(threatTitle)"
    var sheet = PictureSheet(
      title: title,
      rowTitles: ["clean", "attacked", "difference x \(NumberText.significant(gain, 3))"])
    for (picture, image, prediction) in pairs {
      // A sample that is wrong when clean is not attacked: its difference is grey.
      let isSame = try (image - picture.image).abs().max().item() == 0
      let remark = isSame ? "\nunchanged" : ""
      let difference = try ImageOperations.difference(image, picture.image, gain: gain)
      sheet.columns.append([
        try tile(picture.image, prediction: picture.prediction, label: picture.label),
        try tile(image, prediction: prediction, label: picture.label),
        .init(try PixelImage(difference), caption: "true: \(className(picture.label))\(remark)"),
      ])
    }
    return try sheet.rendered()
  }

  /// Writes the grid as an image file; see `grid(row:limit:gain:)`.
  package func images(
    _ path: String, row: String? = nil, limit: Int? = nil, gain: Double? = nil
  ) throws {
    try ImageFile.save(grid(row: row, limit: limit, gain: gain), to: path)
  }

  /// A picture with its predicted class, green where right, red where wrong.
  func tile(_ image: Tensor, prediction: Int, label: Int) throws -> ImageGrid.Tile {
    .init(
      try PixelImage(image), caption: className(prediction),
      color: prediction == label ? PixelColor(0, 110, 60) : PixelColor(190, 30, 30))
  }

  func className(_ index: Int) -> String {
    classNames.indices.contains(index) ? classNames[index] : "class \(index + 1)"
  }
}

/// Pictures of several samples, one sample a column.
struct PictureSheet {
  var title: String
  var rowTitles: [String]
  /// For each sample its pictures from top to bottom.
  var columns: [[ImageGrid.Tile]] = []

  /// Samples side by side; more go below.
  private static let widest = 8

  init(title: String, rowTitles: [String]) {
    self.title = title
    self.rowTitles = rowTitles
  }

  func rendered() throws -> PixelImage {
    var grid = ImageGrid(columns: min(columns.count, Self.widest))
    grid.title = title
    var tiles: [ImageGrid.Tile] = []
    let empty = try ImageGrid.Tile(
      .filled(width: 1, height: 1, red: 255, green: 255, blue: 255))
    for start in stride(from: 0, to: columns.count, by: Self.widest) {
      let part = columns[start..<min(start + Self.widest, columns.count)]
      for row in rowTitles.indices {
        grid.rowTitles.append(rowTitles[row])
        tiles += part.map { $0[row] }
        if start > 0 { tiles += (part.count..<Self.widest).map { _ in empty } }
      }
    }
    return try grid.rendered(tiles)
  }

  /// The row to show: the one that was asked for, else the first with pictures.
  static func row(_ row: String?, of report: RobustnessReport) throws -> String {
    let labels = report.pictures.first?.attacked.map(\.row) ?? []
    guard !report.isLoaded else {
      throw KilpiError(
        "a report that was loaded has no pictures",
        advice: "draw them with the report that eval.robustness gives; save_images keeps the images"
      )
    }
    guard let first = labels.first else {
      throw KilpiError(
        report.pictures.isEmpty ? "no pictures were kept" : "no images were attacked",
        advice: "evaluate an image attack, with pictures above 0")
    }
    guard labels.contains(row ?? first) else {
      throw KilpiError(
        "there are no pictures of '\((row ?? first).prefix(40))'",
        advice: "rows with pictures: " + labels.joined(separator: ", "))
    }
    return row ?? first
  }

  /// The gain that shows the largest change as black or white: 1, 2 or 5 times a power of ten.
  static func fittingGain(_ pairs: [(Tensor, Tensor)]) throws -> Double {
    var largest = 0.0
    for (moved, clean) in pairs {
      largest = max(largest, try (moved.detached() - clean.detached()).abs().max().item())
    }
    guard largest > 0 else { return 10 }
    let ideal = 0.5 / largest
    return [50, 20, 10, 5, 2, 1].first { $0 <= ideal } ?? 1
  }
}
