/* The driver of Kilpi's own products. Goals, in this order: an element of C depends on its row of A, its
   column of B and k alone, never on the batch, its place or the thread count (every element is summed in
   the same order, in blocks of k); interrupts are polled every few milliseconds; B is packed once, not
   once a thread or panel; one pool of threads.

   Tall products (rows > GEMM_ROWS): B is packed into a slab by all threads, then tasks of rows pack
   their part of A and walk over the slab. Others: tasks of columns (and of rows, where there
   are few columns) pack both; a panel of B is used while it is still in cache. */
#include "CInterrupt.h"
#include "CKernels.h"
#include "gemm.h"
#include <pthread.h>
#include <stdlib.h>

/* Units of B that a slab holds at most (16 MiB), and steps of k in it. */
#define SLAB_UNITS ((size_t)4 << 20)
#define SLAB_STEPS ((size_t)GEMM_BLOCK * 40)
/* Multiply-adds of a task at most (some 10 ms), and below which a product is one task. */
#define TASK_WORK ((double)(1 << 30))
#define SMALL_WORK ((double)(1 << 17))
#define WIDEST 32

typedef struct {
  const gemm_kernel *kernel;
  bool transpose_a, transpose_b;
  size_t m, n, k;
  float alpha, beta;
  const float *a, *b;
  float *c;
  size_t lda, ldb, ldc;
  /* the slab at hand: steps of k, columns, packed units */
  size_t first_step, steps, first_column, columns;
  float *slab;
  size_t share;     /* rows, or panels of columns, of a task */
  size_t row_share; /* rows of a task that has panels of columns */
} product;

/* Scratch of a thread: part of A, one panel of B, and the slab of the products it begins. */
typedef struct {
  float a[GEMM_ROWS * GEMM_BLOCK + 32];
  float b[WIDEST * GEMM_BLOCK + 32];
  float *slab;
  size_t slab_units;
} scratch;

static pthread_key_t scratch_key;
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;
static void free_scratch(void *memory) {
  scratch *own = memory;
  free(own->slab);
  free(own);
}
static void make_scratch_key(void) { pthread_key_create(&scratch_key, free_scratch); }

/* NULL when there is no memory. */
static scratch *own_scratch(void) {
  pthread_once(&scratch_once, make_scratch_key);
  scratch *own = pthread_getspecific(scratch_key);
  if (own) return own;
  own = aligned_alloc(64, (sizeof(scratch) + 63) / 64 * 64);
  if (!own) return NULL;
  own->slab = NULL;
  own->slab_units = 0;
  if (pthread_setspecific(scratch_key, own) == 0) return own;
  free(own);
  return NULL;
}

/* A task must not fail half-way through C: where a thread gets no scratch, threads share a spare one. */
static pthread_mutex_t spare_lock = PTHREAD_MUTEX_INITIALIZER;
static scratch spare __attribute__((aligned(64)));
static scratch *borrow_scratch(void) {
  scratch *own = own_scratch();
  if (own) return own;
  pthread_mutex_lock(&spare_lock);
  return &spare;
}
static void return_scratch(scratch *borrowed) {
  if (borrowed == &spare) pthread_mutex_unlock(&spare_lock);
}

static float *own_slab(size_t units) {
  scratch *own = own_scratch();
  if (!own) return NULL;
  if (units > own->slab_units) {
    free(own->slab);
    own->slab = aligned_alloc(64, (units * sizeof(float) + 127) / 64 * 64);
    own->slab_units = own->slab ? units : 0;
  }
  return own->slab;
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }
static size_t parts(size_t whole, size_t part) { return (whole + part - 1) / part; }
static size_t block_steps(const product *p) { return GEMM_BLOCK * p->kernel->pair; }
static size_t units(const product *p, size_t steps) { return parts(steps, p->kernel->pair); }

/* Rows are cut into tiles of nearly one height. */
static size_t tile_height(size_t rows, size_t tiles, size_t index) {
  return rows / tiles + (index < rows % tiles);
}

