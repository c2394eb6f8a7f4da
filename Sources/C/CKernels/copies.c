#include "clones.h"

typedef struct {
  size_t size; int rank; const size_t *shape; const ptrdiff_t *strides;
  const char *source; char *target; bool scatter; size_t rows, columns;
} block_copy;

/* Copies rows (innermost axis) of a strided block; the row number is unfolded into an offset. */
static void copy_rows(void *context, size_t start, size_t end) {
  block_copy *job = context;
  ptrdiff_t step = job->strides[job->rank - 1];
  for (size_t row = start; row < end; row++) {
    size_t rest = row;
    ptrdiff_t offset = 0;
    for (int axis = job->rank - 2; axis >= 0; axis--) {
      offset += (ptrdiff_t)(rest % job->shape[axis]) * job->strides[axis];
      rest /= job->shape[axis];
    }
    size_t n = job->columns, size = job->size;
    const char *from = job->source + (job->scatter ? (ptrdiff_t)(row * n) : offset) * (ptrdiff_t)size;
    char *to = job->target + (job->scatter ? offset : (ptrdiff_t)(row * n)) * (ptrdiff_t)size;
    ptrdiff_t a = job->scatter ? 1 : step, b = job->scatter ? step : 1;
    if (a == 1 && b == 1) memcpy(to, from, n * size);
    else if (size == 4) for (size_t i = 0; i < n; i++) ((uint32_t *)to)[(ptrdiff_t)i * b] = ((const uint32_t *)from)[(ptrdiff_t)i * a];
    else for (size_t i = 0; i < n; i++) ((uint64_t *)to)[(ptrdiff_t)i * b] = ((const uint64_t *)from)[(ptrdiff_t)i * a];
  }
}

static void copy_block(block_copy job) {
  size_t total = 1;
  for (int axis = 0; axis < job.rank; axis++) total *= job.shape[axis];
  if (total == 0) return;
  if (job.rank == 0) { memcpy(job.target, job.source, job.size); return; }
  job.columns = job.shape[job.rank - 1];
  job.rows = total / job.columns;
  in_ranges(job.rows, row_grain(job.columns), copy_rows, &job);
}

void kilpi_gather_strided(size_t size, int rank, const size_t *shape, const ptrdiff_t *strides,
                          const void *source, void *target) {
  copy_block((block_copy){size, rank, shape, strides, source, target, false, 0, 0});
}

void kilpi_scatter_strided(size_t size, int rank, const size_t *shape, const ptrdiff_t *strides,
                           const void *source, void *target) {
  copy_block((block_copy){size, rank, shape, strides, source, target, true, 0, 0});
}

/* A number outside int64 becomes the nearest end, NaN becomes 0: no undefined conversion. */
static int64_t to_int64(double value) {
  if (value != value) return 0;
  if (value >= 9223372036854775807.0) return INT64_MAX;
  if (value <= -9223372036854775808.0) return INT64_MIN;
  return (int64_t)value;
}

size_t kilpi_first_beyond_int64(kilpi_dtype from, const void *source, size_t n) {
  const float *f = source;
  const double *d = source;
  /* Written so that NaN fails; both bounds are exact in either type. */
  if (from == KILPI_FLOAT32) {
    for (size_t i = 0; i < n; i++)
      if (!(f[i] >= -9223372036854775808.0f && f[i] < 9223372036854775808.0f)) return i;
  } else if (from == KILPI_FLOAT64) {
    for (size_t i = 0; i < n; i++)
      if (!(d[i] >= -9223372036854775808.0 && d[i] < 9223372036854775808.0)) return i;
  }
  return n;
}

void kilpi_convert(kilpi_dtype from, const void *source, kilpi_dtype to, void *target, size_t n) {
  const float *f = source; const double *d = source; const int64_t *l = source;
  switch (to) {
    case KILPI_FLOAT32: {
      float *out = target;
      if (from == KILPI_FLOAT64) for (size_t i = 0; i < n; i++) out[i] = (float)d[i];
      else if (from == KILPI_INT64) for (size_t i = 0; i < n; i++) out[i] = (float)l[i];
      else memcpy(out, f, n * sizeof *out);
      break;
    }
    case KILPI_FLOAT64: {
      double *out = target;
      if (from == KILPI_FLOAT32) for (size_t i = 0; i < n; i++) out[i] = (double)f[i];
      else if (from == KILPI_INT64) for (size_t i = 0; i < n; i++) out[i] = (double)l[i];
      else memcpy(out, d, n * sizeof *out);
      break;
    }
    default: {
      int64_t *out = target;
      if (from == KILPI_FLOAT32) for (size_t i = 0; i < n; i++) out[i] = to_int64(f[i]);
      else if (from == KILPI_FLOAT64) for (size_t i = 0; i < n; i++) out[i] = to_int64(d[i]);
      else memcpy(out, l, n * sizeof *out);
    }
  }
}

void kilpi_take_rows(const void *source, const int64_t *indices, void *target, size_t outer,
                     size_t source_rows, size_t count, size_t width) {
  for (size_t o = 0; o < outer; o++)
    for (size_t k = 0; k < count; k++)
      memcpy((char *)target + (o * count + k) * width,
             (const char *)source + (o * source_rows + (size_t)indices[k]) * width, width);
}

CLONES void kilpi_widen_half(const uint16_t *source, float *target, size_t n) {
  for (size_t i = 0; i < n; i++) {
    _Float16 value;
    memcpy(&value, source + i, 2);
    target[i] = (float)value;
  }
}

CLONES void kilpi_narrow_half(const float *source, uint16_t *target, size_t n) {
  for (size_t i = 0; i < n; i++) {
    _Float16 value = (_Float16)source[i];
    memcpy(target + i, &value, 2);
  }
}

void kilpi_widen_bfloat16(const uint16_t *source, float *target, size_t n) {
  for (size_t i = 0; i < n; i++) {
    uint32_t bits = (uint32_t)source[i] << 16;
    memcpy(target + i, &bits, 4);
  }
}
