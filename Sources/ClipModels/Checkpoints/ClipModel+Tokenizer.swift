internal import Diagnostics
internal import Files

extension ClipModel {
  /// The tokenizer for a loaded model: CLIP's own, the base's, or the files in its folder.
  static func tokenizer(
    for configuration: ClipConfiguration, _ place: CheckpointPlace, base: ClipModel?
  ) throws -> (any TextTokenizer)? {
    if let standard = try standardTokenizer(for: configuration) { return standard }
    if let base, base.configuration.vocabulary == configuration.vocabulary { return base.tokenizer }
    return nil
  }
}
