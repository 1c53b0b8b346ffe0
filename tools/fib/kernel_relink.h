/* SPDX-License-Identifier: MIT
 *
 * Reads the routes of one link again. The kernel changes and deletes routes without a message when
 * their link changes, when an address is removed, or when a next-hop object changes. Where the
 * tables do not say what it does (kernel_link.h), the kernel is asked: it can dump only the routes
 * of one link, and kernel_relink.c compares these with what the tables have for the link.
 * kernel_reader.c calls this. */
#ifndef TOOLS_FIB_KERNEL_RELINK_H
#define TOOLS_FIB_KERNEL_RELINK_H

#include "tools/fib/kernel_list.h"

/* Prefixes, in the order in which they were added. */
struct kernel_prefixes {
	struct kernel_prefix *of;
	size_t count, capacity;
};

/* Adds a prefix, unless it is equal to the last one. Returns 0 or -ENOMEM. */
int kernel_prefixes_add(struct kernel_prefixes *prefixes, const struct kernel_prefix *prefix);
void kernel_prefixes_free(struct kernel_prefixes *prefixes);
/* Sorts the prefixes, and leaves each once. */
void kernel_prefixes_sort(struct kernel_prefixes *prefixes);
/* Finds a prefix among sorted ones. Returns NULL if it is not there. */
const struct kernel_prefix *kernel_prefixes_find(const struct kernel_prefixes *prefixes,
                                                 const struct kernel_prefix *prefix);

/* What a scan looks for: one of these. The others are zero. */
struct kernel_wanted {
	uint32_t ifindex;
	uint32_t nexthop_id;
	const uint8_t *source; /* kernel_route_has_source(), 16 bytes */
};

/* Finds the prefixes of one family that have a wanted route. A prefix may be found twice. If
 * `ret_links` is not NULL, also finds the links of the wanted routes, and passes each to it, some
 * more than once. Returns 0 or a negative errno. */
int kernel_relink_scan(struct kernel_store *store, bool wide, const struct kernel_wanted *wanted,
                       void (*ret_link)(void *context, uint32_t ifindex), void *context,
                       struct kernel_prefixes *ret);

/* Makes the indexes of the store again from the tables where most of an index may be of routes that
 * are gone: prefixes that now name another next-hop object, or have another source. Called after
 * the messages of a round. Returns 0 or a negative errno. */
int kernel_relink_tidy(struct kernel_store *store);

/* Reads the routes of one link and one family again. */
struct kernel_relink {
	/* Set by the caller: called for another link whose routes must be read again. */
	void (*doubt)(void *context, uint32_t ifindex, bool wide);
	void *context;

	bool resumed; /* set by the caller: a datagram has begun */

	struct kernel_store *store;
	uint32_t ifindex;
	bool wide;
	bool begun;                      /* a route was dumped */
	bool up;                         /* the link is up */
	bool unclear;                    /* the order of routes is not known */
	bool changed;                    /* the prefix had other routes of the link */
	size_t last;                     /* number of the route that was dumped last */
	struct kernel_prefixes prefixes; /* that had routes of the link, sorted */
	bool *seen;                      /* of these, those that the kernel has */
	struct kernel_list list;
	/* The routes of the link that were dumped for the prefix `at`. */
	struct kernel_prefix at;
	struct kernel_entry *gathered;
	size_t gathered_count, gathered_capacity;
};

/* Starts to read the routes of a link and a family; `relink` is zero but for the callback. Returns
 * 1, or 0 if the tables have no such routes: then there is nothing to read. Otherwise a negative
 * errno. The caller frees it with kernel_relink_free() in each case. */
int kernel_relink_start(struct kernel_relink *relink, struct kernel_store *store, uint32_t ifindex,
                        bool wide);

/* Takes a message of the dump of the link's routes. Returns 0 or a negative errno. */
int kernel_relink_add(struct kernel_relink *relink, const struct nlmsghdr *message);

/* Ends the read: deletes the routes that were not dumped. If nothing was dumped, these are all
 * routes of the link. Returns 0; 1 if the order of routes is not known, so that all routes must be
 * dumped; or a negative errno. */
int kernel_relink_end(struct kernel_relink *relink);
void kernel_relink_free(struct kernel_relink *relink);

#endif
