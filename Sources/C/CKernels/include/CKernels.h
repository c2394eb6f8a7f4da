/* Numeric leaf loops, storage blocks and the worker pool. Called by `Kernels` and `Tensors` only, on
   any thread; arguments are trusted: callers have checked every size. Loops carry per-function clones
   for x86-64-v4, -v3 and baseline, chosen at load time, so that one build runs everywhere. */
#ifndef KILPI_KERNELS_H
#define KILPI_KERNELS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "operations.h"

/* ---- storage.c: pooled, 64-byte-aligned blocks with a byte meter ---- */
/* A block of at least `bytes`, or NULL when the cap or the system refuses. Contents are undefined. */
void *kilpi_storage_allocate(size_t bytes);
void kilpi_storage_free(void *block, size_t bytes);
int64_t kilpi_storage_live_bytes(void);   /* in use now */
int64_t kilpi_storage_pooled_bytes(void); /* freed, kept for reuse */
int64_t kilpi_storage_peak_bytes(void);   /* largest `live` since the last reset */
void kilpi_storage_reset_peak(void);
int64_t kilpi_storage_allocations(void);  /* blocks handed out so far */
int64_t kilpi_storage_system_allocations(void); /* of these, not whole from what was kept */
void kilpi_storage_trim(void);            /* gives pooled blocks back to the system */
void kilpi_storage_set_limit(int64_t bytes);      /* cap on live and pooled bytes; 0: the machine's memory */
int64_t kilpi_storage_limit(void);
int64_t kilpi_storage_capacity(void); /* what may be in use: the cap, else the machine's memory, half of limited addresses at most */
/* Asked once when the cap or the system refuses a block, before the request fails for good; it may free
   storage. Runs on the thread that allocates. NULL: none. */
void kilpi_storage_set_reclaimer(void (*reclaim)(void *context), void *context);
/* Bytes that something else takes of the cap, read at each request, on its thread. NULL: none. */
void kilpi_storage_set_neighbour(int64_t (*bytes)(void *context), void *context);
bool kilpi_storage_reclaim(void); /* false when there is no reclaimer */
void kilpi_storage_fail_after(int64_t allocations); /* tests: refuse the n-th request from now; -1: never */

/* ---- gemm.c: matrix products over the pool ---- */
typedef enum {
  KILPI_GEMM_F32 = 0,      /* float32 by the best instructions that are there */
  KILPI_GEMM_BF16 = 1,     /* A and B rounded to bfloat16, sums in float32 */
  KILPI_GEMM_F32_AVX2 = 2, /* float32 by AVX2, for tests */
} kilpi_gemm_kind;
/* The instructions they use, such as "AVX-512"; NULL when the processor has none that serve. */
const char *kilpi_gemm_name(kilpi_gemm_kind kind);
/* C = alpha op(A) op(B) + beta C, row-major, strides in elements; beta 0 never reads C. An element's bits
   depend on its row of A, its column of B and k alone. False: not computed (no kernel, no memory);
   after an interrupt C is incomplete. bfloat16 instructions take subnormal numbers for 0. */
bool kilpi_gemm(kilpi_gemm_kind kind, bool transpose_a, bool transpose_b, size_t m, size_t n,
                size_t k, float alpha, const float *a, size_t lda, const float *b, size_t ldb, float beta,
                float *c, size_t ldc);
/* The same, bit for bit, on the calling thread: for products within a task. After an interrupt C is
   incomplete here, too. */
bool kilpi_gemm_here(kilpi_gemm_kind kind, bool transpose_a, bool transpose_b, size_t m, size_t n,
                     size_t k, float alpha, const float *a, size_t lda, const float *b, size_t ldb,
                     float beta, float *c, size_t ldc);

