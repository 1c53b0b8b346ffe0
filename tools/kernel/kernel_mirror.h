/* SPDX-License-Identifier: MIT
 *
 * The tables as a mirror of the kernel: single messages applied to them, and whole dumps.
 *
 * A message is applied only where it says all that it changed. Everything else makes its kind of
 * object `dirty`, to be dumped again:
 *
 * (a) A route's message names neither the place among routes of equal key nor, for IPv6, the
 *     siblings that stay. So it is exact only for a key that has one route or none, and not for
 *     IPv6 routes with several next hops.
 * (b) What a message finds is compared with what it should find; a difference is dirt.
 * (c) Routes go away without a message when their link goes down or their address is removed, when
 *     their next-hop object changes, and interface names are part of many rows. So any difference
 *     in a link makes everything dirty, the loss of an address the routes of its family, a next-hop
 *     object all routes.
 * (d) A message that was sent before a dump and is read after it does no harm in the end: for each
 *     key the last message decides, and by (b) it decides the same, or makes dirt.
 */
#ifndef TOOLS_KERNEL_KERNEL_MIRROR_H
#define TOOLS_KERNEL_KERNEL_MIRROR_H

#include <stele/stele.h>
#include "tools/kernel/kernel_rows.h"
#include "tools/kernel/kernel_tables.h"

/* Kinds of objects: one dump each. */
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
	unsigned dirty;                               /* kinds to be dumped again */
	unsigned touched; /* kinds that messages were about; for the caller to reset */

	struct kernel_route route; /* the message at hand */

	/* of a dump: */
	enum kernel_kind dumping;
	bool torn; /* it contradicted itself: the kernel changed meanwhile */
	/* and of one of routes: */
	uint8_t last_key[sizeof(((struct kernel_row *)0)->key)];
	unsigned last_key_bits; /* 0: none yet */
	uint16_t last_order;
	struct kernel_row best; /* the row to be put into the lookup table; size 0: none */
};

/* Prepares a mirror that is all zero, everything dirty: 0 or -ENOMEM. Freed with _free in either
 * case. */
int kernel_mirror_init(struct kernel_mirror *mirror);
void kernel_mirror_free(struct kernel_mirror *mirror);

/* Applies one message, of those that the kernel sends on its own. 0, or the error of the table. */
int kernel_mirror_apply(struct kernel_mirror *mirror, const struct nlmsghdr *message);

/* A dump of one kind: start, then each message, then end. The end returns 1 when the dump
 * contradicted itself and is to be made again, else 0. A change in the links makes everything
 * dirty. */
int kernel_mirror_dump_start(struct kernel_mirror *mirror, enum kernel_kind kind);
int kernel_mirror_dump_add(struct kernel_mirror *mirror, const struct nlmsghdr *message);
int kernel_mirror_dump_end(struct kernel_mirror *mirror);

#endif
