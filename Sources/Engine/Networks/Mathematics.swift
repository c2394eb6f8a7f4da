internal import Glibc

/// Cosine, kept apart so that only this file needs the C library.
func cosineOf(_ x: Double) -> Double { cos(x) }
