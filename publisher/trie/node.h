/* SPDX-License-Identifier: MIT
 *
 * Creates and changes single nodes of a trie. Called by edit.c and build.c. */
#ifndef PUBLISHER_TRIE_NODE_H
#define PUBLISHER_TRIE_NODE_H

#include "publisher/trie/object.h"

/* A node in private memory, in a form that is easy to change. */
struct node_builder {
	/* Bitmap of the bytes that have a child. */
	uint64_t children[4];
	/* The bitmap of prefixes. Bit 1 also stands for a key that ends at the node. */
	uint64_t prefixes[4];
	/* Number of skipped bytes. */
	unsigned skip;
	/* Number of refs. The children come first, then the prefixes. */
	unsigned count;
	unsigned char skipped[NODE_SKIP_MASK + 1];
	ref_t refs[256 + 256];
};

/* Initialises a node without references. The caller fills in the `skip` skipped bytes. */
void node_builder_init(struct node_builder *builder, unsigned skip);

/* Loads a node of the arena into a builder. */
void node_builder_load(struct node_builder *builder, const struct node *node);

/* Adds a reference at a free place, or removes the reference at a place. */
void node_builder_add(struct node_builder *builder, unsigned place, ref_t ref);
void node_builder_remove(struct node_builder *builder, unsigned place);

/* Writes a new node into the arena. Returns 0 or an error of object_alloc(). */
int node_builder_store(struct edit *edit, const struct node_builder *builder, ref_t *ret);

/* Adds a reference to a node that this transaction made, or removes one from it. Changes the node
 * in place, or replaces it by another node: then drops the old one and sets `*ref` to the new one.
 * Returns 0 or an error of object_alloc(). */
int node_add(struct edit *edit, ref_t *ref, unsigned place, ref_t child);
int node_remove(struct edit *edit, ref_t *ref, unsigned place);

#endif
