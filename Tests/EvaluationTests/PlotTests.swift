import Diagnostics
import Files
import Images
import TestSupport
import Testing

@testable import Evaluation

@Suite("plots") struct PlotTests {
  /// Everything that gnuplot or a shell could take for more than text.
  static let hostile =
    "`touch /tmp/kilpi-ran` \"q\" $(ls) it's 50 %d a_b^c {x} \\n\nEOD\n\u{1B}[31m@macro"

  static func bars() -> PlotSpecification {
    var plot = PlotSpecification(.bar)
    plot.title = "Accuracy"
    plot.yLabel = "%"
    plot.isPercent = true
    plot.categories = ["clean", "image\npgd"]
    plot.series = [
      .init(name: "before", y: [83.2, 4], low: [80, 3], high: [86, 6]),
      .init(name: "after", y: [80, .nan]),
    ]
    return plot
  }

  static func lines() -> PlotSpecification {
    var plot = PlotSpecification(.line)
    plot.xLabel = "step"
    plot.hasLogY = true
    plot.series = [.init(name: "loss", x: [0, 5, 10, 15], y: [4, 2, .infinity, 1])]
    return plot
  }

  static func heatmap() -> PlotSpecification {
    var plot = PlotSpecification(.heatmap)
    plot.categories = ["a", "b"]
    plot.rowNames = ["x", "y"]
    plot.matrix = [[1, 2], [.nan, 4]]
    return plot
  }

  @Test func goldenBarScript() throws {
    let script = String(
      decoding: try GnuplotScript.text(Self.bars(), format: .png), as: UTF8.self)
    let expected = """
      set terminal pngcairo noenhanced size 1000,600 font 'DejaVu Sans,12' background rgb '#ffffff'
      set encoding utf8
      set border 3 linecolor rgb '#666666'
      set tics nomirror textcolor rgb '#333333'
      set ytics scale 0.5
      set label 'Accuracy' noenhanced at screen 0.5,0.947 center font 'DejaVu Sans,15' textcolor rgb '#222222'
      set tmargin at screen 0.913
      set ylabel '%' noenhanced textcolor rgb '#333333'
      set grid ytics linetype 1 linewidth 1 linecolor rgb '#e4e4e4'
      set key noenhanced center bmargin horizontal samplen 2 spacing 1.3
      set yrange [0:100]
      set ytics 20
      set xrange [-0.6:1.6]
      unset xtics
      set label 'clean' noenhanced at first 0, graph 0 center offset 0,-0.9 font 'DejaVu Sans,11' textcolor rgb '#333333'
      set label 'image' noenhanced at first 1, graph 0 center offset 0,-0.9 font 'DejaVu Sans,11' textcolor rgb '#333333'
      set label 'pgd' noenhanced at first 1, graph 0 center offset 0,-2.05 font 'DejaVu Sans,11' textcolor rgb '#333333'
      set bmargin 5.3
      set style fill solid 1 noborder
      $s0 << EOD
      -0.2 83.2 80.0 86.0
      0.8 4.0 3.0 6.0
      EOD
      $s1 << EOD
      0.2 80.0 80.0 80.0
      EOD
      plot $s0 using 1:2:(0.368) with boxes linecolor rgb '#8c96a3' title 'before' noenhanced, \\
        $s1 using 1:2:(0.368) with boxes linecolor rgb '#0072b2' title 'after' noenhanced, \\
        $s0 using 1:3:(0):($4 > $3 ? $4 - $3 : NaN) with vectors heads size screen 0.004,90 linewidth 1.2 linecolor rgb '#333333' notitle, \\
        $s0 using 1:($4 > $2 ? $4 : $2):(sprintf('%.1f', $2)) with labels offset 0,0.7 font 'DejaVu Sans,10' textcolor rgb '#333333' notitle, \\
        $s1 using 1:($4 > $2 ? $4 : $2):(sprintf('%.1f', $2)) with labels offset 0,0.7 font 'DejaVu Sans,10' textcolor rgb '#333333' notitle

      """
    #expect(script == expected)
  }

  @Test(arguments: [
    ("plain", "'plain'"), ("it's", "'it''s'"), ("`id`", "'`id`'"), ("a\nb\u{1B}c", "'a b c'"),
    ("'; system('ls'); '", "'''; system(''ls''); '''"), ("\u{202E}x\u{2028}", "' x '"), ("", "''"),
  ]) func textIsQuoted(_ text: String, _ quoted: String) {
    #expect(GnuplotScript.quoted(text) == quoted)
  }

  /// Outside single quotes a script holds neither double quotes nor backticks, and no line that a
  /// user wrote: whatever the text, the commands are the same.
  @Test(arguments: [bars(), lines(), heatmap()]) func hostileTextStaysText(
    _ plot: PlotSpecification
  ) throws {
    func commands(_ text: String) throws -> String {
      var plot = plot
      plot.title = text
      plot.subtitle = text
      plot.xLabel = text
      plot.yLabel = text
      for index in plot.series.indices { plot.series[index].name = text }
      plot.rowNames = plot.rowNames.map { _ in text }
      plot.categories = plot.categories.map { _ in text }
      let script = String(decoding: try GnuplotScript.text(plot, format: .svg), as: UTF8.self)
      // Every second part lies within quotes; a doubled quote is an empty part between two.
      return script.split(separator: "'", omittingEmptySubsequences: false).enumerated()
        .filter { $0.offset % 2 == 0 }.map(\.element).filter { !$0.isEmpty }.joined()
    }
    let outside = try commands(Self.hostile)
    #expect(!outside.contains("\"") && !outside.contains("`") && !outside.contains("touch"))
    let letters = Self.hostile.map { $0.isLetter ? "x" : String($0) }.joined()
    #expect(try commands(letters) == outside)
  }

