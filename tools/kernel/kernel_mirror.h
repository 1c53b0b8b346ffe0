/* SPDX-License-Identifier: MIT
 *
 * The mirror of the kernel: applies messages and dumps of the kernel to the tables. kernel.c calls
 * this, and does all that needs a socket.
 *
 * A message about a route is applied by the kernel's own rules (kernel_edit.h), to all routes of
 * its prefix. So the mirror knows the next best route when the best one is deleted. What the kernel
 * does to the routes of a link that changes follows from the tables, too (kernel_link.h). What
 * remains is doubt (kernel_doubt.h), which the caller ends: it reads again.
 *
 * A message that was sent before a dump and is read after it does no harm, because for each route
 * the last message counts. The mirror has to know that such messages may be old
 * (kernel_mirror.replaying): then they need not fit. */
#ifndef TOOLS_KERNEL_KERNEL_MIRROR_H
#define TOOLS_KERNEL_KERNEL_MIRROR_H

#include <stele/stele.h>
#include "tools/fib/kernel_nexthop.h"
#include "tools/fib/kernel_relink.h"
#include "tools/fib/kernel_rows.h"
#include "tools/kernel/kernel_doubt.h"

struct kernel_mirror {
	struct kernel_store store;
	struct kernel_doubts doubts;
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

/* Returns why the tables may differ from the kernel's state, but for rows that had no space, or "". */
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

/* Deletes the routes of one family from a link in doubt that the kernel does not have any more.
 * Returns 0 or a negative errno of the tables. */
int kernel_mirror_forget_link(struct kernel_mirror *mirror, uint32_t ifindex, bool wide);

#endif
