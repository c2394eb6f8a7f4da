/* The editor after a change of the window; inside this target only. */
#ifndef KILPI_RESIZE_H
#define KILPI_RESIZE_H
#include <histedit.h>

/* Columns of the terminal now. */
int kilpi_editor_columns(void);
/* Gives libedit the new size and draws prompt and text anew. `prompt` is where libedit's prompt
   function looks; `columns` is the size so far, and the new one afterwards. */
void kilpi_editor_fit(EditLine *line, char **prompt, int *columns);
#endif
