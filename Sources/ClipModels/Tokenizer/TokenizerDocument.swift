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
    KilpiError("", "its \(part) '\(name.prefix(60))' is not followed", advice: "pass token ids")
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

  /// The steps of the normaliser that are followed.
  func normalizerSteps() throws -> [BytePairTokenizer.NormalizerStep] {
    var steps: [BytePairTokenizer.NormalizerStep] = []
    for part in try Self.flattened(json["normalizer"], "normalizers") {
      switch Self.type(part) {
      case "NFC": steps.append(.composed)
      case "Lowercase": steps.append(.lowercase)
      // White space only separates words.
      case "Strip": continue
      case "Replace":
        let pattern = part["pattern"]?["Regex"]?.string
        guard ["\\s+", " +", " {2,}", "\\s{2,}"].contains(pattern ?? ""),
          part["content"]?.string == " "
        else { throw Self.refusal("normalizer", part.serialized()) }
      case let name: throw Self.refusal("normalizer", name)
      }
    }
    return steps
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
        guard part["add_prefix_space"] != true, splits else {
          throw Self.refusal("pre-tokenizer", "ByteLevel with a space in front")
        }
        turnsToBytes = true
      case let name: throw Self.refusal("pre-tokenizer", name)
      }
    }
    guard splits, turnsToBytes else {
      throw Self.refusal("pre-tokenizer", parts.isEmpty ? "none" : "ByteLevel alone")
    }
  }

  /// The names of the tokens around a text; nil when the file has no post-processor.
  ///
  /// - Throws: `KilpiError` unless one stands in front and one behind.
  func edges() throws -> (start: String, end: String)? {
    var found: (start: String, end: String)?
    for part in try Self.flattened(json["post_processor"], "processors") {
      switch Self.type(part) {
      case "ByteLevel": continue
      case "RobertaProcessing", "BertProcessing":
        guard found == nil, let start = part["cls"]?.array?.first?.string,
          let end = part["sep"]?.array?.first?.string
        else { throw Self.refusal("post-processor", Self.type(part)) }
        found = (start, end)
      case "TemplateProcessing":
        let parts = Self.template(part)
        guard found == nil, parts.count == 3, parts[1] == nil, let start = parts[0],
          let end = parts[2]
        else { throw Self.refusal("post-processor", Self.described(parts)) }
        found = (start, end)
      case let name: throw Self.refusal("post-processor", name)
      }
    }
    return found
  }

  /// The pieces of a template for one text: names of tokens, nil for the text.
  private static func template(_ part: JSONValue) -> [String?] {
    (part["single"]?.array ?? []).map { $0["SpecialToken"]?["id"]?.string }
  }

  private static func described(_ parts: [String?]) -> String {
    "TemplateProcessing of " + parts.map { $0 ?? "text" }.joined(separator: " ")
  }

  /// Tokens that stand beside the vocabulary: name, id, and whether they are special.
  var addedTokens: [(name: String, id: Int, isSpecial: Bool)] {
    (json["added_tokens"]?.array ?? []).compactMap { token in
      guard let name = token["content"]?.string, let id = token["id"]?.int else { return nil }
      return (name, id, token["special"]?.bool ?? false)
    }
  }

  // MARK: - Unigram

  /// Checks that nothing but SigLIP's own steps stands around a unigram model.
  ///
  /// SigLIP's rules (small letters, no punctuation, single spaces) are done anyway, so steps that repeat
  /// a part of them are no others.
  func checkUnigram() throws {
    guard kind == "Unigram" else { throw Self.refusal("model", kind ?? "?") }
    let steps: Set<String> = [
      "Precompiled", "Lowercase", "Replace", "Strip", "NFKC", "Nmt", "Prepend",
    ]
    for part in try Self.flattened(json["normalizer"], "normalizers")
    where !steps.contains(Self.type(part)) { throw Self.refusal("normalizer", Self.type(part)) }
    for part in try Self.flattened(json["pre_tokenizer"], "pretokenizers")
    where !["Metaspace", "WhitespaceSplit"].contains(Self.type(part)) {
      throw Self.refusal("pre-tokenizer", Self.type(part))
    }
    for part in try Self.flattened(json["post_processor"], "processors") {
      guard Self.type(part) == "TemplateProcessing" else {
        throw Self.refusal("post-processor", Self.type(part))
      }
      let parts = Self.template(part)
      guard parts.count == 2, parts[0] == nil, parts[1] == "</s>" else {
        throw Self.refusal("post-processor", Self.described(parts))
      }
    }
    for token in addedTokens where !token.isSpecial {
      // Byte names and the model's own pieces may be listed again.
      guard (json["model"]?["vocab"]?.array ?? []).indices.contains(token.id) else {
        throw Self.refusal("added token", token.name)
      }
    }
  }
}
