/* SPDX-License-Identifier: MIT
 *
 * The hash table of tables by name. Its size is bounded: programs name tables that do not exist,
 * and a region may have many thousands of tables. */
#include "publisher/state/tables.h"

#include <stdlib.h>
#include <string.h>

#include "publisher/state/state.h"

/* Maximum number of tables that are kept when a transaction ends. If there are more, all are freed:
 * then only the transaction that added them pays for them. */
#define TABLES_KEPT 1024u

static struct stele_writable **tables_bucket(struct stele_publisher *publisher, const char *name)
{
	uint32_t hash = UINT32_C(0x811c9dc5); /* FNV-1a, 32 bits */

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * UINT32_C(0x01000193);
	return &publisher->tables.buckets[(hash ^ hash >> 16) % TABLES_BUCKETS];
}

struct stele_writable *tables_find(struct stele_publisher *publisher, const char *name)
{
	struct stele_writable *table = publisher->tables.recent;

	/* Programs mostly name the same table again and again. */
	if (table && strcmp(table->name, name) == 0)
		return table;
	for (table = *tables_bucket(publisher, name); table; table = table->next)
		if (strcmp(table->name, name) == 0) {
			publisher->tables.recent = table;
			return table;
		}
	return NULL;
}

struct stele_writable *tables_add(struct stele_publisher *publisher, const char *name)
{
	struct stele_writable **bucket = tables_bucket(publisher, name), *table;

	table = calloc(1, sizeof(*table));
	if (!table)
		return NULL;
	strcpy(table->name, name);
	table->hash = paths_table_hash(name);
	table->publisher = publisher;
	table->next = *bucket;
	*bucket = table;
	publisher->tables.count++;
	return table;
}

/* Frees a table that was taken out of its bucket. */
static void tables_free_table(struct stele_writable *table)
{
	struct tables *tables = &table->publisher->tables;

	tables->count--;
	if (tables->recent == table)
		tables->recent = NULL;
	stele_schema_free(table->schema);
	free(table->normalized);
	free(table->marks);
	free(table);
}

/* Takes a table out of its bucket, and frees it. */
static void tables_remove(struct stele_writable *table)
{
	struct stele_writable **link = tables_bucket(table->publisher, table->name);

	while (*link != table)
		link = &(*link)->next;
	*link = table->next;
	tables_free_table(table);
}

void tables_close(struct stele_publisher *publisher)
{
	struct stele_writable *table;

	while ((table = publisher->tables.opened) != NULL) {
		bool gone = table->status == TABLE_ABSENT;
		publisher->tables.opened = table->next_opened;
		table->status = TABLE_CLOSED;
		free(table->marks);
		table->marks = NULL;
		if (gone)
			tables_remove(table);
	}
	if (publisher->tables.count > TABLES_KEPT)
		tables_free(publisher);
}

void tables_committed(struct stele_publisher *publisher)
{
	struct stele_writable *table;

	/* The values set here for TABLE_ABSENT tables do not matter, because tables_close() removes
	 * these tables. */
	for (table = publisher->tables.opened; table; table = table->next_opened)
		if (table_is_new(table)) {
			table->was = true;
			table->base = (struct catalog_table){
				.version = publisher->edit.version,
				.rows = table->rows,
				.id = table->id,
				.root = table->root,
				.schema = table->schema_ref,
			};
		}
	tables_close(publisher);
}

void tables_free(struct stele_publisher *publisher)
{
	struct stele_writable *table;

	for (size_t i = 0; i < TABLES_BUCKETS; i++)
		while ((table = publisher->tables.buckets[i]) != NULL) {
			publisher->tables.buckets[i] = table->next;
			tables_free_table(table);
		}
	publisher->tables.opened = NULL;
}
