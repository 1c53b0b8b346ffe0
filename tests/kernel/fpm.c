/* SPDX-License-Identifier: MIT
 *
 * The routes of FRR (kernel_fpm.h), from a peer that the test plays over TCP. frr.c does the same
 * with FRR itself. Needs root. */
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "tests/support/clock.h"
#include "tests/support/kernel/fpm_peer.h"
#include "tests/support/kernel_source.h"
#include "tests/support/random.h"

/* Seconds that do not end during a test. */
#define FOREVER 1e6

static struct fpm_batch batch;
static struct kernel_fpm_options options;
static uint32_t d0, d1;

/* Makes the namespace, and starts the publisher. */
static struct stele_subscriber *start(double quiet, double hold)
{
	d0 = if_nametoindex("d0");
	d1 = if_nametoindex("d1");
	options = fpm_options(quiet, hold);
	kernel_source_fpm = &options;
	kernel_source_start(0);
	return kernel_subscribe();
}

static void stop(struct stele_subscriber *subscriber)
{
	stele_subscriber_close(subscriber);
	kernel_source_stop();
}

Test(kernel_fpm, routes_are_mirrored, .init = kernel_setup, .fini = kernel_teardown, .timeout = 120)
{
	struct stele_subscriber *subscriber = start(0.2, 0);
	int fd;

	fpm_expect_status(subscriber, false, "FRR has not connected yet");
	fd = fpm_connect("127.0.0.1");
	fpm_add_via(&batch, "10.50.0.0/16", "10.0.0.2", d0);
	fpm_add_via(&batch, "10.0.0.0/24", NULL, d0);
	fpm_add_via(&batch, "2001:db8::/32", "fd00::2", d0);
	fpm_add_route(&batch, &(struct fpm_route){.prefix = "10.51.0.0/16",
	                                          .gateway = {"10.0.0.2", "10.0.1.2"},
	                                          .ifindex = {d0, d1},
	                                          .weight = {1, 3}});
	fpm_add_route(&batch, &(struct fpm_route){.prefix = "10.52.0.0/16", .type = RTN_BLACKHOLE});
	fpm_send(fd, &batch);
	fpm_expect_status(subscriber, true, "");
	fpm_expect(subscriber, "10.50.0.0/16", "unicast bgp d0 10.0.0.2");
	fpm_expect(subscriber, "10.0.0.0/24", "unicast bgp d0 -");
	fpm_expect(subscriber, "2001:db8::/32", "unicast bgp d0 fd00::2");
	fpm_expect(subscriber, "10.51.0.0/16",
	           "unicast bgp d0 10.0.0.2 [10.0.0.2 d0 1] [10.0.1.2 d1 3]");
	fpm_expect(subscriber, "10.52.0.0/16", "blackhole bgp  -");
	/* The kernel has more routes, and they are not mirrored. */
	cr_assert_eq(fpm_count(subscriber, "fib4"), 4u);
	cr_assert_eq(fpm_count(subscriber, "fib6"), 1u);
	cr_assert_gt(fpm_count(subscriber, "links"), 2u);
	cr_assert_gt(fpm_count(subscriber, "rules4"), 2u);
	stop(subscriber);
}

/* A route replaces the one before, whatever its metric and hops; a deletion names the prefix. */
Test(kernel_fpm, routes_are_replaced_and_deleted, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 120)
{
	struct stele_subscriber *subscriber = start(0.2, 0);
	int fd = fpm_connect("127.0.0.1");

	fpm_add_via(&batch, "10.50.0.0/16", "10.0.0.2", d0);
	fpm_add_via(&batch, "2001:db8::/32", "fd00::2", d0);
	fpm_send(fd, &batch);
	fpm_expect(subscriber, "2001:db8::/32", "unicast bgp d0 fd00::2");
	fpm_add_via(&batch, "10.50.0.0/16", "10.0.1.9", d1);
	fpm_update_route(&batch, &(struct fpm_route){.prefix = "2001:db8::/32",
	                                             .gateway = {"fd00::3", "fd00::4"},
	                                             .ifindex = {d0, d1}});
	fpm_send(fd, &batch);
	fpm_expect(subscriber, "2001:db8::/32",
	           "unicast bgp d0 fd00::3 [fd00::3 d0 1] [fd00::4 d1 1]");
	fpm_expect(subscriber, "10.50.0.0/16", "unicast bgp d1 10.0.1.9");
	cr_assert_eq(fpm_count(subscriber, "alternatives4"), 0u);
	cr_assert_eq(fpm_count(subscriber, "alternatives6"), 0u);
	fpm_delete_route(&batch, "10.50.0.0/16");
	fpm_delete_route(&batch, "2001:db8::/32");
	fpm_delete_route(&batch, "10.99.0.0/16");
	fpm_send(fd, &batch);
	fpm_expect(subscriber, "10.50.0.0/16", "");
	fpm_expect(subscriber, "2001:db8::/32", "");
	fpm_expect_status(subscriber, true, "");
	stop(subscriber);
}

