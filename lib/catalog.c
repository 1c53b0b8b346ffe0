/* SPDX-License-Identifier: MIT */
#include "catalog.h"

#include <string.h>

#include "schema.h"

static void table_copy(const struct view *view, ref_t ref, const unsigned char *value,
                       struct catalog_table *ret)
{
	struct layout_table table;

	data_copy_out(&table, value, sizeof(table));
	*ret = (struct catalog_table){
		.version = data_load(view->base + (uint64_t)ref * LAYOUT_UNIT),
		.rows = table.rows,
		.id = table.id,
		.root = table.root,
		.schema = table.schema,
	};
}

int catalog_get(const struct view *view, ref_t catalog, const char *name, struct catalog_table *ret)
{
	struct row_parts row;
	size_t length = strlen(name);
	ref_t ref;
	int r;

	if (length == 0 || length > STELE_NAME_MAX)
		return 0;
	r = trie_get(view, &catalog_shape, catalog, (const unsigned char *)name,
	             (unsigned)length * 8, &ref);
	if (r <= 0)
		return r;
	r = row_parts(view, &catalog_shape, ref, &row);
	if (r < 0)
		return r;
	table_copy(view, ref, row.value, ret);
	return 1;
}

int catalog_row(const struct view *view, ref_t ref, char *name, struct catalog_table *ret)
{
	struct row_parts row;
	int r = row_parts(view, &catalog_shape, ref, &row);

	if (r < 0)
		return r;
	data_copy_out(name, row.key, row.key_bits / 8);
	name[row.key_bits / 8] = '\0';
	table_copy(view, ref, row.value, ret);
	return 0;
}

int catalog_schema(const struct view *view, ref_t schema, struct stele_schema **ret)
{
	uint64_t stored[SCHEMA_STORED_MAX / 8 + 1];
	const unsigned char *bytes;
	size_t size;
	int r = blob_parts(view, schema, &bytes, &size);

	if (r < 0 || size > sizeof(stored))
		return -EBADMSG;
	data_copy_out(stored, bytes, size);
	return schema_load(stored, size, ret);
}
