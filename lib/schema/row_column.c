/* SPDX-License-Identifier: MIT
 *
 * Finds a column of a row, in its key or in its value: stele_row_column(). */
#include <errno.h>
#include <stele/row.h>

#include "lib/base/error.h"

int stele_row_column(const struct stele_schema *schema, size_t column, const struct stele_row *row,
                     void *buffer, size_t buffer_size, const void **ret_value, size_t *ret_size)
{
	if (column >= schema->column_count)
		return error_set(EINVAL, "the table has no column %zu; it has %zu", column + 1,
		                 schema->column_count);
	if (schema->columns[column].key)
		return stele_key_column(schema, column, row->key, row->key_bits, buffer,
		                        buffer_size, ret_value, ret_size);
	return stele_value_column(schema, column, row->value, row->value_size, ret_value, ret_size);
}
