/* SPDX-License-Identifier: MIT
 *
 * Cursors: an ordered scan of a table, optionally limited to keys with a common start. A scan is
 * re-checked after every step, so a cursor never returns a row of a lost version.
 *
 * A cursor stands between two rows. A scan goes in one direction only, so a cursor that turns seeks
 * its place again. Forward, the cursor takes rows from the scan in batches, into its own memory or,
 * for stele_cursor_next_many(), into the caller's. */
#include "lib/reading/cursor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/reading/key_start.h"
#include "lib/trie/scan.h"

/* Where a cursor stands that has not just returned a row. */
enum cursor_place {
	CURSOR_FIRST,      /* before the first row of its range */
	CURSOR_BEFORE_KEY, /* before the first row with the key `sought`, or greater */
	CURSOR_LAST,       /* after the last row of its range */
};

/* Maximum number of rows of a batch. */
#define CURSOR_BATCH 32u

struct stele_cursor {
	struct reading reading;
	struct region_watch watch; /* of the reading, for the fast path of the re-check */
	/* The rows that the scan returned last, and the one of these that the cursor returns next.
	 * A cursor that has just been placed takes one row, and then twice as many each time. */
	struct stele_row rows[CURSOR_BATCH];
	struct stele_row *next, *end;
	unsigned batch; /* maximum number of rows of the next batch */
	int after;      /* result of the scan after `rows`: 1 if there may be more */
	bool backward;  /* the direction of `scan` */
	/* The row that the cursor returned last, one of `rows`: the cursor stands after it, or
	 * before it if the scan goes backward. If NULL, the cursor stands at `place`. */
	const struct stele_row *row;
	enum cursor_place place;
	/* The cursor returns only rows whose keys start with this. */
	struct key_start under;
	/* The key of the last seek. */
	struct key_start sought;
	/* Last, as a cursor has memory only for the frames that its table's keys need. */
	struct scan scan;
};

static inline void cursor_place(struct stele_cursor *cursor, enum cursor_place place)
{
	cursor->row = NULL;
	cursor->place = place;
}

/* Forgets the rows of the batch, because the scan begins anew or ends. */
static inline void cursor_drop_batch(struct stele_cursor *cursor, int after)
{
	cursor->next = cursor->end = cursor->rows;
	cursor->batch = 1;
	cursor->after = after;
}

int cursor_open(const struct reading *reading, struct stele_cursor **ret)
{
	struct stele_cursor *cursor =
		malloc(offsetof(struct stele_cursor, scan) + scan_size(&reading->layout));

	if (!cursor)
		return error_set(ENOMEM, "no memory for a cursor");
	cursor->reading = *reading;
	region_watch(reading->region, reading->version, &cursor->watch);
	cursor_place(cursor, CURSOR_FIRST);
	cursor_drop_batch(cursor, 1);
	cursor->backward = false;
	cursor->under.bits = 0;
	scan_start(&cursor->scan, &cursor->reading.view, &cursor->reading.layout, reading->root);
	*ret = cursor;
	return 0;
}

struct stele_cursor *stele_cursor_close(struct stele_cursor *cursor)
{
	free(cursor);
	return NULL;
}

static int cursor_check(const struct stele_cursor *cursor)
{
	return cursor->reading.owner->check(&cursor->reading);
}

static inline int cursor_recheck(const struct stele_cursor *cursor, int r)
{
	return reading_recheck(&cursor->reading, r);
}

/* Starts a scan forward at the first row whose key is not less than `start`. */
static int cursor_scan_from(struct stele_cursor *cursor, const struct key_start *start)
{
	const struct reading *reading = &cursor->reading;

	cursor->backward = false;
	cursor_drop_batch(cursor, 1);
	return scan_seek(&cursor->scan, &reading->view, &reading->layout, reading->root,
	                 start->bytes, start->bits);
}

/* Starts a scan backward. */
static int cursor_scan_back(struct stele_cursor *cursor, const struct key_start *start,
                            enum scan_edge edge)
{
	const struct reading *reading = &cursor->reading;

	cursor->backward = true;
	cursor_drop_batch(cursor, 1);
	return scan_seek_back(&cursor->scan, &reading->view, &reading->layout, reading->root,
	                      start->bytes, start->bits, edge);
}

