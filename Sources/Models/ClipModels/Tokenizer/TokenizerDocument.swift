internal import Diagnostics
internal import Files

/// A Hugging Face `tokenizer.json`: what of it is followed, and a refusal by name of all else.
///
/// A step that is not followed would give other ids without a word, so nothing is passed over.
struct TokenizerDocument {
  let json: JSONValue

  /// CLIP's pattern of words, as its class writes it and with the special tokens' names in front.
  private static let patterns: Set<String> = {
    let words = #"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"#
    let plain = words.replacing("[\\p{L}]+", with: "\\p{L}+").replacing("[\\p{N}]", with: "\\p{N}")
    let names = [#"<\|startoftext\|>|<\|endoftext\|>|"#, #"<|startoftext|>|<|endoftext|>|"#, ""]
    return Set(names.flatMap { [$0 + words, $0 + plain] })
  }()

  /// The model's kind: `BPE`, `Unigram`, `WordPiece`, `WordLevel`.
  var kind: String? {
    let model = json["model"]
    if let type = model?["type"]?.string { return type }
    // Older files do not name it.
    if model?["merges"]?.array != nil { return "BPE" }
    return model?["vocab"]?.array != nil ? "Unigram" : nil
  }

  /// The error for a part that is not followed.
  static func refusal(_ part: String, _ name: String) -> KilpiError {
    KilpiError("its \(part) '\(name.prefix(60))' is not followed", advice: "pass token ids")
  }

  /// The parts of a sequence, or the one there is.
  private static func flattened(
    _ value: JSONValue?, _ key: String, depth: Int = 0
  ) throws -> [JSONValue] {
    guard let value, value != .null else { return [] }
    guard value["type"]?.string == "Sequence" else { return [value] }
    guard depth < 8 else { throw refusal(key, "Sequence") }
    let parts = value[key]?.array ?? value["processors"]?.array ?? []
    return try parts.flatMap { try flattened($0, key, depth: depth + 1) }
  }

  private static func type(_ value: JSONValue) -> String { value["type"]?.string ?? "?" }

  // MARK: - Byte pairs

  /// Checks that the model is a byte-pair model as CLIP has it.
  func checkBytePairs() throws {
    guard kind == "BPE", let model = json["model"] else {
      throw Self.refusal("model", kind ?? "?")
    }
    for key in ["dropout", "continuing_subword_prefix"] {
      guard let field = model[key], field != .null, field.string != "", field.double != 0 else {
        continue
      }
      throw Self.refusal("model's", "\(key) = \(field.serialized())")
    }
    for key in ["byte_fallback", "ignore_merges"] where model[key] == true {
      throw Self.refusal("model's", key)
    }
    let suffix = model["end_of_word_suffix"]?.string ?? "</w>"
    guard suffix == "</w>" else { throw Self.refusal("model's", "end_of_word_suffix = \(suffix)") }
  }

  /// Checks that words are split as CLIP splits them.
  func checkWords() throws {
    let parts = try Self.flattened(json["pre_tokenizer"], "pretokenizers")
    var splits = false
    var turnsToBytes = false
    for part in parts {
      switch Self.type(part) {
      case "Split":
        let pattern = part["pattern"]?["Regex"]?.string ?? part["pattern"]?["String"]?.string ?? "?"
        guard !turnsToBytes, Self.patterns.contains(pattern),
          part["behavior"]?.string == "Removed", part["invert"] == true
        else { throw Self.refusal("pre-tokenizer", "Split by \(pattern)") }
        splits = true
      case "ByteLevel":
        guard part["add_prefix_space"] != true else {
          throw Self.refusal("pre-tokenizer", "ByteLevel with a space in front")
        }
        guard splits else {
          throw Self.refusal("pre-tokenizer", "ByteLevel without CLIP's Split before it")
        }
        turnsToBytes = true
      case let name: throw Self.refusal("pre-tokenizer", name)
      }
    }
    guard splits, turnsToBytes else {
      throw Self.refusal("pre-tokenizer", parts.isEmpty ? "none" : "ByteLevel alone")
    }
  }

  /// The tokens around a text; nil when the file has no post-processor.
  ///
  /// - Throws: `KilpiError` unless one stands in front and one behind.
  func edges() throws -> (start: Edge, end: Edge)? {
    var found: (start: Edge, end: Edge)?
    for part in try Self.flattened(json["post_processor"], "processors") {
      switch Self.type(part) {
      case "ByteLevel": continue
      case "RobertaProcessing", "BertProcessing":
        guard found == nil, let start = Edge(pair: part["cls"]), let end = Edge(pair: part["sep"])
        else { throw Self.refusal("post-processor", Self.type(part)) }
        found = (start, end)
      case "TemplateProcessing":
        let parts = Self.template(part)
        guard found == nil, parts.count == 3, parts[1] == nil, let start = parts[0],
          let end = parts[2]
        else { throw Self.refusal("post-processor", Self.described(parts)) }
        found = (Edge(start, in: part), Edge(end, in: part))
      case let name: throw Self.refusal("post-processor", name)
      }
    }
    return found
  }

  /// A token at an end of a text: its name, and the ids that the post-processor puts there, if it says so.
  struct Edge {
    let name: String
    private let ids: [JSONValue]

    /// `["</s>", 2]`.
    init?(pair: JSONValue?) {
      guard let pair = pair?.array, let name = pair.first?.string else { return nil }
      self.name = name
      ids = Array(pair.dropFirst())
    }

    /// A template's token, whose ids stand in the template's table.
    init(_ name: String, in template: JSONValue) {
      self.name = name
      ids = template["special_tokens"]?[name]?["ids"]?.array ?? []
    }

    /// Checks that these are the ids of the name.
    func check(is id: Int?) throws {
      guard ids.isEmpty || ids.count == 1 && ids[0].int == id else {
        throw refusal(
          "post-processor", "\(name) as \(ids.map { $0.serialized() }.joined(separator: ", "))")
      }
    }
  }

  /// The pieces of a template for one text: names of tokens, nil for the text.
  private static func template(_ part: JSONValue) -> [String?] {
    (part["single"]?.array ?? []).map { $0["SpecialToken"]?["id"]?.string }
  }

  private static func described(_ parts: [String?]) -> String {
    "TemplateProcessing of " + parts.map { $0 ?? "text" }.joined(separator: " ")
  }

  /// Where its own padding stands, as `tokenizer_config.json` says it.
  var paddingSide: String? { json["padding"]?["direction"]?.string?.lowercased() }
  /// The token of its own padding.
  var paddingToken: String? { json["padding"]?["pad_token"]?.string }
  /// What its own truncation cuts off.
  var truncationSide: String? { json["truncation"]?["direction"]?.string?.lowercased() }

  // MARK: - Added tokens

  /// A row of `added_tokens`.
  struct Added {
    var token: AddedToken
    var name: String
    var isSpecial: Bool
    /// `single_word`, which is not followed.
    var isSingleWord: Bool

    init?(_ json: JSONValue, id: Int?) {
      guard let name = json["content"]?.string, let id else { return nil }
      func flag(_ key: String) -> Bool { json[key]?.bool ?? false }
      self.name = name
      isSpecial = flag("special")
      isSingleWord = flag("single_word")
      token = AddedToken(
        name: Array(name.unicodeScalars), id: id, takesLeft: flag("lstrip"),
        takesRight: flag("rstrip"),
        // Left out, tokenizers looks for special tokens in the text as it is.
        isNormalized: json["normalized"]?.bool ?? !isSpecial)
    }
  }

  /// Tokens that stand beside the vocabulary.
  var addedTokens: [Added] {
    (json["added_tokens"]?.array ?? []).compactMap { Added($0, id: $0["id"]?.int) }
  }

  /// Tokens to be looked for in texts, but for those of a role (start, end, padding, unknown): nobody
  /// writes these names and means the tokens.
  ///
  /// - Throws: `KilpiError` for one that is a word by itself only.
  static func literals(_ added: [Added], roles: Set<String>) throws -> [AddedToken] {
    try added.filter { !roles.contains($0.name) }.map { added in
      guard !added.isSingleWord else {
        throw refusal("added token", "\(added.name) with single_word")
      }
      return added.token
    }
  }
}

// MARK: - Steps

extension TokenizerDocument {
  /// The steps of the normaliser.
  ///
  /// - Throws: `KilpiError` naming one that is not followed.
  func normalizerSteps() throws -> [NormalizerStep] {
    try Self.flattened(json["normalizer"], "normalizers").map { part in
      func refused() -> KilpiError { Self.refusal("normalizer", part.serialized()) }
      switch Self.type(part) {
      case "NFC": return .composed
      case "Lowercase": return .lowercase
      case "Nmt": return .nmt
      case "Strip":
        return .strip(
          left: part["strip_left"]?.bool ?? true, right: part["strip_right"]?.bool ?? true)
      case "Prepend":
        guard let front = part["prepend"]?.string else { throw refused() }
        return .prepend(Array(front.unicodeScalars))
      case "Replace":
        let text = part["pattern"]?["String"]?.string.map {
          TextPattern.text(Array($0.unicodeScalars))
        }
        let pattern =
          text ?? part["pattern"]?["Regex"]?.string.flatMap(TextPattern.init(expression:))
        guard let pattern, let content = part["content"]?.string else { throw refused() }
        return .replace(pattern, with: Array(content.unicodeScalars))
      case "Precompiled":
        guard let text = part["precompiled_charsmap"]?.string else { throw refused() }
        return .precompiled(try CharacterMap(Base64.decode(text)[...]))
      case let name: throw Self.refusal("normalizer", name)
      }
    }
  }

