/* Signals of the whole process: the reader of our output has gone, and a request to end. */
#define _GNU_SOURCE
#include "CEditLine.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

/* A pipe to a child may break too; only a broken standard output ends the program. */
static void on_broken_pipe(int number) {
  (void)number;
  int saved = errno;
  struct pollfd output = {STDOUT_FILENO, POLLOUT, 0};
  if (poll(&output, 1, 0) > 0 && (output.revents & POLLERR)) _exit(141);
  errno = saved;
}

static bool (*is_to_end)(int);

static void on_termination(int number) {
  if (!is_to_end(number)) return;
  kilpi_terminal_restore();
  _exit(128 + number);
}

static void install(int number, void (*handler)(int)) {
  struct sigaction action = {0};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, NULL);
}

void kilpi_signals_install(bool (*may_end)(int)) {
  is_to_end = may_end;
  /* A program that starts us from a thread with blocked signals passes the mask on. */
  sigset_t ours;
  sigemptyset(&ours);
  sigaddset(&ours, SIGINT);
  sigaddset(&ours, SIGTERM);
  sigaddset(&ours, SIGHUP);
  sigaddset(&ours, SIGPIPE);
  sigaddset(&ours, SIGWINCH);
  sigprocmask(SIG_UNBLOCK, &ours, NULL);
  install(SIGPIPE, on_broken_pipe);
  install(SIGTERM, on_termination);
  install(SIGHUP, on_termination);
}
