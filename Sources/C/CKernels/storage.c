/* Pooled storage. Training and attack steps ask for the same sizes again and again; page faults on
   fresh memory cost as much as the arithmetic of an elementwise pass, so freed blocks are kept up to
   a bound: small ones by size class, large ones as runs of pages (region.c). */
#include "CKernels.h"
#include "region.h"
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* Blocks from here on are runs of pages. */
#define LARGE ((size_t)1 << 16)
/* Eight classes an octave: at most an eighth is wasted. */
#define CLASSES 128
typedef struct block { struct block *next; } block;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static block *pool[CLASSES];
static long long small = 0; /* bytes of the pool's blocks */
/* The C library keeps what small blocks and Lua's strings have freed; after every 64 MB of fresh pages
   it gives that back, so that both together do not take twice the cap. */
#define TIDY ((size_t)64 << 20)
static size_t grown = 0;
static atomic_llong live = 0, pooled = 0, peak = 0, limit = 0, allocations = 0, system_allocations = 0;
static atomic_llong failing = -1;

static size_t class_of(size_t bytes, size_t *rounded) {
  if (bytes < 512) bytes = bytes < 64 ? 64 : bytes;
  unsigned exponent = 63 - (unsigned)__builtin_clzll(bytes);
  size_t step = exponent > 9 ? (size_t)1 << (exponent - 3) : 64;
  size_t size = (bytes + step - 1) / step * step;
  *rounded = size;
  exponent = 63 - (unsigned)__builtin_clzll(size);
  if (exponent <= 9) return size / 64; /* 1 ... 8 (512 bytes), up to 15 */
  return 16 + (exponent - 9) * 8 + ((size >> (exponent - 3)) & 7);
}

/* Bytes of the machine; a system that promises more would end the process on first use. */
static long long machine(void) {
  static atomic_llong bytes = 0;
  long long known = atomic_load(&bytes);
  if (known == 0) {
    long long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    known = pages > 0 && page > 0 ? pages * page : 1ll << 32;
    atomic_store(&bytes, known);
  }
  return known;
}

/* Half of the addresses, where they are limited: the rest of the program ends when it gets none. */
static long long addresses(void) {
  struct rlimit known;
  if (getrlimit(RLIMIT_AS, &known) != 0 || known.rlim_cur >= (rlim_t)LLONG_MAX) return LLONG_MAX;
  return (long long)(known.rlim_cur / 2);
}

/* What may be in use at once. */
static long long capacity(void) {
  static atomic_llong most = 0;
  if (atomic_load(&most) == 0) atomic_store(&most, addresses());
  long long cap = atomic_load(&limit);
  if (cap <= 0) cap = machine();
  return cap < atomic_load(&most) ? cap : atomic_load(&most);
}

static _Atomic(void *) neighbour_context = NULL;
static int64_t (*_Atomic neighbour)(void *) = NULL;

void kilpi_storage_set_neighbour(int64_t (*bytes)(void *context), void *context) {
  atomic_store(&neighbour, NULL);
  atomic_store(&neighbour_context, context);
  atomic_store(&neighbour, bytes);
}

static long long capacity_beside_neighbour(void) {
  int64_t (*bytes)(void *) = atomic_load(&neighbour);
  return capacity() - (bytes ? bytes(atomic_load(&neighbour_context)) : 0);
}

static long long bound(void) { return capacity() / 4; }

/* Under the lock. */
static void trim(void) {
  for (size_t index = 0; index < CLASSES; index++) {
    while (pool[index]) {
      block *one = pool[index];
      pool[index] = one->next;
      free(one);
    }
  }
  small = 0;
  kilpi_region_release_all();
}

/* Under the lock, after each change of what is kept. */
static void count_pooled(void) { atomic_store(&pooled, small + (long long)kilpi_region_idle_bytes()); }

void kilpi_storage_trim(void) {
  pthread_mutex_lock(&lock);
  trim();
  count_pooled();
  pthread_mutex_unlock(&lock);
}

static _Atomic(void *) reclaimer_context = NULL;
static void (*_Atomic reclaimer)(void *) = NULL;

