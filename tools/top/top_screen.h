/* SPDX-License-Identifier: MIT
 * The terminal of top, by means of curses. However the program ends, the terminal is restored. Only
 * differences from the last frame are sent. Called by cmd_top.c, top_keys.c, top_list.c and the
 * pages. */
#ifndef TOOLS_TOP_TOP_SCREEN_H
#define TOOLS_TOP_TOP_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include "tools/base/status.h"

/* The style of text. Without colours, styles are bold, dim or reverse. */
enum style { PLAIN, DIM, STRONG, GOOD, WARN, BAD, ACCENT, SPARK, BAR, HEADING, SELECTED };

/* Installs handlers that restore the terminal before the signal of a fault (SIGSEGV, SIGBUS,
 * ...) kills the process. */
void screen_guard(void);
/* Takes over the terminal, or fails with an error message. */
enum status screen_open(void);
/* Restores the terminal. May be called twice. */
void screen_close(void);
/* Restores the terminal, and stops the process as SIGTSTP does. Takes the terminal again when
 * the process is continued. */
void screen_suspend(void);
/* Reacts to a new size of the terminal. */
void screen_resize(void);
/* Redraws the complete screen, after another program may have written to the terminal. */
void screen_redraw(void);

int screen_rows(void);
int screen_columns(void);
/* Returns whether the character set is UTF-8, which has block characters to draw with. */
bool screen_has_blocks(void);

/* Begin and end a frame. screen_begin() returns false, and nothing must be drawn, if the
 * terminal accepts no output at the moment (Ctrl-S, a slow line). */
bool screen_begin(void);
void screen_end(void);

/* Writes text into `width` columns, aligned to the left or the right, and fills the rest with
 * spaces. Text that does not fit is cut, with a mark. The text may have any bytes: control
 * characters are replaced. */
void screen_put(int row, int column, int width, bool right, enum style style, const char *text);
/* Writes text over a complete row. */
void screen_line(int row, enum style style, const char *text);

/* Returns the first line written to standard error since the last call, without "stele: ". While
 * the screen is open, standard error goes to a file; screen_close() prints the rest of it. */
void screen_message(char *buffer, size_t size);

/* Returns the next key that was pressed, or -1 if there is none. Keys that are not characters
 * are the KEY_... of <curses.h>. */
int screen_key(void);

#endif
