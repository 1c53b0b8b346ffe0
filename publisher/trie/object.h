/* SPDX-License-Identifier: MIT
 *
 * The objects (nodes, rows and blobs) of the version that a transaction makes: allocating an
 * object, dropping it, and finding out whether this transaction made it. edit.c, node.c and build.c
 * are built on these functions; the tables and the transaction use them to drop blobs.
 */
#ifndef PUBLISHER_TRIE_OBJECT_H
#define PUBLISHER_TRIE_OBJECT_H

#include "lib/trie/row.h"
#include "publisher/memory/arena.h"
#include "publisher/memory/retired.h"

/* The state of a transaction's changes to tries. */
struct edit {
	struct arena *arena;
	/* The version that the transaction makes. */
	uint64_t version;
	/* Objects of older versions that this transaction replaced. */
	struct retired_list retired;
	/* Called when the arena is full. Returns true if there may be free memory now. */
	bool (*free_memory)(void *context);
	void *context;
};

/* Allocates an object. Returns 0, -ENOSPC, -ENOMEM, or an error of growing the data file.
 * object_alloc_slow() is the slow path. */
int object_alloc_slow(struct edit *edit, size_t size, ref_t *ret);
static inline int object_alloc(struct edit *edit, size_t size, ref_t *ret)
{
	return arena_take_spare(edit->arena, size, ret) ? 0 : object_alloc_slow(edit, size, ret);
}

/* Returns the first word of an object. */
static inline uint64_t object_first(const struct edit *edit, ref_t ref)
{
	return *(const uint64_t *)(const void *)arena_at(edit->arena, ref);
}

/* Drops an object from the version being made: frees the object if this transaction made it, and
 * retires it otherwise. Requires retired_reserve(). */
static inline void object_drop(struct edit *edit, ref_t ref, size_t size)
{
	uint64_t made = object_first(edit, ref) & ~LAYOUT_NODE;

	if (made == edit->version)
		arena_free(edit->arena, ref, size);
	else
		edit->retired.entries[edit->retired.count++] =
			(struct retired){ref, (uint32_t)size, made};
}

/* Returns true if this transaction made the object. */
static inline bool object_made(const struct edit *edit, ref_t ref)
{
	return (object_first(edit, ref) & ~LAYOUT_NODE) == edit->version;
}

/* Returns the size of a node, of a row of `layout`, or, if `layout` is NULL, of a blob. For the
 * publisher's own objects, which are consistent. */
size_t object_size(const struct edit *edit, const struct row_layout *layout, ref_t ref);

/* Returns true if an object is a node. */
static inline bool object_is_node(const struct edit *edit, ref_t ref)
{
	return object_first(edit, ref) & LAYOUT_NODE;
}

/* Returns the node at `ref`, which is the publisher's own and therefore consistent. */
static inline struct node object_node(const struct edit *edit, ref_t ref)
{
	return node_at(arena_at(edit->arena, ref));
}

#endif
