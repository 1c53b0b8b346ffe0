/* SPDX-License-Identifier: MIT
 *
 * Changes tries, copy-on-write. A node that a published version reaches is never written: a change
 * copies the nodes on the path to it. A node that this transaction made itself (its first word
 * holds the version being made) is changed in place; only other nodes of this transaction refer to
 * it.
 *
 * A reader without a pin may still read such a node's memory, which belonged to another version
 * before. That reader discards what it read. Therefore every store here is a data_store, but the
 * stores may come in any order.
 *
 * Called by the tables, by build.c, and by the transaction for its record. */
#ifndef PUBLISHER_TRIE_EDIT_H
#define PUBLISHER_TRIE_EDIT_H

#include <stele/publisher.h>
#include "publisher/trie/object.h"

/* Returns `bytes`, or a valid pointer if `size` is 0: then `bytes` may be NULL, but memcpy() and
 * similar functions do not accept NULL. */
static inline const void *edit_bytes(const void *bytes, size_t size)
{
	return size > 0 ? bytes : "";
}

/* Drops all objects of the trie at `root`, or, with `made_only`, those that this transaction made,
 * to undo an aborted transaction. Without `made_only` requires retired_reserve() for twice the
 * number of rows, as a trie has fewer nodes than rows. */
void edit_drop_tree(struct edit *edit, const struct row_layout *layout, ref_t root, bool made_only);

/* Returns true if the existing row must not be put again. */
typedef bool edit_refuse_fn(void *context, ref_t row);

/* A result of edit_put_unless(): `refuses` returned true. */
#define EDIT_REFUSED 3

/* Puts a row. The pointers in `row` must not be NULL. Returns 1 if the row was added, 2 if it
 * replaced another value, or 0 if it existed with this value. In each case sets `*ret` to the row,
 * and `*ret_touched` to whether this transaction had made the row that was there before. Returns
 * EDIT_REFUSED if the key has a row and `refuses` returns true for that row; `refuses` may be NULL.
 * Errors: those of object_alloc(), and -EBADMSG (the file was truncated); after an error the
 * contents of the trie are unchanged. */
int edit_put_unless(struct edit *edit, const struct row_layout *layout, ref_t *root,
                    const struct stele_row_ref *row, edit_refuse_fn *refuses, void *context,
                    ref_t *ret, bool *ret_touched);

/* Puts a row unconditionally. Returns and errors are those of edit_put_unless(). */
static inline int edit_put(struct edit *edit, const struct row_layout *layout, ref_t *root,
                           const void *key, unsigned bits, const void *value, size_t size,
                           ref_t *ret, bool *ret_touched)
{
	struct stele_row_ref row = {edit_bytes(key, bits), bits, edit_bytes(value, size), size};

	return edit_put_unless(edit, layout, root, &row, NULL, NULL, ret, ret_touched);
}

/* Deletes a row. Returns 1 and sets `*ret_touched` to whether this transaction had made the row, or
 * returns 0 if there was no such row. Errors are those of edit_put_unless(). */
int edit_delete(struct edit *edit, const struct row_layout *layout, ref_t *root, const void *key,
                unsigned bits, bool *ret_touched);

/* Writes a row in its stored form, which takes row_size() bytes, to `at`, which is aligned to 8.
 * Key and value may be empty, but their pointers are not NULL. */
void edit_store_row(unsigned char *at, uint64_t version, const struct row_layout *layout,
                    const struct stele_row_ref *row);

/* Copies a row in its stored form into the arena. No node refers to the copy yet. Errors are those
 * of object_alloc(). */
int edit_copy_row(struct edit *edit, const unsigned char *stored, size_t size, ref_t *ret);

/* Writes a blob with these bytes. Errors are those of object_alloc(). */
int edit_blob(struct edit *edit, const void *bytes, size_t size, ref_t *ret);
/* Writes a blob without its bytes, which the caller writes to `*ret_bytes` (aligned to 8). Errors
 * are those of object_alloc(). */
int edit_blob_empty(struct edit *edit, size_t size, ref_t *ret, unsigned char **ret_bytes);

#endif
