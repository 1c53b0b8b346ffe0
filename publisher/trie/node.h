/* SPDX-License-Identifier: MIT
 * Making and changing single nodes of a trie. Called by edit.c and build.c. */
#ifndef PUBLISHER_TRIE_NODE_H
#define PUBLISHER_TRIE_NODE_H

#include "publisher/trie/object.h"

/* A node taken apart, in private memory. */
struct node_builder {
	uint64_t children[4];
	uint64_t prefixes[4]; /* also for a key that ends at the node: bit 1 */
	unsigned skip;
	unsigned count; /* of refs: children first, then prefixes */
	unsigned char skipped[NODE_SKIP_MASK + 1];
	ref_t refs[256 + 256];
};

/* Starts a node without references, whose skipped bytes are still to be filled in. */
void node_builder_init(struct node_builder *builder, unsigned skip);

/* Takes a node apart. */
void node_builder_load(struct node_builder *builder, const struct node *node);

/* Puts a reference at a place that is free; takes away what is at a place. */
void node_builder_add(struct node_builder *builder, unsigned place, ref_t ref);
void node_builder_remove(struct node_builder *builder, unsigned place);

/* Writes a new node: 0, -ENOSPC or -ENOMEM. */
int node_builder_store(struct edit *edit, const struct node_builder *builder, ref_t *ret);

/* Adds or removes a reference in a node of this transaction's own, in place or by making another:
 * `*ref` is then the new one, and the old one is dropped. */
int node_add(struct edit *edit, ref_t *ref, unsigned place, ref_t child);
int node_remove(struct edit *edit, ref_t *ref, unsigned place);

#endif
