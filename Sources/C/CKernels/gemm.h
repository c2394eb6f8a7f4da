/* Matrix products of Kilpi's own, in float32 and with operands rounded to bfloat16: what the driver
   (gemm.c) asks of an instruction set (gemm_*.c, all made from gemm.inc). */
#ifndef KILPI_GEMM_H
#define KILPI_GEMM_H
#include <stdbool.h>
#include <stddef.h>

/* Steps along k that a packed block holds, in units of 4 bytes: one float32 or a pair of bfloat16. */
#define GEMM_BLOCK 384
/* Rows that a task packs at most; a multiple of every tile height. */
#define GEMM_ROWS 252

typedef struct {
  const char *name;
  size_t tile_rows, tile_columns; /* the tile of C that stays in registers */
  size_t pair;                    /* elements of k in a unit: 1, or 2 for bfloat16 */
  /* Packs `lines` rows of A or columns of B, `steps` elements of k each, into units[step][height]; what
     is beyond steps becomes 0, lanes without a line hold anything, and a vector without any line is not
     written: `tile` reads one vector of B where `columns` fit in it. `across`: neighbouring lines are
     neighbours in memory (else neighbouring steps are), `stride` is the distance of the others. Writes
     up to 60 bytes beyond where `height` is no multiple of a vector. */
  void (*pack)(const float *source, size_t stride, bool across, size_t lines, size_t steps, float *units,
               size_t height);
  /* C[rows, columns] = alpha * A * B + beta * C over `units` packed units; beta == 0 never reads C. */
  void (*tile)(size_t rows, size_t columns, size_t units, const float *a, const float *b, float *c,
               size_t stride, float alpha, float beta);
} gemm_kernel;

/* NULL when the processor lacks the instructions. */
const gemm_kernel *gemm_f32_avx512(void);
const gemm_kernel *gemm_f32_avx2(void);
const gemm_kernel *gemm_bf16_avx512(void);
#endif
