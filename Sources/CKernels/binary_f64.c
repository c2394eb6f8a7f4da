#include "clones.h"
/* Floor division and its remainder: fmod is exact, so no digit is lost however large the quotient is. */
INLINE double remainder_f64(double u, double v) {
  double rest = fmod(u, v);
  return rest != 0 && (rest < 0) != (v < 0) ? rest + v : rest;
}
INLINE double floor_quotient_f64(double u, double v) {
  if (v == 0) return u / v;
  double rest = fmod(u, v), quotient = (u - rest) / v;
  if (rest != 0 && (rest < 0) != (v < 0)) quotient -= 1;
  if (quotient == 0) return copysign(0, u / v);
  double whole = floor(quotient); /* the division above may have rounded off an integer */
  return quotient - whole > 0.5 ? whole + 1 : whole;
}
#define T double
#define WIDE double
#define NAME(x) x##_f64
#define KNAME(x) kilpi_##x##_f64
#define ADDITION(u, v) ((u) + (v))
#define SUBTRACTION(u, v) ((u) - (v))
#define MULTIPLICATION(u, v) ((u) * (v))
#define DIVISION(u, v) ((u) / (v))
#define POWER(u, v) NAME(power)((u), (v))
#define FLOOR_QUOTIENT(u, v) NAME(floor_quotient)((u), (v))
#define REMAINDER(u, v) NAME(remainder)((u), (v))
#include "binary.inc"
