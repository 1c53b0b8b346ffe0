/* SPDX-License-Identifier: MIT */
#include "publisher/publisher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "lib/units.h"
#include "publisher/generation.h"
#include "lib/region/copy.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/fork.h"
#include "lib/storage/file.h"
#include "lib/storage/folder.h"
#include "publisher/memory/recover.h"

#define HISTORY_DEFAULT 64u
#define SYSV_DEFAULT    (UINT64_C(64) << 20)
#define LOOK_INTERVAL   NSEC_PER_SEC

/* Which memory is meant for a region of this name, and what follows for the other options. */
static int options_read_memory(const struct region_paths *names,
                               struct stele_publisher_options *ret)
{
	if ((unsigned)ret->memory > STELE_MEMORY_SYSV)
		return error_set(EINVAL,
		                 "memory %d; there are STELE_MEMORY_SHM, _FILE and _SYSV, and "
		                 "_DEFAULT",
		                 (int)ret->memory);
	if (ret->memory == STELE_MEMORY_DEFAULT)
		ret->memory = names->in_directory ? STELE_MEMORY_FILE : STELE_MEMORY_SHM;
	if (ret->memory == STELE_MEMORY_FILE && !names->in_directory)
		return error_set(
			EINVAL,
			"region \"%s\" is to be in files, but without a directory; give it "
			"as DIRECTORY/NAME",
			names->region);
	if (ret->memory != STELE_MEMORY_FILE && names->in_directory)
		return error_set(
			EINVAL,
			"region \"%s\" is to be in %s, which has no directories; give it by "
			"its name alone",
			names->region,
			ret->memory == STELE_MEMORY_SHM ? "POSIX shared memory"
							: "a System V segment");
	if (ret->memory != STELE_MEMORY_SYSV)
		return 0;
	if (ret->durability == STELE_DURABLE_COMMIT)
		return error_set(EINVAL, "a System V segment has no disk to bring commits to");
	if (ret->maximum_size == 0)
		ret->maximum_size = ret->limit_size ? ret->limit_size : SYSV_DEFAULT;
	if (ret->limit_size == 0)
		ret->limit_size = ret->maximum_size;
	if (ret->limit_size != ret->maximum_size)
		return error_set(
			EINVAL,
			"a maximum size of %llu bytes, but a limit of %llu; a System V segment can't "
			"grow, so they are the same",
			(unsigned long long)ret->maximum_size, (unsigned long long)ret->limit_size);
	return 0;
}

/* Copies the options with defaults filled in. */
static int options_read(const struct region_paths *names,
                        const struct stele_publisher_options *options,
                        struct stele_publisher_options *ret)
{
	uint64_t most = sizeof(void *) == 4 ? UINT64_C(1) << 28 : UINT64_C(1) << 32;
	int r;

