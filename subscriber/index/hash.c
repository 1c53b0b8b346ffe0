/* SPDX-License-Identifier: MIT
 *
 * Opens and moves a hash index. An open fills the table from a scan; a move applies the difference
 * of two versions. Both re-check the snapshot before the index may answer. */
#include "subscriber/index/hash_state.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/base/fork.h"
#include "subscriber/index/build.h"
#include "subscriber/index/lpm_memory.h"
#include "subscriber/snapshot.h"

/* How many rows wait at once for the cache lines of their buckets while a table is filled. */
#define WAITING 32u

/* Returns the hash of a row's key. Hashes a copy, because the key may change while it is read. */
static uint64_t hash_of_row(const struct stele_hash *hash, const struct row_parts *row)
{
	unsigned char key[STELE_KEY_MAX];

	data_copy_out(key, row->key, (row->key_bits + 7) / 8);
	return hash_of_key(hash->secrets, key, row->key_bits);
}

/* ---- building ---- */

/* Rows whose buckets are being prefetched. They are added to the table together. */
struct waiting {
	unsigned count;
	struct {
		uint64_t code;
		ref_t ref;
	} rows[WAITING];
};

/* Adds the waiting rows to the table. Returns 0, or -ENOSPC if the table is full. */
static int hash_add_waiting(struct stele_hash *hash, struct waiting *waiting)
{
	for (unsigned i = 0; i < waiting->count; i++)
		if (!hash_table_add(&hash->rows, waiting->rows[i].code, waiting->rows[i].ref))
			return -ENOSPC;
	waiting->count = 0;
	return 0;
}

/* Builds the hash table from a scan of the rows. Returns 0, -EBADMSG (also if the scan finds more
 * rows than the table's row count), or -ENOMEM. */
static int hash_build(struct stele_hash *hash)
{
	const struct table_words *words = table_words(&hash->table);
	struct scan *scan = &hash->walk.scan;
	struct waiting waiting = {0};
	struct row_parts row;
	int r;

	if (hash_table_init(&hash->rows, build_max_rows(&hash->view, words->rows)) < 0)
		return -ENOMEM;
	scan_start(scan, &hash->view, &words->layout, words->root);
	while ((r = scan_next_inline(scan, &row)) == 1) {
		unsigned i = waiting.count++;

		waiting.rows[i].code = hash_of_row(hash, &row);
		waiting.rows[i].ref = row_ref(&hash->view, &words->layout, &row);
		prefetch(hash_table_bucket(&hash->rows, waiting.rows[i].code));
		if (waiting.count == WAITING && hash_add_waiting(hash, &waiting) < 0)
			return -EBADMSG;
	}
	if (r == 0 && hash_add_waiting(hash, &waiting) < 0)
		r = -EBADMSG;
	return r;
}

/* Lets the index answer for the snapshot of its table (`complete`), or for no version. */
static void hash_set_complete(struct stele_hash *hash, bool complete)
{
	hash->complete = complete;
	hash->answers = complete ? hash->forks : UINT_MAX;
}

/* Sets the table that the index belongs to. The index must not answer before
 * hash_set_complete(). */
static void hash_set_table(struct stele_hash *hash, const struct stele_table *table)
{
	const struct row_layout *layout = &table_words(table)->layout;

	hash->table = *table;
	hash->view = table->snapshot->view;
	hash->plain = !layout->variable && layout->value_size < ROW_IN_GUARD;
	hash->wide = layout->wide;
	hash->plain_min_bits = hash->plain ? layout->min_bits : UINT_MAX;
	hash->plain_extra_bits = hash->plain ? (unsigned)(layout->max_bits - layout->min_bits) : 0;
	hash->length_at = (layout->variable ? 16 : 8) + layout->value_size;
}

/* Fills the secrets with random numbers. Returns 0, or an error with its message. */
static int hash_make_secrets(uint64_t secrets[HASH_SECRETS])
{
	unsigned char *to = (unsigned char *)secrets;
	size_t size = HASH_SECRETS * sizeof(*secrets), part;

	for (; size > 0; to += part, size -= part) {
		part = size < 256 ? size : 256; /* the maximum of one call of getentropy(3) */
		if (getentropy(to, part) < 0)
			return error_set(errno, "cannot get random numbers for a hash index: %s",
			                 strerror(errno));
	}
	return 0;
}

