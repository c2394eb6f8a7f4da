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

  private typealias Pair = (weight: Tensor, bias: Tensor)
  private let embeddings: (words: Tensor, positions: Tensor, segment: Tensor)
  private let norm: (weight: Tensor, bias: Tensor)
  private let blocks: [BertBlock]
  private let head: Head?

  private struct Head {
    let transform: (weight: Tensor, bias: Tensor)
    let norm: (weight: Tensor, bias: Tensor)
    let decoder: (weight: Tensor, bias: Tensor)
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
        "",
        "the vocabulary has \(tokenizer.vocabularySize) pieces, the embedding "
          + "\(configuration.vocabulary) rows")
    }
    self.configuration = configuration
    self.tokenizer = tokenizer
    self.parameters = parameters
    self.origin = origin
    func pair(_ name: String) throws -> Pair {
      (try parameters.required(name + ".weight"), try parameters.required(name + ".bias"))
    }
    let words = try parameters.required("embeddings.word_embeddings.weight")
    embeddings = (
      words, try parameters.required("embeddings.position_embeddings.weight"),
      try parameters.required("embeddings.token_type_embeddings.weight").selected(0, 0)
    )
    norm = try pair("embeddings.LayerNorm")
    blocks = try (0..<configuration.layers).map {
      try BertBlock(configuration, parameters, prefix: "encoder.layer.\($0).")
    }
    if parameters["cls.predictions.bias"] != nil {
      let decoder =
        configuration.tiesDecoder
        ? words : try parameters.required("cls.predictions.decoder.weight")
      head = Head(
        transform: try pair("cls.predictions.transform.dense"),
        norm: try pair("cls.predictions.transform.LayerNorm"),
        decoder: (decoder, try parameters.required("cls.predictions.bias")))
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
  ///   - observe: told the output of the embedding and of each block.
  /// - Throws: `KilpiError` for sequences of several lengths, longer than the context, or ids
  ///   outside the vocabulary.
  public func features(
    _ ids: [[Int]], observe: ((String, Tensor) -> Void)? = nil
  ) throws -> Tensor {
    let length = ids.first?.count ?? 0
    guard length > 0, length <= configuration.context, ids.allSatisfy({ $0.count == length })
    else {
      throw KilpiError(
        "", "sequences of one length in 1 … \(configuration.context) are needed",
        advice: "group them by length")
    }
    let flat = ids.flatMap { $0 }
    if let id = flat.first(where: { $0 < 0 || $0 >= configuration.vocabulary }) {
      throw KilpiError("", "there is no token \(id)")
    }
    ForwardMeter.add(ids.count)
    return try Tensor.withoutGradients {
      let table = try Tensor(flat.map(Int64.init), shape: [ids.count, length])
      var x = try Tensor.embedding(embeddings.words, ids: table)
      x = try x + embeddings.positions.narrowed(0, start: 0, length: length) + embeddings.segment
      x = try Tensor.layerNorm(
        x, weight: norm.weight, bias: norm.bias, epsilon: configuration.epsilon)
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
        "", "'\(origin)' has no masked-language head (no cls.predictions weights)",
        advice: "load a BertForMaskedLM checkpoint")
    }
    return try Tensor.withoutGradients {
      let x = try configuration.activation.linear(features, head.transform)
      let normed = try Tensor.layerNorm(
        x, weight: head.norm.weight, bias: head.norm.bias, epsilon: configuration.epsilon)
      return try Tensor.linear(normed, weight: head.decoder.weight, bias: head.decoder.bias)
    }
  }
}

/// One post-norm block.
private struct BertBlock {
  let input: (weight: Tensor, bias: Tensor)
  let output: (weight: Tensor, bias: Tensor)
  let norm1: (weight: Tensor, bias: Tensor)
  let expand: (weight: Tensor, bias: Tensor)
  let contract: (weight: Tensor, bias: Tensor)
  let norm2: (weight: Tensor, bias: Tensor)
  let heads: Int
  let activation: BertActivation
  let epsilon: Double

  init(_ configuration: BertConfiguration, _ parameters: ParameterList, prefix: String) throws {
    func pair(_ name: String) throws -> (weight: Tensor, bias: Tensor) {
      (
        try parameters.required(prefix + name + ".weight"),
        try parameters.required(prefix + name + ".bias")
      )
    }
    input = try pair("attention.self.qkv")
    output = try pair("attention.output.dense")
    norm1 = try pair("attention.output.LayerNorm")
    expand = try pair("intermediate.dense")
    contract = try pair("output.dense")
    norm2 = try pair("output.LayerNorm")
    heads = configuration.heads
    activation = configuration.activation
    epsilon = configuration.epsilon
  }

  func callAsFunction(_ x: Tensor) throws -> Tensor {
    let qkv = try Tensor.linear(x, weight: input.weight, bias: input.bias)
    let attended = try Tensor.attention(qkv, heads: heads)
    let y = try Tensor.layerNorm(
      x + Tensor.linear(attended, weight: output.weight, bias: output.bias),
      weight: norm1.weight, bias: norm1.bias, epsilon: epsilon)
    let hidden = try activation.linear(y, expand)
    return try Tensor.layerNorm(
      y + Tensor.linear(hidden, weight: contract.weight, bias: contract.bias),
      weight: norm2.weight, bias: norm2.bias, epsilon: epsilon)
  }
}
