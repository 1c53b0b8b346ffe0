/* SPDX-License-Identifier: MIT
 *
 * A publisher that mirrors the kernel: the links, addresses, neighbours and routes of this
 * process's network namespace, over rtnetlink. It dumps first and then follows: each burst of
 * kernel messages is one version. Where a message does not say all that it changed, or messages
 * were lost, it dumps again and commits the difference.
 *
 * TABLES, made when the region does not have them:
 *
 *   routes4, routes6   the main routing table, one row for each prefix: the route with the lowest
 *                      metric. For longest-prefix lookups of addresses. Routes with a TOS (IPv4) or
 *                      for some source addresses only (IPv6) are not candidates
 *   rib4, rib6         every route of every table, the local one (255) included
 *   links              the interfaces
 *   addresses4, addresses6
 *   neighbours4, neighbours6   entries that are resolved, permanent, or failed
 */
#ifndef TOOLS_KERNEL_KERNEL_H
#define TOOLS_KERNEL_KERNEL_H

#include <stddef.h>
#include <stdint.h>
#include <stele/stele.h>

struct stele_publisher_options;

struct kernel_options {
	/* A descriptor that becomes readable when the source shall stop: a signalfd of signals that
	 * the caller has blocked, an eventfd, a pipe. The source never reads it. */
	int stop_fd;

	/* How to attach; NULL: STELE_CREATE and defaults for the rest. */
	const struct stele_publisher_options *publisher;

	/* The message of the versions in the history; NULL: one that says whether the version is a
	 * dump or an update. */
	const char *message;

	/* Called after each commit that made a version, with a sentence (no newline) about it that
	 * holds during the call, and, with version 0, about events that made none. May be NULL. */
	void (*report)(void *context, const char *message, uint64_t version);
	void *context;

	/* Bytes of receive buffer for kernel messages; 0: 32 MiB, or what the system allows. */
	int receive_buffer;

	/* Where to put the sentence about a failure: always terminated when error_size is not 0. */
	char *error;
	size_t error_size;
};

/* Runs until `stop_fd` is readable; then detaches and returns 0, the region staying as it is. On
 * failure returns a negative errno and writes the sentence to `options->error`: as
 * stele_publisher_open() and the functions of transactions, or what the netlink socket said. */
int kernel_run(const char *region, const struct kernel_options *options);

#endif
