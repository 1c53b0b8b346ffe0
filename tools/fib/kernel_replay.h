/* SPDX-License-Identifier: MIT
 *
 * Messages that may be older than the tables. After routes were read again, messages follow that
 * the kernel sent before it was asked, or while it answered. This decides whether such a message
 * leads to the kernel's list of routes wherever in their sequence the read took place.
 * docs/design/kernel.md has the argument.
 *
 * kernel_mirror_route.c asks for each message; kernel_relink.c and kernel_link.c say which prefixes
 * a read has changed. */
#ifndef TOOLS_FIB_KERNEL_REPLAY_H
#define TOOLS_FIB_KERNEL_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "tools/fib/kernel_route.h"

/* A prefix that a read has changed, or a message. */
struct kernel_replay_slot {
	struct kernel_prefix prefix;
	uint8_t flags; /* 0: the slot is free */
};

struct kernel_replay {
	bool on;        /* messages may be older than the tables */
	bool reading;   /* routes of single links are being read */
	bool whole[2];  /* all routes of a family were dumped */
	bool parted[2]; /* routes of a family were read in several datagrams */
	/* A message of the family has replaced a route other than its own. */
	bool replaced[2];
	bool emptied; /* a message has deleted the last route of an IPv6 prefix */
	struct kernel_replay_slot *slots;
	size_t capacity, used;
};

/* What a message has done to the list of its prefix. */
struct kernel_replay_edit {
	bool replaces;        /* the kernel says that the route has replaced one */
	bool other;           /* it has replaced one that was not the same */
	size_t before, after; /* number of routes */
};

/* Starts to read routes again, after all messages were applied. */
void kernel_replay_start(struct kernel_replay *replay);
void kernel_replay_free(struct kernel_replay *replay);

/* Notes that a read of single links has changed the routes of a prefix. Returns 0 or -ENOMEM. */
int kernel_replay_reread(struct kernel_replay *replay, const struct kernel_prefix *prefix);

/* Notes that a read was interrupted before a route. `before`: the last prefix. Returns 0 or
 * -ENOMEM. */
int kernel_replay_split(struct kernel_replay *replay, const struct kernel_prefix *before,
                        const struct kernel_prefix *prefix);

/* Returns true if the change of a message that may be old may have made the kernel leave out other
 * routes of a read. `empty`: no route of the prefix is left.
 *
 * Before each datagram the kernel goes on where the last one ended. For IPv4 it counts the routes
 * of an address. For IPv6, after a route was added somewhere, it walks the tree from its root
 * again, and skips as many prefixes as it has dumped: too many, if one of these was deleted. */
bool kernel_replay_tears(struct kernel_replay *replay, const struct kernel_prefix *prefix,
                         bool deletes, bool empty);

/* Returns true if the routes of a prefix may be newer than a message. */
bool kernel_replay_is_old(const struct kernel_replay *replay, const struct kernel_prefix *prefix);

/* Judges a message that may be old. Returns 1 if the list of the prefix is the kernel's at the time
 * of the message, or will be after the messages that follow; 0 if it may differ for ever, so that
 * it must be read again; or -ENOMEM. */
int kernel_replay_judge(struct kernel_replay *replay, const struct kernel_prefix *prefix,
                        const struct kernel_replay_edit *edit);

#endif
