/* SPDX-License-Identifier: MIT
 *
 * Applies to the tables what the kernel does without a message when a link or an address changes.
 * The rules are those of fib_netdev_event(), fib_inetaddr_event(), fib_sync_down_dev() and
 * fib_sync_up() in net/ipv4, and of fib6_ifdown() and fib6_ifup() in net/ipv6 with their callers.
 * Where the tables do not say what the kernel does, or a message may be older than the tables, the
 * link is doubted: its routes are read again (kernel_relink.h). kernel_mirror.c calls this after it
 * has changed the row of the link or of the address. */
#ifndef TOOLS_FIB_KERNEL_LINK_H
#define TOOLS_FIB_KERNEL_LINK_H

#include "tools/fib/kernel_list.h"

struct kernel_follow {
	struct kernel_store *store;
	bool old; /* the message may be older than the tables */
	/* Called for a link whose routes must be read again. */
	void (*doubt)(void *context, uint32_t ifindex, bool wide);
	void *context;
};

/* Follow a link that was `before`, or that was deleted or moved to another namespace. `disagreed`:
 * routes had another state of the carrier than the link. Return 0 or a negative errno. */
int kernel_link_changed(const struct kernel_follow *follow, uint32_t ifindex,
                        const struct kernel_link *before, bool disagreed);
/* Writes the new name of a link into the rows of its addresses, neighbours and forwarding entries.
 * kernel_link_changed() does it. Returns 0 or a negative errno. */
int kernel_link_rename(struct kernel_store *store, uint32_t ifindex, const char name[16]);
int kernel_link_deleted(const struct kernel_follow *follow, uint32_t ifindex);

/* Takes the routes of one family from a link in doubt that the kernel does not have any more. Those
 * through next-hop objects change with these. Returns 0 or a negative errno. */
int kernel_link_not_found(const struct kernel_follow *follow, uint32_t ifindex, bool wide);

/* Follow an address, which a link has got or lost. */
int kernel_link_address_added(const struct kernel_follow *follow, uint32_t ifindex, bool wide);
int kernel_link_address_deleted(const struct kernel_follow *follow, uint32_t ifindex, bool wide);

/* Follows an advertisement of a router on a link: doubts the link if it has routes from routers. */
int kernel_link_heard_router(const struct kernel_follow *follow, uint32_t ifindex);

/* Follows IPv6, which has become ready on a link, or has new settings from a router. */
int kernel_link_has_ipv6(const struct kernel_follow *follow, uint32_t ifindex);

/* Returns true if the kernel has deleted the routes of the link. The messages about some of them
 * come after these functions have deleted them. */
bool kernel_link_lost_routes(struct kernel_store *store, uint32_t ifindex, bool wide);

#endif
