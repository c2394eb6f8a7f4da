/// Which rows of a masked language model stand for a word.
///
/// Definitions: docs/methods/text-attacks.md, section 3.3, and section 3.4 for `coattack`.
public enum MaskedMode: String, Sendable, CaseIterable {
  /// A word's own rows.
  case aligned
  /// As the released Co-Attack and MMCoA code reads them: the start token is forgotten, so each word
  /// gets the rows of the token before it; words are what single spaces separate.
  case coattack
}

/// What a masked language model sees in the place of the word that it suggests others for.
public enum MaskedContext: String, Sendable, CaseIterable {
  /// The word itself.
  case unmasked
  /// `[MASK]` for each of its pieces, one pass a word.
  case masked
}

/// How candidates are taken from a masked language model.
public struct MaskedOptions: Sendable, Hashable {
  /// Which rows are read.
  public var mode = MaskedMode.aligned
  /// Candidates a word, at least 1.
  public var k = 10
  /// The least raw logit of a candidate of one piece; nil for none.
  public var threshold: Double? = 0.3
  /// The longest sequence, at least 8; nil: 77 in `aligned`, 30 in `coattack`.
  public var maxLength: Int?
  /// `aligned`: what stands in a word's place when its rows are read.
  public var context = MaskedContext.unmasked
  /// `aligned`: whether unusable candidates are dropped: the word itself but for case, special
  /// tokens, pieces of words, several words, repetitions.
  public var filters = true
  /// `coattack`: words that get no candidates and are none, compared with case.
  public var stopWords: Set<String> = []

  /// The defaults of `aligned`.
  public init() {}

  /// The longest sequence, within a model's context.
  func length(context: Int) -> Int { min(maxLength ?? (mode == .aligned ? 77 : 30), context) }
}

/// A word that a masked language model suggests.
public struct MaskedCandidate: Sendable, Equatable {
  /// The word.
  public var word: String
  /// The raw logit of a candidate of one piece; of several pieces the mean of their
  /// log-probabilities, at most 0.
  public var score: Double
  /// The number of pieces.
  public var pieces: Int
}

/// A text and the words of it that candidates are wanted for.
public struct MaskedRequest: Sendable {
  /// The text.
  public var text: String
  /// Words as ranges of UTF-8 bytes.
  public var words: [Range<Int>]

  /// A text and its words.
  public init(_ text: String, words: [Range<Int>]) {
    self.text = text
    self.words = words
  }

  /// A text with the words that single spaces separate, punctuation glued to them.
  public init(splittingAtSpaces text: String) {
    self.text = text
    words = []
    var start = 0
    for (offset, byte) in text.utf8.enumerated() where byte == 0x20 {
      words.append(start..<offset)
      start = offset + 1
    }
    words.append(start..<text.utf8.count)
  }
}

/// Candidates found before.
///
/// The model is frozen, so that they stay right; when there are too many, all go.
final class MaskedCandidateCache {
  /// A word of a text; bytes, since canonically equal strings have other places.
  struct Key: Hashable {
    var text: [UInt8]
    var word: Range<Int>
  }

  /// The most words that are kept.
  static let limit = 65_536

  private var found: [MaskedOptions: [Key: [MaskedCandidate]]] = [:]
  private var count = 0
  /// Words answered from here.
  private(set) var hits = 0

  /// What is known of the words of one option set.
  func known(_ options: MaskedOptions) -> [Key: [MaskedCandidate]] { found[options] ?? [:] }

  func noteHits(_ count: Int) { hits += count }

  func add(_ new: [Key: [MaskedCandidate]], for options: MaskedOptions) {
    if count + new.count > Self.limit {
      found = [:]
      count = 0
    }
    count += new.count
    found[options, default: [:]].merge(new) { $1 }
  }
}
