internal import Diagnostics
internal import Processes
internal import Tensors

extension ProcessGroup {
  /// The rows of all processes below each other, in the order of the ranks; without a gradient.
  ///
  /// - Parameters:
  ///   - own: `[n, D]`, where `n` may differ between the processes.
  func joined(_ own: Tensor) throws -> Tensor {
    guard size > 1 else { return own.detached() }
    var shape = own.shape
    guard shape.count == 2, own.dtype.isFloatingPoint else {
      throw KilpiError("rows \(shape) of \(own.dtype.rawValue) cannot be joined")
    }
    if own.dtype == .float32 {
      let all = try exchanged(own.floats())
      shape[0] = all.count / max(shape[1], 1)
      return try Tensor(all, shape: shape)
    }
    let all = try exchanged(own.doubles())
    shape[0] = all.count / max(shape[1], 1)
    return try Tensor(all, shape: shape)
  }

  /// The sum over all processes of each tensor; every process gets the same bits.
  ///
  /// Many tensors travel as one message: a model has hundreds, most of them small.
  func summed(_ tensors: [Tensor]) throws -> [Tensor] {
    guard size > 1 else { return tensors }
    let most = 1 << 24
    var result: [Tensor] = []
    var first = 0
    while first < tensors.count {
      var (last, count) = (first, 0)
      while last < tensors.count,
        last == first
          || count + tensors[last].count <= most && tensors[last].dtype == tensors[first].dtype
      {
        count += tensors[last].count
        last += 1
      }
      result += try bucketSum(tensors[first..<last], count)
      first = last
    }
    return result
  }

  private func bucketSum(_ tensors: ArraySlice<Tensor>, _ count: Int) throws -> [Tensor] {
    var start = 0
    if tensors.first?.dtype == .float32 {
      var values: [Float] = []
      values.reserveCapacity(count)
      for tensor in tensors { try tensor.withFloats { values += $0 } }
      try values.withUnsafeMutableBufferPointer { try sum($0) }
      return try tensors.map { tensor in
        defer { start += tensor.count }
        return try Tensor(Array(values[start..<start + tensor.count]), shape: tensor.shape)
      }
    }
    var values: [Double] = []
    values.reserveCapacity(count)
    for tensor in tensors { try values += tensor.doubles() }
    try values.withUnsafeMutableBufferPointer { try sum($0) }
    return try tensors.map { tensor in
      defer { start += tensor.count }
      return try Tensor(Array(values[start..<start + tensor.count]), shape: tensor.shape)
        .converted(to: tensor.dtype)
    }
  }

  /// The first process's values of a tensor, on every process.
  func rootValues(_ tensor: Tensor) throws -> Tensor {
    guard size > 1 else { return tensor }
    if tensor.dtype == .float32 {
      return try Tensor(exchanged(isRoot ? tensor.floats() : []), shape: tensor.shape)
    }
    return try Tensor(exchanged(isRoot ? tensor.doubles() : []), shape: tensor.shape)
      .converted(to: tensor.dtype)
  }

  /// The first process's number, on every process.
  func rootValue(_ value: Double) throws -> Double {
    guard size > 1 else { return value }
    return try exchanged(isRoot ? [value] : []).first ?? value
  }

  /// Strings of all processes, in the order of the ranks.
  func joined(_ own: [String]) throws -> [String] {
    guard size > 1 else { return own }
    // Each with its length in front: a string may hold any character.
    var bytes: [UInt8] = []
    for text in own {
      let text = Array(text.utf8)
      bytes += (0..<4).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) } + text
    }
    return try gathered(bytes).flatMap { bytes in
      var texts: [String] = []
      var rest = bytes[...]
      while rest.count >= 4 {
        let length = rest.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
        rest = rest.dropFirst(4)
        texts.append(String(decoding: rest.prefix(length), as: UTF8.self))
        rest = rest.dropFirst(length)
      }
      return texts
    }
  }

  private func exchanged<Value>(_ own: [Value]) throws -> [Value] {
    let bytes = own.withUnsafeBytes { [UInt8]($0) }
    return try gathered(bytes).flatMap { bytes in
      [Value](unsafeUninitializedCapacity: bytes.count / MemoryLayout<Value>.stride) {
        buffer, count in
        count = buffer.count
        UnsafeMutableRawBufferPointer(buffer).copyBytes(
          from: bytes.prefix(count * MemoryLayout<Value>.stride))
      }
    }
  }
}
