/* SPDX-License-Identifier: MIT
 *
 * Builds a trie from the bottom up, from rows that are in order, which is faster than putting them
 * one by one. Called by put_many.c. */
#ifndef PUBLISHER_TRIE_BUILD_H
#define PUBLISHER_TRIE_BUILD_H

#include "publisher/trie/edit.h"

/* Supplies row `index`. Rows come in the order of their keys, without duplicates, in their stored
 * form in private memory. Sets `*ret_shared` to the number of whole bytes that this row's key
 * shares with the next one, or to -1 for the last row. Returns 0, or an error that ends the
 * build. */
typedef int (*build_row_fn)(void *context, size_t index, struct row_parts *ret, int *ret_shared);

/* Builds a trie of `count` rows, at least one. Rows that follow each other in order are next to
 * each other in memory, and nodes have no spare capacity. Returns 0, or an error of object_alloc()
 * or of `row`, or -ENOMEM; after an error nothing of the trie is left. */
int build_trie(struct edit *edit, const struct row_layout *layout, size_t count, build_row_fn row,
               void *context, ref_t *ret);

#endif
