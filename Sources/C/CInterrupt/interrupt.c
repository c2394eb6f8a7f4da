#include "CInterrupt.h"
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Below 0, so many looks at the flag are left until a press comes: tests arm this. */
static atomic_int presses = 0;
/* Times of the last two presses in milliseconds, for the "third within two seconds" rule. */
static atomic_llong previous_press = 0, press_before_previous = 0;
static void (*farewell)(void) = NULL;
static void (*listener)(void) = NULL;
static atomic_int finishing = 0;
/* Seconds that a press may go unheeded before it ends the process; 0: for ever. */
static atomic_int patience = 0;
static atomic_int heeded = 0;
/* The last press was answered by the promise that a third one leaves. */
static atomic_int explained = 0;

bool kilpi_interrupt_pending(void) {
  int count = atomic_load_explicit(&presses, memory_order_relaxed);
  if (count >= 0) return count > 0;
  if (atomic_fetch_add(&presses, 1) != -1) return false;
  atomic_store(&presses, 1);
  return true;
}

void kilpi_interrupt_raise_at_look(int looks) { atomic_store(&presses, -looks); }

int kilpi_interrupt_raise(void) { return atomic_fetch_add(&presses, 1) + 1; }

void kilpi_interrupt_heed(void) { atomic_store(&heeded, 1); }

void kilpi_interrupt_clear(void) {
  if (atomic_load(&patience) > 0) alarm(0);
  atomic_store(&presses, 0);
  atomic_store(&explained, 0);
  atomic_store(&previous_press, 0);
  atomic_store(&press_before_previous, 0);
}

int kilpi_interrupt_presses(void) { return atomic_load(&presses); }

static long long now_milliseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (long long)time.tv_sec * 1000 + time.tv_nsec / 1000000 + 1; /* never 0 */
}

/* Signals of the terminal arrive on the main thread, which is the one that runs Lua. */
enum { NESTING = 8, NAME_SIZE = 48 };
static _Thread_local char places[NESTING][NAME_SIZE];
static _Thread_local volatile sig_atomic_t place_depth = 0;
static atomic_llong explained_since = 0;
/* The names of the thread that runs Lua, for faults on helper threads. */
static char (*main_places)[NAME_SIZE] = NULL;
static volatile sig_atomic_t *main_depth = NULL;

void kilpi_interrupt_enter(const char *name, size_t length) {
  int depth = place_depth;
  if (depth < NESTING) {
    if (length >= NAME_SIZE) length = NAME_SIZE - 1;
    if (length > 0) memcpy(places[depth], name, length);
    places[depth][length] = 0;
  }
  place_depth = depth + 1;
}

void kilpi_interrupt_leave(void) {
  if (place_depth > 0) place_depth--;
}

void kilpi_interrupt_name_main_thread(void) {
  main_places = places;
  main_depth = &place_depth;
}

size_t kilpi_interrupt_describe(char *text, size_t room) {
  char (*names)[NAME_SIZE] = places;
  int depth = place_depth;
  if (depth == 0 && main_places != NULL) {
    names = main_places;
    depth = *main_depth;
  }
  if (depth > NESTING) depth = NESTING;
  if (depth == 0) {
    size_t count = room < 3 ? room : 3;
    memcpy(text, "Lua", count);
    return count;
  }
  size_t length = 0;
  for (int level = depth - 1; level >= 0; level--) {
    size_t count = strnlen(names[level], NAME_SIZE - 1);
    if (length + count + 4 > room) break;
    memcpy(text + length, names[level], count);
    length += count;
    if (level == 0) break;
    memcpy(text + length, " in ", 4);
    length += 4;
  }
  return length;
}

void kilpi_interrupt_explain(bool on) { atomic_store(&explained_since, on ? now_milliseconds() : 0); }

