/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/fail.h"
#include "tools/base/heap.h"
#include "tools/base/status.h"
#include "tools/record/recording.h"
#include "tools/record/story.h"

/* ---- rows ---- */

static void story_row_free(struct story_row *row)
{
	free((void *)row->row.key);
	free((void *)row->row.value);
	*row = (struct story_row){0};
}

static void *story_duplicate(const void *bytes, size_t size)
{
	void *copy = heap_realloc(NULL, size + 1);

	if (size)
		memcpy(copy, bytes, size);
	return copy;
}

static struct story_row story_row_copy(const struct stele_schema *schema,
                                       const struct stele_row *row)
{
	struct story_row copy = {.schema = schema, .row = *row};

	if (!schema)
		return (struct story_row){0};
	copy.row.key = story_duplicate(row->key, (row->key_bits + 7) / 8);
	copy.row.value = story_duplicate(row->value, row->value_size);
	return copy;
}

static void story_rows_free(struct story_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		story_row_free(&rows->rows[i]);
	free(rows->rows);
	*rows = (struct story_rows){0};
}

static struct story_row *story_rows_find(const struct story_rows *rows, unsigned key_bits)
{
	for (size_t i = 0; i < rows->count; i++)
		if (rows->rows[i].row.key_bits == key_bits)
			return &rows->rows[i];
	return NULL;
}

static void story_rows_add(struct story_rows *rows, struct story_row row)
{
	rows->rows = heap_realloc(rows->rows, (rows->count + 1) * sizeof(*rows->rows));
	rows->rows[rows->count++] = row;
}

static const struct story_row *story_rows_longest(const struct story_rows *rows)
{
	const struct story_row *longest = NULL;

	for (size_t i = 0; i < rows->count; i++)
		if (!longest || rows->rows[i].row.key_bits > longest->row.key_bits)
			longest = &rows->rows[i];
	return longest;
}

/* Returns true if the lookup finds a row with this key, unless it finds a longer one. Rows that
 * match have different lengths, so a length is enough to find one again. */
