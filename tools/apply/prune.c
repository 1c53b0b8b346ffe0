/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/apply/json_tree.h"
#include "tools/apply/prune.h"
#include "tools/base/fail.h"
#include "tools/base/heap.h"
#include "tools/base/status.h"
#include "tools/base/text.h"
#include "tools/region/place.h"
#include "tools/region/writer.h"

void prune_free(struct prune *prune)
{
	free(prune->prefix);
	free(prune->key);
	text_free(&prune->bytes);
	tdestroy(prune->names, free);
	free(prune->tables);
	free(prune->keys);
	*prune = (struct prune){0};
}

/* Compares names, which are the first member of a table. */
static int prune_compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Finds a table in the list. Returns false if it is not there. */
static bool prune_find(struct prune *prune, const char *table)
{
	struct prune_table **node;

	if (prune->table_count && strcmp(prune->tables[prune->last]->name, table) == 0)
		return true;
	node = tfind(table, &prune->names, prune_compare_names);
	if (!node)
		return false;
	prune->last = (*node)->index;
	return true;
}

/* Adds a table to the list, unless it is there. A name that is too long is that of no table. */
static void prune_add_table(struct prune *prune, const char *name)
{
	struct prune_table *table;

	if (strlen(name) > STELE_NAME_MAX || prune_find(prune, name))
		return;
	if (prune->table_count == prune->table_capacity) {
		prune->table_capacity = prune->table_capacity * 2 + 16;
		/* NOLINTNEXTLINE(bugprone-sizeof-expression): the elements are pointers. */
		prune->tables = heap_realloc(prune->tables, prune->table_capacity * sizeof(table));
	}
	table = heap_realloc(NULL, sizeof(*table));
	table->index = prune->last = prune->table_count++;
	strcpy(table->name, name);
	prune->tables[table->index] = table;
	if (!tsearch(table, &prune->names, prune_compare_names))
		exit((int)fail(STATUS_NO_SPACE, "no memory for table \"%s\"", name));
}

/* Returns a copy of a string on the heap, or NULL if there is none. */
static char *prune_copy(const struct json_tree *string)
{
	const char *text = json_tree_string(string);

	return text ? strcpy(heap_realloc(NULL, strlen(text) + 1), text) : NULL;
}

void prune_start(struct prune *prune, const struct json_tree *scope)
{
	const struct json_tree *tables = json_tree_get(scope, "tables");

	prune_free(prune);
	prune->all = json_tree_get(scope, "all");
	prune->prefix = prune_copy(json_tree_get(scope, "prefix"));
	prune->key = prune_copy(json_tree_get(scope, "key"));
	for (const struct json_tree *name = tables ? tables->first : NULL; name; name = name->next)
		prune_add_table(prune, json_tree_string(name));
}

void prune_keep_table(struct prune *prune, const char *table)
{
	if (prune->all)
		prune_add_table(prune, table);
}

static size_t prune_key_size(unsigned bits)
{
	return (bits + 7) / 8;
}

/* Appends a key to the list. */
static void prune_append(struct prune *prune, size_t table, const void *bytes, unsigned bits)
{
	if (prune->count == prune->capacity) {
		prune->capacity = prune->capacity * 2 + 64;
		prune->keys = heap_realloc(prune->keys, prune->capacity * sizeof(*prune->keys));
	}
	prune->keys[prune->count++] = (struct prune_key){table, prune->bytes.length, bits};
	text_append(&prune->bytes, bytes, prune_key_size(bits));
}

void prune_keep(struct prune *prune, const char *table, const struct stele_key *key)
{
	prune_keep_table(prune, table);
	if (prune_find(prune, table))
		prune_append(prune, prune->last, key->bytes, key->bits);
}

static int prune_compare(const struct prune *prune, const struct prune_key *left,
                         const struct prune_key *right)
{
	size_t size = prune_key_size(left->bits);

	if (left->table != right->table)
		return left->table < right->table ? -1 : 1;
	if (left->bits != right->bits)
		return left->bits < right->bits ? -1 : 1;
	/* The empty key of 0.0.0.0/0 has no bytes; then there may be no buffer either. */
	if (size == 0)
		return 0;
	return memcmp(prune->bytes.bytes + left->start, prune->bytes.bytes + right->start, size);
}

static int prune_compare_sorted(const void *left, const void *right, void *prune)
{
	return prune_compare(prune, left, right);
}

