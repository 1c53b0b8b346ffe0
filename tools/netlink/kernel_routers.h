/* SPDX-License-Identifier: MIT
 *
 * Hears router advertisements, by which the kernel changes the preference, the metrics and the
 * lifetime of IPv6 routes without a message. A raw socket has an advertisement some time before the
 * kernel has applied it, so its link is due later. tools/kernel/kernel_reader.c calls this. */
#ifndef TOOLS_NETLINK_KERNEL_ROUTERS_H
#define TOOLS_NETLINK_KERNEL_ROUTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Links that can be due. */
#define KERNEL_ROUTERS_MAX 64u

struct kernel_routers {
	int fd; /* -1: the process may not hear them */
	struct {
		uint32_t ifindex;
		/* When the routes of the link are to be read, on CLOCK_MONOTONIC: some time
		 * after the last advertisement, but at least once by `until`. */
		int64_t at, until;
	} due[KERNEL_ROUTERS_MAX];
	size_t count;
	bool many; /* more links were due; the publisher resets it */
};

/* Opens the socket, which needs CAP_NET_RAW. Without it, hears nothing. */
void kernel_routers_open(struct kernel_routers *routers);
void kernel_routers_close(struct kernel_routers *routers);

/* Reads advertisements, up to a maximum. Their links are due at the time `at`. */
void kernel_routers_hear(struct kernel_routers *routers, int64_t at);

/* Returns when the next link is due, or INT64_MAX. */
int64_t kernel_routers_next(const struct kernel_routers *routers);

/* Takes a link that is due. Returns false if there is none. */
bool kernel_routers_take(struct kernel_routers *routers, int64_t now, uint32_t *ret_ifindex);

#endif
