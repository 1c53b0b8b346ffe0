/* SPDX-License-Identifier: MIT
 * Making and changing single nodes of a trie. */
#ifndef PUBLISHER_TRIE_NODE_H
#define PUBLISHER_TRIE_NODE_H

#include "publisher/trie/edit.h"

/* A node taken apart, in private memory. */
struct node_builder {
	uint64_t children[4];
	uint64_t prefixes[4]; /* also for a key that ends at the node: bit 1 */
	unsigned skip;
	unsigned count; /* of refs: children first, then prefixes */
	unsigned char skipped[NODE_SKIP_MASK + 1];
	ref_t refs[256 + 256];
};

void image_load(struct node_builder *image, const struct node *node);

/* Puts a reference at a place that is free; takes away what is at a place. */
void image_add(struct node_builder *image, unsigned place, ref_t ref);
void image_remove(struct node_builder *image, unsigned place);

/* Writes a new node: 0, -ENOSPC or -ENOMEM. */
int image_store(struct edit *edit, const struct node_builder *image, ref_t *ret);

/* Adds or removes a reference in a node of this transaction's own, in place or by making another:
 * `*ref` is then the new one, and the old one is dropped. */
int node_add(struct edit *edit, ref_t *ref, unsigned place, ref_t child);
int node_remove(struct edit *edit, ref_t *ref, unsigned place);

/* A node of the publisher's own memory. */
static inline struct node edit_node(const struct edit *edit, ref_t ref)
{
	return node_at(arena_at(edit->arena, ref));
}

#endif
