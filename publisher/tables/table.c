/* SPDX-License-Identifier: MIT
 *
 * The tables of a transaction: opening, creating and dropping them. Some of these are public
 * functions. A transaction opens a table when it first names it, with the contents of the last
 * version. The commit compares the table with these contents. */
#include "publisher/tables/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/schema/key.h"
#include "lib/types/refuse.h"
#include "lib/schema/schema_compare.h"
#include "lib/schema/schema_store.h"
#include "lib/schema/schema_value.h"
#include "publisher/tables/narrow.h"
#include "publisher/trie/edit.h"

/* ---- finding tables ---- */

int table_no_memory(const char *table)
{
	return error_set(ENOMEM, "no memory for a change to table \"%s\"", table);
}

int table_change_error(const struct stele_publisher *publisher, int r, const char *table)
{
	if (r == -ENOMEM)
		return table_no_memory(table);
	if (r == -ENOSPC && publisher->attachment.region.shortage < 0)
		return storage_shortage_error(&publisher->attachment.region);
	if (r != -ENOSPC)
		return error_set(-r, "table \"%s\" cannot be changed: %s", table,
		                 *publisher->growth_error ? publisher->growth_error : strerror(-r));
	return error_set(ENOSPC,
	                 "no space for a change to table \"%s\": region \"%s\" has %llu bytes, and "
	                 "its limit is %llu; delete rows, or create the region with a larger limit",
	                 table, publisher->attachment.region.names.region,
	                 (unsigned long long)publisher->attachment.region.file_size,
	                 (unsigned long long)publisher->attachment.region.limit_size);
}

int table_damaged(const struct stele_writable *table)
{
	return error_set(EBADMSG, "table \"%s\" is damaged; remove region \"%s\" and publish again",
	                 table->name, table->publisher->attachment.region.names.region);
}

/* Sets the error message for a table that does not exist. Returns -ENXIO. */
static int table_missing(const struct stele_publisher *publisher, const char *table)
{
	return region_table_error(&publisher->attachment.region, table, 0);
}

void table_set_schema(struct stele_writable *table, struct stele_schema *schema)
{
	stele_schema_free(table->schema);
	table->schema = schema;
	table->plain = schema_value_plain(schema);
	table->key_plain = schema_key_plain(schema);
	table->features = table->publisher->attachment.region.features;
	row_layout_of(schema, table->features, &table->layout);
	narrow_update(table);
}

/* Loads the last version's table into a table that the transaction opens. Loads the schema unless
 * it is in memory already. */
static int table_load_base(struct stele_writable *table)
{
	const struct region *region = &table->publisher->attachment.region;
	const struct catalog_table *base = &table->base;
	uint64_t made = view_first_word(&table->publisher->arena.view, base->schema);
	struct stele_schema *schema;

	if (!table->schema || table->id != base->id || table->schema_ref != base->schema ||
	    table->schema_made != made || table->features != region->features) {
		int r = catalog_schema(&table->publisher->arena.view, base->schema, &schema);
		if (r == -ENOMEM)
			return refuse_schema_memory(table->name);
		if (r < 0)
			return error_set(
				EBADMSG,
				"the schema of table \"%s\" is damaged; remove region \"%s\" and "
				"publish again",
				table->name, region->names.region);
		table_set_schema(table, schema);
		table->schema_made = made;
	}
	table->id = base->id;
	table->schema_ref = base->schema;
	table->root = base->root;
	table->rows = base->rows;
	table->status = TABLE_PRESENT;
	return 0;
}

int table_find(struct stele_transaction *tx, const char *name, struct stele_writable **ret)
{
	struct stele_publisher *publisher = tx->publisher;
	struct stele_writable *table = tables_find(&publisher->tables, name);
	int r;

	if (table && table->status != TABLE_CLOSED) {
		*ret = table;
		return 0;
	}
	if (!table) {
		if (strlen(name) > STELE_NAME_MAX)
			return table_missing(publisher, name);
		table = tables_add(&publisher->tables, publisher, name);
		if (!table)
			return table_no_memory(name);
	}
	if (table->known != publisher->tables.known) {
		r = catalog_get(&publisher->arena.view, tx->catalog, name, &table->base);
		if (r < 0)
			return error_set(
				EBADMSG,
				"region \"%s\" is damaged: its catalog of tables cannot be "
				"read; remove the region and publish again",
				publisher->attachment.region.names.region);
		table->was = r == 1;
		table->known = publisher->tables.known;
	}
	table->added = table->changed = table->removed = 0;
	table->uncertain = table->remade = table->dropped = false;
	table->status = TABLE_ABSENT;
	table->root = 0;
	table->rows = 0;
	if (table->was) {
		r = table_load_base(table);
		if (r < 0) {
			table->status = TABLE_CLOSED;
			return r;
		}
	}
	table->next_opened = publisher->tables.opened;
	publisher->tables.opened = table;
	*ret = table;
	return 0;
}

