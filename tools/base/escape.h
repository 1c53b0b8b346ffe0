/* SPDX-License-Identifier: MIT
 *
 * Text of rows is anybody's bytes. Nothing of it may reach a terminal as a control sequence, nor a
 * JSON reader as invalid UTF-8: what could is written as `\xHH`. */
#ifndef TOOLS_BASE_ESCAPE_H
#define TOOLS_BASE_ESCAPE_H

#include <stddef.h>

struct text;

/* Append `length` bytes at `bytes`: _for_people for tables and messages, where every control
 * character, every byte that is no UTF-8 and every character that turns the writing direction is
 * escaped; _for_csv with line feeds and tabs left as they are, for the caller to quote; _for_json
 * as the inside of a JSON string. */
void escape_for_people(struct text *text, const char *bytes, size_t length);
void escape_for_csv(struct text *text, const char *bytes, size_t length);
void escape_for_json(struct text *text, const char *bytes, size_t length);

/* How many characters escaped text takes on a terminal. */
size_t escape_width(const char *bytes, size_t length);

#endif
