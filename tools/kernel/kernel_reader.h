/* SPDX-License-Identifier: MIT
 *
 * Reads the kernel for the mirror: the messages that it sends, and, by dumps and queries, what is
 * in doubt. kernel.c calls this within transactions.
 *
 * The kernel may change during a dump. The messages that arrive during a dump are applied after it,
 * in the same transaction. Some of them are older than what was dumped (kernel_replay.h).
 *
 * A dump starts at once if messages were lost, and as soon as no message has arrived for a short
 * time. If messages keep arriving that do not describe all of their change, the publisher would
 * always dump. Therefore such a dump waits until a multiple of the duration of the last one has
 * passed. Messages are still applied meanwhile.
 *
 * Each set of dumps starts with a dump of the links, whichever kinds are dirty. The kernel reports
 * that a link goes down, or that an address is removed, before it removes the routes that depend on
 * it. A dump of routes does not wait for that removal, and could still have these routes. A dump of
 * links waits, because it takes the lock (RTNL) that the kernel holds from the report until the
 * removal.
 *
 * Errors are those of the netlink sockets, and those of the tables, whose error message
 * kernel_region_fail_library() has set. */
#ifndef TOOLS_KERNEL_KERNEL_READER_H
#define TOOLS_KERNEL_KERNEL_READER_H

#include "tools/kernel/kernel_mirror.h"
#include "tools/kernel/kernel_region.h"
#include "tools/netlink/kernel_routers.h"
#include "tools/netlink/kernel_socket.h"

/* Times are in nanoseconds on CLOCK_MONOTONIC. */
struct kernel_reader {
	struct kernel_region *region;
	struct kernel_mirror *mirror;
	struct kernel_sockets sockets;
	struct kernel_routers routers;
	struct kernel_relink relink; /* while the routes of a link are read */
	bool drained;                /* the socket has no more messages */
	bool urgent; /* messages were lost, or there was no dump yet: the next must not wait */
	bool again;  /* everything was dumped because rows had no space; the publisher resets it */
	int64_t last_event; /* time of the last message */
	int64_t rest_until; /* time before which no dump starts while messages arrive */
	int64_t proxies_at; /* time to read the proxy neighbours again */
};

/* Opens the sockets, with `receive_buffer` bytes for messages. `routers`: hears router
 * advertisements. The region and the mirror must be set. */
int kernel_reader_open(struct kernel_reader *reader, int receive_buffer, bool routers);
void kernel_reader_close(struct kernel_reader *reader);

/* Applies messages until none has arrived for `settle_ms`, or until the burst has its maximum
 * size. */
int kernel_reader_burst(struct kernel_reader *reader, int settle_ms);

/* Doubts the links on which routers have sent advertisements. */
int kernel_reader_take_routers(struct kernel_reader *reader);
/* Hears the advertisements that have arrived. */
void kernel_reader_hear_routers(struct kernel_reader *reader);

/* Reads what is dirty or in doubt, and applies what arrived meanwhile. */
int kernel_reader_resolve(struct kernel_reader *reader);

/* Returns the nanoseconds until there is something to read even if no message arrives. */
int64_t kernel_reader_rest(const struct kernel_reader *reader);

#endif