static void pack_rows(const product *p, size_t row, size_t rows, size_t step, size_t steps, float *to) {
  const size_t tiles = parts(rows, p->kernel->tile_rows);
  for (size_t tile = 0; tile < tiles; tile++) {
    const size_t height = tile_height(rows, tiles, tile);
    const float *from = p->transpose_a ? p->a + step * p->lda + row : p->a + row * p->lda + step;
    p->kernel->pack(from, p->lda, p->transpose_a, height, steps, to, height);
    to += units(p, steps) * height;
    row += height;
  }
}

static void pack_panel(const product *p, size_t column, size_t step, size_t steps, float *to) {
  const size_t columns = least(p->kernel->tile_columns, p->n - column);
  const float *from = p->transpose_b ? p->b + column * p->ldb + step : p->b + step * p->ldb + column;
  p->kernel->pack(from, p->ldb, !p->transpose_b, columns, steps, to, p->kernel->tile_columns);
}

/* C[row ..., column ...] over one block of k. */
static void multiply_panel(const product *p, size_t row, size_t rows, size_t column, size_t step,
                           size_t steps, const float *a, const float *b) {
  const size_t tiles = parts(rows, p->kernel->tile_rows), count = units(p, steps);
  const size_t columns = least(p->kernel->tile_columns, p->n - column);
  for (size_t tile = 0; tile < tiles; tile++) {
    const size_t height = tile_height(rows, tiles, tile);
    p->kernel->tile(height, columns, count, a, b, p->c + row * p->ldc + column, p->ldc, p->alpha,
                    step == 0 ? p->beta : 1);
    a += count * height;
    row += height;
  }
}

/* Where the slab holds a panel of a block: blocks of k one after another, panels within each. */
static float *slab_place(const product *p, size_t step, size_t panel) {
  const size_t width = p->kernel->tile_columns, panels = parts(p->columns, width);
  const size_t offset = step - p->first_step, steps = least(block_steps(p), p->steps - offset);
  return p->slab + (units(p, offset) * panels + units(p, steps) * panel) * width;
}

static void slab_task(void *context, size_t panel) {
  const product *p = context;
  if (kilpi_interrupt_pending()) return;
  const size_t column = p->first_column + panel * p->kernel->tile_columns;
  const size_t end = p->first_step + p->steps, block = block_steps(p);
  for (size_t step = p->first_step; step < end; step += block) {
    pack_panel(p, column, step, least(block, end - step), slab_place(p, step, panel));
  }
}

static void rows_task(void *context, size_t index) {
  const product *p = context;
  if (kilpi_interrupt_pending()) return;
  scratch *own = borrow_scratch();
  const size_t row = index * p->share, rows = least(p->share, p->m - row);
  const size_t width = p->kernel->tile_columns, panels = parts(p->columns, width);
  const size_t end = p->first_step + p->steps, block = block_steps(p);
  for (size_t step = p->first_step; step < end; step += block) {
    const size_t steps = least(block, end - step);
    pack_rows(p, row, rows, step, steps, own->a);
    for (size_t panel = 0; panel < panels; panel++) {
      multiply_panel(p, row, rows, p->first_column + panel * width, step, steps, own->a,
                     slab_place(p, step, panel));
    }
  }
  return_scratch(own);
}

static void columns_task(void *context, size_t index) {
  const product *p = context;
  scratch *own = borrow_scratch();
  const size_t width = p->kernel->tile_columns, block = block_steps(p);
  const size_t groups = parts(parts(p->n, width), p->share);
  const size_t row = index / groups * p->row_share, rows = least(p->row_share, p->m - row);
  const size_t first = index % groups * p->share * width, end = least(p->n, first + p->share * width);
  for (size_t step = 0; step < p->k && !kilpi_interrupt_pending(); step += block) {
    const size_t steps = least(block, p->k - step);
    pack_rows(p, row, rows, step, steps, own->a);
    for (size_t column = first; column < end; column += width) {
      pack_panel(p, column, step, steps, own->b);
      multiply_panel(p, row, rows, column, step, steps, own->a, own->b);
    }
  }
  return_scratch(own);
}

/* The largest share that keeps tasks within `most` and even over the threads. */
static size_t even_share(size_t whole, size_t most) {
  const size_t threads = (size_t)kilpi_threads();
  const size_t rounds = parts(parts(whole, most), threads);
  return parts(whole, rounds * threads);
}

