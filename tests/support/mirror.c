/* SPDX-License-Identifier: MIT */
#include "tests/support/mirror.h"

#include <criterion/criterion.h>

#include "tools/kernel/kernel_status.h"
#include "tools/kernel/kernel_claim.h"

static struct kernel_claim claim;

void mirror_publish(const char *region, struct stele_publisher *publisher, const char *doubt,
                    uint64_t refused)
{
	struct stele_region_info info = {.size = sizeof(info)};
	struct stele_writable *tables[KERNEL_TABLES];
	struct kernel_status status = {.messages = 7, .refused = refused};
	struct stele_transaction *tx;
	int64_t last_write = 0;

	if (!claim.byte)
		kernel_claim_init(&claim);
	status.lock = claim.byte;
	cr_assert_eq(stele_region_describe(region, &info), 0, "%s", stele_last_error());
	kernel_claim_hold(&claim, info.path);
	cr_assert_eq(stele_transaction_begin(publisher, &tx), 0, "%s", stele_last_error());
	cr_assert_geq(kernel_tables_open(tx, tables), 0, "%s", stele_last_error());
	cr_assert_geq(kernel_status_put(tables[KERNEL_STATUS], &status, doubt, &last_write), 0,
	              "%s", stele_last_error());
	cr_assert_geq(stele_transaction_commit(tx, NULL, NULL), 0, "%s", stele_last_error());
}

void mirror_end(void)
{
	kernel_claim_fini(&claim);
}
