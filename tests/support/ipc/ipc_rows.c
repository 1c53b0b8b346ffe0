/* SPDX-License-Identifier: MIT */
#include "tests/support/ipc/ipc_rows.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/ipc/ipc_check.h"
#include "tests/support/ipc/ipc_process.h"
#include "tests/support/ipc/ipc_region.h"

static const struct stele_column ipc_columns[] = {
	STELE_KEY("id", STELE_U32),
	STELE_VALUE(struct ipc_value, number, STELE_U64),
	STELE_VALUE(struct ipc_value, check, STELE_U64),
	{.name = "bulk",
         .type = STELE_CHAR,
         .size = 112,
         .offset = offsetof(struct ipc_value, bulk)},
};
const struct stele_schema ipc_schema = STELE_SCHEMA(struct ipc_value, ipc_columns);

uint64_t ipc_mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

void ipc_fill(struct ipc_value *value, uint32_t id, uint64_t number)
{
	value->number = number;
	value->check = ipc_mix(number * 1000003 + id);
	memset(value->bulk, (int)(1 + value->check % 255), sizeof(value->bulk));
}

bool ipc_whole(const struct ipc_value *value, uint32_t id)
{
	struct ipc_value want;

	ipc_fill(&want, id, value->number);
	return memcmp(&want, value, sizeof(want)) == 0;
}

void ipc_put(struct stele_transaction *tx, uint32_t id, uint64_t number)
{
	uint8_t key[4] = {(uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8),
	                  (uint8_t)id};
	struct ipc_value value;

	ipc_fill(&value, id, number);
	OK(stele_transaction_put(tx, "rows", key, 32, &value, sizeof(value)));
}

struct stele_publisher *ipc_attach(const char *name, const struct stele_publisher_options *options)
{
	struct stele_publisher_options create = {
		.size = sizeof(create), .flags = STELE_CREATE, .attach_timeout_ns = IPC_PATIENCE};
	struct stele_publisher *publisher;

	OK(stele_publisher_open(name, options ? options : &create, &publisher));
	return publisher;
}

uint64_t ipc_commit(struct stele_publisher *publisher)
{
	uint64_t next = stele_publisher_version(publisher) + 1, version;
	struct stele_transaction *tx;

	OK(stele_transaction_begin(publisher, &tx));
	ipc_put(tx, 0, next);
	RETURNS(stele_transaction_commit(tx, NULL, &version), 1, "");
	CHECK(version == next, "version %llu, not %llu", (unsigned long long)version,
	      (unsigned long long)next);
	return version;
}

struct stele_publisher *ipc_publish(const char *name, const struct stele_publisher_options *options)
{
	struct stele_publisher *publisher = ipc_attach(name, options);
	struct stele_transaction *tx;

	if (stele_publisher_version(publisher) > 0)
		return publisher;
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_create_table(tx, "rows", &ipc_schema));
	ipc_put(tx, 0, 1);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	return publisher;
}

struct stele_publisher *ipc_publish_history(uint32_t history)
{
	struct stele_publisher_options options = {
		.size = sizeof(options),
		.flags = STELE_CREATE,
		.history = history,
	};

	return ipc_publish(region, &options);
}

void ipc_create_table(struct stele_publisher *publisher, const char *name,
                      const struct stele_schema *schema)
{
	struct stele_transaction *tx;

	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_create_table(tx, name, schema));
	OK(stele_transaction_commit(tx, NULL, NULL));
}

void ipc_declare_table(struct stele_publisher *publisher, const char *declaration, const char *name)
{
	char declared[STELE_NAME_MAX + 1];
	struct stele_schema *schema;

	OK(stele_schema_parse(declaration, declared, &schema));
	ipc_create_table(publisher, name, schema);
	stele_schema_free(schema);
}

struct stele_publisher_stats ipc_stats(struct stele_publisher *publisher)
{
	struct stele_publisher_stats stats = {.size = sizeof(stats)};

	OK(stele_publisher_describe(publisher, &stats));
	return stats;
}

struct stele_subscriber *ipc_subscribe_to(const char *name, unsigned flags, const char *notifier)
{
	struct stele_subscriber_options options = {
		.size = sizeof(options), .flags = flags, .notifier = notifier};
	struct stele_subscriber *subscriber;

