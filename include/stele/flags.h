/* SPDX-License-Identifier: MIT
 *
 * Flags. All functions and options that take flags share one space of bits: a bit means the same
 * everywhere. A function refuses a flag that it does not take, or does not know, with -EINVAL.
 */
#ifndef STELE_FLAGS_H
#define STELE_FLAGS_H

/* Publishers (struct stele_publisher_options): create the region if there is none. */
#define STELE_CREATE (1u << 0)

/* Publishers: create the region; -EEXIST if there is one. */
#define STELE_CREATE_NEW (1u << 1)

/* Publishers, subscribers: do not install the SIGBUS handler for this handle. If a file of the
 * region is then truncated, the process that accesses it is killed. For programs whose own handler
 * must be the only one: see THE SIGBUS HANDLER in <stele/error.h>. */
#define STELE_NO_SIGBUS_HANDLER (1u << 2)

/* Subscribers (struct stele_subscriber_options): do not register: no slot, no queue, no pins. Other
 * processes do not see this reader. */
#define STELE_UNREGISTERED (1u << 3)

/* Publishers: share the region with other publishers that have this flag too. */
#define STELE_SHARED (1u << 4)

/* Publishers: start a thread that sends the notices. A commit then returns before the last
 * subscriber has been woken, however many there are. The thread runs from the open to the close,
 * with all signals blocked. The close waits until all commits have been notified. */
#define STELE_NOTIFIER_THREAD (1u << 5)

/* Subscribers: for a program with an event loop of its own. stele_subscriber_fd() works, or the
 * open fails. Without options.notifier, the notifier is "mq", or else "socket", or else "fifo". */
#define STELE_DESCRIPTOR (1u << 6)

/* Publishers: give the files of a new region the group options.group. */
#define STELE_GROUP (1u << 7)

/* stele_region_clean(): report leftovers without removing them. */
#define STELE_DRY_RUN (1u << 10)

/* stele_region_save(), stele_subscriber_save(): replace an existing file. */
#define STELE_REPLACE (1u << 11)

/* Subscribers, stele_region_verify(): read a region of any owner. */
#define STELE_ANY_OWNER (1u << 12)

/* Subscribers, stele_region_verify(): read only a region of options.owner. OWNERS in
 * <stele/subscriber.h> explains the two. */
#define STELE_ONE_OWNER (1u << 13)

/* Following (struct stele_follow_options): follow this one region. The follow ends with -ENOENT
 * when the region is removed, and with -EIDRM when another one takes its name. */
#define STELE_ONE_REGION (1u << 15)

/* Following: report no version as applied. The caller does so by stele_subscriber_applied(), when
 * and if it has applied the version. For a program that hands the changes on. */
#define STELE_APPLIED_BY_CALLER (1u << 16)

/* Publishers, with STELE_CREATE or STELE_CREATE_NEW: make the new region one that all publishers
 * share, whether or not they have STELE_SHARED. Has no effect on a region that exists, for which
 * there is stele_publisher_set_shared(). */
#define STELE_SHARED_REGION (1u << 17)

/* Following, and stele_difference_set_flags(): also return an event for each table that was created
 * or dropped. */
#define STELE_TABLE_EVENTS (1u << 18)

/* Columns (struct stele_column): a mark for people: programs should stop using the column. */
#define STELE_COLUMN_DEPRECATED (1u << 20)

#endif
