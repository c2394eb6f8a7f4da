#include "clones.h"
/* Floor division and its remainder: fmod is exact, so no digit is lost however large the quotient is. */
INLINE float remainder_f32(float u, float v) {
  float rest = fmodf(u, v);
  return rest != 0 && (rest < 0) != (v < 0) ? rest + v : rest;
}
INLINE float floor_quotient_f32(float u, float v) {
  if (v == 0) return u / v;
  float rest = fmodf(u, v), quotient = (u - rest) / v;
  if (rest != 0 && (rest < 0) != (v < 0)) quotient -= 1;
  if (quotient == 0) return copysignf(0, u / v);
  float whole = floorf(quotient); /* the division above may have rounded off an integer */
  return quotient - whole > 0.5f ? whole + 1 : whole;
}
#define T float
#define WIDE double
#define NAME(x) x##_f32
#define KNAME(x) kilpi_##x##_f32
#define ADDITION(u, v) ((u) + (v))
#define SUBTRACTION(u, v) ((u) - (v))
#define MULTIPLICATION(u, v) ((u) * (v))
#define DIVISION(u, v) ((u) / (v))
#define POWER(u, v) NAME(power)((u), (v))
#define FLOOR_QUOTIENT(u, v) NAME(floor_quotient)((u), (v))
#define REMAINDER(u, v) NAME(remainder)((u), (v))
#include "binary.inc"
