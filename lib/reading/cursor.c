/* SPDX-License-Identifier: MIT
 *
 * Cursors: an ordered scan of a table, optionally limited to keys with a common start. A scan is
 * re-checked after every step, so a cursor never returns a row of a lost version.
 *
 * A cursor stands between two rows. A scan goes in one direction only, so a cursor that turns seeks
 * its place again. */
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

struct stele_cursor {
	struct reading reading;
	struct scan scan;
	bool backward; /* the direction of `scan` */
	/* The row that the scan returned last: the cursor stands after it, or before it if the scan
	 * goes backward. If row.key is NULL, the cursor stands at `place`. */
	struct row_parts row;
	enum cursor_place place;
	/* The cursor returns only rows whose keys start with this. */
	struct key_start under;
	/* The key of the last seek. */
	struct key_start sought;
};

static inline void cursor_place(struct stele_cursor *cursor, enum cursor_place place)
{
	cursor->row.key = NULL;
	cursor->place = place;
}

int cursor_open(const struct reading *reading, struct stele_cursor **ret)
{
	struct stele_cursor *cursor = malloc(sizeof(*cursor));

	if (!cursor)
		return error_set(ENOMEM, "no memory for a cursor");
	cursor->reading = *reading;
	cursor_place(cursor, CURSOR_FIRST);
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
	return scan_seek(&cursor->scan, &reading->view, &reading->layout, reading->root,
	                 start->bytes, start->bits);
}

/* Starts a scan backward. */
static int cursor_scan_back(struct stele_cursor *cursor, const struct key_start *start,
                            enum scan_edge edge)
{
	const struct reading *reading = &cursor->reading;

	cursor->backward = true;
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
	scan_end(&cursor->scan);
	return 0;
}

/* Starts a scan from the cursor's place in the other direction. */
static int cursor_turn(struct stele_cursor *cursor)
{
	struct key_start row;

	if (cursor->row.key) {
		row.bits = cursor->row.key_bits;
		data_copy_out(row.bytes, cursor->row.key, (row.bits + 7) / 8);
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

/* Completes a step: `r` is the scan's result, and cursor->row its row. Places the cursor at
 * `at_end` if there is no row. Returns the result after the re-check. */
static inline int cursor_step(struct stele_cursor *cursor, int r, enum cursor_place at_end,
                              struct stele_row *ret)
{
	if (r == 1 && !key_start_has(&cursor->under, &cursor->row)) {
		/* The keys are in order, so no later one starts with `under` either. */
		scan_end(&cursor->scan);
		r = 0;
	}
	if (r != 1)
		cursor_place(cursor, at_end);
	r = cursor_recheck(cursor, r);
	if (r == 1)
		row_fill(&cursor->row, ret);
	return r;
}

int stele_cursor_next(struct stele_cursor *cursor, struct stele_row *ret)
{
	int r = cursor->backward ? cursor_turn(cursor) : 0;

	if (r == 0)
		r = scan_next_inline(&cursor->scan, &cursor->row);
	return cursor_step(cursor, r, CURSOR_LAST, ret);
}

int stele_cursor_previous(struct stele_cursor *cursor, struct stele_row *ret)
{
	int r = cursor->backward ? 0 : cursor_turn(cursor);

	if (r == 0)
		r = scan_previous(&cursor->scan, &cursor->row);
	return cursor_step(cursor, r, CURSOR_FIRST, ret);
}
