/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/apply/json_tree.h"
#include "tools/apply/sweep.h"
#include "tools/base/fail.h"
#include "tools/base/heap.h"
#include "tools/base/status.h"
#include "tools/base/text.h"
#include "tools/region/place.h"
#include "tools/region/writer.h"

void sweep_free(struct sweep *sweep)
{
	free(sweep->prefix);
	free(sweep->key);
	text_free(&sweep->bytes);
	free(sweep->tables);
	free(sweep->keys);
	*sweep = (struct sweep){0};
}

/* Finds a table in the list. Returns false if it is not there. */
static bool sweep_find(struct sweep *sweep, const char *table)
{
	for (size_t i = 0; i < sweep->table_count; i++) {
		size_t at = (sweep->last + i) % sweep->table_count;

		if (strcmp(sweep->tables[at].name, table) == 0) {
			sweep->last = at;
			return true;
		}
	}
	return false;
}

/* Adds a table to the list, unless it is there. A name that is too long is that of no table. */
static void sweep_add_table(struct sweep *sweep, const char *table)
{
	if (strlen(table) > STELE_NAME_MAX || sweep_find(sweep, table))
		return;
	sweep->tables =
		heap_realloc(sweep->tables, (sweep->table_count + 1) * sizeof(*sweep->tables));
	sweep->last = sweep->table_count++;
	strcpy(sweep->tables[sweep->last].name, table);
}

/* Returns a copy of a string on the heap, or NULL if there is none. */
static char *sweep_copy(const struct json_tree *string)
{
	const char *text = json_tree_string(string);

	return text ? strcpy(heap_realloc(NULL, strlen(text) + 1), text) : NULL;
}

void sweep_start(struct sweep *sweep, const struct json_tree *scope)
{
	const struct json_tree *tables = json_tree_get(scope, "tables");

	sweep_free(sweep);
	sweep->all = json_tree_get(scope, "all");
	sweep->prefix = sweep_copy(json_tree_get(scope, "prefix"));
	sweep->key = sweep_copy(json_tree_get(scope, "key"));
	for (const struct json_tree *name = tables ? tables->first : NULL; name; name = name->next)
		sweep_add_table(sweep, json_tree_string(name));
}

void sweep_keep_table(struct sweep *sweep, const char *table)
{
	if (sweep->all)
		sweep_add_table(sweep, table);
}

static size_t sweep_key_size(unsigned bits)
{
	return (bits + 7) / 8;
}

/* Appends a key to the list. */
static void sweep_append(struct sweep *sweep, size_t table, const void *bytes, unsigned bits)
{
	if (sweep->count == sweep->capacity) {
		sweep->capacity = sweep->capacity * 2 + 64;
		sweep->keys = heap_realloc(sweep->keys, sweep->capacity * sizeof(*sweep->keys));
	}
	sweep->keys[sweep->count++] = (struct sweep_key){table, sweep->bytes.length, bits};
	text_append(&sweep->bytes, bytes, sweep_key_size(bits));
}

void sweep_keep(struct sweep *sweep, const char *table, const struct stele_key *key)
{
	sweep_keep_table(sweep, table);
	if (sweep_find(sweep, table))
		sweep_append(sweep, sweep->last, key->bytes, key->bits);
}

static int sweep_compare(const struct sweep *sweep, const struct sweep_key *left,
                         const struct sweep_key *right)
{
	size_t size = sweep_key_size(left->bits);

	if (left->table != right->table)
		return left->table < right->table ? -1 : 1;
	if (left->bits != right->bits)
		return left->bits < right->bits ? -1 : 1;
	/* The empty key of 0.0.0.0/0 has no bytes; then there may be no buffer either. */
	if (size == 0)
		return 0;
	return memcmp(sweep->bytes.bytes + left->start, sweep->bytes.bytes + right->start, size);
}

static int sweep_compare_sorted(const void *left, const void *right, void *sweep)
{
	return sweep_compare(sweep, left, right);
}

