/* SPDX-License-Identifier: MIT
 *
 * Following: stele_follow_*(), which return one event for each call, and stele_subscriber_follow(),
 * which runs them in a loop.
 *
 * The version that the caller has received completely stays pinned as batch.last, so that the next
 * difference can be computed from it. If the publisher reclaims that version nevertheless, during a
 * batch or between two batches, a RESYNC follows, and then all rows. The same happens when the
 * region is replaced by another one. While there is no region, the follow waits for one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/extensible.h"
#include "lib/units.h"
#include "subscriber/follow/batch.h"
#include "subscriber/move.h"
#include "lib/region/position.h"
#include "subscriber/reopen.h"
#include "subscriber/retry.h"

/* How long a subscriber that named tables stays at a version while only other tables change, in
 * nanoseconds. */
#define MOVE_ON NSEC_PER_SEC

/* What the next call of stele_follow_next() does. */
enum state {
	FOLLOW_RESYNC, /* returns the event RESYNC */
	FOLLOW_IDLE,   /* looks for a version to begin a batch with */
	FOLLOW_BATCH,  /* returns the next event of the batch */
	FOLLOW_GONE,   /* looks for a region, as the one that was followed is gone */
};

struct stele_follow {
	struct stele_subscriber *subscriber;
	bool one_region;        /* STELE_ONE_REGION */
	bool applied_by_caller; /* STELE_APPLIED_BY_CALLER */
	bool told_gone;         /* the event GONE was returned for the region that is gone */
	enum state state;
	struct batch batch;
	struct stele_position position; /* all changes up to here were returned */
	bool marked;      /* `position` was returned last, and is yet to be reported as applied */
	bool delivered;   /* an event of the present batch was returned, which may be an _ALTERED */
	bool outrun;      /* the last batch was left incomplete, as a version was reclaimed */
	int64_t moved_at; /* CLOCK_MONOTONIC, when the last batch began; 0: it failed */
};

/* ---- events ---- */

/* Fills in an event without a row. Returns 1. */
static int follow_mark(const struct stele_follow *follow, enum stele_event_kind kind,
                       const struct stele_position *position, struct stele_event *ret)
{
	*ret = (struct stele_event){
		.kind = kind,
		.version = position->version,
		.region = follow->position.region,
		.count = follow->batch.count,
	};
	return 1;
}

/* Forgets both versions, and returns the event that tells the caller to do so too. */
static int follow_resync(struct stele_follow *follow, struct stele_event *ret)
{
	struct batch *batch = &follow->batch;

	batch_end(batch);
	batch->last = stele_snapshot_close(batch->last);
	batch->next = stele_snapshot_close(batch->next);
	batch->count = 0;
	position_fill(follow->subscriber->region->uuid, 0, &follow->position);
	follow->state = FOLLOW_IDLE;
	follow->told_gone = false;
	return follow_mark(follow, STELE_EVENT_RESYNC, &follow->position, ret);
}

/* Returns 1 and the event that tells the caller that there is no region, or 0 if it was told. */
static int follow_tell_gone(struct stele_follow *follow, struct stele_event *ret)
{
	if (follow->told_gone)
		return 0;
	follow->told_gone = true;
	follow->batch.count = 0;
	return follow_mark(follow, STELE_EVENT_GONE, &follow->position, ret);
}

/* ---- batches ---- */

/* Reopens `last` in the generation of `next`, if they are of different generations and the newer
 * generation still holds the version of `last`. A difference across two generations costs a walk
 * over all rows. */
static void follow_move(struct batch *batch)
{
	struct stele_snapshot *reopened;

	/* Version 0 has no tables, and can't be opened by number. */
	if (!batch->last || batch->last->version == 0 ||
	    batch->last->region == batch->next->region ||
	    stele_snapshot_open(batch->next->subscriber, batch->last->version, &reopened) < 0)
		return;
	stele_snapshot_close(batch->last);
	batch->last = reopened;
}