/* Returns true if the row was put. The keys must be sorted. Keeps the list as it is. */
static bool prune_has(struct prune *prune, size_t table, const struct stele_row *row)
{
	struct prune_key key = {table, prune->bytes.length, row->key_bits};
	size_t low = 0, high = prune->count;
	int order = 1;

	text_append(&prune->bytes, row->key, prune_key_size(row->key_bits));
	while (low < high && order != 0) {
		size_t middle = low + (high - low) / 2;

		order = prune_compare(prune, &key, &prune->keys[middle]);
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	prune->bytes.length = key.start;
	return order == 0;
}

/* Restricts the cursor to the rows of the scope. `only` is the key of "key", or NULL. Returns 0 or a
 * negative errno of the library. */
static int prune_restrict(const struct prune *prune, const struct stele_schema *schema,
                          struct stele_cursor *cursor, const struct stele_key *only)
{
	const char *prefix = prune->prefix;
	struct stele_key start;
	int result;

	if (only)
		return stele_cursor_under(cursor, only->bytes, only->bits);
	if (!prefix)
		return 0;
	result = stele_key_parse_start(schema, prefix, strlen(prefix), &start);
	return result < 0 ? result : stele_cursor_under(cursor, start.bytes, start.bits);
}

/* Appends the keys of a table that are in the scope and were not put to `missing`. Returns 0 or a
 * negative errno of the library. */
static int prune_find_missing(struct prune *prune, struct stele_writable *table, size_t index,
                              const struct stele_schema *schema, struct prune *missing)
{
	const char *key = prune->key;
	struct stele_cursor *cursor;
	struct stele_key only;
	struct stele_row row;
	int result;

	result = key ? stele_key_parse(schema, key, strlen(key), &only) : 0;
	if (result == 0)
		result = stele_writable_cursor_open(table, &cursor);
	if (result < 0)
		return result;
	result = prune_restrict(prune, schema, cursor, key ? &only : NULL);
	while (result >= 0 && (result = stele_cursor_next(cursor, &row)) == 1)
		if ((!key || row.key_bits == only.bits) && !prune_has(prune, index, &row))
			prune_append(missing, index, row.key, row.key_bits);
	stele_cursor_close(cursor);
	return result;
}

/* Deletes the rows of a table that were not put. A table that this region lacks has none. */
static int prune_table(struct prune *prune, struct stele_transaction *tx, const char *name,
                       size_t index)
{
	const struct stele_schema *schema;
	struct stele_writable *table;
	struct prune missing = {0};
	int result;

	result = stele_transaction_schema(tx, name, &schema);
	if (result == 0)
		result = stele_writable_open(tx, name, NULL, &table);
	if (result < 0)
		return result == -ENXIO ? 0 : result;
	result = prune_find_missing(prune, table, index, schema, &missing);
	for (size_t i = 0; result >= 0 && i < missing.count; i++)
		result = stele_writable_delete(table, missing.bytes.bytes + missing.keys[i].start,
		                               missing.keys[i].bits);
	prune_free(&missing);
	return result < 0 ? result : 0;
}

/* Drops the tables of the newest version that are not in the list. The region is locked: the newest
 * version is the one that the transaction began with. Returns 0 or a negative errno of the
 * library. */
static int prune_drop_others(struct prune *prune, struct writer *writer)
{
	const struct stele_subscriber_options options = {
		.size = sizeof(options), .flags = STELE_UNREGISTERED | STELE_ANY_OWNER};
	char name[STELE_NAME_MAX + 1] = "";
	struct stele_subscriber *subscriber;
	struct stele_snapshot *snapshot;
	int result;

	result = stele_subscriber_open(place_path(writer->place, writer->region), &options,
	                               &subscriber);
	if (result < 0)
		return result;
	result = stele_snapshot_open(subscriber, 0, &snapshot);
	while (result >= 0 && (result = stele_snapshot_next_table(snapshot, name)) == 1)
		if (!prune_find(prune, name)) {
			result = stele_transaction_drop_table(writer->tx, name);
			/* The transaction may have dropped it. */
			result = result == -ENXIO ? 0 : result;
		}
	stele_subscriber_close(subscriber);
	return result;
}

enum status prune_end(struct prune *prune, struct writer *writer, const char *where)
{
	int result = 0;

	if (prune->count)
		qsort_r(prune->keys, prune->count, sizeof(*prune->keys), prune_compare_sorted,
		        prune);
	for (size_t i = 0; result == 0 && i < prune->table_count; i++)
		result = prune_table(prune, writer->tx, prune->tables[i]->name, i);
	if (result == 0 && prune->all)
		result = prune_drop_others(prune, writer);
	prune_free(prune);
	return result < 0 ? fail(fail_status(result), "%s%s", where, stele_last_error())
	                  : STATUS_DONE;
}
