/* State, allocator, collector pressure, warnings, interrupt bookkeeping. Raises nothing. */
#include "host.h"
#include <CInterrupt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

int64_t kilpi_milliseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static int64_t external_bytes(kilpi_host *host) {
  return host->abandoned ? 0 : host->callbacks.external_bytes(host->callbacks.context);
}

/* The cap counts only while no Swift frame is live: an error raised in a push from Swift would
   jump over its frames. */
static bool refuses(kilpi_host *host, size_t growth) {
  if (host->fail_in > 0) {
    if (--host->fail_in == 0) {
      if (--host->fail_count > 0) host->fail_in = 1;
      return true;
    }
  }
  if (host->limit <= 0) return false;
  return (int64_t)growth > host->limit - host->memory.bytes - external_bytes(host);
}

void *kilpi_allocate(void *context, void *block, size_t old_size, size_t new_size) {
  kilpi_host *host = context;
  if (block == NULL) old_size = 0; /* then it holds a type tag */
  if (new_size == 0) {
    if (block != NULL) host->memory.blocks--;
    host->memory.bytes -= (int64_t)old_size;
    free(block);
    return NULL;
  }
  if (new_size > old_size) {
    host->memory.requests++;
    if (host->swift_live) {
      host->memory.sheltered++;
      if ((int64_t)new_size > host->memory.largest_sheltered)
        host->memory.largest_sheltered = (int64_t)new_size;
    } else if (refuses(host, new_size - old_size)) {
      return NULL;
    }
  }
  void *result = realloc(block, new_size);
  if (result == NULL) {
    if (new_size <= old_size) return block; /* Lua takes shrinking for granted */
    if (!host->swift_live) return NULL;
    fputs("kilpi: the system has no memory left\n", stderr);
    abort();
  }
  if (block == NULL) host->memory.blocks++;
  host->memory.bytes += (int64_t)new_size - (int64_t)old_size;
  if (host->memory.bytes > host->memory.peak_bytes) host->memory.peak_bytes = host->memory.bytes;
  return result;
}

/* Lua sees 8 bytes where the host holds megabytes, so they are reported: growth becomes debt of the
   collector, and a full collection follows above the soft limit. In Lua 5.5 the meaning of
   LUA_GCSTEP changes; it is used nowhere else. */
void kilpi_settle_memory(lua_State *L, kilpi_host *host) {
  int64_t live = external_bytes(host);
  if (live < host->reported) host->reported = live;
  int64_t growth = live - host->reported;
  if (growth < (1 << 20)) return;
  /* 0 after collectgarbage("stop"), -1 inside a finalizer; GCSTEP would run all the same. */
  if (lua_gc(L, LUA_GCISRUNNING) != 1) return;
  if (live > host->soft_limit) {
    kilpi_collect(L);
    live = external_bytes(host);
    while ((double)live > 0.8 * (double)host->soft_limit)
      host->soft_limit = (int64_t)((double)host->soft_limit * 1.4) + 1;
  } else {
    int64_t kib = growth >> 10;
    lua_gc(L, LUA_GCSTEP, kib > INT_MAX / 2 ? INT_MAX / 2 : (int)kib);
    live = external_bytes(host);
  }
  host->reported = live;
}

void kilpi_collect(lua_State *L) {
  kilpi_host *host = kilpi_host_of(L);
  if (lua_gc(L, LUA_GCCOLLECT) < 0) return;
  if (!host->abandoned) host->callbacks.release_pool(host->callbacks.context);
}