/* Leaves a batch after the error `r`. Returns `r`, or 0 after -ESTALE, which a RESYNC mends. If the
 * caller may have a part of the batch, everything is given again. Otherwise the next call tries
 * again from the same position. */
static int follow_leave(struct stele_follow *follow, int r)
{
	struct batch *batch = &follow->batch;

	follow->outrun = r == -ESTALE;
	follow->state = FOLLOW_RESYNC;
	if (r == -ESTALE)
		return 0;
	if (!follow->delivered) {
		batch_end(batch);
		batch->next = stele_snapshot_close(batch->next);
		follow->moved_at = 0;
		follow->state = FOLLOW_IDLE;
	}
	return r;
}

/* Begins a batch from `last` to the newest version. Returns 0 or an error. */
static int follow_begin(struct stele_follow *follow)
{
	struct batch *batch = &follow->batch;
	int r = stele_snapshot_open(follow->subscriber, 0, &batch->next);

	if (r < 0)
		return r;
	follow->moved_at = clock_monotonic();
	follow_move(batch);
	r = batch_begin(batch);
	follow->delivered = false;
	follow->outrun = false;
	follow->state = FOLLOW_BATCH;
	return r < 0 ? follow_leave(follow, r) : 0;
}

/* Ends a batch: the caller now has all of `next`. Returns 1 and the event that says so. */
static int follow_finish(struct stele_follow *follow, struct stele_event *ret)
{
	struct batch *batch = &follow->batch;
	bool first = !batch->last;

	batch_end(batch);
	stele_snapshot_close(batch->last);
	batch->last = batch->next;
	batch->next = NULL;
	stele_snapshot_position(batch->last, &follow->position);
	follow->marked = true;
	follow->state = FOLLOW_IDLE;
	return follow_mark(follow, first ? STELE_EVENT_INITIAL_END : STELE_EVENT_APPLIED,
	                   &follow->position, ret);
}

/* Returns 1 and the next event of the batch; 0 if the batch must be left; or an error. */
static int follow_step(struct stele_follow *follow, struct stele_event *ret)
{
	struct batch *batch = &follow->batch;
	int r = batch_next(batch, ret);

	if (r == 0)
		return follow_finish(follow, ret);
	if (r == 1) {
		if (!batch->last && ret->kind == STELE_EVENT_CHANGE)
			ret->kind = STELE_EVENT_INITIAL;
		ret->region = batch->next->region->uuid;
		follow->delivered = true;
		return 1;
	}
	return follow_leave(follow, r);
}

/* ---- looking ---- */

/* Handles the end of the region: `r` is -ENOENT (removed) or -EIDRM (another has its name). Returns
 * 0, or `r` if the caller follows one region only. */
static int follow_lose(struct stele_follow *follow, int r)
{
	if (follow->one_region || follow->subscriber->names.saved)
		return r;
	follow->state = FOLLOW_GONE;
	return 0;
}

/* Looks for a version to begin a batch with. Returns 1, 0 if there is none, or an error.
 *
 * A subscriber that named tables is not woken when other tables change; it still moves to the
 * newest version after MOVE_ON. So it does not pin an old one for ever, and the version that it
 * reports as applied does not fall behind. */
static int follow_look(struct stele_follow *follow)
{
	struct stele_subscriber *subscriber = follow->subscriber;
	const struct stele_snapshot *last = follow->batch.last;
	uint64_t version;
	int r;

	if (!last)
		return 1;
	r = stele_subscriber_wait(subscriber, last->version, 0, &version);
	if (r == 0 && subscriber->interest.count > 0 &&
	    clock_monotonic() - follow->moved_at >= MOVE_ON)
		r = subscriber_newest(subscriber) > last->version;
	return r;
}

/* Looks for a region under the name of the one that is gone. Returns 1 if there is one, 0 if not
 * yet, or an error. */
