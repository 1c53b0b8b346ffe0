/* SPDX-License-Identifier: MIT
 * Errors about the columns of a table. Parsers of rows call these. */
#ifndef TOOLS_ROWS_COLUMN_H
#define TOOLS_ROWS_COLUMN_H

#include <stele/stele.h>
#include "tools/base/status.h"

/* Prints that a name is none of the schema's columns, and which was probably meant. `where` goes
 * before the sentence: "FILE:LINE: ", or "". */
enum status column_fail_unknown(const char *where, const struct stele_schema *schema,
                                const char *name, size_t length);

/* The library's last sentence, made to start with the column's name where it does not. The result
 * holds until the next call. */
const char *column_message(const struct stele_column *column);

#endif
