/* Size, character widths, and the terminal's modes, which must be right however Kilpi ends. */
#define _GNU_SOURCE /* wcwidth */
#include "CEditLine.h"
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

static struct termios remembered;
static atomic_bool is_remembered = false;

bool kilpi_terminal_size(int descriptor, int *columns, int *rows) {
  struct winsize size = {0};
  if (ioctl(descriptor, TIOCGWINSZ, &size) != 0) return false;
  *columns = size.ws_col;
  *rows = size.ws_row;
  return size.ws_col > 0;
}

int kilpi_terminal_cell_height(int descriptor) {
  struct winsize size = {0};
  if (ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) return 0;
  return size.ws_ypixel / size.ws_row;
}

int kilpi_character_width(uint32_t character) { return wcwidth((wchar_t)character); }

/* Whether a line was begun on the terminal and not ended, and how often something was written. */
static bool line_is_open = false;
static long writes = 0;

static bool is_terminal(int descriptor) {
  static int known[2] = {-1, -1};
  int *answer = &known[descriptor == STDOUT_FILENO ? 0 : 1];
  if (*answer < 0) *answer = isatty(descriptor);
  return *answer == 1;
}

void kilpi_standard_write(int descriptor, const void *bytes, size_t count) {
  fwrite(bytes, 1, count, descriptor == STDOUT_FILENO ? stdout : stderr);
  if (count == 0 || !is_terminal(descriptor)) return;
  line_is_open = ((const char *)bytes)[count - 1] != '\n';
  writes++;
}

void kilpi_standard_draw(int descriptor, const void *bytes, size_t count) {
  fwrite(bytes, 1, count, descriptor == STDOUT_FILENO ? stdout : stderr);
  if (is_terminal(descriptor)) line_is_open = false;
}

bool kilpi_standard_line_is_open(void) { return line_is_open; }

long kilpi_standard_writes(void) { return writes; }

void kilpi_standard_interrupt(void) { writes++; }

bool kilpi_standard_children_ended(void) {
  static long known = 0;
  struct rusage usage;
  if (getrusage(RUSAGE_CHILDREN, &usage) != 0) return false;
  /* No child ends without having touched a page. */
  long now = usage.ru_minflt + usage.ru_majflt;
  bool ended = now != known;
  known = now;
  return ended;
}

int kilpi_standard_read_byte(void) {
  errno = 0;
  int byte = getc(stdin);
  if (byte != EOF) return byte;
  bool interrupted = ferror(stdin) && errno == EINTR;
  clearerr(stdin); /* Ctrl-D ends one read, not all later ones */
  return interrupted ? KILPI_READ_INTERRUPTED : KILPI_READ_END;
}

bool kilpi_standard_flush(int descriptor) {
  FILE *stream = descriptor == STDOUT_FILENO ? stdout : stderr;
  return fflush(stream) == 0 && !ferror(stream);
}

void kilpi_terminal_remember(void) {
  if (tcgetattr(STDIN_FILENO, &remembered) == 0) atomic_store(&is_remembered, true);
}

void kilpi_terminal_restore(void) {
  if (!atomic_load(&is_remembered)) return;
  tcsetattr(STDIN_FILENO, TCSADRAIN, &remembered);
  static const char end_of_paste[] = "\033[?2004l";
  if (write(STDOUT_FILENO, end_of_paste, sizeof end_of_paste - 1) < 0) return;
}

void kilpi_terminal_suspend(void) {
  struct termios editing;
  bool known = tcgetattr(STDIN_FILENO, &editing) == 0;
  kilpi_terminal_restore();
  kill(0, SIGTSTP);
  if (known) tcsetattr(STDIN_FILENO, TCSADRAIN, &editing);
}
