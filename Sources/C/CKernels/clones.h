/* Shared by the kernel templates: clones per instruction set, and ranges over the pool. */
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

/* The loops by element type. */
#define DECLARE_F32(result, name, parameters, arguments) result kilpi_##name##_f32 parameters;
#define DECLARE_F64(result, name, parameters, arguments) result kilpi_##name##_f64 parameters;
#define DECLARE_I64(result, name, parameters, arguments) result kilpi_##name##_i64 parameters;
KILPI_LOOPS(DECLARE_F32, float)
KILPI_LOOPS(DECLARE_F64, double)
KILPI_LOOPS(DECLARE_I64, int64_t)
KILPI_FLOAT_LOOPS(DECLARE_F32, float, float)
KILPI_FLOAT_LOOPS(DECLARE_F64, double, double)

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
