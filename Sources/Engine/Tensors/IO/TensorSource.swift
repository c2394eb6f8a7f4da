/// Named tensors that are read on request: a file, its shards, a part of a checkpoint.
public protocol TensorSource: AnyObject {
  /// Where the tensors come from, for messages.
  var path: String { get }
  /// Names of the tensors, sorted by bytes.
  var names: [String] { get }
  /// The shape of a tensor; reads no values.
  func shape(of name: String) throws -> [Int]
  /// A tensor: half precision arrives as float32, integers and booleans as int64.
  func tensor(_ name: String) throws -> Tensor
}

extension SafetensorsFile: TensorSource {}
