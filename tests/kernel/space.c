/* SPDX-License-Identifier: MIT
 *
 * When the mirror tries to take rows for which its region had no space (struct kernel_space),
 * without the kernel. full.c fills a region with its routes. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <stele/stele.h>

#include "lib/units.h"
#include "tools/fib/kernel_tables.h"

static char region[64];
static struct stele_publisher *publisher;
static struct stele_writable *tables[KERNEL_TABLES];
static struct kernel_space space;
static uint32_t rows;

static void setup(void)
{
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = STELE_CREATE,
	                                          .maximum_size = 1 << 20,
	                                          .limit_size = 1 << 20};
	struct stele_transaction *tx;

	snprintf(region, sizeof(region), "test-space-%d", (int)getpid());
	cr_assert_eq(stele_publisher_open(region, &options, &publisher), 0, "%s",
	             stele_last_error());
	space.publisher = publisher;
	cr_assert_eq(stele_transaction_begin(publisher, &tx), 0, "%s", stele_last_error());
	cr_assert_geq(kernel_tables_open(tx, tables), 0, "%s", stele_last_error());
}

static void teardown(void)
{
	publisher = stele_publisher_close(publisher);
	stele_region_remove(region);
}

TestSuite(kernel_space, .init = setup, .fini = teardown, .timeout = 60);

static const uint8_t *row_key(uint32_t number)
{
	static uint8_t key[6];

	memcpy(key, &(uint32_t){htonl(number)}, 4);
	return key;
}

/* Puts rows until the region refuses one. */
static void fill(void)
{
	const struct kernel_bucket value = {.member = 1};
	int r;

	space.refused = 0;
	while ((r = kernel_space_put(&space, tables[KERNEL_BUCKETS], row_key(rows), 48, &value,
	                             sizeof(value))) >= 0)
		rows++;
	cr_assert_eq(r, -ENOSPC);
	cr_assert_eq(space.refused, 1u);
}

/* The rest of the region is of no use, and no transaction has failed. The mirror looks once a
 * second. */
static bool may_fit_a_second_later(void)
{
	space.looked_at = 0;
	return kernel_space_may_fit(&space);
}

Test(kernel_space, attempts_in_vain_become_rare)
{
	fill();
	for (int64_t wait = 5; wait <= 640; wait *= 2) {
		cr_assert(!may_fit_a_second_later());
		cr_assert(!may_fit_a_second_later());
		cr_assert_eq(space.retry_ns, wait * NSEC_PER_SEC);
		/* The time is over. */
		space.retry_at = 0;
		cr_assert(may_fit_a_second_later());
		fill();
	}
	space.refused = 0;
	cr_assert(!may_fit_a_second_later());
	cr_assert_eq(space.retry_ns, 0);
}

Test(kernel_space, deleted_rows_are_a_reason_to_try)
{
	fill();
	cr_assert(!may_fit_a_second_later());
	for (uint32_t i = 0; i < rows / 2; i++)
		cr_assert_eq(stele_writable_delete(tables[KERNEL_BUCKETS], row_key(i), 48), 1);
	cr_assert(may_fit_a_second_later());
	/* That attempt has not made the interval longer. */
	cr_assert_eq(space.retry_ns, 5 * NSEC_PER_SEC);
}
