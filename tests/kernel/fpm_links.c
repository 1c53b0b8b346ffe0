/* SPDX-License-Identifier: MIT
 *
 * What the kernel still says beside the routes of FRR: links, their names, and next-hop objects
 * that are not FRR's. Needs root. */
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "tests/support/kernel/fpm_peer.h"
#include "tests/support/kernel_source.h"

static struct fpm_batch batch;
static struct kernel_fpm_options options;
static uint32_t d0;

/* Makes the namespace, and starts the publisher. */
static struct stele_subscriber *start(void)
{
	d0 = if_nametoindex("d0");
	options = fpm_options(0.2, 0);
	kernel_source_fpm = &options;
	kernel_source_start(0);
	return kernel_subscribe();
}

static void stop(struct stele_subscriber *subscriber)
{
	stele_subscriber_close(subscriber);
	kernel_source_stop();
}

/* Waits until no row of a table names the interface d0, and one names `name`. */
static void expect_name(struct stele_subscriber *subscriber, enum kernel_table table,
                        const char *name)
{
	while (fpm_names(subscriber, table, "d0") > 0 || fpm_names(subscriber, table, name) == 0)
		sched_yield();
}

/* Routes have the present names of their links. The links of a peer in another namespace have no
 * names here. */
Test(kernel_fpm_links, names_of_links_follow, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 120)
{
	struct stele_subscriber *subscriber = start();
	int fd = fpm_connect("127.0.0.1");

	fpm_add_via(&batch, "10.50.0.0/16", "10.0.0.2", d0);
	fpm_add_via(&batch, "10.51.0.0/16", NULL, 77);
	fpm_send(fd, &batch);
	fpm_expect(subscriber, "10.51.0.0/16", "unicast bgp #77 -");
	kernel_ip("neigh add 10.0.0.77 lladdr 02:00:00:00:00:77 dev d0");
	/* IPv4 addresses of a link that is up are reported with the name, but nothing else is. */
	kernel_ip("link set d0 name other");
	fpm_expect(subscriber, "10.50.0.0/16", "unicast bgp other 10.0.0.2");
	expect_name(subscriber, KERNEL_ADDRESSES6, "other");
	expect_name(subscriber, KERNEL_NEIGHBOURS4, "other");
	kernel_ip("link add e0 index 77 type veth peer name e1");
	fpm_expect(subscriber, "10.51.0.0/16", "unicast bgp e0 -");
	fpm_expect_status(subscriber, true, "");
	stop(subscriber);
}

/* The buckets of an earlier mirror of the kernel: FRR says nothing about buckets. */
Test(kernel_fpm_links, buckets_of_the_kernel_go, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 120)
{
	struct stele_subscriber *subscriber;

	if (system("ip nexthop add id 4 via 10.0.0.4 dev d0 2>/dev/null && "
	           "ip nexthop add id 8 group 4 type resilient buckets 8 2>/dev/null") != 0)
		cr_skip_test("this kernel has no resilient groups");
	kernel_source_start(0);
	subscriber = kernel_subscribe();
	kernel_wait_agreement(subscriber, "start");
	cr_assert_eq(fpm_count(subscriber, "buckets"), 8u);
	stele_subscriber_close(subscriber);
	kernel_source_stop();
	subscriber = start();
	while (fpm_count(subscriber, "buckets") > 0)
		sched_yield();
	/* Changes of the kernel's groups are not mirrored either. */
	kernel_ip("nexthop replace id 8 group 4 type resilient buckets 8");
	fpm_add_via(&batch, "10.50.0.0/16", "10.0.0.2", d0);
	fpm_send(fpm_connect("127.0.0.1"), &batch);
	fpm_expect_status(subscriber, true, "");
	cr_assert_eq(fpm_count(subscriber, "buckets"), 0u);
	cr_assert_eq(fpm_count(subscriber, "nexthops"), 0u);
	stop(subscriber);
}

static void run_foreign_peer(int ready)
{
	char byte;
	int fd;

	cr_assert_eq(unshare(CLONE_NEWNET), 0);
	cr_assert_eq(write(ready, "", 1), 1);
	cr_assert_eq(read(ready, &byte, 1), 1);
	cr_assert_eq(system("ip link set d1 up && ip address add 10.0.0.9/24 dev d1"), 0);
	fd = fpm_connect("10.0.0.1");
	fpm_add_via(&batch, "10.50.0.0/16", "10.0.0.2", d0);
	fpm_send(fd, &batch);
	(void)!read(fd, &byte, 1);
	_exit(0);
}

Test(kernel_fpm_links, a_peer_elsewhere_has_other_links, .init = kernel_setup,
     .fini = kernel_teardown, .timeout = 120)
{
	struct stele_subscriber *subscriber;
	int pair[2], status;
	char byte, row[64];
	pid_t peer;

	d0 = if_nametoindex("d0");
	options = fpm_options(0.2, 0);
	/* All addresses. */
	memset((uint8_t *)&options.address + 4, 0, 4);
	kernel_source_fpm = &options;
	kernel_source_start(0);
	subscriber = kernel_subscribe();
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	peer = fork();
	cr_assert_geq(peer, 0);
	if (peer == 0)
		run_foreign_peer(pair[1]);
	cr_assert_eq(read(pair[0], &byte, 1), 1);
	/* Routers that share an address set this: then bind(2) takes each address for local. */
	cr_assert_eq(system("echo 1 >/proc/sys/net/ipv4/ip_nonlocal_bind"), 0);
	kernel_ip("link set d1 netns %d", (int)peer);
	cr_assert_eq(write(pair[0], "", 1), 1);
	snprintf(row, sizeof(row), "unicast bgp #%u 10.0.0.2", d0);
	fpm_expect(subscriber, "10.50.0.0/16", row);
	stop(subscriber);
	cr_assert_eq(waitpid(peer, &status, 0), peer);
	cr_assert_eq(status, 0);
}
