/* SPDX-License-Identifier: MIT */
#include <stele/stele.h>
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/input/put.h"
#include "tools/rows/row.h"

enum status put_partial(const char *where, struct stele_writable *table,
                        const struct stele_schema *schema, const struct field *fields,
                        const struct condition *condition, struct row_buffer *row)
{
	struct stele_row there;
	char missing[512];
	int result;

	result = stele_writable_get(table, row->key.bytes, row->key.bits, &there);
	/* If the condition needs an existing row, stele_writable_put_if() below reports that the
	 * row is missing, instead of an error about missing columns. */
	if (result == 0 && !(condition->given && condition->version.version != 0)) {
		row_missing(schema, fields, false, missing, sizeof(missing));
		if (*missing)
			return fail(STATUS_INPUT,
			            "%sthere is no row with this key, and a new row needs all "
			            "columns; missing: %s",
			            where, missing);
	}
	if (result >= 0) {
		row_start_value(row, schema, result ? there.value : NULL,
		                result ? there.value_size : 0);
		result = row_parse_value(row, schema, fields);
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
                       const struct condition *condition, const struct row_buffer *row,
                       bool *ret_there)
{
	int result;

	if (condition->given)
		result = stele_writable_delete_if(table, row->key.bytes, row->key.bits,
		                                  condition->version.version);
	else
		result = stele_writable_delete(table, row->key.bytes, row->key.bits);
	if (result < 0)
		return fail(fail_status(result), "%s%s", where, stele_last_error());
	*ret_there = result == 1;
	return STATUS_DONE;
}
