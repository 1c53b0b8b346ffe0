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
