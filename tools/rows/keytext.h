/* SPDX-License-Identifier: MIT
 *
 * Keys as people type them: a key of one column is its text, whatever is in it; the columns of a
 * longer key are joined by commas, quoted as in CSV where one holds a comma or a quotation mark.
 * Each function prints what is wrong with the text, with `where` before the sentence: "FILE:LINE:
 * ", or "". */
#ifndef TOOLS_ROWS_KEYTEXT_H
#define TOOLS_ROWS_KEYTEXT_H

#include <stele/stele.h>
#include "tools/base/status.h"
#include "tools/rows/row.h"

/* Encodes a whole key. */
enum status keytext_parse(const char *where, const char *text, const struct stele_schema *schema,
                          struct row_buffer *ret);

/* The same, for a search of the longest match: in a table of prefixes, the last column may be an
 * address, with all its bits. */
enum status keytext_parse_address(const char *where, const char *text,
                                  const struct stele_schema *schema, struct row_buffer *ret);

/* Encodes what keys shall start with: the first column or columns, of which the last may be a part:
 * a prefix where the column is an address or a prefix, the first letters of text. */
enum status keytext_parse_start(const char *where, const char *text,
                                const struct stele_schema *schema, struct row_buffer *ret);

#endif