  /// The steps that cut a text before a unigram model.
  ///
  /// - Throws: `KilpiError` naming one that is not followed.
  func splitSteps() throws -> [SplitStep] {
    var steps: [SplitStep] = []
    for part in try Self.flattened(json["pre_tokenizer"], "pretokenizers") {
      switch Self.type(part) {
      case "WhitespaceSplit": steps.append(.whitespace)
      case "Metaspace":
        let mark = Array((part["replacement"]?.string ?? "").unicodeScalars)
        // Files of tokenizers before 0.15 say `add_prefix_space`.
        let isNever = part["add_prefix_space"] == false
        let scheme = isNever ? "never" : part["prepend_scheme"]?.string ?? "always"
        guard mark.count == 1, let prepends = SplitStep.Prepending(rawValue: scheme),
          // What stands in front of the first word is known of an uncut text only.
          prepends != .first || steps.isEmpty
        else { throw Self.refusal("pre-tokenizer", part.serialized()) }
        steps.append(.metaspace(mark[0], prepends, splits: part["split"]?.bool ?? true))
      case let name: throw Self.refusal("pre-tokenizer", name)
      }
    }
    return steps
  }

  /// Checks that a post-processor puts `</s>` behind a text, and nothing else.
  ///
  /// - Parameter isRequired: refuses a file without one.
  func checkEnd(_ end: Int, isRequired: Bool) throws {
    let parts = try Self.flattened(json["post_processor"], "processors")
    guard parts.count == 1 || parts.isEmpty && !isRequired else {
      throw Self.refusal("post-processor", parts.isEmpty ? "none" : "a sequence")
    }
    for part in parts {
      guard Self.type(part) == "TemplateProcessing" else {
        throw Self.refusal("post-processor", Self.type(part))
      }
      let template = Self.template(part)
      guard template.count == 2, template[0] == nil, template[1] == "</s>" else {
        throw Self.refusal("post-processor", Self.described(template))
      }
      try Edge("</s>", in: part).check(is: end)
    }
  }

