/* libedit behind fixed arguments, and what the terminal needs beside it. All of it belongs to the
   thread that reads the prompt; only kilpi_terminal_restore may be called from a signal handler. */
#ifndef KILPI_EDITLINE_H
#define KILPI_EDITLINE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wchar.h>

/* Keys that the owner of the editor answers itself; all others are libedit's. */
enum kilpi_key {
  KILPI_KEY_ENTER,
  KILPI_KEY_TAB,
  KILPI_KEY_UP,
  KILPI_KEY_DOWN,
  KILPI_KEY_INTERRUPT,
  KILPI_KEY_END,       /* Ctrl-D */
  KILPI_KEY_SEARCH,    /* Ctrl-R */
  KILPI_KEY_PASTE,     /* the start mark of a bracketed paste */
  KILPI_KEY_LINE_START,
  KILPI_KEY_LINE_END,
  KILPI_KEY_BACKSPACE,
  KILPI_KEY_NEWLINE,   /* Alt-Enter: a new line in any case */
  KILPI_KEY_SUSPEND,   /* Ctrl-Z */
  KILPI_KEY_LIST,      /* never typed: pushed by kilpi_editor_push_list */
  KILPI_KEY_OLDER,     /* Page Up: an older input that begins alike */
  KILPI_KEY_NEWER,     /* Page Down */
  KILPI_KEY_COUNT
};

/* What libedit shall do after a key. */
enum kilpi_answer {
  KILPI_ANSWER_NONE,
  KILPI_ANSWER_REFRESH, /* text or cursor changed */
  KILPI_ANSWER_BEEP,
  KILPI_ANSWER_END      /* end of input */
};

typedef struct kilpi_editor kilpi_editor;

/* Answers a key with a kilpi_answer. */
typedef int (*kilpi_key_handler)(void *context, int key);
/* Asked when a signal interrupted the wait for a key: true makes it a press of Ctrl-C. */
typedef bool (*kilpi_signal_handler)(void *context);

/* Opens an editor on standard input and output; NULL when the terminal cannot do it. */
kilpi_editor *kilpi_editor_open(
    const char *program, kilpi_key_handler on_key, kilpi_signal_handler on_signal, void *context);
/* Frees the editor and leaves the terminal as it was. */
void kilpi_editor_close(kilpi_editor *editor);

/* Edits one block; true when it was accepted, false at the end of the input. */
bool kilpi_editor_read(kilpi_editor *editor);

/* Sets the prompt (UTF-8); escape sequences in it stand between two bytes of value 1. */
void kilpi_editor_set_prompt(kilpi_editor *editor, const char *prompt);

/* The text as code points; valid until the next call. `cursor` may be NULL. */
const uint32_t *kilpi_editor_text(kilpi_editor *editor, size_t *length, size_t *cursor);
/* Replaces the whole text and places the cursor at a code point. */
void kilpi_editor_replace(kilpi_editor *editor, const char *text, size_t cursor);
/* Inserts at the cursor. */
void kilpi_editor_insert(kilpi_editor *editor, const char *text);
/* Moves the cursor by code points. */
void kilpi_editor_move(kilpi_editor *editor, int offset);

/* Draws the block anew from the first column of the current line. */
void kilpi_editor_draw_again(kilpi_editor *editor);
/* Removes what is drawn, from `rows_up` rows above the cursor, and draws the block there anew: for a
   changed prompt. */
void kilpi_editor_refresh(kilpi_editor *editor, int rows_up);

/* The next typed code point, or 0 at the end of the input. */
uint32_t kilpi_editor_next(kilpi_editor *editor);
/* True when nothing is typed for so many milliseconds. */
bool kilpi_editor_is_quiet(kilpi_editor *editor, int milliseconds);
/* Gives a code point back, to be read as the next key. */
void kilpi_editor_push(kilpi_editor *editor, uint32_t character);
/* Accepts the block once the running key is done. */
void kilpi_editor_push_accept(kilpi_editor *editor);
/* Presses KILPI_KEY_LIST once the running key is done. */
void kilpi_editor_push_list(kilpi_editor *editor);

/* Bytes of a key's sequence that are looked at; longer ones are read, but mean nothing. */
enum { KILPI_SEQUENCE_SIZE = 32 };
/* What a terminal's sequence for a key, without its escape ("[1;5C", "OA"), means to the editor: the
   one sequence that is bound for this key, a plain character, or "" for a key without a meaning.
   `alt` says that another escape stood in front. */
void kilpi_key_sequence(const char *sequence, bool alt, wchar_t keys[KILPI_SEQUENCE_SIZE]);

/* Columns and rows of the terminal behind a descriptor; false when it is none. */
bool kilpi_terminal_size(int descriptor, int *columns, int *rows);
/* Columns that a code point takes: 0, 1 or 2; -1 when it cannot be shown. */
int kilpi_character_width(uint32_t character);
/* Writes to C's standard output (1) or error (2) stream; Swift cannot name these safely. */
void kilpi_standard_write(int descriptor, const void *bytes, size_t count);
/* The same for what leaves the cursor at the start of a line though it does not end in a newline,
   and does not count: bars that will be taken away, prompts. */
void kilpi_standard_draw(int descriptor, const void *bytes, size_t count);
/* True when the last thing written to the terminal did not end its line. */
bool kilpi_standard_line_is_open(void);
/* How often something was written to the terminal. */
long kilpi_standard_writes(void);
/* Counts what others write there: the editor, children. */
void kilpi_standard_interrupt(void);
/* Whether a child ended since the last call: it may have left a line open. */
bool kilpi_standard_children_ended(void);
enum { KILPI_READ_END = -1, KILPI_READ_INTERRUPTED = -2 };
/* The next byte of C's standard input, which scripts read too, or one of the above. */
int kilpi_standard_read_byte(void);
/* Pixels from one row of the terminal to the next; 0 when it does not say. */
int kilpi_terminal_cell_height(int descriptor);
/* Hands on what C holds back of that stream; false when the stream is broken. */
bool kilpi_standard_flush(int descriptor);
/* Remembers the present terminal modes for kilpi_terminal_restore. */
void kilpi_terminal_remember(void);
/* Gives the terminal its remembered modes back and ends bracketed paste. Async-signal-safe. */
void kilpi_terminal_restore(void);
/* Stops the process as Ctrl-Z does, with the terminal restored meanwhile. */
void kilpi_terminal_suspend(void);
/* Installs the handlers of SIGPIPE (141 when standard output is the broken pipe), SIGTERM (143) and
   SIGHUP; each leaves the terminal restored. The last two end the process if `may_end`, called with
   the signal's number, says so (async-signal-safe). */
void kilpi_signals_install(bool (*may_end)(int));
#endif
