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
      throw KilpiError("", "interrupted", kind: .interrupted)
    }
  }
}
