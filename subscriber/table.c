/* SPDX-License-Identifier: MIT
 *
 * A table of a snapshot: opening, lookups, longest-prefix match, cursors, schema. Each result is
 * re-checked before it is returned. */
#include "subscriber/table.h"

#include <errno.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/reading/cursor.h"
#include "lib/reading/reading.h"
#include "lib/schema/schema_compare.h"
#include "lib/types/refuse.h"
#include "lib/trie/trie.h"
#include "lib/trie/trie_inline.h"
#include "lib/trie/trie_many.h"
#include "lib/trie/trie_match_many.h"
#include "subscriber/snapshot.h"

/* ---- a reading, for cursors and changes ---- */

static int table_reading_check(const struct reading *reading)
{
	const struct stele_snapshot *snapshot = reading->context;

	return subscriber_check(snapshot->subscriber);
}

static int table_reading_recheck(const struct reading *reading, int r)
{
	const struct stele_snapshot *snapshot = reading->context;
	int checked = subscriber_check(snapshot->subscriber);

	return checked < 0 ? checked : snapshot_result(snapshot, r);
}

void table_reading(const struct stele_table *table, struct reading *ret)
{
	static const struct reading_owner owner = {table_reading_check, table_reading_recheck};

	*ret = (struct reading){
		.owner = &owner,
		.context = table->snapshot,
		.region = table->snapshot->region,
		.version = table->snapshot->version,
		.forks = table->snapshot->subscriber->forks,
		.view = table->snapshot->view,
		.layout = table_words(table)->layout,
		.root = table_words(table)->root,
	};
}

/* ---- errors ---- */

int table_key_error(const struct view *view, ref_t ref, const void *key, unsigned bits)
{
	struct stele_schema *schema;
	int r = 0;

	if (catalog_schema(view, ref, &schema) == 0) {
		r = stele_key_check(schema, key, bits);
		stele_schema_free(schema);
	}
	/* If the schema cannot be read any more, the message cannot say which keys fit. */
	return r < 0 ? r
	             : error_set(EINVAL, "the key has %u bits and does not fit the table", bits);
}

/* ---- opening ---- */

uint64_t table_schema_made(const struct view *view, ref_t ref)
{
	const unsigned char *at = view_object(view, ref);

	return at ? data_load(at) : 0;
}

/* Finds out the layout of the rows of a table whose stored schema is at `ref`. The caller
 * re-checks. Returns 0; -EMEDIUMTYPE (another schema than `expected`); or -EBADMSG or -ENOMEM.
 * Sets a message only for -EMEDIUMTYPE. */
static int table_load_layout(const struct stele_snapshot *snapshot, const char *name, ref_t ref,
                             const struct stele_schema *expected, struct row_layout *ret)
{
	struct stele_schema *schema;
	int r = catalog_schema(&snapshot->view, ref, &schema);

	if (r < 0)
		return r;
	row_layout_of(schema, snapshot->view.features, ret);
	r = schema_expect(name, schema, expected);
	stele_schema_free(schema);
	return r;
}

/* Looks a table up in the catalog and fills in `entry`, apart from its key; the caller re-checks.
 * If `known`, the entry is of an earlier opening of the snapshot, and its table had a schema that
 * fits `expected`: then only another schema than that is loaded. Returns 1; 0 (no such table); or
 * an error of table_load_layout(). */
static int table_load(const struct stele_snapshot *snapshot, const char *name,
                      const struct stele_schema *expected, bool known, struct named_table *entry)
{
	struct catalog_table found;
	struct table_words words = {0};
	uint64_t made;
	int r = catalog_get(&snapshot->view, snapshot->catalog, name, &found);

	if (r <= 0)
		return r;
	made = table_schema_made(&snapshot->view, found.schema);
	if (known && made != 0 && entry->schema_moves == snapshot->moves &&
	    entry->schema_made == made && table_words(&entry->table)->schema == found.schema) {
		words.layout = table_words(&entry->table)->layout;
	} else {
		r = table_load_layout(snapshot, name, found.schema, expected, &words.layout);
		if (r < 0)
			return r;
	}
	words.root = found.root;
	words.schema = found.schema;
	words.rows = found.rows;
	words.version = found.version;
	memset(&entry->table, 0, sizeof(entry->table));
	entry->table.snapshot = snapshot;
	memcpy(entry->table.words_, &words, sizeof(words));
	entry->schema_moves = snapshot->moves;
	entry->schema_made = made;
	return 1;
}

