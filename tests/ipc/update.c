/* SPDX-License-Identifier: MIT
 *
 * stele_publisher_update(): commits, aborts and begins again. stele_transaction_ensure_table():
 * creates a table once. */
#include "tests/support/ipc/ipc.h"
#include "tests/support/position.h"

TestSuite(ipc_update, .init = ipc_begin, .fini = ipc_end, .timeout = 60);

/* What the body does. */
struct plan {
	int calls;
	int fail_until; /* calls that return `error` */
	int error;
	uint32_t id;
};

static int body(struct stele_transaction *tx, void *context)
{
	struct plan *plan = context;
	struct ipc_value value;
	uint32_t key = htobe32(plan->id);

	ipc_fill(&value, plan->id, 7);
	OK(stele_transaction_put(tx, "rows", &key, 32, &value, sizeof(value)));
	if (++plan->calls <= plan->fail_until) {
		if (plan->error == -EAGAIN)
			return stele_transaction_expect(tx, POSITION(tx, UINT64_MAX / 4));
		/* A call that fails sets the error message that the update's caller reads. */
		return stele_transaction_drop_table(tx, "missing");
	}
	return 1;
}

Test(ipc_update, commits)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	uint64_t before = stele_publisher_version(publisher), version = 0;
	struct plan plan = {.id = 40};

	RETURNS(stele_publisher_update(publisher, body, &plan, "message", &version), 1, "");
	CHECK(version == before + 1 && plan.calls == 1, "%d calls", plan.calls);
	/* The same rows again make no version. */
	RETURNS(stele_publisher_update(publisher, body, &plan, NULL, NULL), 0, "");
	CHECK(stele_publisher_version(publisher) == before + 1, "a version");
	stele_publisher_close(publisher);
}

Test(ipc_update, begins_again_when_a_condition_fails)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	uint64_t before = stele_publisher_version(publisher);
	struct plan plan = {.id = 41, .fail_until = 3, .error = -EAGAIN};
	struct plan never = {.id = 42, .fail_until = 1000, .error = -EAGAIN};

	RETURNS(stele_publisher_update(publisher, body, &plan, NULL, NULL), 1, "");
	CHECK(plan.calls == 4, "%d calls", plan.calls);
	RETURNS(stele_publisher_update(publisher, body, &never, NULL, NULL), -EAGAIN, "version");
	CHECK(never.calls == 16, "%d calls", never.calls);
	CHECK(stele_publisher_version(publisher) == before + 1, "a version");
	stele_publisher_close(publisher);
}

Test(ipc_update, aborts_on_an_error)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	uint64_t before = stele_publisher_version(publisher);
	struct plan plan = {.id = 43, .fail_until = 1, .error = -ENXIO};
	struct stele_transaction *tx;
	struct stele_row row;
	uint32_t key = htobe32(43);

	RETURNS(stele_publisher_update(publisher, body, &plan, NULL, NULL), -ENXIO, "\"missing\"");
	CHECK(plan.calls == 1 && stele_publisher_version(publisher) == before, "a version");
	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(stele_transaction_get(tx, "rows", NULL, &key, 32, &row), 0, "");
	/* In a transaction, an update is refused. */
	RETURNS(stele_publisher_update(publisher, body, &plan, NULL, NULL), -EBUSY, "");
	stele_transaction_abort(tx);
	stele_publisher_close(publisher);
}

Test(ipc_update, ensures_a_table)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	static const struct stele_column columns[] = {STELE_KEY("a", STELE_U32)};
	static const struct stele_column others[] = {STELE_KEY("b", STELE_TEXT)};
	static const struct stele_schema schema = {.columns = columns, .column_count = 1},
					 other = {.columns = others, .column_count = 1};
	static const struct stele_column late[] = {STELE_KEY("a", STELE_U32),
	                                           {.name = "v", .type = STELE_U8, .offset = 1}};
	static const struct stele_schema two = {.columns = late,
	                                        .column_count = 2,
	                                        .value_size = 2},
					 three = {.columns = late,
	                                          .column_count = 2,
	                                          .value_size = 3};
	struct stele_column described[] = {STELE_KEY("a", STELE_U32)};
	const struct stele_schema with_unit = {.columns = described, .column_count = 1};
	struct stele_transaction *tx;

	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(stele_transaction_ensure_table(tx, "t", &schema), 1, "");
	RETURNS(stele_transaction_ensure_table(tx, "t", &schema), 0, "");
	OK(stele_transaction_commit(tx, NULL, NULL));
	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(stele_transaction_ensure_table(tx, "t", &schema), 0, "");
	RETURNS(stele_transaction_ensure_table(tx, "t", &other), -EMEDIUMTYPE,
	        "is (a: u32 key), not (b: text key)");
	RETURNS(stele_transaction_ensure_table(tx, "u", &two), 1, "");
	RETURNS(stele_transaction_ensure_table(tx, "u", &three), -EMEDIUMTYPE, "@3");
	/* What people read may differ. */
	described[0].unit = "ms";
	RETURNS(stele_transaction_ensure_table(tx, "t", &with_unit), 0, "");
	RETURNS(stele_transaction_ensure_table(tx, "no name", &schema), -EINVAL, "table name");
	RETURNS(stele_transaction_ensure_table(tx, "x", &(struct stele_schema){0}), -EINVAL, "");
	stele_transaction_abort(tx);
	stele_publisher_close(publisher);
}
