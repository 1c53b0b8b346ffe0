/* SPDX-License-Identifier: MIT
 *
 * The terminal of top: curses, started and ended so that whatever ends the program leaves the
 * terminal as it was. Only what differs from the last frame is sent. */
#ifndef TOOLS_TOP_TOP_SCREEN_H
#define TOOLS_TOP_TOP_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include "tools/base/status.h"

/* How something looks; on a terminal without colours as bold, dim or reverse. */
enum style { PLAIN, DIM, STRONG, GOOD, WARN, BAD, ACCENT, SPARK, BAR, HEADING, SELECTED };

/* From now on the signal of a fault finds the terminal given back before it kills. */
void screen_guard(void);
/* Takes the terminal, or says why it can't. */
enum status screen_open(void);
/* Gives it back as it was; may be called twice. */
void screen_close(void);
/* The same for a while: the process stops, as SIGTSTP asks for, and goes on from here when it is
 * continued. */
void screen_suspend(void);
/* The terminal has another size, or was somebody else's meanwhile: all is drawn anew. */
void screen_resize(void);
void screen_redraw(void);

int screen_rows(void);
int screen_columns(void);
/* Whether there is UTF-8, and so blocks to draw with. */
bool screen_has_blocks(void);

/* A frame is drawn between these. Where the terminal takes nothing at the moment (Ctrl-S, a slow
 * line), _begin is false, and there is none. */
bool screen_begin(void);
void screen_end(void);

/* Puts text into `width` columns from there on, to the left or the right side of them, and
 * blanks into the rest. What does not fit is cut, and the cut shown. Text may be anybody's
 * bytes: nothing of it steers the terminal. */
void screen_put(int row, int column, int width, bool right, enum style style, const char *text);
/* The same for all columns of a row. */
void screen_line(int row, enum style style, const char *text);

/* What was said on standard error since the last call: its first line, without "stele: ". While
 * the screen is open, that is kept aside, and comes out when it is closed. */
void screen_message(char *buffer, size_t size);

/* A key that was pressed, or -1: none any more. Keys that are no character are those of
 * <curses.h>. */
int screen_key(void);

#endif