int stele_writable_open(struct stele_transaction *tx, const char *name,
                        const struct stele_schema *expected, struct stele_writable **ret)
{
	struct stele_writable *table = NULL;
	int r = publisher_check(tx->publisher);

	if (r == 0)
		r = table_find(tx, name, &table);
	if (r < 0)
		return r;
	if (table->status != TABLE_PRESENT)
		return table_missing(tx->publisher, name);
	r = schema_expect(name, table->schema, expected);
	if (r == 0)
		*ret = table;
	return r;
}

int stele_transaction_schema(struct stele_transaction *tx, const char *name,
                             const struct stele_schema **ret)
{
	struct stele_writable *table = NULL;
	int r = stele_writable_open(tx, name, NULL, &table);

	if (r == 0)
		*ret = table->schema;
	return r;
}

/* ---- create, drop ---- */

/* Sets the error message for a table that exists already. Returns -EEXIST. */
static int table_refuse_existing(const struct stele_writable *table,
                                 const struct stele_schema *schema)
{
	char have[512], want[512];

	if (stele_schema_equal(table->schema, schema))
		return error_set(EEXIST, "there is a table \"%s\" already, with the same schema",
		                 table->name);
	stele_schema_format(table->schema, have, sizeof(have));
	stele_schema_format(schema, want, sizeof(want));
	return error_set(
		EEXIST,
		"there is a table \"%s\" already, with another schema: it is (%s), not (%s)",
		table->name, have, want);
}

int table_store_schema(struct stele_writable *table, const struct stele_schema *schema, ref_t *ret)
{
	size_t size = schema_stored_size(schema);
	void *stored = malloc(size);
	int r;

	if (!stored)
		return table_no_memory(table->name);
	schema_store(schema, stored);
	r = edit_blob(&table->publisher->edit, stored, size, ret);
	free(stored);
	return r < 0 ? table_change_error(table->publisher, r, table->name) : 0;
}

int stele_transaction_create_table(struct stele_transaction *tx, const char *name,
                                   const struct stele_schema *schema)
{
	struct stele_publisher *publisher = tx->publisher;
	struct stele_writable *table = NULL;
	struct stele_schema *copy;
	ref_t blob;
	int r = publisher_check(publisher);

	if (r == 0)
		r = stele_name_check("table", name);
	if (r == 0)
		r = tables_check_schema(&publisher->attachment.region, name, schema);
	if (r == 0)
		r = table_find(tx, name, &table);
	if (r < 0)
		return r;
	if (table->status == TABLE_PRESENT)
		return table_refuse_existing(table, schema);
	copy = stele_schema_copy(schema);
	if (!copy)
		return table_no_memory(name);
	r = table_store_schema(table, schema, &blob);
	if (r < 0) {
		stele_schema_free(copy);
		return r;
	}
	table_set_schema(table, copy);
	table->schema_ref = blob;
	table->id = publisher->edit.version;
	table->root = 0;
	table->rows = 0;
	table->status = TABLE_PRESENT;
	table->remade = true;
	return 0;
}

int stele_transaction_drop_table(struct stele_transaction *tx, const char *name)
{
	struct edit *edit = &tx->publisher->edit;
	struct stele_writable *table = NULL;
	int r = stele_writable_open(tx, name, NULL, &table);

	if (r < 0)
		return r;
	if (retired_reserve(&edit->retired, 2 * (size_t)table->rows + 1) < 0)
		return table_no_memory(name);
	edit_drop_tree(edit, &table->layout, table->root, false);
	object_drop(edit, table->schema_ref, object_size(edit, NULL, table->schema_ref));
	table->root = 0;
	table->rows = 0;
	table->schema_ref = 0;
	table->status = TABLE_ABSENT;
	table->remade = table->dropped = true;
	table->replacing = false;
	sparse_clear(&table->marks);
	return 0;
}
