/* SPDX-License-Identifier: MIT
 *
 * The kernel mirror in a process of its own, in a network namespace of the test, which changes it
 * with ip(8). Needs root. */
#ifndef TESTS_SUPPORT_KERNEL_SOURCE_H
#define TESTS_SUPPORT_KERNEL_SOURCE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <stele/stele.h>

#include "tools/fib/kernel_tables.h"
#include "tools/kernel/kernel.h"

/* What the mirror reported. Shared with its process. */
struct counters {
	volatile unsigned dumps, updates, losses, synced, full;
};

extern char kernel_region[64];
extern struct counters *counters;
extern pid_t source_pid;

/* Makes the namespace: two linked interfaces, d0 and d1, with addresses. Skips the test without
 * root. */
void kernel_setup(void);
/* Kills the mirror and removes the region. */
void kernel_teardown(void);

/* Which routes kernel_source_start() mirrors: all, if it is zero. */
extern struct kernel_filter kernel_source_filter;
/* Where FRR connects to; NULL: the routes are the kernel's. */
extern const struct kernel_fpm_options *kernel_source_fpm;

/* Start the mirror: by calling it, or by running the command, whose standard output is a file.
 * `option` may be NULL. */
void kernel_source_start(int receive_buffer);
void kernel_command_start(const char *output, const char *option);
void kernel_source_stop(void);

/* Runs ip(8), which must succeed. */
void kernel_ip(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Opens a pipe to a batch of ip(8). The batch continues after errors, unless it is `strict`. */
FILE *kernel_batch_open(bool strict);

/* Waits for the first version. */
struct stele_subscriber *kernel_subscribe(void);

/* Waits until the region holds what `ip -json` prints, row for row, and says so in its table
 * `status`, if the mirror runs. Returns the version. `step` is for the message of a failure. */
uint64_t kernel_wait_agreement(struct stele_subscriber *subscriber, const char *step);

/* Adds, replaces or deletes routes to 10.16.0.0 and up. With `gateway` 0 no gateway is named. */
void many_routes(const char *verb, unsigned from, unsigned to, unsigned gateway, const char *more);

/* Returns the row of the table `status`. */
struct kernel_status read_status(struct stele_subscriber *subscriber);

#endif
