internal import Glibc

/// The steady clock of timings.
package enum Clock {
  /// Seconds since some fixed moment; never goes back.
  package static func seconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}
