/* SPDX-License-Identifier: MIT
 *
 * Objects that a transaction replaced. The older versions still reach them, so they are only
 * listed here; the commit hands the list to reclaim. Called by the trie's edits, by the
 * transaction and by reclaim. */
#ifndef PUBLISHER_MEMORY_RETIRED_H
#define PUBLISHER_MEMORY_RETIRED_H

#include <stddef.h>
#include <stdint.h>
#include "lib/trie/trie_node.h"

/* An object that a newer version no longer reaches. */
struct retired {
	ref_t ref;
	uint32_t size;
	uint64_t made; /* the oldest version that reaches it */
};

/* In the order of retiring. */
struct retired_list {
	struct retired *entries;
	size_t count, capacity;
};

/* Makes sure that `more` objects can be retired without allocating. 0 or -ENOMEM. */
int retired_grow(struct retired_list *list, size_t more);
static inline int retired_reserve(struct retired_list *list, size_t more)
{
	return list->count + more <= list->capacity ? 0 : retired_grow(list, more);
}

#endif
