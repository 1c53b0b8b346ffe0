/* SPDX-License-Identifier: MIT
 *
 * Dumps during which the kernel's routes change, so that the kernel leaves out others. The test
 * dumps by itself, in a namespace of its own, and changes routes between two datagrams. Needs root.
 */
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <stele/stele.h>

#include "tools/kernel/kernel_mirror.h"
#include "tools/netlink/kernel_socket.h"
#include "tests/support/kernel_source.h"

#define ROUTES 3000u

struct dump {
	struct kernel_mirror mirror;
	struct kernel_relink relink;
	struct kernel_sockets sockets;
	struct stele_publisher *publisher;
	struct stele_transaction *tx;
	const char *change; /* a command of the shell, run once after `after` messages */
	unsigned after, count;
};

static int take_dumped(void *context, const struct nlmsghdr *message)
{
	struct dump *dump = context;

	if (dump->count++ == dump->after)
		cr_assert_eq(system(dump->change), 0, "%s", dump->change);
	dump->mirror.resumed |= (const uint8_t *)message == dump->sockets.buffer;
	return kernel_mirror_dump_add(&dump->mirror, message);
}

static int take_event(void *context, const struct nlmsghdr *message)
{
	struct dump *dump = context;

	return kernel_mirror_apply(&dump->mirror, message);
}

static void dump_open(struct dump *dump)
{
	const struct stele_publisher_options options = {.size = sizeof(options),
	                                                .flags = STELE_CREATE};

	cr_assert_eq(kernel_sockets_open(&dump->sockets, KERNEL_ALL_KINDS, 0), 0);
	cr_assert_eq(stele_publisher_open(kernel_region, &options, &dump->publisher), 0, "%s",
	             stele_last_error());
	cr_assert_eq(stele_transaction_begin(dump->publisher, &dump->tx), 0);
	kernel_mirror_init(&dump->mirror, false);
	dump->mirror.store.space.publisher = dump->publisher;
	cr_assert_geq(kernel_tables_open(dump->tx, dump->mirror.store.tables), 0);
}

static void dump_close(struct dump *dump)
{
	dump->tx = stele_transaction_abort(dump->tx);
	dump->publisher = stele_publisher_close(dump->publisher);
	kernel_sockets_close(&dump->sockets);
	kernel_mirror_free(&dump->mirror);
}

/* Dumps the routes of a family, and takes the messages. Returns true if the mirror is certain of
 * them. */
static bool dump_routes(struct dump *dump, enum kernel_kind kind)
{
	int r;

	kernel_mirror_read_start(&dump->mirror);
	dump->mirror.doubts.dirty = 0;
	cr_assert_eq(kernel_mirror_dump_start(&dump->mirror, kind), 0);
	cr_assert_geq(kernel_dump(&dump->sockets, kind, take_dumped, dump), 0);
	r = kernel_mirror_dump_end(&dump->mirror);
	cr_assert_geq(r, 0);
	kernel_mirror_read_end(&dump->mirror);
	while (kernel_events_read(&dump->sockets, take_event, dump) >= 0)
		;
	kernel_mirror_caught_up(&dump->mirror);
	return r == 0 && !(dump->mirror.doubts.dirty & KERNEL_KIND_MASK(kind));
}

/* Returns true if the mirror has the route 2001:db8:NUMBER::/48. */
static bool dump_has(struct dump *dump, unsigned number)
{
	struct kernel_prefix prefix = {
		.wide = true,
		.table = 254,
		.address = {0x20, 1, 0xd, 0xb8, (uint8_t)(number >> 8), (uint8_t)number},
		.length = 48};
	struct kernel_list list = {0};
	bool has;

	cr_assert_eq(kernel_list_read(&dump->mirror.store, &prefix, &list), 0);
	has = list.count > 0;
	kernel_list_free(&list);
	return has;
}

/* The test has shown something only if the kernel left routes out. */
static void expect_torn(unsigned missing)
{
	if (missing == 0)
		cr_skip_test("this kernel leaves no routes out of a dump");
}