/* ---- threads.c: one pool; a task runs to its end, the call returns when all have ---- */
typedef void (*kilpi_task)(void *context, size_t index);
void kilpi_parallel(size_t tasks, kilpi_task task, void *context);
void kilpi_set_threads(int threads); /* 1 ... 256; 0: as many as the affinity mask allows */
int kilpi_threads(void);
/* Nesting depth of "no gradient" on this thread; `change` is added first. */
int kilpi_gradient_pause(int change);
/* Process-wide choices and counters of the tensor engine. */
bool kilpi_deterministic(void);
void kilpi_set_deterministic(bool on);
uint64_t kilpi_next_order(void); /* 1, 2, 3, ...: creation order of tape nodes */
uint64_t kilpi_recorded(void); /* tape nodes that this thread has made */

/* ---- operation codes; unary and binary ones: operations.h ---- */
typedef enum { KILPI_EQUAL, KILPI_LESS, KILPI_LESS_EQUAL, KILPI_GREATER, KILPI_GREATER_EQUAL } kilpi_comparison;
typedef enum { KILPI_SUM, KILPI_PRODUCT, KILPI_MAX, KILPI_MIN } kilpi_reduction;
typedef enum { KILPI_FLOAT32, KILPI_FLOAT64, KILPI_INT64 } kilpi_dtype;
bool kilpi_unary_takes_int64(kilpi_unary_code op);
bool kilpi_binary_takes_int64(kilpi_binary_code op);

/* Two operands of a `rows x columns` result, each with its own row and column step (0 or 1 in the
   column; any in the row): plain, scalar, row and column broadcasts in one form. */
typedef struct {
  size_t rows, columns;
  ptrdiff_t a_row, a_column, b_row, b_column;
} kilpi_plane;

typedef struct { size_t samples, channels, height, width, patch; } kilpi_grid;

/* One image under a square kernel: `columns` outputs a row, `rows` output rows from `first` on. */
typedef struct {
  size_t channels, height, width, kernel, stride, padding, columns, first, rows;
} kilpi_window;

/* ---- loops over tensors, one row each: K(result, name, parameters, arguments) ----
   T is the element type and R that of a single number. Swift sees `kilpi_name(type, ...)` with T = void and
   R = double, the one dispatch over element types (dispatch.c); the loops are `kilpi_name_f32` and so on. */

/* float32, float64 and int64 */
#define KILPI_LOOPS(K, T)                                                                            \
  K(void, unary, (kilpi_unary_code op, const T *x, T *y, size_t n), (op, x, y, n))                        \
  K(void, binary, (kilpi_binary_code op, const T *a, const T *b, T *out, kilpi_plane plane),              \
    (op, a, b, out, plane))                                                                          \
  K(void, compare, (kilpi_comparison op, const T *a, const T *b, int64_t *out, kilpi_plane plane),      \
    (op, a, b, out, plane))                                                                          \
  K(void, select, (const int64_t *condition, const T *a, const T *b, T *out, size_t n),              \
    (condition, a, b, out, n))                                                                       \
  /* x [outer, n, inner] -> out [outer, inner] */                                                    \
  K(void, reduce, (kilpi_reduction op, const T *x, T *out, size_t outer, size_t n, size_t inner),       \
    (op, x, out, outer, n, inner))                                                                   \
  K(void, cumulate, (const T *x, T *y, size_t outer, size_t n, size_t inner, bool reverse),          \
    (x, y, outer, n, inner, reverse))                                                                \
  /* index of the first largest (or smallest) of each row of x [outer, n] */                         \
  K(void, argmax, (const T *x, int64_t *out, size_t outer, size_t n, bool smallest),                 \
    (x, out, outer, n, smallest))                                                                    \
  /* x [outer, length, inner], indices and out [outer, along, inner] of n elements */                \
  K(void, pick, (const T *x, const int64_t *indices, T *out, size_t n, size_t along, size_t length,  \
                 size_t inner), (x, indices, out, n, along, length, inner))

