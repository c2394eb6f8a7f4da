/// Figures of work done outside Lua, given by whoever does that work; nil where nobody counts.
public struct Meters {
  /// Bytes of live tensors.
  public var tensorBytes: () -> Int? = { nil }
  /// Bytes kept for reuse.
  public var pooledBytes: () -> Int? = { nil }
  /// The most bytes of tensors since the last reset.
  public var peakTensorBytes: () -> Int? = { nil }
  /// Begins a new measurement of the peak.
  public var resetPeak: () -> Void = {}
  /// Forward passes of models so far.
  public var forwards: () -> Int? = { nil }
  /// The memory cap in bytes.
  public var memoryCap: () -> Int? = { nil }
  /// The largest live tensors: where they were made, and their bytes.
  public var largest: () -> [(place: String, bytes: Int)] = { [] }

  /// Meters that count nothing.
  public init() {}
}
