/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/fail.h"
#include "tools/base/heap.h"
#include "tools/base/status.h"
#include "tools/record/recording.h"
#include "tools/why/lookup_history.h"

/* More subscribers than any region has: a hostile recording must not take time for each pair. */
enum { SUBSCRIBERS_MAX = 4096 };

/* ---- rows ---- */

static void lookup_row_free(struct lookup_row *row)
{
	free((void *)row->row.key);
	free((void *)row->row.value);
	*row = (struct lookup_row){0};
}

static void *lookup_duplicate(const void *bytes, size_t size)
{
	void *copy = heap_realloc(NULL, size + 1);

	if (size)
		memcpy(copy, bytes, size);
	return copy;
}

static struct lookup_row lookup_row_copy(const struct stele_schema *schema,
                                         const struct stele_row *row)
{
	struct lookup_row copy = {.schema = schema, .row = *row};

	if (!schema)
		return (struct lookup_row){0};
	copy.row.key = lookup_duplicate(row->key, (row->key_bits + 7) / 8);
	copy.row.value = lookup_duplicate(row->value, row->value_size);
	return copy;
}

static void lookup_rows_free(struct lookup_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		lookup_row_free(&rows->rows[i]);
	free(rows->rows);
	*rows = (struct lookup_rows){0};
}

static struct lookup_row *lookup_rows_find(const struct lookup_rows *rows, unsigned key_bits)
{
	for (size_t i = 0; i < rows->count; i++)
		if (rows->rows[i].row.key_bits == key_bits)
			return &rows->rows[i];
	return NULL;
}

static void lookup_rows_add(struct lookup_rows *rows, struct lookup_row row)
{
	rows->rows = heap_realloc(rows->rows, (rows->count + 1) * sizeof(*rows->rows));
	rows->rows[rows->count++] = row;
}

static const struct lookup_row *lookup_rows_longest(const struct lookup_rows *rows)
{
	const struct lookup_row *longest = NULL;

	for (size_t i = 0; i < rows->count; i++)
		if (!longest || rows->rows[i].row.key_bits > longest->row.key_bits)
			longest = &rows->rows[i];
	return longest;
}

/* Returns true if the lookup finds a row with this key, unless it finds a longer one. Rows that
 * match have different lengths, so a length is enough to find one again. */
