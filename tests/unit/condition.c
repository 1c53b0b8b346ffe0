/* SPDX-License-Identifier: MIT
 *
 * Conditions on the newest version and on rows: which writes they admit and refuse, and that a
 * refusal leaves the transaction unchanged. */
#include "tests/support/ipc/ipc.h"
#include "tests/support/position.h"

TestSuite(unit_condition, .init = ipc_begin, .fini = ipc_end, .timeout = 60);

static const uint8_t keys[4][4] = {{0, 0, 0, 0}, {0, 0, 0, 1}, {0, 0, 0, 2}, {0, 0, 0, 3}};

static int put_if(struct stele_transaction *tx, uint32_t id, uint64_t number, uint64_t version)
{
	struct ipc_value value;

	ipc_fill(&value, id, number);
	return stele_transaction_put_if(tx, "rows", keys[id], 32, &value, sizeof(value),
	                                POSITION(tx, version));
}

static int delete_if(struct stele_transaction *tx, uint32_t id, uint64_t version)
{
	return stele_transaction_delete_if(tx, "rows", keys[id], 32, POSITION(tx, version));
}

static uint64_t row_version(struct stele_transaction *tx, uint32_t id)
{
	struct stele_row row;

	return stele_transaction_get(tx, "rows", NULL, keys[id], 32, &row) == 1 ? row.version : 0;
}

Test(unit_condition, a_condition_on_the_head_refuses_other_versions)
{
	struct stele_publisher *publisher = ipc_attach(region, NULL);
	struct stele_transaction *tx;

	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(stele_transaction_expect(tx, POSITION(tx, 1)), -EAGAIN,
	        "is at version 0, not at version 1");
	OK(stele_transaction_expect(tx, POSITION(tx, 0)));
	stele_transaction_abort(tx);
	stele_publisher_close(publisher);
	publisher = ipc_publish(region, NULL);
	ipc_commit(publisher);
	OK(stele_transaction_begin(publisher, &tx));
	ipc_put(tx, 1, 77);
	RETURNS(stele_transaction_expect(tx, POSITION(tx, 1)), -EAGAIN,
	        "is at version 2, not at version 1");
	RETURNS(stele_transaction_expect(tx, POSITION(tx, 3)), -EAGAIN,
	        "is at version 2, not at version 3");
	/* The transaction continues after a refusal, and keeps its earlier changes. */
	OK(stele_transaction_expect(tx, POSITION(tx, 2)));
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	OK(stele_transaction_begin(publisher, &tx));
	cr_expect_eq(row_version(tx, 1), 3);
	stele_transaction_abort(tx);
	stele_publisher_close(publisher);
}

Test(unit_condition, conditions_on_rows_admit_or_refuse_writes)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_transaction *tx;
	uint64_t version;

	/* After this commit row 0 is at version 2, row 1 at version 3. */
	ipc_commit(publisher);
	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(put_if(tx, 1, 5, 0), 1, "");
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(put_if(tx, 0, 9, 0), -EAGAIN, "at version 2, but expected to be absent");
	RETURNS(put_if(tx, 0, 9, 3), -EAGAIN, "is at version 2, not at version 3");
	RETURNS(put_if(tx, 2, 9, 3), -EAGAIN, "is not there, but expected at version 3");
	RETURNS(delete_if(tx, 0, 1), -EAGAIN, "is at version 2, not at version 1");
	RETURNS(delete_if(tx, 2, 1), -EAGAIN, "is not there");
	RETURNS(delete_if(tx, 2, 0), -EINVAL, "only if absent");
	RETURNS(stele_transaction_put_if(tx, "none", keys[0], 32, "", 0, POSITION(tx, 1)), -ENXIO,
	        "no table");
	RETURNS(stele_transaction_delete_if(tx, "none", keys[0], 32, POSITION(tx, 1)), -ENXIO,
	        "no table");
	RETURNS(stele_transaction_put_if(tx, "rows", keys[0], 31, "", 0, POSITION(tx, 2)), -EINVAL,
	        "");
	RETURNS(stele_transaction_put_if(tx, "rows", keys[0], 32, "", 0, POSITION(tx, 2)), -EINVAL,
	        "");
	/* None of the refused calls changed anything. */
	RETURNS(stele_transaction_commit(tx, NULL, &version), 0, "");
	cr_expect_eq(version, 3);
	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(put_if(tx, 0, 9, 2), 1, "");
	RETURNS(delete_if(tx, 1, 3), 1, "");
	RETURNS(stele_transaction_commit(tx, NULL, &version), 1, "");
	OK(stele_transaction_begin(publisher, &tx));
	cr_expect_eq(row_version(tx, 0), 4);
	cr_expect_eq(row_version(tx, 1), 0);
	stele_transaction_abort(tx);
	stele_publisher_close(publisher);
}

Test(unit_condition, conditions_see_rows_of_this_transaction)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_transaction *tx;
	struct stele_writable *table;
	struct ipc_value value;

	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(put_if(tx, 1, 5, 0), 1, "");
	RETURNS(put_if(tx, 1, 6, 0), -EAGAIN, "at version 2, but expected to be absent");
	RETURNS(put_if(tx, 1, 6, 2), 1, "");
	/* A put of the same value leaves the row at its version. */
	RETURNS(put_if(tx, 0, 1, 1), 0, "");
	RETURNS(put_if(tx, 0, 2, 1), 1, "");
	RETURNS(put_if(tx, 0, 3, 1), -EAGAIN, "is at version 2, not at version 1");
	RETURNS(delete_if(tx, 0, 2), 1, "");
	RETURNS(put_if(tx, 0, 2, 2), -EAGAIN, "is not there");
	RETURNS(put_if(tx, 0, 2, 0), 1, "");
	/* Conditions also hold while a table is being replaced. */
	OK(stele_writable_open(tx, "rows", NULL, &table));
	OK(stele_writable_replace(table));
	ipc_fill(&value, 1, 6);
	RETURNS(stele_writable_put_if(table, keys[1], 32, &value, sizeof(value), POSITION(tx, 1)),
	        -EAGAIN, "");
	RETURNS(stele_writable_put_if(table, keys[1], 32, &value, sizeof(value), POSITION(tx, 2)),
	        0, "");
	RETURNS(stele_writable_delete_if(table, keys[0], 32, POSITION(tx, 2)), -EBUSY, "");
	RETURNS((int)stele_writable_replace_end(table), 1, "");
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	stele_publisher_close(publisher);
}
