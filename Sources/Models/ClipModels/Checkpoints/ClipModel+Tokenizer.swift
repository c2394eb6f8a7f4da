internal import Diagnostics
internal import Files

/// Finds the tokenizer that a loaded model's texts are for.
///
/// It belongs to the model: one that its files name or bring is followed, or the model has none and says
/// why. CLIP's own is taken only where the files leave room for it and name no other.
struct TokenizerSearch {
  private let configuration: ClipConfiguration
  private let place: CheckpointPlace
  private let options: CheckpointOptions
  /// True when the base describes the model, and so its tokenizer.
  private let isOnBase: Bool
  /// open_clip's `text_cfg`, if the configuration is open_clip's.
  private let openCLIP: JSONValue?
  /// Kilpi's own field of a Hugging Face configuration.
  private let own: JSONValue?

  /// The files by which a tokenizer is found in a folder.
  private static let files = ["tokenizer.json", "vocab.json", "spiece.model"]

  init(
    _ configuration: ClipConfiguration, _ place: CheckpointPlace, isTower: Bool,
    _ options: CheckpointOptions
  ) throws {
    self.configuration = configuration
    self.place = place
    self.options = options
    isOnBase =
      options.base != nil && (isTower || !place.isFolder || place.configuration == nil)
    let json =
      try isOnBase
      ? nil
      : place.configuration.map { try JSONValue.parse(FileReader.bytes(at: $0, limit: 16 << 20)) }
    openCLIP = (json?["model_cfg"] ?? json)?["text_cfg"]
    own = json?["kilpi"]
  }

  /// Gives the model its tokenizer, or the reason why it has none.
  ///
  /// - Throws: `KilpiError` for a `tokenizer_kwargs` that is not followed, and for a vocabulary larger
  ///   than the embedding.
  func equip(_ model: ClipModel) throws {
    if let base = options.base, isOnBase,
      base.configuration.vocabulary == configuration.vocabulary
    {
      model.tokenizer = base.tokenizer
      model.tokenizerAbsence = base.tokenizerAbsence
      return
    }
    do {
      model.tokenizer = try found()
      if let tokenizer = model.tokenizer as? BytePairTokenizer, let end = configuration.endToken,
        configuration.textStyle.pooling == .end, tokenizer.endID != end
      {
        options.note(
          "its tokenizer ends texts with \(tokenizer.endID), its configuration says \(end)")
      }
    } catch let absence as TokenizerAbsence {
      model.tokenizer = nil
      model.tokenizerAbsence = absence.error
      options.note("no tokenizer: \(absence.error.problem); token ids can be passed")
    }
  }

  private func found() throws -> (any TextTokenizer)? {
    if let openCLIP { return try openCLIPTokenizer(openCLIP) }
    if own?["tokenizer"]?.string == "unknown" {
      throw TokenizerAbsence(
        "the model was saved without one", advice: "load the original, or pass token ids")
    }
    if place.configuration != nil, hasFiles {
      let cleaning = own?["clean"]?.string.flatMap(TextCleaning.init(openCLIP:))
      return try fromFiles(cleaning: cleaning)
    }
    if !isOnBase, place.configuration != nil,
      let type = try TokenizerSettings(place.folder).type, !BytePairTokenizer.classes.contains(type)
    {
      throw TokenizerAbsence(
        "tokenizer_config.json names the class '\(type.prefix(60))', whose files are not in "
          + "'\(place.folder)' or not followed",
        advice: "put its tokenizer.json there, or pass token ids")
    }
    return try standard(own?["clean"]?.string.flatMap(TextCleaning.init(openCLIP:)))
  }

  private var hasFiles: Bool {
    Self.files.contains { FileReader.exists(place.folder + "/" + $0) }
  }

  /// CLIP's own tokenizer, if the vocabulary has room for it.
  private func standard(_ cleaning: TextCleaning? = nil) throws -> (any TextTokenizer)? {
    let found = try ClipModel.standardTokenizer(for: configuration)
    guard let cleaning, let pairs = found as? BytePairTokenizer else { return found }
    return pairs.with(cleaning: cleaning)
  }

  // MARK: - open_clip

