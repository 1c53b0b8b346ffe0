/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <stele/stele.h>
#include "lib/units.h"
#include "tools/base/clock.h"
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/base/stop.h"
#include "tools/region/fail_region.h"
#include "tools/region/owner.h"
#include "tools/region/place.h"
#include "tools/region/reader.h"
#include "tools/region/given.h"

/* Reports the result of stele_subscriber_open(): the error, or a note about the owner. */
static enum status reader_opened(struct reader *reader, const char *region, int result)
{
	if (result < 0)
		return fail_reading(reader->place, region, result);
	owner_report(&reader->place->owner, region, reader->subscriber);
	return STATUS_DONE;
}

int reader_subscribe(const struct place *place, const char *region, enum reader_kind kind,
                     struct stele_subscriber **ret)
{
	struct stele_subscriber_options options = {.size = sizeof(options)};

	owner_apply(&place->owner, &options.flags, &options.owner);
	if (kind == READER_ONCE)
		options.flags |= STELE_UNREGISTERED;
	/* A message queue remains if its process is killed. The futex leaves nothing behind, and
	 * suffices for a subscriber that never waits. If the futex is not available, any notifier
	 * is used. */
	if (kind == READER_PINNED) {
		options.notifier = "futex";
		if (stele_subscriber_open(place_path(place, region), &options, ret) == 0)
			return 0;
		options.notifier = NULL;
	}
	return stele_subscriber_open(place_path(place, region), &options, ret);
}

enum status reader_open(struct reader *reader, const struct place *place, const char *region,
                        enum reader_kind kind)
{
	*reader = (struct reader){.place = place, .region = region};
	return reader_opened(reader, region,
	                     reader_subscribe(place, region, kind, &reader->subscriber));
}

/* Nanoseconds of one wait for a region. Between waits, the command looks for signals. */
#define SLICE (100 * NSEC_PER_MSEC)

enum status reader_open_waiting(struct reader *reader, const struct place *place,
                                const char *region, struct stele_subscriber_options *options,
                                int64_t deadline)
{
	int result;

	*reader = (struct reader){.place = place, .region = region};
	options->size = sizeof(*options);
	owner_apply(&place->owner, &options->flags, &options->owner);
	do {
		int64_t left = deadline - clock_now();

		options->wait_ns = left < 0 ? 0 : left < SLICE ? left : SLICE;
		result = stele_subscriber_open(place_path(place, region), options,
		                               &reader->subscriber);
		if (result < 0 && stop_came())
			return STATUS_DONE;
	} while ((result == -ENOENT || result == -EUCLEAN) && clock_now() < deadline);
	return reader_opened(reader, region, result);
}

void reader_close_table(struct reader *reader)
{
	reader->schema = stele_schema_free(reader->schema);
	if (reader->snapshot)
		reader->snapshot = stele_snapshot_close(reader->snapshot);
}

/* Opens a snapshot and the table in it, in place of an earlier snapshot. Returns 0 or a negative
 * errno of the library. */
static int reader_try_table(struct reader *reader, const char *table, uint64_t version)
{
	int result;

	reader_close_table(reader);
	result = stele_snapshot_open(reader->subscriber, version, &reader->snapshot);
	if (result < 0)
		return result;
	result = stele_table_open(reader->snapshot, table, NULL, &reader->table);
	if (result < 0)
		return result;
	return stele_table_schema(&reader->table, &reader->schema);
}

int reader_renew(struct reader *reader, const char *table)
{
	int result;

	if (reader->snapshot)
		reader->snapshot = stele_snapshot_close(reader->snapshot);
	result = stele_snapshot_open(reader->subscriber, 0, &reader->snapshot);
	return result < 0
	               ? result
	               : stele_table_open(reader->snapshot, table, reader->schema, &reader->table);
}

enum status reader_check_given(const struct reader *reader, const char *what, struct given *given)
{
	char text[DESCRIBED_MAX];
	enum status status;
	uint8_t uuid[16];

	status = given_find(given, what, reader->place, reader->region, reader->subscriber);
	if (status != STATUS_DONE)
		return status;
	stele_subscriber_region_uuid(reader->subscriber, uuid);
	if (given_is_of(given, uuid))
		return STATUS_DONE;
	return fail(STATUS_NO_TABLE,
	            "%s: version %s belongs to another region; region \"%s\" now has the UUID %s",
	            what, given->token, reader->region, describe_uuid(uuid, text));
}

enum status reader_since(struct reader *reader, const struct given *since,
                         struct stele_position *ret)
{
	struct stele_snapshot *snapshot;
	int result = 0;

	*ret = (struct stele_position){.version = since->version};
	stele_subscriber_region_uuid(reader->subscriber, ret->region);
	if (!given_is_of(since, ret->region)) {
		ret->region[0] ^= 0xff;
		return STATUS_DONE;
	}
	if (since->version > 0)
		result = stele_snapshot_open(reader->subscriber, since->version, &snapshot);
	if (result == 0 && since->version > 0)
		stele_snapshot_close(snapshot);
	return result < 0 && result != -ESTALE ? fail_library(result) : STATUS_DONE;
}

enum status reader_open_table(struct reader *reader, const char *table, struct given *version)
{
	enum status status = STATUS_DONE;
	int result = -ESTALE;

	if (version)
		status = reader_check_given(reader, version->option ? version->option : "--version",
		                            version);
	if (status != STATUS_DONE)
		return status;
	for (int i = 0; i < READ_TRIES && result == -ESTALE; i++)
		result = reader_try_table(reader, table, version ? version->version : 0);
	if (result == -ENXIO)
		return fail_no_table(reader->place, "", reader->region, table);
	/* The newest version was reclaimed in each try: the publisher is too fast. */
	if (result == -ESTALE && !(version && version->version))
		return fail(STATUS_BUSY, "%s", stele_last_error());
	return result < 0 ? fail_library(result) : STATUS_DONE;
}

void reader_close(struct reader *reader)
{
	reader_close_table(reader);
	if (reader->subscriber)
		stele_subscriber_close(reader->subscriber);
	*reader = (struct reader){0};
}

int reader_each_table(struct stele_subscriber *subscriber, each_table_fn *each, void *context,
                      uint64_t *ret_version)
{
	char name[STELE_NAME_MAX + 1] = "";
	struct stele_snapshot *snapshot;
	struct stele_table table;
	int result;

	result = stele_snapshot_open(subscriber, 0, &snapshot);
	if (result < 0)
		return result;
	if (ret_version)
		*ret_version = stele_snapshot_version(snapshot);
	while ((result = stele_snapshot_next_table(snapshot, name)) == 1) {
		result = stele_table_open(snapshot, name, NULL, &table);
		if (result == 0)
			result = each(context, name, &table);
		if (result != 0)
			break;
	}
	if (result == 0)
		result = stele_snapshot_check(snapshot);
	stele_snapshot_close(snapshot);
	return result;
}
