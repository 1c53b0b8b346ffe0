/* SPDX-License-Identifier: MIT
 * Puts and deletes single rows in a transaction, under the conditions of --if-version and
 * --if-absent. `stele set', `stele delete' and `stele apply' use this. */
#ifndef TOOLS_INPUT_PUT_H
#define TOOLS_INPUT_PUT_H

#include <stele/stele.h>
#include "tools/base/status.h"
#include "tools/region/given.h"
#include "tools/rows/row.h"

/* The condition of --if-version or --if-absent. */
struct condition {
	bool given;
	const char *option; /* "--if-version", or as it is called in the input */
	/* --if-version: the version that last changed the row. 0: the row must not exist. The
	 * caller finds `at`, the position that is meant, before it puts rows. */
	struct given version;
	struct stele_position at;
};

/* Puts a row with the key row->key. Sets the value columns that the text has. The others keep the
 * values of the existing row; a new row needs all of them. Returns STATUS_CONDITION if the
 * condition does not hold. `where` is put before error messages: "FILE:LINE: ", or "". Overwrites
 * row->value. */
enum status put_partial(const char *where, struct stele_writable *table,
                        const struct stele_schema *schema, const struct row_text *text,
                        const struct condition *condition, struct row_buffer *row);

/* Deletes the row with this key. Sets `*ret_there` to whether the row existed. Returns
 * STATUS_CONDITION if the condition does not hold. */
enum status put_delete(const char *where, struct stele_writable *table,
                       const struct condition *condition, const struct stele_key *key,
                       bool *ret_there);

#endif
