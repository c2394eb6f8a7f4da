internal import Diagnostics
internal import Files

extension BytePairTokenizer {
  /// Files of a folder that describe a byte-pair tokenizer.
  private static let fileNames = [
    "tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
  ]
  /// transformers' classes that are followed; the last three take all from `tokenizer.json`.
  static let classes = [
    "CLIPTokenizer", "CLIPTokenizerFast", "PreTrainedTokenizerFast", "TokenizersBackend",
    "PreTrainedTokenizer",
  ]

  /// A tokenizer from a Hugging Face folder: `tokenizer.json`, else `vocab.json` with `merges.txt`.
  ///
  /// Text is cleaned, split and ended as the files say, which is how transformers' `CLIPTokenizer` does;
  /// a step that is not CLIP's is refused with its name. Rows are padded with the files' padding token.
  ///
  /// - Throws: `KilpiError` naming the file that is missing or damaged, or the step that is not followed.
  public convenience init(huggingFaceFolder folder: String) throws {
    try self.init(huggingFaceFolder: folder, cleaning: .huggingFace)
  }

  /// - Parameter cleaning: what is done to a text before the files' own steps.
  convenience init(huggingFaceFolder folder: String, cleaning: TextCleaning) throws {
    let settings = try TokenizerSettings(folder)
    let document = folder + "/tokenizer.json"
    let vocabulary = folder + "/vocab.json"
    let merges = folder + "/merges.txt"
    let path: String
    let parts: BytePairParts
    if FileReader.exists(document) {
      path = document
      parts = try Self.using(path) { try BytePairParts(document: Self.json(at: path)) }
    } else if FileReader.exists(vocabulary), FileReader.exists(merges) {
      path = vocabulary
      parts = try Self.using(path) {
        try BytePairParts(
          ids: Self.json(at: path),
          merges: FileReader.bytes(at: merges, limit: BytePairVocabulary.byteLimit))
      }
    } else {
      throw KilpiError(
        "no tokenizer in '\(folder)'",
        advice: "it needs vocab.json with merges.txt, or tokenizer.json")
    }
    if let type = settings.type, !Self.classes.contains(type) {
      throw KilpiError(
        "cannot use '\(path)': its class is '\(type.prefix(60))'",
        advice: "CLIPTokenizer is followed; pass token ids")
    }
    let edges = parts.edges
    let start = edges?.start.name ?? settings.token("bos_token") ?? "<|startoftext|>"
    let end = edges?.end.name ?? settings.token("eos_token") ?? "<|endoftext|>"
    let padding = settings.token("pad_token") ?? parts.document?.paddingToken ?? end
    // Tokens of the settings stand beside the vocabulary, too.
    let listed = Set(parts.added.map(\.name))
    let added = parts.added + settings.added.filter { !listed.contains($0.name) }
    let (table, padID, literals) = try Self.using(path) {
      try settings.checkPadding(parts.document)
      let known: Set<String> = Set(settings.specials + [start, end, padding])
      let strange = parts.added.first { !$0.isSpecial && !known.contains($0.name) }
      if let strange { throw TokenizerDocument.refusal("added token", strange.name) }
      let symbols = Set(parts.symbols.map(\.symbol))
      let beside = added.filter { !symbols.contains($0.name) && known.contains($0.name) }
      let table = try BytePairVocabulary(
        ids: parts.symbols + beside.map { ($0.name, $0.token.id) }, merges: parts.merges,
        start: start, end: end)
      guard let padID = table.id(of: padding) else {
        throw KilpiError("the vocabulary lacks the padding token '\(padding.prefix(40))'")
      }
      try edges?.start.check(is: table.id(of: start))
      try edges?.end.check(is: table.id(of: end))
      // Names in brackets are nobody's text; whoever writes them does not mean the token.
      let isText = padding != start && padding != end && !padding.hasPrefix("<")
      let roles = Set(settings.roles + [start, end] + (isText ? [] : [padding]))
        .subtracting(isText ? [padding] : [])
      var literals = try TokenizerDocument.literals(added, roles: roles).compactMap { token in
        table.id(of: TextCleaner.string(token.name)).map { id in
          var token = token
          token.id = id
          return token
        }
      }
      if isText, !added.contains(where: { $0.name == padding }) {
        literals.append(AddedToken(name: Array(padding.unicodeScalars), id: padID))
      }
      return (table, padID, literals)
    }
    if let strange = settings.addedNames.first(where: {
      table.id(of: $0) == nil && !settings.specials.contains($0)
    }) {
      throw KilpiError(
        "cannot use '\(folder)/added_tokens.json': "
          + TokenizerDocument.refusal("added token", strange).problem, advice: "pass token ids")
    }
    let files = try Self.fileNames.filter { FileReader.exists(folder + "/" + $0) }.map {
      (name: $0, bytes: try FileReader.bytes(at: folder + "/" + $0, limit: 64 << 20))
    }
    self.init(
      table,
      style: Style(
        cleaning: cleaning, steps: parts.steps, padID: padID, literals: literals,
        cutsLeft: settings.cutsLeft(parts.document), files: files))
  }

  private static func using<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as KilpiError where error.kind == .host && !error.problem.contains(path) {
      throw KilpiError("cannot use '\(path)': \(error.problem)", advice: error.advice)
    }
  }

  static func json(at path: String) throws -> JSONValue {
    try using(path) {
      try JSONValue.parse(FileReader.bytes(at: path, limit: BytePairVocabulary.byteLimit))
    }
  }
}

