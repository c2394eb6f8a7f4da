internal import CEditLine
internal import CInterrupt
internal import Glibc

/// What the process needs before anything runs: characters, and signals.
package enum ProcessSetup {
  /// Sets the character type alone, so that numbers keep their point, and installs the handlers of
  /// Ctrl-C, broken pipes, termination and faults.
  package static func install() {
    // Wide characters need UTF-8 even where the environment says nothing of it.
    if setlocale(LC_CTYPE, "") == nil || !isUTF8 { setlocale(LC_CTYPE, "C.UTF-8") }
    kilpi_signals_install(kilpi_termination_request)
    kilpi_interrupt_install(kilpi_terminal_restore)
    kilpi_fault_install(kilpi_terminal_restore)
  }

  /// Leaves the terminal as it was when Kilpi began to edit.
  package static func restoreTerminal() { kilpi_terminal_restore() }

  /// Forgets presses of Ctrl-C.
  package static func clearInterrupt() { kilpi_interrupt_clear() }

  /// Ends the process when a press of Ctrl-C goes unheeded for so many seconds; 0 waits for ever.
  package static func limitInterrupt(seconds: Int32) { kilpi_interrupt_limit(seconds) }

  /// Lets a press of Ctrl-C end the process at once: everything is done but for scripts' finalizers, in
  /// which Lua looks at no interrupt.
  package static func finish() { kilpi_interrupt_finish() }

  private static var isUTF8: Bool {
    nl_langinfo(nl_item(CODESET)).map { String(cString: $0) } == "UTF-8"
  }
}