int table_open(const struct stele_snapshot *snapshot, const char *name,
               const struct stele_schema *expected, bool known, struct named_table *entry)
{
	int rechecked, r = subscriber_check(snapshot->subscriber);

	if (r < 0)
		return r;
	r = table_load(snapshot, name, expected, known, entry);
	rechecked = snapshot_recheck(snapshot);
	if (rechecked < 0) {
		/* The layout may be that of memory in reuse: let nobody know it. */
		entry->schema_made = 0;
		return rechecked;
	}
	/* In a damaged saved file the damage may be in the table's name. */
	if (r == 0 && !region_contents_match(snapshot->region))
		r = -EBADMSG;
	if (r == 0)
		return region_table_error(snapshot->region, name, snapshot->version);
	if (r == -EBADMSG)
		return region_error(snapshot->region, r, snapshot->version);
	if (r == -ENOMEM)
		return refuse_schema_memory(name);
	return r < 0 ? r : 0;
}

/* ---- lookups ---- */

/* Re-checks after a lookup that returned `r`, and fills in the row that it found. */
static inline int table_result(const struct stele_snapshot *snapshot, int r,
                               const struct row_parts *row, struct stele_row *ret)
{
	r = snapshot_result(snapshot, r);
	if (r == 1)
		row_fill(row, ret);
	return r;
}

int stele_table_get(const struct stele_table *table, const void *key, unsigned key_bits,
                    struct stele_row *ret)
{
	const struct stele_snapshot *snapshot = table->snapshot;
	const struct table_words *words = table_words(table);
	struct row_parts row = {0};
	int r = subscriber_check(snapshot->subscriber);

	if (r < 0)
		return r;
	if (!row_layout_takes_key(&words->layout, key, key_bits))
		return table_key_error(&snapshot->view, words->schema, key, key_bits);
	r = trie_get_inline(&snapshot->view, &words->layout, words->root, key, key_bits, &row);
	return table_result(snapshot, r, &row, ret);
}

int stele_table_match(const struct stele_table *table, const void *key, unsigned key_bits,
                      struct stele_row *ret)
{
	const struct stele_snapshot *snapshot = table->snapshot;
	const struct table_words *words = table_words(table);
	struct row_parts row;
	int r = subscriber_check(snapshot->subscriber);

	if (r < 0)
		return r;
	if (key_bits > words->layout.max_bits)
		return table_key_error(&snapshot->view, words->schema, key, key_bits);
	r = trie_match(&snapshot->view, &words->layout, words->root, key, key_bits, &row);
	return table_result(snapshot, r, &row, ret);
}

/* Re-checks after a lookup of many keys. Returns how many were found, or an error. */
static int64_t table_result_many(const struct stele_snapshot *snapshot, int64_t found)
{
	int rechecked = snapshot_result(snapshot, found < 0 ? (int)found : 0);

	return rechecked < 0 ? rechecked : found;
}

int64_t stele_table_get_many(const struct stele_table *table, const struct stele_key_ref *keys,
                             size_t count, struct stele_row *ret)
{
	const struct stele_snapshot *snapshot = table->snapshot;
	const struct table_words *words = table_words(table);
	int r = subscriber_check(snapshot->subscriber);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++)
		if (!row_layout_takes_key(&words->layout, keys[i].data, keys[i].bits))
			return table_key_error(&snapshot->view, words->schema, keys[i].data,
			                       keys[i].bits);
	return table_result_many(snapshot, trie_get_many(&snapshot->view, &words->layout,
	                                                 words->root, keys, count, ret));
}

int64_t stele_table_match_many(const struct stele_table *table, const struct stele_key_ref *keys,
                               size_t count, struct stele_row *ret)
{
	const struct stele_snapshot *snapshot = table->snapshot;
	const struct table_words *words = table_words(table);
	int r = subscriber_check(snapshot->subscriber);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++)
		if (keys[i].bits > words->layout.max_bits)
			return table_key_error(&snapshot->view, words->schema, keys[i].data,
			                       keys[i].bits);
	return table_result_many(snapshot, trie_match_many(&snapshot->view, &words->layout,
	                                                   words->root, keys, count, ret));
}

int stele_cursor_open(const struct stele_table *table, struct stele_cursor **ret)
{
	struct reading reading;
	int r = subscriber_check(table->snapshot->subscriber);

	if (r < 0)
		return r;
	table_reading(table, &reading);
	return cursor_open(&reading, ret);
}

uint64_t stele_table_rows(const struct stele_table *table)
{
	return table_words(table)->rows;
}

uint64_t stele_table_version(const struct stele_table *table)
{
	return table_words(table)->version;
}

int stele_table_schema(const struct stele_table *table, struct stele_schema **ret)
{
	const struct stele_snapshot *snapshot = table->snapshot;
	struct stele_schema *schema = NULL;
	int rechecked, r = subscriber_check(snapshot->subscriber);

	if (r < 0)
		return r;
	r = catalog_schema(&snapshot->view, table_words(table)->schema, &schema);
	rechecked = snapshot_recheck(snapshot);
	if (rechecked == 0 && r == 0) {
		*ret = schema;
		return 0;
	}
	if (r == 0)
		stele_schema_free(schema);
	if (rechecked < 0)
		return rechecked;
	if (r == -ENOMEM)
		return refuse_schema_memory(NULL);
	return region_error(snapshot->region, r, snapshot->version);
}
