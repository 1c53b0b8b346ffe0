/* SPDX-License-Identifier: MIT
 *
 * The strict check of one node, for surveys of a region (lib/region/survey.h). Readers need only
 * the bounds checks of trie_node.h. This check also finds nodes that are safe to read, but that no
 * publisher writes. */
#ifndef LIB_TRIE_NODE_CHECK_H
#define LIB_TRIE_NODE_CHECK_H

#include "lib/trie/row.h"
#include "lib/trie/trie_node.h"

/* Checks one node of a table with this layout. Returns NULL if the node is sound, or a short
 * description of its fault, such as "its form is unknown". Follows no references: the caller
 * checks the objects that they lead to. Safe on any bytes. */
const char *node_fault(const struct view *view, const struct row_layout *layout,
                       const struct node *node);

#endif
