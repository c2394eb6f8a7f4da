/* The few functions of oneDNN that Kilpi uses, declared here so that its headers are not needed to
   build. Debian's build runs its loops through OpenMP; each calling thread is told to use one thread,
   since Kilpi's own pool spreads panels over threads. */
#define _GNU_SOURCE
#include "COneDNN.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>

typedef int (*sgemm_function)(char, char, int64_t, int64_t, int64_t, float, const float *, int64_t,
                              const float *, int64_t, float, float *, int64_t);
typedef struct { int major, minor, patch; } version_head; /* how dnnl_version_t begins */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static sgemm_function sgemm;
static void (*set_threads)(int);
static char version[32];

static void open_library(void) {
  void *library = NULL;
  const char *const names[] = {"libdnnl.so.2", "libdnnl.so.3"};
  for (size_t i = 0; i < sizeof names / sizeof *names && !library; i++) {
    library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
  }
  if (!library) return;
  sgemm_function found = (sgemm_function)dlsym(library, "dnnl_sgemm");
  const version_head *(*ask)(void) = (const version_head *(*)(void))dlsym(library, "dnnl_version");
  /* Without a way to keep OpenMP on one thread two pools would fight: then it is not used. */
  void *openmp = dlopen("libgomp.so.1", RTLD_NOW | RTLD_NOLOAD);
  set_threads = openmp ? (void (*)(int))dlsym(openmp, "omp_set_num_threads") : NULL;
  if (!found || !ask || !set_threads) return;
  const version_head *head = ask();
  snprintf(version, sizeof version, "%d.%d.%d", head->major, head->minor, head->patch);
  sgemm = found;
}

bool kilpi_onednn_available(void) {
  pthread_once(&once, open_library);
  return sgemm != NULL;
}

const char *kilpi_onednn_version(void) {
  pthread_once(&once, open_library);
  return version;
}

bool kilpi_onednn_has_avx512(void) {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
#else
  return false;
#endif
}

bool kilpi_onednn_sgemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, float alpha,
                        const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c,
                        int64_t ldc) {
  static __thread bool told;
  if (!kilpi_onednn_available()) return false;
  if (!told) {
    set_threads(1);
    told = true;
  }
  return sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', m, n, k, alpha, a, lda, b, ldb, beta,
               c, ldc) == 0;
}