/* Places the cursor before the first row whose key is not less than `start`. */
static int cursor_seek(struct stele_cursor *cursor, const struct key_start *start,
                       enum cursor_place place)
{
	cursor_place(cursor, place);
	return cursor_recheck(cursor, cursor_scan_from(cursor, start));
}

/* Compares a key with the range of keys that start with `under`. Returns -1 if the key comes before
 * the range, 0 if it is in the range, 1 if it comes after the range. A key that is itself a proper
 * prefix of `under` comes before the range. */
static int cursor_compare_under(const struct key_start *key, const struct key_start *under)
{
	unsigned bits = key->bits < under->bits ? key->bits : under->bits, rest = bits % 8;
	int order = memcmp(key->bytes, under->bytes, bits / 8);

	if (order == 0 && rest > 0)
		order = (key->bytes[bits / 8] >> (8 - rest)) -
		        (under->bytes[bits / 8] >> (8 - rest));
	if (order == 0)
		return key->bits < under->bits ? -1 : 0;
	return order < 0 ? -1 : 1;
}

int stele_cursor_seek(struct stele_cursor *cursor, const void *key, unsigned key_bits)
{
	int order, r = cursor_check(cursor);

	if (r == 0)
		r = key_start_set(&cursor->sought, key, key_bits);
	if (r < 0)
		return r;
	/* Move only to rows under the cursor's limit: a row before them would end the cursor. */
	order = cursor_compare_under(&cursor->sought, &cursor->under);
	if (order < 0)
		return cursor_seek(cursor, &cursor->under, CURSOR_FIRST);
	if (order == 0)
		return cursor_seek(cursor, &cursor->sought, CURSOR_BEFORE_KEY);
	return stele_cursor_last(cursor);
}

int stele_cursor_under(struct stele_cursor *cursor, const void *key, unsigned key_bits)
{
	int r = cursor_check(cursor);

	if (r == 0)
		r = key_start_set(&cursor->under, key, key_bits);
	return r < 0 ? r : cursor_seek(cursor, &cursor->under, CURSOR_FIRST);
}

int stele_cursor_last(struct stele_cursor *cursor)
{
	int r = cursor_check(cursor);

	if (r < 0)
		return r;
	/* The scan has ended for stele_cursor_next(), and stele_cursor_previous() starts one. */
	cursor_place(cursor, CURSOR_LAST);
	cursor->backward = false;
	cursor_drop_batch(cursor, 0);
	scan_end(&cursor->scan);
	return 0;
}

/* Starts a scan from the cursor's place in the other direction. */
static int cursor_turn(struct stele_cursor *cursor)
{
	struct key_start row;

	if (cursor->row) {
		row.bits = cursor->row->key_bits;
		data_copy_out(row.bytes, cursor->row->key, (row.bits + 7) / 8);
		return cursor->backward ? cursor_scan_from(cursor, &row)
		                        : cursor_scan_back(cursor, &row, SCAN_THROUGH);
	}
	/* A scan that goes backward without a row has reached the start of the range. */
	if (cursor->backward)
		return cursor_scan_from(cursor, &cursor->under);
	switch (cursor->place) {
	case CURSOR_BEFORE_KEY:
		return cursor_scan_back(cursor, &cursor->sought, SCAN_BEFORE);
	case CURSOR_LAST:
		return cursor_scan_back(cursor, &cursor->under, SCAN_UNDER);
	default:
		return cursor_scan_back(cursor, &cursor->under, SCAN_BEFORE);
	}
}

/* Copies a row without its reserved words, which have no values. */
static inline void cursor_copy_row(struct stele_row *to, const struct stele_row *from)
{
	memcpy(to, from, offsetof(struct stele_row, reserved_));
}

/* Completes a step: `r` is the scan's result, and `row` its row. Places the cursor at `at_end` if
 * there is no row. Returns the result after the re-check. */
static int cursor_step(struct stele_cursor *cursor, int r, const struct stele_row *row,
                       enum cursor_place at_end, struct stele_row *ret)
{
	if (r == 1)
		cursor->row = row;
	else
		cursor_place(cursor, at_end);
	r = cursor_recheck(cursor, r);
	if (r == 1)
		cursor_copy_row(ret, row);
	return r;
}

