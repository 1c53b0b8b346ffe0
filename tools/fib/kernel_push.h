/* SPDX-License-Identifier: MIT
 *
 * Routes and next-hop objects that a routing daemon pushes (FRR's forwarding plane manager):
 * applies its messages to the tables. kernel_fpm.c calls this.
 *
 * The messages have the kernel's form, but not its rules. A prefix has one route, which replaces
 * the one before whatever its metric; a deletion names only the prefix; and a route may name only a
 * next-hop object. The next hops of such a route are those of the object, and change with it. A
 * route whose object is not known is dead: it stands among the alternatives.
 *
 * After a connection is made, the daemon sends all it has, without saying where that ends. So rows
 * of an earlier connection stay until kernel_push_sync_end(): those that were not sent again are
 * deleted then. */
#ifndef TOOLS_FIB_KERNEL_PUSH_H
#define TOOLS_FIB_KERNEL_PUSH_H

#include "tools/fib/kernel_list.h"
#include "tools/fib/kernel_relink.h"
#include "tools/fib/kernel_rows.h"

/* Numbers of next-hop objects. */
struct kernel_ids {
	uint32_t *of;
	size_t count, capacity;
};

struct kernel_push {
	struct kernel_store *store;
	struct kernel_list list;   /* the route of a message */
	struct kernel_ids changed; /* objects, since the last kernel_push_settle() */
	/* What the tables had when the connection was made, sorted, without duplicates; and of
	 * these, what was sent or deleted since. */
	struct kernel_prefixes prefixes;
	struct kernel_ids ids;
	bool *sent_prefixes, *sent_ids;
	size_t unsent; /* prefixes that were neither sent nor deleted */
};

void kernel_push_free(struct kernel_push *push);

/* The functions below need an open transaction. They return 0 or a negative errno of the tables. */

/* Remembers what the tables have, and reads the store's index from them. Called after the publisher
 * has attached, after a connection is made, and after an aborted transaction. */
int kernel_push_sync_start(struct kernel_push *push);

/* Applies a message. Ignores those that concern neither routes nor next-hop objects. */
int kernel_push_apply(struct kernel_push *push, const struct nlmsghdr *message);

/* Gives the routes of the next-hop objects that have changed their new next hops. Called after the
 * messages of a burst: the daemon may send a group before its members. */
int kernel_push_settle(struct kernel_push *push);

/* Deletes what was not sent since kernel_push_sync_start(). */
int kernel_push_sync_end(struct kernel_push *push);

/* Writes the routes of a link again if its name in the new row of the table `links` is not the one
 * in the row `before`, which is zero for a new link. */
int kernel_push_follow_name(struct kernel_store *store, const struct kernel_row *row,
                            const struct kernel_link *before);

#endif
