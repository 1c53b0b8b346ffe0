/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"
#include "subscriber.h"

struct stele_cursor {
	struct stele_table table;
	struct scan scan;
	unsigned under_bits; /* rows must start with these bits */
	unsigned char under[STELE_KEY_MAX];
};

static int cursor_check(const struct stele_cursor *cursor)
{
	return subscriber_check(cursor->table.snapshot->subscriber);
}

int stele_cursor_open(const struct stele_table *table, struct stele_cursor **ret)
{
	struct stele_cursor *cursor;
	int r = subscriber_check(table->snapshot->subscriber);

	if (r < 0)
		return r;
	cursor = malloc(sizeof(*cursor));
	if (!cursor)
		return error_set(ENOMEM, "no memory for a cursor");
	cursor->table = *table;
	cursor->under_bits = 0;
	scan_start(&cursor->scan, &table->snapshot->view, &table_words(&cursor->table)->shape,
	           table_words(table)->root);
	*ret = cursor;
	return 0;
}

struct stele_cursor *stele_cursor_close(struct stele_cursor *cursor)
{
	free(cursor);
	return NULL;
}

static int seek(struct stele_cursor *cursor, const void *key, unsigned key_bits)
{
	const struct table_words *words = table_words(&cursor->table);
	const struct stele_snapshot *snapshot = cursor->table.snapshot;
	int r = scan_seek(&cursor->scan, &snapshot->view, &words->shape, words->root, key,
	                  key_bits);

	return snapshot_result(snapshot, r);
}

int stele_cursor_seek(struct stele_cursor *cursor, const void *key, unsigned key_bits)
{
	int r = cursor_check(cursor);

	if (r == 0 && key_bits > STELE_KEY_MAX * 8)
		r = error_set(EINVAL, "a key of %u bits; the longest has %u", key_bits,
		              STELE_KEY_MAX * 8);
	return r < 0 ? r : seek(cursor, key, key_bits);
}

int stele_cursor_under(struct stele_cursor *cursor, const void *key, unsigned key_bits)
{
	int r = cursor_check(cursor);

	if (r == 0 && key_bits > STELE_KEY_MAX * 8)
		r = error_set(EINVAL, "a prefix of %u bits; the longest key has %u", key_bits,
		              STELE_KEY_MAX * 8);
	if (r < 0)
		return r;
	memset(cursor->under, 0, sizeof(cursor->under));
	if (key_bits > 0)
		memcpy(cursor->under, key, (key_bits + 7) / 8);
	if (key_bits % 8 != 0)
		cursor->under[key_bits / 8] &= (unsigned char)(0xff00u >> key_bits % 8);
	cursor->under_bits = key_bits;
	return seek(cursor, cursor->under, key_bits);
}

static bool is_under(const struct stele_cursor *cursor, const struct row_parts *row)
{
	unsigned bits = cursor->under_bits, rest = bits % 8;

	if (row->key_bits < bits || !data_equal(row->key, cursor->under, bits / 8))
		return false;
	return rest == 0 || ((data_load_byte(row->key + bits / 8) ^ cursor->under[bits / 8]) &
	                     0xff00u >> rest & 0xffu) == 0;
}

int stele_cursor_next(struct stele_cursor *cursor, struct stele_row *ret)
{
	const struct stele_snapshot *snapshot = cursor->table.snapshot;
	struct stele_row filled;
	struct row_parts row;
	ref_t ref;
	int r = cursor_check(cursor);

	if (r < 0)
		return r;
	r = scan_next(&cursor->scan, &ref);
	if (r == 1 && row_parts(&snapshot->view, cursor->scan.shape, ref, &row) < 0)
		r = -EBADMSG;
	if (r == 1 && cursor->under_bits > 0 && !is_under(cursor, &row)) {
		/* Keys are in order: none that follows is under it. */
		cursor->scan.top = 0;
		r = 0;
	}
	if (r == 1)
		row_fill(&snapshot->view, ref, &row, &filled);
	r = snapshot_result(snapshot, r);
	if (r == 1)
		*ret = filled;
	return r;
}
