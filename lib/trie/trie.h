/* SPDX-License-Identifier: MIT
 *
 * Lookups in a trie: of one key, and the longest-prefix match. view.h says what readers check and
 * why. `key` is the caller's own memory.
 */
#ifndef LIB_TRIE_TRIE_H
#define LIB_TRIE_TRIE_H

#include "lib/trie/row.h"
#include "lib/trie/trie_node.h"

/* Looks up a key, which the layout takes. Returns 1 and `*ret`, 0 if there is no such row, or
 * -EBADMSG. Writes into `*ret` in any case. */
int trie_get(const struct view *view, const struct row_layout *layout, ref_t root,
             const unsigned char *key, unsigned bits, struct row_parts *ret);

/* Looks up the row with the longest key that `key` starts with. Returns 1 and `*ret`, 0 if there is
 * none, or -EBADMSG. */
int trie_match(const struct view *view, const struct row_layout *layout, ref_t root,
               const unsigned char *key, unsigned bits, struct row_parts *ret);

/* A step of trie_match(): finds the longest prefix inside a node that the next byte of a key starts
 * with. Returns its index among the references, or -1. `rest` bits of the key are left, of which
 * `byte` holds the first. */
int trie_longest_prefix(const struct node *node, unsigned byte, unsigned rest);

#endif
