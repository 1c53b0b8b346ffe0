/* SPDX-License-Identifier: MIT
 *
 * The memory of the kernel mirror's region after many routes have changed. Needs root. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>

#include <criterion/criterion.h>

#include <stele/stele.h>

#include "lib/units.h"
#include "tests/support/kernel_source.h"
#include "tools/fib/kernel_tables.h"

#define MANY 40000u

/* Waits until the region's arena has at most `maximum` bytes. */
static void wait_for_size(uint64_t maximum)
{
	int64_t deadline = kernel_now() + 60 * NSEC_PER_SEC;
	struct stele_region_info info = {.size = sizeof(info)};

	do {
		poll(NULL, 0, 10);
		cr_assert_eq(stele_region_describe(kernel_region, &info), 0);
	} while (info.arena_size > maximum && kernel_now() < deadline);
	cr_assert_leq(info.arena_size, maximum);
}

/* Changes routes while the mirror is stopped, so that all changes are few versions. */
static void change_at_once(const char *verb, unsigned gateway, const char *more)
{
	kill(source_pid, SIGSTOP);
	many_routes(verb, 0, MANY, gateway, more);
	kill(source_pid, SIGCONT);
}

/* Waits until the mirror has taken all changes until now: makes a version of its own, whose route
 * goes to 10.0.0.`gateway`. */
static void wait_for_mark(struct stele_subscriber *subscriber, uint8_t gateway)
{
	static const uint8_t key[8] = {0, 0, 0, 254, 172, 16, 0, 1};
	uint64_t version = 0;
	uint8_t found = 0;

	kernel_ip("route replace 172.16.0.1 via 10.0.0.%u", gateway);
	while (found != gateway) {
		struct stele_snapshot *snapshot;
		const struct kernel_hop *hops;
		struct kernel_route route;
		struct stele_row row;

		cr_assert_eq(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version),
		             1);
		cr_assert_eq(stele_snapshot_open(subscriber, 0, &snapshot), 0);
		if (stele_snapshot_get(snapshot, "fib4", kernel_schemas[KERNEL_FIB4], key, 64,
		                       &row) == 1) {
			kernel_route_read(false, &row, &route, &hops);
			found = route.gateway4[3];
		}
		snapshot = stele_snapshot_close(snapshot);
	}
}

/* Besides two versions, history has no more than 4 MiB of old rows, however large its versions
 * are. */
Test(kernel_memory, history_is_limited, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 900)
{
	struct stele_subscriber *subscriber;

	kernel_source_start(0);
	subscriber = kernel_subscribe();
	for (uint8_t i = 0; i < 6; i++) {
		change_at_once("replace", 2 + i % 2, "");
		wait_for_mark(subscriber, 2 + i % 2);
	}
	wait_for_size(UINT64_C(28) << 20);
	kernel_source_stop();
	stele_subscriber_close(subscriber);
}

/* Memory that a load needed goes back to the system when the kernel is quiet, also if more than
 * half of it is in use, which is too much for the library to compact the region by itself. */
Test(kernel_memory, free_memory_is_returned, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 900)
{
	struct stele_subscriber *subscriber;

	kernel_source_start(0);
	subscriber = kernel_subscribe();
	many_routes("add", 0, MANY, 2, "");
	many_routes("add", 0, MANY, 2, "table 77");
	many_routes("add", 0, MANY, 2, "table 78");
	change_at_once("del", 0, "table 77");
	/* History forgets the deleted rows after so many versions. */
	for (uint8_t i = 0; i < 200; i++)
		wait_for_mark(subscriber, 2 + i % 2);
	wait_for_size(UINT64_C(13) << 20);
	kernel_wait_agreement(subscriber, "the region is compacted");
	kernel_source_stop();
	stele_subscriber_close(subscriber);
}

/* A full table has a million routes, so the bytes of each count: a routing daemon takes about a
 * hundred. */
Test(kernel_memory, a_route_takes_few_bytes, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 900)
{
	struct stele_region_use use = {.size = sizeof(use)};
	struct stele_subscriber *subscriber;

	kernel_source_start(0);
	subscriber = kernel_subscribe();
	many_routes("add", 0, MANY, 2, "");
	wait_for_mark(subscriber, 2);
	cr_assert_eq(stele_region_verify(kernel_region, NULL, &use), 1, "%s", stele_last_error());
	cr_assert_leq(use.row_bytes / MANY, 120u);
	cr_assert_leq(use.node_bytes / MANY, 8u);
	kernel_source_stop();
	stele_subscriber_close(subscriber);
}