int stele_hash_open(const struct stele_table *table, struct stele_hash **ret)
{
	struct stele_hash *hash;
	int r = subscriber_check(table->snapshot->subscriber);

	if (r < 0)
		return r;
	hash = lpm_allocate(sizeof(*hash));
	if (!hash)
		return build_memory_error("a hash index");
	hash->forks = fork_count();
	hash->rows = (struct hash_table){0};
	r = hash_make_secrets(hash->secrets);
	if (r == 0) {
		hash_set_table(hash, table);
		r = build_result(table->snapshot, "a hash index", hash_build(hash));
	}
	if (r < 0) {
		hash_table_fini(&hash->rows);
		free(hash);
		return r;
	}
	hash_set_complete(hash, true);
	*ret = hash;
	return 0;
}

struct stele_hash *stele_hash_close(struct stele_hash *hash)
{
	if (!hash)
		return NULL;
	hash_table_fini(&hash->rows);
	free(hash);
	return NULL;
}

/* ---- moving ---- */

/* Applies one change: refs[0] is the row before it, refs[1] the row after it, 0 for none. Returns
 * 0, -EBADMSG, or -ENOSPC if the table is full. */
static int hash_apply_change(struct stele_hash *hash, const struct view *view, const ref_t refs[2])
{
	struct row_parts row;
	uint64_t code;

	if (row_parse_ref(view, &table_words(&hash->table)->layout, refs[refs[1] ? 1 : 0], &row) <
	    0)
		return -EBADMSG;
	code = hash_of_row(hash, &row);
	if (refs[0])
		return hash_table_replace(&hash->rows, code, refs[0], refs[1]) ? 0 : -EBADMSG;
	return hash_table_add(&hash->rows, code, refs[1]) ? 0 : -ENOSPC;
}

/* Applies all changes since the trie at `before`, which is in the same mapping. Returns 0,
 * -EBADMSG, or -ENOSPC if the table became too full; the caller then builds the index again. */
static int hash_apply_changes(struct stele_hash *hash, const struct view *old_view, ref_t before)
{
	const struct table_words *words = table_words(&hash->table);
	/* The longer view covers the objects of both versions. */
	struct view view = old_view->limit > hash->view.limit ? *old_view : hash->view;
	struct diff *diff = &hash->walk.diff;
	ref_t refs[2];
	int r;

	diff_start(diff, &view, &words->layout, before, words->root);
	while ((r = diff_next(diff, &refs[0], &refs[1])) == 1) {
		r = hash_apply_change(hash, &view, refs);
		if (r < 0)
			return r;
	}
	return r;
}

/* Returns true if a move to `table` can apply the difference: the rows of both versions are in one
 * mapping and have one layout, and the hash table suits the new number of rows. An alter that only
 * renames or deprecates columns keeps the layout. One that appends columns writes all rows again,
 * so the index is built again too. */
static bool hash_can_update(const struct stele_hash *hash, const struct stele_table *table)
{
	return hash->complete && hash->view.base == table->snapshot->view.base &&
	       row_layout_equal(&table_words(&hash->table)->layout, &table_words(table)->layout) &&
	       hash_table_suits(&hash->rows, table_words(table)->rows);
}

int stele_hash_move(struct stele_hash *hash, const struct stele_table *table)
{
	const struct stele_table before = hash->table;
	const struct view view = hash->view;
	int r = fork_check(hash->forks, "hash index");
	bool update;

	if (r == 0)
		r = subscriber_check(table->snapshot->subscriber);
	if (r < 0)
		return r;
	update = hash_can_update(hash, table);
	hash_set_table(hash, table);
	if (update) {
		r = hash_apply_changes(hash, &view, table_words(&before)->root);
		/* The difference is only valid if the old version was consistent until now. */
		update = r != -ENOSPC && snapshot_recheck(before.snapshot) == 0;
	}
	if (!update)
		r = hash_build(hash);
	r = build_result(table->snapshot, "a hash index", r);
	hash_set_complete(hash, r == 0);
	return r;
}

uint64_t stele_hash_version(const struct stele_hash *hash)
{
	return hash->complete ? hash->table.snapshot->version : 0;
}

size_t stele_hash_memory(const struct stele_hash *hash)
{
	return sizeof(*hash) + hash_table_memory(&hash->rows);
}
