/* SPDX-License-Identifier: MIT
 *
 * Routes from FRR: listens for the connection of its forwarding plane manager (`zebra -M
 * dplane_fpm_nl'), which pushes routes and next-hop objects, and applies them (kernel_push.h).
 * kernel.c calls this in its loop, which mirrors all else from the kernel.
 *
 * The stream consists of messages: a header of 4 bytes (version 1, type 1, and the length with the
 * header, big-endian), then one or more netlink messages. FRR never says that it has sent all
 * routes. When a connection is made, it walks its tables and sends each route once; if its buffer
 * of about 1 MB is full, it goes on a second later. So the walk is taken to be over when less than
 * BUSY_BYTES have come during options.quiet_ns. Routes that FRR has not sent again by then may be
 * gone, or FRR has just started and does not have them yet: they stay until options.hold_ns after
 * the connection was made.
 *
 * The peer may send any bytes: each length is checked, the buffer has a fixed size, and the socket
 * is read outside of transactions, without waiting for the rest of a message. */
#ifndef TOOLS_KERNEL_KERNEL_FPM_H
#define TOOLS_KERNEL_KERNEL_FPM_H

#include <poll.h>
#include "tools/fib/kernel_push.h"
#include "tools/kernel/kernel_region.h"

struct kernel_fpm {
	struct kernel_region *region;
	const struct kernel_fpm_options *options;
	struct kernel_push push;
	int listener, connection;        /* -1: none */
	struct sockaddr_storage address; /* the other end of the last connection */
	socklen_t address_size;

	uint8_t *buffer;
	size_t start, end; /* the bytes that were received and not yet applied */
	size_t whole;      /* where the part of whole messages ends */

	const char *reason; /* why the tables may differ from FRR's, or "" */
	bool loaded;        /* `push` has read the tables */
	bool syncing;       /* FRR sends all of its routes: from its first message on */
	bool spoke;         /* a whole message has come over the connection */
	bool broke;         /* the connection has ended; not reported yet */
	bool pending;       /* the row of the table `status` must be written */
	/* Times in nanoseconds on CLOCK_MONOTONIC. */
	int64_t connected_at; /* when the sync began */
	int64_t busy_at;      /* when BUSY_BYTES had come since the last such time */
	int64_t read_at;
	int64_t refused_at; /* when something about a stranger was last reported */
	int64_t accept_at;  /* when to accept connections again */
	int64_t load_at;    /* when the tables may be read again */
	size_t busy_bytes;
};

/* Listens. `fpm` is all zero. Returns 0, or a negative errno after it has set the error message of
 * the region. The caller closes it in each case. */
int kernel_fpm_open(struct kernel_fpm *fpm, struct kernel_region *region,
                    const struct kernel_fpm_options *options);
void kernel_fpm_close(struct kernel_fpm *fpm);

/* Reports where FRR is waited for. */
void kernel_fpm_note(const struct kernel_fpm *fpm);

/* Sets two elements for poll(), and returns the nanoseconds after which there is something to do at
 * the latest. */
int64_t kernel_fpm_wait(const struct kernel_fpm *fpm, struct pollfd ret[2]);

/* Accepts a connection and reads what has come, outside of a transaction. Returns true if
 * kernel_fpm_apply() has something to do. */
bool kernel_fpm_receive(struct kernel_fpm *fpm);

/* Applies what was read, in the open transaction of the region. Returns 0 or a negative errno. */
int kernel_fpm_apply(struct kernel_fpm *fpm);

/* Ends the connection, so that FRR connects again and sends all routes. `reason` is a string
 * literal. Called after an aborted transaction, and if rows were refused. */
void kernel_fpm_restart(struct kernel_fpm *fpm, const char *reason);

#endif
