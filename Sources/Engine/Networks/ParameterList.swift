internal import Diagnostics
public import Tensors

/// Weights by name, in definition order.
public struct ParameterList {
  /// Names in definition order.
  public private(set) var names: [String] = []
  private var tensors: [String: Tensor] = [:]

  /// Creates an empty list.
  public init() {}

  /// Adds a weight, or replaces one of the same name.
  public mutating func set(_ name: String, _ tensor: Tensor) {
    if tensors.updateValue(tensor, forKey: name) == nil { names.append(name) }
  }

  /// The weight of a name.
  public subscript(name: String) -> Tensor? { tensors[name] }

  /// The weight of a name that the architecture needs.
  ///
  /// - Throws: `KilpiError` when it is not there.
  public func required(_ name: String) throws -> Tensor {
    guard let tensor = tensors[name] else {
      throw KilpiError("the model has no weight '\(name)'")
    }
    return tensor
  }

  /// Names and weights in definition order.
  public var entries: [(name: String, tensor: Tensor)] {
    names.compactMap { name in tensors[name].map { (name, $0) } }
  }

  /// Number of weights, all elements counted.
  public var elementCount: Int { entries.reduce(0) { $0 + $1.tensor.count } }

  /// Goes up with every change in place of any weight.
  public var version: Int { entries.reduce(0) { $0 + $1.tensor.version } }

  /// A list of the same names with other tensors.
  public func mapped(_ transform: (String, Tensor) throws -> Tensor) rethrows -> ParameterList {
    var result = ParameterList()
    for (name, tensor) in entries { result.set(name, try transform(name, tensor)) }
    return result
  }
}
