/* oneDNN, opened at run time: it may be there or not. Called by `Kernels` only, on any thread. */
#ifndef KILPI_ONEDNN_H
#define KILPI_ONEDNN_H
#include <stdbool.h>
#include <stdint.h>

/* Opens the library once; false when it is not installed. */
bool kilpi_onednn_available(void);
/* Its version, such as "2.6.3"; "" when it is not there. */
const char *kilpi_onednn_version(void);
/* True when the processor has the AVX-512 instructions that oneDNN's products use. */
bool kilpi_onednn_has_avx512(void);
/* C = alpha op(A) op(B) + beta C, row-major, on the calling thread alone; false: not computed. */
bool kilpi_onednn_sgemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha,
                        const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c,
                        int64_t ldc);
#endif
