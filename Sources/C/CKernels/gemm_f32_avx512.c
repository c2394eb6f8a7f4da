/* Float32 products with AVX-512: tiles of 14 x 32. */
#include "gemm.h"
#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("arch=x86-64-v4"))), apply_to = function)
#define LANES 16
#define TILE_ROWS 14
#define PAIR 1
#define MULTIPLY_ADD(sum, left, right) __builtin_elementwise_fma(left, right, sum)
#define SPLAT(x) (vector)_mm512_set1_ps(x)
#include "gemm.inc"
#pragma clang attribute pop

const gemm_kernel *gemm_f32_avx512(void) {
  static const gemm_kernel kernel = {"AVX-512", TILE_ROWS, TILE_COLUMNS, PAIR, pack, tile};
  return __builtin_cpu_supports("x86-64-v4") ? &kernel : NULL;
}
#else
const gemm_kernel *gemm_f32_avx512(void) { return NULL; }
#endif
