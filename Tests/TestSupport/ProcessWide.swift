/// Suites that read or change what belongs to the process (live bytes, threads, the interrupt flag)
/// carry names that start with `ProcessWide` and run apart: `scripts/test` filters for them with
/// `--no-parallel`; in a parallel run they are skipped.
public enum ProcessWide {
  /// True when tests run one after another.
  public static let isAlone = CommandLine.arguments.contains("--no-parallel")
}
