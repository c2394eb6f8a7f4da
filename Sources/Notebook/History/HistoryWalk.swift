/// A walk through the history, as the arrow keys and the search do it.
struct HistoryWalk {
  /// Inputs from oldest to newest.
  private let texts: [String]
  /// What was typed before the walk began; the newest place.
  private let draft: String
  /// The place now; `texts.count` is the draft.
  private var index: Int

  init(_ texts: [String], draft: String) {
    self.texts = texts
    self.draft = draft
    index = texts.count
  }

  /// The text at the present place.
  var text: String { index < texts.count ? texts[index] : draft }

  /// One step to older inputs; nil at the oldest.
  mutating func older() -> String? {
    guard index > 0 else { return nil }
    let here = text
    index -= 1
    // The same text twice in a row is one step.
    while index > 0, texts[index] == here { index -= 1 }
    return text == here ? nil : text
  }

  /// One step to newer inputs, at last the draft; nil behind it.
  mutating func newer() -> String? {
    guard index < texts.count else { return nil }
    let here = text
    index += 1
    while index < texts.count, texts[index] == here { index += 1 }
    return text
  }

  /// The newest input from `start` (default: the place now) backwards that contains `query`.
  ///
  /// - Parameter skippingCurrent: look only at inputs older than the present one, with another text.
  mutating func search(_ query: String, skippingCurrent: Bool) -> String? {
    let here = index < texts.count ? texts[index] : nil
    var place = skippingCurrent ? index - 1 : min(index, texts.count - 1)
    while place >= 0 {
      let candidate = texts[place]
      if !(skippingCurrent && candidate == here), query.isEmpty || candidate.contains(query) {
        index = place
        return candidate
      }
      place -= 1
    }
    return nil
  }
}
