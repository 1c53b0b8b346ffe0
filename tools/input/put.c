/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/fail.h"
#include "tools/base/heap.h"
#include "tools/base/status.h"
#include "tools/input/put.h"
#include "tools/rows/row.h"

/* Parses the value of a row, with the columns of the row that is there. `present` is NULL if there
 * is none. */
static int put_parse_value(const struct stele_schema *schema, const struct row_text *text,
                           const struct condition *condition, const struct stele_row *present,
                           struct row_buffer *row)
{
	void *zeros;
	int result;

	/* If the condition needs an existing row, stele_writable_put_if() reports that the row is
	 * missing, instead of an error about missing columns. */
	if (present || !condition->given || condition->version.version == 0)
		return row_parse_value(text, schema, present, row);
	zeros = heap_realloc(NULL, schema->value_size + 1);
	memset(zeros, 0, schema->value_size + 1);
	result = row_parse_value(
		text, schema, &(struct stele_row){.value = zeros, .value_size = schema->value_size},
		row);
	free(zeros);
	return result;
}

enum status put_partial(const char *where, struct stele_writable *table,
                        const struct stele_schema *schema, const struct row_text *text,
                        const struct condition *condition, struct row_buffer *row)
{
	struct stele_row there;
	bool present = false;
	int result;

	result = stele_writable_get(table, row->key.bytes, row->key.bits, &there);
	if (result >= 0) {
		present = result == 1;
		result = put_parse_value(schema, text, condition, present ? &there : NULL, row);
		if (result < 0 && !present)
			return fail(fail_status(result), "%sthere is no row with this key: %s",
			            where, stele_last_error());
	}
	if (result >= 0 && condition->given)
		result = stele_writable_put_if(table, row->key.bytes, row->key.bits, row->value,
		                               row->value_size, condition->version.version);
	else if (result >= 0)
		result = stele_writable_put(table, row->key.bytes, row->key.bits, row->value,
		                            row->value_size);
	if (result < 0)
		return fail(fail_status(result), "%s%s", where, stele_last_error());
	return STATUS_DONE;
}

enum status put_delete(const char *where, struct stele_writable *table,
                       const struct condition *condition, const struct stele_key *key,
                       bool *ret_there)
{
	int result;

	if (condition->given)
		result = stele_writable_delete_if(table, key->bytes, key->bits,
		                                  condition->version.version);
	else
		result = stele_writable_delete(table, key->bytes, key->bits);
	if (result < 0)
		return fail(fail_status(result), "%s%s", where, stele_last_error());
	*ret_there = result == 1;
	return STATUS_DONE;
}
