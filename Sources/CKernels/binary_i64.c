/* int64: arithmetic wraps (unsigned inside), division and power are refused above. */
#include "clones.h"
#define T int64_t
#define WIDE uint64_t
#define NAME(x) x##_i64
#define KNAME(x) kilpi_##x##_i64
#define ADDITION(u, v) ((int64_t)((uint64_t)(u) + (uint64_t)(v)))
#define SUBTRACTION(u, v) ((int64_t)((uint64_t)(u) - (uint64_t)(v)))
#define MULTIPLICATION(u, v) ((int64_t)((uint64_t)(u) * (uint64_t)(v)))
#define DIVISION(u, v) ((v) == 0 || (v) == -1 ? (int64_t)(0 - (uint64_t)(u)) : (u) / (v))
#define POWER(u, v) ((u) & (v) & 0)
#pragma clang diagnostic ignored "-Wtautological-compare"
#include "binary.inc"

void kilpi_unary_i64(int op, const int64_t *x, int64_t *y, size_t n) {
  for (size_t i = 0; i < n; i++) {
    int64_t v = x[i], minus = (int64_t)(0 - (uint64_t)v);
    switch (op) {
      case KILPI_NEGATE: y[i] = minus; break;
      case KILPI_ABS: y[i] = v < 0 ? minus : v; break;
      case KILPI_SQUARE: y[i] = (int64_t)((uint64_t)v * (uint64_t)v); break;
      case KILPI_SIGN: y[i] = (v > 0) - (v < 0); break;
      default: y[i] = v; break; /* floor, round */
    }
  }
}