/* Asked before Swift pushes what takes that much: under a live Swift frame no request may fail. */
bool kilpi_would_refuse(lua_State *L, size_t growth) {
  kilpi_host *host = kilpi_host_of(L);
  if (host->limit > 0 && (int64_t)growth > host->limit - host->memory.bytes - external_bytes(host))
    return true;
  if (growth < 1 << 20) return false;
  /* The cap may be more than the system gives, as with ulimit -v. */
  void *probe = mmap(NULL, growth, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (probe == MAP_FAILED) return true;
  munmap(probe, growth);
  return false;
}

void kilpi_set_memory_limit(lua_State *L, int64_t bytes) { kilpi_host_of(L)->limit = bytes; }

void kilpi_set_soft_limit(lua_State *L, int64_t bytes) {
  kilpi_host_of(L)->soft_limit = bytes > 1 ? bytes : 1;
}

kilpi_memory kilpi_memory_now(lua_State *L) { return kilpi_host_of(L)->memory; }

void kilpi_fail_allocations(lua_State *L, int64_t n, int64_t count) {
  kilpi_host_of(L)->fail_in = n;
  kilpi_host_of(L)->fail_count = count;
}

void kilpi_write_through(int stream, const char *bytes, size_t count) {
  if (stream == 2) fflush(stdout);
  fwrite(bytes, 1, count, stream == 2 ? stderr : stdout);
}

void kilpi_write(kilpi_host *host, int stream, const char *bytes, size_t count) {
  if (host->abandoned) {
    kilpi_write_through(stream, bytes, count);
    return;
  }
  bool outer = host->swift_live;
  host->swift_live = true;
  host->callbacks.write(host->callbacks.context, stream, bytes, count);
  host->swift_live = outer;
}

/* Errors in finalizers always arrive here and are always shown; what scripts say with `warn` is
   shown when warnings are on. */
void kilpi_warn(void *context, const char *text, int to_be_continued) {
  kilpi_host *host = context;
  size_t count = strlen(text);
  if (host->warning_size == 0 && !to_be_continued && text[0] == '@') {
    if (strcmp(text, "@on") == 0) host->warnings_on = true;
    if (strcmp(text, "@off") == 0) host->warnings_on = false;
    return;
  }
  char *longer = realloc(host->warning, host->warning_size + count + 1);
  if (longer != NULL) {
    memcpy(longer + host->warning_size, text, count + 1);
    host->warning = longer;
    host->warning_size += count;
  }
  if (to_be_continued) return;
  bool finalizer = host->warning != NULL && strncmp(host->warning, "error in ", 9) == 0;
  if (finalizer) host->last_raise = 0; /* an interrupt that a finalizer ate is raised anew */
  if (host->warning != NULL && (finalizer || host->warnings_on)) {
    if (host->abandoned) {
      fprintf(stderr, "Lua warning: %s\n", host->warning);
    } else if (!finalizer) { /* a script said it: as `print` it is seen at once */
      kilpi_write(host, 2, "Lua warning: ", 13);
      kilpi_write(host, 2, host->warning, host->warning_size);
      kilpi_write(host, 2, "\n", 1);
    } else {
      bool outer = host->swift_live;
      host->swift_live = true;
      host->callbacks.warn(host->callbacks.context, host->warning, host->warning_size);
      host->swift_live = outer;
    }
  }
  free(host->warning);
  host->warning = NULL;
  host->warning_size = 0;
}

void kilpi_set_warnings(lua_State *L, bool on) { kilpi_host_of(L)->warnings_on = on; }

bool kilpi_interrupt_due(kilpi_host *host) {
  return kilpi_interrupt_pending() &&
         (host->raises == 0 || kilpi_milliseconds() - host->last_raise >= 100);
}

bool kilpi_interrupted_since(kilpi_host *host, int64_t raised) {
  return host->raised != raised && kilpi_interrupt_pending();
}

/* The parser is protected by itself, so the cap may hold. */
int kilpi_load(lua_State *L, const char *text, size_t count, const char *name) {
  kilpi_host *host = kilpi_host_of(L);
  bool outer = host->swift_live;
  host->swift_live = false;
  int status = kilpi_load_polling(L, text, count, name, "t");
  host->swift_live = outer;
  return status;
}

void kilpi_note_interrupt(lua_State *L) {
  kilpi_host *host = kilpi_host_of(L);
  if (host->raises > 0 && kilpi_milliseconds() - host->last_raise < 100) return;
  host->raises++;
  host->raised++;
  host->last_raise = kilpi_milliseconds();
  kilpi_interrupt_heed();
  kilpi_processes_hurry();
}

void kilpi_begin_run(lua_State *L) { kilpi_host_of(L)->raises = 0; }

static int panic(lua_State *L) {
  (void)L; /* every call is protected, so this cannot be reached */
  fputs("kilpi: an unprotected Lua error\n", stderr);
  return 0;
}

static void free_host(kilpi_host *host) {
  free(host->warning);
  free(host);
}

lua_State *kilpi_open(const kilpi_callbacks *callbacks, bool ignore_environment, bool sandbox) {
  kilpi_host *host = calloc(1, sizeof *host);
  if (host == NULL) return NULL;
  host->callbacks = *callbacks;
  host->soft_limit = 128 << 20;
  lua_State *L = lua_newstate(kilpi_allocate, host);
  if (L == NULL) {
    free_host(host);
    return NULL;
  }
  *(kilpi_host **)lua_getextraspace(L) = host;
  lua_atpanic(L, panic);
  lua_setwarnf(L, kilpi_warn, host);
  lua_pushcfunction(L, kilpi_open_libraries);
  lua_pushboolean(L, ignore_environment);
  lua_pushboolean(L, sandbox);
  if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
    lua_close(L);
    free_host(host);
    return NULL;
  }
  host->swift_live = true; /* but for the time of protected calls */
  return L;
}

void kilpi_close(lua_State *L, bool abandon, kilpi_memory *rest) {
  kilpi_host *host = kilpi_host_of(L);
  host->abandoned = abandon;
  host->limit = 0;
  host->fail_in = 0;
  lua_close(L);
  if (rest != NULL) *rest = host->memory;
  free_host(host);
}
