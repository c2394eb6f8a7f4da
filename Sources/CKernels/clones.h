/* Shared by the kernel templates: clones per instruction set, and vectorisable float functions. */
#ifndef KILPI_CLONES_H
#define KILPI_CLONES_H
#include "CKernels.h"
#include <math.h>
#include <string.h>

#if defined(__x86_64__)
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CLONES
#endif
#define INLINE static inline __attribute__((always_inline))
/* Elements a task of the pool handles; smaller calls stay on the caller's thread. */
#define GRAIN 16384

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
INLINE double fast_exp_f64(double x) { return exp(x); }

/* tanh in float32: odd polynomial near 0, by exp elsewhere. */
INLINE float fast_tanh_f32(float x) {
  float a = fabsf(x), s = x * x;
  float near = ((((-5.70498872745e-3f * s + 2.06390887954e-2f) * s - 5.37397155531e-2f) * s +
                 1.33314422036e-1f) * s - 3.33332819422e-1f) * s * x + x;
  float far = 1.0f - 2.0f / (fast_exp_f32(2.0f * a) + 1.0f);
  far = x < 0 ? -far : far;
  return a < 0.625f ? near : x != x ? x : far;
}
INLINE double fast_tanh_f64(double x) { return tanh(x); }
INLINE float erf_f32(float x) { return erff(x); }
INLINE double erf_f64(double x) { return erf(x); }
/* Activations and their slopes. Beyond 1000 nothing changes any more; the bounds keep infinity from
   meeting zero. */
#define ACTIVATIONS(T, S)                                                                            \
  INLINE T gelu_##S(T x) {                                                                           \
    T v = x < (T)-1000 ? (T)-1000 : x;                                                               \
    return (T)0.5 * v * ((T)1 + erf_##S(v * (T)0.70710678118654752440));                             \
  }                                                                                                  \
  INLINE T gelu_slope_##S(T x) {                                                                     \
    T v = x < (T)-1000 ? (T)-1000 : x > (T)1000 ? (T)1000 : x;                                       \
    return (T)0.5 * ((T)1 + erf_##S(v * (T)0.70710678118654752440)) +                                \
           v * (T)0.39894228040143267794 * fast_exp_##S((T)-0.5 * v * v);                            \
  }                                                                                                  \
  /* 0.5 (1 + tanh u) = 1 / (1 + exp(-2u)) with u = sqrt(2/pi) (v + 0.044715 v^3) */                  \
  INLINE T tanh_gelu_##S(T x) {                                                                      \
    T v = x < (T)-1000 ? (T)-1000 : x;                                                               \
    T c = v > (T)1000 ? (T)1000 : v;                                                                 \
    return v / ((T)1 + fast_exp_##S((T)-1.5957691216057307118 * (c + (T)0.044715 * c * c * c)));     \
  }                                                                                                  \
  INLINE T tanh_gelu_slope_##S(T x) {                                                                \
    T v = x < (T)-1000 ? (T)-1000 : x > (T)1000 ? (T)1000 : x;                                       \
    T s = (T)1 / ((T)1 + fast_exp_##S((T)-1.5957691216057307118 * (v + (T)0.044715 * v * v * v)));   \
    return s + v * s * ((T)1 - s) * (T)1.5957691216057307118 * ((T)1 + (T)0.134145 * v * v);         \
  }                                                                                                  \
  INLINE T quick_gelu_##S(T x) {                                                                     \
    T v = x < (T)-1000 ? (T)-1000 : x;                                                               \
    return v / ((T)1 + fast_exp_##S((T)-1.702 * v));                                                 \
  }                                                                                                  \
  INLINE T quick_gelu_slope_##S(T x) {                                                               \
    T v = x < (T)-1000 ? (T)-1000 : x > (T)1000 ? (T)1000 : x;                                       \
    T s = (T)1 / ((T)1 + fast_exp_##S((T)-1.702 * v));                                               \
    return s + (T)1.702 * v * s * ((T)1 - s);                                                        \
  }
ACTIVATIONS(float, f32)
ACTIVATIONS(double, f64)
#undef ACTIVATIONS
INLINE float power_f32(float a, float b) { return powf(a, b); }
INLINE double power_f64(double a, double b) { return pow(a, b); }
INLINE float log_f32(float x) { return logf(x); }
INLINE double log_f64(double x) { return log(x); }
INLINE float sine_f32(float x) { return sinf(x); }
INLINE double sine_f64(double x) { return sin(x); }
INLINE float cosine_f32(float x) { return cosf(x); }
INLINE double cosine_f64(double x) { return cos(x); }

/* Runs `body(start, end)` over 0 ..< n in tasks of GRAIN. */
typedef struct { size_t n; void (*range)(void *, size_t, size_t); void *context; size_t grain; } ranged;
static inline void ranged_task(void *context, size_t index) {
  ranged *job = context;
  size_t start = index * job->grain, end = start + job->grain;
  job->range(job->context, start, end > job->n ? job->n : end);
}
static inline void in_ranges(size_t n, size_t grain, void (*range)(void *, size_t, size_t), void *context) {
  if (n == 0) return;
  if (grain == 0) grain = 1;
  if (n <= 2 * grain) { range(context, 0, n); return; }
  ranged job = {n, range, context, grain};
  kilpi_parallel((n + grain - 1) / grain, ranged_task, &job);
}
/* Rows a task handles when a row has n elements. */
static inline size_t row_grain(size_t n) { return n == 0 || n >= GRAIN ? 1 : GRAIN / n; }
#endif
