internal import Diagnostics
internal import Files

extension SentencePieceTokenizer {
  /// A tokenizer from a `spiece.model`, a `tokenizer.json`, or a folder with one of them, by SigLIP's rules.
  ///
  /// - Throws: `KilpiError` naming the file that is missing or damaged.
  public convenience init(path: String) throws {
    var file = path
    if FileReader.isDirectory(path) {
      let names = ["spiece.model", "tokenizer.json"]
      guard let name = names.first(where: { FileReader.exists("\(path)/\($0)") }) else {
        throw KilpiError(
          "no tokenizer in '\(path)'", advice: "it needs spiece.model or tokenizer.json")
      }
      file = "\(path)/\(name)"
    }
    try self.init(file: file, beside: [], .siglip, settings: nil, cleaning: nil)
  }

  /// transformers' classes around a unigram model.
  private enum Family {
    /// `SiglipTokenizer`, whose rules stand in place of a `tokenizer.json`'s.
    case siglip
    /// `T5Tokenizer`.
    case t5
    /// Those that take all from the files.
    case files

    /// - Throws: `KilpiError` for another class.
    init(_ type: String?, isHuggingFace: Bool) throws {
      switch type {
      case nil: self = isHuggingFace ? .siglip : .files
      case "SiglipTokenizer": self = .siglip
      case "T5Tokenizer", "T5TokenizerFast": self = .t5
      case "PreTrainedTokenizerFast", "TokenizersBackend", "PreTrainedTokenizer": self = .files
      case let type?:
        throw KilpiError(
          "its class is '\(type.prefix(60))'",
          advice: "SiglipTokenizer and T5Tokenizer are followed; pass token ids")
      }
    }
  }

  /// A tokenizer from a model's folder, with what `tokenizer_config.json` says.
  ///
  /// - Parameter cleaning: what open_clip does before it; nil: the files' own rules alone.
  convenience init(folder: String, cleaning: TextCleaning?) throws {
    let settings = try TokenizerSettings(folder)
    let family: Family
    do {
      family = try Family(settings.type, isHuggingFace: cleaning == nil)
    } catch let error as KilpiError {
      throw KilpiError(
        "cannot use '\(folder)/tokenizer_config.json': \(error.problem)", advice: error.advice)
    }
    // transformers reads the first of these that there is.
    let own = ["spiece.model", "tokenizer.json"]
    let names = family == .siglip ? own : own.reversed()
    let name = names.first { FileReader.exists("\(folder)/\($0)") } ?? "tokenizer.json"
    let beside = try ["tokenizer_config.json", "special_tokens_map.json"]
      .filter { FileReader.exists("\(folder)/\($0)") }
      .map { (name: $0, bytes: try FileReader.bytes(at: "\(folder)/\($0)", limit: 16 << 20)) }
    try self.init(
      file: "\(folder)/\(name)", beside: beside, family, settings: settings, cleaning: cleaning)
  }

  private convenience init(
    file: String, beside: [(name: String, bytes: [UInt8])], _ family: Family,
    settings: TokenizerSettings?, cleaning: TextCleaning?
  ) throws {
    // A tokenizer.json of 256,000 pieces has 40 MB.
    let isJSONFile = file.hasSuffix(".json")
    let bytes = try FileReader.bytes(
      at: file, limit: isJSONFile ? 64 << 20 : SentencePieceModel.Limit.bytes)
    do {
      let isJSON = isJSONFile && bytes.first { $0 > 0x20 } == UInt8(ascii: "{")
      let document = isJSON ? TokenizerDocument(json: try JSONValue.parse(bytes)) : nil
      var model =
        try document.map { try SentencePieceModel(tokenizer: $0.json) }
        ?? SentencePieceModel(serialized: bytes)
      let rules = try Self.rules(family, document, settings, &model)
      let name = isJSONFile ? "tokenizer.json" : "spiece.model"
      try settings?.checkPadding(document)
      try self.init(
        model, files: [(name, bytes)] + beside, rules: rules, cleaning: cleaning,
        padding: settings?.token("pad_token") ?? (family == .t5 ? "<pad>" : nil),
        cutsLeft: settings?.cutsLeft(document) ?? false)
      if let end = settings?.token("eos_token"), end != "</s>" {
        throw TokenizerDocument.refusal("end token", end)
      }
    } catch let error as KilpiError {
      throw KilpiError("cannot use '\(file)': \(error.problem)", advice: error.advice)
    }
  }

  /// The rules of a file and a class; gives the model the file's table of replacements where these are SigLIP's.
  private static func rules(
    _ family: Family, _ document: TokenizerDocument?, _ settings: TokenizerSettings?,
    _ model: inout SentencePieceModel
  ) throws -> Rules {
    guard let document else {
      switch family {
      case .siglip: return .siglip(lowercases: settings?.lowercases ?? true)
      case .files: return .model
      case .t5:
        let steps = model.normalizer.map.map { [NormalizerStep.precompiled($0)] } ?? []
        model = model.summedAsTokenizers()
        return .steps(try DocumentSteps(steps, TokenizerDocument.checkT5(steps, []), []))
      }
    }
    let steps = try document.normalizerSteps()
    var splits = try document.splitSteps()
    if let end = model.id(of: "</s>") {
      try document.checkEnd(end, isRequired: family == .files)
    }
    let added = document.addedTokens
    // The model's own pieces may be listed again.
    if let strange = added.first(where: {
      !$0.isSpecial && !model.texts.indices.contains($0.token.id)
    }) {
      throw TokenizerDocument.refusal("added token", strange.name)
    }
    switch family {
    case .siglip:
      try TokenizerDocument.checkSigLIP(steps, splits)
      for case .precompiled(let map) in steps { model.normalizer.map = map }
      return .siglip(lowercases: settings?.lowercases ?? true)
    case .t5: splits = try TokenizerDocument.checkT5(steps, splits)
    case .files: break
    }
    model = model.summedAsTokenizers()
    let roles = Set((settings?.roles ?? []) + ["<unk>", "</s>", "<pad>", "<s>"])
    return .steps(
      try DocumentSteps(steps, splits, TokenizerDocument.literals(added, roles: roles)))
  }
}