  /// Checks that steps do nothing beside SigLIP's own rules, which transformers' class follows in their place.
  static func checkSigLIP(_ steps: [NormalizerStep], _ splits: [SplitStep]) throws {
    let space = Array("\u{2581}".unicodeScalars)
    for step in steps {
      switch step {
      case .precompiled, .lowercase, .strip: continue
      case .prepend(space): continue
      case .replace(.run(let set, _), let content)
      where content.isEmpty && set.isPunctuation || content == [" "] && set.isSpaces: continue
      case .replace(.text([" "]), space): continue
      case .replace(.run(let set, _), space) where set.isSpaces: continue
      case .replace: throw refusal("normalizer", "Replace beside SiglipTokenizer's rules")
      case .prepend: throw refusal("normalizer", "Prepend beside SiglipTokenizer's rules")
      case .composed: throw refusal("normalizer", "NFC beside SiglipTokenizer's rules")
      case .nmt: throw refusal("normalizer", "Nmt beside SiglipTokenizer's rules")
      }
    }
    for split in splits {
      guard case .metaspace(let mark, let prepends, _) = split else { continue }
      guard mark == space[0], prepends != .never else {
        throw refusal("pre-tokenizer", "Metaspace beside SiglipTokenizer's rules")
      }
    }
  }

