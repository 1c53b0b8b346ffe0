/* SPDX-License-Identifier: MIT
 *
 * Cursors: an ordered scan of a table, optionally limited to keys with a common start. A scan is
 * re-checked after every step, so a cursor never returns a row of a lost version. */
#include "lib/reading/cursor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/reading/key_start.h"
#include "lib/trie/scan.h"

struct stele_cursor {
	struct reading reading;
	struct scan scan;
	/* The cursor returns only rows whose keys start with this. */
	struct key_start under;
};

int cursor_open(const struct reading *reading, struct stele_cursor **ret)
{
	struct stele_cursor *cursor = malloc(sizeof(*cursor));

	if (!cursor)
		return error_set(ENOMEM, "no memory for a cursor");
	cursor->reading = *reading;
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

/* Moves the scan to the first row whose key is not less than `start`. */
static int cursor_seek(struct stele_cursor *cursor, const struct key_start *start)
{
	const struct reading *reading = &cursor->reading;

	return cursor_recheck(cursor, scan_seek(&cursor->scan, &reading->view, &reading->layout,
	                                        reading->root, start->bytes, start->bits));
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
	struct key_start start;
	int order, r = cursor_check(cursor);

	if (r == 0)
		r = key_start_set(&start, key, key_bits);
	if (r < 0)
		return r;
	/* Move only to rows under the cursor's limit: a row before them would end the cursor. */
	order = cursor_compare_under(&start, &cursor->under);
	if (order < 0)
		return cursor_seek(cursor, &cursor->under);
	if (order == 0)
		return cursor_seek(cursor, &start);
	scan_end(&cursor->scan);
	return 0;
}

int stele_cursor_under(struct stele_cursor *cursor, const void *key, unsigned key_bits)
{
	int r = cursor_check(cursor);

	if (r == 0)
		r = key_start_set(&cursor->under, key, key_bits);
	return r < 0 ? r : cursor_seek(cursor, &cursor->under);
}

int stele_cursor_next(struct stele_cursor *cursor, struct stele_row *ret)
{
	struct row_parts row = {0};
	int r = scan_next_inline(&cursor->scan, &row);

	if (r == 1 && !key_start_has(&cursor->under, &row)) {
		/* The keys are in order, so no later one starts with `under` either. */
		scan_end(&cursor->scan);
		r = 0;
	}
	r = cursor_recheck(cursor, r);
	if (r == 1)
		row_fill(&row, ret);
	return r;
}
