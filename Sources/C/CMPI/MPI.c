/* The few functions of Open MPI that Kilpi uses, declared here so that its headers are not needed to
   build. The interface is that of libmpi.so.40 (Open MPI 3 to 5): handles are pointers to objects
   that the library exports. */
#define _GNU_SOURCE
#include "CMPI.h"
#include "CInterrupt.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef void *handle;
enum { FUNNELED = 1, MOST_PROCESSES = 4096, TAG = 20 };

static struct {
  int (*init_thread)(int *, char ***, int, int *);
  int (*comm_rank)(handle, int *);
  int (*comm_size)(handle, int *);
  int (*isend)(const void *, int, handle, int, int, handle, handle *);
  int (*irecv)(void *, int, handle, int, int, handle, handle *);
  int (*testall)(int, handle *, int *, void *);
  int (*finalize)(void);
  int (*library_version)(char *, int *);
  handle world, byte;
} mpi;

static void *library;
static char problem[256];
static int rank = 0, size = 1;
static bool joined = false;

const char *kilpi_mpi_problem(void) { return problem; }
int kilpi_mpi_rank(void) { return rank; }
int kilpi_mpi_size(void) { return size; }

static int from_environment(const char *name) {
  const char *text = getenv(name);
  if (!text || !*text) return 0;
  char *end;
  long value = strtol(text, &end, 10);
  return *end || value < 0 || value > MOST_PROCESSES ? 0 : (int)value;
}

int kilpi_mpi_announced_size(void) { return from_environment("OMPI_COMM_WORLD_SIZE"); }
int kilpi_mpi_announced_rank(void) { return from_environment("OMPI_COMM_WORLD_RANK"); }

static bool find(const char *name, void *place) {
  void *found = dlsym(library, name);
  if (!found) snprintf(problem, sizeof problem, "libmpi.so.40 has no %s", name);
  memcpy(place, &found, sizeof found);
  return found != NULL;
}

static bool open_library(void) {
  if (library) return mpi.world != NULL;
  /* Global: the library's own plugins look for its symbols. */
  library = dlopen("libmpi.so.40", RTLD_NOW | RTLD_GLOBAL);
  if (!library) {
    const char *words = dlerror();
    snprintf(problem, sizeof problem, "%s", words ? words : "libmpi.so.40 cannot be opened");
    return false;
  }
  handle world;
  if (!find("MPI_Init_thread", &mpi.init_thread) || !find("MPI_Comm_rank", &mpi.comm_rank) ||
      !find("MPI_Comm_size", &mpi.comm_size) || !find("MPI_Isend", &mpi.isend) ||
      !find("MPI_Irecv", &mpi.irecv) || !find("MPI_Testall", &mpi.testall) ||
      !find("MPI_Finalize", &mpi.finalize) ||
      !find("MPI_Get_library_version", &mpi.library_version) ||
      !find("ompi_mpi_byte", &mpi.byte) || !find("ompi_mpi_comm_world", &world)) {
    return false;
  }
  mpi.world = world;
  return true;
}

const char *kilpi_mpi_version(void) {
  static char version[32];
  char text[4096]; /* more than MPI_MAX_LIBRARY_VERSION_STRING */
  int length = 0;
  if (version[0] || !open_library() || mpi.library_version(text, &length) != 0) return version;
  /* "Open MPI v4.1.4, package: …" */
  const char *start = strstr(text, " v");
  if (start) {
    start += 2;
    size_t count = strcspn(start, ", \n");
    snprintf(version, sizeof version, "%.*s", (int)(count < 31 ? count : 31), start);
  }
  return version;
}

static void on_termination(int number) {
  (void)number;
  kilpi_interrupt_raise();
}

