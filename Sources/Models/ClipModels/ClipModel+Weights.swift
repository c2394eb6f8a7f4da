internal import Diagnostics
internal import Networks
internal import Tensors

extension ClipModel {
  /// `(1 − share)·θ + share·θ'` over all weights; those that are equal keep their bits.
  ///
  /// - Throws: `KilpiError` for models of different architectures.
  public func interpolated(with other: ClipModel, share: Double) throws -> ClipModel {
    guard configuration == other.configuration else {
      throw KilpiError(
        "the models have different architectures", advice: "both must be of one checkpoint")
    }
    let mixed = try copy()
    try Tensor.withoutGradients {
      for (name, weight) in mixed.parameters.entries {
        let theirs = try other.parameters.required(name).detached()
        let isSame = try weight.equal(theirs)
        try weight.assign(
          Tensor.select(isSame, weight, weight * (1 - share) + theirs * share))
      }
    }
    mixed.origin = "\(origin) and \(other.origin), share \(share)"
    return mixed
  }

  /// The hash of names, shapes and bytes of all weights, as 16 hexadecimal digits.
  ///
  /// 64-bit words are mixed one after another; equal weights give equal digits on every machine. It
  /// tells models apart in records and guards against nothing.
  public func weightsHash() throws -> String {
    var state: UInt64 = 0x6B69_6C70_6921_0001
    func add(_ word: UInt64) {
      state = (state ^ word) &* 0x9E37_79B9_7F4A_7C15
      state ^= state >> 29
    }
    for (name, tensor) in parameters.entries {
      for byte in name.utf8 { add(UInt64(byte)) }
      for size in tensor.shape { add(UInt64(bitPattern: Int64(size))) }
      if tensor.dtype == .float32 {
        try tensor.detached().withFloats { values in
          for value in values { add(UInt64(value.bitPattern)) }
        }
      } else {
        for value in try tensor.detached().doubles() { add(value.bitPattern) }
      }
    }
    let text = String(state ^ state >> 32, radix: 16)
    return String(repeating: "0", count: 16 - text.count) + text
  }
}
