internal import Diagnostics
public import Files
public import Tensors

/// Fields of one JSON object of a configuration, with errors that name them.
struct ConfigurationFields {
  let value: JSONValue
  let name: String

  init(_ value: JSONValue?, _ name: String) throws {
    // An empty table of Lua arrives as an empty list.
    guard let value, value.object != nil || value.array?.isEmpty == true else {
      throw KilpiError("configuration: '\(name)' is missing")
    }
    self.value = value.object == nil ? .object([]) : value
    self.name = name
  }

  /// Refuses keys that are not `known`; those that say null or false are passed over.
  ///
  /// - Parameter passOver: takes the message in place of the error.
  func checkKeys(_ known: [String], passOver: ((String) -> Void)?) throws {
    for member in value.object ?? [] where !known.contains(member.key) {
      if member.value == .null || member.value == false { continue }
      let problem = "configuration: '\(name).\(member.key.prefix(60))' is not known"
      let near = NearestName.suggestion(for: member.key, among: known)
      guard let passOver else {
        throw KilpiError(
          problem, advice: near.map { "did you mean '\($0)'?" } ?? "open_clip has no such key")
      }
      passOver(problem + (near.map { " (did you mean '\($0)'?)" } ?? ""))
    }
  }

  func has(_ key: String) -> Bool { value[key].map { $0 != .null } ?? false }

  func integer(_ key: String, default standard: Int? = nil) throws -> Int {
    guard let field = value[key], field != .null else {
      if let standard { return standard }
      throw KilpiError("configuration: '\(name).\(key)' is missing")
    }
    guard let number = field.int else {
      throw KilpiError("configuration: '\(name).\(key)' is not an integer")
    }
    // What follows multiplies: no size of a model is near this, and nothing overflows below it.
    guard number.magnitude <= 1_000_000_000 else {
      throw KilpiError("configuration: '\(name).\(key)' is \(number), out of range")
    }
    return number
  }

  /// Hugging Face's `eos_token_id`: a number, or a list of one.
  func endToken(default standard: Int) throws -> Int {
    guard let list = value["eos_token_id"]?.array else {
      return try integer("eos_token_id", default: standard)
    }
    guard list.count == 1, let number = list[0].int, Double(number).magnitude <= 1e9 else {
      throw KilpiError(
        "configuration: '\(name).eos_token_id' is \(value["eos_token_id"]?.serialized().prefix(40) ?? "")",
        advice: "one end token is read")
    }
    return number
  }

  /// A side in pixels; also a list of two equal ones.
  func side(_ key: String, default standard: Int? = nil) throws -> Int {
    guard let list = value[key]?.array else { return try integer(key, default: standard) }
    guard list.count == 2, let side = list[0].int, side == list[1].int, side <= 1 << 16 else {
      throw KilpiError("configuration: '\(name).\(key)' is no side of a square")
    }
    return side
  }

  func number(_ key: String, default standard: Double) throws -> Double {
    guard let field = value[key], field != .null else { return standard }
    guard let number = field.double else {
      throw KilpiError("configuration: '\(name).\(key)' is not a number")
    }
    return number
  }

  func flag(_ key: String) throws -> Bool {
    guard let field = value[key], field != .null else { return false }
    guard let flag = field.bool else {
      throw KilpiError("configuration: '\(name).\(key)' is not true or false")
    }
    return flag
  }

  /// A field whose other values describe parts that Kilpi does not build.
  func check(_ key: String, is allowed: [String]) throws -> String {
    guard let field = value[key], field != .null else { return allowed.first ?? "" }
    guard let text = field.string, allowed.contains(text) else {
      throw KilpiError(
        "configuration: '\(name).\(key)' is \(field.serialized().prefix(40))",
        advice: "Kilpi builds " + allowed.joined(separator: ", "))
    }
    return text
  }

  /// An activation under its Hugging Face name; nil when the field is not there.
  func activation(_ key: String) throws -> Activation? {
    guard let field = value[key], field != .null else { return nil }
    // The same formulas under transformers' other names.
    let others = [
      "gelu_new": "gelu_pytorch_tanh", "gelu_fast": "gelu_pytorch_tanh",
      "gelu_accurate": "gelu_pytorch_tanh", "gelu_python_tanh": "gelu_pytorch_tanh",
      "gelu_python": "gelu",
    ]
    let text = field.string.map { others[$0] ?? $0 }
    guard let text, let activation = Activation(rawValue: text), activation != .none else {
      throw KilpiError(
        "configuration: the activation '\(field.serialized().prefix(40))' is not known",
        advice: "quick_gelu, gelu, gelu_pytorch_tanh and relu are")
    }
    return activation
  }

  /// The error for weights whose activation nothing tells.
  static func missingActivation(_ place: String) -> KilpiError {
    KilpiError(
      "configuration: '\(place)' is missing",
      advice: "pass activation = \"quick_gelu\" (OpenAI weights) or \"gelu\"")
  }
}

extension ClipConfiguration {
  /// Reads a Hugging Face `config.json` or an open_clip model configuration.
  ///
  /// - Parameters:
  ///   - activation: used where the configuration names none; it is never guessed.
  ///   - passOver: takes the names of keys that open_clip does not know; without it they are an
  ///     error. Hugging Face's configurations hold many keys that say nothing about the model, so
  ///     others than Kilpi's are ignored there.
  ///   - note: takes what is not as it seems: a part that replaces another.
  /// - Throws: `KilpiError` naming the field that is missing, unknown or out of range.
  public init(
    json: JSONValue, activation: Activation? = nil, passOver: ((String) -> Void)? = nil,
    note: ((String) -> Void)? = nil
  ) throws {
    if Self.isHuggingFace(json) {
      self = try Self.huggingFace(json, activation: activation, note: note)
    } else if let inner = json["model_cfg"] {
      self = try Self.openCLIP(
        inner, preprocessing: json["preprocess_cfg"], activation: activation, passOver: passOver)
    } else if json["vision_cfg"] != nil {
      self = try Self.openCLIP(
        json, preprocessing: json["preprocess_cfg"], activation: activation, passOver: passOver)
    } else {
      throw KilpiError("this is no CLIP configuration: it has neither vision_config nor vision_cfg")
    }
    self = try validated()
  }

  /// Mean and standard deviation, where a configuration gives them.
  mutating func readNormalisation(_ json: JSONValue?, mean: String, deviation: String) throws {
    if let mean = try Self.channels(json, mean) { self.mean = mean }
    if let deviation = try Self.channels(json, deviation) { self.deviation = deviation }
  }

  /// A number for each channel, or one for all; nil where the field is not there.
  ///
  /// - Throws: `KilpiError` naming the field that is no such number.
  static func channels(_ json: JSONValue?, _ key: String) throws -> [Double]? {
    guard let field = json?[key], field != .null else { return nil }
    if let number = field.double { return [number, number, number] }
    let numbers = field.array?.compactMap(\.double) ?? []
    guard numbers.count == 3, field.array?.count == 3 else {
      throw KilpiError(
        "configuration: '\(key)' is \(field.serialized().prefix(60)), three numbers are needed")
    }
    return numbers
  }
}