Test(kernel_fpm, the_stream_is_split_anywhere, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 120)
{
	struct stele_subscriber *subscriber = start(0.2, 0);
	int fd = fpm_connect("127.0.0.1"), on = 1;

	/* Without this, the system joins the bytes again. */
	setsockopt(fd, 6 /* IPPROTO_TCP */, 1 /* TCP_NODELAY */, &on, sizeof(on));
	fpm_add_many(&batch, 0, 20, "10.0.0.2", d0);
	for (size_t at = 0; at < batch.size; at++)
		cr_assert(fpm_send_bytes(fd, batch.bytes + at, 1));
	batch.size = 0;
	fpm_expect(subscriber, "10.16.19.0/24", "unicast bgp d0 10.0.0.2");
	/* More than the buffer of the publisher holds. */
	fpm_add_many(&batch, 0, 20000, "10.0.0.3", d0);
	fpm_send(fd, &batch);
	fpm_expect(subscriber, "10.94.31.0/24", "unicast bgp d0 10.0.0.3");
	cr_assert_eq(fpm_count(subscriber, "fib4"), 20000u);
	fpm_expect_status(subscriber, true, "");
	stop(subscriber);
}

/* Routes that name a next-hop object have its next hops, in whichever order the messages come. */
Test(kernel_fpm, next_hop_groups_are_resolved, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 120)
{
	struct stele_subscriber *subscriber = start(0.2, 0);
	const uint32_t members[] = {7, 8};
	int fd = fpm_connect("127.0.0.1");

	fpm_add_route(&batch, &(struct fpm_route){.prefix = "10.50.0.0/16", .nexthop_id = 9});
	fpm_add_route(&batch, &(struct fpm_route){.prefix = "10.51.0.0/16", .nexthop_id = 7});
	fpm_add_route(&batch, &(struct fpm_route){.prefix = "10.52.0.0/16", .nexthop_id = 10});
	fpm_add_via(&batch, "10.53.0.0/16", "10.0.0.9", d0);
	fpm_send(fd, &batch);
	/* A route without its object is not taken. */
	fpm_expect(subscriber, "10.53.0.0/16", "unicast bgp d0 10.0.0.9");
	fpm_expect(subscriber, "10.50.0.0/16", "");
	cr_assert_eq(fpm_count(subscriber, "alternatives4"), 3u);
	fpm_add_group(&batch, 9, members, 2);
	fpm_add_nexthop(&batch, 7, "10.0.0.2", d0);
	fpm_add_nexthop(&batch, 8, "fd00::8", d1);
	fpm_add_nexthop(&batch, 10, NULL, 0);
	fpm_send(fd, &batch);
	fpm_expect(subscriber, "10.50.0.0/16",
	           "unicast bgp d0 10.0.0.2 [10.0.0.2 d0 1] [fd00::8 d1 1]");
	fpm_expect(subscriber, "10.51.0.0/16", "unicast bgp d0 10.0.0.2");
	fpm_expect(subscriber, "10.52.0.0/16", "blackhole bgp  -");
	cr_assert_eq(fpm_count(subscriber, "alternatives4"), 0u);
	cr_assert_eq(fpm_count(subscriber, "nexthops"), 5u);
	/* The routes of an object change with it, and those of its groups. */
	fpm_add_nexthop(&batch, 7, "10.0.0.4", d0);
	fpm_send(fd, &batch);
	fpm_expect(subscriber, "10.50.0.0/16",
	           "unicast bgp d0 10.0.0.4 [10.0.0.4 d0 1] [fd00::8 d1 1]");
	fpm_expect(subscriber, "10.51.0.0/16", "unicast bgp d0 10.0.0.4");
	fpm_delete_nexthop(&batch, 7);
	fpm_send(fd, &batch);
	fpm_expect(subscriber, "10.51.0.0/16", "");
	fpm_expect(subscriber, "10.50.0.0/16", "unicast bgp d1 fd00::8");
	stop(subscriber);
}

