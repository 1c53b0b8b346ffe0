/* SPDX-License-Identifier: MIT
 *
 * The UUID of the region that a handle has opened: a kept version number means something only
 * together with it. */
#include "tests/support/ipc/ipc.h"

TestSuite(ipc_uuid, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

static void describe(uint8_t uuid[16])
{
	struct stele_region_info info = {.size = sizeof(info)};

	CHECK(stele_region_describe(region, &info) == 0, "%s", stele_last_error());
	memcpy(uuid, info.uuid, 16);
}

static bool publisher_is_of(const struct stele_publisher *publisher, const uint8_t uuid[16])
{
	uint8_t its[16];

	stele_publisher_region_uuid(publisher, its);
	return memcmp(its, uuid, 16) == 0;
}

static bool subscriber_is_of(const struct stele_subscriber *subscriber, const uint8_t uuid[16])
{
	uint8_t its[16];

	stele_subscriber_region_uuid(subscriber, its);
	return memcmp(its, uuid, 16) == 0;
}

Test(ipc_uuid, fault_34_the_uuid_is_that_of_the_opened_region)
{
	const struct stele_publisher_options options = {.size = sizeof(options),
	                                                .flags = STELE_CREATE};
	struct stele_publisher *publisher = ipc_publish(region, &options);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL), *other;
	uint8_t first[16], second[16];
	uint64_t version;

	describe(first);
	cr_expect(publisher_is_of(publisher, first));
	cr_expect(subscriber_is_of(subscriber, first));
	/* A compaction makes another file of the same region. */
	CHECK(stele_publisher_compact(publisher) == 0, "%s", stele_last_error());
	ipc_commit(publisher);
	CHECK(stele_subscriber_wait(subscriber, 1, 0, &version) == 1, "%s", stele_last_error());
	describe(second);
	cr_expect(memcmp(first, second, 16) == 0);
	cr_expect(publisher_is_of(publisher, first));
	cr_expect(subscriber_is_of(subscriber, first));
	stele_publisher_close(publisher);
	/* Create another region of the same name, at the same version. */
	CHECK(stele_region_remove(region) == 0, "%s", stele_last_error());
	publisher = ipc_publish(region, &options);
	describe(second);
	cr_expect(memcmp(first, second, 16) != 0);
	cr_expect(publisher_is_of(publisher, second));
	cr_expect(stele_subscriber_wait(subscriber, version, 0, &version) == -EIDRM);
	cr_expect(subscriber_is_of(subscriber, first));
	other = ipc_subscribe(0, NULL);
	cr_expect(subscriber_is_of(other, second));
	stele_subscriber_close(other);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* ---- positions that were kept while the region was created again ---- */

/* Positions of the first region: its newest version, which is that of its rows too. */
struct kept {
	struct stele_position publisher, subscriber, snapshot, row;
};

/* Publishes the first region, keeps its positions, and removes it. */
static struct kept keep_and_remove(void)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_subscriber *subscriber;
	struct stele_snapshot *snapshot;
	struct stele_row row;
	struct kept kept;

	ipc_commit(publisher);
	subscriber = ipc_subscribe(0, NULL);
	stele_publisher_position(publisher, &kept.publisher);
	OK(stele_subscriber_position(subscriber, &kept.subscriber));
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	stele_snapshot_position(snapshot, &kept.snapshot);
	RETURNS(stele_snapshot_get(snapshot, "rows", &ipc_schema, "\0\0\0", 32, &row), 1, "");
	kept.row = kept.snapshot;
	kept.row.version = row.version;
	cr_expect(memcmp(&kept.publisher, &kept.subscriber, sizeof(kept.publisher)) == 0);
	cr_expect(memcmp(&kept.publisher, &kept.snapshot, sizeof(kept.publisher)) == 0);
	cr_expect_eq(kept.publisher.version, 2);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
	OK(stele_region_remove(region));
	return kept;
}

Test(ipc_uuid, fault_34_conditions_and_rollback_refuse_another_region)
{
	const struct kept kept = keep_and_remove();
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct stele_position present, unknown = {.version = 2}, wrong;
	struct stele_transaction *tx;
	struct ipc_value value;

	/* The second region reaches the same version, and has the same row at the same version. */
	ipc_commit(publisher);
	ipc_fill(&value, 0, 9);
	stele_publisher_position(publisher, &present);
	cr_expect(present.version == kept.publisher.version &&
	          memcmp(present.region, kept.publisher.region, 16) != 0);
	OK(stele_transaction_begin(publisher, &tx));
	RETURNS(stele_transaction_expect(tx, &kept.publisher), -EIDRM, "belongs to another region");
	RETURNS(stele_transaction_put_if(tx, "rows", "\0\0\0", 32, &value, sizeof(value),
	                                 &kept.row),
	        -EIDRM, "belongs to another region");
	RETURNS(stele_transaction_delete_if(tx, "rows", "\0\0\0", 32, &kept.row), -EIDRM,
	        "belongs to another region");
	RETURNS(stele_transaction_rollback(tx, &kept.snapshot), -EIDRM,
	        "belongs to another region");
	/* A version without its region, and a reserved member. */
	RETURNS(stele_transaction_expect(tx, &unknown), -EINVAL, "unknown region");
	RETURNS(stele_transaction_rollback(tx, &unknown), -EINVAL, "unknown region");
	wrong = present;
	wrong.reserved_[0] = 1;
	RETURNS(stele_transaction_expect(tx, &wrong), -EINVAL, "reserved");
	/* Before the first commit: in whichever region. */
	wrong = (struct stele_position){0};
	memcpy(wrong.region, kept.row.region, 16);
	RETURNS(stele_transaction_expect(tx, &wrong), -EAGAIN, "not at version 0");
	RETURNS(stele_transaction_expect(tx, NULL), -EAGAIN, "not at version 0");
	RETURNS(stele_transaction_put_if(tx, "rows", "\0\0\0", 32, &value, sizeof(value), NULL),
	        -EAGAIN, "expected to be absent");
	RETURNS(stele_transaction_rollback(tx, NULL), -ENODATA, "has no version 0");
	/* Nothing has changed, and the present region's own positions are accepted. */
	OK(stele_transaction_expect(tx, &present));
	RETURNS(stele_transaction_put_if(tx, "rows", "\0\0\0", 32, &value, sizeof(value), &present),
	        1, "");
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	stele_publisher_close(publisher);
}
