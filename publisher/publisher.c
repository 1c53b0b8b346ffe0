/* SPDX-License-Identifier: MIT */
#include "publisher/publisher.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/extensible.h"
#include "lib/base/fork.h"
#include "lib/region/features.h"
#include "lib/region/position.h"
#include "publisher/attach/attach_share.h"
#include "publisher/attach/mutex.h"
#include "publisher/generation.h"
#include "publisher/lock.h"
#include "publisher/memory/data_file.h"
#include "publisher/notices/reap.h"
#include "publisher/state/options.h"

/* Grows the region's file: the grow callback of the arena. To grow above its maximum size, the
 * region first moves to a new generation. */
static int publisher_grow(void *context, uint64_t end)
{
	struct stele_publisher *publisher = context;
	struct region *region = &publisher->attachment.region;
	int r = 0;

	if (end + LAYOUT_GUARD > region->maximum_size)
		r = generation_grow(publisher, end + LAYOUT_GUARD);
	if (r == -ENOSPC || r == -EFBIG || r == -EDQUOT) {
		/* The arena never asks for more than the limit, so the system has refused the new
		 * file. */
		region->shortage = r;
		region->shortage_size = region->file_size;
		r = -ENOSPC;
	}
	if (r == 0)
		r = data_file_grow(region, end);
	publisher->arena.pages_in_place = data_file_pages(region, region->maximum_size);
	state_limit_pins(publisher);
	return r;
}

/* Frees the publisher and detaches from the region. */
static void publisher_free(struct stele_publisher *publisher)
{
	tables_free(&publisher->tables);
	fanout_fini(&publisher->fanout);
	reclaim_fini(&publisher->reclaim);
	arena_fini(&publisher->arena);
	free(publisher->edit.retired.entries);
	generation_close_before(publisher);
	attach_close(&publisher->attachment);
	free(publisher);
}

int publisher_open(const char *region, const struct stele_publisher_options *options,
                   struct region *contents, struct stele_publisher **ret)
{
	struct stele_publisher_options read = {0};
	struct stele_publisher *publisher;
	struct region_paths names;
	int r = paths_make(region, &names);

	if (r == 0)
		r = options_read(&names, options, &read);
	if (r < 0)
		return r;
	publisher = calloc(1, sizeof(*publisher));
	if (!publisher)
		return error_set(ENOMEM, "no memory for a publisher");
	publisher->forks = fork_count();
	publisher->before_fd = -1;
	publisher->grow = publisher_grow;
	publisher->guarded = !(read.flags & STELE_NO_SIGBUS_HANDLER);
	publisher->pinned_bytes = read.pinned_bytes;
	r = attach(&names, &read, contents, &publisher->attachment);
	if (r < 0) {
		free(publisher);
		return r;
	}
	if (publisher->attachment.replaced)
		snprintf(publisher->note, sizeof(publisher->note),
		         "region \"%s\" %s; it was replaced by an empty one", names.region,
		         publisher->attachment.replaced);
	uuid_generate(publisher->uuid);
	publisher->pid = (uint32_t)getpid();
	publisher->attached = clock_realtime();
	paths_command(publisher->command);
	publisher->user = paths_user();
	r = state_start(publisher);
	if (r == 0)
		state_announce(publisher, !publisher->attachment.joined);
	state_leave(publisher);
	mutex_unlock(&publisher->attachment);
	if (r == 0)
		r = attach_let_others_in(&publisher->attachment);
	if (r < 0) {
		publisher_free(publisher);
		return r;
	}
	publisher->checked_at = clock_coarse();
	r = notify_start(&publisher->notify, &publisher->fanout,
	                 read.flags & STELE_NOTIFIER_THREAD);
	if (r < 0) {
		stele_publisher_close(publisher);
		return r;
	}
	/* A publisher that died between a commit and its notices has left subscribers blocked. This
	 * notifies all of them. */
	stele_publisher_reap(publisher);
	*ret = publisher;
	return 0;
}

int stele_publisher_open(const char *region, const struct stele_publisher_options *options,
                         struct stele_publisher **ret)
{
	return publisher_open(region, options, NULL, ret);
}

/* Records in the region that its publisher has detached, and brings the region to the disk. */
static void publisher_finish(struct stele_publisher *publisher)
{
	struct region *region = &publisher->attachment.region;

	data_store(&region->header->publisher.detached, clock_realtime());
	if (!publisher->broken)
		durable_finish(&publisher->durable, region);
}

/* Calls publisher_finish() if this is the last of several shared publishers. Takes the lock first,
 * which also moves this publisher to the region's current file. */
static void publisher_finish_shared(struct stele_publisher *publisher)
{
	struct attachment *attachment = &publisher->attachment;

	if (!attach_is_last(attachment) || publisher_lock(publisher) < 0)
		return;
	publisher_finish(publisher);
	mutex_unlock(attachment);
}

struct stele_publisher *stele_publisher_close(struct stele_publisher *publisher)
{
	if (!publisher)
		return NULL;
	if (publisher->forks == fork_count()) {
		if (publisher->in_transaction)
			stele_transaction_abort(&publisher->transaction);
		notify_stop(&publisher->notify);
		if (publisher->attachment.shared)
			publisher_finish_shared(publisher);
		else
			publisher_finish(publisher);
	} else {
		notify_abandon(&publisher->notify);
	}
	publisher_free(publisher);
	return NULL;
}