/* An object with more routes than the index holds. */
Test(kernel_fpm, an_object_of_many_routes_changes, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 120)
{
	struct stele_subscriber *subscriber = start(0.2, 0);
	int fd = fpm_connect("127.0.0.1");

	fpm_add_nexthop(&batch, 7, "10.0.0.2", d0);
	for (int i = 0; i < 600; i++) {
		char prefix[32];

		snprintf(prefix, sizeof(prefix), "10.%d.%d.0/24", i / 200, i % 200);
		fpm_add_route(&batch, &(struct fpm_route){.prefix = prefix, .nexthop_id = 7});
	}
	fpm_send(fd, &batch);
	fpm_expect(subscriber, "10.2.199.0/24", "unicast bgp d0 10.0.0.2");
	fpm_add_nexthop(&batch, 7, "10.0.1.2", d1);
	fpm_send(fd, &batch);
	fpm_expect(subscriber, "10.2.199.0/24", "unicast bgp d1 10.0.1.2");
	fpm_expect(subscriber, "10.0.0.0/24", "unicast bgp d1 10.0.1.2");
	stop(subscriber);
}

/* Routes stay while FRR is away, and until it has sent its routes again. Readers see only the
 * difference. */
Test(kernel_fpm, only_the_difference_is_committed_after_a_restart, .init = kernel_setup,
     .fini = kernel_teardown, .timeout = 120)
{
	/* Without FOREVER, the sync would be over at once. */
	struct stele_subscriber *subscriber = start(0, FOREVER);
	uint64_t before, during, after;
	int fd = fpm_connect("127.0.0.1");

	fpm_add_nexthop(&batch, 7, "10.0.0.7", d0);
	fpm_add_nexthop(&batch, 8, "10.0.0.8", d0);
	fpm_add_route(&batch, &(struct fpm_route){.prefix = "10.99.0.0/16", .nexthop_id = 7});
	fpm_add_many(&batch, 0, 300, "10.0.0.2", d0);
	fpm_send(fd, &batch);
	fpm_expect(subscriber, "10.17.43.0/24", "unicast bgp d0 10.0.0.2");
	before = fpm_expect_status(subscriber, true, "");
	cr_assert_eq(fpm_count(subscriber, "fib4"), 301u);
	close(fd);
	fpm_expect_status(subscriber, false, "FRR has closed the connection");
	cr_assert_eq(fpm_count(subscriber, "fib4"), 301u);

	fd = fpm_connect("127.0.0.1");
	fpm_add_nexthop(&batch, 7, "10.0.0.7", d0);
	fpm_add_route(&batch, &(struct fpm_route){.prefix = "10.99.0.0/16", .nexthop_id = 7});
	fpm_add_many(&batch, 2, 299, "10.0.0.2", d0);
	fpm_add_many(&batch, 299, 300, "10.0.0.3", d0);
	fpm_add_many(&batch, 300, 301, "10.0.0.2", d0);
	fpm_send(fd, &batch);
	during = fpm_expect(subscriber, "10.17.44.0/24", "unicast bgp d0 10.0.0.2");
	/* Two routes are missing: FRR may still send them. An object is missing, too. */
	cr_assert_eq(fpm_count(subscriber, "fib4"), 302u);
	fpm_expect_status(subscriber, false, "FRR sends its routes");
	cr_assert_eq(fpm_differences(kernel_region, "fib4", before, during, '-'), 0);
	fpm_delete_route(&batch, "10.16.0.0/24");
	fpm_delete_route(&batch, "10.16.1.0/24");
	fpm_send(fd, &batch);
	after = fpm_expect_status(subscriber, true, "");
	cr_assert_eq(fpm_differences(kernel_region, "fib4", before, after, '-'), 2);
	cr_assert_eq(fpm_differences(kernel_region, "fib4", before, after, '~'), 1);
	cr_assert_eq(fpm_differences(kernel_region, "fib4", before, after, '+'), 1);
	cr_assert_eq(fpm_differences(kernel_region, "nexthops", before, after, '-'), 1);
	cr_assert_eq(fpm_differences(kernel_region, "nexthops", before, after, '~'), 0);
	stop(subscriber);
}

