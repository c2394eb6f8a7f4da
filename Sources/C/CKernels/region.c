/* Large blocks. A training step takes activations in the forward pass and frees them in the backward
   pass, in sizes that follow the batch and the longest text, so blocks kept by size would pile up: a
   third of a step's memory in one measured case. Here neighbours that are free become one run, and a
   request takes the smallest run that holds it (best fit with coalescing, Knuth, The Art of Computer
   Programming 1, 2.5): the range then grew to 1.01 of the largest sum of blocks in use, in the update of
   `scripts/bench --only mmcoa_step_full`. What describes the runs lies apart from them, so that blocks
   are whole pages and free ones can be given back whole. */
#define _GNU_SOURCE
#include "region.h"
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct run {
  size_t first, count;     /* pages */
  size_t idle;             /* free runs: nothing from this page of theirs on is backed by the system */
  uint32_t below, above;   /* neighbours by address; 0: none */
  uint32_t next, previous; /* runs of the same bin; 0: none */
  bool used;
} run;

/* Eight bins an octave, as the classes of small blocks. */
#define BINS 256
static uint32_t bins[BINS];
static run *runs;       /* 0 stands for none */
static uint32_t *owner; /* of a used run's first page */
static uint32_t described = 1, spare = 0, room = 0;
static char *base;
static size_t page, pages, writable; /* pages below `writable` may be touched */
static size_t idle_pages;
static bool prepared;

static unsigned bin_of(size_t count) {
  if (count < 8) return (unsigned)count;
  unsigned exponent = 63 - (unsigned)__builtin_clzll(count);
  return 8 * (exponent - 2) + (unsigned)((count >> (exponent - 3)) & 7);
}

static void enter(uint32_t index) {
  run *one = &runs[index];
  uint32_t *bin = &bins[bin_of(one->count)];
  one->used = false;
  one->previous = 0;
  one->next = *bin;
  if (*bin) runs[*bin].previous = index;
  *bin = index;
  idle_pages += one->idle;
}

static void leave(uint32_t index) {
  run *one = &runs[index];
  if (one->previous) runs[one->previous].next = one->next;
  else bins[bin_of(one->count)] = one->next;
  if (one->next) runs[one->next].previous = one->previous;
  idle_pages -= one->idle;
}

/* Room for one more description, so that a split cannot fail half way. */
static bool describe_more(void) {
  if (spare || described < room) return true;
  uint32_t wanted = room ? 2 * room : 1024;
  run *moved = realloc(runs, wanted * sizeof(run));
  if (!moved) return false;
  runs = moved;
  room = wanted;
  return true;
}

static uint32_t new_run(void) {
  if (!spare) return described++;
  uint32_t index = spare;
  spare = runs[index].next;
  return index;
}

/* Twice the machine's memory, since free runs that are too short for a request take addresses but no
   memory. Addresses cost nothing, but a process may be limited in them: then half, and half of that. */
