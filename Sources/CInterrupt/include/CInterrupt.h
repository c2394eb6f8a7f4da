/* The process-wide interrupt flag. Any thread may read it; the signal handler and tests raise it. */
#ifndef KILPI_INTERRUPT_H
#define KILPI_INTERRUPT_H
#include <stdbool.h>

/* True while an interrupt waits to be noticed. Async-signal-safe, lock-free. */
bool kilpi_interrupt_pending(void);

/* Raises the flag as one press of Ctrl-C does; returns the presses counted so far. */
int kilpi_interrupt_raise(void);

/* Lowers the flag and forgets all presses. Only the session does this, after a cell. */
void kilpi_interrupt_clear(void);

/* Presses since the last clear. */
int kilpi_interrupt_presses(void);

/* Installs the SIGINT handler: it counts presses; the third within two seconds runs `last_words`
   (async-signal-safe, may be NULL) and ends the process with status 130. */
void kilpi_interrupt_install(void (*last_words)(void));

/* Restores the default action of SIGINT. */
void kilpi_interrupt_uninstall(void);
#endif