void kilpi_storage_set_reclaimer(void (*reclaim)(void *context), void *context) {
  atomic_store(&reclaimer, NULL);
  atomic_store(&reclaimer_context, context);
  atomic_store(&reclaimer, reclaim);
}

bool kilpi_storage_reclaim(void) {
  void (*reclaim)(void *) = atomic_load(&reclaimer);
  if (!reclaim) return false;
  reclaim(atomic_load(&reclaimer_context));
  return true;
}

static size_t size_of(size_t bytes, size_t *index) {
  size_t size;
  if (bytes >= LARGE) return kilpi_region_size(bytes);
  *index = class_of(bytes, &size);
  return size;
}

static void *take(size_t size, size_t index, bool *fresh) {
  if (size >= LARGE) {
    void *run = kilpi_region_take(size, fresh);
    if (run) return run;
  } else if (pool[index]) {
    block *found = pool[index];
    pool[index] = found->next;
    small -= (long long)size;
    *fresh = false;
    return found;
  }
  *fresh = true;
  return aligned_alloc(64, size);
}

void *kilpi_storage_allocate(size_t bytes) {
  long long cap = capacity_beside_neighbour();
  if (cap < 0 || bytes > (size_t)cap) return NULL;
  size_t index = 0, size = size_of(bytes, &index);
  if (atomic_load(&live) + (long long)size > cap) return NULL;
  if (atomic_load(&failing) >= 0 && atomic_fetch_sub(&failing, 1) == 0) return NULL;
  bool fresh;
  pthread_mutex_lock(&lock);
  void *found = take(size, index, &fresh);
  if (!found) { /* the pool may hold what the system lacks */
    trim();
    found = take(size, index, &fresh);
  }
  count_pooled();
  /* What is kept counts, too: the system would end the process, not refuse. */
  if (found && fresh && atomic_load(&live) + atomic_load(&pooled) + (long long)size > cap) {
    trim();
    count_pooled();
  }
  if (found && fresh && (grown += size) >= TIDY) {
    grown = 0;
    malloc_trim(0);
  }
  pthread_mutex_unlock(&lock);
  if (!found) return NULL;
  if (fresh) atomic_fetch_add(&system_allocations, 1);
  atomic_fetch_add(&allocations, 1);
  long long now = atomic_fetch_add(&live, (long long)size) + (long long)size;
  long long highest = atomic_load(&peak);
  while (now > highest && !atomic_compare_exchange_weak(&peak, &highest, now)) {}
  return found;
}

void kilpi_storage_free(void *memory, size_t bytes) {
  if (!memory) return;
  size_t index = 0, size = size_of(bytes, &index);
  atomic_fetch_sub(&live, (long long)size);
  pthread_mutex_lock(&lock);
  if (kilpi_region_owns(memory)) {
    kilpi_region_give(memory);
    long long excess = small + (long long)kilpi_region_idle_bytes() - bound();
    if (excess > 0) kilpi_region_release(memory, (size_t)excess);
  } else if (size < LARGE && atomic_load(&pooled) + (long long)size <= bound()) {
    block *one = memory;
    one->next = pool[index];
    pool[index] = one;
    small += (long long)size;
  } else {
    free(memory);
  }
  count_pooled();
  pthread_mutex_unlock(&lock);
}

int64_t kilpi_storage_live_bytes(void) { return atomic_load(&live); }
int64_t kilpi_storage_pooled_bytes(void) { return atomic_load(&pooled); }
int64_t kilpi_storage_peak_bytes(void) { return atomic_load(&peak); }
void kilpi_storage_reset_peak(void) { atomic_store(&peak, atomic_load(&live)); }
int64_t kilpi_storage_allocations(void) { return atomic_load(&allocations); }
int64_t kilpi_storage_system_allocations(void) { return atomic_load(&system_allocations); }
void kilpi_storage_set_limit(int64_t bytes) {
  atomic_store(&limit, bytes);
  if (atomic_load(&live) + atomic_load(&pooled) > capacity()) kilpi_storage_trim();
}
int64_t kilpi_storage_capacity(void) { return capacity(); }
int64_t kilpi_storage_limit(void) { return atomic_load(&limit); }
void kilpi_storage_fail_after(int64_t count) { atomic_store(&failing, count); }
