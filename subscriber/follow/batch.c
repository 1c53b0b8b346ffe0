/* SPDX-License-Identifier: MIT */
#include "subscriber/follow/batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/reading/key_start.h"
#include "lib/types/refuse.h"

/* ---- rows ---- */

/* Copies a row, with a NUL after the key and one after the value, as rows whose last column is text
 * have them in the region. Returns 0 or -ENOMEM. */
static int batch_copy_row(struct batch_row *copy, struct stele_row *row)
{
	size_t key_size = (row->key_bits + 7) / 8;

	if (row->value_size + 1 > copy->capacity) {
		unsigned char *value = realloc(copy->value, row->value_size + 1);
		if (!value)
			return error_set(ENOMEM, "no memory for a value of %zu bytes",
			                 row->value_size);
		copy->value = value;
		copy->capacity = row->value_size + 1;
	}
	data_copy_out(copy->key, row->key, key_size);
	copy->key[key_size] = '\0';
	if (row->value_size > 0)
		data_copy_out(copy->value, row->value, row->value_size);
	copy->value[row->value_size] = '\0';
	row->key = copy->key;
	row->value = copy->value;
	return 0;
}

/* Fills in the event of a change: copies its rows, and re-checks. Returns 1 or an error. */
static int batch_fill(struct batch *batch, const struct stele_change *change,
                      struct stele_event *ret)
{
	struct stele_event event = {
		.kind = STELE_EVENT_CHANGE,
		.version = batch->next->version,
		.table = batch->name,
		.schema = batch->schema,
		.change = *change,
		.count = batch->count + 1,
	};
	int r = 0;

	if (change->kind != STELE_ADDED)
		r = batch_copy_row(&batch->before, &event.change.before);
	if (r == 0 && change->kind != STELE_REMOVED)
		r = batch_copy_row(&batch->after, &event.change.after);
	if (r == 0)
		r = stele_changes_check(batch->changes);
	if (r < 0)
		return r;
	batch->count++;
	*ret = event;
	return 1;
}

/* ---- one table ---- */

static void batch_close_changes(struct batch *batch)
{
	batch->changes = stele_changes_close(batch->changes);
	for (int side = 0; side < 2; side++)
		batch->schemas[side] = stele_schema_free(batch->schemas[side]);
	batch->schema = NULL;
	batch->altered = batch->created = batch->dropped = false;
}

/* Opens the changes of the current table. Without `with_last` all rows of `next` are added; without
 * `with_next` all rows of `last` are removed. */
static int batch_open_changes(struct batch *batch, bool with_last, bool with_next)
{
	const struct batch_table *filter = batch->filter;
	int r = 0;

	if (!batch->schema) {
		r = stele_table_schema(with_next ? &batch->next_table : &batch->last_table,
		                       &batch->schemas[with_next]);
		batch->schema = batch->schemas[with_next];
	}
	if (r == 0)
		r = stele_changes_open(with_last ? &batch->last_table : NULL,
		                       with_next ? &batch->next_table : NULL, &batch->changes);
	if (r == 0 && filter && filter->prefix_bits > 0)
		r = stele_changes_under(batch->changes, filter->prefix, filter->prefix_bits);
	batch->created = r == 0 && batch->table_events && !with_last;
	batch->dropped = r == 0 && batch->table_events && !with_next;
	return r;
}

/* Loads the schemas of both versions, and sets batch->schema to that of `next`, which the rows of
 * both have in the changes. Returns 1; 0 if neither schema extends the other; or an error. */
static int batch_compare_schemas(struct batch *batch)
{
	const struct stele_schema *last, *next;
	int r = stele_table_schema(&batch->last_table, &batch->schemas[0]);

	if (r == 0)
		r = stele_table_schema(&batch->next_table, &batch->schemas[1]);
	if (r < 0)
		return r;
	last = batch->schemas[0];
	next = batch->schemas[1];
	if (stele_schema_compatible(last, next) < 0 && stele_schema_compatible(next, last) < 0)
		return 0;
	batch->schema = next;
	batch->altered = !stele_schema_equal(last, next);
	return 1;
}