int kilpi_mpi_start(void) {
  if (joined) return KILPI_MPI_DONE;
  if (!open_library()) return KILPI_MPI_MISSING;
  /* In containers reading another process's memory is often forbidden; messages are copied then. */
  setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 0);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before); /* the library's threads take no signals */
  int provided = 0;
  int status = mpi.init_thread(NULL, NULL, FUNNELED, &provided);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (status != 0 || mpi.comm_rank(mpi.world, &rank) != 0 || mpi.comm_size(mpi.world, &size) != 0 ||
      size < 1 || size > MOST_PROCESSES) {
    snprintf(problem, sizeof problem, "MPI_Init_thread failed with status %d", status);
    return KILPI_MPI_FAILED;
  }
  joined = true;
  unsetenv("OMPI_COMM_WORLD_SIZE");
  struct sigaction action = {0};
  action.sa_handler = on_termination;
  sigemptyset(&action.sa_mask);
  sigaction(SIGTERM, &action, NULL);
  return KILPI_MPI_DONE;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* A wait that took long already is looked at more seldom: the core may be another process's. */
static void rest(unsigned round) {
  if (round < 64) {
    sched_yield();
    return;
  }
  struct timespec pause = {0, round < 1024 ? 50000 : 500000};
  nanosleep(&pause, NULL);
}

int kilpi_mpi_exchange(const void *const *out, const size_t *out_bytes, void *const *in,
                       const size_t *in_bytes, double patience) {
  if (!joined) {
    snprintf(problem, sizeof problem, "this process is in no group");
    return KILPI_MPI_FAILED;
  }
  handle *requests = calloc(2 * (size_t)size, sizeof *requests);
  if (!requests) {
    snprintf(problem, sizeof problem, "no memory for an exchange");
    return KILPI_MPI_FAILED;
  }
  int count = 0, status = 0;
  for (int other = 0; other < size && status == 0; other++) {
    if (out_bytes[other] > INT_MAX || in_bytes[other] > INT_MAX) {
      snprintf(problem, sizeof problem, "a message of more than 2^31 bytes");
      status = -1;
    } else if (other == rank) {
      if (in_bytes[other]) memcpy(in[other], out[other], in_bytes[other]);
    } else {
      status = mpi.irecv(in[other], (int)in_bytes[other], mpi.byte, other, TAG, mpi.world,
                         &requests[count++]);
    }
  }
  for (int other = 0; other < size && status == 0; other++) {
    if (other == rank) continue;
    status = mpi.isend(out[other], (int)out_bytes[other], mpi.byte, other, TAG, mpi.world,
                       &requests[count++]);
  }
  int done = 0;
  double deadline = patience < 0 ? now() - patience : 0;
  for (unsigned round = 0; status == 0 && !done; round++) {
    status = mpi.testall(count, requests, &done, NULL);
    if (done || status != 0) break;
    rest(round);
    if (deadline == 0 && kilpi_interrupt_pending()) deadline = now() + patience;
    if (deadline != 0 && now() > deadline) {
      /* The requests stay open and so does their array: the caller ends the process, without the
         library. */
      snprintf(problem, sizeof problem, "the other processes did not answer");
      return KILPI_MPI_GAVE_UP;
    }
  }
  free(requests);
  if (status == 0) return KILPI_MPI_DONE;
  if (status > 0) snprintf(problem, sizeof problem, "Open MPI gave status %d", status);
  return KILPI_MPI_FAILED;
}

void kilpi_mpi_sum_f32(const float *parts, size_t count, size_t processes, float *sum) {
  for (size_t i = 0; i < count; i++) {
    double total = 0;
    for (size_t p = 0; p < processes; p++) total += (double)parts[p * count + i];
    sum[i] = (float)total;
  }
}

void kilpi_mpi_sum_f64(const double *parts, size_t count, size_t processes, double *sum) {
  for (size_t i = 0; i < count; i++) {
    double total = 0;
    for (size_t p = 0; p < processes; p++) total += parts[p * count + i];
    sum[i] = total;
  }
}

void kilpi_mpi_finish(void) {
  if (!joined) return;
  joined = false;
  mpi.finalize();
}

size_t kilpi_mpi_cores(unsigned char *bits, size_t bytes) {
  cpu_set_t set;
  if (bytes < sizeof set || sched_getaffinity(0, sizeof set, &set) != 0) return 0;
  memcpy(bits, &set, sizeof set);
  return sizeof set;
}

int kilpi_mpi_silence(void) {
  int kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere < 0) return kept;
  dup2(nowhere, STDOUT_FILENO);
  dup2(nowhere, STDERR_FILENO);
  close(nowhere);
  return kept;
}
