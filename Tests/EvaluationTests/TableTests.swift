import Testing

@testable import Evaluation

@Suite("tables of text") struct TableTests {
  static var table: TextTable {
    var table = TextTable(columns: [
      .init("row", isNumber: false, isKey: true), .init("accuracy", isNumber: true),
      .init("seconds", isNumber: true, rank: 2), .init("n", isNumber: true, rank: 1),
    ])
    table.rows = [["clean", "83.2 %", "0.9", "500"], ["image|x", "4.2 %", "33.1", "500"]]
    return table
  }

  @Test(
    "a table that is too wide is set in blocks, and loses no column",
    arguments: [
      (40, ["row      accuracy  seconds    n", "clean      83.2 %      0.9  500"]),
      (
        25,
        [
          "row      accuracy    n", "clean      83.2 %  500", "row      seconds",
          "clean        0.9",
        ]
      ),
      (
        10,
        [
          "row      accuracy", "clean      83.2 %", "row        n", "clean    500",
          "row      seconds", "clean        0.9",
        ]
      ),
    ]) func wideTables(_ width: Int, _ expected: [String])
  {
    let lines = Self.table.lines(width: width)
    var shown: [String] = []
    for (index, line) in lines.enumerated() {
      // Heading, rule, two rows, and a line between blocks.
      if index % 5 == 0 || index % 5 == 2 { shown.append(line) }
      if index % 5 == 4 { #expect(line.isEmpty) }
    }
    #expect(shown == expected)
  }

  @Test("columns of one rank stay together where they fit") func ranks() {
    var table = TextTable(columns: [
      .init("k", isNumber: false, isKey: true), .init("aaa", isNumber: true),
      .init("bbb", isNumber: true, rank: 2), .init("ccc", isNumber: true, rank: 2),
      .init("d", isNumber: true, rank: 3),
    ])
    table.rows = [["x", "1", "2", "3", "4"]]
    func titles(_ width: Int) -> [String] {
      table.lines(width: width).enumerated().filter { $0.offset % 4 == 0 }.map(\.element)
    }
    #expect(titles(19) == ["k  aaa  bbb  ccc  d"])
    #expect(titles(18) == ["k  aaa  bbb  ccc", "k  d"])
    // Thirteen columns hold one of the two beside the others, but not both.
    #expect(titles(13) == ["k  aaa  d", "k  bbb  ccc"])
    #expect(titles(8) == ["k  aaa", "k  bbb", "k  ccc", "k  d"])
  }

  /// Names of classes come from files.
  @Test func controlCharactersAreShown() {
    var table = Self.table
    table.rows.append(["cat\u{1B}[2J", "1 %", "1", "1"])
    #expect(table.lines(width: 80).last?.hasPrefix("cat\\x1b[2J") == true)
    #expect(TextTable.wrapped("class '\u{1B}[31mcat'", width: 40) == ["class '\\x1b[31mcat'"])
  }

  @Test func latex() {
    #expect(
      Self.table.latex(remarks: ["a note"])
        == """
        % a note
        \\begin{tabular}{lrrr}
        \\toprule
        row & accuracy & seconds & n \\\\
        \\midrule
        clean & 83.2 \\% & 0.9 & 500 \\\\
        image|x & 4.2 \\% & 33.1 & 500 \\\\
        \\bottomrule
        \\end{tabular}

        """)
    #expect(
      TextTable.latex("mm_sep & 49.0 … 94.3 <1^2")
        == "mm\\_sep \\& 49.0 \\ldots{} 94.3 $<$1\\textasciicircum{}2")
  }

  @Test func markdownAndCSV() {
    #expect(Self.table.markdown().contains("| image\\|x | 4.2 % | 33.1 | 500 |"))
    #expect(Self.table.markdown().contains("|---|---:|---:|---:|"))
    #expect(
      TextTable.csv([["a,b", "say \"x\"", "two\nlines"], ["1", "", "é"]])
        == "\"a,b\",\"say \"\"x\"\"\",\"two\nlines\"\r\n1,,é\r\n")
  }

  @Test func wrapping() {
    #expect(
      TextTable.wrapped("one two three four", width: 9, indent: "  ")
        == ["one two", "  three", "  four"])
    #expect(TextTable.cut("Pullover", to: 5) == "Pull…")
  }

  @Test(arguments: [
    (0.0, 1, "0.0"), (83.25, 1, "83.3"), (-0.04, 1, "0.0"), (-12.36, 1, "-12.4"), (7, 0, "7"),
    (0.005, 2, "0.01"), (1e300, 1, "1e+300"), (.nan, 1, "nan"),
  ]) func fixed(_ value: Double, _ decimals: Int, _ text: String) {
    #expect(NumberText.fixed(value, decimals) == text)
  }

  @Test(arguments: [
    (0.0, "0"), (1.5, "1.5"), (123.456, "123.5"), (0.001234, "0.001234"), (2e-7, "2e-7"),
    (3.5e12, "3.5e12"), (-0.5, "-0.5"), (50, "50"),
  ]) func significant(_ value: Double, _ text: String) {
    #expect(NumberText.significant(value, 4) == text)
  }
}
