import Diagnostics
import Files
import TestSupport
import Testing

@testable import Evaluation

@Suite("plot pictures") struct PlotPictureTests {
  /// A plot of each kind with titles that try everything.
  static func samples() -> [(String, PlotSpecification)] {
    var bar = PlotSpecification(.bar)
    bar.title = "Fashion-MNIST `id` \"q\" $(ls) it's 50 % a_b^c {x}\nsecond line"
    bar.subtitle = "L∞ 8/255 at 28 × 28 (native), 500 samples"
    bar.yLabel = "accuracy (%)"
    bar.categories = ["clean", "image pgd", "text char", "mm_sep pgd + char", "mm_t2i pgd + char", "worst"]
    bar.isPercent = true
    bar.series = [
      .init(
        name: "before", y: [83.2, 4.2, 61, 2, 0.5, 0], low: [80, 3, 57, 1, 0, 0],
        high: [86, 6.1, 65, 4, 1.5, 1]),
      .init(
        name: "after MMCoA", y: [80.2, 54.2, 71, 52, 50.5, .nan], low: [77, 50, 67, 48, 46, 46],
        high: [83, 58, 75, 56, 54.5, 54]),
    ]
    var line = PlotSpecification(.line)
    line.title = "Training"
    line.xLabel = "step"
    line.yLabel = "loss"
    line.series = [
      .init(name: "clean `x`", y: [4, 3, 2.5, .nan, 2, 1.8]),
      .init(name: "robust", y: [4.5, 4.1, 3.9, 3.7, 3.6, 3.5], low: [4, 3.8, 3.6, 3.5, 3.4, 3.3], high: [5, 4.4, 4.2, 3.9, 3.8, 3.7]),
    ]
    var heat = PlotSpecification(.heatmap)
    heat.title = "Confusion"
    heat.categories = ["T-shirt/top", "Trouser", "Pullover"]
    heat.rowNames = ["T-shirt/top", "it's `a`", "Pullover"]
    heat.matrix = [[90, 4, 6], [2, 97, 1], [.nan, 55, 10]]
    heat.isPercent = true
    var single = bar
    single.series.removeLast()
    single.title = "One report"
    single.categories[3] = "mm_sep"
    return [("bar", bar), ("line", line), ("heat", heat), ("single", single)]
  }

  @Test(arguments: ["png", "svg", "pdf"]) func pictures(_ format: String) throws {
    guard ChildProcess.find("gnuplot") != nil else {
      print("skipped: plots, since gnuplot is not installed (apt install gnuplot-nox)")
      return
    }
    for (name, plot) in Self.samples() {
      let bytes = try PlotWriter.picture(plot, format: format)
      let start = ["png": "\u{89}PNG", "svg": "<?xml", "pdf": "%PDF"][format] ?? ""
      let expected: [UInt8] = format == "png" ? [0x89, 0x50, 0x4E, 0x47] : Array(start.utf8)
      #expect(Array(bytes.prefix(expected.count)) == expected, "\(name).\(format)")
      try AtomicFile.write(bytes, to: "/tmp/evalproto/\(name).\(format)")
      print(try PlotWriter.text(plot))
    }
  }
}
