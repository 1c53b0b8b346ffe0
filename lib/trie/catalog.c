/* SPDX-License-Identifier: MIT */
#include "lib/trie/catalog.h"

#include <stdlib.h>
#include <string.h>

#include "lib/schema/schema_store.h"
#include "lib/trie/trie.h"

const struct row_layout catalog_wide = {
	.value_size = sizeof(struct layout_table),
	.min_bits = 8,
	.max_bits = STELE_NAME_MAX * 8,
	.wide = true,
	.overhead = 10,
};
const struct row_layout catalog_narrow = {
	.value_size = LAYOUT_NARROW_TABLE,
	.min_bits = 8,
	.max_bits = STELE_NAME_MAX * 8,
	.wide = true,
	.overhead = 10,
};

static void catalog_copy_table(const struct row_parts *row, struct catalog_table *ret)
{
	struct layout_table table;

	/* The members that a narrow entry lacks are of no interest here. */
	data_copy_out(&table, row->value, LAYOUT_NARROW_TABLE);
	*ret = (struct catalog_table){
		.version = row->version,
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
	int r;

	if (length == 0 || length > STELE_NAME_MAX)
		return 0;
	r = trie_get(view, catalog_layout(view->features), catalog, (const unsigned char *)name,
	             (unsigned)length * 8, &row);
	if (r == 1)
		catalog_copy_table(&row, ret);
	return r;
}

int catalog_row(const struct view *view, ref_t ref, char *name, struct catalog_table *ret)
{
	struct row_parts row;
	int r = row_parse_ref(view, catalog_layout(view->features), ref, &row);

	if (r < 0)
		return r;
	data_copy_out(name, row.key, row.key_bits / 8);
	name[row.key_bits / 8] = '\0';
	catalog_copy_table(&row, ret);
	return 0;
}

int catalog_schema(const struct view *view, ref_t schema, struct stele_schema **ret)
{
	const unsigned char *bytes;
	unsigned char *stored;
	size_t size;
	int r = view_blob(view, schema, &bytes, &size);

	if (r < 0 || size > SCHEMA_STORED_MAX)
		return -EBADMSG;
	stored = malloc(size > 0 ? size : 1);
	if (!stored)
		return -ENOMEM;
	data_copy_out(stored, bytes, size);
	r = schema_load(stored, size, ret);
	free(stored);
	return r;
}
