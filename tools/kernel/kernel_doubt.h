/* SPDX-License-Identifier: MIT
 *
 * What the mirror is not sure of. The publisher reads it again, and so ends the doubt. There are
 * two kinds of it.
 *
 * A LINK in doubt: the kernel changes or deletes the routes of a link without a message when their
 * source address is removed, or when a next-hop object changes; and sets metrics of routes from
 * router advertisements after its message. The routes of that link are read again
 * (kernel_relink.h).
 *
 * A KIND of object that is dirty: messages were lost, a dump was interrupted, or the tables do not
 * have what a message implies. All objects of the kind are dumped again. */
#ifndef TOOLS_KERNEL_KERNEL_DOUBT_H
#define TOOLS_KERNEL_KERNEL_DOUBT_H

#include "tools/netlink/kernel_socket.h"

/* Links in doubt. With more, all routes are dumped. */
#define KERNEL_DOUBTS_MAX 64u

/* A link whose routes must be read again. */
struct kernel_doubt {
	uint32_t ifindex;
	unsigned kinds; /* mask of the kinds of routes */
};

struct kernel_doubts {
	unsigned kinds;     /* mask of kinds that the kernel is asked for; others are never dirty */
	unsigned dirty;     /* mask of kinds that must be dumped again; the publisher resets it */
	const char *reason; /* why they are dirty */
	struct kernel_doubt links[KERNEL_DOUBTS_MAX];
	size_t link_count;
	/* Links that routes disagree with about the carrier. The kernel updates the routes later,
	 * and then sends a message about the link, even if the link is as before. */
	uint32_t changing[KERNEL_DOUBTS_MAX];
	size_t changing_count;
	bool many_change; /* more links than `changing` holds: any link may be one */
};

/* Marks kinds as dirty. `reason` is a string literal. */
void kernel_doubts_mark(struct kernel_doubts *doubts, unsigned kinds, const char *reason);

/* Doubts the routes of these kinds of a link. */
void kernel_doubts_add(struct kernel_doubts *doubts, uint32_t ifindex, unsigned kinds);

/* Returns true if the routes of one of these kinds of a link are in doubt. */
bool kernel_doubts_has(const struct kernel_doubts *doubts, uint32_t ifindex, unsigned kinds);

/* Takes a link in doubt. Returns false if there is none. */
bool kernel_doubts_take(struct kernel_doubts *doubts, struct kernel_doubt *ret);

/* Ends the doubt about the links' routes of a kind: all are dumped now. */
void kernel_doubts_drop(struct kernel_doubts *doubts, enum kernel_kind kind);

/* Returns true if routes disagree with this link, or may do so; once, if they are few. */
bool kernel_doubts_end_change(struct kernel_doubts *doubts, uint32_t ifindex);

/* Callbacks, whose context is a struct kernel_doubts: doubt all routes of a link, or those of one
 * family; and note that a route disagrees with a link. */
void kernel_doubts_add_all(void *context, uint32_t ifindex);
void kernel_doubts_add_family(void *context, uint32_t ifindex, bool wide);
void kernel_doubts_begin_change(void *context, uint32_t ifindex);

#endif
