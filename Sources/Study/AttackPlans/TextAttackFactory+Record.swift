internal import Attacks
internal import Files
internal import TextModels

extension TextAttackFactory {
  /// Everything that fixes an attack, for records: its parameters with what applies where none was
  /// given, and the models that it asks.
  static func record(
    _ options: TextAttackParameters, _ name: String, _ attack: TextAttack,
    _ mlm: MaskedLanguageModel?, encoder: SentenceEncoder?
  ) -> JSONValue {
    var members: [JSONValue.Member] = [.init("method", .string(name))]
    members += options.recordedParameters
    members += [
      .init("seed", .integer(Int64(bitPattern: options.seed))),
      .init("objective", .string(attack.objective.name)),
    ]
    if let encoder { members.append(.init("encoder_hash", .string(encoder.record))) }
    let sources = options.sources ?? []
    let usesEmbedding = sources.contains(.embed) || options.minWordCosine != nil
    if usesEmbedding {
      members.append(.init("embedding", .string(mlm == nil ? "clip" : "mlm")))
    }
    if let mlm, sources.contains(.mlm) || usesEmbedding {
      members += [
        .init("mlm", .string(mlm.origin)), .init("mlm_hash", .string(mlm.fingerprint)),
      ]
    }
    // Without the released list of stop words it is not the released procedure.
    guard sources.contains(.mlm), options.masked.mode == .coattack, options.stopWords == nil else {
      return .object(members)
    }
    return .object(
      members.map { $0.key == "mode" ? .init("mode", .string("coattack/own-stoplist")) : $0 })
  }
}