  private func openCLIPTokenizer(_ text: JSONValue) throws -> (any TextTokenizer)? {
    let name = text["hf_tokenizer_name"]?.string ?? ""
    if !name.isEmpty {
      // OpenAI's published tokenizers are the one that ships with Kilpi.
      let isOpenAI = name.hasPrefix("openai/clip-vit-")
      guard hasFiles || isOpenAI else {
        throw TokenizerAbsence(
          "its configuration names the tokenizer '\(name.prefix(80))', which is not in "
            + "'\(place.folder)'",
          advice:
            "put its tokenizer.json (or vocab.json with merges.txt, or spiece.model) there, or "
            + "pass token ids")
      }
      if let mode = text["tokenizer_mode"]?.string, !mode.isEmpty {
        throw notFollowed("tokenizer_mode", mode)
      }
      let cleaning = try cleaning(text, standard: .whitespace)
      if hasFiles { return try fromFiles(cleaning: cleaning) }
      guard let own = try ClipModel.standardTokenizer(for: configuration) as? BytePairTokenizer
      else {
        return nil
      }
      return own.asHuggingFace(cleaning: cleaning)
    }
    let cleaning = try cleaning(text, standard: .reference)
    if let own = try standard(cleaning) { return own }
    // SigLIP's towers come with their own files, named or not.
    return hasFiles ? try fromFiles(cleaning: cleaning) : nil
  }

  /// `tokenizer_kwargs.clean`; the other arguments are not followed.
  private func cleaning(_ text: JSONValue, standard: TextCleaning) throws -> TextCleaning {
    var result = standard
    for member in text["tokenizer_kwargs"]?.object ?? [] where member.value != .null {
      // What is the default of open_clip's classes changes nothing.
      let isDefault =
        member.value == false || member.value.string == "" || member.value.array?.isEmpty == true
      switch member.key {
      case "clean":
        guard let mode = member.value.string.flatMap(TextCleaning.init(openCLIP:)) else {
          throw notFollowed("tokenizer_kwargs.clean", member.value.serialized())
        }
        result = mode
      case "context_length" where member.value.int == configuration.context: continue
      default:
        if !isDefault {
          throw notFollowed("tokenizer_kwargs.\(member.key)", member.value.serialized())
        }
      }
    }
    return result
  }

  /// Strictly an error; else the model has no tokenizer.
  private func notFollowed(_ key: String, _ value: String) -> any Error {
    let problem =
      "configuration: 'text_cfg.\(key.prefix(60))' is \(value.prefix(40)), which is not followed"
    let advice = "strict = false loads the model without a tokenizer, for token ids"
    return options.isStrict
      ? KilpiError(problem, advice: advice)
      : TokenizerAbsence(problem, advice: "pass token ids")
  }

  // MARK: - Files

  /// The tokenizer in the folder.
  ///
  /// - Parameter cleaning: what open_clip does before it; nil: the files' own steps alone.
  private func fromFiles(cleaning: TextCleaning?) throws -> any TextTokenizer {
    let folder = place.folder
    let found: any TextTokenizer
    do {
      let document = folder + "/tokenizer.json"
      let hasPairs =
        FileReader.exists(folder + "/vocab.json") && FileReader.exists(folder + "/merges.txt")
      let hasPieces = FileReader.exists(folder + "/spiece.model")
      let kind =
        !hasPieces && FileReader.exists(document)
        ? TokenizerDocument(json: try BytePairTokenizer.json(at: document)).kind : nil
      if hasPieces || kind == "Unigram" {
        found = try SentencePieceTokenizer(folder: folder, cleaning: cleaning)
      } else if kind == "BPE" || kind == nil && (hasPairs || FileReader.exists(document)) {
        found = try BytePairTokenizer(
          huggingFaceFolder: folder, cleaning: cleaning ?? .huggingFace)
      } else if let kind {
        throw KilpiError(
          "cannot use '\(document)': \(TokenizerDocument.refusal("model", kind).problem)",
          advice: "pass token ids")
      } else {
        throw KilpiError("'\(folder)/merges.txt' is missing", advice: "it belongs to vocab.json")
      }
    } catch let error as KilpiError where error.kind == .host {
      throw TokenizerAbsence(error.problem, advice: error.advice ?? "pass token ids")
    }
    guard found.vocabularySize <= configuration.vocabulary else {
      throw KilpiError(
        "cannot load '\(place.weights)': the tokenizer beside it has \(found.vocabularySize) pieces, "
          + "the embedding \(configuration.vocabulary) rows")
    }
    return found
  }
}

/// Why a model has no tokenizer.
struct TokenizerAbsence: Error {
  let error: KilpiError

  init(_ problem: String, advice: String) { error = KilpiError(problem, advice: advice) }
}

extension BytePairTokenizer {
  /// CLIP's own vocabulary with the steps of transformers' class.
  func asHuggingFace(cleaning: TextCleaning) -> BytePairTokenizer {
    var style = self.style
    style.cleaning = cleaning
    style.steps = [.composed, .lowercase]
    style.padID = endID
    return with(style: style)
  }
}
