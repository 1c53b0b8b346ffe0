/* SPDX-License-Identifier: MIT
 *
 * A route in memory, decoded from a message of the kernel or from rows of the tables, and the
 * comparison of routes. Without I/O. kernel_list.c and kernel_edit.c keep the routes of a
 * prefix. */
#ifndef TOOLS_FIB_KERNEL_ROUTE_H
#define TOOLS_FIB_KERNEL_ROUTE_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include "tools/fib/kernel_tables.h"

/* Maximum next hops of a route. The kernel's messages hold fewer. */
#define KERNEL_HOPS_MAX 1024u

/* What the kernel keeps a list of routes for. */
struct kernel_prefix {
	bool wide; /* IPv6 */
	uint32_t table;
	uint8_t address[16];
	uint8_t length;
	uint8_t from[16]; /* IPv6: source prefix */
	uint8_t from_length;
};

/* A route of a list. */
struct kernel_entry {
	uint32_t metric;
	uint8_t tos;
	bool listed;                /* the kernel sent a list of next hops, not a single one */
	bool marked;                /* for kernel_relink.c */
	unsigned hops;              /* next hops in value->hops, also if there is only one */
	struct kernel_route *value; /* allocated; all columns but those of kernel_entry_finish() */
};

/* Return true if a route of this family and routing table, or the protocol of a message about a
 * route, passes a filter. */
bool kernel_filter_takes_table(const struct kernel_filter *filter,
                               const struct kernel_prefix *prefix);
bool kernel_filter_takes_protocol(const struct kernel_filter *filter,
                                  const struct nlmsghdr *message);

/* Decodes a message about a route. Allocates ret_entry->value, which the caller frees. Returns 1; 0
 * if the tables do not mirror the message or if the message is incomplete; or -ENOMEM. */
int kernel_route_decode(const struct nlmsghdr *message, struct kernel_prefix *ret_prefix,
                        struct kernel_entry *ret_entry);

/* Returns the next hops of a route. */
struct kernel_hop *kernel_entry_hops(const struct kernel_entry *entry);

/* Sets the columns that follow from the next hops: those of the first hop that is not dead, and
 * whether all are dead. */
void kernel_entry_finish(struct kernel_entry *entry);

/* Gives a route a list of next hops, a copy. Returns 0 or -ENOMEM. */
int kernel_entry_set_hops(struct kernel_entry *entry, const struct kernel_hop *hops,
                          unsigned count);

/* Sets the gateway of a hop that has none: the one of these that is not zero, if any. */
void kernel_hop_set_gateway(struct kernel_hop *hop, const uint8_t gateway4[4],
                            const uint8_t gateway6[16]);

/* Returns true if both hops have the same gateway and interface. */
bool kernel_hop_same(const struct kernel_hop *a, const struct kernel_hop *b);

/* Returns true if two routes of the same metric and TOS differ at most in what the kernel changes
 * without a message: states of hops. */
bool kernel_entry_same(const struct kernel_entry *a, const struct kernel_entry *b);

/* Returns true if two routes of the same metric and TOS have the same type, next-hop object, and
 * next hops. */
bool kernel_entry_similar(const struct kernel_entry *a, const struct kernel_entry *b);

/* Returns true if the IPv6 route may be merged with others of its metric into one route with
 * several next hops. */
bool kernel_entry_merges(const struct kernel_entry *entry);

/* Returns true if a next hop of the route is on this link. */
bool kernel_entry_uses(const struct kernel_entry *entry, uint32_t ifindex);

/* Removes the next hops on a link from a route. Sets `*ret_first` to whether the first one was
 * among them: a merged IPv6 route has the columns of its first hop, and those of the next one are
 * not known. Returns true if no hop is left. */
bool kernel_entry_remove_hops(struct kernel_entry *entry, uint32_t ifindex, bool *ret_first);

/* Returns true if the route has a preferred source address, and the kernel did not make the route
 * for this address: it reports that such a route goes with its address. */
bool kernel_route_has_source(const struct kernel_route *value);

/* Returns true if the kernel says in such a route whether its links have a carrier: in no route to
 * its own addresses. */
bool kernel_route_tells_carrier(const struct kernel_route *value, bool wide);

bool kernel_prefix_equal(const struct kernel_prefix *a, const struct kernel_prefix *b);

#endif
