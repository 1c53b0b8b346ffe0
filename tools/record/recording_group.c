/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/clock.h"
#include "tools/base/heap.h"
#include "tools/output/commit_record.h"
#include "tools/record/recording.h"
#include "tools/record/recording_group.h"
#include "tools/record/recording_writer.h"

/* A list of tables for stele_difference_open(). */
struct group_tables {
	struct stele_follow_table *list; /* on the heap, with its names */
	size_t count;
};

static void group_tables_add(struct group_tables *tables, const char *name)
{
	char *copy = heap_realloc(NULL, STELE_NAME_MAX + 1);

	snprintf(copy, STELE_NAME_MAX + 1, "%s", name);
	tables->list = heap_realloc(tables->list, (tables->count + 1) * sizeof(*tables->list));
	tables->list[tables->count++] = (struct stele_follow_table){.name = copy};
}

static void group_tables_free(struct group_tables *tables)
{
	for (size_t i = 0; i < tables->count; i++)
		free((char *)tables->list[i].name);
	free(tables->list);
}

static void group_append_name(struct recording_writer *file, enum recording_type type,
                              const char *name)
{
	recording_append(file, type, name, strlen(name), NULL, 0);
}

static void group_append_commit(struct recording_writer *file, const struct stele_commit *commit)
{
	struct recording_commit record = {
		.version = commit->version,
		.time = commit->time,
		.added = commit->added,
		.changed = commit->changed,
		.removed = commit->removed,
		.pid = commit->pid,
		.user = commit->user,
		.user_known = commit->user_known,
	};

	memcpy(record.publisher, commit->publisher, sizeof(record.publisher));
	memcpy(record.command, commit->command, sizeof(record.command));
	recording_append(file, FRAME_COMMIT, &record, sizeof(record), commit->message,
	                 strnlen(commit->message, RECORDING_MESSAGE));
}

static void group_append_change(struct recording_writer *file, const struct stele_change *change)
{
	const struct stele_row *row = &change->after;
	struct recording_put put;

	if (change->kind == STELE_REMOVED) {
		const struct recording_delete removed = {.key_bits = change->before.key_bits};

		recording_append(file, FRAME_DELETE, &removed, sizeof(removed), change->before.key,
		                 (change->before.key_bits + 7) / 8);
		return;
	}
	put = (struct recording_put){
		.version = row->version,
		.value_size = (uint32_t)row->value_size,
		.key_bits = row->key_bits,
	};
	recording_append_row(file, &put, row->value, row->key);
}

/* Appends the rows that differ in these tables, which have the same schema in both versions.
 * `before` NULL: all rows. Each table starts with a frame of its own, if `named`. */
static int group_append_rows(struct recording_writer *file, const struct stele_snapshot *before,
                             const struct stele_snapshot *after,
                             const struct stele_follow_table *tables, size_t count, bool named)
{
	struct stele_difference *difference;
	char last[STELE_NAME_MAX + 1] = "";
	struct stele_event event;
	int result;

	if (count == 0)
		return 0;
	result = stele_difference_open(before, after, tables, count, &difference);
	if (result < 0)
		return result;
	while (!file->error && (result = stele_difference_next(difference, &event)) == 1) {
		if (named && strcmp(last, event.table) != 0) {
			snprintf(last, sizeof(last), "%s", event.table);
			group_append_name(file, FRAME_ROWS, last);
		}
		group_append_change(file, &event.change);
	}
	stele_difference_close(difference);
	return result < 0 ? result : 0;
}

/* Appends a table that `before` does not have, or not with this schema, with all its rows. */
static int group_append_table(struct recording_writer *file, const struct stele_snapshot *after,
                              const char *name, const struct stele_schema *schema)
{
	const struct stele_follow_table table = {.name = name};
	size_t size = stele_schema_format(schema, NULL, 0) + strlen(name) + 3;
	char *text = heap_realloc(NULL, size);
	size_t length = (size_t)snprintf(text, size, "%s(", name);

	length += stele_schema_format(schema, text + length, size - length);
	text[length++] = ')';
	recording_append(file, FRAME_TABLE, text, length, NULL, 0);
	free(text);
	return group_append_rows(file, NULL, after, &table, 1, false);
}

