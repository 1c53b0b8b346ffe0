/* SPDX-License-Identifier: MIT
 * Opening and moving a hash index. It is filled from a scan, and moved by a difference; what these
 * read is judged before the index answers. */
#include "subscriber/index/hash_state.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/base/fork.h"
#include "subscriber/index/build.h"
#include "subscriber/index/index_memory.h"
#include "subscriber/snapshot.h"

/* How many rows wait for the lines of their buckets at once when a table is filled. */
#define WAITING 32u

/* The hash of a row's key, of a copy: it may change while it is read. */
static uint64_t hash_of_row(const struct stele_hash *hash, const struct row_parts *row)
{
	unsigned char key[STELE_KEY_MAX];

	data_copy_out(key, row->key, (row->key_bits + 7) / 8);
	return hash_of_key(hash->secrets, key, row->key_bits);
}

/* ---- building ---- */

/* Rows on their way into the table. */
struct waiting {
	unsigned count;
	struct {
		uint64_t code;
		ref_t ref;
	} rows[WAITING];
};

/* Has what waits in the table. 0, or -ENOSPC. */
static int hash_add_waiting(struct stele_hash *hash, struct waiting *waiting)
{
	for (unsigned i = 0; i < waiting->count; i++)
		if (!hash_table_add(&hash->rows, waiting->rows[i].code, waiting->rows[i].ref))
			return -ENOSPC;
	waiting->count = 0;
	return 0;
}

/* Fills an empty table. 0, -EBADMSG (also: there are more rows than the table is said to have),
 * -ENOMEM. */
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

/* Has the hash answer for the snapshot of its table, or for nothing. */
static void hash_set_complete(struct stele_hash *hash, bool complete)
{
	hash->complete = complete;
	hash->answers = complete ? hash->forks : UINT_MAX;
}

/* Has it be of a table, for which it does not answer yet. */
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

static int hash_make_secrets(uint64_t secrets[HASH_SECRETS])
{
	unsigned char *to = (unsigned char *)secrets;
	size_t size = HASH_SECRETS * sizeof(*secrets), part;

	for (; size > 0; to += part, size -= part) {
		part = size < 256 ? size : 256; /* no more in one call */
		if (getentropy(to, part) < 0)
			return error_set(errno, "cannot have random numbers for a hash index: %s",
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
	hash = index_allocate(sizeof(*hash));
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

/* Takes over one difference. 0, -EBADMSG, or -ENOSPC. */
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

/* Takes over what is another since the trie at `before`, which is in the same mapping. 0; -EBADMSG;
 * or -ENOSPC: the table is too full. */
static int hash_apply_changes(struct stele_hash *hash, const struct view *old_view, ref_t before)
{
	const struct table_words *words = table_words(&hash->table);
	/* The longer view reaches all that both do. */
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

/* True where rows of both tables can be compared, as they are in one mapping and of one schema, and
 * there is room for those of the second. */
static bool hash_can_update(const struct stele_hash *hash, const struct stele_table *table)
{
	return hash->complete && hash->view.base == table->snapshot->view.base &&
	       table_words(&hash->table)->schema == table_words(table)->schema &&
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
		/* What was compared with must have been whole until now. */
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