  @Test(arguments: ["png", "svg", "pdf"]) func picturesAreMade(_ format: String) throws {
    guard ChildProcess.find("gnuplot") != nil else {
      print("skipped: plots, since gnuplot is not installed (apt install gnuplot-nox)")
      return
    }
    for plot in [Self.bars(), Self.lines(), Self.heatmap()] {
      var plot = plot
      plot.title = Self.hostile
      plot.width = 400
      plot.height = 300
      try withTemporaryDirectory { folder in
        let path = folder + "/plot." + format
        try PlotWriter.save(plot, to: path)
        let bytes = try FileReader.bytes(at: path)
        let magic: [String: [UInt8]] = [
          "png": [0x89, 0x50, 0x4E, 0x47], "svg": Array("<?xml".utf8), "pdf": Array("%PDF".utf8),
        ]
        let start = try #require(magic[format])
        #expect(Array(bytes.prefix(start.count)) == start)
        if format == "png" {
          let image = try ImageFile.decode(bytes, name: path)
          #expect(image.width == 400 && image.height == 300)
          #expect(Set(image.pixels).count > 2, "something is drawn")
        }
      }
    }
    #expect(!FileReader.exists("/tmp/kilpi-ran"), "no text runs a command")
  }

  @Test func textForms() throws {
    let bars = try PlotWriter.text(Self.bars(), width: 50).split(separator: "\n")
    #expect(bars[0] == "Accuracy")
    #expect(bars[1].hasPrefix("clean · before ") && bars[1].hasSuffix(" 83.2"))
    #expect(bars[4].hasPrefix("image pgd · aft…") && bars[4].hasSuffix(" -"))
    #expect(bars.dropFirst().allSatisfy { $0.count == 50 })
    #expect(
      try PlotWriter.text(Self.lines(), width: 40) == "loss █▃ ▁ 4 → 1\n")
    #expect(
      try PlotWriter.text(Self.heatmap())
        == "   a  b\n───────\nx  1  2\ny  -  4\n")
    var plot = Self.bars()
    plot.title = "\u{1B}[31mred"
    #expect(try PlotWriter.text(plot).hasPrefix(" [31mred"))
  }

  @Test func errors() {
    func message(_ body: () throws -> Void) -> String {
      do { try body() } catch { return "\(error)" }
      return "no error"
    }
    let rows: [(String, () throws -> Void)] = [
      (
        "gnuplot is not installed (apt install gnuplot-nox)",
        { _ = try PlotWriter.picture(Self.bars(), format: "png", gnuplot: nil) }
      ),
      (
        "cannot write a plot to 'a.gif': '.gif' is no picture format here (end the name in .png, "
          + ".svg or .pdf)", { try PlotWriter.save(Self.bars(), to: "a.gif") }
      ),
      ("there is no series to plot", { try PlotSpecification(.line).check() }),
      ("the heatmap has no values", { try PlotSpecification(.heatmap).check() }),
      (
        "no value is finite: there is nothing to plot",
        {
          var plot = PlotSpecification(.line)
          plot.series = [.init(y: [.nan])]
          try plot.check()
        }
      ),
      (
        "series 'loss' has 2 values of x and 4 of y",
        {
          var plot = Self.lines()
          plot.series[0].x = [1, 2]
          try plot.check()
        }
      ),
      (
        "series 'before' has 2 values for 3 categories (write nan for a value that is missing)",
        {
          var plot = Self.bars()
          plot.categories.append("text")
          try plot.check()
        }
      ),
      (
        "row 2 of the heatmap has 1 values, the first has 2",
        {
          var plot = Self.heatmap()
          plot.matrix[1] = [1]
          try plot.check()
        }
      ),
      (
        "the size 0 x 600 is outside 100 … 10000 pixels",
        {
          var plot = Self.bars()
          plot.width = 0
          try plot.check()
        }
      ),
    ]
    for (expected, body) in rows { #expect(message(body) == expected) }
  }
}

@Suite("child processes") struct ChildProcessTests {
  @Test func inputComesBack() throws {
    let input = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7 ^ $0 >> 8) }
    let outcome = try ChildProcess.run("/bin/cat", [], input: input)
    #expect(outcome.status == 0 && outcome.output == input)
  }

  @Test(arguments: [
    ("exit 3", 3, "", ""), ("echo out; echo err >&2", 0, "out\n", "err\n"),
    ("kill -9 $$", 137, "", ""),
  ]) func outcomes(_ script: String, _ status: Int, _ output: String, _ errors: String) throws {
    let outcome = try ChildProcess.run(
      "/bin/sh", ["-c", script], input: Array(repeating: 65, count: 100_000))
    #expect(outcome.status == Int32(status))
    #expect(String(decoding: outcome.output, as: UTF8.self) == output)
    #expect(outcome.errors == errors)
  }

  @Test func tooLongIsEnded() {
    let error = KilpiError("sh took longer than 0 s and was ended")
    #expect(throws: error) {
      try ChildProcess.run("/bin/sh", ["-c", "while :; do :; done"], input: [], seconds: 0.05)
    }
    #expect(throws: KilpiError("cannot run nothing: no such file or directory")) {
      try ChildProcess.run("/nowhere/nothing", [], input: [])
    }
    #expect(ChildProcess.find("sh", path: "/nowhere:/bin") == "/bin/sh")
    #expect(ChildProcess.find("gnuplot", path: "/nowhere") == nil)
  }
}
