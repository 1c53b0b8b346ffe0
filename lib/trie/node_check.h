/* SPDX-License-Identifier: MIT
 * Whether a node is one that a publisher made: all that a check has to know of the format of
 * nodes. */
#ifndef LIB_TRIE_NODE_CHECK_H
#define LIB_TRIE_NODE_CHECK_H

#include "lib/trie/row.h"
#include "lib/trie/trie_node.h"

/* What is wrong with a node of a table of this shape, by itself, in a few words; NULL: nothing.
 * What its references lead to is the caller's to look at. Safe on any bytes. */
const char *node_fault(const struct view *view, const struct row_layout *layout,
                       const struct node *node);

#endif
