/* SPDX-License-Identifier: MIT
 * Putting a row of which some columns may be missing, in a transaction. */
#ifndef TOOLS_PUT_H
#define TOOLS_PUT_H

#include "row.h"

/* Puts the row whose key is row->key: the columns given are set, the others stay as they are in the
 * row that is there; where none is, they must all be given. `place` goes before a sentence:
 * "FILE:LINE: ", or "". */
enum status put_partial(const char *place, struct stele_writable *table,
                        const struct stele_schema *schema, const struct field *fields,
                        struct row_buffer *row);

#endif
