/* SPDX-License-Identifier: MIT
 *
 * The hash table of tables by name. Its size is bounded: programs name tables that do not exist,
 * and a region may have many thousands of tables. */
#include "publisher/state/tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/region/region.h"
#include "lib/schema/schema_store.h"
#include "lib/storage/paths.h"

/* Maximum number of tables that are kept when a transaction ends. If there are more, all are freed:
 * then only the transaction that added them pays for them. Tables with a declared schema are kept
 * anyway, and do not count. */
#define TABLES_KEPT 1024u

static struct stele_writable **tables_bucket(struct tables *tables, const char *name)
{
	uint32_t hash = UINT32_C(0x811c9dc5); /* FNV-1a, 32 bits */

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * UINT32_C(0x01000193);
	return &tables->buckets[(hash ^ hash >> 16) % TABLES_BUCKETS];
}

struct stele_writable *tables_find_slow(struct tables *tables, const char *name)
{
	struct stele_writable *table;

	for (table = *tables_bucket(tables, name); table; table = table->next)
		if (strcmp(table->name, name) == 0) {
			tables->recent = table;
			return table;
		}
	return NULL;
}

struct stele_writable *tables_add(struct tables *tables, struct stele_publisher *publisher,
                                  const char *name)
{
	struct stele_writable **bucket = tables_bucket(tables, name), *table;

	table = calloc(1, sizeof(*table));
	if (!table)
		return NULL;
	strcpy(table->name, name);
	table->hash = paths_table_hash(name);
	table->publisher = publisher;
	table->narrow_size = NARROW_NONE;
	table->next = *bucket;
	*bucket = table;
	tables->count++;
	return table;
}

int tables_check_schema(const struct region *region, const char *table,
                        const struct stele_schema *schema)
{
	int r = stele_schema_check(schema);

	if (r < 0 || region->features & LAYOUT_SCHEMA_ATTRIBUTES || schema_stored_is_plain(schema))
		return r;
	return error_set(
		ENOTSUP,
		"table \"%s\" cannot have arrays or attributes of columns: region \"%s\" has the "
		"layout of an older library; upgrade the region (stele upgrade)",
		table, region->names.region);
}

/* Frees a table that was taken out of its bucket. */
static void tables_free_table(struct tables *tables, struct stele_writable *table)
{
	tables->count--;
	tables->declared -= table->declared != NULL;
	if (tables->recent == table)
		tables->recent = NULL;
	stele_schema_free(table->schema);
	stele_schema_free(table->declared);
	extension_fini(&table->extension);
	free(table->completed);
	free(table->normalized);
	sparse_clear(&table->marks);
	free(table);
}

/* Forgets the declared schema of a table. No value of the table may be narrow. */
static void tables_forget(struct tables *tables, struct stele_writable *table)
{
	tables->declared -= table->declared != NULL;
	stele_schema_free(table->declared);
	table->declared = NULL;
}

/* Takes a table out of its bucket, and frees it. */
static void tables_remove(struct tables *tables, struct stele_writable *table)
{
	struct stele_writable **link = tables_bucket(tables, table->name);

	while (*link != table)
		link = &(*link)->next;
	*link = table->next;
	tables_free_table(tables, table);
}

/* Frees the tables without a declared schema, or all. */
static void tables_free_some(struct tables *tables, bool all)
{
	struct stele_writable **link, *table;

	for (size_t i = 0; i < TABLES_BUCKETS; i++)
		for (link = &tables->buckets[i]; (table = *link) != NULL;) {
			if (table->declared && !all) {
				link = &table->next;
				continue;
			}
			*link = table->next;
			tables_free_table(tables, table);
		}
}

void tables_close(struct tables *tables)
{
	struct stele_writable *table;

	while ((table = tables->opened) != NULL) {
		bool gone = table->status == TABLE_ABSENT && !table->declared;
		tables->opened = table->next_opened;
		table->status = TABLE_CLOSED;
		if (table->replacing) { /* the transaction was aborted */
			table->replacing = false;
			sparse_clear(&table->marks);
		}
		if (gone)
			tables_remove(tables, table);
	}
	if (tables->count - tables->declared > TABLES_KEPT)
		tables_free_some(tables, false);
}

void tables_forget_dropped(struct tables *tables)
{
	struct stele_writable *table;

	for (table = tables->opened; table; table = table->next_opened)
		if (table->dropped)
			tables_forget(tables, table);
}

void tables_committed(struct tables *tables, uint64_t version)
{
	struct stele_writable *table;

	/* The last version has no TABLE_ABSENT table, and then `base` does not matter. */
	for (table = tables->opened; table; table = table->next_opened)
		if (table_is_new(table)) {
			if (table->dropped)
				tables_forget(tables, table);
			table->was = table->status == TABLE_PRESENT;
			table->base = (struct catalog_table){
				.version = version,
				.rows = table->rows,
				.id = table->id,
				.root = table->root,
				.schema = table->schema_ref,
			};
		}
	tables_close(tables);
}

void tables_free(struct tables *tables)
{
	tables_free_some(tables, true);
	tables->opened = NULL;
}
