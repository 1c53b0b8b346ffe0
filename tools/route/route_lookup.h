/* SPDX-License-Identifier: MIT
 *
 * Finds the route of one routing table in the tables that the kernel publisher fills
 * (tools/fib/kernel_tables.h), and the links that routes and packets use. route_walk.c and
 * cmd_route.c call this. Returned errors are those of the library, with its error message. */
#ifndef TOOLS_ROUTE_ROUTE_LOOKUP_H
#define TOOLS_ROUTE_ROUTE_LOOKUP_H

#include <stele/stele.h>
#include "tools/fib/kernel_list.h"

/* The tables of one snapshot, for one family. */
struct route_tables {
	bool wide; /* IPv6 */
	struct stele_table rules, fib, links, nexthops;
	struct stele_table alternatives; /* IPv6 only */
};

/* Opens the tables of a family. Returns 0 or a negative errno. */
int route_tables_open(struct route_tables *tables, const struct stele_snapshot *snapshot,
                      bool wide);

/* Finds the route that the kernel takes in routing table `table`, to the address `to` from the
 * address `from`, which is zero if it is not known. Allocates ret->value, which the caller frees.
 * Returns 1, 0 if there is no route, or a negative errno. */
int route_lookup(const struct route_tables *tables, uint32_t table, const uint8_t to[16],
                 const uint8_t from[16], struct kernel_prefix *ret_prefix,
                 struct kernel_entry *ret);

/* Finds the next hops of a next-hop object. The kernel does not name them in a route that uses the
 * object if net.ipv4.nexthop_compat_mode is 0. Allocates `*ret`, which the caller frees. Returns
 * their number, 0 if there is no such object, or a negative errno. */
int route_nexthops(const struct route_tables *tables, uint32_t id, struct kernel_hop **ret);

/* Find a link by its number or its name. Return 1, 0 if there is none, or a negative errno. */
int route_link(const struct route_tables *tables, uint32_t ifindex, struct kernel_link *ret);
int route_link_named(const struct route_tables *tables, const char *name, struct kernel_link *ret);

/* Returns true if the address is in the prefix, which has `length` bits. */
bool route_is_in(const uint8_t *address, const uint8_t *prefix, unsigned length);

#endif