static bool story_matches(const struct story *story, const void *key, unsigned key_bits)
{
	const uint8_t *a = key, *b = story->lookup.bytes;
	unsigned whole = key_bits / 8, rest = key_bits % 8;

	if (!story->schema || key_bits > story->lookup.bits ||
	    (!story->prefixes && key_bits < story->lookup.bits))
		return false;
	return memcmp(a, b, whole) == 0 && (rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

/* ---- versions ---- */

void story_open(struct story *story, const char *table, const char *key, uint64_t until)
{
	*story = (struct story){.table = table, .key = key, .until = until};
}

void story_begin(struct story *story, const struct recording_begin *begin)
{
	story->group = *begin;
	story->touched = false;
	story->commit_count = 0;
	if (begin->kind == GROUP_SNAPSHOT)
		story_drop(story);
}

/* Returns the rows of the present group, which are those before it at first. */
static struct story_rows *story_touch(struct story *story)
{
	if (story->touched)
		return &story->pending;
	story->touched = true;
	story_rows_free(&story->pending);
	for (size_t i = 0; i < story->rows.count; i++)
		story_rows_add(&story->pending, story_row_copy(story->rows.rows[i].schema,
		                                               &story->rows.rows[i].row));
	return &story->pending;
}

void story_commit(struct story *story, const struct stele_commit *commit)
{
	story->commits =
		heap_realloc(story->commits, (story->commit_count + 1) * sizeof(*story->commits));
	story->commits[story->commit_count++] = *commit;
}

void story_drop(struct story *story)
{
	story_rows_free(story_touch(story));
	story->schema = NULL;
}

/* Returns a copy of a schema, which lives as long as the story. */
static const struct stele_schema *story_keep_schema(struct story *story,
                                                    const struct stele_schema *schema)
{
	struct stele_schema *copy;

	if (story->schema_count &&
	    stele_schema_equal(schema, story->schemas[story->schema_count - 1]))
		return story->schemas[story->schema_count - 1];
	copy = stele_schema_copy(schema);
	if (!copy)
		exit((int)fail(STATUS_NO_SPACE, "no memory for the schema of table \"%s\"",
		               story->table));
	story->schemas = heap_realloc(story->schemas,
	                              (story->schema_count + 1) * sizeof(struct stele_schema *));
	story->schemas[story->schema_count++] = copy;
	return copy;
}

void story_define(struct story *story, const struct stele_schema *schema)
{
	story_rows_free(story_touch(story));
	schema = story_keep_schema(story, schema);
	story->prefixes = false;
	for (size_t i = 0; i < schema->column_count; i++)
		story->prefixes |=
			schema->columns[i].key && (schema->columns[i].type == STELE_IPV4NET ||
		                                   schema->columns[i].type == STELE_IPV6NET);
	story->error =
		stele_key_parse_address(schema, story->key, strlen(story->key), &story->lookup);
	story->schema = story->error < 0 ? NULL : schema;
}

void story_delete(struct story *story, const void *key, unsigned key_bits)
{
	struct story_rows *rows;
	struct story_row *row;

	if (!story_matches(story, key, key_bits))
		return;
	rows = story_touch(story);
	row = story_rows_find(rows, key_bits);
	if (!row)
		return;
	story_row_free(row);
	*row = rows->rows[--rows->count];
}

void story_put(struct story *story, const struct stele_row *row)
{
	if (!story_matches(story, row->key, row->key_bits))
		return;
	story_delete(story, row->key, row->key_bits);
	story_rows_add(story_touch(story), story_row_copy(story->schema, row));
}

static bool story_same(const struct story_row *a, const struct story_row *b)
{
	if (!a || !b)
		return a == b;
	return a->row.key_bits == b->row.key_bits && a->row.version == b->row.version &&
	       a->row.value_size == b->row.value_size &&
	       memcmp(a->row.value, b->row.value, a->row.value_size) == 0;
}

static void story_change_free(struct story_change *change)
{
	story_row_free(&change->before);
	*change = (struct story_change){0};
}

/* Keeps that the lookup found another row from this version on. */
static void story_changed(struct story *story, const struct story_row *before,
                          const struct story_row *after)
{
	const struct recording_begin *begin = &story->group;
	struct story_change change = {
		.known = true,
		.from = begin->from,
		.to = begin->version,
		.time = begin->time,
	};

	memcpy(change.region, begin->region, sizeof(change.region));
	/* A row says which version wrote it. A removal leaves nothing that says it. */
	if (after && after->row.version > begin->from)
		change.version = after->row.version;
	else if (begin->kind == GROUP_DELTA && begin->version == begin->from + 1)
		change.version = begin->version;
	for (size_t i = 0; i < story->commit_count; i++)
		if (story->commits[i].version == change.version)
			change.commit = story->commits[i];
	if (before)
		change.before = story_row_copy(before->schema, &before->row);
	story_change_free(&story->change);
	story->change = change;
}

/* Keeps what the first version found, and who made that. */
static void story_started(struct story *story, const struct story_row *answer)
{
	story->any = true;
	story->begun = story->group;
	if (!answer)
		return;
	story->first = story_row_copy(answer->schema, &answer->row);
	for (size_t i = 0; i < story->commit_count; i++)
		if (story->commits[i].version == answer->row.version)
			story->origin = story->commits[i];
}

void story_end(struct story *story)
{
	const struct story_row *before = story_rows_longest(&story->rows), *after = before;

	if (story->touched)
		after = story_rows_longest(&story->pending);
	if (!story->any)
		story_started(story, after);
	else if (!story_same(before, after))
		story_changed(story, before, after);
	if (story->touched) {
		story_rows_free(&story->rows);
		story->rows = story->pending;
		story->pending = (struct story_rows){0};
	}
	story->touched = false;
	story->begin = story->group;
	story->last = story->begin.time;
}

void story_gone(struct story *story, const struct recording_gone *gone)
{
	struct recording_begin begin = {
		.kind = GROUP_SNAPSHOT,
		.from = story->begin.version,
		.version = story->begin.version,
		.time = gone->time,
	};
	bool any = story_rows_longest(&story->rows) != NULL;

	if (gone->time > story->until)
		return;
	memcpy(begin.region, story->begin.region, sizeof(begin.region));
	story_begin(story, &begin);
	story_end(story);
	story->change.gone |= any;
	story->subscriber_count = 0;
}

/* ---- subscribers ---- */

/* Finds a subscriber. A sample has them in the same order each time. */
static struct story_subscriber *story_find_subscriber(struct story *story, const uint8_t uuid[16])
{
	for (size_t i = 0; i < story->subscriber_count; i++) {
		size_t at = (story->subscriber_next + i) % story->subscriber_count;

		if (memcmp(story->subscribers[at].is.uuid, uuid, 16) == 0) {
			story->subscriber_next = at + 1;
			return &story->subscribers[at];
		}
	}
	return NULL;
}

void story_subscriber(struct story *story, const struct recording_subscriber *subscriber,
                      const char *label)
{
	struct story_subscriber *known;

	if (subscriber->time > story->until)
		return;
	story->last = subscriber->time;
	known = story_find_subscriber(story, subscriber->uuid);
	if (known && subscriber->gone) {
		*known = story->subscribers[--story->subscriber_count];
		return;
	}
	if (subscriber->gone)
		return;
	if (!known) {
		story->subscribers =
			heap_realloc(story->subscribers,
		                     (story->subscriber_count + 1) * sizeof(*story->subscribers));
		known = &story->subscribers[story->subscriber_count++];
	}
	known->is = *subscriber;
	strncpy(known->label, label, STELE_LABEL_MAX);
	known->label[STELE_LABEL_MAX] = '\0';
}

/* ---- the whole ---- */

void story_continue(struct story *story, struct story *earlier)
{
	const struct story_row *start = story->first.schema ? &story->first : NULL;
	const struct story_row *end = story_rows_longest(&earlier->rows);

	earlier->earlier = story->earlier;
	story->earlier = earlier;
	if (!story_same(start, end)) {
		/* The recorder of the earlier file had ended before the change. */
		story->group = story->begun;
		story->group.from = earlier->begin.version;
		story->commit_count = 0;
		if (story->origin.version)
			story_commit(story, &story->origin);
		story_changed(story, end, start);
		story->change.unseen = true;
		return;
	}
	if (earlier->change.known) {
		story->change = earlier->change;
		earlier->change = (struct story_change){0};
	}
	if (!story->origin.version)
		story->origin = earlier->origin;
	story->begun = earlier->begun;
}

const struct story_row *story_answer(const struct story *story)
{
	return story_rows_longest(&story->rows);
}

void story_close(struct story *story)
{
	struct story *earlier = story->earlier;

	if (earlier) {
		story_close(earlier);
		free(earlier);
	}
	story_rows_free(&story->rows);
	story_rows_free(&story->pending);
	story_row_free(&story->first);
	story_change_free(&story->change);
	for (size_t i = 0; i < story->schema_count; i++)
		stele_schema_free(story->schemas[i]);
	free(story->schemas);
	free(story->commits);
	free(story->subscribers);
	*story = (struct story){0};
}