/* What FRR has not sent again is deleted at the end of the sync. That is also so for the rows of an
 * earlier publisher. */
Test(kernel_fpm, routes_that_are_not_sent_again_go, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 120)
{
	struct stele_subscriber *subscriber;
	uint64_t before, after;
	int fd;

	/* The kernel's routes, some with several to a prefix. */
	kernel_ip("route add 10.200.0.0/16 via 10.0.0.2");
	kernel_ip("route add 10.200.0.0/16 via 10.0.0.3 metric 5");
	kernel_ip("-6 route add 2001:db8:1::/48 from 2001:db8::/32 via fd00::2");
	kernel_source_start(0);
	subscriber = kernel_subscribe();
	kernel_wait_agreement(subscriber, "start");
	stele_subscriber_close(subscriber);
	kernel_source_stop();

	subscriber = start(0.2, 0);
	fpm_expect_status(subscriber, false, "FRR has not connected yet");
	fpm_expect(subscriber, "10.200.0.0/16", "unicast boot d0 10.0.0.2");
	fd = fpm_connect("127.0.0.1");
	fpm_add_nexthop(&batch, 7, "10.0.0.7", d0);
	fpm_add_route(&batch, &(struct fpm_route){.prefix = "10.99.0.0/16", .nexthop_id = 7});
	fpm_add_via(&batch, "10.50.0.0/16", "10.0.0.2", d0);
	fpm_send(fd, &batch);
	fpm_expect_status(subscriber, true, "");
	cr_assert_eq(fpm_count(subscriber, "fib4"), 2u);
	cr_assert_eq(fpm_count(subscriber, "fib6"), 0u);
	cr_assert_eq(fpm_count(subscriber, "alternatives4"), 0u);
	cr_assert_eq(fpm_count(subscriber, "alternatives6"), 0u);

	/* Another publisher, and FRR with the same routes but one: no row changes but that. */
	close(fd);
	before = fpm_expect_status(subscriber, false, "FRR has closed the connection");
	stele_subscriber_close(subscriber);
	kernel_source_stop();
	subscriber = start(0.2, 0);
	fd = fpm_connect("127.0.0.1");
	fpm_add_via(&batch, "10.50.0.0/16", "10.0.0.2", d0);
	fpm_send(fd, &batch);
	after = fpm_expect_status(subscriber, true, "");
	cr_assert_eq(fpm_differences(kernel_region, "fib4", before, after, '-'), 1);
	cr_assert_eq(fpm_differences(kernel_region, "fib4", before, after, '~'), 0);
	cr_assert_eq(fpm_differences(kernel_region, "fib4", before, after, '+'), 0);
	cr_assert_eq(fpm_count(subscriber, "nexthops"), 0u);
	stop(subscriber);
}

/* A half-sent header, or nothing at all, delays neither the kernel's messages, nor another
 * connection, nor the end. */
Test(kernel_fpm, a_slow_peer_delays_nothing, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 120)
{
	struct stele_subscriber *subscriber = start(FOREVER, 0);
	int slow = fpm_connect("127.0.0.1"), fd;
	uint64_t addresses;

	cr_assert(fpm_send_bytes(slow, "\1\1\0", 3));
	fpm_expect_status(subscriber, false, "FRR has not connected yet");
	addresses = fpm_count(subscriber, "addresses4");
	kernel_ip("address add 10.0.7.1/24 dev d1");
	while (fpm_count(subscriber, "addresses4") != addresses + 1)
		sched_yield();
	/* The peer has sent no whole message: FRR takes its place. */
	fd = fpm_connect("127.0.0.1");
	fpm_wait_closed(slow);
	fpm_add_via(&batch, "10.50.0.0/16", "10.0.0.2", d0);
	fpm_send(fd, &batch);
	fpm_expect(subscriber, "10.50.0.0/16", "unicast bgp d0 10.0.0.2");
	fpm_add_via(&batch, "10.51.0.0/16", "10.0.0.2", d0);
	cr_assert(fpm_send_bytes(fd, batch.bytes, batch.size - 1));
	kernel_ip("address add 10.0.8.1/24 dev d1");
	while (fpm_count(subscriber, "addresses4") != addresses + 2)
		sched_yield();
	fpm_expect(subscriber, "10.51.0.0/16", "");
	stop(subscriber);
}

