#include "CInterrupt.h"
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

static atomic_int presses = 0;
/* Times of the last two presses in milliseconds, for the "third within two seconds" rule. */
static atomic_llong previous_press = 0, press_before_previous = 0;
static void (*farewell)(void) = NULL;

bool kilpi_interrupt_pending(void) { return atomic_load_explicit(&presses, memory_order_relaxed) > 0; }

int kilpi_interrupt_raise(void) { return atomic_fetch_add(&presses, 1) + 1; }

void kilpi_interrupt_clear(void) {
  atomic_store(&presses, 0);
  atomic_store(&previous_press, 0);
  atomic_store(&press_before_previous, 0);
}

int kilpi_interrupt_presses(void) { return atomic_load(&presses); }

static long long now_milliseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (long long)time.tv_sec * 1000 + time.tv_nsec / 1000000 + 1; /* never 0 */
}

static void on_interrupt(int signal_number) {
  (void)signal_number;
  long long now = now_milliseconds();
  long long two_before = atomic_load(&press_before_previous);
  if (two_before != 0 && now - two_before <= 2000) {
    if (farewell) farewell();
    _exit(130);
  }
  atomic_store(&press_before_previous, atomic_load(&previous_press));
  atomic_store(&previous_press, now);
  kilpi_interrupt_raise();
}

void kilpi_interrupt_install(void (*last_words)(void)) {
  farewell = last_words;
  struct sigaction action = {0};
  action.sa_handler = on_interrupt;
  sigemptyset(&action.sa_mask);
  action.sa_flags = 0; /* no SA_RESTART: blocking reads return on the signal */
  sigaction(SIGINT, &action, NULL);
}

void kilpi_interrupt_uninstall(void) {
  struct sigaction action = {0};
  action.sa_handler = SIG_DFL;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
}