	*ret = (struct stele_publisher_options){.size = sizeof(*ret)};
	if (options) {
		if (options->size != sizeof(*options))
			return error_set(
				EINVAL,
				"options of %zu bytes; set .size to sizeof(struct stele_publisher_options)",
				options->size);
		*ret = *options;
	}
	if (ret->flags & ~(STELE_CREATE | STELE_CREATE_NEW | STELE_NO_SIGBUS_HANDLER |
	                   STELE_SHARED | STELE_NOTIFIER_THREAD))
		return error_set(EINVAL, "unknown flags 0x%x for a publisher", ret->flags);
	if (ret->history == 0)
		ret->history = HISTORY_DEFAULT;
	if (ret->history < 2 || ret->history > LAYOUT_HISTORY_MAX)
		return error_set(EINVAL, "a history of %u versions; it can have 2 to %u",
		                 ret->history, LAYOUT_HISTORY_MAX);
	r = options_read_memory(names, ret);
	if (r < 0)
		return r;
	if (ret->limit_size == 0)
		ret->limit_size = sizeof(void *) == 4 ? UINT64_C(1) << 30 : LAYOUT_MAXIMUM;
	if (ret->maximum_size == 0)
		ret->maximum_size = most < ret->limit_size ? most : ret->limit_size;
	if (ret->limit_size > LAYOUT_MAXIMUM || ret->limit_size > SIZE_MAX)
		return error_set(EINVAL, "a limit of %llu bytes; a region can have up to %llu",
		                 (unsigned long long)ret->limit_size,
		                 (unsigned long long)LAYOUT_MAXIMUM);
	if (ret->maximum_size > ret->limit_size)
		return error_set(
			EINVAL,
			"a maximum size of %llu bytes, but a limit of %llu; the limit is for all",
			(unsigned long long)ret->maximum_size, (unsigned long long)ret->limit_size);
	ret->maximum_size = ret->maximum_size / LAYOUT_PAGE * LAYOUT_PAGE;
	ret->limit_size = ret->limit_size / LAYOUT_PAGE * LAYOUT_PAGE;
	if (ret->durability != STELE_DURABLE_CLOSE && ret->durability != STELE_DURABLE_COMMIT)
		return error_set(EINVAL, "durability %d; there are STELE_DURABLE_CLOSE and _COMMIT",
		                 (int)ret->durability);
	if (ret->mode == 0)
		ret->mode = 0640;
	if (ret->mode & ~(mode_t)0644 || (ret->mode & 0600) != 0600)
		return error_set(
			EINVAL,
			"mode %04o for a region; its owner reads and writes (0600), and the group (0040) "
			"and others (0004) may read",
			ret->mode);
	return 0;
}

int region_grow(struct region *region, uint64_t end)
{
	int r = region->memory->reserve(region, end + LAYOUT_GUARD);

	if (r < 0)
		return r;
	/* The contract with readers: the bytes are there, and so is the guard after them. */
	store_release(&region->header->arena_end, end);
	return 0;
}

/* The pages of an arena in a file of so many bytes. */
static uint32_t pages_in(const struct region *region, uint64_t size)
{
	return (uint32_t)((size - LAYOUT_GUARD - region->arena_offset) / LAYOUT_PAGE);
}

int region_arena(const struct region *region, struct arena *ret)
{
	return arena_init(ret, region->mapping.base, region->arena_offset,
	                  load_relaxed(&region->header->arena_end) - region->arena_offset,
	                  region->maximum_size - LAYOUT_GUARD - region->arena_offset);
}

static int alloc_copy(void *arena, size_t size, ref_t *ret)
{
	return arena_alloc(arena, size, ret);
}

int region_fill(struct region *region, struct arena *arena, const struct region *from,
                const struct view *view)
{
	struct copy_target target = {&arena->view, arena->base, alloc_copy, arena};

	return copy_versions(from, view, region, &target);
}

static void limit_pins(struct stele_publisher *publisher)
{
	publisher->reclaim.pinned_limit = publisher->pinned_bytes
	                                          ? publisher->pinned_bytes
	                                          : publisher->attachment.region.maximum_size / 2;
}

/* For the arena: past the maximum, there is a new generation first. */
static int grow(void *context, uint64_t end)
{
	struct stele_publisher *publisher = context;
	struct region *region = &publisher->attachment.region;
	int r = 0;

	if (end + LAYOUT_GUARD > region->maximum_size)
		r = generation_grow(publisher, end + LAYOUT_GUARD);
	if (r == -ENOSPC || r == -EFBIG || r == -EDQUOT) {
		/* The arena asks for no more than the limit, so it is the new file that is refused. */
		region->shortage = r;
		region->shortage_size = region->file_size;
		r = -ENOSPC;
	}
	if (r == 0)
		r = region_grow(region, end);
	publisher->arena.pages_in_place = pages_in(region, region->maximum_size);
	limit_pins(publisher);
	return r;
}

void publisher_trim(struct stele_publisher *publisher)
{
	uint64_t head = publisher_head(publisher), history = publisher->attachment.region.history;

	if (head >= history)
		reclaim_run(&publisher->reclaim, head - history + 1);
}

