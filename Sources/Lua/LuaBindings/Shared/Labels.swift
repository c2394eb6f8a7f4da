internal import Diagnostics
internal import LuaHost
internal import Tensors

extension Call {
  /// Class labels, 1-based in Lua, as 0-based integers: an int64 tensor or a table of integers.
  ///
  /// - Parameters:
  ///   - classes: the number of classes, nil where it is not known yet: then only 0 and below are
  ///     refused.
  ///   - name: how messages name the list.
  func labels(_ index: Int, classes: Int? = nil, name: String = "labels") throws -> [Int] {
    let values: [Int]
    if let tensor = try handleIfPresent(index, as: Tensor.self) {
      values = try tensor.wholeNumbers(name)
    } else if kind(index) == .table {
      values = try integers(index)
    } else {
      throw badArgument(index, expected: "tensor or table of integers")
    }
    return try Self.zeroBased(values, classes: classes, name: name)
  }

  /// Class labels as a 0-based int64 tensor `[N]`, as floor 1 takes them.
  func labelTensor(_ index: Int, classes: Int? = nil, name: String = "labels") throws -> Tensor {
    let values = try labels(index, classes: classes, name: name)
    return try Tensor(values.map { Int64($0) }, shape: [values.count])
  }

  /// 0-based class labels from 1-based ones.
  static func zeroBased(_ labels: [Int], classes: Int?, name: String) throws -> [Int] {
    if let classes { return try Indexing.labels(labels, classes: classes, name: name) }
    for (position, label) in labels.enumerated() where label < 1 {
      throw KilpiError(
        "\(name)[\(position + 1)] is \(label), classes are 1 and up",
        advice: "labels count from 1")
    }
    return labels.map { $0 - 1 }
  }
}

extension Options {
  /// Class labels of an option (an int64 tensor or a table), 0-based; nil when it was not given.
  func labelsIfGiven(_ name: String, classes: Int? = nil) throws -> [Int]? {
    guard has(name) else { return nil }
    let values: [Int]
    if let tensor = value(name).object(as: Tensor.self) {
      values = try tensor.wholeNumbers(name)
    } else if value(name).table != nil {
      values = try tree(name).integers(name)
    } else {
      throw problem(name, "must be a tensor or a list of integers, got \(value(name).typeName)")
    }
    return try Call.zeroBased(values, classes: classes, name: name)
  }
}

extension LuaTree {
  /// The integers of a list.
  func integers(_ name: String) throws -> [Int] {
    if case .emptyList = self { return [] }
    guard case .list(let values) = self else { throw KilpiError("\(name) is not a list") }
    return try values.enumerated().map { position, value in
      if case .integer(let integer) = value { return Int(integer) }
      if case .number(let number) = value, let integer = Int(exactly: number) { return integer }
      throw KilpiError("\(name)[\(position + 1)] is not an integer")
    }
  }
}

extension Tensor {
  /// The elements of a tensor with one axis (or none) as integers; floats must be whole.
  func wholeNumbers(_ name: String) throws -> [Int] {
    guard rank <= 1 else {
      throw KilpiError("\(name) has shape \(ErrorText.shape(shape)), one axis is needed")
    }
    guard dtype == .int64 else {
      return try doubles().enumerated().map { position, value in
        guard let integer = Int(exactly: value) else {
          throw KilpiError("\(name)[\(position + 1)] is \(ErrorText.number(value)), not an integer")
        }
        return integer
      }
    }
    return try integers().map { Int($0) }
  }

  /// 0-based indices from Lua's 1-based ones (negative from the end); the shape stays.
  func zeroBased(count: Int, what: String = "index") throws -> Tensor {
    let values = try integers().map { value in
      Int64(try Indexing.index(Int(value), count: count, what: what))
    }
    return try Tensor(values, shape: shape)
  }

  /// 1-based indices for Lua from floor 1's 0-based ones.
  func oneBased() throws -> Tensor { try self + 1.0 }
}
