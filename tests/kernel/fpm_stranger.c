/* SPDX-License-Identifier: MIT
 *
 * `stele publish --fpm' when something else than FRR connects. Needs root. */
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <stele/stele.h>

#include "tests/support/kernel/fpm_peer.h"
#include "tests/support/kernel_source.h"

static struct fpm_batch batch;

static void send_route(int fd, const char *prefix)
{
	fpm_add_route(&batch, &(struct fpm_route){.prefix = prefix,
	                                          .gateway = {"10.0.0.2"},
	                                          .ifindex = {if_nametoindex("d0")}});
	fpm_send(fd, &batch);
}

/* Makes the mirror commit a version, and waits for it. */
static void commit(struct stele_subscriber *subscriber, const char *address)
{
	uint64_t addresses = fpm_count(subscriber, "addresses4");

	kernel_ip("address add %s dev d1", address);
	while (fpm_count(subscriber, "addresses4") != addresses + 1)
		sched_yield();
}

/* Makes the mirror commit 20 versions, with addresses from number `from` on. */
static void commit_many(struct stele_subscriber *subscriber, int from)
{
	for (int i = from; i < from + 20; i++) {
		char address[32];

		snprintf(address, sizeof(address), "10.0.%d.1/24", i);
		commit(subscriber, address);
	}
}

/* Returns the processor time of the mirror, in seconds. */
static double used_time(void)
{
	struct timespec used;
	clockid_t clock;

	cr_assert_eq(clock_getcpuclockid(source_pid, &clock), 0);
	clock_gettime(clock, &used);
	return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

/* The routes of FRR stay, and status says that they are not followed. */
Test(kernel_fpm_stranger, a_peer_that_sends_no_route_deletes_none, .init = kernel_setup,
     .fini = kernel_teardown, .timeout = 120)
{
	struct kernel_fpm_options options = fpm_options(0.01, 0);
	struct stele_subscriber *subscriber;
	int fd;

	kernel_source_fpm = &options;
	kernel_source_start(0);
	subscriber = kernel_subscribe();
	fd = fpm_connect("127.0.0.1");
	send_route(fd, "10.50.0.0/16");
	fpm_expect_status(subscriber, true, "");
	close(fd);
	fpm_expect_status(subscriber, false, "FRR has closed the connection");
	fd = fpm_connect("127.0.0.1");
	cr_assert(fpm_send_bytes(fd, "\1\1\0\4", 4));
	commit(subscriber, "10.0.7.1/24");
	commit(subscriber, "10.0.8.1/24");
	fpm_expect_status(subscriber, false, "FRR has closed the connection");
	fpm_expect(subscriber, "10.50.0.0/16", "unicast bgp d0 10.0.0.2");
	send_route(fd, "10.51.0.0/16");
	fpm_expect_status(subscriber, true, "");
	fpm_expect(subscriber, "10.50.0.0/16", "");
	close(fd);
	stele_subscriber_close(subscriber);
	kernel_source_stop();
}

/* A mirror without a free descriptor leaves the connection alone, and does not try all the time. */
Test(kernel_fpm_stranger, fault_28_a_connection_waits_for_a_descriptor, .init = kernel_setup,
     .fini = kernel_teardown, .timeout = 120)
{
	struct kernel_fpm_options options = fpm_options(0.01, 0);
	struct rlimit few = {.rlim_cur = 6, .rlim_max = 1024}, many = {1024, 1024};
	struct stele_subscriber *subscriber;
	double used[3];
	int fd;

	kernel_source_fpm = &options;
	kernel_source_start(0);
	subscriber = kernel_subscribe();
	fpm_expect_status(subscriber, false, "FRR has not connected yet");
	used[0] = used_time();
	commit_many(subscriber, 10);
	used[1] = used_time();
	/* The mirror has all descriptors below 6; poll(2) takes no more than the limit. */
	cr_assert_eq(prlimit(source_pid, RLIMIT_NOFILE, &few, NULL), 0);
	fd = fpm_connect("127.0.0.1");
	commit_many(subscriber, 30);
	used[2] = used_time();
	/* A mirror that tries all the time needs thirty times as much. */
	cr_assert_lt(used[2] - used[1], 8 * (used[1] - used[0]) + 0.02);
	cr_assert_eq(prlimit(source_pid, RLIMIT_NOFILE, &many, NULL), 0);
	send_route(fd, "10.50.0.0/16");
	fpm_expect_status(subscriber, true, "");
	fpm_expect(subscriber, "10.50.0.0/16", "unicast bgp d0 10.0.0.2");
	close(fd);
	stele_subscriber_close(subscriber);
	kernel_source_stop();
}
