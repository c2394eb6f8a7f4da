internal import Glibc

/// The steady clock of timings.
public enum Clock {
  /// Seconds since some fixed moment; never goes back.
  public static func seconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}