	OK(stele_subscriber_open(name, &options, &subscriber));
	return subscriber;
}

struct stele_subscriber *ipc_subscribe(unsigned flags, const char *notifier)
{
	return ipc_subscribe_to(region, flags, notifier);
}

struct stele_subscriber_state ipc_describe(struct stele_subscriber *subscriber)
{
	struct stele_subscriber_state state = {.size = sizeof(state)};

	OK(stele_subscriber_describe(subscriber, &state));
	return state;
}

uint64_t ipc_read(struct stele_subscriber *subscriber)
{
	static const uint8_t key[4];
	struct stele_snapshot *snapshot;
	struct ipc_value value;
	struct stele_row row;
	size_t size = sizeof(value);
	uint64_t version, copied;

	RETURNS(stele_subscriber_get_copy(subscriber, "rows", NULL, key, 32, &value, &size,
	                                  &copied),
	        1, "");
	CHECK(size == sizeof(value) && value.number == copied && ipc_whole(&value, 0),
	      "number %llu at %llu", (unsigned long long)value.number, (unsigned long long)copied);
	for (int try = 0;; try++) {
		int r;
		OK(stele_snapshot_open(subscriber, 0, &snapshot));
		version = stele_snapshot_version(snapshot);
		r = stele_snapshot_get(snapshot, "rows", NULL, key, 32, &row);
		if (r == 1) {
			memcpy(&value, row.value, sizeof(value));
			r = stele_snapshot_check(snapshot) < 0 ? -ESTALE : 1;
		}
		stele_snapshot_close(snapshot);
		/* Without a pin, a version may be reclaimed while it is read. */
		if (r == 1)
			break;
		CHECK(r == -ESTALE && try < 1000, "%d: %s", r, stele_last_error());
	}
	CHECK(value.number == version && ipc_whole(&value, 0), "number %llu at %llu",
	      (unsigned long long)value.number, (unsigned long long)version);
	CHECK(version >= copied, "%llu after %llu", (unsigned long long)version,
	      (unsigned long long)copied);
	return version;
}

uint64_t ipc_await_by_descriptor(struct stele_subscriber *subscriber, uint64_t since)
{
	struct pollfd pollfd = {.fd = stele_subscriber_fd(subscriber), .events = POLLIN};
	uint64_t version = 0;
	int r;

	while ((r = stele_subscriber_wait(subscriber, since, 0, &version)) == 0)
		CHECK(poll(&pollfd, 1, -1) == 1, "%s", strerror(errno));
	OK(r);
	return version;
}

struct stele_snapshot *ipc_newest_table(struct stele_subscriber *subscriber, const char *name,
                                        struct stele_table *ret)
{
	struct stele_snapshot *snapshot;
	int r;

	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	r = stele_table_open(snapshot, name, NULL, ret);
	if (r == -ESTALE)
		return stele_snapshot_close(snapshot);
	OK(r);
	return snapshot;
}

/* ---- the subscribers file, as any process sees it ---- */

unsigned ipc_registered(void)
{
	struct stele_region_info info = {.size = sizeof(info)};

	OK(stele_region_describe(region, &info));
	return info.subscribers;
}

int ipc_open_subscribers(void)
{
	char path[128];

	ipc_path(path, ".subscribers");
	return open(path, O_RDWR | O_CLOEXEC);
}

unsigned ipc_slots(struct layout_slot *slots, unsigned max)
{
	char path[128];
	ssize_t got;
	int fd;

	ipc_path(path, ".subscribers");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0, "%s: %s", path, strerror(errno));
	got = pread(fd, slots, max * sizeof(*slots), sizeof(struct layout_subscribers_header));
	close(fd);
	CHECK(got >= 0, "%s", strerror(errno));
	return (unsigned)((size_t)got / sizeof(*slots));
}

bool ipc_blocked(pid_t pid)
{
	struct layout_slot slots[64];
	unsigned count = ipc_slots(slots, 64);

	for (unsigned i = 0; i < count; i++)
		if (slots[i].state == LAYOUT_SLOT_TAKEN && slots[i].pid == (uint32_t)pid &&
		    slots[i].ticket % 2 == 1)
			return ipc_is(pid, 'S');
	return false;
}
