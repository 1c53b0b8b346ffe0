/* SPDX-License-Identifier: MIT
 *
 * The kernel publisher: mirrors the links, addresses, neighbours, forwarding entries, rules and
 * routes of this process's network namespace, over rtnetlink. `stele publish --kernel-routes'
 * runs it.
 *
 * It first dumps all objects, and then follows the messages of the kernel: each burst of messages
 * is one version. A message about a route is applied by the kernel's own rules. What the kernel
 * changes without a message is read again for the link that it concerns. If messages were lost, all
 * objects are dumped again, and the differences are committed. docs/design/kernel.md has the model.
 *
 * TABLES, created if the region does not have them (kernel_tables.h):
 *
 *   fib4, fib6         for each prefix of each routing table, the route that the kernel takes
 *   alternatives4, alternatives6
 *                      all other routes
 *   nexthops           the next-hop objects
 *   buckets            the buckets of resilient groups
 *   rules4, rules6     the rules by which the kernel chooses routing tables
 *   links              the interfaces
 *   addresses4, addresses6
 *   neighbours4, neighbours6   entries that are resolved, failed, or set by a program
 *   proxies4, proxies6         addresses that the host answers for
 *   fdb                        forwarding entries of bridges and VXLAN interfaces
 *   status             one row: whether the tables are the kernel's state
 */
#ifndef TOOLS_KERNEL_KERNEL_H
#define TOOLS_KERNEL_KERNEL_H

#include <stddef.h>
#include <stdint.h>
#include <stele/stele.h>
#include <sys/socket.h>

struct kernel_filter;
struct kernel_status;
struct stele_publisher_options;

enum kernel_event {
	KERNEL_NOTED = 1, /* how the publisher has attached, or what keeps it from working well */
	KERNEL_DUMPED,    /* a version that read objects again */
	KERNEL_UPDATED,   /* a version by messages alone */
	/* The tables are the kernel's state: at the start, after KERNEL_LOST and KERNEL_FULL. */
	KERNEL_SYNCED,
	KERNEL_LOST, /* the kernel lost messages; all objects are read again */
	KERNEL_FULL, /* the region has no space for some rows, which are left out */
	/* FRR has connected, from the address `note`; the connection has ended, for the reason
	 * `note`; another connection was refused, from the address `note`. */
	KERNEL_CONNECTED,
	KERNEL_DISCONNECTED,
	KERNEL_REFUSED,
	KERNEL_STOPPED, /* kernel_run() ends, and has detached */
};

/* What has happened. Pointers are valid during the call. */
struct kernel_report {
	enum kernel_event event;
	uint64_t version;                   /* that has come of it; 0: none */
	unsigned objects;                   /* read again in this version */
	unsigned messages;                  /* applied in this version */
	const struct kernel_status *status; /* the row of the table `status` */
	const char *note;                   /* of the publisher, with KERNEL_NOTED; or see above */
};

/* Where the routes come from if not from the kernel: FRR's forwarding plane manager (kernel_fpm.h).
 */
struct kernel_fpm_options {
	struct sockaddr_storage address; /* to listen on */
	socklen_t address_size;
	/* All that FRR has is taken to be sent when it has been quiet for this time, in
	 * nanoseconds. */
	int64_t quiet_ns;
	/* How long after a connection routes stay that FRR does not send again. */
	int64_t hold_ns;
};

struct kernel_options {
	/* Becomes readable when the publisher must stop: a signalfd of signals that the caller has
	 * blocked, an eventfd, or a pipe. kernel_run() never reads from it. */
	int stop_fd;

	/* How to attach; NULL: with STELE_CREATE and the defaults. */
	const struct stele_publisher_options *publisher;

	/* The message that is stored with each version; NULL: "kernel dump" or "kernel update". */
	const char *message;

	/* Called for each event, outside of transactions. May be NULL. */
	void (*report)(void *context, const struct kernel_report *report);
	void *context;

	/* The routes to mirror; NULL: all. */
	const struct kernel_filter *filter;

	/* NULL: the routes of the kernel. */
	const struct kernel_fpm_options *fpm;

	/* Bytes of the receive buffer for kernel messages; 0: 128 MiB, or the system's limit. */
	int receive_buffer;

	/* Receives the error message, or "" if there is none. Unused if `error_size` is 0. */
	char *error;
	size_t error_size;
};

/* Runs until `stop_fd` is readable. Then detaches, leaves the region in place, and returns 0. After
 * a failure, returns a negative errno and writes an error message to options->error. The errors are
 * those of stele_publisher_open(), of the functions for transactions, and of the netlink
 * sockets. */
int kernel_run(const char *region, const struct kernel_options *options);

#endif
