/* SPDX-License-Identifier: MIT
 *
 * The list of objects that a transaction replaced. Older versions still reach these objects, so
 * they are not freed: the commit passes the list to reclaim_add_all(). Called by the trie's edits,
 * by publisher/tables and by the transaction. */
#ifndef PUBLISHER_MEMORY_RETIRED_H
#define PUBLISHER_MEMORY_RETIRED_H

#include <stddef.h>
#include <stdint.h>
#include "lib/trie/trie_node.h"

/* An object that a newer version no longer reaches. */
struct retired {
	ref_t ref;
	uint32_t size;
	/* The version that made the object: the oldest one that reaches it. */
	uint64_t made;
};

/* Objects in the order in which they were retired. */
struct retired_list {
	struct retired *entries;
	size_t count, capacity;
};

/* Reserves capacity, so that `more` objects can be retired without allocating. Returns 0 or
 * -ENOMEM. retired_grow() is the slow path. */
int retired_grow(struct retired_list *list, size_t more);
static inline int retired_reserve(struct retired_list *list, size_t more)
{
	return list->count + more <= list->capacity ? 0 : retired_grow(list, more);
}

#endif
