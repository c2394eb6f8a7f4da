/* Why each trick is needed: libedit calls its own functions variadic; it cannot move to the bottom
   of a block for us (so its own ed-newline is pressed through a private key); and its default reader
   takes a second interrupted read for the end of the input (so the reader here is our own). */
#include "CEditLine.h"
#include "Resize.h"
#include <errno.h>
#include <histedit.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

/* Private key sequences; no terminal sends them. */
#define ACCEPT_SEQUENCE L"\033[9901~"
#define LIST_SEQUENCE L"\033[9902~"
#define PROMPT_ESCAPE '\1'

/* Bytes of one key or character come together; after so many milliseconds the rest is lost. */
enum { BYTE_WAIT = 500, QUEUE_SIZE = 64 };

struct kilpi_editor {
  EditLine *line;
  int held; /* a byte that was read too far; -1 for none */
  size_t queued;
  wchar_t queue[QUEUE_SIZE];
  kilpi_key_handler on_key;
  kilpi_signal_handler on_signal;
  void *context;
  char *prompt;
  int columns; /* of the window when the text was drawn */
};

static volatile sig_atomic_t window_changed = 0;

static void on_window_change(int number) {
  (void)number;
  window_changed = 1;
}

/* A change of the window ends the wait for a key, but not that of a script for its input. */
static void notice_window(bool editing) {
  struct sigaction action = {0};
  action.sa_handler = on_window_change;
  action.sa_flags = editing ? 0 : SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGWINCH, &action, NULL);
}

static kilpi_editor *owner(EditLine *line) {
  void *data = NULL;
  el_get(line, EL_CLIENTDATA, &data);
  return data;
}

static char *prompt_of(EditLine *line) {
  kilpi_editor *editor = owner(line);
  return editor && editor->prompt ? editor->prompt : (char *)"";
}

/* --- keys ------------------------------------------------------------------------------------- */

static unsigned char answer(EditLine *line, int key) {
  kilpi_editor *editor = owner(line);
  if (!editor) return CC_ERROR;
  switch (editor->on_key(editor->context, key)) {
    case KILPI_ANSWER_REFRESH: return CC_REFRESH;
    case KILPI_ANSWER_BEEP: return CC_REFRESH_BEEP;
    case KILPI_ANSWER_END: return CC_EOF;
    default: return CC_NORM;
  }
}

#define KEY(name, key) \
  static unsigned char on_##name(EditLine *line, int character) { \
    (void)character; \
    return answer(line, key); \
  }
KEY(enter, KILPI_KEY_ENTER)
KEY(tab, KILPI_KEY_TAB)
KEY(up, KILPI_KEY_UP)
KEY(down, KILPI_KEY_DOWN)
KEY(interrupt, KILPI_KEY_INTERRUPT)
KEY(end, KILPI_KEY_END)
KEY(search, KILPI_KEY_SEARCH)
KEY(paste, KILPI_KEY_PASTE)
KEY(line_start, KILPI_KEY_LINE_START)
KEY(line_end, KILPI_KEY_LINE_END)
KEY(backspace, KILPI_KEY_BACKSPACE)
KEY(newline, KILPI_KEY_NEWLINE)
KEY(suspend, KILPI_KEY_SUSPEND)
KEY(list, KILPI_KEY_LIST)
KEY(older, KILPI_KEY_OLDER)
KEY(newer, KILPI_KEY_NEWER)

static const struct {
  const char *name;
  unsigned char (*function)(EditLine *, int);
} functions[KILPI_KEY_COUNT] = {
    {"kilpi-enter", on_enter},           {"kilpi-tab", on_tab},
    {"kilpi-up", on_up},                 {"kilpi-down", on_down},
    {"kilpi-interrupt", on_interrupt},   {"kilpi-end", on_end},
    {"kilpi-search", on_search},         {"kilpi-paste", on_paste},
    {"kilpi-line-start", on_line_start}, {"kilpi-line-end", on_line_end},
    {"kilpi-backspace", on_backspace},   {"kilpi-newline", on_newline},
    {"kilpi-suspend", on_suspend},       {"kilpi-list", on_list},
    {"kilpi-older", on_older},           {"kilpi-newer", on_newer},
};

