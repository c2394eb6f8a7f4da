/// Words that attacks leave alone, compared with case folded unless `exactly` is asked for.
///
/// Articles, pronouns, prepositions, conjunctions, auxiliaries, wh-words and negations.
package struct StopWords: Sendable {
  package let words: Set<String>
  /// Whether case counts, as in released code, which therefore edits "This" and "A".
  package let isExact: Bool

  /// A list of one's own, compared without case.
  package init(_ words: some Sequence<String>) {
    self.words = Set(words.map { $0.lowercased() })
    isExact = false
  }

  /// A list compared with case.
  package init(exactly words: some Sequence<String>) {
    self.words = Set(words)
    isExact = true
  }

  /// Whether a word is on the list.
  package func contains(_ word: String) -> Bool {
    words.contains(isExact ? word : word.lowercased())
  }

  package static let none = StopWords([])

  /// Kilpi's own English list, made from the grammar's closed classes.
  package static let english = StopWords(
    """
    a an the this that these those such each every either neither another any some all both few many
    much more most other several own same no none enough
    i me my mine myself we us our ours ourselves you your yours yourself yourselves he him his himself
    she her hers herself it its itself they them their theirs themselves one ones oneself someone
    somebody something anyone anybody anything everyone everybody everything nobody nothing
    about above across after against along alongside amid among around as at atop before behind below
    beneath beside besides between beyond by despite down during except for from in inside into like
    near of off on onto opposite out outside over past per since through throughout till to toward
    towards under underneath until up upon via with within without
    and but or nor so yet because although though unless while whereas if whether than then thus hence
    however therefore
    am is are was were be been being do does did doing done have has had having can could may might
    must shall should will would ought need dare ain't
    who whom whose which what when where why how whoever whatever whichever whenever wherever
    not never cannot don't doesn't didn't isn't aren't wasn't weren't haven't hasn't hadn't can't
    couldn't won't wouldn't shouldn't mustn't n't 's 'm 're 've 'll 'd i'm you're he's she's it's we're
    they're i've you've we've they've i'll you'll he'll she'll we'll they'll i'd you'd he'd she'd we'd
    they'd that's there's here's what's who's let's
    there here now just only very too also again once ever still even quite rather
    """.split(whereSeparator: \.isWhitespace).map(String.init))
}
