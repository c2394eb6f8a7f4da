/* The loops for int64: arithmetic wraps (unsigned inside); callers refuse operations that are not for it
   and divisors of 0. */
#include "clones.h"

INLINE int64_t floor_quotient_i64(int64_t u, int64_t v) {
  if (v == 0 || v == -1) return (int64_t)(0 - (uint64_t)u);
  return u / v - (u % v != 0 && (u < 0) != (v < 0));
}
INLINE int64_t remainder_i64(int64_t u, int64_t v) {
  if (v == 0 || v == -1) return 0;
  int64_t rest = u % v;
  return rest != 0 && (rest < 0) != (v < 0) ? rest + v : rest;
}
#define T int64_t
#define WIDE uint64_t
#define NAME(x) x##_i64
#define KNAME(x) kilpi_##x##_i64
#define INTEGERS 1
#pragma clang diagnostic ignored "-Wtautological-compare"
#include "arithmetic.inc"

#define FLOATS(code, ...) case KILPI_##code: return false;
#define ALL(code, ...) case KILPI_##code: return true;
bool kilpi_unary_takes_int64(kilpi_unary_code op) {
  switch (op) { KILPI_UNARY(FLOATS, FLOATS, ALL) }
}
bool kilpi_binary_takes_int64(kilpi_binary_code op) {
  switch (op) { KILPI_BINARY(FLOATS, ALL) }
}

/* -1, 0 or 1 as i lies below, at or above x; 2 beside NaN. */
static int order_mixed(int64_t i, double x) {
  if (x != x) return 2;
  if (x >= 0x1p63) return -1;
  if (x < -0x1p63) return 1;
  int64_t whole = (int64_t)x; /* towards zero; the rest is exact */
  double rest = x - (double)whole;
  if (i != whole) return i < whole ? -1 : 1;
  return rest > 0 ? -1 : rest < 0;
}

typedef struct { kilpi_comparison op; const int64_t *a; const double *b; int64_t *out; kilpi_plane plane; } mixed_pair;

static void compare_mixed_range(void *context, size_t start, size_t end) {
  mixed_pair *job = context;
  kilpi_plane p = job->plane;
  for (size_t i = start; i < end; i++) {
    ptrdiff_t row = (ptrdiff_t)(i / p.columns), column = (ptrdiff_t)(i % p.columns);
    int order = order_mixed(
        job->a[row * p.a_row + column * p.a_column], job->b[row * p.b_row + column * p.b_column]);
    bool holds = false;
    switch (job->op) {
      case KILPI_EQUAL: holds = order == 0; break;
      case KILPI_LESS: holds = order == -1; break;
      case KILPI_LESS_EQUAL: holds = order == -1 || order == 0; break;
      case KILPI_GREATER: holds = order == 1; break;
      case KILPI_GREATER_EQUAL: holds = order == 1 || order == 0; break;
    }
    job->out[i] = holds;
  }
}

void kilpi_compare_mixed(kilpi_comparison op, const int64_t *a, const double *b, int64_t *out, kilpi_plane plane) {
  mixed_pair job = {op, a, b, out, plane};
  in_ranges(plane.rows * plane.columns, GRAIN, compare_mixed_range, &job);
}