bool publisher_make_room(void *context)
{
	struct stele_publisher *publisher = context;
	/* What costs nobody anything comes first. */
	bool given_back = arena_give_back(&publisher->arena);
	uint64_t head = publisher_head(publisher);
	uint64_t reclaimed = load_relaxed(&publisher->attachment.region.header->reclaimed);
	uint32_t history = publisher->attachment.region.history;
	uint64_t oldest;

	if (given_back)
		return true;
	if (head >= history && head - history + 1 > reclaimed)
		oldest = head - history + 1;
	else if (head >= 2 && head - 1 > reclaimed)
		oldest = head - 1;
	else
		return reclaim_revoke(&publisher->reclaim);
	reclaim_run(&publisher->reclaim, oldest);
	/* The caller tries again as long as this is true, so it is true only after progress. */
	return load_relaxed(&publisher->attachment.region.header->reclaimed) > reclaimed;
}

void publisher_announce(struct stele_publisher *publisher)
{
	struct layout_publisher *who = &publisher->attachment.region.header->publisher;

	data_copy_in(who->uuid, publisher->uuid, sizeof(who->uuid));
	data_store_32(&who->pid, publisher->pid);
	data_store_32(&who->ipc_namespace, paths_ipc_namespace());
	data_copy_in((unsigned char *)who->command, publisher->command, sizeof(who->command));
	data_store(&who->attached, publisher->attached);
	data_store(&who->detached, 0);
}

static int sync_reclaimed(void *context)
{
	struct stele_publisher *publisher = context;
	int r = durable_reclaim(&publisher->durable, &publisher->attachment.region);

	publisher->broken |= r < 0;
	return r;
}

void publisher_wire(struct stele_publisher *publisher)
{
	struct region *region = &publisher->attachment.region;
	uint64_t limit = region->limit_size;

	if (limit > region->mapping.size)
		limit = region->mapping.size;
	publisher->arena.grow = grow;
	publisher->arena.context = publisher;
	publisher->arena.pages_in_place = pages_in(region, region->maximum_size);
	publisher->arena.pages_max = pages_in(region, limit);
	publisher->reclaim.region = region;
	publisher->reclaim.sync = publisher->durable.each_commit ? sync_reclaimed : NULL;
	publisher->reclaim.context = publisher;
	publisher->reclaim.arena = &publisher->arena;
	publisher->tables.known++;
	publisher->edit.arena = &publisher->arena;
	publisher->edit.make_room = publisher_make_room;
	publisher->edit.context = publisher;
	publisher->fanout.region = region;
	publisher->fanout.notices =
		(struct layout_notices *)(publisher->attachment.publisher_mapping.base +
	                                  LAYOUT_NOTICES_OFFSET);
	publisher->fanout.notices_fd = publisher->attachment.publisher_lock.fd;
	fanout_move(&publisher->fanout);
	publisher->fanout.slots = publisher->reclaim.slots =
		publisher->attachment.slots_open ? &publisher->attachment.slots : NULL;
}

int publisher_start(struct stele_publisher *publisher)
{
	struct region *region = &publisher->attachment.region;
	uint64_t end = load_relaxed(&region->header->arena_end),
		 most = region->maximum_size - LAYOUT_GUARD;
	int r;

	if (end < region->arena_offset || end > most || end + LAYOUT_GUARD > region->file_size)
		return error_set(
			EBADMSG,
			"region \"%s\" is damaged, or its file was truncated; remove it and publish "
			"again",
			region->names.region);
	r = region_arena(region, &publisher->arena);
	if (r == 0)
		r = reclaim_init(&publisher->reclaim, region, &publisher->arena);
	if (r < 0)
		return error_set(-r, "no memory to publish region \"%s\"", region->names.region);
	publisher->reclaim.history_limit = region->header->history_bytes;
	limit_pins(publisher);
	r = recover(region, &publisher->arena, &publisher->reclaim);
	if (r == 0)
		r = durable_start(&publisher->durable, region);
	publisher_wire(publisher);
	return r;
}

