/* SPDX-License-Identifier: MIT
 *
 * Exact lookup and longest-prefix match of one key, for subscribers and publishers. `key` always
 * points to the caller's own memory, not into the region. view.h says which checks the functions
 * make, and why.
 */
#ifndef LIB_TRIE_TRIE_H
#define LIB_TRIE_TRIE_H

#include "lib/trie/row.h"
#include "lib/trie/trie_node.h"

/* Looks up a key that row_layout_takes_key() accepts. Returns 1 and fills `*ret`, 0 if there is no
 * such row, or -EBADMSG. The contents of `*ret` are undefined unless 1 is returned. */
int trie_get(const struct view *view, const struct row_layout *layout, ref_t root,
             const unsigned char *key, unsigned bits, struct row_parts *ret);

/* Finds the longest-prefix match of `key`: the row with the longest key that `key` starts with.
 * Returns 1 and fills `*ret`, 0 if there is none, or -EBADMSG. */
int trie_match(const struct view *view, const struct row_layout *layout, ref_t root,
               const unsigned char *key, unsigned bits, struct row_parts *ret);

/* Finds the longest prefix in a node that matches the next byte of a key: one step of trie_match().
 * `rest` is the number of bits left in the key, and `byte` holds the first of them. Returns the
 * index among the node's references, or -1. */
int trie_longest_prefix(const struct node *node, unsigned byte, unsigned rest);

#endif