const char *stele_publisher_note(const struct stele_publisher *publisher)
{
	return publisher->note;
}

uint64_t stele_publisher_version(const struct stele_publisher *publisher)
{
	return publisher_head(publisher);
}

void stele_publisher_position(const struct stele_publisher *publisher, struct stele_position *ret)
{
	position_fill(publisher->attachment.region.uuid, publisher_head(publisher), ret);
}

void stele_publisher_region_uuid(const struct stele_publisher *publisher, uint8_t *ret_uuid)
{
	memcpy(ret_uuid, publisher->attachment.region.uuid, 16);
}

/* Returns 0, or -EBUSY while a transaction is open. */
static int publisher_check_idle(const struct stele_publisher *publisher)
{
	int r = publisher_check(publisher);

	if (r == 0 && publisher->in_transaction)
		r = error_set(EBUSY,
		              "a transaction is open on region \"%s\"; commit or abort it first",
		              publisher->attachment.region.names.region);
	return r;
}

int stele_publisher_reap(struct stele_publisher *publisher)
{
	int r = publisher_check_idle(publisher);

	if (r < 0)
		return r;
	notify_pause(&publisher->notify);
	r = (int)reap_dead(&publisher->fanout, UINT32_MAX);
	notify_resume(&publisher->notify);
	state_notify_all(publisher);
	return r;
}

/* Returns 0, or an error if the region cannot move to a new file now. `what` is what it cannot be,
 * and `remedy` what to do about a region in a System V segment. */
static int publisher_check_movable(struct stele_publisher *publisher, const char *what,
                                   const char *remedy)
{
	const char *name = publisher->attachment.region.names.region;

	if (publisher->attachment.region.memory->fixed)
		return error_set(ENOTSUP,
		                 "region \"%s\" cannot be %s, because it is in a System V segment, "
		                 "which has a fixed size%s",
		                 name, what, remedy);
	if (generation_before_in_use(publisher))
		return error_set(
			EBUSY,
			"region \"%s\" cannot be %s now: a subscriber, which may be "
			"stopped, still maps the previous data file; try again when it has moved",
			name, what);
	return 0;
}

int stele_publisher_compact(struct stele_publisher *publisher)
{
	int r = publisher_check_idle(publisher);

	if (r == 0)
		r = publisher_lock(publisher);
	if (r < 0)
		return r;
	r = publisher_check_movable(publisher, "compacted", "");
	if (r == 0)
		r = generation_compact(publisher);
	state_leave(publisher);
	mutex_unlock(&publisher->attachment);
	return r;
}

int stele_publisher_upgrade(struct stele_publisher *publisher)
{
	int r = publisher_check_idle(publisher);

	if (r == 0)
		r = publisher_lock(publisher);
	if (r < 0)
		return r;
	if (features_outdated(publisher->attachment.region.header)) {
		r = publisher_check_movable(publisher, "upgraded",
		                            "; save it, remove it, and load the saved file");
		if (r == 0)
			r = generation_upgrade(publisher);
		if (r == 0)
			r = 1;
	}
	state_leave(publisher);
	mutex_unlock(&publisher->attachment);
	return r;
}

int stele_publisher_set_shared(struct stele_publisher *publisher, bool shared)
{
	int r = publisher_check_idle(publisher);

	if (r == 0)
		r = publisher_lock(publisher);
	if (r < 0)
		return r;
	if (features_shared(publisher->attachment.region.header) != shared) {
		r = publisher_check_movable(
			publisher, "shared or unshared",
			"; create it again, with STELE_SHARED_REGION or without");
		if (r == 0)
			r = generation_share(publisher, shared);
		if (r == 0)
			r = 1;
	}
	state_leave(publisher);
	mutex_unlock(&publisher->attachment);
	return r;
}

int stele_publisher_describe(struct stele_publisher *publisher, struct stele_publisher_stats *ret)
{
	const struct fanout *fanout = &publisher->fanout;
	struct stele_publisher_stats stats;
	int r = publisher_check(publisher);

	if (r == 0)
		r = extensible_check(stele_publisher_stats, ret);
	if (r < 0)
		return r;
	notify_pause(&publisher->notify);
	stats = (struct stele_publisher_stats){
		.commits = publisher->commits,
		.recovered_deaths = publisher->attachment.deaths,
		.notices_sent = fanout->sent,
		.notices_skipped = fanout->skipped,
		.notices_full = fanout->full,
		.notices_failed = fanout->failed,
		.futex_wakes = fanout->futex_wakes,
		.reaped = fanout->reaped,
		.pins_revoked = publisher->reclaim.revoked,
		.arena_size = (uint64_t)publisher->arena.pages * LAYOUT_PAGE,
		.arena_used = arena_used(&publisher->arena),
		.history_used = reclaim_history_used(&publisher->reclaim),
		.pinned_used = publisher->reclaim.pinned_used,
		.truncation_handled = publisher->guarded && mapping_has_handler(),
	};
	notify_resume(&publisher->notify);
	extensible_write(stele_publisher_stats, &stats, ret);
	return 0;
}
