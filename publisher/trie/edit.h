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
 *
 * Called by the tables, by build.c, and by the transaction for its record. */
#ifndef PUBLISHER_TRIE_EDIT_H
#define PUBLISHER_TRIE_EDIT_H

#include <stele/publisher.h>
#include "publisher/trie/object.h"

/* Returns `bytes`, or a pointer that is not NULL for no bytes: the caller may have given NULL
 * then, which the functions on memory do not take. */
static inline const void *edit_bytes(const void *bytes, size_t size)
{
	return size > 0 ? bytes : "";
}

/* Drops all objects at and below `root`; with `made_only` those that this transaction made, which
 * gives an aborted trie back. A trie has fewer nodes than rows: retired_reserve() twice the rows
 * first, but for made_only. */
void edit_drop_tree(struct edit *edit, const struct row_layout *layout, ref_t root, bool made_only);

/* Asks whether a row that is there must not be put again. */
typedef bool edit_refuse_fn(void *context, ref_t row);

#define EDIT_REFUSED 3

/* Puts a row, whose pointers are not NULL. Returns 1 if it was added, 2 if it replaced another
 * value, 0 if it was there with this value; in each case `*ret` is the row and `*ret_touched` says
 * that the row before it was this transaction's own. Or EDIT_REFUSED if `refuses`, which may be
 * NULL, is true of the row that is there; or -ENOSPC, -ENOMEM: then the trie has the contents it
 * had. */
int edit_put_unless(struct edit *edit, const struct row_layout *layout, ref_t *root,
                    const struct stele_row_ref *row, edit_refuse_fn *refuses, void *context,
                    ref_t *ret, bool *ret_touched);

/* Puts a row, whatever is there. Errors as of edit_put_unless(). */
static inline int edit_put(struct edit *edit, const struct row_layout *layout, ref_t *root,
                           const void *key, unsigned bits, const void *value, size_t size,
                           ref_t *ret, bool *ret_touched)
{
	struct stele_row_ref row = {edit_bytes(key, bits), bits, edit_bytes(value, size), size};

	return edit_put_unless(edit, layout, root, &row, NULL, NULL, ret, ret_touched);
}

/* Deletes a row: 1, 0 (there was none), or an error likewise. */
int edit_delete(struct edit *edit, const struct row_layout *layout, ref_t *root, const void *key,
                unsigned bits, bool *ret_touched);

/* Writes a row in its stored form, of row_size() bytes; `at` is aligned to 8. The row may be of no
 * bytes, but its pointers are not NULL. */
void edit_store_row(unsigned char *at, uint64_t version, const struct row_layout *layout,
                    const struct stele_row_ref *row);

/* Copies a row in that form into the arena; nothing refers to it yet. 0, -ENOSPC, -ENOMEM. */
int edit_copy_row(struct edit *edit, const unsigned char *stored, size_t size, ref_t *ret);

/* Writes a blob: its bytes, or all but these, which the caller writes at `*ret_bytes`, aligned to
 * 8. */
int edit_blob(struct edit *edit, const void *bytes, size_t size, ref_t *ret);
int edit_blob_empty(struct edit *edit, size_t size, ref_t *ret, unsigned char **ret_bytes);

#endif
