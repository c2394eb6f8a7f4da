internal import Diagnostics
public import Networks
public import Tensors

/// A BERT with the head that suggests words (arXiv:1810.04805), and its tokenizer.
///
/// Post-norm blocks: `x ← norm(x + attention(x))`, `x ← norm(x + network(x))`. The head:
/// `logits = norm(act(x · Wᵀ + b)) · Eᵀ + c`, `E` the word embedding. Weights are frozen and keep
/// Hugging Face's names without the prefix `bert.`.
///
/// There is no padding mask: sequences of one call have the same length, and callers group by length.
/// A masked position changes nothing for the others, so the results are the same.
public final class MaskedLanguageModel {
  /// The sizes.
  public let configuration: BertConfiguration
  /// The tokenizer.
  public let tokenizer: WordPieceTokenizer
  /// The weights.
  public let parameters: ParameterList
  /// Where it comes from: a path.
  public let origin: String
  let cache = MaskedCandidateCache()

  private let words: Embedding
  private let positions: Embedding
  private let segment: Tensor
  private let norm: LayerNorm
  private let blocks: [BertBlock]
  private let head: Head?

  private struct Head {
    let transform: Linear
    let norm: LayerNorm
    let decoder: Linear
  }

  /// Takes its weights from a list.
  ///
  /// - Throws: `KilpiError` when one is missing or the tokenizer has more ids than the embedding.
  public init(
    _ configuration: BertConfiguration, tokenizer: WordPieceTokenizer, parameters: ParameterList,
    origin: String = "in memory"
  ) throws {
    guard tokenizer.vocabularySize <= configuration.vocabulary else {
      throw KilpiError(
        "the vocabulary has \(tokenizer.vocabularySize) pieces, the embedding "
          + "\(configuration.vocabulary) rows")
    }
    self.configuration = configuration
    self.tokenizer = tokenizer
    self.parameters = parameters
    self.origin = origin
    func norm(_ name: String) throws -> LayerNorm {
      try LayerNorm(parameters, name + ".LayerNorm", epsilon: configuration.epsilon)
    }
    words = try Embedding(parameters, "embeddings.word_embeddings.weight")
    positions = try Embedding(parameters, "embeddings.position_embeddings.weight")
    segment = try parameters.required("embeddings.token_type_embeddings.weight").selected(0, 0)
    self.norm = try norm("embeddings")
    blocks = try (0..<configuration.layers).map {
      try BertBlock(configuration, parameters, prefix: "encoder.layer.\($0).")
    }
    if parameters["cls.predictions.bias"] != nil {
      let decoder =
        configuration.tiesDecoder
        ? words.table : try parameters.required("cls.predictions.decoder.weight")
      head = Head(
        transform: try Linear(parameters, "cls.predictions.transform.dense"),
        norm: try norm("cls.predictions.transform"),
        decoder: Linear(weight: decoder, bias: try parameters.required("cls.predictions.bias")))
    } else {
      head = nil
    }
  }

  /// Whether the file had the head that suggests words; an encoder alone has none.
  public var hasHead: Bool { head != nil }

  /// A hash of weights and vocabulary (FNV-1a, 64 bits), by which records tell models apart.
  ///
  /// Computed once, at its first use; reads every weight.
  public lazy var fingerprint: String = {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    func add(_ value: UInt64) { hash = (hash ^ value) &* 0x100_0000_01B3 }
    for (name, tensor) in parameters.entries {
      for byte in name.utf8 { add(UInt64(byte)) }
      // Weights are float32 in memory; another type rounds to it.
      for value in (try? tensor.converted(to: .float32).floats()) ?? [] {
        add(UInt64(value.bitPattern))
      }
    }
    for id in 0..<tokenizer.vocabularySize {
      for byte in (tokenizer.piece(of: id) ?? "").utf8 { add(UInt64(byte)) }
      add(0xFF)
    }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }()

  /// A copy with weights of another type, float64 for checks.
  public func converted(to type: DType) throws -> MaskedLanguageModel {
    try MaskedLanguageModel(
      configuration, tokenizer: tokenizer,
      parameters: parameters.mapped { try $1.converted(to: type) }, origin: origin)
  }

  // MARK: - Forward

  /// The features of sequences, `[N, T, W]`.
  ///
  /// - Parameters:
  ///   - ids: `N` sequences of the same length `T`, special tokens included.
  ///   - observe: receives the output of the embedding and of each block.
  /// - Throws: `KilpiError` for sequences of several lengths, longer than the context, or ids
  ///   outside the vocabulary.
  public func features(
    _ ids: [[Int]], observe: ((String, Tensor) -> Void)? = nil
  ) throws -> Tensor {
    let length = ids.first?.count ?? 0
    guard length > 0, length <= configuration.context, ids.allSatisfy({ $0.count == length })
    else {
      throw KilpiError(
        "sequences of one length in 1 … \(configuration.context) are needed",
        advice: "group them by length")
    }
    let flat = ids.flatMap { $0 }
    if let id = flat.first(where: { $0 < 0 || $0 >= configuration.vocabulary }) {
      throw KilpiError("there is no token \(id)")
    }
    ForwardMeter.add(ids.count)
    return try Tensor.withoutGradients {
      let table = try Tensor(flat.map(Int64.init), shape: [ids.count, length])
      var x = try norm(words(table) + positions.first(length) + segment)
      observe?("embeddings", x)
      for (index, block) in blocks.enumerated() {
        x = try block(x)
        observe?("block.\(index)", x)
      }
      return x
    }
  }

  /// The logits of features, `[…, W]` to `[…, V]`.
  ///
  /// - Throws: `KilpiError` when the model has no head.
  public func logits(_ features: Tensor) throws -> Tensor {
    guard let head else {
      throw KilpiError(
        "'\(origin)' has no masked-language head (no cls.predictions weights)",
        advice: "load a BertForMaskedLM checkpoint")
    }
    return try Tensor.withoutGradients {
      try head.decoder(
        head.norm(configuration.activation.linear(features, head.transform)))
    }
  }
}

/// One post-norm block.
private struct BertBlock {
  let attention: Attention
  let norm1: LayerNorm
  let expand: Linear
  let contract: Linear
  let norm2: LayerNorm
  let activation: BertActivation

  init(_ configuration: BertConfiguration, _ parameters: ParameterList, prefix: String) throws {
    attention = Attention(
      input: try Linear(parameters, prefix + "attention.self.qkv"),
      output: try Linear(parameters, prefix + "attention.output.dense"),
      heads: configuration.heads)
    let epsilon = configuration.epsilon
    norm1 = try LayerNorm(parameters, prefix + "attention.output.LayerNorm", epsilon: epsilon)
    expand = try Linear(parameters, prefix + "intermediate.dense")
    contract = try Linear(parameters, prefix + "output.dense")
    norm2 = try LayerNorm(parameters, prefix + "output.LayerNorm", epsilon: epsilon)
    activation = configuration.activation
  }

  func callAsFunction(_ x: Tensor) throws -> Tensor {
    let y = try norm1(x + attention(x))
    return try norm2(y + contract(activation.linear(y, expand)))
  }
}