/* Returns true if the row was put. The keys must be sorted. Keeps the list as it is. */
static bool sweep_has(struct sweep *sweep, size_t table, const struct stele_row *row)
{
	struct sweep_key key = {table, sweep->bytes.length, row->key_bits};
	size_t low = 0, high = sweep->count;
	int order = 1;

	text_append(&sweep->bytes, row->key, sweep_key_size(row->key_bits));
	while (low < high && order != 0) {
		size_t middle = low + (high - low) / 2;

		order = sweep_compare(sweep, &key, &sweep->keys[middle]);
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	sweep->bytes.length = key.start;
	return order == 0;
}

/* Restricts the cursor to the rows of the scope. `only` is the key of "key", or NULL. Returns 0 or a
 * negative errno of the library. */
static int sweep_restrict(const struct sweep *sweep, const struct stele_schema *schema,
                          struct stele_cursor *cursor, const struct stele_key *only)
{
	const char *prefix = sweep->prefix;
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
static int sweep_find_missing(struct sweep *sweep, struct stele_writable *table, size_t index,
                              const struct stele_schema *schema, struct sweep *missing)
{
	const char *key = sweep->key;
	struct stele_cursor *cursor;
	struct stele_key only;
	struct stele_row row;
	int result;

	result = key ? stele_key_parse(schema, key, strlen(key), &only) : 0;
	if (result == 0)
		result = stele_writable_cursor_open(table, &cursor);
	if (result < 0)
		return result;
	result = sweep_restrict(sweep, schema, cursor, key ? &only : NULL);
	while (result >= 0 && (result = stele_cursor_next(cursor, &row)) == 1)
		if ((!key || row.key_bits == only.bits) && !sweep_has(sweep, index, &row))
			sweep_append(missing, index, row.key, row.key_bits);
	stele_cursor_close(cursor);
	return result;
}

/* Deletes the rows of a table that were not put. A table that this region lacks has none. */
static int sweep_table(struct sweep *sweep, struct stele_transaction *tx, const char *name,
                       size_t index)
{
	const struct stele_schema *schema;
	struct stele_writable *table;
	struct sweep missing = {0};
	int result;

	result = stele_transaction_schema(tx, name, &schema);
	if (result == 0)
		result = stele_writable_open(tx, name, NULL, &table);
	if (result < 0)
		return result == -ENXIO ? 0 : result;
	result = sweep_find_missing(sweep, table, index, schema, &missing);
	for (size_t i = 0; result >= 0 && i < missing.count; i++)
		result = stele_writable_delete(table, missing.bytes.bytes + missing.keys[i].start,
		                               missing.keys[i].bits);
	sweep_free(&missing);
	return result < 0 ? result : 0;
}

/* Drops the tables of the newest version that are not in the list. The region is locked: the newest
 * version is the one that the transaction began with. Returns 0 or a negative errno of the
 * library. */
static int sweep_drop_others(struct sweep *sweep, struct writer *writer)
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
		if (!sweep_find(sweep, name)) {
			result = stele_transaction_drop_table(writer->tx, name);
			/* The transaction may have dropped it. */
			result = result == -ENXIO ? 0 : result;
		}
	stele_subscriber_close(subscriber);
	return result;
}

enum status sweep_end(struct sweep *sweep, struct writer *writer, const char *where)
{
	int result = 0;

	if (sweep->count)
		qsort_r(sweep->keys, sweep->count, sizeof(*sweep->keys), sweep_compare_sorted,
		        sweep);
	for (size_t i = 0; result == 0 && i < sweep->table_count; i++)
		result = sweep_table(sweep, writer->tx, sweep->tables[i].name, i);
	if (result == 0 && sweep->all)
		result = sweep_drop_others(sweep, writer);
	sweep_free(sweep);
	return result < 0 ? fail(fail_status(result), "%s%s", where, stele_last_error())
	                  : STATUS_DONE;
}
