/// The class names of a set as the model's tokenizer sees them, with the prompts that are another
/// class's own.
///
/// Names are compared letter by letter: neither case and number, nor what joins the words (`ice-cream`,
/// `ice cream`, `icecream`) makes another name.
final class ClassNames {
  /// The forms of each name, and the names that have a form.
  private var owners: [String: Set<Int>] = [:]
  private let longest: Int
  private let singulars: ((String) -> [String])?
  private let forms: [Set<String>]
  /// The classes whose unedited prompt a text is.
  private var classes: [TextKey: Set<Int>] = [:]

  /// - Parameters:
  ///   - names: the class names.
  ///   - prompts: the unedited prompts of each class.
  ///   - words: the words of a text as the tokenizer sees them.
  ///   - singulars: irregular singulars of a word, where something knows them.
  init(
    _ names: [String], prompts: [[String]], singulars: ((String) -> [String])?,
    words: (String) throws -> [String], key: (String) throws -> TextKey
  ) throws {
    self.singulars = singulars
    let forms = try names.map { name in
      Self.forms(Self.letters(try words(name))[...], singulars)
    }
    self.forms = forms
    for (index, own) in forms.enumerated() {
      for form in own { owners[form, default: []].insert(index) }
    }
    longest = owners.keys.reduce(0) { max($0, $1.unicodeScalars.count) }
    for (index, texts) in prompts.enumerated() {
      for text in texts {
        let place = try key(text)
        classes[place, default: []].insert(index)
      }
    }
  }

  /// Whether there is nothing to look for.
  var isEmpty: Bool { owners.isEmpty && classes.count < 2 }

  /// Whether a text is the unedited prompt of a class that `original` is no prompt of.
  func isAnothersPrompt(_ text: TextKey, original: TextKey) -> Bool {
    guard let found = classes[text] else { return false }
    return found.isDisjoint(with: classes[original] ?? [])
  }

  /// The names that changed words form, with unchanged neighbours or without.
  ///
  /// - Parameters:
  ///   - old: the words of the original as `letters` gives them.
  ///   - new: those of the edited text.
  func formed(_ old: [String], _ new: [String]) -> Set<Int> {
    if owners.isEmpty { return [] }
    var found: Set<Int> = []
    for change in WordAlignment(old, new).changes {
      // Stretches that touch the changed words; where words were lost, those across the gap.
      let isGap = change.new.isEmpty
      var start = max(0, change.new.lowerBound - longest)
      while start < (isGap ? change.new.lowerBound : change.new.upperBound) {
        var end = start
        var length = 0
        while end < new.count {
          length += new[end].unicodeScalars.count
          end += 1
          // A plural may be longer than the name.
          if length > longest + 3 { break }
          if end <= change.new.lowerBound { continue }
          for form in Self.forms(new[start..<end], singulars) {
            found.formUnion(owners[form] ?? [])
          }
        }
        start += 1
      }
    }
    return found
  }

  /// The names among `found` that some words are not.
  func others(_ found: Set<Int>, than own: [String]) -> Bool {
    if found.isEmpty { return false }
    let forms = Self.forms(own[...], singulars)
    return found.contains { self.forms[$0].isDisjoint(with: forms) }
  }

  /// Words with letters or digits, small and without apostrophes.
  static func letters(_ words: [String]) -> [String] {
    words.compactMap { word in
      var view = String.UnicodeScalarView()
      view.append(
        contentsOf: word.lowercased().unicodeScalars.filter {
          !WordCutter.isApostrophe($0)
        })
      let isWord = view.contains { WordCutter.isLetter($0) || WordCutter.isNumber($0) }
      return isWord ? String(view) : nil
    }
  }

  /// The words joined, each as it is and in its possible singulars.
  private static func forms(
    _ words: ArraySlice<String>, _ singulars: ((String) -> [String])?
  ) -> Set<String> {
    if words.isEmpty { return [] }
    var joined: Set = [""]
    for word in words {
      let own = FoldedWord(word, singulars: singulars).forms
      // A bound on the product; a name of so many plurals is compared as it is written.
      let choices = joined.count * own.count > 64 ? [word] : own
      joined = Set(joined.flatMap { start in choices.map { start + $0 } })
    }
    return joined
  }
}

/// A word with its case folded and its possible singulars, to compare class names by.
struct FoldedWord: Sendable {
  let forms: Set<String>

  /// - Parameter singulars: irregular singulars, beside those that are known here.
  init(_ word: String, singulars: ((String) -> [String])? = nil) {
    let lower = word.lowercased()
    var forms: Set = [lower]
    if let singular = Self.irregular[lower] { forms.insert(singular) }
    for (plural, singular) in Self.endings where lower.hasSuffix(plural) {
      forms.insert(lower.dropLast(plural.count) + singular)
    }
    if lower.hasSuffix("s"), !lower.hasSuffix("ss"), lower.count > 3 {
      forms.insert(String(lower.dropLast()))
      if lower.hasSuffix("es") { forms.insert(String(lower.dropLast(2))) }
      if lower.hasSuffix("zzes") { forms.insert(String(lower.dropLast(3))) }
      if lower.hasSuffix("ies") { forms.insert(lower.dropLast(3) + "y") }
      if lower.hasSuffix("ves") {
        forms.insert(lower.dropLast(3) + "f")
        forms.insert(lower.dropLast(3) + "fe")
      }
    }
    for singular in singulars?(lower) ?? [] { forms.insert(singular.lowercased()) }
    self.forms = forms
  }

  /// Whether two words are the same but for case and number.
  func matches(_ other: FoldedWord) -> Bool { !forms.isDisjoint(with: other.forms) }

  private static let irregular = [
    "people": "person", "oxen": "ox", "dice": "die", "fungi": "fungus", "cacti": "cactus",
  ]
  /// Irregular plurals that also end compounds (`firemen`, `dormice`).
  private static let endings = [
    ("men", "man"), ("children", "child"), ("mice", "mouse"), ("geese", "goose"), ("feet", "foot"),
    ("teeth", "tooth"),
  ]
}