/* Async-signal-safe: fixed buffers and write only. */
static void explain(long long now) {
  long long since = atomic_load(&explained_since);
  if (since == 0) return;
  char text[160] = "\nstill in ";
  size_t length = strlen(text);
  int depth = place_depth;
  const char *name = depth == 0 ? "Lua" : places[depth <= NESTING ? depth - 1 : NESTING - 1];
  length += strnlen(strncpy(text + length, name, NAME_SIZE), NAME_SIZE - 1);
  static const char after[] = " after ";
  memcpy(text + length, after, sizeof after - 1);
  length += sizeof after - 1;
  char digits[20];
  size_t count = 0;
  long long seconds = (now - since) / 1000;
  do digits[count++] = (char)('0' + seconds % 10); while ((seconds /= 10) > 0 && count < sizeof digits);
  while (count > 0) text[length++] = digits[--count];
  static const char rest[] = " s; a third Ctrl-C leaves Kilpi\n";
  memcpy(text + length, rest, sizeof rest - 1);
  length += sizeof rest - 1;
  atomic_store(&explained, 1);
  if (write(STDERR_FILENO, text, length) < 0) return;
}

static void leave(void) {
  if (farewell) farewell();
  _exit(130);
}

/* A program is not a session: what takes no notice of a press may not keep it alive. Work that saves
   itself is waited for, and so is what has heard the press and is on its way out. */
static void on_alarm(int signal_number) {
  (void)signal_number;
  if (atomic_load(&presses) <= 0 || atomic_load(&heeded)) return;
  if (kilpi_termination_held()) {
    alarm(1);
    return;
  }
  static const char text[] = "\nkilpi: Ctrl-C was not heeded in time: ended\n";
  if (write(STDERR_FILENO, text, sizeof text - 1) < 0) leave();
  leave();
}

static void on_interrupt(int signal_number) {
  (void)signal_number;
  long long now = now_milliseconds();
  long long before = atomic_load(&previous_press);
  long long two_before = atomic_load(&press_before_previous);
  if (atomic_load(&finishing) || atomic_load(&explained) || (two_before != 0 && now - two_before <= 2000))
    leave();
  atomic_store(&press_before_previous, before);
  atomic_store(&previous_press, now);
  bool again = kilpi_interrupt_raise() > 1;
  if (again) explain(now);
  if (listener) listener();
  int seconds = atomic_load(&patience);
  if (seconds > 0 && !again) {
    atomic_store(&heeded, 0);
    alarm((unsigned)seconds);
  }
}

void kilpi_interrupt_listen(void (*on_press)(void)) { listener = on_press; }

void kilpi_interrupt_limit(int seconds) {
  atomic_store(&patience, seconds);
  struct sigaction action = {0};
  action.sa_handler = seconds > 0 ? on_alarm : SIG_DFL;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGALRM, &action, NULL);
  sigset_t alarms; /* a program that starts us may have blocked it */
  sigemptyset(&alarms);
  sigaddset(&alarms, SIGALRM);
  pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
}

void kilpi_interrupt_install(void (*last_words)(void)) {
  farewell = last_words;
  struct sigaction action = {0};
  action.sa_handler = on_interrupt;
  sigemptyset(&action.sa_mask);
  action.sa_flags = 0; /* no SA_RESTART: blocking reads return on the signal */
  sigaction(SIGINT, &action, NULL);
}

void kilpi_interrupt_finish(void) { atomic_store(&finishing, 1); }

void kilpi_interrupt_uninstall(void) {
  struct sigaction action = {0};
  action.sa_handler = SIG_DFL;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
}

static atomic_int holds = 0;
static atomic_int requested = 0;

void kilpi_termination_hold(void) { atomic_fetch_add(&holds, 1); }

void kilpi_termination_release(void) {
  if (atomic_fetch_sub(&holds, 1) == 1 && atomic_load(&requested) != 0) kilpi_interrupt_raise();
}

bool kilpi_termination_request(int signal_number) {
  int none = 0;
  bool is_first = atomic_compare_exchange_strong(&requested, &none, signal_number);
  return !is_first || atomic_load(&holds) == 0;
}

bool kilpi_termination_held(void) { return atomic_load(&holds) > 0; }

int kilpi_termination_requested(void) { return atomic_load(&requested); }
