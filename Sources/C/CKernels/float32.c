/* The loops for float32, and what is faster than the C library there. */
#include "clones.h"
#define T float
#define WIDE double
#define NAME(x) x##_f32
#define KNAME(x) kilpi_##x##_f32
#define MATH(x) x##f
#define INTEGERS 0

/* exp in float32: 2^n times a degree-5 polynomial on [-ln2/2, ln2/2], relative error below 2e-7.
   Rounding by the 1.5 * 2^23 trick and the exponent from integer bits keep the loop vectorisable;
   below -86.5 the result is 0, above 88.72 infinity, NaN stays NaN. */
INLINE float fast_exp_f32(float x) {
  float bounded = x > 88.72f ? 88.72f : x;
  bounded = bounded < -86.5f ? -86.5f : bounded;
  float shifted = bounded * 1.44269504088896341f + 12582912.0f;
  float n = shifted - 12582912.0f;
  float r = bounded - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  int32_t bits;
  memcpy(&bits, &shifted, sizeof bits);
  bits = (int32_t)((uint32_t)bits << 23) + (126 << 23); /* 2^(n-1): n = 128 must not overflow yet */
  float power;
  memcpy(&power, &bits, sizeof power);
  float y = p * power * 2.0f;
  y = x < -86.5f ? 0.0f : y;
  y = x > 88.72f ? INFINITY : y;
  return x != x ? x : y;
}

/* tanh in float32: odd polynomial near 0, by exp elsewhere. */
INLINE float fast_tanh_f32(float x) {
  float a = fabsf(x), s = x * x;
  float near = ((((-5.70498872745e-3f * s + 2.06390887954e-2f) * s - 5.37397155531e-2f) * s +
                 1.33314422036e-1f) * s - 3.33332819422e-1f) * s * x + x;
  float far = 1.0f - 2.0f / (fast_exp_f32(2.0f * a) + 1.0f);
  far = x < 0 ? -far : far;
  return a < 0.625f ? near : x != x ? x : far;
}

#include "functions.inc"
#include "arithmetic.inc"
#include "elementwise.inc"
#include "rows.inc"
#include "columns.inc"
#include "patches.inc"