/* Returns true if the row's key is in the cursor's range. */
static bool cursor_has(const struct stele_cursor *cursor, const struct stele_row *row)
{
	return cursor->under.bits == 0 ||
	       row_key_starts_with(row->key, row->key_bits, cursor->under.bytes,
	                           cursor->under.bits);
}

/* Takes the next rows from the scan, at most `room`, and fills `rows`. If the cursor's range is a
 * part of the table, takes only a batch, because those after the end of the range are taken in
 * vain. Returns the number of rows. */
static size_t cursor_take(struct stele_cursor *cursor, struct stele_row *rows, size_t room)
{
	size_t batch = cursor->under.bits == 0 || cursor->batch > room ? room : cursor->batch;
	struct stele_row *end = rows;

	if (cursor->after == 1)
		cursor->after = scan_next_many(&cursor->scan, rows, rows + batch, &end);
	/* The keys are in order, so after the first that is not in the range comes none that is. */
	while (end > rows && !cursor_has(cursor, end - 1)) {
		scan_end(&cursor->scan);
		cursor->after = 0;
		end--;
	}
	if (cursor->batch < CURSOR_BATCH)
		cursor->batch *= 2;
	return (size_t)(end - rows);
}

/* Takes the next batch into the cursor. Returns 1, or the result of the scan if there is no row. */
static int cursor_fill(struct stele_cursor *cursor)
{
	cursor->next = cursor->rows;
	cursor->end = cursor->rows + cursor_take(cursor, cursor->rows, cursor->batch);
	return cursor->end > cursor->rows ? 1 : cursor->after;
}

/* Slow path of stele_cursor_next(). */
static __attribute__((noinline)) int cursor_next_slow(struct stele_cursor *cursor,
                                                      struct stele_row *ret)
{
	int r = cursor->backward ? cursor_turn(cursor) : 0;

	if (r == 0)
		r = cursor->next < cursor->end ? 1 : cursor_fill(cursor);
	return cursor_step(cursor, r, r == 1 ? cursor->next++ : NULL, CURSOR_LAST, ret);
}

int stele_cursor_next(struct stele_cursor *cursor, struct stele_row *ret)
{
	const struct stele_row *row = cursor->next;

	if (row == cursor->end || cursor->reading.forks != fork_count() ||
	    !region_watch_holds(&cursor->watch))
		return cursor_next_slow(cursor, ret);
	cursor->next++;
	cursor->row = row;
	cursor_copy_row(ret, row);
	return 1;
}

int64_t stele_cursor_next_many(struct stele_cursor *cursor, struct stele_row *ret, size_t capacity)
{
	int rechecked, r = cursor->backward && capacity > 0 ? cursor_turn(cursor) : 0;
	size_t count = 0;

	if (r == 0) {
		while (count < capacity && cursor->next < cursor->end)
			cursor_copy_row(&ret[count++], cursor->next++);
		while (count < capacity && cursor->after == 1)
			count += cursor_take(cursor, ret + count, capacity - count);
		if (count == 0 && capacity > 0)
			r = cursor->after;
	}
	if (count > 0) {
		/* All rows of the batch before `next` were returned, so there is room. */
		cursor_copy_row(&cursor->rows[0], &ret[count - 1]);
		cursor->row = &cursor->rows[0];
	} else if (r < 0 || capacity > 0) {
		cursor_place(cursor, CURSOR_LAST);
	}
	rechecked = cursor_recheck(cursor, r);
	return rechecked < 0 ? rechecked : (int64_t)count;
}

int stele_cursor_previous(struct stele_cursor *cursor, struct stele_row *ret)
{
	int r = cursor->backward ? 0 : cursor_turn(cursor);
	struct row_parts row;

	if (r == 0)
		r = scan_previous(&cursor->scan, &row);
	if (r == 1)
		row_fill(&row, &cursor->rows[0]);
	if (r == 1 && !cursor_has(cursor, &cursor->rows[0])) {
		scan_end(&cursor->scan);
		r = 0;
	}
	return cursor_step(cursor, r, &cursor->rows[0], CURSOR_FIRST, ret);
}
