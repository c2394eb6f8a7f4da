/* Faults of the program itself: what is said when one ends the process all the same. */
#define _GNU_SOURCE
#include "CInterrupt.h"
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

typedef struct { int number; const char *name; } fault;

static const fault faults[] = {
    {SIGILL, "illegal instruction (SIGILL)"},   {SIGTRAP, "trap (SIGTRAP)"},
    {SIGABRT, "aborted (SIGABRT)"},             {SIGBUS, "bus error (SIGBUS)"},
    {SIGFPE, "arithmetic fault (SIGFPE)"},      {SIGSEGV, "invalid memory access (SIGSEGV)"},
    {SIGQUIT, NULL}, /* requested: nothing to explain */
};
enum { FAULTS = sizeof faults / sizeof *faults };

static void (*farewell)(void) = NULL;

static size_t append(char *text, size_t length, size_t room, const char *more) {
  size_t count = strnlen(more, room - length);
  memcpy(text + length, more, count);
  return length + count;
}

/* Async-signal-safe: fixed buffers and write only. From here on every fault has its default action,
   so a second one, here or on another thread, ends the process without a word. */
static void on_fault(int number) {
  const char *name = NULL;
  for (int i = 0; i < FAULTS; i++) {
    signal(faults[i].number, SIG_DFL);
    if (faults[i].number == number) name = faults[i].name;
  }
  if (name != NULL) {
    char text[1024];
    enum { ROOM = sizeof text };
    size_t length = append(text, 0, ROOM, "\nkilpi: ");
    length = append(text, length, ROOM, name);
    length = append(text, length, ROOM, " in ");
    length += kilpi_interrupt_describe(text + length, ROOM / 2 - length);
    length = append(text, length, ROOM,
                    ". This is a fault in Kilpi, not in your code: please report the call.\n"
                    "The history is written; a run goes on from its last checkpoint, an evaluation "
                    "from its last sample (resume = true).\n");
    if (write(STDERR_FILENO, text, length) < 0) name = NULL; /* nobody reads it */
  }
  if (farewell) farewell();
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, number);
  pthread_sigmask(SIG_UNBLOCK, &only, NULL);
  raise(number);
  _exit(128 + number);
}

void kilpi_fault_install(void (*last_words)(void)) {
  farewell = last_words;
  kilpi_interrupt_name_main_thread();
  static char memory[64 << 10]; /* of its own, so that an overflow of the stack is explained, too */
  stack_t stack = {.ss_sp = memory, .ss_size = sizeof memory};
  sigaltstack(&stack, NULL);
  struct sigaction action = {0};
  action.sa_handler = on_fault;
  action.sa_flags = SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  for (int i = 0; i < FAULTS; i++) sigaction(faults[i].number, &action, NULL);
  kilpi_fault_unblock(); /* a program that starts us from a thread with blocked signals passes its mask on */
}

void kilpi_fault_unblock(void) {
  sigset_t ours;
  sigemptyset(&ours);
  for (int i = 0; i < FAULTS; i++) sigaddset(&ours, faults[i].number);
  pthread_sigmask(SIG_UNBLOCK, &ours, NULL);
}
