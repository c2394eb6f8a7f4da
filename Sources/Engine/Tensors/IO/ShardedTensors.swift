internal import Diagnostics
internal import Files

/// The tensors of a checkpoint that is split over several files, by its index.
///
/// The index is `model.safetensors.index.json` or `pytorch_model.bin.index.json`; its `weight_map`
/// says which file holds which tensor. Files must lie beside the index.
public final class ShardedTensors: TensorSource {
  /// Files that one index may name.
  private static let shardLimit = 1000

  /// The path of the index.
  public let path: String
  /// Names of the tensors, sorted by bytes.
  public let names: [String]
  private let shards: [String: any TensorSource]

  /// Opens the index and all its files.
  ///
  /// - Throws: `KilpiError` with the path and the reason: a file name with a folder in it, a tensor
  ///   that its file does not hold, an unreadable file.
  public init(indexPath path: String) throws {
    let text = try FileReader.bytes(at: path, limit: JSONLimits().bytes)
    let map: [(name: String, file: String)] = try reading(path) {
      guard let members = try JSONValue.parse(text)["weight_map"]?.object else {
        throw KilpiError("it has no weight_map", advice: "is it an index of a checkpoint?")
      }
      guard members.count <= SafetensorsHeader.Limit.tensors else {
        throw KilpiError(
          "it has \(members.count) tensors, the limit is \(SafetensorsHeader.Limit.tensors)")
      }
      return try members.map { member in
        guard let file = member.value.string, !file.isEmpty, file != ".", file != "..",
          !file.contains("/"), !file.utf8.contains(0)
        else {
          throw KilpiError("'\(member.key.prefix(40))' is not in a plain file name beside it")
        }
        return (member.key, file)
      }
    }
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
    var files: [String: any TensorSource] = [:]
    var known: [String: Set<String>] = [:]
    var shards: [String: any TensorSource] = [:]
    for (name, file) in map {
      if files[file] == nil {
        guard files.count < Self.shardLimit else {
          throw KilpiError("cannot read '\(path)': it names more than \(Self.shardLimit) files")
        }
        let source = try Self.source(folder + file)
        files[file] = source
        known[file] = Set(source.names)
      }
      guard let source = files[file], known[file]?.contains(name) == true else {
        throw KilpiError(
          "cannot read '\(path)': '\(name.prefix(60))' is not in '\(file.prefix(60))'",
          advice: "copy or download both again")
      }
      shards[name] = source
    }
    self.path = path
    self.shards = shards
    names = shards.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  private static func source(_ path: String) throws -> any TensorSource {
    guard PyTorchFile.matches(path: path) else { return try SafetensorsFile(path: path) }
    let file = try PyTorchFile(path: path)
    return try file.tensors(at: file.root)
  }

  private func shard(_ name: String) throws -> any TensorSource {
    guard let shard = shards[name] else {
      let near = NearestName.suggestion(for: name, among: names)
      throw KilpiError(
        "there is no tensor '\(name.prefix(40))' in '\(path)'",
        advice: near.map { "did you mean '\($0)'?" })
    }
    return shard
  }

  /// The shape of a tensor; reads no values.
  public func shape(of name: String) throws -> [Int] { try shard(name).shape(of: name) }

  /// A tensor: half precision as float32, integers and booleans as int64.
  public func tensor(_ name: String) throws -> Tensor { try shard(name).tensor(name) }
}
