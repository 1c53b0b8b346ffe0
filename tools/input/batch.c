/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/heap.h"
#include "tools/base/status.h"
#include "tools/input/batch.h"
#include "tools/input/input.h"
#include "tools/input/input_fail.h"
#include "tools/output/progress.h"
#include "tools/rows/row.h"

#define ALIGNMENT 8u  /* of values, as in a region */
#define WRONG_MAX 20u /* number of wrong rows that are reported */

static size_t batch_aligned(size_t size)
{
	return (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

static size_t batch_key_size(unsigned bits)
{
	return (bits + 7) / 8;
}

static const unsigned char *batch_value(const struct batch *batch, const struct batch_row *row)
{
	return batch->bytes + row->value;
}

static const unsigned char *batch_key(const struct batch *batch, const struct batch_row *row)
{
	return batch_value(batch, row) - batch_aligned(batch_key_size(row->key_bits));
}

/* Appends the key and then the value of a row to batch->bytes, both aligned. */
static void batch_append(struct batch *batch, const struct row_buffer *row, uint64_t line)
{
	size_t key = batch_aligned(batch_key_size(row->key.bits));
	size_t size = key + batch_aligned(row->value_size);

	if (batch->capacity - batch->used < size) {
		batch->capacity = batch->capacity * 2 + size + 4096;
		batch->bytes = heap_realloc(batch->bytes, batch->capacity);
	}
	if (batch->count == batch->row_capacity) {
		batch->row_capacity = batch->row_capacity * 2 + 64;
		batch->rows = heap_realloc(batch->rows, batch->row_capacity * sizeof(*batch->rows));
	}
	if (row->key.bits)
		memcpy(batch->bytes + batch->used, row->key.bytes, batch_key_size(row->key.bits));
	if (row->value_size)
		memcpy(batch->bytes + batch->used + key, row->value, row->value_size);
	batch->rows[batch->count++] = (struct batch_row){
		.value = batch->used + key,
		.value_size = (uint32_t)row->value_size,
		.key_bits = row->key.bits,
		.line = line,
	};
	batch->used += size;
}

/* Encodes and checks the current row of the input, and appends it to the batch. */
static enum status batch_read_row(struct batch *batch, struct input *input, struct row_buffer *row)
{
	int result;

	result = row_parse(&input->text, input->schema, row);
	if (result < 0 && fail_status(result) != STATUS_INPUT)
		return fail_library(result);
	if (result < 0)
		return input_fail(input, "%s", stele_last_error());
	batch_append(batch, row, input->line);
	return STATUS_DONE;
}

static enum status batch_fail_too_large(const struct input *input, uint64_t limit)
{
	char size[DESCRIBED_MAX];

	return fail(
		STATUS_NO_SPACE,
		"%s:%llu: the rows up to here take more than the %s that the region may grow to",
		input->lines.name, (unsigned long long)input->line, describe_size(limit, size));
}

static enum status batch_fail_too_many(const char *name)
{
	return fail(STATUS_INPUT, "%s: only the first %u wrong rows are reported", name, WRONG_MAX);
}

enum status batch_read(struct batch *batch, struct input *input, const char *table, uint64_t limit)
{
	struct row_buffer row = {0};
	struct progress progress;
	enum status status;
	unsigned wrong = 0;
	bool there;

	*batch = (struct batch){
		.name = input->lines.name, .unit = input->unit, .schema = input->schema};
	progress_start(&progress, table, input->lines.size);
	for (;;) {
		status = input_next(input, &there);
		if (status == STATUS_DONE && !there)
			break;
		if (status == STATUS_DONE)
			status = batch_read_row(batch, input, &row);
		if (status == STATUS_DONE && batch->used > limit)
			status = batch_fail_too_large(input, limit);
		if (status == STATUS_INPUT && input->wrong_row && ++wrong < WRONG_MAX)
			continue;
		if (status != STATUS_DONE)
			break;
		progress_step(&progress, batch->count, input->lines.offset);
	}
	progress_end(&progress);
	row_buffer_close(&row);
	if (wrong == WRONG_MAX)
		batch_fail_too_many(batch->name);
	return status == STATUS_DONE && wrong > 0 ? STATUS_INPUT : status;
}

static enum status batch_fail_row(const struct batch *batch, const struct batch_row *row,
                                  const char *message)
{
	return fail(STATUS_INPUT,
	            strcmp(batch->unit, "line") == 0 ? "%s:%llu: %s" : "%s: object %llu: %s",
	            batch->name, (unsigned long long)row->line, message);
}

/* Returns the line of the first row with the same key as `row`. The batch must have such a row
 * before `row`. */
static uint64_t batch_first_line(const struct batch *batch, const struct batch_row *row)
{
	const struct batch_row *other = batch->rows;

	while (other < row && (other->key_bits != row->key_bits ||
	                       memcmp(batch_key(batch, other), batch_key(batch, row),
	                              batch_key_size(row->key_bits)) != 0))
		other++;
	return other->line;
}

static enum status batch_fail_key_twice(const struct batch *batch, const struct batch_row *row)
{
	char key[512], message[1024];

	stele_key_format(batch->schema, batch_key(batch, row), row->key_bits, key, sizeof(key));
	snprintf(message, sizeof(message), "the key \"%s\" is already in %s %llu", key, batch->unit,
	         (unsigned long long)batch_first_line(batch, row));
	return batch_fail_row(batch, row, message);
}

static enum status batch_put_row(const struct batch *batch, const struct batch_row *row,
                                 struct stele_writable *table)
{
	int result = stele_writable_put(table, batch_key(batch, row), row->key_bits,
	                                batch_value(batch, row), row->value_size);

	if (result == -EEXIST)
		return batch_fail_key_twice(batch, row);
	if (result < 0 && fail_status(result) == STATUS_INPUT)
		return batch_fail_row(batch, row, stele_last_error());
	return result < 0 ? fail_library(result) : STATUS_DONE;
}

static enum status batch_put_rows(const struct batch *batch, struct stele_writable *table)
{
	unsigned wrong = 0;

	for (size_t i = 0; i < batch->count && wrong < WRONG_MAX; i++) {
		enum status status = batch_put_row(batch, &batch->rows[i], table);

		if (status != STATUS_DONE && status != STATUS_INPUT)
			return status;
		wrong += status == STATUS_INPUT;
	}
	if (wrong == WRONG_MAX)
		batch_fail_too_many(batch->name);
	return wrong > 0 ? STATUS_INPUT : STATUS_DONE;
}

enum status batch_replace(const struct batch *batch, struct stele_writable *table)
{
	enum status status;
	int64_t result;

	result = stele_writable_replace(table);
	if (result < 0)
		return fail_library((int)result);
	status = batch_put_rows(batch, table);
	if (status != STATUS_DONE)
		return status;
	result = stele_writable_replace_end(table);
	return result < 0 ? fail_library((int)result) : STATUS_DONE;
}

/* ---- what a replacement would change ---- */

/* Orders keys as a cursor does: a prefix comes before the keys that it starts. */
static int batch_compare_keys(const void *left, unsigned left_bits, const void *right,
                              unsigned right_bits)
{
	size_t bits = left_bits < right_bits ? left_bits : right_bits;
	int order = bits ? memcmp(left, right, batch_key_size((unsigned)bits)) : 0;

	if (order != 0)
		return order;
	return left_bits < right_bits ? -1 : left_bits > right_bits;
}

/* Orders rows by their keys, and those of one key by their place in the input. */
static int batch_compare_rows(const void *left, const void *right, void *batch)
{
	const struct batch_row *a = *(const struct batch_row *const *)left;
	const struct batch_row *b = *(const struct batch_row *const *)right;
	int order = batch_compare_keys(batch_key(batch, a), a->key_bits, batch_key(batch, b),
	                               b->key_bits);

	return order != 0 ? order : a < b ? -1 : a > b;
}

/* Checks the rows as stele_writable_put() does. `sorted` are the rows in the order of their
 * keys. */
static enum status batch_check_rows(const struct batch *batch, const struct batch_row **sorted)
{
	const struct batch_row *row;
	unsigned wrong = 0;

	for (size_t i = 0; i < batch->count && wrong < WRONG_MAX; i++) {
		row = sorted[i];
		if (i > 0 &&
		    batch_compare_keys(batch_key(batch, sorted[i - 1]), sorted[i - 1]->key_bits,
		                       batch_key(batch, row), row->key_bits) == 0) {
			batch_fail_key_twice(batch, row);
			wrong++;
		} else if (stele_key_check(batch->schema, batch_key(batch, row), row->key_bits) <
		                   0 ||
		           stele_value_check(batch->schema, batch_value(batch, row),
		                             row->value_size) < 0) {
			batch_fail_row(batch, row, stele_last_error());
			wrong++;
		}
	}
	if (wrong == WRONG_MAX)
		batch_fail_too_many(batch->name);
	return wrong > 0 ? STATUS_INPUT : STATUS_DONE;
}

/* Returns the row of the batch as one of a table. */
static struct stele_row batch_table_row(const struct batch *batch, const struct batch_row *row)
{
	return (struct stele_row){.key = batch_key(batch, row),
	                          .key_bits = row->key_bits,
	                          .value = batch_value(batch, row),
	                          .value_size = row->value_size};
}

/* Tells the change of one key: `before` and `after` are NULL where there is no such row. */
static enum status batch_tell(const struct stele_row *before, const struct stele_row *after,
                              batch_change_fn *each, void *context)
{
	struct stele_change change = {.kind = !before  ? STELE_ADDED
	                                      : !after ? STELE_REMOVED
	                                               : STELE_CHANGED};

	if (before && after && before->value_size == after->value_size &&
	    (after->value_size == 0 || memcmp(before->value, after->value, after->value_size) == 0))
		return STATUS_DONE;
	if (before)
		change.before = *before;
	if (after)
		change.after = *after;
	return each(&change, context);
}

/* Merges the sorted rows with those of the cursor. */
static enum status batch_merge(const struct batch *batch, const struct batch_row **sorted,
                               struct stele_cursor *cursor, batch_change_fn *each, void *context)
{
	struct stele_row present = {0}, next;
	enum status status = STATUS_DONE;
	int result = stele_cursor_next(cursor, &present), order;
	size_t at = 0;

	while (status == STATUS_DONE && result >= 0 && (result == 1 || at < batch->count)) {
		if (at < batch->count)
			next = batch_table_row(batch, sorted[at]);
		order = result == 0          ? 1
		        : at == batch->count ? -1
		                             : batch_compare_keys(present.key, present.key_bits,
		                                                  next.key, next.key_bits);
		status = batch_tell(order <= 0 ? &present : NULL, order >= 0 ? &next : NULL, each,
		                    context);
		at += order >= 0;
		if (order <= 0)
			result = stele_cursor_next(cursor, &present);
	}
	return result < 0 ? fail_library(result) : status;
}

enum status batch_compare(const struct batch *batch, const struct stele_table *table,
                          batch_change_fn *each, void *context)
{
	const struct batch_row **sorted =
		heap_realloc(NULL, (batch->count + 1) * sizeof(const struct batch_row *));
	struct stele_cursor *cursor;
	enum status status;
	int result;

	for (size_t i = 0; i < batch->count; i++)
		sorted[i] = &batch->rows[i];
	/* qsort_r() hands the batch on, and changes only the array. */
	qsort_r(sorted, batch->count, sizeof(const struct batch_row *), batch_compare_rows,
	        (void *)(uintptr_t)batch);
	status = batch_check_rows(batch, sorted);
	if (status == STATUS_DONE) {
		result = stele_cursor_open(table, &cursor);
		status = result < 0 ? fail_library(result)
		                    : batch_merge(batch, sorted, cursor, each, context);
		if (result == 0)
			stele_cursor_close(cursor);
	}
	free(sorted);
	return status;
}

void batch_free(struct batch *batch)
{
	free(batch->bytes);
	free(batch->rows);
	*batch = (struct batch){0};
}
