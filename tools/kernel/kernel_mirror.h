/* SPDX-License-Identifier: MIT
 *
 * The mirror of the kernel: applies messages and dumps of the kernel to the tables. kernel_reader.c
 * calls this, and does all that needs a socket.
 *
 * A message about a route is applied by the kernel's own rules (kernel_edit.h), to all routes of
 * its prefix. So the mirror knows the next best route when the best one is deleted. What the kernel
 * does to the routes of a link that changes follows from the tables, too (kernel_link.h). The rest
 * is doubt (kernel_doubt.h), which the caller ends: it reads again.
 *
 * Messages that are applied after a read may be older than it. The caller says when a read starts
 * and ends, and when the mirror has caught up; kernel_replay.h decides about what is in between. */
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
	bool resumed;   /* set by the caller: a datagram of a dump has begun */
	bool answering; /* set by the caller: the message is the answer to a query */
	/* Mask of kinds that were dumped, while messages may be older than the dump. */
	unsigned dumped;

	struct kernel_row row;   /* the decoded message */
	struct kernel_list list; /* the routes of its prefix */

	bool buckets_moved; /* buckets of a group must be read again; the publisher resets it */

	/* State of a dump. */
	enum kernel_kind dumping;
	bool torn; /* the dump had an object twice: the kernel changed meanwhile */
	struct kernel_nexthops nexthops;
	struct kernel_rule_place last_rule;
	struct kernel_row last_fdb;
	bool gathering;                 /* `list` holds the routes of the last prefix */
	struct kernel_prefixes sourced; /* that have routes with a source prefix */
};

/* Initializes a mirror that is all zero, with all of its kinds dirty. `pushed`: routes and next-hop
 * objects do not come from the kernel (kernel_push.h). */
void kernel_mirror_init(struct kernel_mirror *mirror, bool pushed);
void kernel_mirror_free(struct kernel_mirror *mirror);

/* Returns why the tables may differ from the kernel's state, but for rows that had no space, or "". */
const char *kernel_mirror_reason(const struct kernel_mirror *mirror);

/* Starts to read routes again: all messages so far were applied. */
void kernel_mirror_read_start(struct kernel_mirror *mirror);
/* Ends the reads: messages may be older than the tables from now on. */
void kernel_mirror_read_end(struct kernel_mirror *mirror);
/* Messages are newer than the tables again. Called when the socket has had all messages about
 * changes that the reads may have seen, and no more. */
void kernel_mirror_caught_up(struct kernel_mirror *mirror);

/* Applies a message that the kernel has sent on its own, or in answer to a query for one link.
 * Returns 0, or a negative errno of the tables. */
int kernel_mirror_apply(struct kernel_mirror *mirror, const struct nlmsghdr *message);

/* Follows an advertisement of a router on a link. Returns 0 or a negative errno of the tables. */
int kernel_mirror_heard_router(struct kernel_mirror *mirror, uint32_t ifindex);

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
