internal import Diagnostics
internal import Files

extension BytePairTokenizer {
  /// A tokenizer from a Hugging Face folder: `vocab.json` with `merges.txt`, else `tokenizer.json`.
  ///
  /// - Throws: `KilpiError` naming the file that is missing or damaged.
  public convenience init(huggingFaceFolder folder: String) throws {
    let vocabularyPath = folder + "/vocab.json"
    let mergesPath = folder + "/merges.txt"
    if FileReader.exists(vocabularyPath), FileReader.exists(mergesPath) {
      let ids = try Self.json(at: vocabularyPath)
      try self.init(
        ids: ids, merges: FileReader.bytes(at: mergesPath, limit: BytePairVocabulary.byteLimit),
        path: vocabularyPath)
      return
    }
    let path = folder + "/tokenizer.json"
    guard FileReader.exists(path) else {
      throw KilpiError(
        "", "no tokenizer in '\(folder)'",
        advice: "it needs vocab.json with merges.txt, or tokenizer.json")
    }
    let model = try Self.json(at: path)["model"]
    guard let vocabulary = model?["vocab"], let merges = model?["merges"]?.array else {
      throw KilpiError("", "cannot use '\(path)': it holds no byte-pair model")
    }
    var lines = "#version\n"
    for merge in merges {
      // Newer files write pairs, older ones `left right`.
      let line =
        merge.string ?? merge.array.map { $0.compactMap(\.string).joined(separator: " ") } ?? ""
      lines += line + "\n"
    }
    try self.init(ids: vocabulary, merges: Array(lines.utf8), path: path)
  }

  private convenience init(ids: JSONValue, merges: [UInt8], path: String) throws {
    guard let members = ids.object else {
      throw KilpiError("", "cannot use '\(path)': the vocabulary is not an object")
    }
    do {
      let symbols = try members.map { member in
        guard let id = member.value.int else {
          throw KilpiError("", "'\(member.key.prefix(40))' has no whole number as its id")
        }
        return (symbol: member.key, id: id)
      }
      self.init(
        try BytePairVocabulary(
          ids: symbols, merges: merges, start: "<|startoftext|>", end: "<|endoftext|>"))
    } catch let error as KilpiError {
      throw KilpiError("", "cannot use '\(path)': \(error.problem)", advice: error.advice)
    }
  }

  private static func json(at path: String) throws -> JSONValue {
    do {
      return try JSONValue.parse(FileReader.bytes(at: path, limit: BytePairVocabulary.byteLimit))
    } catch let error as KilpiError {
      throw error.problem.contains(path)
        ? error : KilpiError("", "cannot use '\(path)': \(error.problem)", advice: error.advice)
    }
  }
}
