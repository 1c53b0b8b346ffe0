/* SPDX-License-Identifier: MIT
 *
 * Changing tries, copy-on-write. Nodes that a published version reaches are never touched: a change
 * copies the path to them. Nodes that this transaction made itself (their first word has the
 * version being made) are changed in place; such a node is only ever reached through others of its
 * kind.
 *
 * Readers without a pin may be looking at the memory of such a node, which was another version's
 * before. They will throw away what they find; so all stores here are data_store, and any order of
 * them will do.
 */
#ifndef PUBLISHER_TRIE_EDIT_H
#define PUBLISHER_TRIE_EDIT_H

#include <stele/publisher.h>
#include "publisher/memory/arena.h"
#include "lib/trie/trie.h"

/* An object that a newer version no longer reaches. */
struct retired {
	ref_t ref;
	uint32_t size;
	uint64_t made; /* the oldest version that reaches it */
};

/* Grows as needed; the order is that of retiring. */
struct retired_list {
	struct retired *entries;
	size_t count, room;
};

struct edit {
	struct arena *arena;
	uint64_t version; /* being made */
	struct retired_list retired;
	/* Called when the arena has no room: true if there is some now. */
	bool (*make_room)(void *context);
	void *context;
};

/* Makes sure that `more` objects can be retired without memory being asked for. */
int retired_grow(struct retired_list *list, size_t more);
static inline int retired_reserve(struct retired_list *list, size_t more)
{
	return list->count + more <= list->room ? 0 : retired_grow(list, more);
}

/* Room for an object: 0, -ENOSPC, -ENOMEM. The first is its slower part. */
int edit_alloc_slow(struct edit *edit, size_t size, ref_t *ret);
static inline int edit_alloc(struct edit *edit, size_t size, ref_t *ret)
{
	return arena_take_spare(edit->arena, size, ret) ? 0 : edit_alloc_slow(edit, size, ret);
}

/* Drops an object from the version being made: frees it if this transaction made it, else retires
 * it. retired_reserve() comes first. */
static inline void edit_drop(struct edit *edit, ref_t ref, size_t size)
{
	uint64_t made = *(const uint64_t *)(const void *)arena_at(edit->arena, ref) & ~LAYOUT_NODE;

	if (made == edit->version)
		arena_free(edit->arena, ref, size);
	else
		edit->retired.entries[edit->retired.count++] =
			(struct retired){ref, (uint32_t)size, made};
}

/* The size of a node, a row of `shape`, or (NULL) a blob. For objects of the publisher's own, which
 * hold together. */
size_t edit_object_size(const struct edit *edit, const struct row_layout *shape, ref_t ref);

/* True if this transaction made the object. */
static inline bool edit_made(const struct edit *edit, ref_t ref)
{
	return (*(const uint64_t *)(const void *)arena_at(edit->arena, ref) & ~LAYOUT_NODE) ==
	       edit->version;
}

/* Drops all objects at and below `root`; with `made_only` those that this transaction made, which
 * gives an aborted trie back. A trie has fewer nodes than rows: retired_reserve() twice the rows
 * first, but for made_only. */
void edit_drop_tree(struct edit *edit, const struct row_layout *shape, ref_t root, bool made_only);

/* Puts a row. Returns 1 if it was added, 2 if it replaced another value, 0 if it was there with
 * this value; in each case `*ret` is the row and `*ret_touched` says that the row before it was
 * this transaction's own. Or -ENOSPC, -ENOMEM: then the trie has the contents it had. */
int edit_put(struct edit *edit, const struct row_layout *shape, ref_t *root, const void *key,
             unsigned bits, const void *value, size_t size, ref_t *ret, bool *ret_touched);

/* Deletes a row: 1, 0 (there was none), or an error likewise. */
int edit_delete(struct edit *edit, const struct row_layout *shape, ref_t *root, const void *key,
                unsigned bits, bool *ret_touched);

/* Writes a row in its stored form, of row_size() bytes; `at` is aligned to 8. The row may be of no bytes,
 * but its pointers are not NULL. */
void row_store(unsigned char *at, uint64_t version, const struct row_layout *shape,
               const struct stele_row_ref *row);

/* Copies a row in that form into the arena; nothing refers to it yet. 0, -ENOSPC, -ENOMEM. */
int edit_row(struct edit *edit, const unsigned char *stored, size_t size, ref_t *ret);

/* Writes a blob: its bytes, or all but these, which the caller writes at `*ret_bytes`, aligned to 8. */
int edit_blob(struct edit *edit, const void *bytes, size_t size, ref_t *ret);
int edit_blob_empty(struct edit *edit, size_t size, ref_t *ret, unsigned char **ret_bytes);
static inline size_t blob_size(size_t bytes)
{
	return (16 + bytes + 7) & ~(size_t)7;
}

#endif
