/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include "tools/mirror/etcd_region.h"
#include "tools/mirror/etcd_row.h"
#include "tools/mirror/etcd_source.h"

/* Returns true if a table is mirrored: those of `stele mirror --from` in this region are not. */
static bool etcd_source_has(const struct etcd_source *source, const char *table)
{
	if (strcmp(table, ETCD_STATUS_TABLE) == 0 || strcmp(table, ETCD_REJECTS_TABLE) == 0)
		return false;
	for (size_t i = 0; source->tables && source->tables[i]; i++)
		if (strcmp(source->tables[i], table) == 0)
			return true;
	return !source->tables;
}

/* ---- operations ---- */

static void etcd_source_start(const struct etcd_source *source, struct etcd_ops *ops,
                              const char *folder, const char *table)
{
	etcd_ops_start(ops);
	text_append_string(&ops->bytes, source->prefix);
	text_append_string(&ops->bytes, folder);
	text_append_string(&ops->bytes, table);
}

/* Puts a row, or deletes it. */
static int etcd_source_row(const struct etcd_source *source, struct etcd_ops *ops,
                           const char *table, const struct stele_schema *schema,
                           const struct stele_row *row, bool deletes)
{
	int result;

	etcd_source_start(source, ops, "rows/", table);
	text_append_string(&ops->bytes, "/");
	result = etcd_row_format_key(schema, row->key, row->key_bits, &ops->bytes);
	etcd_ops_end_key(ops);
	if (result == 0 && !deletes)
		result = etcd_row_format(schema, row, &ops->bytes);
	etcd_ops_end(ops, deletes);
	return result;
}

static void etcd_source_declaration(const struct stele_schema *schema, const char *table,
                                    struct text *text)
{
	size_t length = stele_schema_format(schema, NULL, 0);

	text_append_string(text, table);
	text_append_string(text, "(");
	text_reserve(text, length + 1);
	stele_schema_format(schema, text->bytes + text->length, length + 1);
	text->length += length;
	text_append_string(text, ")");
}

static void etcd_source_schema(const struct etcd_source *source, struct etcd_ops *ops,
                               const char *table, const struct stele_schema *schema)
{
	etcd_source_start(source, ops, "schema/", table);
	etcd_ops_end_key(ops);
	if (schema)
		etcd_source_declaration(schema, table, &ops->bytes);
	etcd_ops_end(ops, !schema);
}

/* Puts the schema and all rows of a table. */
static int etcd_source_table(const struct etcd_source *source,
                             const struct stele_snapshot *snapshot, const char *name,
                             const struct stele_schema *schema, struct etcd_ops *ops)
{
	struct stele_cursor *cursor;
	struct stele_table table;
	struct stele_row row;
	int result;

	etcd_source_schema(source, ops, name, schema);
	result = stele_table_open(snapshot, name, NULL, &table);
	if (result < 0)
		return result;
	result = stele_cursor_open(&table, &cursor);
	if (result < 0)
		return result;
	while ((result = stele_cursor_next(cursor, &row)) == 1) {
		result = etcd_source_row(source, ops, name, schema, &row, false);
		/* A row that was reclaimed while it was formatted is not consistent. */
		if (result < 0 || (result = stele_snapshot_check(snapshot)) < 0)
			break;
	}
	stele_cursor_close(cursor);
	return result;
}

/* ---- snapshots ---- */

/* Returns the schema of a table in `*ret`, or NULL if the snapshot has no such table. */
static int etcd_source_schema_of(const struct stele_snapshot *snapshot, const char *name,
                                 struct stele_schema **ret)
{
	struct stele_table table;
	int result;

	*ret = NULL;
	result = stele_table_open(snapshot, name, NULL, &table);
	if (result == 0)
		result = stele_table_schema(&table, ret);
	return result == -ENXIO ? 0 : result;
}

int etcd_source_all(const struct etcd_source *source, const struct stele_snapshot *snapshot,
                    struct etcd_ops *ops)
{
	char name[STELE_NAME_MAX + 1] = "";
	struct stele_schema *schema;
	int result;

	while ((result = stele_snapshot_next_table(snapshot, name)) == 1) {
		if (!etcd_source_has(source, name))
			continue;
		result = etcd_source_schema_of(snapshot, name, &schema);
		if (result == 0 && schema)
			result = etcd_source_table(source, snapshot, name, schema, ops);
		stele_schema_free(schema);
		if (result < 0)
			return result;
	}
	etcd_ops_sort(ops);
	return result;
}

/* Puts the tables that are new or have another schema, with all their rows. */
static int etcd_source_new_tables(const struct etcd_source *source,
                                  const struct stele_snapshot *before,
                                  const struct stele_snapshot *after, struct etcd_ops *ops)
{
	struct stele_schema *schema, *former;
	char name[STELE_NAME_MAX + 1] = "";
	int result;

	while ((result = stele_snapshot_next_table(after, name)) == 1) {
		if (!etcd_source_has(source, name))
			continue;
		former = NULL;
		result = etcd_source_schema_of(after, name, &schema);
		if (result == 0)
			result = etcd_source_schema_of(before, name, &former);
		if (result == 0 && schema && !(former && stele_schema_equal(former, schema)))
			result = etcd_source_table(source, after, name, schema, ops);
		stele_schema_free(former);
		stele_schema_free(schema);
		if (result < 0)
			return result;
	}
	return result;
}

/* Deletes the schemas of tables that are gone; their rows are removed by the difference. */
static int etcd_source_gone_tables(const struct etcd_source *source,
                                   const struct stele_snapshot *before,
                                   const struct stele_snapshot *after, struct etcd_ops *ops)
{
	char name[STELE_NAME_MAX + 1] = "";
	struct stele_table table;
	int result;

	while ((result = stele_snapshot_next_table(before, name)) == 1) {
		if (!etcd_source_has(source, name))
			continue;
		result = stele_table_open(after, name, NULL, &table);
		if (result == -ENXIO)
			etcd_source_schema(source, ops, name, NULL);
		else if (result < 0)
			return result;
	}
	return result;
}

int etcd_source_changes(const struct etcd_source *source, const struct stele_snapshot *before,
                        const struct stele_snapshot *after, struct etcd_ops *ops)
{
	struct stele_difference *difference;
	struct stele_event event;
	int result;

	result = stele_difference_open(before, after, NULL, 0, &difference);
	if (result < 0)
		return result;
	while ((result = stele_difference_next(difference, &event)) == 1) {
		const struct stele_change *change = &event.change;
		bool removed = change->kind == STELE_REMOVED;

		if (event.kind != STELE_EVENT_CHANGE || !etcd_source_has(source, event.table))
			continue;
		result = etcd_source_row(source, ops, event.table, event.schema,
		                         removed ? &change->before : &change->after, removed);
		if (result < 0)
			break;
	}
	stele_difference_close(difference);
	if (result == 0)
		result = etcd_source_gone_tables(source, before, after, ops);
	if (result == 0)
		result = etcd_source_new_tables(source, before, after, ops);
	if (result == 0)
		etcd_ops_sort(ops);
	return result;
}