/* float32 and float64 */
#define KILPI_FLOAT_LOOPS(K, T, R)                                                                   \
  /* out = g * f'(x), given also y = f(x) */                                                         \
  K(void, unary_gradient, (kilpi_unary_code op, const T *x, const T *y, const T *g, T *out, size_t n),    \
    (op, x, y, g, out, n))                                                                           \
  /* the same of a function that a linear layer fuses */                                             \
  K(void, activation_gradient, (kilpi_activation op, const T *x, const T *g, T *out, size_t n),      \
    (op, x, g, out, n))                                                                              \
  K(void, clamp, (const T *x, T *y, size_t n, R lo, R hi), (x, y, n, lo, hi))                        \
  K(void, clamp_gradient, (const T *x, const T *g, T *out, size_t n, R lo, R hi),                    \
    (x, g, out, n, lo, hi))                                                                          \
  K(void, fill, (T *x, R value, size_t n), (x, value, n))                                            \
  K(void, axpy, (R alpha, const T *x, T *y, size_t n), (alpha, x, y, n))                             \
  K(void, softmax, (const T *x, T *y, size_t rows, size_t n, bool logarithm),                        \
    (x, y, rows, n, logarithm))                                                                      \
  K(void, softmax_gradient,                                                                          \
    (const T *y, const T *g, T *out, size_t rows, size_t n, bool logarithm),                         \
    (y, g, out, rows, n, logarithm))                                                                 \
  K(void, layer_norm,                                                                                \
    (const T *x, const T *gain, const T *bias, T *y, T *mean, T *scale, size_t rows, size_t n,       \
     double epsilon), (x, gain, bias, y, mean, scale, rows, n, epsilon))                             \
  K(void, layer_norm_gradient,                                                                       \
    (const T *x, const T *gain, const T *mean, const T *scale, const T *g, T *dx, size_t rows,       \
     size_t n), (x, gain, mean, scale, g, dx, rows, n))                                              \
  /* g * (x - mean) * scale, whose column sums are the gain's gradient */                            \
  K(void, layer_norm_gain,                                                                           \
    (const T *x, const T *mean, const T *scale, const T *g, T *out, size_t rows, size_t n),          \
    (x, mean, scale, g, out, rows, n))                                                               \
  K(void, cross_entropy,                                                                             \
    (const T *logits, const int64_t *labels, T *loss, size_t rows, size_t n),                        \
    (logits, labels, loss, rows, n))                                                                 \
  K(void, cross_entropy_gradient,                                                                    \
    (const T *logits, const int64_t *labels, const T *g, T *out, size_t rows, size_t n),             \
    (logits, labels, g, out, rows, n))                                                               \
  /* y += bias by columns, then the activation; y may be kept before it in pre */                    \
  K(void, bias_activation,                                                                           \
    (T *y, const T *bias, T *pre, size_t rows, size_t n, kilpi_activation op),                       \
    (y, bias, pre, rows, n, op))                                                                     \
  K(void, normalize, (const T *x, T *y, T *norm, size_t rows, size_t n), (x, y, norm, rows, n))      \
  K(void, normalize_gradient,                                                                        \
    (const T *y, const T *norm, const T *g, T *out, size_t rows, size_t n),                          \
    (y, norm, g, out, rows, n))                                                                      \
  /* g counts scale times */                                                                         \
  K(void, adamw,                                                                                     \
    (T *w, const T *g, T *m, T *v, size_t n, double scale, double rate, double beta1, double beta2,  \
     double epsilon, double decay, double correction1, double correction2),                          \
    (w, g, m, v, n, scale, rate, beta1, beta2, epsilon, decay, correction1, correction2))            \
  /* x = min(max(x + step * sign(g), lo), hi) */                                                     \
  K(void, sign_step, (T *x, const T *g, const T *lo, const T *hi, R step, size_t n),                 \
    (x, g, lo, hi, step, n))                                                                         \
  /* softmax(scale * s [+ causal mask]) in place, s [rows, n] */                                     \
  K(void, attention_softmax, (T *s, size_t rows, size_t n, R scale, bool causal),                    \
    (s, rows, n, scale, causal))                                                                     \
  K(void, attention_softmax_gradient,                                                                \
    (const T *p, T *dp, size_t rows, size_t n, R scale, bool causal), (p, dp, rows, n, scale, causal)) \
  /* sum of squares, in double */                                                                    \
  K(double, sum_of_squares, (const T *x, size_t n), (x, n))                                          \
  /* first index whose value is not finite, or n */                                                  \
  K(size_t, first_not_finite, (const T *x, size_t n), (x, n))                                        \
  /* table [outer, entries, width] += values [outer, count, width], each at its row */               \
  K(void, add_rows,                                                                                  \
    (T *table, const int64_t *rows, const T *values, size_t outer, size_t entries, size_t count,     \
     size_t width), (table, rows, values, outer, entries, count, width))                             \
  /* adds back what pick took */                                                                     \
  K(void, add_picked,                                                                                \
    (T *x, const int64_t *indices, const T *values, size_t n, size_t along, size_t length,           \
     size_t inner), (x, indices, values, n, along, length, inner))                                   \
  /* x [samples, channels, side_y, side_x] -> [samples, grid_y * grid_x, channels * patch * patch], each \
     value times factor[channel] plus offset[channel]; the gradient scatters back */                 \
  K(void, patches, (const T *x, T *out, kilpi_grid grid, const double *factor, const double *offset), \
    (x, out, grid, factor, offset))                                                                  \
  K(void, patches_gradient, (const T *g, T *out, kilpi_grid grid, const double *factor),             \
    (g, out, grid, factor))                                                                          \
  /* x [channels, height, width] <-> [channels * kernel * kernel, rows * columns]; fold adds */      \
  K(void, unfold, (const T *x, T *out, kilpi_window window), (x, out, window))                       \
  K(void, fold, (const T *columns, T *x, kilpi_window window), (columns, x, window))

