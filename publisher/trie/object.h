/* SPDX-License-Identifier: MIT
 *
 * The objects (nodes, rows and blobs) of the version that a transaction makes: allocating one,
 * dropping one, and asking who made it. The base of edit.c, node.c and build.c; the tables and the
 * transaction drop blobs with it.
 *
 * No function of this folder sets the error message: errors are a negative errno alone, and the
 * tables say what could not be changed. */
#ifndef PUBLISHER_TRIE_OBJECT_H
#define PUBLISHER_TRIE_OBJECT_H

#include "lib/trie/row.h"
#include "publisher/memory/arena.h"
#include "publisher/memory/retired.h"

struct edit {
	struct arena *arena;
	uint64_t version; /* being made */
	struct retired_list retired;
	/* Called when the arena is full: true if it has free memory now. */
	bool (*free_memory)(void *context);
	void *context;
};

/* Allocates an object: 0, -ENOSPC, -ENOMEM. object_alloc_slow() is the slow path. */
int object_alloc_slow(struct edit *edit, size_t size, ref_t *ret);
static inline int object_alloc(struct edit *edit, size_t size, ref_t *ret)
{
	return arena_take_spare(edit->arena, size, ret) ? 0 : object_alloc_slow(edit, size, ret);
}

/* Drops an object from the version being made: frees it if this transaction made it, else retires
 * it. retired_reserve() comes first. */
static inline void object_drop(struct edit *edit, ref_t ref, size_t size)
{
	uint64_t made = *(const uint64_t *)(const void *)arena_at(edit->arena, ref) & ~LAYOUT_NODE;

	if (made == edit->version)
		arena_free(edit->arena, ref, size);
	else
		edit->retired.entries[edit->retired.count++] =
			(struct retired){ref, (uint32_t)size, made};
}

/* Returns true if this transaction made the object. */
static inline bool object_made(const struct edit *edit, ref_t ref)
{
	return (*(const uint64_t *)(const void *)arena_at(edit->arena, ref) & ~LAYOUT_NODE) ==
	       edit->version;
}

/* Returns the size of a node, a row of `layout`, or (NULL) a blob. For objects of the publisher's
 * own, which are consistent. */
size_t object_size(const struct edit *edit, const struct row_layout *layout, ref_t ref);

static inline bool object_is_node(const struct edit *edit, ref_t ref)
{
	return *(const uint64_t *)(const void *)arena_at(edit->arena, ref) & LAYOUT_NODE;
}

/* A node of the publisher's own memory. */
static inline struct node object_node(const struct edit *edit, ref_t ref)
{
	return node_at(arena_at(edit->arena, ref));
}

#endif