static const char *const bindings[][2] = {
    {"^M", "kilpi-enter"},
    {"^J", "kilpi-enter"},
    {"\\e^M", "kilpi-newline"},
    {"\\e^J", "kilpi-newline"},
    {"^I", "kilpi-tab"},
    {"^C", "kilpi-interrupt"},
    {"^D", "kilpi-end"},
    {"^R", "kilpi-search"},
    {"^P", "kilpi-up"},
    {"^N", "kilpi-down"},
    {"^Z", "kilpi-suspend"},
    {"^A", "kilpi-line-start"},
    {"^E", "kilpi-line-end"},
    {"^H", "kilpi-backspace"},
    {"^?", "kilpi-backspace"},
    /* The forms that kilpi_key_sequence gives. */
    {"\\e[A", "kilpi-up"},
    {"\\e[B", "kilpi-down"},
    {"\\e[C", "ed-next-char"},
    {"\\e[D", "ed-prev-char"},
    {"\\e[H", "kilpi-line-start"},
    {"\\e[F", "kilpi-line-end"},
    {"\\e[3~", "ed-delete-next-char"},
    {"\\e[5~", "kilpi-older"},
    {"\\e[6~", "kilpi-newer"},
    {"\\e[1;5C", "em-next-word"},
    {"\\e[1;5D", "ed-prev-word"},
    {"\\e[3;5~", "em-delete-next-word"},
    {"\\ef", "em-next-word"},
    {"\\eb", "ed-prev-word"},
    {"\\ed", "em-delete-next-word"},
    {"\\e^H", "ed-delete-prev-word"},
    {"\\e^?", "ed-delete-prev-word"},
    {"\\e[200~", "kilpi-paste"},
    {"\\ex", "ed-ignore"}, /* libedit's own command line */
    {"\\eX", "ed-ignore"},
    {"\\e[201~", "ed-ignore"}, /* the end of a paste that did not begin */
    {"\\e[9901~", "ed-newline"},
    {"\\e[9902~", "kilpi-list"},
};

/* --- reading ---------------------------------------------------------------------------------- */

/* What has been read but not yet given to libedit. */
static void queue(kilpi_editor *editor, const wchar_t *text) {
  while (*text && editor->queued < QUEUE_SIZE) editor->queue[editor->queued++] = *text++;
}

/* Whether a byte comes within so many milliseconds; a signal counts as one, the read will see it. */
static bool comes(kilpi_editor *editor, int milliseconds) {
  if (editor->held >= 0) return true;
  struct pollfd wait = {STDIN_FILENO, POLLIN, 0};
  return poll(&wait, 1, milliseconds) != 0;
}

/* One byte from the terminal: 1, 0 at the end, or -1 for a signal that counts as Ctrl-C. */
static int read_byte(kilpi_editor *editor, unsigned char *byte) {
  if (editor->held >= 0) {
    *byte = (unsigned char)editor->held;
    editor->held = -1;
    return 1;
  }
  for (;;) {
    if (window_changed) {
      window_changed = 0;
      kilpi_editor_fit(editor->line, &editor->prompt, &editor->columns);
    }
    ssize_t count = read(STDIN_FILENO, byte, 1);
    if (count == 1) return 1;
    if (count == 0) return 0;
    if (errno == EINTR) {
      if (editor->on_signal(editor->context)) return -1;
    } else if (errno == EAGAIN) {
      struct pollfd wait = {STDIN_FILENO, POLLIN, 0};
      poll(&wait, 1, -1);
    } else {
      return 0;
    }
  }
}

/* The rest of a character of UTF-8. A byte that does not belong to one becomes the replacement
   character, and the byte after it is held for the next time: it may begin anything. */
static wchar_t rest_of_character(kilpi_editor *editor, unsigned char first) {
  if (first < 0x80) return first;
  int rest = first >= 0xF0 && first < 0xF5 ? 3 : first >= 0xE0 && first < 0xF0 ? 2
             : first >= 0xC2 && first < 0xE0 ? 1 : 0;
  if (rest == 0) return 0xFFFD;
  static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
  uint32_t value = first & (0x3F >> rest);
  for (int i = 0; i < rest; i++) {
    unsigned char byte;
    if (!comes(editor, BYTE_WAIT) || read_byte(editor, &byte) != 1) return 0xFFFD;
    if ((byte & 0xC0) != 0x80) {
      editor->held = byte;
      return 0xFFFD;
    }
    value = value << 6 | (byte & 0x3F);
  }
  bool valid = value >= least[rest] && value <= 0x10FFFF && !(value >= 0xD800 && value < 0xE000);
  return valid ? (wchar_t)value : 0xFFFD;
}

