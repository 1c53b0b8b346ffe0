/* SPDX-License-Identifier: MIT */
#include "publisher/tables/narrow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/schema/schema_value.h"
#include "lib/trie/trie.h"

/* Returns true if values of a schema can be put into a table of the schema `present`, completed if
 * they are narrow. Sets the error message otherwise. */
static bool narrow_fits(const struct stele_schema *schema, const struct stele_schema *present)
{
	return stele_schema_compatible(schema, present) >= 0 &&
	       schema_value_check_defaults(present, schema->column_count) == 0;
}

void narrow_update(struct stele_writable *table)
{
	const struct stele_schema *declared = table->dropped ? NULL : table->declared;

	extension_fini(&table->extension);
	table->narrow_size = NARROW_NONE;
	table->misfit = declared && !narrow_fits(declared, table->schema);
	table->value_any = !table->misfit && schema_value_any(table->schema);
	if (declared && !table->misfit && declared->value_size != table->schema->value_size)
		table->narrow_size = declared->value_size;
}

int narrow_expect(const struct stele_writable *table, const struct stele_schema *schema)
{
	char why[2048];

	if (narrow_fits(schema, table->schema))
		return 0;
	snprintf(why, sizeof(why), "%s", stele_last_error());
	return error_set(EMEDIUMTYPE, "table \"%s\" has another schema than was declared: %s",
	                 table->name, why);
}

void narrow_declare(struct stele_writable *table, struct stele_schema *schema)
{
	table->publisher->tables.declared += table->declared == NULL;
	stele_schema_free(table->declared);
	table->declared = schema;
	table->dropped = false;
	narrow_update(table);
}

int narrow_check(const struct stele_writable *table, const void *value)
{
	/* The table's own columns, which may have words where the declared ones have none. */
	return schema_value_check_columns(table->schema, table->declared->column_count, value);
}

/* Returns the size of the complete value, and sets `*ret` to the stored value whose appended
 * columns it keeps, or to NULL if there is no such row. */
static size_t narrow_find(const struct stele_writable *table, const struct stele_row_ref *row,
                          const unsigned char **ret)
{
	struct row_parts stored;

	*ret = NULL;
	/* A damaged row is found again, and reported, by the put itself. */
	if (trie_get(&table->publisher->arena.view, &table->layout, table->root, row->key,
	             row->key_bits, &stored) != 1)
		return table->schema->value_size;
	*ret = stored.value;
	return stored.value_size;
}

size_t narrow_complete_size(const struct stele_writable *table, const struct stele_row_ref *row)
{
	const unsigned char *stored;

	if (row->value_size != table->narrow_size)
		return row->value_size;
	return table->layout.variable ? narrow_find(table, row, &stored)
	                              : table->schema->value_size;
}

/* Makes the buffer for a complete value, and the extension for those of new rows. Returns 0 or
 * -ENOMEM. */
static int narrow_reserve(struct stele_writable *table, size_t size)
{
	unsigned char *buffer;

	if (!table->extension.rest &&
	    extension_init(&table->extension, table->declared, table->schema) < 0)
		return -ENOMEM;
	if (table->completed_capacity >= size)
		return 0;
	buffer = realloc(table->completed, size);
	if (!buffer)
		return -ENOMEM;
	table->completed = buffer;
	table->completed_capacity = size;
	return 0;
}

int narrow_complete(struct stele_writable *table, struct stele_row_ref *row)
{
	size_t narrow = table->narrow_size, size;
	const unsigned char *stored;

	if (row->value_size != narrow)
		return 0;
	size = narrow_find(table, row, &stored);
	if (narrow_reserve(table, size) < 0)
		return -ENOMEM;
	if (stored) {
		if (narrow > 0)
			memcpy(table->completed, row->value, narrow);
		memcpy(table->completed + narrow, stored + narrow, size - narrow);
	} else {
		extension_extend(&table->extension, row->value, table->completed);
	}
	row->value = table->completed;
	row->value_size = size;
	return 0;
}
