/// Figures of work done outside Lua, given by whoever does that work; nil where nobody counts.
package struct Meters {
  /// Bytes of live tensors.
  package var tensorBytes: () -> Int? = { nil }
  /// Bytes kept for reuse.
  package var pooledBytes: () -> Int? = { nil }
  /// The most bytes of tensors since the last reset.
  package var peakTensorBytes: () -> Int? = { nil }
  /// Begins a new measurement of the peak.
  package var resetPeak: () -> Void = {}
  /// Forward passes of models so far.
  package var forwards: () -> Int? = { nil }
  /// The memory cap in bytes.
  package var memoryCap: () -> Int? = { nil }
  /// The largest live tensors: where they were made, and their bytes.
  package var largest: () -> [(place: String, bytes: Int)] = { [] }

  /// Meters that count nothing.
  package init() {}
}