static int follow_look_for_region(struct stele_follow *follow)
{
	uint64_t version;
	int r;

	/* Consumes what makes the descriptor of stele_subscriber_fd() readable. */
	stele_subscriber_wait(follow->subscriber, UINT64_MAX, 0, &version);
	reopen_watch(follow->subscriber);
	r = reopen_once(follow->subscriber);
	if (arrival_may_come(r))
		return 0;
	if (r == 0)
		follow->state = FOLLOW_RESYNC;
	return r < 0 ? r : 1;
}

/* Returns true if the subscriber has moved to another region than that of `last`. */
static bool follow_is_elsewhere(const struct stele_follow *follow)
{
	const struct stele_snapshot *last = follow->batch.last;

	return last && memcmp(last->region->uuid, follow->subscriber->region->uuid, 16) != 0;
}

/* Reports the version that the caller has handled as applied, for other processes to see. This
 * fails, harmlessly, for a subscriber that is not registered. */
static void follow_report_applied(struct stele_follow *follow)
{
	if (follow->marked && !follow->applied_by_caller && !follow_is_elsewhere(follow))
		stele_subscriber_applied(follow->subscriber, follow->position.version);
	follow->marked = false;
}

/* Decides what to do between two batches. Returns 1 if there is something to do, 0 if not, or an
 * error. */
static int follow_idle(struct stele_follow *follow)
{
	int r;

	if (follow_is_elsewhere(follow)) {
		follow->state = FOLLOW_RESYNC;
		return 1;
	}
	r = follow_look(follow);
	if (r == -ENOENT || r == -EIDRM) {
		r = follow_lose(follow, r);
		return r < 0 ? r : 1;
	}
	if (r == 1) {
		r = follow_begin(follow);
		return r < 0 ? r : 1;
	}
	return r;
}

int stele_follow_next(struct stele_follow *follow, struct stele_event *ret)
{
	int r = subscriber_check(follow->subscriber);

	if (r < 0)
		return r;
	follow_report_applied(follow);
	for (;;) {
		switch (follow->state) {
		case FOLLOW_RESYNC:
			return follow_resync(follow, ret);
		case FOLLOW_BATCH:
			r = follow_step(follow, ret);
			if (r != 0)
				return r;
			break;
		case FOLLOW_IDLE:
			r = follow_idle(follow);
			if (r != 1)
				return r;
			break;
		case FOLLOW_GONE:
			r = follow_look_for_region(follow);
			if (r == 0)
				return follow_tell_gone(follow, ret);
			if (r < 0)
				return r;
			break;
		}
	}
}

int stele_follow_wait(struct stele_follow *follow, int64_t deadline_ns)
{
	struct stele_subscriber *subscriber = follow->subscriber;
	uint64_t version;
	int r = subscriber_check(subscriber);

	if (r < 0)
		return r;
	follow_report_applied(follow);
	while (follow->state == FOLLOW_IDLE && !follow_is_elsewhere(follow)) {
		int64_t now = clock_monotonic(), until = deadline_ns;
		if (subscriber->interest.count > 0 && until - MOVE_ON > now)
			until = now + MOVE_ON;
		if (!follow->batch.last)
			return 1;
		r = stele_subscriber_wait(subscriber, follow->batch.last->version, until, &version);
		/* stele_follow_next() handles the end of the region. */
		if (r != 0)
			return r == -ENOENT || r == -EIDRM ? 1 : r;
		if (until == deadline_ns)
			return 0;
		if (subscriber_newest(subscriber) > follow->batch.last->version)
			return 1;
	}
	if (follow->state != FOLLOW_GONE)
		return 1;
	if (clock_monotonic() >= deadline_ns)
		return 0;
	/* The watch was made by stele_follow_next(), before it looked. */
	arrival_wait(&subscriber->arrival, deadline_ns);
	return 1;
}

void stele_follow_position(const struct stele_follow *follow, struct stele_position *ret)
{
	*ret = follow->position;
}

/* ---- opening ---- */

/* Opens version `since` as `last`. Resyncs if that version belongs to another region or is not
 * held. */
