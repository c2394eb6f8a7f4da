/// A walk through the history, as the arrow keys and the search do it.
struct HistoryWalk {
  /// Inputs from oldest to newest.
  private let texts: [String]
  /// What was typed before the walk began; the newest place.
  private let draft: String
  /// The place now; `texts.count` is the draft.
  private var index: Int
  /// What was made of recalled inputs in this walk, by place.
  private var edits: [Int: String] = [:]

  init(_ texts: [String], draft: String) {
    self.texts = texts
    self.draft = draft
    index = texts.count
  }

  /// The text at the present place.
  var text: String { text(at: index) }

  private func text(at place: Int) -> String { edits[place] ?? unedited(place) }

  private func unedited(_ place: Int) -> String { place < texts.count ? texts[place] : draft }

  /// Keeps what the present place shows now, before the walk goes on.
  mutating func keep(_ shown: String) {
    if shown != text { edits[index] = shown }
  }

  /// One step to older inputs; nil at the oldest.
  mutating func older() -> String? {
    guard index > 0 else { return nil }
    let here = unedited(index)
    let start = index
    index -= 1
    // The same text twice in a row is one step.
    while index > 0, unedited(index) == here, edits[index] == nil { index -= 1 }
    if unedited(index) == here, edits[index] == nil, edits[start] == nil { return nil }
    return text
  }

  /// One step to newer inputs, at last the draft; nil behind it.
  mutating func newer() -> String? {
    guard index < texts.count else { return nil }
    let here = unedited(index)
    index += 1
    while index < texts.count, unedited(index) == here, edits[index] == nil { index += 1 }
    return text
  }

  /// The nearest older input that begins with `prefix` and is not what is shown; nil without one.
  mutating func older(beginning prefix: String) -> String? {
    let here = text
    for place in (0..<index).reversed()
    where text(at: place).hasPrefix(prefix) && text(at: place) != here {
      index = place
      return text
    }
    return nil
  }

  /// The nearest newer input that begins with `prefix`, at last the draft; nil behind it.
  mutating func newer(beginning prefix: String) -> String? {
    guard index < texts.count else { return nil }
    let here = text
    for place in (index + 1)...texts.count
    where text(at: place).hasPrefix(prefix) && text(at: place) != here {
      index = place
      return text
    }
    return nil
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