static void prepare(void) {
  prepared = true;
  long long total = sysconf(_SC_PHYS_PAGES), unit = sysconf(_SC_PAGESIZE);
  if (total <= 0 || unit <= 0 || !describe_more()) return;
  page = (size_t)unit;
  size_t count = 2 * (size_t)total;
  void *found = MAP_FAILED;
  bool limited = false;
  for (; count * page >= (64u << 20); count /= 2, limited = true) {
    found = mmap(NULL, count * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (found != MAP_FAILED) break;
  }
  if (found == MAP_FAILED) return;
  if (limited) { /* the rest of the process needs some, too */
    munmap((char *)found + count / 2 * page, (count - count / 2) * page);
    count /= 2;
  }
  void *map = mmap(NULL, count * sizeof(uint32_t), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (map == MAP_FAILED) {
    munmap(found, count * page);
    return;
  }
  base = found;
  owner = map;
  pages = count;
  uint32_t whole = new_run();
  runs[whole] = (run){ .count = count };
  enter(whole);
}

/* Runs of a bin that a request looks at: bins are short, but where a script frees every second of very
   many equal blocks. */
#define LOOKS 64

/* The smallest free run of at least `count` pages, of equal ones the lowest. */
static uint32_t find(size_t count) {
  for (unsigned bin = bin_of(count); bin < BINS; bin++) {
    uint32_t best = 0;
    int looks = LOOKS;
    for (uint32_t index = bins[bin]; index && looks > 0; index = runs[index].next, looks--) {
      const run *one = &runs[index], *known = &runs[best];
      if (one->count < count) continue;
      if (!best || one->count < known->count
          || (one->count == known->count && one->first < known->first)) best = index;
    }
    if (best) return best;
  }
  return 0;
}

/* Makes the pages below `end` writable, 64 MB at a time. The system may refuse, when it promises no
   more memory than it has. */
static bool open_up_to(size_t end) {
  if (end <= writable) return true;
  size_t step = (64u << 20) / page;
  size_t wanted = (end + step - 1) / step * step;
  if (wanted > pages) wanted = pages;
  if (mprotect(base + writable * page, (wanted - writable) * page, PROT_READ | PROT_WRITE) != 0) {
    return false;
  }
  writable = wanted;
  return true;
}

size_t kilpi_region_size(size_t bytes) {
  size_t unit = (size_t)sysconf(_SC_PAGESIZE);
  return (bytes + unit - 1) / unit * unit;
}

void *kilpi_region_take(size_t bytes, bool *fresh) {
  if (!prepared) prepare();
  if (!base) return NULL;
  size_t count = kilpi_region_size(bytes) / page;
  if (count == 0 || count > pages || !describe_more()) return NULL;
  uint32_t index = find(count);
  if (!index || !open_up_to(runs[index].first + count)) return NULL;
  leave(index);
  run *one = &runs[index];
  *fresh = one->idle < count;
  if (one->count > count) {
    uint32_t rest = new_run();
    runs[rest] = (run){
      .first = one->first + count, .count = one->count - count,
      .idle = one->idle > count ? one->idle - count : 0, .below = index, .above = one->above,
    };
    if (one->above) runs[one->above].below = rest;
    one->above = rest;
    one->count = count;
    enter(rest);
  }
  one->used = true;
  owner[one->first] = index;
  return base + one->first * page;
}

bool kilpi_region_owns(const void *memory) {
  return base && (const char *)memory >= base && (const char *)memory < base + pages * page;
}

/* Makes `index` and the run above it one. Pages between that were given back count as backed again:
   what is counted may be more than there is, never less, so that a cap on memory holds. */
static void join(uint32_t index) {
  run *one = &runs[index];
  uint32_t gone = one->above;
  if (runs[gone].idle) one->idle = one->count + runs[gone].idle;
  one->count += runs[gone].count;
  one->above = runs[gone].above;
  if (one->above) runs[one->above].below = index;
  runs[gone].next = spare;
  spare = gone;
}

void kilpi_region_give(void *memory) {
  size_t first = (size_t)((char *)memory - base) / page;
  uint32_t index = owner[first];
  runs[index].idle = runs[index].count;
  uint32_t above = runs[index].above, below = runs[index].below;
  if (above && !runs[above].used) {
    leave(above);
    join(index);
  }
  if (below && !runs[below].used) {
    leave(below);
    join(below);
    index = below;
  }
  owner[first] = index; /* for a release that follows */
  enter(index);
}

static void release(uint32_t index, size_t count) {
  run *one = &runs[index];
  if (count > one->idle) count = one->idle;
  if (count == 0) return;
  one->idle -= count;
  idle_pages -= count;
  madvise(base + (one->first + one->idle) * page, count * page, MADV_DONTNEED);
}

void kilpi_region_release(const void *memory, size_t bytes) {
  release(owner[(size_t)((const char *)memory - base) / page], kilpi_region_size(bytes) / page);
}

void kilpi_region_release_all(void) {
  for (unsigned bin = 0; bin < BINS; bin++) {
    for (uint32_t index = bins[bin]; index; index = runs[index].next) release(index, runs[index].idle);
  }
}

size_t kilpi_region_idle_bytes(void) { return idle_pages * page; }
