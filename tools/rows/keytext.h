/* SPDX-License-Identifier: MIT
 *
 * Parses keys that users write as operands. A key of one column is the text of the column,
 * unquoted. The columns of a longer key are joined by commas; a column that contains a comma or a
 * quotation mark is quoted as in CSV.
 *
 * If the text is not valid, each function returns a status other than STATUS_DONE after an error
 * message. `where` is put before the message: "FILE:LINE: ", or "". */
#ifndef TOOLS_ROWS_KEYTEXT_H
#define TOOLS_ROWS_KEYTEXT_H

#include <stele/stele.h>
#include "tools/base/status.h"
#include "tools/rows/row.h"

/* Encodes a key, all columns of which must be given, into `*ret`. */
enum status keytext_parse(const char *where, const char *text, const struct stele_schema *schema,
                          struct stele_key *ret);

/* Encodes a key for a longest-prefix match into `*ret`. If the last column is a prefix, it may
 * also be an address. */
enum status keytext_parse_address(const char *where, const char *text,
                                  const struct stele_schema *schema, struct stele_key *ret);

/* Encodes the start of a key into `*ret`, for a scan of all keys that start with it: one or more
 * of the first columns. The last of them may be incomplete: a prefix of an address or of a prefix,
 * or the first letters of text. */
enum status keytext_parse_start(const char *where, const char *text,
                                const struct stele_schema *schema, struct stele_key *ret);

#endif
