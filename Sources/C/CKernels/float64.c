/* The loops for float64, which serves checks: exp and tanh are the C library's. */
#include "clones.h"
#define T double
#define WIDE double
#define NAME(x) x##_f64
#define KNAME(x) kilpi_##x##_f64
#define MATH(x) x
#define INTEGERS 0
INLINE double fast_exp_f64(double x) { return exp(x); }
INLINE double fast_tanh_f64(double x) { return tanh(x); }
#include "functions.inc"
#include "arithmetic.inc"
#include "elementwise.inc"
#include "rows.inc"
#include "columns.inc"
#include "patches.inc"
