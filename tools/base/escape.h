/* SPDX-License-Identifier: MIT
 *
 * Escapes text before it is printed. The text of rows may contain any bytes. It must not reach a
 * terminal as a control sequence, or a JSON reader as invalid UTF-8, so such bytes are written
 * as `\xHH`. May be called from any folder of tools. */
#ifndef TOOLS_BASE_ESCAPE_H
#define TOOLS_BASE_ESCAPE_H

#include <stddef.h>

struct text;

/* Appends text for tables and messages, as stele_text_escape() writes it. */
void escape_for_people(struct text *text, const char *bytes, size_t length);
/* Appends text as a CSV field, quoted if necessary. */
void escape_for_csv(struct text *text, const char *bytes, size_t length);
/* Appends text as a JSON string, with its quotation marks. */
void escape_for_json(struct text *text, const char *bytes, size_t length);

/* Returns the number of characters in escaped text, for the width of a column. */
size_t escape_width(const char *bytes, size_t length);

#endif
