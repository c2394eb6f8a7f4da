internal import CKernels
internal import Diagnostics
internal import Kernels

/// Element types of tensors.
public enum DType: String, Sendable, CaseIterable {
  /// 32-bit floating point, the default.
  case float32
  /// 64-bit floating point, for checks.
  case float64
  /// 64-bit integers: labels, indices, comparison results.
  case int64

  /// Bytes an element takes.
  public var size: Int { self == .float32 ? 4 : 8 }
  /// True for the two floating-point types.
  public var isFloatingPoint: Bool { self != .int64 }

  /// What the kernels in C choose their loop by.
  var code: kilpi_dtype {
    switch self {
    case .float32: KILPI_FLOAT32
    case .float64: KILPI_FLOAT64
    case .int64: KILPI_INT64
    }
  }

  /// What the generic kernels in Swift take for a floating-point type.
  var scalar: any KernelScalar.Type { self == .float32 ? Float.self : Double.self }
}

/// A block of elements that tensors and their views share.
final class Storage {
  let base: UnsafeMutableRawPointer
  let byteCount: Int
  /// Counts changes in place, so that `backward` notices a saved value that changed.
  var version = 0

  init(byteCount: Int) throws {
    var attempt = kilpi_storage_allocate(byteCount)
    if attempt == nil, kilpi_storage_reclaim() { attempt = kilpi_storage_allocate(byteCount) }
    guard let block = attempt else {
      let live = kilpi_storage_live_bytes()
      throw KilpiError(
        "not enough memory for \(MemoryMeter.describe(byteCount)): tensors hold "
          + MemoryMeter.describe(Int(live)),
        advice: "release tensors, or raise the cap with --memory", kind: .memory)
    }
    base = block
    self.byteCount = byteCount
    if byteCount >= LargeBlocks.least { LargeBlocks.add(base, byteCount) }
  }

  deinit {
    if byteCount >= LargeBlocks.least { LargeBlocks.remove(base) }
    kilpi_storage_free(base, byteCount)
  }
}

/// What tensor storage takes; bytes of views are counted once.
public enum MemoryMeter {
  /// Bytes in use by living tensors.
  public static var liveBytes: Int { Int(kilpi_storage_live_bytes()) }
  /// Bytes of freed blocks kept for reuse.
  public static var pooledBytes: Int { Int(kilpi_storage_pooled_bytes()) }
  /// Largest `liveBytes` since `resetPeak()`.
  public static var peakBytes: Int { Int(kilpi_storage_peak_bytes()) }
  /// Blocks requested from the system since start; constant in a settled training step.
  public static var systemAllocations: Int { Int(kilpi_storage_system_allocations()) }
  /// Blocks handed out since start.
  public static var allocations: Int { Int(kilpi_storage_allocations()) }
  /// Cap on bytes that are live or kept for reuse; 0 stands for what the machine has.
  public static var limit: Int {
    get { Int(kilpi_storage_limit()) }
    set { kilpi_storage_set_limit(Int64(newValue)) }
  }

  /// Sets what is tried once when a block is refused, such as a full collection of scripts' garbage.
  ///
  /// It runs on the thread that allocates; nil: nothing.
  public static func setReclaimer(_ reclaim: (() -> Void)?) {
    guard let reclaim else { return kilpi_storage_set_reclaimer(nil, nil) }
    // Kept for good: a process sets it once.
    let box = Unmanaged.passRetained(CallbackBox(reclaim)).toOpaque()
    kilpi_storage_set_reclaimer(
      { context in
        guard let context else { return }
        Unmanaged<CallbackBox<Void>>.fromOpaque(context).takeUnretainedValue().run()
      }, box)
  }

  /// Sets what tells how much of the cap something else takes, such as scripts' own data.
  ///
  /// It runs at every request, on the thread that allocates; nil: nothing.
  public static func setNeighbour(_ bytes: (() -> Int)?) {
    guard let bytes else { return kilpi_storage_set_neighbour(nil, nil) }
    // Kept for good: a process sets it once.
    let box = Unmanaged.passRetained(CallbackBox(bytes)).toOpaque()
    kilpi_storage_set_neighbour(
      { context in
        guard let context else { return 0 }
        return Int64(Unmanaged<CallbackBox<Int>>.fromOpaque(context).takeUnretainedValue().run())
      }, box)
  }

  /// Sets what tells where in a script a tensor is being made; nil: nothing.
  ///
  /// It runs when a large block is handed out, on the thread that allocates.
  public static func setPlaces(_ place: (() -> String)?) { LargeBlocks.setPlaces(place) }

  /// The bytes of living large blocks by the place that made them, the largest sum first.
  public static func largest() -> [(place: String, bytes: Int, blocks: Int)] {
    LargeBlocks.byPlace()
  }

  /// What C hands back to a call of ours.
  private final class CallbackBox<Result> {
    let run: () -> Result
    init(_ run: @escaping () -> Result) { self.run = run }
  }

  /// Starts a new peak measurement.
  public static func resetPeak() { kilpi_storage_reset_peak() }
  /// Gives pooled blocks back to the system.
  public static func trim() { kilpi_storage_trim() }

  /// What may be in use at once: the cap, or what the machine and its limits give.
  public static var capacity: Int { Int(kilpi_storage_capacity()) }

  /// A size as people write it: `4.0 MB`.
  public static func describe(_ bytes: Int) -> String { MemoryReservation.describe(bytes) }
}