/* Reads to the end of a text for the terminal's own use: BEL, or ESC and a backslash. */
static void skip_text(kilpi_editor *editor) {
  unsigned char byte, before = 0;
  while (comes(editor, BYTE_WAIT) && read_byte(editor, &byte) == 1) {
    if (byte == 7 || (before == 27 && byte == '\\')) return;
    before = byte;
  }
}

/* Behind an escape: queues the keys that the sequence stands for, or nothing for one that nobody
   knows. It is read whole in any case, so that no part of it is taken for typing. */
static void read_escape(kilpi_editor *editor) {
  char sequence[KILPI_SEQUENCE_SIZE] = "";
  size_t length = 0;
  unsigned char byte;
  if (read_byte(editor, &byte) != 1) return;
  bool alt = false;
  if (byte == 27) { /* Alt with a key that has a sequence of its own */
    alt = true;
    if (!comes(editor, BYTE_WAIT) || read_byte(editor, &byte) != 1) return;
  }
  if (byte == ']' || byte == 'P' || byte == '_' || byte == '^' || byte == 'X') {
    if (comes(editor, BYTE_WAIT)) return skip_text(editor);
  }
  if ((byte != '[' && byte != 'O') || !comes(editor, BYTE_WAIT)) {
    wchar_t character = rest_of_character(editor, byte);
    if (character > 127) return;
    /* A control key is one, whatever was pressed before it. */
    bool alone = character < 32 && !strchr("\r\n\b\t", (int)character);
    wchar_t plain[] = {27, character, 0};
    return queue(editor, alone ? plain + 1 : plain);
  }
  sequence[length++] = (char)byte;
  for (;;) {
    if (!comes(editor, BYTE_WAIT) || read_byte(editor, &byte) != 1) return;
    if (byte < 32 || byte > 126) { /* broken off: what comes is typed */
      editor->held = byte;
      return;
    }
    if (length < sizeof sequence - 1) sequence[length++] = (char)byte;
    sequence[length] = 0;
    if (length == 2 && byte == '[') continue; /* F1 to F5 of the Linux console */
    if (byte >= 64) break;
    /* rxvt's keys with Shift; in answers, which begin with a mark, more follows. */
    if (byte == '$' && length > 2 && strchr("0123456789", sequence[1])) break;
  }
  if (strcmp(sequence, "[M") == 0) { /* a mouse, in the oldest form */
    for (int i = 0; i < 3; i++)
      if (!comes(editor, BYTE_WAIT) || read_byte(editor, &byte) != 1) return;
    return;
  }
  wchar_t keys[KILPI_SEQUENCE_SIZE];
  kilpi_key_sequence(sequence, alt, keys);
  queue(editor, keys);
}

static int read_character(EditLine *line, wchar_t *character) {
  kilpi_editor *editor = owner(line);
  if (!editor) return 0;
  for (;;) {
    if (editor->queued > 0) {
      *character = editor->queue[0];
      editor->queued--;
      memmove(editor->queue, editor->queue + 1, editor->queued * sizeof *editor->queue);
      return 1;
    }
    unsigned char byte;
    int state = read_byte(editor, &byte);
    if (state == 0) return 0;
    if (state < 0) {
      *character = 3; /* Ctrl-C */
      return 1;
    }
    if (byte == 27) {
      read_escape(editor);
      continue;
    }
    *character = rest_of_character(editor, byte);
    return 1;
  }
}

/* --- life ------------------------------------------------------------------------------------- */

