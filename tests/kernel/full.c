/* SPDX-License-Identifier: MIT
 *
 * The kernel mirror in a region that has no space for all routes. Needs root. */
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include <criterion/criterion.h>

#include <stele/stele.h>

#include "tools/fib/kernel_tables.h"
#include "tests/support/kernel_source.h"

/* Waits until the mirror says that the region is full. Returns the number of rows in fib4. */
static uint64_t wait_until_full(struct stele_subscriber *subscriber)
{
	uint64_t version = 0, rows;
	struct stele_snapshot *snapshot;
	struct kernel_status status;
	struct stele_table table;

	/* While the mirror tries again, `doubt` says something else. */
	for (status = read_status(subscriber);
	     status.refused == 0 || strcmp(status.doubt, "the region is full") != 0;
	     status = read_status(subscriber))
		cr_assert_eq(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version),
		             1);
	cr_assert_not(status.synced);
	cr_assert_eq(stele_snapshot_open(subscriber, 0, &snapshot), 0);
	cr_assert_eq(stele_table_open(snapshot, "fib4", kernel_schemas[KERNEL_FIB4], &table), 0);
	rows = stele_table_rows(&table);
	snapshot = stele_snapshot_close(snapshot);
	return rows;
}

static bool has_route(struct stele_subscriber *subscriber, uint8_t second, uint8_t third)
{
	struct stele_snapshot *snapshot;
	struct stele_row row;
	int r;

	cr_assert_eq(stele_snapshot_open(subscriber, 0, &snapshot), 0);
	r = stele_snapshot_get(snapshot, "fib4", NULL, (uint8_t[]){0, 0, 0, 254, 10, second, third},
	                       56, &row);
	snapshot = stele_snapshot_close(snapshot);
	return r == 1;
}

/* The mirror leaves out what does not fit, follows the rest, and takes the others later. */
Test(kernel_full, a_full_region_is_followed_as_far_as_it_goes, .init = kernel_setup,
     .fini = kernel_teardown, .timeout = 900)
{
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = STELE_CREATE,
	                                          .maximum_size = 600 << 10,
	                                          .limit_size = 600 << 10};
	struct stele_publisher *publisher;
	struct stele_subscriber *subscriber;
	uint64_t version = 0;

	cr_assert_eq(stele_publisher_open(kernel_region, &options, &publisher), 0, "%s",
	             stele_last_error());
	publisher = stele_publisher_close(publisher);
	many_routes("add", 0, 4500, 2, "");
	kernel_source_start(0);
	subscriber = kernel_subscribe();
	cr_assert_gt(wait_until_full(subscriber), 1000u);
	cr_assert(has_route(subscriber, 16, 0));
	kernel_ip("route del 10.16.0.0/24");
	while (has_route(subscriber, 16, 0))
		cr_assert_eq(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version),
		             1);
	cr_assert_gt(read_status(subscriber).refused, 0u);
	many_routes("replace", 1, 1500, 3, "");
	many_routes("del", 600, 4500, 0, "");
	kernel_wait_agreement(subscriber, "3900 routes deleted");
	cr_assert_eq(read_status(subscriber).refused, 0u);
	cr_assert_gt(counters->full, 0u);
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
}

Test(kernel_full, fault_12_a_full_file_system_may_have_space_later, .init = kernel_setup,
     .fini = kernel_teardown, .timeout = 900)
{
	struct stele_subscriber *subscriber;

	cr_assert_eq(unshare(CLONE_NEWNS), 0);
	cr_assert_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	cr_assert_eq(mount("none", "/dev/shm", "tmpfs", 0, "size=600k"), 0);
	many_routes("add", 0, 4500, 2, "");
	kernel_source_start(0);
	subscriber = kernel_subscribe();
	cr_assert_gt(wait_until_full(subscriber), 1000u);
	cr_assert_eq(mount("none", "/dev/shm", "tmpfs", MS_REMOUNT, "size=64m"), 0);
	kernel_wait_agreement(subscriber, "the file system is larger");
	cr_assert_gt(counters->full, 0u);
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
}
