import Diagnostics
import Testing

@Suite struct NearestNameTests {
  static let rows: [(String, [String], String?)] = [
    ("step_size", ["step", "steps", "eps"], "step"), ("epss", ["eps", "steps"], "eps"),
    ("setps", ["steps", "eps"], "steps"), ("zzz", ["eps"], nil), ("kep", ["keep"], "keep"),
    ("PGD", ["cw", "pgd"], "pgd"), ("Zeros", ["zeros", "zeroes"], "zeros"),
    ("FGSM", ["Fgsm", "fgsm", "fgmd"], "Fgsm"), ("l3", ["l1", "l2", "linf"], nil),
    ("float16", ["float32", "float64", "int64"], nil),
    ("flot64", ["float32", "float64"], "float64"),
    ("Kilpi-tny", ["kilpi-tiny"], "kilpi-tiny"), ("strng", ["string"], "string"),
    ("LIN", ["l2", "linf"], "linf"),
  ]

  @Test(arguments: rows.indices) func suggests(index: Int) {
    let (name, candidates, expected) = Self.rows[index]
    #expect(NearestName.suggestion(for: name, among: candidates) == expected)
  }

  /// The product of the lengths would take minutes.
  @Test func aHugeNameIsNoSearch() {
    let huge = String(repeating: "x", count: 1_000_000)
    #expect(NearestName.suggestion(for: huge, among: ["xx", huge]) == nil)
  }

  @Test func countsEdits() {
    #expect(NearestName.distance("kitten", "sitting") == 3)
    #expect(NearestName.distance("ab", "ba") == 1)
    #expect(NearestName.distance("", "abc") == 3)
    #expect(NearestName.distance("l1", "l2") == 3)
    #expect(NearestName.distance("vit", "vit1") == 2)
  }
}

@Suite struct KilpiErrorTests {
  @Test func hasOneForm() {
    let error = KilpiError("there is no axis 0", advice: "axes count from 1")
    #expect(error.named("sum").description == "sum: there is no axis 0 (axes count from 1)")
    #expect(error.named("sum").named("mean").function == "sum")
  }

  @Test func controlCharactersAreShown() {
    let error = KilpiError(
      "the name '\u{1B}[2Jcat\u{7F}' has \u{202E}codes\u{85}", advice: "é\tü\n\u{0}", in: "f")
    #expect(
      error.description
        == "f: the name '\\x1b[2Jcat\\x7f' has \\u{202e}codes\\x85 (é\tü\n\\x00)")
    #expect("日本語 👍🏽".withVisibleControls == "日本語 👍🏽")
    #expect(
      "a\u{200E}b\u{200F}c\u{61C}d\u{2028}e\u{2029}f\u{2066}".withVisibleControls
        == "a\\u{200e}b\\u{200f}c\\u{61c}d\\u{2028}e\\u{2029}f\\u{2066}")
  }
}