static void publisher_free(struct stele_publisher *publisher)
{
	tables_free(publisher);
	fanout_finish(&publisher->fanout);
	reclaim_finish(&publisher->reclaim);
	arena_finish(&publisher->arena);
	free(publisher->edit.retired.entries);
	generation_forget(publisher);
	attachment_close(&publisher->attachment);
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
	publisher->guarded = !(read.flags & STELE_NO_SIGBUS_HANDLER);
	publisher->pinned_bytes = read.pinned_bytes;
	r = attach(&names, &read, contents, &publisher->attachment);
	if (r < 0) {
		free(publisher);
		return r;
	}
	uuid_generate(publisher->uuid);
	publisher->pid = (uint32_t)getpid();
	publisher->attached = clock_realtime();
	paths_command(publisher->command);
	r = publisher_start(publisher);
	if (r == 0)
		publisher_announce(publisher);
	publisher_leave(publisher);
	mutex_unlock(&publisher->attachment);
	if (r == 0)
		r = attach_let_others_in(&publisher->attachment);
	if (r < 0) {
		publisher_free(publisher);
		return r;
	}
	publisher->looked_at = clock_coarse();
	r = notify_start(&publisher->notify, &publisher->fanout,
	                 read.flags & STELE_NOTIFIER_THREAD);
	if (r < 0) {
		stele_publisher_close(publisher);
		return r;
	}
	/* A publisher that died between a commit and its notices has left somebody blocked: tell
	 * all. */
	stele_publisher_reap(publisher);
	*ret = publisher;
	return 0;
}

int stele_publisher_open(const char *region, const struct stele_publisher_options *options,
                         struct stele_publisher **ret)
{
	return publisher_open(region, options, NULL, ret);
}

/* Writes what the region is without a publisher. */
static void finish(struct stele_publisher *publisher)
{
	struct region *region = &publisher->attachment.region;

	data_store(&region->header->publisher.detached, clock_realtime());
	if (!publisher->broken)
		durable_finish(&publisher->durable, region);
}

/* The same for the last of several, in the file that is the region's by then. */
static void finish_shared(struct stele_publisher *publisher)
{
	struct attachment *attachment = &publisher->attachment;

	if (!attach_is_last(attachment) || publisher_lock(publisher) < 0)
		return;
	finish(publisher);
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
			finish_shared(publisher);
		else
			finish(publisher);
	} else {
		notify_abandon(&publisher->notify);
	}
	publisher_free(publisher);
	return NULL;
}

const char *stele_publisher_note(const struct stele_publisher *publisher)
{
	return publisher->attachment.note;
}

uint64_t stele_publisher_version(const struct stele_publisher *publisher)
{
	return publisher_head(publisher);
}

void stele_publisher_region_uuid(const struct stele_publisher *publisher, uint8_t *ret_uuid)
{
	memcpy(ret_uuid, publisher->attachment.region.uuid, 16);
}

/* Looks for files that were lost, before their contents are relied on. */
static int look_for_loss(struct stele_publisher *publisher, bool closely)
{
	struct attachment *attachment = &publisher->attachment;

	if (closely && attachment->region.memory->gone(&attachment->region))
		return error_set(
			EBADMSG,
			"the memory of region \"%s\" was removed under its publisher; remove the "
			"region and publish again",
			attachment->region.names.region);
	if (region_lost(&attachment->region) || mapping_lost(&attachment->publisher_mapping))
		return error_set(
			EBADMSG,
			"a file of region \"%s\" was truncated under its publisher; remove the region and "
			"publish again",
			attachment->region.names.region);
	return 0;
}

