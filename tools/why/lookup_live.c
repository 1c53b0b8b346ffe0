/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/heap.h"
#include "tools/record/recording.h"
#include "tools/region/place.h"
#include "tools/region/reader.h"
#include "tools/why/lookup_history.h"
#include "tools/why/lookup_live.h"

/* The maximum number of steps of a lookup: a row for each bit of a key, a node for each byte. */
enum { STEPS = STELE_KEY_MAX * 9 + 2 };

/* Adds the rows of a version that match. */
static int lookup_live_rows(struct lookup_history *history, const struct stele_snapshot *snapshot)
{
	struct stele_schema *schema;
	struct stele_table table;
	struct stele_step *steps;
	size_t count = 0;
	int result;

	lookup_drop(history);
	result = stele_table_open(snapshot, history->table, NULL, &table);
	if (result == -ENXIO)
		return 0;
	if (result == 0)
		result = stele_table_schema(&table, &schema);
	if (result < 0)
		return result;
	lookup_define(history, schema);
	stele_schema_free(schema);
	if (!history->schema)
		return 0;
	steps = heap_realloc(NULL, STEPS * sizeof(*steps));
	result = stele_table_explain(&table, history->lookup.bytes, history->lookup.bits,
	                             history->prefixes, steps, STEPS, &count);
	for (size_t i = 0; result >= 0 && i < count && i < STEPS; i++)
		if (steps[i].kind == STELE_STEP_ROW)
			lookup_put(history, &steps[i].row);
	free(steps);
	return result < 0 ? result : stele_snapshot_check(snapshot);
}

/* Adds one version. Returns 0, 1 if it is later than the history, or an error. */
static int lookup_live_version(struct lookup_history *history,
                               const struct stele_snapshot *snapshot)
{
	struct recording_begin begin = {.kind = GROUP_DELTA};
	struct stele_position position;
	struct stele_commit commit;
	int result;

	stele_snapshot_position(snapshot, &position);
	memcpy(begin.region, position.region, sizeof(begin.region));
	begin.version = position.version;
	begin.from = position.version - 1;
	result = stele_snapshot_commit(snapshot, &commit);
	if (result < 0)
		return result;
	begin.time = commit.time;
	/* If it is the next version, nothing changed up to its time. */
	if (lookup_is_at(history, begin.region, begin.from))
		lookup_idle(history, begin.time - 1);
	if (begin.time > history->until)
		return 1;
	history->gap = history->any && !lookup_is_at(history, begin.region, begin.from);
	lookup_begin(history, &begin);
	lookup_commit(history, &commit);
	result = lookup_live_rows(history, snapshot);
	if (result == 0)
		lookup_end(history);
	return result;
}

/* Adds what a subscriber has applied by now. */
static void lookup_live_subscriber(const struct stele_subscriber_info *info, void *context)
{
	struct lookup_history *history = context;
	struct recording_subscriber subscriber = {
		.time = history->until,
		.applied = info->applied,
		.seen = info->seen,
		.pid = info->pid,
		.gone = !info->alive,
	};

	memcpy(subscriber.uuid, info->uuid, sizeof(subscriber.uuid));
	memcpy(subscriber.command, info->command, sizeof(subscriber.command));
	lookup_subscriber(history, &subscriber, info->label);
}

void lookup_live_subscribers(struct lookup_history *history, const char *path)
{
	history->subscriber_count = 0;
	stele_region_subscribers(path, lookup_live_subscriber, history);
}

int lookup_live(struct lookup_history *history, const struct reader *reader)
{
	uint64_t oldest, newest;
	struct stele_snapshot *snapshot;
	uint8_t uuid[16];
	int result;

	stele_subscriber_region_uuid(reader->subscriber, uuid);
	result = stele_subscriber_history(reader->subscriber, &oldest, &newest);
	if (result == 0 && lookup_is_of(history, uuid) && history->begin.version >= oldest)
		oldest = history->begin.version + 1;
	for (uint64_t i = oldest; result == 0 && i > 0 && i <= newest; i++) {
		result = stele_snapshot_open(reader->subscriber, i, &snapshot);
		if (result == 0) {
			result = lookup_live_version(history, snapshot);
			stele_snapshot_close(snapshot);
		}
		/* History has dropped the version meanwhile. */
		if (result == -ESTALE)
			result = 0;
	}
	if (result < 0)
		return result;
	/* All further versions are later; but nothing follows the versions of a saved file. */
	if (lookup_is_at(history, uuid, newest) && !place_is_path(reader->region))
		lookup_idle(history, history->until);
	return 0;
}