  /// The steps of transformers' `T5Tokenizer`, which puts its own in place of the file's: those must be no
  /// others.
  static func checkT5(_ steps: [NormalizerStep], _ splits: [SplitStep]) throws -> [SplitStep] {
    let isTable = steps.allSatisfy {
      if case .precompiled = $0 { return true }
      return false
    }
    guard steps.count < 2, isTable else {
      throw refusal("normalizer", "a step beside T5Tokenizer's Precompiled")
    }
    for split in splits {
      if case .whitespace = split { continue }
      guard case .metaspace("\u{2581}", .always, splits: true) = split else {
        throw refusal("pre-tokenizer", "Metaspace other than T5Tokenizer's")
      }
    }
    return [.whitespace, .metaspace("\u{2581}", .always, splits: true)]
  }
}

/// A step that cuts a text before its pieces are looked up, as tokenizers 0.23 does it.
enum SplitStep: Sendable {
  /// Where `Metaspace` puts its mark in front.
  enum Prepending: String, Sendable {
    case always, first, never
  }

  /// `WhitespaceSplit`: at whitespace, which goes.
  case whitespace
  /// `Metaspace`: spaces become a mark, each of which starts a piece if it splits.
  case metaspace(Unicode.Scalar, Prepending, splits: Bool)

  /// The pieces of a text, in order, none of them empty.
  ///
  /// - Parameter isStart: whether it stands at the start of what was tokenized.
  static func pieces(
    of text: [Unicode.Scalar], _ steps: [SplitStep], isStart: Bool
  ) -> [ArraySlice<Unicode.Scalar>] {
    var pieces = text.isEmpty ? [] : [text[...]]
    for step in steps { pieces = pieces.flatMap { step.cut($0, isStart: isStart) } }
    return pieces
  }

  private func cut(
    _ text: ArraySlice<Unicode.Scalar>, isStart: Bool
  ) -> [ArraySlice<Unicode.Scalar>] {
    switch self {
    case .whitespace: return text.split { $0.properties.isWhitespace }
    case .metaspace(let mark, let prepends, let splits):
      var marked = text.map { $0 == " " ? mark : $0 }
      if marked.first != mark, prepends == .always || prepends == .first && isStart {
        marked.insert(mark, at: 0)
      }
      guard splits else { return [marked[...]] }
      var pieces: [ArraySlice<Unicode.Scalar>] = []
      var first = 0
      for index in marked.indices.dropFirst() where marked[index] == mark {
        pieces.append(marked[first..<index])
        first = index
      }
      pieces.append(marked[first...])
      return pieces
    }
  }
}
