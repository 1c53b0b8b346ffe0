/* SPDX-License-Identifier: MIT
 *
 * Finds the prefixes of the routes of a link, of a source address or of a next-hop object, without
 * a scan of all routes. The index holds the prefixes of those that have few; the routes of others
 * are found by a scan. kernel_list.c adds to it; kernel_relink.c asks it. */
#ifndef TOOLS_FIB_KERNEL_INDEX_H
#define TOOLS_FIB_KERNEL_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "tools/fib/kernel_route.h"

/* What the prefixes of a slot have in common. */
struct kernel_index_slot {
	uint64_t key; /* 0: the slot is free */
	bool many;    /* more than the index holds */
	uint32_t count, capacity;
	struct kernel_prefix *of;
};

/* One family. */
struct kernel_index {
	struct kernel_index_slot *slots;
	size_t capacity, used;
	size_t held; /* prefixes in all slots */
	size_t kept; /* slots and prefixes when it was last made from the tables, or 0 */
};

/* Forgets all prefixes. */
void kernel_index_clear(struct kernel_index *index);

/* Return the key of a link, of a source address, or of a next-hop object. */
uint64_t kernel_index_link(uint32_t ifindex);
uint64_t kernel_index_source(const uint8_t source[16]);
uint64_t kernel_index_nexthop(uint32_t id);

/* Adds the prefix of a route. Returns 0 or -ENOMEM. */
int kernel_index_add(struct kernel_index *index, uint64_t key, const struct kernel_prefix *prefix);

/* Takes the prefixes that a scan has found for a key, which are all, if they are few again. Returns
 * 0 or -ENOMEM. */
int kernel_index_set(struct kernel_index *index, uint64_t key, const struct kernel_prefix *prefixes,
                     size_t count);

/* Finds the slot of a key, or NULL: no route has it. The slot is valid until the next
 * kernel_index_add() or kernel_index_remove(). Its prefixes may have lost their routes since: the
 * caller moves the others to the front, and calls kernel_index_keep(). */
struct kernel_index_slot *kernel_index_find(const struct kernel_index *index, uint64_t key);

/* Drops the prefixes of a slot from number `count` on. */
void kernel_index_keep(struct kernel_index *index, struct kernel_index_slot *slot, uint32_t count);

/* Returns true if most of the index may be of routes that are gone, so that making the index again
 * from the tables costs little beside what filled it. */
bool kernel_index_is_stale(const struct kernel_index *index);

/* Forgets a key, if the index has it. */
void kernel_index_remove(struct kernel_index *index, uint64_t key);

#endif
