/* The worker pool: one job at a time, tasks handed out by an atomic counter, the caller works too.
   A call from inside a task, or while another thread holds the pool, runs its tasks serially: same
   results, no deadlock. */
#define _GNU_SOURCE
#include "CKernels.h"
#include <CInterrupt.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

#define MOST_THREADS 256
static pthread_mutex_t owner = PTHREAD_MUTEX_INITIALIZER;  /* held by the caller whose job runs */
static pthread_mutex_t state = PTHREAD_MUTEX_INITIALIZER;  /* guards the fields below */
static pthread_cond_t work_ready = PTHREAD_COND_INITIALIZER;
static pthread_cond_t work_done = PTHREAD_COND_INITIALIZER;
static int wanted_threads = 0, started_workers = 0, active_workers = 0, allowed_workers = 0;
static unsigned long job = 0;
static kilpi_task job_task;
static void *job_context;
static size_t job_tasks;
static atomic_size_t next_task;
static _Thread_local bool inside = false;
static _Thread_local int gradient_pauses = 0;
static _Thread_local uint64_t recorded = 0;

static atomic_bool deterministic = false;
static atomic_ullong order = 0;

bool kilpi_deterministic(void) { return atomic_load_explicit(&deterministic, memory_order_relaxed); }
void kilpi_set_deterministic(bool on) { atomic_store(&deterministic, on); }
uint64_t kilpi_next_order(void) {
  recorded++;
  return atomic_fetch_add_explicit(&order, 1, memory_order_relaxed) + 1;
}
uint64_t kilpi_recorded(void) { return recorded; }
int kilpi_gradient_pause(int change) { return gradient_pauses += change; }

static int available_threads(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  int count = CPU_COUNT(&set);
  return count < 1 ? 1 : count > MOST_THREADS ? MOST_THREADS : count;
}

int kilpi_threads(void) {
  pthread_mutex_lock(&state);
  if (wanted_threads == 0) wanted_threads = available_threads();
  int threads = wanted_threads;
  pthread_mutex_unlock(&state);
  return threads;
}

void kilpi_set_threads(int threads) {
  pthread_mutex_lock(&state);
  wanted_threads = threads <= 0 ? available_threads() : threads > MOST_THREADS ? MOST_THREADS : threads;
  pthread_mutex_unlock(&state);
}

static void run_tasks(kilpi_task task, void *context, size_t tasks) {
  for (;;) {
    size_t index = atomic_fetch_add_explicit(&next_task, 1, memory_order_relaxed);
    if (index >= tasks) return;
    task(context, index);
  }
}

static void *worker(void *argument) {
  int number = (int)(intptr_t)argument;
  unsigned long seen = 0;
  inside = true;
  kilpi_fault_unblock(); /* a blocked one would end the process without a word */
  pthread_mutex_lock(&state);
  for (;;) {
    while (job == seen) pthread_cond_wait(&work_ready, &state);
    seen = job;
    if (number >= allowed_workers) continue;
    kilpi_task task = job_task;
    void *context = job_context;
    size_t tasks = job_tasks;
    pthread_mutex_unlock(&state);
    run_tasks(task, context, tasks);
    pthread_mutex_lock(&state);
    if (--active_workers == 0) pthread_cond_signal(&work_done);
  }
  return NULL;
}

static void start_workers(int count) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before); /* signals belong to the main thread */
  while (started_workers < count) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, worker, (void *)(intptr_t)started_workers) != 0) break;
    pthread_detach(thread);
    started_workers++;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void kilpi_parallel(size_t tasks, kilpi_task task, void *context) {
  int threads = tasks > 1 && !inside ? kilpi_threads() : 1;
  if (threads == 1 || pthread_mutex_trylock(&owner) != 0) {
    for (size_t index = 0; index < tasks; index++) task(context, index);
    return;
  }
  pthread_mutex_lock(&state);
  start_workers(threads - 1);
  int workers = started_workers < threads - 1 ? started_workers : threads - 1;
  if ((size_t)workers > tasks - 1) workers = (int)(tasks - 1);
  job_task = task;
  job_context = context;
  job_tasks = tasks;
  allowed_workers = active_workers = workers;
  atomic_store(&next_task, 0);
  job++;
  pthread_cond_broadcast(&work_ready);
  pthread_mutex_unlock(&state);
  inside = true;
  run_tasks(task, context, tasks);
  inside = false;
  pthread_mutex_lock(&state);
  while (active_workers > 0) pthread_cond_wait(&work_done, &state);
  pthread_mutex_unlock(&state);
  pthread_mutex_unlock(&owner);
}
