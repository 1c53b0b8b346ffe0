/* SPDX-License-Identifier: MIT
 *
 * The next-hop objects of the kernel, `ip nexthop': decodes messages, keeps the table `nexthops',
 * and deletes the routes of objects that are gone. kernel_mirror.c and kernel_push.c call this. */
#ifndef TOOLS_FIB_KERNEL_NEXTHOP_H
#define TOOLS_FIB_KERNEL_NEXTHOP_H

#include "tools/fib/kernel_relink.h"
#include "tools/fib/kernel_rows.h"

/* Reports a link whose routes must be read again. */
typedef void kernel_doubt_f(void *context, uint32_t ifindex);

/* Applies a message about an object. If an object changes that was there already, the kernel
 * changes or deletes its routes, some without a message: doubts their links. Not if the routes are
 * pushed: then `doubt` is unused, and the function returns 1 if rows of the object have changed.
 * Returns 0 or more, or a negative errno. */
int kernel_nexthop_apply(struct kernel_store *store, const struct nlmsghdr *message,
                         kernel_doubt_f doubt, void *context);

/* Deletes an object. If the routes are pushed, these stay, and the function returns 1 if there was
 * such an object. Returns 0 or more, or a negative errno. */
int kernel_nexthop_remove(struct kernel_store *store, uint32_t id);

/* Gives a route the next hops of the object that it names. The route is dead if there are none.
 * Returns 0 or a negative errno. */
int kernel_nexthop_resolve(struct kernel_store *store, struct kernel_entry *entry);

/* Returns the number of the object of a row. */
uint32_t kernel_nexthop_id(const struct stele_row *row);

/* Decodes a message about a bucket of a resilient group. Returns false if it is incomplete. */
bool kernel_bucket_decode(const struct nlmsghdr *message, struct kernel_row *ret);

/* Returns true if a message is about a resilient group: then the kernel may have moved buckets
 * without a message. Called before kernel_nexthop_apply(). */
bool kernel_nexthop_moves_buckets(struct kernel_store *store, const struct nlmsghdr *message);

/* Returns true if an object has a next hop on this link. */
bool kernel_nexthop_uses(struct kernel_store *store, uint32_t ifindex);

/* Returns 1 if there are objects, 0, or a negative errno. */
int kernel_nexthops_any(struct kernel_store *store);

/* An object that was in the table before a dump. */
struct kernel_seen_id {
	uint32_t id;
	bool seen; /* the kernel has dumped it */
};

/* A dump of all objects. */
struct kernel_nexthops {
	struct kernel_seen_id *ids; /* in order */
	size_t count;
};

/* Starts a dump, and drops the state of one that was not ended. Returns 0 or a negative errno. */
int kernel_nexthops_start(struct kernel_nexthops *dump, struct kernel_store *store);
/* Takes a message of the dump, and applies it. */
int kernel_nexthops_add(struct kernel_nexthops *dump, struct kernel_store *store,
                        const struct nlmsghdr *message, kernel_doubt_f doubt, void *context);
/* Deletes the objects that were not dumped. */
int kernel_nexthops_end(struct kernel_nexthops *dump, struct kernel_store *store,
                        kernel_doubt_f doubt, void *context);
/* Frees the state of a dump that may not have ended. */
void kernel_nexthops_free(struct kernel_nexthops *dump);

/* Returns the next hop of an object that is no group and no blackhole. */
struct kernel_hop kernel_nexthop_hop(const struct kernel_nexthop *nexthop, uint16_t weight);

#endif
