/* SPDX-License-Identifier: MIT
 *
 * The mirror of the kernel: applies messages and dumps of the kernel to the tables. kernel.c calls
 * this.
 *
 * A message is applied only if it describes all of its change. Otherwise its kind of object becomes
 * `dirty`, and must be dumped again:
 *
 * (a) A message about a route contains neither the place of the route among routes of equal key
 *     nor, for IPv6, the routes of that key that remain. So it is applied only if its key has at
 *     most one route. Messages about IPv6 routes with several next hops are never applied.
 * (b) If the tables do not have what the message implies, such as the route that it removes, its
 *     kind becomes dirty.
 * (c) The kernel removes routes without a message when their link goes down, when their address is
 *     removed, or when their next-hop object changes. Names of interfaces are part of many rows. So
 *     any change of a link makes all kinds dirty, the removal of an address makes the routes of its
 *     family dirty, and a change of a next-hop object makes all routes dirty.
 * (d) A message that was sent before a dump and is read after it does no lasting harm. For each key
 *     the last message counts. It agrees with the dump, or makes its kind dirty by (b). */
#ifndef TOOLS_KERNEL_KERNEL_MIRROR_H
#define TOOLS_KERNEL_KERNEL_MIRROR_H

#include <stele/stele.h>
#include "tools/kernel/kernel_rows.h"
#include "tools/kernel/kernel_tables.h"

/* Kinds of objects. Each kind is dumped separately. */
enum kernel_kind {
	KERNEL_KIND_LINKS,
	KERNEL_KIND_ADDRESSES4,
	KERNEL_KIND_ADDRESSES6,
	KERNEL_KIND_NEIGHBOURS4,
	KERNEL_KIND_NEIGHBOURS6,
	KERNEL_KIND_ROUTES4,
	KERNEL_KIND_ROUTES6,
	KERNEL_KINDS,
};

#define KERNEL_KIND_MASK(kind_) (1u << (kind_))
#define KERNEL_ALL_KINDS        (KERNEL_KIND_MASK(KERNEL_KINDS) - 1)

struct kernel_mirror {
	struct stele_writable *tables[KERNEL_TABLES]; /* of the open transaction */
	unsigned dirty; /* mask of kinds that must be dumped again; the caller resets it */

	struct kernel_route route; /* the decoded message */

	/* State of a dump. */
	enum kernel_kind dumping;
	bool torn; /* the dump had two rows with the same key: the kernel changed meanwhile */
	/* State of a dump of routes: the key of the last route. */
	uint8_t last_key[sizeof(((struct kernel_row *)0)->key)];
	unsigned last_key_bits; /* 0: none yet */
	uint16_t last_order;    /* the value of `order` for the last route */
	/* The row for the lookup table: the best route of a prefix; size 0: none. */
	struct kernel_row best;
};

/* Initializes a mirror that is all zero, with all kinds dirty. Returns 0 or -ENOMEM. The caller
 * frees it with kernel_mirror_free() in either case. */
int kernel_mirror_init(struct kernel_mirror *mirror);
void kernel_mirror_free(struct kernel_mirror *mirror);

/* Applies a message that the kernel has sent on its own. Returns 0, or a negative errno of the
 * tables. */
int kernel_mirror_apply(struct kernel_mirror *mirror, const struct nlmsghdr *message);

/* Starts a dump of one kind, which replaces the contents of its tables. */
int kernel_mirror_dump_start(struct kernel_mirror *mirror, enum kernel_kind kind);
/* Applies a message of the dump. */
int kernel_mirror_dump_add(struct kernel_mirror *mirror, const struct nlmsghdr *message);
/* Ends the dump. Returns 0, or 1 if the dump was torn and must be repeated. A change of the links
 * makes all kinds dirty. */
int kernel_mirror_dump_end(struct kernel_mirror *mirror);

#endif