Test(kernel_fpm, a_second_connection_is_refused, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 120)
{
	struct stele_subscriber *subscriber = start(0.2, 0);
	int fd = fpm_connect("127.0.0.1");

	fpm_add_via(&batch, "10.50.0.0/16", "10.0.0.2", d0);
	fpm_send(fd, &batch);
	fpm_expect_status(subscriber, true, "");
	for (int i = 0; i < 20; i++)
		fpm_wait_closed(fpm_connect("127.0.0.1"));
	fpm_add_via(&batch, "10.51.0.0/16", "10.0.0.2", d0);
	fpm_send(fd, &batch);
	fpm_expect(subscriber, "10.51.0.0/16", "unicast bgp d0 10.0.0.2");
	fpm_expect_status(subscriber, true, "");
	stop(subscriber);
}

Test(kernel_fpm, filters_apply, .init = kernel_setup, .fini = kernel_teardown, .timeout = 120)
{
	struct stele_subscriber *subscriber;
	int fd;

	kernel_source_filter = (struct kernel_filter){
		.table_count = 1, .tables = {254}, .protocol_count = 1, .protocols = {RTPROT_BGP}};
	subscriber = start(0.2, 0);
	fd = fpm_connect("127.0.0.1");
	fpm_add_via(&batch, "10.50.0.0/16", "10.0.0.2", d0);
	fpm_add_via(&batch, "10.51.0.0/16", "10.0.0.2", d0);
	fpm_add_route(&batch, &(struct fpm_route){.prefix = "10.52.0.0/16",
	                                          .ifindex = {d0},
	                                          .protocol = RTPROT_OSPF});
	fpm_add_route(&batch, &(struct fpm_route){
				      .prefix = "10.53.0.0/16", .ifindex = {d0}, .table = 1000});
	/* Another protocol takes the prefix over. */
	fpm_add_route(&batch, &(struct fpm_route){.prefix = "10.51.0.0/16",
	                                          .ifindex = {d0},
	                                          .protocol = RTPROT_OSPF});
	fpm_send(fd, &batch);
	fpm_expect_status(subscriber, true, "");
	fpm_expect(subscriber, "10.50.0.0/16", "unicast bgp d0 10.0.0.2");
	cr_assert_eq(fpm_count(subscriber, "fib4"), 1u);
	stop(subscriber);
}

Test(kernel_fpm, a_port_in_use_is_explained, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 60)
{
	struct stele_subscriber *subscriber = start(0.2, 0);
	char error[512] = "";
	int never[2];
	struct kernel_options second = {
		.fpm = &options, .error = error, .error_size = sizeof(error)};

	cr_assert_eq(pipe(never), 0);
	second.stop_fd = never[0];
	cr_assert_eq(kernel_run("test-kernel-fpm-second", &second), -EADDRINUSE);
	cr_assert(strstr(error, "127.0.0.1:2620"), "%s", error);
	cr_assert(strstr(error, "choose another port with --fpm"), "%s", error);
	stop(subscriber);
}

/* ---- hostile peers ---- */

/* Fills the batch with messages of all kinds. */
static void add_all_kinds(void)
{
	const uint32_t members[] = {7, 8};

	batch.size = 0;
	fpm_add_group(&batch, 9, members, 2);
	fpm_add_nexthop(&batch, 7, "10.0.0.2", d0);
	fpm_add_nexthop(&batch, 8, "fd00::8", d1);
	fpm_add_route(&batch, &(struct fpm_route){.prefix = "10.50.0.0/16", .nexthop_id = 9});
	fpm_add_route(&batch, &(struct fpm_route){.prefix = "10.51.0.0/16",
	                                          .gateway = {"10.0.0.2", "10.0.1.2"},
	                                          .ifindex = {d0, d1}});
	fpm_add_via(&batch, "2001:db8::/32", "fd00::2", d0);
	fpm_update_route(&batch, &(struct fpm_route){.prefix = "2001:db8::/32",
	                                             .gateway = {"fd00::3", "fd00::4"},
	                                             .ifindex = {d0, d1}});
	fpm_delete_route(&batch, "10.51.0.0/16");
	fpm_delete_nexthop(&batch, 8);
}

