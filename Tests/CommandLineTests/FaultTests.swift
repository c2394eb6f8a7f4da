import Testing

/// Should a fault of Kilpi end the process all the same: what is said, and that it ends at once.
@Suite struct FaultTests {
  private static let rest = """
    . This is a fault in Kilpi, not in your code: please report the call.
    The history is written; a run goes on from its last checkpoint, an evaluation from its last \
    sample (resume = true).

    """

  static let signals: [(name: String, status: Int32, words: String)] = [
    ("ILL", 4, "illegal instruction (SIGILL)"), ("TRAP", 5, "trap (SIGTRAP)"),
    ("ABRT", 6, "aborted (SIGABRT)"), ("BUS", 7, "bus error (SIGBUS)"),
    ("FPE", 8, "arithmetic fault (SIGFPE)"), ("SEGV", 11, "invalid memory access (SIGSEGV)"),
  ]

  /// The signal's own status, as the shell counts it, and no question to anybody.
  @Test(arguments: signals)
  func aFaultSaysWhereAndEnds(_ signal: (name: String, status: Int32, words: String)) throws {
    let result = try Executable.shell(
      "ulimit -c 0; $KILPI -e 'os.execute(\"kill -\(signal.name) $PPID\") while true do end' "
        + "< /dev/null; exit $?")
    #expect(result.status == 128 + signal.status)
    #expect(result.output == "")
    // The shell adds a line of its own.
    #expect(result.error.hasPrefix("\nkilpi: \(signal.words) in Lua" + Self.rest))
  }

  @Test func theCallsAreNamedFromTheInnermostOn() throws {
    let script = """
      tensor.scope(function()
        attack.fgsm(function(x)
          os.execute("kill -SEGV $PPID")
          while true do end
        end, tensor.zeros{1, 3, 4, 4}, {1})
      end)
      """
    let path = try Executable.file("fault/calls.lua", Array(script.utf8))
    let result = try Executable.shell("ulimit -c 0; $KILPI \(path); exit $?")
    #expect(result.status == 139)
    #expect(
      result.error.hasPrefix(
        "\nkilpi: invalid memory access (SIGSEGV) in attack.fgsm in tensor.scope" + Self.rest))
  }

  /// Ctrl-\\ is a wish and no fault.
  @Test func quittingSaysNothing() throws {
    let result = try Executable.shell(
      "ulimit -c 0; $KILPI -e 'os.execute(\"(sleep 0.1; kill -QUIT $PPID) &\") while true do end'; "
        + "exit $?")
    #expect(result.status == 131)
    #expect(!result.error.contains("kilpi:"))
  }
}
