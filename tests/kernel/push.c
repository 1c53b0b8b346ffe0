/* SPDX-License-Identifier: MIT
 *
 * The memory of kernel_push.c, which applies what a routing daemon sends, without a connection and
 * without the kernel. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <stele/stele.h>

#include "tests/support/kernel/fpm_peer.h"
#include "tools/fib/kernel_push.h"

static char region[64];
static struct stele_publisher *publisher;
static struct stele_transaction *tx;
static struct kernel_store store;
static struct kernel_push push = {.store = &store};
static struct fpm_batch batch;

static void ignore_link(void *context, uint32_t ifindex)
{
	(void)context;
	(void)ifindex;
}

static void setup(void)
{
	struct stele_publisher_options options = {.size = sizeof(options), .flags = STELE_CREATE};

	snprintf(region, sizeof(region), "test-push-%d", (int)getpid());
	cr_assert_eq(stele_publisher_open(region, &options, &publisher), 0, "%s",
	             stele_last_error());
	cr_assert_eq(stele_transaction_begin(publisher, &tx), 0, "%s", stele_last_error());
	cr_assert_geq(kernel_tables_open(tx, store.tables), 0, "%s", stele_last_error());
	store.pushed = true;
	store.unnamed = store.disagrees = ignore_link;
	store.space.publisher = publisher;
	cr_assert_eq(kernel_push_sync_start(&push), 0);
}

static void teardown(void)
{
	kernel_push_free(&push);
	kernel_index_clear(&store.index[0]);
	kernel_index_clear(&store.index[1]);
	publisher = stele_publisher_close(publisher);
	stele_region_remove(region);
}

TestSuite(kernel_push, .init = setup, .fini = teardown, .timeout = 900);

/* Applies the messages as one burst. */
static void apply(void)
{
	for (size_t at = 0; at < batch.size;) {
		size_t size = (size_t)batch.bytes[at + 2] << 8 | batch.bytes[at + 3];
		const struct nlmsghdr *message = (const void *)(batch.bytes + at + 4);
		int left = (int)size - 4;

		for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
			cr_assert_geq(kernel_push_apply(&push, message), 0, "%s",
			              stele_last_error());
		at += size;
	}
	batch.size = 0;
	cr_assert_eq(kernel_push_settle(&push), 0, "%s", stele_last_error());
	cr_assert_eq(kernel_relink_tidy(&store), 0, "%s", stele_last_error());
}

/* FRR gives each new group a new number, and deletes the old group. */
Test(kernel_push, objects_that_are_gone_are_forgotten)
{
	for (uint32_t id = 1; id <= 1000; id++) {
		fpm_add_nexthop(&batch, id, "10.0.0.2", 7);
		for (unsigned i = 0; i < 10; i++) {
			char prefix[32];

			snprintf(prefix, sizeof(prefix), "10.%u.0.0/16", i);
			fpm_add_route(&batch,
			              &(struct fpm_route){.prefix = prefix, .nexthop_id = id});
		}
		if (id > 1)
			fpm_delete_nexthop(&batch, id - 1);
		apply();
	}
	/* The link and the last object. */
	cr_assert_eq(store.index[0].used, 2u);
	cr_assert_eq(store.index[0].held, 20u);
}

/* A peer that names another object each time, which does not exist, makes one row. */
Test(kernel_push, objects_that_never_were_are_forgotten)
{
	for (uint32_t id = 1; id <= 300000; id++) {
		fpm_add_route(&batch,
		              &(struct fpm_route){.prefix = "10.50.0.0/16", .nexthop_id = id});
		if (id % 1000 == 0) {
			apply();
			cr_assert_lt(store.index[0].used + store.index[0].held, 70000u);
		}
	}
}

/* The next hops of an object with more routes than the index holds change, also after most of the
 * routes are gone. */
Test(kernel_push, an_object_with_many_routes_is_found_by_a_scan)
{
	const struct kernel_hop *hops;
	struct kernel_route route;
	struct stele_row row;
	uint8_t key[8] = {0, 0, 0, 254, 10, 1, 7, 0};

	for (int step = 0; step < 3; step++) {
		char gateway[32];

		snprintf(gateway, sizeof(gateway), "10.0.0.%d", step + 1);
		fpm_add_nexthop(&batch, 9, gateway, 7);
		for (unsigned i = 0; i < 600; i++) {
			char prefix[32];

			snprintf(prefix, sizeof(prefix), "10.%u.%u.0/24", i / 256, i % 256);
			if (step == 0)
				fpm_add_route(&batch, &(struct fpm_route){.prefix = prefix,
				                                          .nexthop_id = 9});
			else if (step == 1 && i != 263)
				fpm_delete_route(&batch, prefix);
		}
		apply();
		cr_assert(kernel_index_find(&store.index[0], kernel_index_nexthop(9))->many);
		cr_assert_eq(stele_writable_get(store.tables[KERNEL_FIB4], key, 56, &row), 1);
		kernel_route_read(false, &row, &route, &hops);
		cr_assert_eq(route.gateway4[3], step + 1);
	}
}