static bool lookup_matches(const struct lookup_history *history, const void *key, unsigned key_bits)
{
	const uint8_t *a = key, *b = history->lookup.bytes;
	unsigned whole = key_bits / 8, rest = key_bits % 8;

	if (!history->schema || key_bits > history->lookup.bits ||
	    (!history->prefixes && key_bits < history->lookup.bits))
		return false;
	return memcmp(a, b, whole) == 0 && (rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

/* ---- versions ---- */

void lookup_open(struct lookup_history *history, const char *table, const char *key, uint64_t until)
{
	*history = (struct lookup_history){.table = table, .key = key, .until = until};
}

void lookup_begin(struct lookup_history *history, const struct recording_begin *begin)
{
	history->group = *begin;
	history->touched = false;
	history->commit_count = 0;
	if (begin->kind == GROUP_SNAPSHOT)
		lookup_drop(history);
}

/* Returns the rows of the present group, which are those before it at first. */
static struct lookup_rows *lookup_touch(struct lookup_history *history)
{
	if (history->touched)
		return &history->pending;
	history->touched = true;
	lookup_rows_free(&history->pending);
	for (size_t i = 0; i < history->rows.count; i++)
		lookup_rows_add(&history->pending, lookup_row_copy(history->rows.rows[i].schema,
		                                                   &history->rows.rows[i].row));
	return &history->pending;
}

void lookup_commit(struct lookup_history *history, const struct stele_commit *commit)
{
	history->commits = heap_realloc(history->commits,
	                                (history->commit_count + 1) * sizeof(*history->commits));
	history->commits[history->commit_count++] = *commit;
}

void lookup_drop(struct lookup_history *history)
{
	lookup_rows_free(lookup_touch(history));
	history->schema = NULL;
}

/* Returns a copy of a schema, which lives as long as the history. */
static const struct stele_schema *lookup_keep_schema(struct lookup_history *history,
                                                     const struct stele_schema *schema)
{
	struct stele_schema *copy;

	if (history->schema_count &&
	    stele_schema_equal(schema, history->schemas[history->schema_count - 1]))
		return history->schemas[history->schema_count - 1];
	copy = stele_schema_copy(schema);
	if (!copy)
		exit((int)fail(STATUS_NO_SPACE, "no memory for the schema of table \"%s\"",
		               history->table));
	history->schemas = heap_realloc(history->schemas, (history->schema_count + 1) *
	                                                          sizeof(struct stele_schema *));
	history->schemas[history->schema_count++] = copy;
	return copy;
}

void lookup_define(struct lookup_history *history, const struct stele_schema *schema)
{
	lookup_rows_free(lookup_touch(history));
	schema = lookup_keep_schema(history, schema);
	history->prefixes = false;
	for (size_t i = 0; i < schema->column_count; i++)
		history->prefixes |=
			schema->columns[i].key && (schema->columns[i].type == STELE_IPV4NET ||
		                                   schema->columns[i].type == STELE_IPV6NET);
	history->error = stele_key_parse_address(schema, history->key, strlen(history->key),
	                                         &history->lookup);
	history->schema = history->error < 0 ? NULL : schema;
}

void lookup_delete(struct lookup_history *history, const void *key, unsigned key_bits)
{
	struct lookup_rows *rows;
	struct lookup_row *row;

	if (!lookup_matches(history, key, key_bits))
		return;
	rows = lookup_touch(history);
	row = lookup_rows_find(rows, key_bits);
	if (!row)
		return;
	lookup_row_free(row);
	*row = rows->rows[--rows->count];
}

void lookup_put(struct lookup_history *history, const struct stele_row *row)
{
	if (!lookup_matches(history, row->key, row->key_bits))
		return;
	lookup_delete(history, row->key, row->key_bits);
	lookup_rows_add(lookup_touch(history), lookup_row_copy(history->schema, row));
}

static bool lookup_same(const struct lookup_row *a, const struct lookup_row *b)
{
	if (!a || !b)
		return a == b;
	return a->row.key_bits == b->row.key_bits && a->row.version == b->row.version &&
	       a->row.value_size == b->row.value_size &&
	       memcmp(a->row.value, b->row.value, a->row.value_size) == 0;
}

static void lookup_change_free(struct lookup_change *change)
{
	lookup_row_free(&change->before);
	*change = (struct lookup_change){0};
}

/* Keeps that the lookup found another row from this version on. */
static void lookup_changed(struct lookup_history *history, const struct lookup_row *before,
                           const struct lookup_row *after)
{
	const struct recording_begin *begin = &history->group;
	bool same = lookup_is_of(history, begin->region);
	struct lookup_change change = {
		.known = true,
		.dropped = !history->schema,
		.replaced = !same,
		.unseen = history->gap,
		/* A snapshot does not say it, but follows the version before. */
		.from = same ? history->begin.version : 0,
		.to = begin->version,
		.time = begin->time,
	};

	memcpy(change.region, begin->region, sizeof(change.region));
	/* A row says which version wrote it. A removal leaves nothing that says it. */
	if (after && after->row.version > change.from)
		change.version = after->row.version;
	else if (begin->version == change.from + 1)
		change.version = begin->version;
	for (size_t i = 0; i < history->commit_count; i++)
		if (history->commits[i].version == change.version)
			change.commit = history->commits[i];
	if (before)
		change.before = lookup_row_copy(before->schema, &before->row);
	lookup_change_free(&history->change);
	history->change = change;
}

/* Keeps the row that the first version found, and the commit that wrote it. */
static void lookup_started(struct lookup_history *history, const struct lookup_row *answer)
{
	history->any = true;
	history->begun = history->group;
	if (!answer)
		return;
	history->first = lookup_row_copy(answer->schema, &answer->row);
	for (size_t i = 0; i < history->commit_count; i++)
		if (history->commits[i].version == answer->row.version)
			history->origin = history->commits[i];
}

void lookup_end(struct lookup_history *history)
{
	const struct lookup_row *before = lookup_rows_longest(&history->rows), *after = before;

	if (history->touched)
		after = lookup_rows_longest(&history->pending);
	if (!history->any)
		lookup_started(history, after);
	else if (!lookup_same(before, after))
		lookup_changed(history, before, after);
	if (history->touched) {
		lookup_rows_free(&history->rows);
		history->rows = history->pending;
		history->pending = (struct lookup_rows){0};
	}
	history->touched = history->gap = false;
	history->gone = 0;
	history->begin = history->group;
	lookup_idle(history, history->begin.time);
}

void lookup_idle(struct lookup_history *history, uint64_t time)
{
	if (time > history->until)
		time = history->until;
	if (history->any && time > history->known)
		history->known = time;
}

bool lookup_is_of(const struct lookup_history *history, const uint8_t uuid[16])
{
	return history->any && memcmp(history->begin.region, uuid, 16) == 0;
}

bool lookup_is_at(const struct lookup_history *history, const uint8_t uuid[16], uint64_t version)
{
	return lookup_is_of(history, uuid) && history->begin.version == version;
}

void lookup_gone(struct lookup_history *history, const struct recording_gone *gone)
{
	struct recording_begin begin = {
		.kind = GROUP_SNAPSHOT,
		.from = history->begin.version,
		.version = history->begin.version,
		.time = gone->time,
	};
	bool any = lookup_rows_longest(&history->rows) != NULL;

	if (gone->time > history->until) {
		lookup_idle(history, gone->time);
		return;
	}
	memcpy(begin.region, history->begin.region, sizeof(begin.region));
	lookup_begin(history, &begin);
	lookup_end(history);
	history->change.gone |= any;
	history->gone = gone->time;
	history->subscriber_count = 0;
}

/* ---- subscribers ---- */

/* Finds a subscriber. A sample has them in the same order each time. */
static struct lookup_subscriber *lookup_find_subscriber(struct lookup_history *history,
                                                        const uint8_t uuid[16])
{
	for (size_t i = 0; i < history->subscriber_count; i++) {
		size_t at = (history->subscriber_next + i) % history->subscriber_count;

		if (memcmp(history->subscribers[at].is.uuid, uuid, 16) == 0) {
			history->subscriber_next = at + 1;
			return &history->subscribers[at];
		}
	}
	return NULL;
}

void lookup_subscriber(struct lookup_history *history,
                       const struct recording_subscriber *subscriber, const char *label)
{
	struct lookup_subscriber *known;

	if (subscriber->time > history->until)
		return;
	known = lookup_find_subscriber(history, subscriber->uuid);
	if (known && subscriber->gone) {
		*known = history->subscribers[--history->subscriber_count];
		return;
	}
	if (subscriber->gone)
		return;
	if (!known && history->subscriber_count >= SUBSCRIBERS_MAX)
		return;
	if (!known) {
		history->subscribers =
			heap_realloc(history->subscribers, (history->subscriber_count + 1) *
		                                                   sizeof(*history->subscribers));
		known = &history->subscribers[history->subscriber_count++];
	}
	known->is = *subscriber;
	strncpy(known->label, label, STELE_LABEL_MAX);
	known->label[STELE_LABEL_MAX] = '\0';
}

/* ---- several files ---- */

void lookup_continue(struct lookup_history *history, struct lookup_history *earlier)
{
	const struct lookup_row *start = history->first.schema ? &history->first : NULL;
	const struct lookup_row *end = lookup_rows_longest(&earlier->rows);

	earlier->earlier = history->earlier;
	history->earlier = earlier;
	if (!lookup_same(start, end)) {
		/* The recorder of the earlier file had ended before the change. */
		earlier->group = history->begun;
		earlier->gap = true;
		earlier->commit_count = 0;
		if (history->origin.version)
			lookup_commit(earlier, &history->origin);
		lookup_changed(earlier, end, start);
		history->change = earlier->change;
		earlier->change = (struct lookup_change){0};
		return;
	}
	if (earlier->change.known) {
		history->change = earlier->change;
		earlier->change = (struct lookup_change){0};
	}
	if (!history->origin.version)
		history->origin = earlier->origin;
	history->begun = earlier->begun;
}

const struct lookup_row *lookup_answer(const struct lookup_history *history)
{
	return lookup_rows_longest(&history->rows);
}

void lookup_close(struct lookup_history *history)
{
	struct lookup_history *earlier = history->earlier;

	if (earlier) {
		lookup_close(earlier);
		free(earlier);
	}
	lookup_rows_free(&history->rows);
	lookup_rows_free(&history->pending);
	lookup_row_free(&history->first);
	lookup_change_free(&history->change);
	for (size_t i = 0; i < history->schema_count; i++)
		stele_schema_free(history->schemas[i]);
	free(history->schemas);
	free(history->commits);
	free(history->subscribers);
	*history = (struct lookup_history){0};
}