/* The same for the file that can be made anew. */
static void look_for_slots(struct stele_publisher *publisher)
{
	const struct region *region = &publisher->attachment.region;

	folder_make(&region->names, region->mode);
	if (!attach_slots_lost(&publisher->attachment))
		return;
	notify_pause(&publisher->notify);
	fanout_finish(&publisher->fanout);
	attach_slots_again(&publisher->attachment, publisher->guarded);
	publisher_wire(publisher);
	notify_resume(&publisher->notify);
}

/* Whoever waits, for whatever table: what was committed last may not have been told. */
static void notify_all_tables(struct stele_publisher *publisher)
{
	notify_post(&publisher->notify, &(struct notice){
						.version = publisher_head(publisher),
						.time = clock_realtime(),
						.tables = NOTICE_ANY,
					});
}

int publisher_lock(struct stele_publisher *publisher)
{
	int64_t now = clock_coarse();
	bool closely = now - publisher->looked_at >= LOOK_INTERVAL, died;
	int r = look_for_loss(publisher, closely);

	if (r < 0)
		return r;
	if (publisher->broken)
		return error_set(
			EIO,
			"an earlier write of region \"%s\" to its disk failed; look at the "
			"disk, then open the publisher again",
			publisher->attachment.region.names.region);
	r = mutex_lock(&publisher->attachment);
	if (r == -ENOTRECOVERABLE)
		return error_set(EBUSY,
		                 "the lock of region \"%s\" is broken; open the publisher again",
		                 publisher->attachment.region.names.region);
	if (r < 0)
		return r;
	died = r == 1;
	if (closely || mapping_lost(&publisher->attachment.slots.mapping))
		look_for_slots(publisher);
	r = publisher_catch_up(publisher);
	if (r == 0 && closely) {
		publisher->looked_at = now;
		generation_before_in_use(publisher);
		r = generation_keep_name(publisher);
	}
	/* Another publisher, between a commit and its notices perhaps. */
	if (r == 0 && died)
		notify_all_tables(publisher);
	if (r < 0)
		mutex_unlock(&publisher->attachment);
	return r;
}

int stele_publisher_reap(struct stele_publisher *publisher)
{
	int r = publisher_check(publisher);

	if (r < 0)
		return r;
	if (publisher->in_transaction)
		return error_set(EBUSY, "a transaction is open on region \"%s\"",
		                 publisher->attachment.region.names.region);
	notify_pause(&publisher->notify);
	r = (int)fanout_reap(&publisher->fanout, UINT32_MAX);
	notify_resume(&publisher->notify);
	notify_all_tables(publisher);
	return r;
}

int stele_publisher_compact(struct stele_publisher *publisher)
{
	const char *name = publisher->attachment.region.names.region;
	int r = publisher_check(publisher);

	if (r < 0)
		return r;
	if (publisher->in_transaction)
		return error_set(EBUSY, "a transaction is open on region \"%s\"", name);
	if (publisher->attachment.region.memory->fixed)
		return error_set(
			ENOTSUP,
			"region \"%s\" is in a System V segment, which has a fixed size: it "
			"can't be compacted",
			name);
	r = publisher_lock(publisher);
	if (r < 0)
		return r;
	if (generation_before_in_use(publisher))
		r = error_set(
			EBUSY,
			"a subscriber of region \"%s\" still has the file before this one (it "
			"may be stopped); try again when it has moved",
			name);
	else
		r = generation_compact(publisher);
	publisher_leave(publisher);
	mutex_unlock(&publisher->attachment);
	return r;
}

int stele_publisher_stats(struct stele_publisher *publisher, struct stele_publisher_stats *ret)
{
	const struct fanout *fanout = &publisher->fanout;
	int r = publisher_check(publisher);

	if (r < 0)
		return r;
	if (ret->size != sizeof(*ret))
		return error_set(
			EINVAL,
			"statistics of %zu bytes; set .size to sizeof(struct stele_publisher_stats)",
			ret->size);
	notify_pause(&publisher->notify);
	*ret = (struct stele_publisher_stats){
		.size = sizeof(*ret),
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
	};
	notify_resume(&publisher->notify);
	return 0;
}
