/* A change of the window while a text is edited. libedit keeps the place of its cursor over the
   change, although its rows get another length: a place beyond their end is written to. So the text
   is taken away first, and with it the cursor goes to the first place, which every window has. */
#define _GNU_SOURCE /* wcwidth */
#include "Resize.h"
#include "CEditLine.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct place {
  int row, column;
};

static void step(struct place *place, wchar_t character, int columns) {
  if (character == L'\n') {
    place->row++;
    place->column = 0;
    return;
  }
  int width = character == L'\t' ? 8 - place->column % 8 : wcwidth(character);
  if (width < 0) width = 2; /* ^X */
  if (place->column + width > columns) {
    place->row++;
    place->column = 0;
  }
  place->column += width;
  if (place->column >= columns) {
    place->row++;
    place->column = 0;
  }
}

/* Rows above the cursor, with the prompt in front of the text; escapes in the prompt stand between
   two bytes of value 1. */
static int rows_above(const char *prompt, const wchar_t *text, size_t length, int columns) {
  struct place place = {0, 0};
  if (columns < 1) return 0;
  mbstate_t state = {0};
  bool escaped = false;
  size_t left = strlen(prompt);
  while (left > 0) {
    wchar_t character;
    size_t count = mbrtowc(&character, prompt, left, &state);
    if (count == 0 || count > left) break;
    if (character == 1) escaped = !escaped;
    else if (!escaped) step(&place, character, columns);
    prompt += count;
    left -= count;
  }
  for (size_t i = 0; i < length; i++) step(&place, text[i], columns);
  return place.row;
}

int kilpi_editor_columns(void) {
  int columns, rows;
  return kilpi_terminal_size(STDOUT_FILENO, &columns, &rows) ? columns : 80;
}

void kilpi_editor_fit(EditLine *line, char **prompt, int *columns) {
  const LineInfoW *info = el_wline(line);
  size_t length = (size_t)(info->lastchar - info->buffer);
  size_t cursor = (size_t)(info->cursor - info->buffer);
  wchar_t *text = malloc((length + 1) * sizeof *text);
  if (!text) return;
  memcpy(text, info->buffer, length * sizeof *text);
  text[length] = 0;
  const char *shown = *prompt ? *prompt : "";
  int old = rows_above(shown, text, cursor, *columns);
  *columns = kilpi_editor_columns();
  /* Some terminals break their lines anew, others cut them: of the two, what clears no output. */
  int new = rows_above(shown, text, cursor, *columns);
  int up = old < new ? old : new;

  char *kept = *prompt;
  *prompt = NULL;
  el_cursor(line, (int)(length - cursor));
  el_deletestr(line, (int)length);
  el_set(line, EL_REFRESH);
  el_resize(line);
  *prompt = kept;
  if (length > 0) el_winsertstr(line, text);
  el_cursor(line, (int)cursor - (int)length);
  free(text);
  if (up > 0) fprintf(stdout, "\033[%dA", up);
  fputs("\r\033[J", stdout);
  el_set(line, EL_REFRESH);
}
