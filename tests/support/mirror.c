/* SPDX-License-Identifier: MIT */
#include "tests/support/mirror.h"

#include <criterion/criterion.h>

#include "tools/fib/kernel_tables.h"

void mirror_publish(struct stele_publisher *publisher, const char *doubt, uint64_t refused)
{
	struct stele_writable *tables[KERNEL_TABLES];
	struct kernel_status status = {.messages = 7, .refused = refused};
	struct stele_transaction *tx;
	int64_t last_write = 0;

	cr_assert_eq(stele_transaction_begin(publisher, &tx), 0, "%s", stele_last_error());
	cr_assert_eq(kernel_tables_open(tx, tables), 0, "%s", stele_last_error());
	cr_assert_geq(kernel_status_put(tables[KERNEL_STATUS], &status, doubt, &last_write), 0,
	              "%s", stele_last_error());
	cr_assert_eq(stele_transaction_commit(tx, NULL, NULL), 1, "%s", stele_last_error());
}
