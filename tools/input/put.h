/* SPDX-License-Identifier: MIT
 * Putting a row of which some columns may be missing, in a transaction. */
#ifndef TOOLS_INPUT_PUT_H
#define TOOLS_INPUT_PUT_H

#include <stele/stele.h>
#include "tools/base/status.h"
#include "tools/region/token.h"
#include "tools/rows/row.h"

/* What --if-version and --if-absent ask of a row. */
struct condition {
	bool given;
	struct token version; /* 0: no such row; its region is the caller's to check */
};

/* Puts the row whose key is row->key: the columns given are set, the others stay as they are in the
 * row that is there; where none is, they must all be given. `where` goes before a sentence:
 * "FILE:LINE: ", or "". Where the condition does not hold, STATUS_CONDITION. */
enum status put_partial(const char *where, struct stele_writable *table,
                        const struct stele_schema *schema, const struct field *fields,
                        const struct condition *condition, struct row_buffer *row);

/* Deletes the row whose key is row->key, under the condition; `*ret_there` says whether there was
 * one. */
enum status put_delete(const char *where, struct stele_writable *table,
                       const struct condition *condition, const struct row_buffer *row,
                       bool *ret_there);

#endif