/* Returns false if the subscriber moved to another region between the two versions: then equal
 * numbers of versions say nothing. */
static bool batch_is_one_region(const struct batch *batch)
{
	return memcmp(batch->last->region->uuid, batch->next->region->uuid, 16) == 0;
}

/* Opens the current table in both versions, and its changes unless no row differs. Returns 0 or an
 * error. */
static int batch_open_table(struct batch *batch)
{
	const struct stele_schema *expected = batch->filter ? batch->filter->schema : NULL;
	int r = 0;

	batch->in_last = batch->in_next = batch->removing = false;
	if (batch->last) {
		r = stele_table_open(batch->last, batch->name, NULL, &batch->last_table);
		batch->in_last = r == 0;
	}
	if (r == 0 || r == -ENXIO) {
		r = stele_table_open(batch->next, batch->name, expected, &batch->next_table);
		batch->in_next = r == 0;
	}
	if (r < 0 && r != -ENXIO)
		return r;
	if (!batch->in_last && !batch->in_next)
		return 0;
	r = 1;
	if (batch->in_last && batch->in_next) {
		if (batch_is_one_region(batch) && stele_table_version(&batch->last_table) ==
		                                          stele_table_version(&batch->next_table))
			return 0;
		r = batch_compare_schemas(batch);
	}
	if (r < 0)
		return r;
	/* The table was dropped and made again with an incompatible schema: remove all rows, then
	 * add all. */
	batch->removing = r == 0;
	if (batch->removing)
		batch_close_changes(batch);
	return batch_open_changes(batch, batch->in_last, batch->in_next && !batch->removing);
}

/* ---- the tables ---- */

/* Replaces `name` by the name of the snapshot's next table, or by "" after the last. */
static int batch_next_name(const struct stele_snapshot *snapshot, char *name)
{
	int r = snapshot ? stele_snapshot_next_table(snapshot, name) : 0;

	if (r == 0)
		name[0] = '\0';
	return r < 0 ? r : 0;
}

/* Takes the next of all tables of the two versions, in the order of their names. Returns 1, 0 after
 * the last one, or an error. */
static int batch_take_any(struct batch *batch)
{
	char *last = batch->last_name, *next = batch->next_name;
	int order = !*last ? 1 : !*next ? -1 : strcmp(last, next), r = 0;

	if (!*last && !*next)
		return 0;
	strcpy(batch->name, order <= 0 ? last : next);
	if (order <= 0)
		r = batch_next_name(batch->last, last);
	if (r == 0 && order >= 0)
		r = batch_next_name(batch->next, next);
	return r < 0 ? r : 1;
}

/* Takes the next table. Returns 1, 0 after the last one, or an error. */
static int batch_take_table(struct batch *batch)
{
	if (batch->table_count == 0)
		return batch_take_any(batch);
	if (batch->index == batch->table_count)
		return 0;
	batch->filter = &batch->tables[batch->index++];
	strcpy(batch->name, batch->filter->name);
	return 1;
}

/* ---- a batch ---- */

static int batch_compare_tables(const void *a, const void *b)
{
	return strcmp(((const struct batch_table *)a)->name, ((const struct batch_table *)b)->name);
}

/* Copies one of the caller's tables. Returns 0 or an error. */
static int batch_copy_table(const struct stele_follow_table *table, struct batch_table *ret)
{
	int r;

	if (!table->name)
		return error_set(EINVAL, "a table to follow has no name; set .name");
	if (table->reserved_[0] != 0 || table->reserved_[1] != 0)
		return error_set(EINVAL,
		                 "a struct stele_follow_table whose reserved members are not zero");
	r = stele_name_check("table", table->name);
	if (r == 0)
		r = key_start_check(table->prefix_bits);
	if (r < 0)
		return r;
	if (table->prefix_bits > 0 && !table->prefix)
		return error_set(EINVAL, ".prefix_bits is %u, but .prefix is not set",
		                 table->prefix_bits);
	strcpy(ret->name, table->name);
	ret->prefix_bits = table->prefix_bits;
	if (table->prefix_bits > 0)
		memcpy(ret->prefix, table->prefix, (table->prefix_bits + 7) / 8);
	if (table->schema) {
		r = stele_schema_check(table->schema);
		if (r < 0)
			return r;
		ret->schema = stele_schema_copy(table->schema);
		if (!ret->schema)
			return refuse_schema_memory(table->name);
	}
	return 0;
}

