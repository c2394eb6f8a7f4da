/* The process-wide interrupt flag, and the request to end. Any thread may read it; the signal handler and tests raise it. */
#ifndef KILPI_INTERRUPT_H
#define KILPI_INTERRUPT_H
#include <stdbool.h>
#include <stddef.h>

/* True while an interrupt waits to be noticed. Async-signal-safe, lock-free. */
bool kilpi_interrupt_pending(void);

/* Raises the flag as one press of Ctrl-C does; returns the presses counted so far. */
int kilpi_interrupt_raise(void);

/* For tests: the press comes at that look at the flag, counted from 1, whatever the clock says. */
void kilpi_interrupt_raise_at_look(int looks);

/* Lowers the flag and forgets all presses. Only the session does this, after a cell. */
void kilpi_interrupt_clear(void);

/* Presses since the last clear. */
int kilpi_interrupt_presses(void);

/* Installs the SIGINT handler: it counts presses; the third within two seconds, and the one after a
   message that promises so, runs `last_words` (async-signal-safe, may be NULL) and ends the process
   with status 130. */
void kilpi_interrupt_install(void (*last_words)(void));

/* Calls `on_press` in the handler, at each press (async-signal-safe; NULL for nothing). */
void kilpi_interrupt_listen(void (*on_press)(void));

/* A press that nothing has heeded for so many seconds ends the process with status 130: there are
   places in which Lua looks at no interrupt (finalizers, hooks of scripts). 0, the default, waits for
   ever, as a session must. Work that holds termination back is waited for. */
void kilpi_interrupt_limit(int seconds);

/* The press was heard: what runs is on its way out. */
void kilpi_interrupt_heed(void);

/* Names what the calling thread is in, until the matching leave: for the message of a second press.
   Names are cut to 47 bytes, and nesting beyond 8 is only counted. */
void kilpi_interrupt_enter(const char *name, size_t length);
void kilpi_interrupt_leave(void);

/* The calling thread is the one that runs Lua. */
void kilpi_interrupt_name_main_thread(void);

/* Writes what the calling thread is in, innermost first ("matmul in attack.pgd"; "Lua" for nothing),
   without a zero at the end, and returns the length; a helper thread tells what the main one is in. Async-signal-safe. */
size_t kilpi_interrupt_describe(char *text, size_t room);

/* While work of the prompt runs (`on`), a second press says what it is stuck in and for how long, on
   standard error. */
void kilpi_interrupt_explain(bool on);

/* From now on a press ends the process at once with status 130, after `last_words`: the work is done and
   saved, and what still runs (finalizers of scripts) takes no notice of the flag. */
void kilpi_interrupt_finish(void);

/* Restores the default action of SIGINT. */
void kilpi_interrupt_uninstall(void);

/* Installs handlers for the signals by which a fault of the program ends it (SIGILL, SIGTRAP,
   SIGABRT, SIGBUS, SIGFPE, SIGSEGV): they say on standard error in which call, run `last_words`
   (async-signal-safe, may be NULL) and end the process by that signal, at once. They take the place
   of the Swift runtime's, which ask the user or walk the stack for half a minute. */
void kilpi_fault_install(void (*last_words)(void));

/* Lets the signals of faults through on a thread that blocks all others. */
void kilpi_fault_unblock(void);

/* Work that saves itself holds termination back: a first SIGTERM (or SIGHUP) is then only noted. The
   last release raises the interrupt flag when one was noted, so that no script goes on. */
void kilpi_termination_hold(void);
void kilpi_termination_release(void);

/* True while something holds termination back. */
bool kilpi_termination_held(void);

/* For handlers: notes a request to end; true when the process has to end at once, since nothing
   holds it back or it is not the first request. Async-signal-safe. */
bool kilpi_termination_request(int signal_number);

/* The signal that was noted; 0 for none. */
int kilpi_termination_requested(void);
#endif
