/// The class names of a set as the model's tokenizer sees them, with the prompts that are another
/// class's own.
///
/// Names are compared letter by letter: neither case and number, nor what joins the words (`ice-cream`,
/// `ice cream`, `icecream`) makes another name. Their forms are one tree of letters, which a text's
/// words are followed through: a stretch of words that begins no name ends at its first word.
final class ClassNames {
  /// A place in the tree: the beginnings of names that share their letters so far.
  private struct Place {
    var next: [Int: Int] = [:]
    /// The names that end here.
    var owners: Set<Int> = []
  }

  private var places = [Place()]
  /// The letters of all names, numbered; equal ones are one letter however they are encoded.
  private var alphabet: [Character: Int] = [:]
  /// Letters in the longest form.
  private var longest = 0
  private let singulars: ((String) -> [String])?
  /// The forms of words that were met, in letters; those with letters of no name are left out.
  private var known: [String: [[Int]]] = [:]
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
    for (index, name) in names.enumerated() { try add(Self.letters(words(name)), owner: index) }
    for (index, texts) in prompts.enumerated() {
      for text in texts {
        let place = try key(text)
        classes[place, default: []].insert(index)
      }
    }
  }

  /// Puts the words of a name into the tree, each as it is and in its possible singulars.
  private func add(_ words: [String], owner: Int) {
    if words.isEmpty { return }
    var ends: [Int: Int] = [0: 0]
    /// Where the name leads as it is written.
    var written = 0
    for word in words {
      let own = FoldedWord(word, singulars: singulars).forms
      // A bound on the product: of a name of many plurals one may differ, or some of the first.
      let isLong = ends.count * own.count > 64
      var next: [Int: Int] = [:]
      var nextWritten = written
      for (end, length) in ends {
        for form in isLong && end != written ? [word] : own {
          var place = end
          for letter in form {
            let number = alphabet[letter] ?? alphabet.count
            alphabet[letter] = number
            if let following = places[place].next[number] {
              place = following
            } else {
              places[place].next[number] = places.count
              place = places.count
              places.append(Place())
            }
          }
          next[place] = length + form.count
          if end == written, form == word { nextWritten = place }
        }
      }
      ends = next
      written = nextWritten
    }
    for (end, length) in ends {
      places[end].owners.insert(owner)
      longest = max(longest, length)
    }
  }

  /// Whether there is nothing to look for.
  var isEmpty: Bool { longest == 0 && classes.count < 2 }

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
    if longest == 0 { return [] }
    var found: Set<Int> = []
    for change in WordAlignment(old, new).changes {
      // Stretches that touch the changed words; where words were lost, those across the gap.
      let touched = change.new.lowerBound
      var start = touched
      var room = longest
      while start > 0, let shortest = forms(new[start - 1]).map(\.count).min(), shortest < room {
        room -= shortest
        start -= 1
      }
      for first in start..<max(change.new.upperBound, touched) {
        var reached: Set<Int> = [0]
        for index in first..<new.count {
          reached = followed(reached, new[index])
          if reached.isEmpty { break }
          if index < touched { continue }
          for place in reached { found.formUnion(places[place].owners) }
        }
      }
    }
    return found
  }

  /// The names among `found` that some words are not.
  func others(_ found: Set<Int>, than own: [String]) -> Bool {
    if found.isEmpty { return false }
    var reached: Set<Int> = own.isEmpty ? [] : [0]
    for word in own { reached = followed(reached, word) }
    return !found.isSubset(of: reached.reduce(into: []) { $0.formUnion(places[$1].owners) })
  }

  /// Where a word, as it is or as a singular, leads from some places.
  private func followed(_ reached: Set<Int>, _ word: String) -> Set<Int> {
    var ends: Set<Int> = []
    for form in forms(word) {
      for start in reached {
        var place: Int? = start
        for letter in form {
          guard let from = place else { break }
          place = places[from].next[letter]
        }
        if let place { ends.insert(place) }
      }
    }
    return ends
  }

  private func forms(_ word: String) -> [[Int]] {
    if let forms = known[word] { return forms }
    let forms = FoldedWord(word, singulars: singulars).forms.compactMap { form -> [Int]? in
      var letters: [Int] = []
      for letter in form {
        guard let number = alphabet[letter] else { return nil }
        letters.append(number)
      }
      return letters
    }
    // Candidates bring new words without end.
    if known.count >= 10_000 { known.removeAll() }
    known[word] = forms
    return forms
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