static int group_schema(const struct stele_snapshot *snapshot, const char *name,
                        struct stele_schema **ret)
{
	struct stele_table table;
	int result = stele_table_open(snapshot, name, NULL, &table);

	*ret = NULL;
	return result < 0 ? result : stele_table_schema(&table, ret);
}

/* Appends the tables of `after` that are new or have another schema, and lists the others. */
static int group_append_tables(struct recording_writer *file, const struct stele_snapshot *before,
                               const struct stele_snapshot *after, struct group_tables *ret_same)
{
	struct stele_schema *schema, *former = NULL;
	char name[STELE_NAME_MAX + 1] = "";
	size_t count = 0;
	int result;

	while ((result = stele_snapshot_next_table(after, name)) == 1) {
		result = group_schema(after, name, &schema);
		if (result == 0 && before)
			result = group_schema(before, name, &former);
		if (result == 0 && ++count > RECORDING_TABLES_MAX)
			file->error = result = -E2BIG;
		else if (result == 0 && former && stele_schema_equal(schema, former))
			group_tables_add(ret_same, name);
		else if (result == 0 || result == -ENXIO)
			result = group_append_table(file, after, name, schema);
		stele_schema_free(schema);
		former = stele_schema_free(former);
		if (result < 0)
			return result;
	}
	return result;
}

static int group_append_drops(struct recording_writer *file, const struct stele_snapshot *before,
                              const struct stele_snapshot *after)
{
	char name[STELE_NAME_MAX + 1] = "";
	struct stele_table table;
	int result;

	while ((result = stele_snapshot_next_table(before, name)) == 1) {
		result = stele_table_open(after, name, NULL, &table);
		if (result == -ENXIO)
			group_append_name(file, FRAME_DROP, name);
		else if (result < 0)
			return result;
	}
	return result;
}

/* Appends the commits that history holds, up to the one before `version`. */
static void group_append_history(struct recording_writer *file, struct stele_subscriber *subscriber,
                                 uint64_t version)
{
	struct commit_record record = {0};
	uint64_t oldest, newest;

	if (stele_subscriber_history(subscriber, &oldest, &newest) == 0)
		for (; oldest > 0 && oldest < version; oldest++)
			if (commit_record_read(&record, subscriber, oldest) == 0)
				group_append_commit(file, &record.commit);
	commit_record_free(&record);
}

/* Appends the frames of a group, between its first and its last. */
static int group_append_all(struct recording_writer *file, const struct stele_snapshot *before,
                            const struct stele_snapshot *after)
{
	struct group_tables same = {0};
	int result = 0;

	if (before)
		result = group_append_drops(file, before, after);
	if (result == 0)
		result = group_append_tables(file, before, after, &same);
	if (result == 0)
		result = group_append_rows(file, before, after, same.list, same.count, true);
	group_tables_free(&same);
	return result == 0 ? stele_snapshot_check(after) : result;
}

int recording_group_write(struct recording_writer *file, struct stele_subscriber *subscriber,
                          const struct stele_snapshot *before, const struct stele_snapshot *after)
{
	struct recording_begin begin = {
		.kind = before ? GROUP_DELTA : GROUP_SNAPSHOT,
		.from = before ? stele_snapshot_version(before) : 0,
	};
	struct stele_position position;
	struct stele_commit commit;
	int result, error;

	stele_snapshot_position(after, &position);
	memcpy(begin.region, position.region, sizeof(begin.region));
	begin.version = position.version;
	result = stele_snapshot_commit(after, &commit);
	if (result < 0 && result != -ENODATA)
		return result;
	begin.time = result == 0 && commit.time ? commit.time : clock_wall();
	recording_append(file, FRAME_BEGIN, &begin, sizeof(begin), NULL, 0);
	if (!before)
		group_append_history(file, subscriber, begin.version);
	if (result == 0)
		group_append_commit(file, &commit);
	result = group_append_all(file, before, after);
	if (result < 0 && !file->error) {
		recording_cancel(file);
		return result;
	}
	error = recording_end(file, clock_wall());
	file->error = error;
	return error;
}
