internal import CLuaBridge

/// A thread with a big stack, for Lua outside the main thread.
public enum BigStack {
  /// Runs `body` on a new thread and waits for it.
  ///
  /// Nested Lua calls and patterns need room: 8 MiB as on the main thread, or more.
  public static func run<R: Sendable>(
    bytes: Int = 16 << 20, _ body: @escaping @Sendable () throws -> R
  ) throws -> R {
    let job = BigStackJob { Result { try body() } }
    let started = kilpi_run_with_stack(
      bytes,
      { context in
        guard let context else { return }
        Unmanaged<AnyBigStackJob>.fromOpaque(context).takeUnretainedValue().run()
      },
      Unmanaged<AnyBigStackJob>.passUnretained(job).toOpaque())
    guard started, let result = job.result else {
      throw LuaError(kind: .memory, message: "no thread with a stack of \(bytes) bytes")
    }
    return try result.get()
  }
}

/// A job without its type of result, as C hands it back.
class AnyBigStackJob {
  func run() {}
}

/// The creating thread waits while the job runs, so the two never touch it at the same time.
final class BigStackJob<R>: AnyBigStackJob {
  private let body: () -> Result<R, any Error>
  private(set) var result: Result<R, any Error>?

  init(_ body: @escaping () -> Result<R, any Error>) { self.body = body }
  override func run() { result = body() }
}
