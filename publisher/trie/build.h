/* SPDX-License-Identifier: MIT
 * A trie made at once, of rows that are in order. Called by put_many.c. */
#ifndef PUBLISHER_TRIE_BUILD_H
#define PUBLISHER_TRIE_BUILD_H

#include "publisher/trie/edit.h"

/* What gives the rows: in the order of their keys, no two with the same, in their stored form in
 * private memory. `*ret_shared`: the whole bytes that the key and the next one share, -1 after the
 * last. */
typedef void (*build_row_fn)(void *context, size_t index, struct row_parts *ret, int *ret_shared);

/* Makes a trie of `count` rows, one at least. Rows that follow each other lie next to each other,
 * and nodes have no more room than they need. 0, -ENOSPC or -ENOMEM; then nothing is left of it. */
int build_trie(struct edit *edit, const struct row_layout *layout, size_t count, build_row_fn row,
               void *context, ref_t *ret);

#endif