#define KILPI_TYPED(...) (kilpi_dtype type, __VA_ARGS__)
#define KILPI_DECLARE(result, name, parameters, arguments) result kilpi_##name KILPI_TYPED parameters;
KILPI_LOOPS(KILPI_DECLARE, void)
KILPI_FLOAT_LOOPS(KILPI_DECLARE, void, double)
#undef KILPI_DECLARE

/* Integers compared with floating-point numbers, exact as mathematics has it. */
void kilpi_compare_mixed(kilpi_comparison op, const int64_t *a, const double *b, int64_t *out, kilpi_plane plane);

/* ---- copies ---- */
#define KILPI_MAX_RANK 16
/* Gathers a strided block (strides in elements of `size` 4 or 8 bytes) into contiguous order. */
void kilpi_gather_strided(size_t size, int rank, const size_t *shape, const ptrdiff_t *strides,
                          const void *source, void *target);
/* Scatters contiguous values into a strided block. */
void kilpi_scatter_strided(size_t size, int rank, const size_t *shape, const ptrdiff_t *strides,
                           const void *source, void *target);
/* The first element that int64 cannot hold, NaN among them; n when there is none. */
size_t kilpi_first_beyond_int64(kilpi_dtype from, const void *source, size_t n);
void kilpi_convert(kilpi_dtype from, const void *source, kilpi_dtype to, void *target, size_t n);
/* target[o, k, :] = source[o, indices[k], :]; blocks of `width` bytes */
void kilpi_take_rows(const void *source, const int64_t *indices, void *target, size_t outer,
                     size_t source_rows, size_t count, size_t width);
/* float16 and bfloat16 as stored in files */
void kilpi_widen_half(const uint16_t *source, float *target, size_t n);
void kilpi_widen_bfloat16(const uint16_t *source, float *target, size_t n);
void kilpi_narrow_half(const float *source, uint16_t *target, size_t n);
#endif
