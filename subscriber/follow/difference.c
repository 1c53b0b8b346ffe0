/* SPDX-License-Identifier: MIT
 *
 * stele_difference_*(): the difference between two snapshots, in some tables or in all. It is a
 * batch of a follow whose two versions the caller chooses. */
#include <errno.h>
#include <stdlib.h>

#include "lib/base/error.h"
#include "subscriber/follow/batch.h"

struct stele_difference {
	struct batch batch;
};

int stele_difference_open(const struct stele_snapshot *before, const struct stele_snapshot *after,
                          const struct stele_follow_table *tables, size_t table_count,
                          struct stele_difference **ret)
{
	struct stele_difference *difference;
	int r = subscriber_check(after->subscriber);

	if (r < 0)
		return r;
	if (before && before->subscriber != after->subscriber)
		return error_set(
			EINVAL,
			"cannot compare snapshots of two subscribers; open both with one subscriber");
	difference = calloc(1, sizeof(*difference));
	if (!difference)
		return error_set(ENOMEM, "no memory for the difference between two versions");
	/* The batch only reads the two snapshots. */
	difference->batch.last = (struct stele_snapshot *)(uintptr_t)before;
	difference->batch.next = (struct stele_snapshot *)(uintptr_t)after;
	r = batch_init(&difference->batch, tables, table_count);
	if (r == 0)
		r = batch_begin(&difference->batch);
	if (r < 0)
		stele_difference_close(difference);
	else
		*ret = difference;
	return r;
}

int stele_difference_set_flags(struct stele_difference *difference, unsigned flags)
{
	int r = error_check_flags("a difference", flags, STELE_TABLE_EVENTS);

	if (r == 0)
		difference->batch.table_events = flags & STELE_TABLE_EVENTS;
	return r;
}

int stele_difference_next(struct stele_difference *difference, struct stele_event *ret)
{
	const struct stele_snapshot *after = difference->batch.next;
	struct stele_event event;
	int r = subscriber_check(after->subscriber);

	if (r < 0)
		return r;
	/* Without the flag, the difference has rows alone. */
	do
		r = batch_next(&difference->batch, &event);
	while (r == 1 && event.kind == STELE_EVENT_ALTERED && !difference->batch.table_events);
	if (r == 1) {
		event.region = after->region->uuid;
		*ret = event;
	}
	return r;
}

struct stele_difference *stele_difference_close(struct stele_difference *difference)
{
	if (!difference)
		return NULL;
	batch_fini(&difference->batch);
	free(difference);
	return NULL;
}