/* After a route is deleted and another one added, the kernel skips one that is neither. */
Test(kernel_torn, ipv6_routes_deleted_and_added, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 120)
{
	struct dump dump = {.change = "ip -6 route del 2001:db8:1::/48 &&"
	                              " ip -6 route add 2001:db8:ffff::/48 dev d0",
	                    .after = 1000};
	FILE *batch = kernel_batch_open(true);
	unsigned missing = 0;
	bool certain;

	for (unsigned i = 0; i < ROUTES; i++)
		fprintf(batch, "route add 2001:db8:%x::/48 dev d0\n", i);
	cr_assert_eq(pclose(batch), 0);
	dump_open(&dump);
	certain = dump_routes(&dump, KERNEL_KIND_ROUTES6);
	for (unsigned i = 2; i < ROUTES; i++)
		missing += !dump_has(&dump, i);
	cr_assert(!certain || missing == 0, "%u routes are missing", missing);
	dump.after = 0;
	dump.change = "true";
	dump.count = 0;
	cr_assert(dump_routes(&dump, KERNEL_KIND_ROUTES6), "a quiet dump is certain");
	for (unsigned i = 2; i < ROUTES; i++)
		cr_assert(dump_has(&dump, i));
	dump_close(&dump);
	expect_torn(missing);
}

static int take_route(void *context, const struct nlmsghdr *message)
{
	struct dump *dump = context;

	if (dump->count++ == dump->after)
		cr_assert_eq(system(dump->change), 0, "%s", dump->change);
	dump->relink.resumed |= (const uint8_t *)message == dump->sockets.buffer;
	return kernel_relink_add(&dump->relink, message);
}

/* The same while the routes of one link are read. */
Test(kernel_torn, ipv6_routes_of_a_link, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 120)
{
	struct dump dump = {.change = "true"};
	struct kernel_mirror *mirror = &dump.mirror;
	FILE *batch = kernel_batch_open(true);
	uint32_t ifindex = if_nametoindex("d0");
	unsigned missing = 0;

	for (unsigned i = 0; i < ROUTES; i++)
		fprintf(batch, "route add 2001:db8:%x::/48 dev d0\n", i);
	cr_assert_eq(pclose(batch), 0);
	dump_open(&dump);
	cr_assert(dump_routes(&dump, KERNEL_KIND_ROUTES6), "a quiet dump is certain");
	dump.count = 0;
	dump.after = 1000;
	dump.change = "ip -6 route del 2001:db8:1::/48 &&"
		      " ip -6 route add 2001:db8:ffff::/48 dev d0";
	mirror->doubts.link_count = 0;
	kernel_mirror_read_start(mirror);
	dump.relink.doubt = kernel_doubts_add_family;
	dump.relink.context = &mirror->doubts;
	cr_assert_eq(kernel_relink_start(&dump.relink, &mirror->store, ifindex, true), 1);
	cr_assert_eq(kernel_query_routes(&dump.sockets, true, ifindex, take_route, &dump), 0);
	cr_assert_geq(kernel_relink_end(&dump.relink), 0);
	kernel_relink_free(&dump.relink);
	kernel_mirror_read_end(mirror);
	while (kernel_events_read(&dump.sockets, take_event, &dump) >= 0)
		;
	kernel_mirror_caught_up(mirror);
	for (unsigned i = 2; i < ROUTES; i++)
		missing += !dump_has(&dump, i);
	cr_assert(mirror->doubts.dirty || missing == 0, "%u routes are missing", missing);
	dump_close(&dump);
	expect_torn(missing);
}

/* All routes have one address. The kernel goes on with the one of the same number. */
Test(kernel_torn, ipv4_routes_of_one_address, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 120)
{
	struct dump dump = {.change = "ip route del 10.64.0.0/16 metric 1", .after = 700};
	struct kernel_prefix prefix = {.table = 254, .address = {10, 64}, .length = 16};
	struct kernel_list list = {0};
	FILE *batch = kernel_batch_open(true);
	unsigned missing;
	bool certain;

	for (unsigned i = 1; i <= ROUTES; i++)
		fprintf(batch, "route add 10.64.0.0/16 dev d0 metric %u\n", i);
	cr_assert_eq(pclose(batch), 0);
	dump_open(&dump);
	certain = dump_routes(&dump, KERNEL_KIND_ROUTES4);
	cr_assert_eq(kernel_list_read(&dump.mirror.store, &prefix, &list), 0);
	cr_assert(!certain || list.count == ROUTES - 1, "%zu of %u routes", list.count, ROUTES - 1);
	missing = ROUTES - 1 - (unsigned)list.count;
	dump.change = "true";
	dump.count = 0;
	cr_assert(dump_routes(&dump, KERNEL_KIND_ROUTES4), "a quiet dump is certain");
	cr_assert_eq(kernel_list_read(&dump.mirror.store, &prefix, &list), 0);
	cr_assert_eq(list.count, ROUTES - 1);
	kernel_list_free(&list);
	dump_close(&dump);
	expect_torn(missing);
}