static int follow_resume(struct stele_follow *follow, const struct stele_position *since)
{
	struct stele_subscriber *subscriber = follow->subscriber;
	int r = position_check(since);

	if (r < 0 || since->version == 0)
		return r;
	if (position_is_of(since, subscriber->region))
		r = stele_snapshot_open(subscriber, since->version, &follow->batch.last);
	else
		r = -ESTALE;
	if (r == 0)
		follow->position = *since;
	else if (r == -ESTALE || r == -ENODATA)
		follow->state = FOLLOW_RESYNC;
	else
		return r;
	return 0;
}

int stele_follow_open(struct stele_subscriber *subscriber,
                      const struct stele_follow_options *options, struct stele_follow **ret)
{
	struct stele_follow_options read;
	struct stele_follow *follow;
	int r = subscriber_check(subscriber);

	if (r == 0)
		r = extensible_read(stele_follow_options, options, &read);
	if (r == 0)
		r = error_check_flags("following", read.flags,
		                      STELE_ONE_REGION | STELE_APPLIED_BY_CALLER |
		                              STELE_TABLE_EVENTS);
	if (r < 0)
		return r;
	follow = calloc(1, sizeof(*follow));
	if (!follow)
		return error_set(ENOMEM, "no memory to follow region \"%s\"",
		                 subscriber->region->names.region);
	follow->subscriber = subscriber;
	follow->one_region = read.flags & STELE_ONE_REGION;
	follow->applied_by_caller = read.flags & STELE_APPLIED_BY_CALLER;
	follow->batch.table_events = read.flags & STELE_TABLE_EVENTS;
	follow->state = FOLLOW_IDLE;
	position_fill(subscriber->region->uuid, 0, &follow->position);
	r = batch_init(&follow->batch, read.tables, read.table_count);
	if (r == 0)
		r = follow_resume(follow, &read.since);
	if (r < 0)
		stele_follow_close(follow);
	else
		*ret = follow;
	return r;
}

struct stele_follow *stele_follow_close(struct stele_follow *follow)
{
	if (!follow)
		return NULL;
	batch_fini(&follow->batch);
	stele_snapshot_close(follow->batch.last);
	stele_snapshot_close(follow->batch.next);
	free(follow);
	return NULL;
}

/* ---- with a callback ---- */

static bool follow_is_mark(const struct stele_event *event)
{
	return event->kind == STELE_EVENT_INITIAL_END || event->kind == STELE_EVENT_APPLIED;
}

/* Gives one event to the callback. Returns 1 to go on; 0 at the deadline; or an error. Sets
 * `*ret_answer` to what the callback returned. */
static int follow_call(struct stele_follow *follow, const struct stele_event *event,
                       int64_t deadline, int *ret_answer, stele_event_fn *on_event, void *context)
{
	bool outrun = event->kind == STELE_EVENT_RESYNC && follow->outrun;

	*ret_answer = on_event(event, context);
	if (*ret_answer != 0)
		return 0;
	if (!outrun && !follow_is_mark(event))
		return 1;
	if (deadline == STELE_FOREVER || clock_monotonic() < deadline)
		return 1;
	/* No time is left. After a RESYNC there is none to begin again, and the caller has
	 * nothing. */
	if (outrun)
		return retry_outrun_error(follow->subscriber->region);
	follow_report_applied(follow);
	return 0;
}

int stele_subscriber_follow(struct stele_subscriber *subscriber,
                            const struct stele_follow_options *options, int64_t deadline_ns,
                            stele_event_fn *on_event, void *context)
{
	struct stele_follow *follow;
	struct stele_event event;
	int answer = 0, r = stele_follow_open(subscriber, options, &follow);

	if (r < 0)
		return r;
	do {
		r = stele_follow_next(follow, &event);
		if (r == 0)
			r = stele_follow_wait(follow, deadline_ns);
		else if (r == 1)
			r = follow_call(follow, &event, deadline_ns, &answer, on_event, context);
	} while (r == 1);
	stele_follow_close(follow);
	return r < 0 ? r : answer;
}