kilpi_editor *kilpi_editor_open(
    const char *program, kilpi_key_handler on_key, kilpi_signal_handler on_signal, void *context) {
  kilpi_editor *editor = calloc(1, sizeof *editor);
  if (!editor) return NULL;
  editor->on_key = on_key;
  editor->held = -1;
  editor->on_signal = on_signal;
  editor->context = context;
  editor->line = el_init(program, stdin, stdout, stderr);
  if (!editor->line) {
    free(editor);
    return NULL;
  }
  EditLine *line = editor->line;
  el_set(line, EL_CLIENTDATA, editor);
  el_set(line, EL_SIGNAL, 0);
  el_set(line, EL_EDITOR, "emacs");
  el_set(line, EL_PROMPT_ESC, prompt_of, PROMPT_ESCAPE);
  el_set(line, EL_GETCFN, read_character);
  for (int i = 0; i < KILPI_KEY_COUNT; i++)
    el_set(line, EL_ADDFN, functions[i].name, "Kilpi", functions[i].function);
  el_source(line, NULL); /* the user's .editrc: vi keys, colours of nothing; ours come after it */
  for (size_t i = 0; i < sizeof bindings / sizeof bindings[0]; i++)
    el_set(line, EL_BIND, bindings[i][0], bindings[i][1], NULL);
  /* While editing, Ctrl-C, Ctrl-Z and Ctrl-\ are keys, not signals. */
  el_set(line, EL_SETTY, "-d", "-isig", NULL);
  /* Both line ends stay what they are: in a paste they belong together. */
  el_set(line, EL_SETTY, "-d", "-icrnl", NULL);
  el_set(line, EL_SETTY, "-d", "-inlcr", NULL);
  notice_window(false);
  return editor;
}

void kilpi_editor_close(kilpi_editor *editor) {
  if (!editor) return;
  el_end(editor->line);
  free(editor->prompt);
  free(editor);
  kilpi_terminal_restore();
}

void kilpi_editor_set_prompt(kilpi_editor *editor, const char *prompt) {
  char *copy = strdup(prompt);
  if (!copy) return;
  free(editor->prompt);
  editor->prompt = copy;
}

bool kilpi_editor_read(kilpi_editor *editor) {
  static const char begin_paste[] = "\033[?2004h", end_paste[] = "\033[?2004l";
  fwrite(begin_paste, 1, sizeof begin_paste - 1, stdout);
  fflush(stdout);
  int count = 0;
  window_changed = 0;
  editor->columns = kilpi_editor_columns();
  notice_window(true);
  const char *text = el_gets(editor->line, &count);
  notice_window(false);
  fwrite(end_paste, 1, sizeof end_paste - 1, stdout);
  fflush(stdout);
  return text != NULL && count > 0;
}

/* --- text ------------------------------------------------------------------------------------- */

const uint32_t *kilpi_editor_text(kilpi_editor *editor, size_t *length, size_t *cursor) {
  const LineInfoW *info = el_wline(editor->line);
  *length = (size_t)(info->lastchar - info->buffer);
  if (cursor) *cursor = (size_t)(info->cursor - info->buffer);
  return (const uint32_t *)info->buffer;
}

void kilpi_editor_replace(kilpi_editor *editor, const char *text, size_t cursor) {
  size_t length;
  const LineInfoW *info = el_wline(editor->line);
  length = (size_t)(info->lastchar - info->buffer);
  el_cursor(editor->line, (int)(info->lastchar - info->cursor));
  el_deletestr(editor->line, (int)length);
  kilpi_editor_insert(editor, text);
  info = el_wline(editor->line);
  length = (size_t)(info->lastchar - info->buffer);
  if (cursor < length) el_cursor(editor->line, (int)cursor - (int)length);
}

void kilpi_editor_insert(kilpi_editor *editor, const char *text) {
  if (*text) el_insertstr(editor->line, text);
}

void kilpi_editor_move(kilpi_editor *editor, int offset) {
  if (offset) el_cursor(editor->line, offset);
}

void kilpi_editor_refresh(kilpi_editor *editor, int rows_up) {
  /* libedit draws what changed since the last time; a prompt of another width needs all of it. */
  if (rows_up > 0) fprintf(stdout, "\033[%dA", rows_up);
  fputs("\r\033[J", stdout);
  el_set(editor->line, EL_REFRESH);
}

void kilpi_editor_draw_again(kilpi_editor *editor) { el_set(editor->line, EL_REFRESH); }

uint32_t kilpi_editor_next(kilpi_editor *editor) {
  wchar_t character = 0;
  return el_wgetc(editor->line, &character) == 1 ? (uint32_t)character : 0;
}

bool kilpi_editor_is_quiet(kilpi_editor *editor, int milliseconds) {
  return editor->queued == 0 && !comes(editor, milliseconds);
}

void kilpi_editor_push(kilpi_editor *editor, uint32_t character) {
  wchar_t text[2] = {(wchar_t)character, 0};
  el_wpush(editor->line, text);
}

void kilpi_editor_push_accept(kilpi_editor *editor) { el_wpush(editor->line, ACCEPT_SEQUENCE); }

void kilpi_editor_push_list(kilpi_editor *editor) { el_wpush(editor->line, LIST_SEQUENCE); }
