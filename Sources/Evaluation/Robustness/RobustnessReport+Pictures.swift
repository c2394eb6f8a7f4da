internal import Diagnostics
public import Images
internal import Tensors

extension RobustnessReport {
  /// The bar chart of the rows with their intervals.
  public func plotSpecification() -> PlotSpecification {
    var plot = PlotSpecification(.bar)
    plot.title = "\(name): \(dataTitle)"
    plot.subtitle = threatTitle
    plot.yLabel = "accuracy (%), 95 % interval"
    plot.isPercent = true
    plot.categories = scenarios.map(Self.category)
    plot.series = [Self.series("", scenarios)]
    return plot
  }

  /// A row's name under its bars.
  static func category(_ row: ScenarioResult) -> String {
    row.attack.isEmpty ? row.kind.rawValue : row.kind.rawValue + "\n" + row.attack
  }

  /// Accuracies in percent with their intervals; a missing row is a gap.
  static func series(_ name: String, _ rows: [ScenarioResult?]) -> PlotSpecification.Series {
    func percent(_ value: Double?) -> Double { 100 * (value ?? .nan) }
    let proportions = rows.map { $0?.accuracy }
    return .init(
      name: name, y: proportions.map { percent($0?.value) },
      low: proportions.map { percent($0?.wilson?.lowerBound) },
      high: proportions.map { percent($0?.wilson?.upperBound) })
  }

  /// Writes the bar chart; see `PlotWriter.save`.
  public func plot(_ path: String) throws { try PlotWriter.save(plotSpecification(), to: path) }

  /// Clean image, attacked image and amplified difference of the first samples, with the predicted
  /// classes: green where right, red where wrong.
  ///
  /// - Parameters:
  ///   - row: which attack's images, by its label such as `image/pgd`; nil for the first.
  ///   - limit: at most so many samples; nil for all that were kept.
  ///   - gain: how much the difference is amplified; nil fits it to the largest change, at most 50.
  /// - Throws: `KilpiError` when no pictures were kept, or none of that row.
  public func grid(row: String? = nil, limit: Int? = nil, gain: Double? = nil) throws -> PixelImage
  {
    let labels = pictures.first?.attacked.map(\.row) ?? []
    guard let first = labels.first else {
      throw KilpiError(
        "", pictures.isEmpty ? "no pictures were kept" : "no images were attacked",
        advice: "evaluate an image attack, with pictures above 0")
    }
    let chosen = row ?? first
    guard labels.contains(chosen) else {
      throw KilpiError(
        "", "there are no pictures of '\(chosen.prefix(40))'",
        advice: "rows with pictures: " + labels.joined(separator: ", "))
    }
    let shown = pictures.prefix(limit ?? pictures.count)
    guard !shown.isEmpty else {
      throw KilpiError("", "limit is \(limit ?? 0), at least 1 is needed")
    }
    let pairs = shown.compactMap { picture in
      picture.attacked.first { $0.row == chosen }.map { (picture, $0.image, $0.prediction) }
    }
    let gain = try gain ?? Self.fittingGain(pairs.map { ($0.1, $0.0.image) })
    var grid = ImageGrid(columns: 3)
    grid.title = "\(name): \(chosen), \(threatTitle)"
    grid.columnTitles = ["clean", "attacked", "difference x \(NumberText.significant(gain, 3))"]
    var tiles: [ImageGrid.Tile] = []
    for (picture, image, prediction) in pairs {
      tiles.append(
        tile(try PixelImage(picture.image), prediction: picture.prediction, label: picture.label))
      tiles.append(tile(try PixelImage(image), prediction: prediction, label: picture.label))
      let difference = try ImageOperations.difference(image, picture.image, gain: gain)
      tiles.append(.init(try PixelImage(difference), caption: "true: \(className(picture.label))"))
    }
    return try grid.rendered(tiles)
  }

  /// Writes the grid as an image file; see `grid(row:limit:gain:)`.
  public func images(
    _ path: String, row: String? = nil, limit: Int? = nil, gain: Double? = nil
  ) throws {
    try ImageFile.save(grid(row: row, limit: limit, gain: gain), to: path)
  }

  private func tile(_ image: PixelImage, prediction: Int, label: Int) -> ImageGrid.Tile {
    .init(
      image, caption: className(prediction),
      color: prediction == label ? PixelColor(0, 110, 60) : PixelColor(190, 30, 30))
  }

  private func className(_ index: Int) -> String {
    classNames.indices.contains(index) ? classNames[index] : "class \(index + 1)"
  }

  /// The gain that shows the largest change as black or white: 1, 2 or 5 times a power of ten.
  private static func fittingGain(_ pairs: [(Tensor, Tensor)]) throws -> Double {
    var largest = 0.0
    for (moved, clean) in pairs {
      largest = max(largest, try (moved.detached() - clean.detached()).abs().max().item())
    }
    guard largest > 0 else { return 10 }
    let ideal = 0.5 / largest
    return [50, 20, 10, 5, 2, 1].first { $0 <= ideal } ?? 1
  }
}
