/* SPDX-License-Identifier: MIT
 *
 * The mirror of the kernel: applies messages and dumps of the kernel to the tables. kernel.c calls
 * this, and does all that needs a socket.
 *
 * A message about a route is applied by the kernel's own rules (kernel_edit.h), to all routes of
 * its prefix. So the mirror knows the next best route when the best one is deleted. What the kernel
 * does to the routes of a link that changes follows from the tables, too (kernel_link.h). Two kinds
 * of doubt remain:
 *
 * A LINK in doubt: the kernel changes or deletes the routes of a link without a message when their
 * source address is removed, or when a next-hop object changes; and sets metrics of routes from
 * router advertisements after its message. The caller reads the routes of that link again
 * (kernel_relink.h).
 *
 * A KIND of object that is dirty: messages were lost, a dump was interrupted, or the tables do not
 * have what a message implies. The caller dumps all objects of the kind again.
 *
 * A message that was sent before a dump and is read after it does no harm, because for each route
 * the last message counts. The mirror has to know that such messages may be old
 * (kernel_mirror.replaying): then they need not fit. */
#ifndef TOOLS_KERNEL_KERNEL_MIRROR_H
#define TOOLS_KERNEL_KERNEL_MIRROR_H

#include <stele/stele.h>
#include "tools/kernel/kernel_nexthop.h"
#include "tools/kernel/kernel_relink.h"
#include "tools/kernel/kernel_rows.h"

/* Kinds of objects. Each kind is dumped separately. */
enum kernel_kind {
	KERNEL_KIND_LINKS,
	KERNEL_KIND_ADDRESSES4,
	KERNEL_KIND_ADDRESSES6,
	KERNEL_KIND_NEIGHBOURS4,
	KERNEL_KIND_NEIGHBOURS6,
	KERNEL_KIND_NEXTHOPS,
	KERNEL_KIND_RULES4,
	KERNEL_KIND_RULES6,
	KERNEL_KIND_ROUTES4,
	KERNEL_KIND_ROUTES6,
	KERNEL_KINDS,
};

#define KERNEL_KIND_MASK(kind_) (1u << (kind_))
#define KERNEL_ALL_KINDS        (KERNEL_KIND_MASK(KERNEL_KINDS) - 1)
#define KERNEL_ROUTE_KINDS \
	(KERNEL_KIND_MASK(KERNEL_KIND_ROUTES4) | KERNEL_KIND_MASK(KERNEL_KIND_ROUTES6))

/* Links in doubt. With more, all routes are dumped. */
#define KERNEL_DOUBTS_MAX 64u

/* A link whose routes must be read again. */
struct kernel_doubt {
	uint32_t ifindex;
	unsigned kinds; /* mask of the kinds of routes */
};

struct kernel_mirror {
	struct kernel_store store;
	unsigned dirty;     /* mask of kinds that must be dumped again; the caller resets it */
	const char *reason; /* why they are dirty */
	struct kernel_doubt doubts[KERNEL_DOUBTS_MAX];
	size_t doubt_count;
	/* Links that routes disagree with about the carrier. The kernel updates the routes later,
	 * and then sends a message about the link, even if the link is as before. */
	uint32_t changing[KERNEL_DOUBTS_MAX];
	size_t changing_count;
	bool answering; /* set by the caller: the message is the answer to a query */
	bool replaying; /* set by the caller: messages may be older than the tables */

	struct kernel_row row;   /* the decoded message */
	struct kernel_list list; /* the routes of its prefix */

	/* State of a dump. */
	enum kernel_kind dumping;
	bool torn; /* the dump had an object twice: the kernel changed meanwhile */
	struct kernel_nexthops nexthops;
	struct kernel_rule_place last_rule;
	bool gathering;                 /* `list` holds the routes of the last prefix */
	struct kernel_prefixes sourced; /* that have routes with a source prefix */
};

/* Initializes a mirror that is all zero, with all kinds dirty. */
void kernel_mirror_init(struct kernel_mirror *mirror);
void kernel_mirror_free(struct kernel_mirror *mirror);

/* Marks kinds as dirty. `reason` is a string literal. */
void kernel_mirror_mark(struct kernel_mirror *mirror, unsigned kinds, const char *reason);

/* Returns why the tables may differ from the kernel's state, or "". */
const char *kernel_mirror_reason(const struct kernel_mirror *mirror);

/* Applies a message that the kernel has sent on its own, or in answer to a query for one link.
 * Returns 0, or a negative errno of the tables. */
int kernel_mirror_apply(struct kernel_mirror *mirror, const struct nlmsghdr *message);

/* Starts a dump of one kind, which replaces the contents of its tables. */
int kernel_mirror_dump_start(struct kernel_mirror *mirror, enum kernel_kind kind);
/* Applies a message of the dump. */
int kernel_mirror_dump_add(struct kernel_mirror *mirror, const struct nlmsghdr *message);
/* Ends the dump. Returns 0, or 1 if the dump was torn and must be repeated. */
int kernel_mirror_dump_end(struct kernel_mirror *mirror);

/* Takes a link from the doubts. Returns false if there is none. */
bool kernel_mirror_take_doubt(struct kernel_mirror *mirror, struct kernel_doubt *ret);

/* Deletes the routes of one family from a link in doubt that the kernel does not have any more.
 * Returns 0 or a negative errno of the tables. */
int kernel_mirror_forget_link(struct kernel_mirror *mirror, uint32_t ifindex, bool wide);

#endif