/// What the files of a byte-pair tokenizer hold, before its tables are made.
private struct BytePairParts {
  var symbols: [(symbol: String, id: Int)]
  var merges: [UInt8]
  var steps: [NormalizerStep] = [.composed, .lowercase]
  var edges: (start: TokenizerDocument.Edge, end: TokenizerDocument.Edge)?
  var added: [TokenizerDocument.Added] = []
  var document: TokenizerDocument?

  /// `vocab.json` and `merges.txt`, around which transformers' class puts CLIP's steps.
  init(ids: JSONValue, merges: [UInt8]) throws {
    symbols = try Self.symbols(ids)
    // The header may be missing; a merge must not be taken for it.
    let header = Array("#version".utf8)
    self.merges = merges.starts(with: header) ? merges : header + [0x0A] + merges
  }

  /// `tokenizer.json`.
  init(document json: JSONValue) throws {
    let document = TokenizerDocument(json: json)
    self.document = document
    guard let model = json["model"], document.kind != nil else {
      throw KilpiError("it holds no byte-pair model")
    }
    try document.checkBytePairs()
    guard let rows = model["merges"]?.array, let ids = model["vocab"] else {
      throw KilpiError("it holds no byte-pair model")
    }
    symbols = try Self.symbols(ids)
    var lines = "#version\n"
    for merge in rows {
      // Newer files write pairs, older ones `left right`.
      lines +=
        merge.string ?? merge.array.map { $0.compactMap(\.string).joined(separator: " ") } ?? ""
      lines += "\n"
    }
    merges = Array(lines.utf8)
    // A bare model, without any step around it, stands for CLIP's.
    let isBare = ["normalizer", "pre_tokenizer", "post_processor"].allSatisfy { json[$0] == nil }
    if !isBare {
      steps = try document.normalizerSteps()
      try document.checkWords()
      edges = try document.edges()
    }
    added = document.addedTokens
    let known = Set(symbols.map(\.symbol))
    symbols += added.filter { !known.contains($0.name) }.map { ($0.name, $0.token.id) }
  }

  private static func symbols(_ ids: JSONValue) throws -> [(symbol: String, id: Int)] {
    guard let members = ids.object else {
      throw KilpiError("the vocabulary is not an object")
    }
    return try members.map { member in
      guard let id = member.value.int else {
        throw KilpiError("'\(member.key.prefix(40))' has no whole number as its id")
      }
      return (symbol: member.key, id: id)
    }
  }
}

/// `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json` of a folder.
struct TokenizerSettings {
  private let settings: JSONValue
  private let map: JSONValue
  /// Names in `added_tokens.json`.
  let addedNames: [String]
  /// Special tokens that `added_tokens.json` and `added_tokens_decoder` put beside the vocabulary.
  let added: [TokenizerDocument.Added]

  init(_ folder: String) throws {
    func json(_ name: String) throws -> JSONValue {
      let path = folder + "/" + name
      return FileReader.exists(path) ? try BytePairTokenizer.json(at: path) : .null
    }
    settings = try json("tokenizer_config.json")
    map = try json("special_tokens_map.json")
    let beside = try json("added_tokens.json").object ?? []
    addedNames = beside.map(\.key)
    let decoder = (settings["added_tokens_decoder"]?.object ?? []).compactMap {
      TokenizerDocument.Added($0.value, id: Int($0.key))
    }
    let named = Set(decoder.map(\.name))
    added =
      decoder.filter(\.isSpecial)
      + beside.filter { !named.contains($0.key) }.compactMap { member in
        TokenizerDocument.Added(
          .object([.init("content", .string(member.key)), .init("special", .bool(true))]),
          id: member.value.int)
      }
  }

  /// transformers' class of the tokenizer.
  var type: String? { settings["tokenizer_class"]?.string }

  /// Whether capital letters become small, where that is given.
  var lowercases: Bool? { settings["do_lower_case"]?.bool }

  /// A special token's name: a text, or a record with its content.
  func token(_ key: String) -> String? {
    for source in [map, settings] {
      guard let field = source[key], field != .null else { continue }
      if let text = field.string ?? field["content"]?.string { return text }
    }
    return nil
  }

  /// Names of tokens that stand for a part of a row: start, end, padding, unknown.
  var roles: [String] {
    ["bos_token", "eos_token", "pad_token", "unk_token"].compactMap(token)
  }

  /// Checks that rows are filled up behind the text.
  ///
  /// - Throws: `KilpiError` for padding in front: the model would need a mask of it, and has none.
  func checkPadding(_ document: TokenizerDocument?) throws {
    guard let side = settings["padding_side"]?.string ?? document?.paddingSide, side != "right"
    else { return }
    throw TokenizerDocument.refusal("padding side", side)
  }

  /// Whether a text that is too long loses its start.
  func cutsLeft(_ document: TokenizerDocument?) -> Bool {
    (settings["truncation_side"]?.string ?? document?.truncationSide) == "left"
  }

  /// All names that are special.
  var specials: [String] {
    let keys = [
      "bos_token", "eos_token", "pad_token", "unk_token", "sep_token", "cls_token", "mask_token",
    ]
    let listed = (settings["added_tokens_decoder"]?.object ?? []).compactMap { member in
      member.value["special"] == true ? member.value["content"]?.string : nil
    }
    return keys.compactMap(token) + listed
  }
}
