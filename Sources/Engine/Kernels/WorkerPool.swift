internal import CKernels

/// The one pool of threads that kernels share.
public enum WorkerPool {
  /// Threads in use, the caller's included; setting 0 means as many as the affinity mask allows.
  public static var threads: Int {
    get { Int(kilpi_threads()) }
    set { kilpi_set_threads(Int32(clamping: newValue)) }
  }

  /// Runs `body` for 0 ..< `tasks` over the pool and returns when all have ended.
  ///
  /// The body runs on several threads at once and must touch disjoint memory.
  public static func run(tasks: Int, _ body: (Int) -> Void) {
    if tasks <= 1 {
      if tasks == 1 { body(0) }
      return
    }
    withoutActuallyEscaping(body) { escapable in
      let box = Box(escapable)
      withExtendedLifetime(box) {
        kilpi_parallel(
          tasks,
          { context, index in
            guard let context else { return }
            Unmanaged<Box>.fromOpaque(context).takeUnretainedValue().body(index)
          }, Unmanaged.passUnretained(box).toOpaque())
      }
    }
  }

  /// Carries the closure through C; it does not outlive the call.
  private final class Box {
    let body: (Int) -> Void
    init(_ body: @escaping (Int) -> Void) { self.body = body }
  }
}
