/* SPDX-License-Identifier: MIT
 * Error messages about the columns of a table. Parsers of rows use them. */
#ifndef TOOLS_ROWS_COLUMN_H
#define TOOLS_ROWS_COLUMN_H

#include <stele/stele.h>
#include "tools/base/status.h"

/* Reports that the schema has no column of this name, which has `length` bytes, and suggests a
 * column or lists all columns. `where` is put before the error message: "FILE:LINE: ", or "". */
enum status column_fail_unknown(const char *where, const struct stele_schema *schema,
                                const char *name, size_t length);

#endif