/* Spoils the messages in one of several ways. */
static void spoil(uint64_t *random)
{
	unsigned changes = 1 + random_from(random) % 8;

	switch (random_from(random) % 4) {
	case 0: /* bytes anywhere */
		for (unsigned i = 0; i < changes; i++)
			batch.bytes[random_from(random) % batch.size] =
				(uint8_t)random_from(random);
		break;
	case 1: /* bytes behind the headers, which stay right */
		for (size_t at = 0; at < batch.size;) {
			size_t size = (size_t)batch.bytes[at + 2] << 8 | batch.bytes[at + 3];

			for (unsigned i = 0; i < changes; i++)
				batch.bytes[at + 20 + random_from(random) % (size - 20)] =
					(uint8_t)(random_from(random) % 3 ? random_from(random)
				                                          : 255);
			at += size;
		}
		break;
	case 2: /* cut short */
		batch.size = random_from(random) % batch.size;
		break;
	default: /* no message at all */
		for (size_t i = 0; i < batch.size; i++)
			batch.bytes[i] = (uint8_t)random_from(random);
		batch.bytes[0] = batch.bytes[1] = (uint8_t)(random_from(random) % 2);
		break;
	}
}

/* After any bytes, the publisher follows FRR again, and has nothing but what FRR has sent. */
Test(kernel_fpm, garbage_does_no_harm, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 300)
{
	const char *seed = getenv("STELE_KERNEL_SEED"), *steps = getenv("STELE_KERNEL_STEPS");
	uint64_t first = seed ? strtoull(seed, NULL, 10) : 2620, random = first;
	unsigned count = steps ? (unsigned)atoi(steps) : 400;
	struct stele_subscriber *subscriber = start(0.2, 0);
	int fd;

	for (unsigned step = 0; step < count; step++) {
		add_all_kinds();
		spoil(&random);
		fd = fpm_connect("127.0.0.1");
		fpm_send_bytes(fd, batch.bytes, batch.size);
		/* The publisher closes the connection, or has read all. */
		shutdown(fd, SHUT_WR);
		cr_assert_leq(recv(fd, &(char){0}, 1, 0), 0);
		close(fd);
		cr_assert_eq(waitpid(source_pid, NULL, WNOHANG), 0,
		             "the publisher ended in step %u of seed %llu", step,
		             (unsigned long long)first);
	}
	batch.size = 0;
	fd = fpm_connect("127.0.0.1");
	fpm_add_via(&batch, "10.60.0.0/16", "10.0.0.2", d0);
	fpm_send(fd, &batch);
	fpm_expect(subscriber, "10.60.0.0/16", "unicast bgp d0 10.0.0.2");
	fpm_expect_status(subscriber, true, "");
	cr_assert_eq(fpm_count(subscriber, "fib4"), 1u, "seed %llu", (unsigned long long)first);
	cr_assert_eq(fpm_count(subscriber, "fib6"), 0u);
	cr_assert_eq(fpm_count(subscriber, "nexthops"), 0u);
	cr_assert_eq(fpm_count(subscriber, "alternatives4"), 0u);
	stop(subscriber);
}

/* A message of another protocol or length ends the connection, and `status` says why. */
Test(kernel_fpm, malformed_messages_end_the_connection, .init = kernel_setup,
     .fini = kernel_teardown, .timeout = 120)
{
	static const char *const malformed[] = {
		"\1\2\0\10abcd",                              /* protobuf */
		"\2\1\0\10abcd",                              /* another version */
		"\1\1\0\3",                                   /* shorter than its header */
		"\1\1\0\11abcde",                             /* not aligned */
		"\1\1\0\10\0\0\0",                            /* no netlink header */
		"\1\1\0\24\377\0\0\0\30\0\0\0\0\0\0\0\0\0\0", /* a longer netlink message */
	};
	static const size_t sizes[] = {8, 8, 4, 9, 8, 20};
	struct stele_subscriber *subscriber = start(0.2, 0);
	int fd;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		fd = fpm_connect("127.0.0.1");
		fpm_add_via(&batch, "10.50.0.0/16", "10.0.0.2", d0);
		fpm_send(fd, &batch);
		fpm_expect_status(subscriber, true, "");
		cr_assert(fpm_send_bytes(fd, malformed[i], sizes[i]));
		fpm_wait_closed(fd);
		fpm_expect_status(subscriber, false, "FRR has sent a malformed message");
		fpm_expect(subscriber, "10.50.0.0/16", "unicast bgp d0 10.0.0.2");
	}
	stop(subscriber);
}