/* A task's rows or panels such that it ends soon. */
static size_t bounded(size_t most, double work) {
  const double fits = TASK_WORK / work;
  return fits < 1 ? 1 : fits < (double)most ? (size_t)fits : most;
}

static bool multiply_tall(product *p) {
  const size_t width = p->kernel->tile_columns;
  const size_t steps = least(p->k, SLAB_STEPS);
  const size_t wide = least(parts(p->n, width), SLAB_UNITS / (units(p, steps) * width));
  p->slab = own_slab(units(p, steps) * wide * width + 32);
  if (!p->slab) return false;
  for (p->first_column = 0; p->first_column < p->n; p->first_column += wide * width) {
    p->columns = least(wide * width, p->n - p->first_column);
    for (p->first_step = 0; p->first_step < p->k; p->first_step += SLAB_STEPS) {
      p->steps = least(SLAB_STEPS, p->k - p->first_step);
      kilpi_parallel(parts(p->columns, width), slab_task, p);
      p->share = even_share(p->m, bounded(GEMM_ROWS, (double)p->steps * (double)p->columns));
      kilpi_parallel(parts(p->m, p->share), rows_task, p);
      if (kilpi_interrupt_pending()) return true;
    }
  }
  return true;
}

static void multiply_wide(product *p) {
  const size_t width = p->kernel->tile_columns, panels = parts(p->n, width);
  const double work = (double)p->m * (double)p->k * (double)width;
  p->share = panels;
  p->row_share = p->m;
  if (work * (double)panels > SMALL_WORK) {
    p->share = even_share(panels, bounded(panels, work));
    const size_t groups = parts(panels, p->share), threads = (size_t)kilpi_threads();
    const size_t most = parts(p->m, p->kernel->tile_rows);
    if (groups < threads) p->row_share = parts(p->m, least(parts(threads, groups), most));
  }
  kilpi_parallel(parts(panels, p->share) * parts(p->m, p->row_share), columns_task, p);
}

static const gemm_kernel *kernel_of(kilpi_gemm_kind kind) {
  switch (kind) {
    case KILPI_GEMM_BF16: return gemm_bf16_avx512();
    case KILPI_GEMM_F32_AVX2: return gemm_f32_avx2();
    case KILPI_GEMM_F32: break;
  }
  const gemm_kernel *best = gemm_f32_avx512();
  return best ? best : gemm_f32_avx2();
}

const char *kilpi_gemm_name(kilpi_gemm_kind kind) {
  const gemm_kernel *kernel = kernel_of(kind);
  return kernel ? kernel->name : NULL;
}

/* The parameters of the two calls. */
#define PRODUCT                                                                                      \
  {.kernel = kernel_of(kind), .transpose_a = transpose_a, .transpose_b = transpose_b, .m = m, .n = n,  \
   .k = k, .alpha = alpha, .beta = beta, .a = a, .b = b, .c = c, .lda = lda, .ldb = ldb, .ldc = ldc}

bool kilpi_gemm(kilpi_gemm_kind kind, bool transpose_a, bool transpose_b, size_t m, size_t n,
                size_t k, float alpha, const float *a, size_t lda, const float *b, size_t ldb, float beta,
                float *c, size_t ldc) {
  product p = PRODUCT;
  if (!p.kernel || k == 0) return false;
  if (m == 0 || n == 0) return true;
  if (m > GEMM_ROWS) return multiply_tall(&p);
  multiply_wide(&p);
  return true;
}

bool kilpi_gemm_here(kilpi_gemm_kind kind, bool transpose_a, bool transpose_b, size_t m, size_t n,
                     size_t k, float alpha, const float *a, size_t lda, const float *b, size_t ldb,
                     float beta, float *c, size_t ldc) {
  product p = PRODUCT;
  if (!p.kernel || k == 0) return false;
  if (m == 0 || n == 0) return true;
  p.share = parts(n, p.kernel->tile_columns);
  p.row_share = parts(m, parts(m, GEMM_ROWS));
  for (size_t part = 0; part < parts(m, p.row_share); part++) columns_task(&p, part);
  return true;
}
