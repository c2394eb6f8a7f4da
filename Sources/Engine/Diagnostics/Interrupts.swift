internal import CInterrupt

/// The process-wide interrupt flag, as Swift code polls it.
public enum Interrupts {
  /// True while Ctrl-C (or its equivalent) waits to be noticed.
  public static var isPending: Bool { kilpi_interrupt_pending() }

  /// Throws `KilpiError` of kind `interrupted` when an interrupt is pending.
  ///
  /// Long work calls this at least every 50 ms; the flag stays up until the session has ended the
  /// cell, so that no script can swallow it.
  public static func poll() throws {
    if kilpi_interrupt_pending() {
      throw KilpiError("interrupted", kind: .interrupted)
    }
  }
}

/// A request to end the process, SIGTERM or SIGHUP, which work that saves itself may hold back.
public enum Termination {
  /// True once a request was noted; the work that holds it saves and returns soon.
  public static var isRequested: Bool { kilpi_termination_requested() != 0 }

  /// The exit status of a process that was asked to end, 128 + the signal's number; else nil.
  public static var exitStatus: Int32? {
    let signal = kilpi_termination_requested()
    return signal == 0 ? nil : 128 + signal
  }

  /// Runs work that looks at `isRequested`: a first request does not end the process meanwhile, a
  /// second one does.
  ///
  /// When a request was noted, the interrupt flag is up afterwards, so that no script goes on.
  public static func held<Result>(_ work: () throws -> Result) rethrows -> Result {
    kilpi_termination_hold()
    defer { kilpi_termination_release() }
    return try work()
  }
}
