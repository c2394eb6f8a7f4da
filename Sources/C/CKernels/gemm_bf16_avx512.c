/* Products of float32 matrices whose operands are rounded to bfloat16 while they are packed; sums are
   float32. A unit is a pair of neighbours along k, as vdpbf16ps takes them. */
#include "gemm.h"
#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("arch=x86-64-v4,avx512bf16"))), apply_to = function)
#define LANES 16
#define TILE_ROWS 14
#define PAIR 2
#define MULTIPLY_ADD(sum, left, right)                                                              \
  (vector)_mm512_dpbf16_ps((__m512)(sum), (__m512bh)(left), (__m512bh)(right))
/* 32 neighbours along k as 16 pairs. */
#define ROUND_PAIRS(low, high) (vector)_mm512_cvtne2ps_pbh((__m512)(high), (__m512)(low))
/* Two steps of k of 16 lines as 16 pairs. */
#define INTERLEAVE(even, odd)                                                                       \
  (vector)_mm512_or_si512(                                                                          \
      _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh((__m512)(even))),                           \
      _mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh((__m512)(odd))), 16))
#define SPLAT(x) (vector)_mm512_set1_ps(x)
#include "gemm.inc"
#pragma clang attribute pop

const gemm_kernel *gemm_bf16_avx512(void) {
  static const gemm_kernel kernel = {"AVX512-BF16", TILE_ROWS, TILE_COLUMNS, PAIR, pack, tile};
  return __builtin_cpu_supports("x86-64-v4") && __builtin_cpu_supports("avx512bf16") ? &kernel : NULL;
}
#else
const gemm_kernel *gemm_bf16_avx512(void) { return NULL; }
#endif