int batch_init(struct batch *batch, const struct stele_follow_table *tables, size_t count)
{
	if (!tables && count == 0)
		return 0;
	if (!tables || count == 0)
		return error_set(EINVAL,
		                 ".tables and .table_count go together; leave both zero to follow "
		                 "all tables");
	batch->tables = calloc(count, sizeof(*batch->tables));
	if (!batch->tables)
		return error_set(ENOMEM, "no memory to follow %zu tables", count);
	for (size_t i = 0; i < count; i++) {
		int r = batch_copy_table(&tables[i], &batch->tables[i]);
		batch->table_count = i + 1;
		if (r < 0)
			return r;
	}
	qsort(batch->tables, batch->table_count, sizeof(*batch->tables), batch_compare_tables);
	for (size_t i = 1; i < batch->table_count; i++)
		if (strcmp(batch->tables[i - 1].name, batch->tables[i].name) == 0)
			return error_set(EINVAL, "table \"%s\" is named twice",
			                 batch->tables[i].name);
	return 0;
}

int batch_begin(struct batch *batch)
{
	int r = 0;

	batch_end(batch);
	batch->index = 0;
	batch->filter = NULL;
	batch->count = 0;
	batch->last_name[0] = batch->next_name[0] = '\0';
	if (batch->table_count == 0) {
		r = batch_next_name(batch->last, batch->last_name);
		if (r == 0)
			r = batch_next_name(batch->next, batch->next_name);
	}
	return r;
}

/* Fills in the event of a table, and clears `*told`, which made it due. Returns 1. */
static int batch_tell(struct batch *batch, enum stele_event_kind kind, bool *told,
                      struct stele_event *ret)
{
	*told = false;
	*ret = (struct stele_event){
		.kind = kind,
		.version = batch->next->version,
		.table = batch->name,
		.schema = batch->schema,
		.former_schema = kind == STELE_EVENT_ALTERED ? batch->schemas[0] : NULL,
		.count = batch->count,
	};
	return 1;
}

int batch_next(struct batch *batch, struct stele_event *ret)
{
	struct stele_change change;
	int r;

	for (;;) {
		if (batch->altered)
			return batch_tell(batch, STELE_EVENT_ALTERED, &batch->altered, ret);
		if (batch->created)
			return batch_tell(batch, STELE_EVENT_CREATED, &batch->created, ret);
		if (batch->changes) {
			r = stele_changes_next(batch->changes, &change);
			if (r != 0)
				return r < 0 ? r : batch_fill(batch, &change, ret);
			batch->changes = stele_changes_close(batch->changes);
		}
		if (batch->dropped)
			return batch_tell(batch, STELE_EVENT_DROPPED, &batch->dropped, ret);
		batch_close_changes(batch);
		if (batch->removing) {
			batch->removing = false;
			r = batch_open_changes(batch, false, true);
		} else {
			r = batch_take_table(batch);
			if (r != 1)
				return r;
			r = batch_open_table(batch);
		}
		if (r < 0)
			return r;
	}
}

void batch_end(struct batch *batch)
{
	batch_close_changes(batch);
	batch->removing = false;
}

void batch_fini(struct batch *batch)
{
	batch_end(batch);
	free(batch->before.value);
	free(batch->after.value);
	for (size_t i = 0; i < batch->table_count; i++)
		stele_schema_free(batch->tables[i].schema);
	free(batch->tables);
}
