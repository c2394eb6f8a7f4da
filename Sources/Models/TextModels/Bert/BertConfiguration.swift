internal import Diagnostics
public import Files
internal import Networks
internal import Tensors

/// The sizes of a BERT (arXiv:1810.04805), as in its `config.json`.
public struct BertConfiguration: Sendable, Equatable {
  /// Rows of the word embedding.
  public var vocabulary: Int
  /// Width of a feature.
  public var width: Int
  /// Number of blocks.
  public var layers: Int
  /// Attention heads of a block; divides the width.
  public var heads: Int
  /// Width between the two layers of a block's network.
  public var hidden: Int
  /// Longest sequence, `[CLS]` and `[SEP]` included.
  public var context: Int
  /// Rows of the segment embedding; the first is used.
  public var segments: Int
  /// The network's activation, also the head's.
  public var activation: BertActivation
  /// Added to the variance in layer norms.
  public var epsilon: Double
  /// Whether the word embedding is the decoder's weight too.
  public var tiesDecoder: Bool

  /// Reads a `config.json`.
  ///
  /// - Throws: `KilpiError` naming the field that is missing, unknown or out of range.
  public init(json: JSONValue) throws {
    guard json.object != nil else {
      throw KilpiError("configuration: it is not an object")
    }
    if let type = json["model_type"]?.string, type != "bert" {
      throw KilpiError(
        "configuration: the model type is '\(type.prefix(40))'",
        advice: "only \"bert\" with a WordPiece vocabulary is read")
    }
    func integer(_ key: String, _ range: ClosedRange<Int>, default standard: Int? = nil) throws
      -> Int
    {
      guard let field = json[key], field != .null else {
        if let standard { return standard }
        throw KilpiError("configuration: '\(key)' is missing")
      }
      guard let number = field.int else {
        throw KilpiError("configuration: '\(key)' is not an integer")
      }
      guard range.contains(number) else {
        throw KilpiError(
          "configuration: '\(key)' is \(number), outside \(range.lowerBound) … \(range.upperBound)")
      }
      return number
    }
    vocabulary = try integer("vocab_size", 1...10_000_000)
    width = try integer("hidden_size", 1...65_536)
    layers = try integer("num_hidden_layers", 0...1000)
    heads = try integer("num_attention_heads", 1...65_536)
    hidden = try integer("intermediate_size", 1...1_048_576)
    // [CLS], one piece and [SEP] at least.
    context = try integer("max_position_embeddings", 3...1_048_576, default: 512)
    segments = try integer("type_vocab_size", 1...65_536, default: 2)
    guard width % heads == 0 else {
      throw KilpiError("configuration: \(heads) heads do not divide the width \(width)")
    }
    // The activation is never guessed.
    guard let name = json["hidden_act"]?.string else {
      throw KilpiError("configuration: 'hidden_act' is missing", advice: "gelu in BERT's own")
    }
    guard let activation = BertActivation(name: name) else {
      throw KilpiError(
        "configuration: the activation '\(name.prefix(40))' is not known",
        advice: "gelu, gelu_new, gelu_pytorch_tanh and relu are")
    }
    self.activation = activation
    if let field = json["layer_norm_eps"], field != .null {
      guard let number = field.double, number > 0, number < 1 else {
        throw KilpiError("configuration: 'layer_norm_eps' is not a number in 0 … 1")
      }
      epsilon = number
    } else {
      epsilon = 1e-12
    }
    tiesDecoder = json["tie_word_embeddings"]?.bool ?? true
    let positions = json["position_embedding_type"]?.string ?? "absolute"
    guard positions == "absolute" else {
      throw KilpiError(
        "configuration: positions are '\(positions.prefix(40))'",
        advice: "only absolute ones are read")
    }
    for key in ["is_decoder", "add_cross_attention"] where json[key]?.bool == true {
      throw KilpiError("configuration: '\(key)' is true; only encoders are read")
    }
  }
}

/// The activation of a BERT.
public enum BertActivation: String, Sendable {
  /// `x · Φ(x)`.
  case gelu
  /// `½x(1 + tanh(√(2/π)(x + 0.044715x³)))`, `gelu_new` or `gelu_pytorch_tanh` in files.
  case tanhGELU = "gelu_new"
  /// `max(x, 0)`.
  case relu

  /// The activation of a name in a `config.json`, nil for one that is not known.
  init?(name: String) {
    switch name {
    case "gelu", "gelu_python": self = .gelu
    case "gelu_new", "gelu_pytorch_tanh": self = .tanhGELU
    case "relu": self = .relu
    default: return nil
    }
  }

  /// `activation(x · Wᵀ + b)`.
  func linear(_ x: Tensor, _ layer: Linear) throws -> Tensor {
    switch self {
    case .gelu: return try layer(x, activation: .gelu)
    case .relu: return try layer(x, activation: .relu)
    case .tanhGELU:
      let y = try layer(x)
      let inner = try (y + y.square() * y * 0.044715) * 0.7978845608028654
      return try y * (inner.tanh() + 1) * 0.5
    }
  }
}
