/* SPDX-License-Identifier: MIT */
#include "publisher/generation.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/checksum.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/region/features.h"
#include "lib/storage/file.h"
#include "lib/storage/replace.h"
#include "lib/units.h"
#include "notifier/futex.h"
#include "publisher/memory/data_file.h"
#include "publisher/memory/recover.h"
#include "publisher/state/state.h"

/* Minimum size in bytes of an arena that is compacted without a call of
 * stele_publisher_compact(). */
#define COMPACT_SIZE_MIN (UINT64_C(16) << 20)
/* Minimum nanoseconds between two tries of a compaction that no call of stele_publisher_compact()
 * asked for. */
#define COMPACT_INTERVAL (uint64_t)(10 * NSEC_PER_SEC)

static int generation_make_error(const struct region *region, int r)
{
	return error_set(-r, "cannot make a new file for region \"%s\": %s", region->names.region,
	                 strerror(-r));
}

/* Sets the error message for a new file that could not be written. `errnum` is EIO if the reason is
 * unknown, as for a short write. */
static int generation_write_error(const struct region *region, int errnum)
{
	return error_set(errnum, "cannot write a new file for region \"%s\": %s",
	                 region->names.region, strerror(errnum));
}

/* A file that is to take the region's name, open twice. A lock must not be held through a file
 * description that is mapped: the mapping would keep the lock after the close, and in children made
 * by fork(). */
struct generation_file {
	int lock; /* descriptor that holds the publisher's lock */
	int map;  /* descriptor that is mapped */
};

static void generation_file_close(struct generation_file *next)
{
	if (next->lock >= 0)
		close(next->lock);
	if (next->map >= 0)
		close(next->map);
}

/* Makes the next file: of `size` bytes, locked, and without a name. */
static int generation_file_make(const struct region *region, bool shared, uint64_t size,
                                struct generation_file *ret)
{
	struct generation_file next = {-1, -1};
	int r = file_make(region->names.data, size, &next.lock);

	if (r < 0)
		return r;
	r = file_lock_try(next.lock, REGION_PUBLISHER_BYTE + shared);
	if (r == 0)
		r = file_open_again(next.lock, &next.map);
	if (r < 0) {
		generation_make_error(region, r);
		generation_file_close(&next);
		return r;
	}
	*ret = next;
	return 0;
}

/* Makes the header of the next generation: a copy of the current one, with another generation,
 * maximum size and state. The mutable part is copied too. */
static void generation_header(const struct region *region, uint64_t maximum,
                              struct layout_header *ret)
{
	data_copy_out(ret, (const unsigned char *)region->header, sizeof(*ret));
	ret->generation++;
	ret->maximum_size = maximum;
	ret->head = head_make(head_version(ret->head), HEAD_CURRENT);
	ret->checksum = checksum_header(ret);
}

/* Maps the first page of the current file once more. generation_install() marks the head there,
 * because by then the region's own mapping may be that of the next file. */
static int generation_map_old(struct stele_publisher *publisher, struct mapping *ret)
{
	const struct region *region = &publisher->attachment.region;
	int r = mapping_open(ret, region->fd, LAYOUT_PAGE, true, publisher->guarded);

	return r < 0 ? mapping_error(r, region->names.data, LAYOUT_PAGE) : 0;
}

/* Gives the next file the group of the current one, and returns the mode that the next file must
 * get. The owner may have changed both since the region was created. A user who may not give files
 * to that group keeps the file in its own group. */
static int generation_inherit(const struct region *region, const struct generation_file *next,
                              mode_t *ret_mode)
{
	struct stat status;
	int r = 0;

	if (fstat(region->fd, &status) < 0)
		r = -errno;
	else if (fchown(next->lock, (uid_t)-1, status.st_gid) < 0)
		r = errno == EPERM ? 0 : -errno;
	if (r < 0)
		return generation_make_error(region, r);
	*ret_mode = status.st_mode & 07777;
	return 0;
}

/* Gives the next file the region's name: steps 2 to 4 of generation.h. `old` is the first page of
 * the current file. */
static int generation_install(struct stele_publisher *publisher, const struct generation_file *next,
                              const struct mapping *old)
{
	const struct region *region = &publisher->attachment.region;
	struct layout_header *header = (struct layout_header *)old->base;
	char new_path[REPLACE_PATH_SIZE];
	mode_t mode;
	int r = generation_inherit(region, next, &mode);

	if (r < 0)
		return r;
	if (region->durability != LAYOUT_DURABLE_NONE)
		r = file_sync(next->lock, region->names.data);
	if (r == 0)
		r = replace_begin(publisher->attachment.publisher_lock.fd, &region->names,
		                  region->uuid, next->lock, mode, new_path);
	if (r < 0)
		return r;
	data_file_mark(&header->head, HEAD_REPLACING);
	r = replace_end(new_path, region->names.data);
	data_file_mark(&header->head, r < 0 ? HEAD_CURRENT : HEAD_REPLACED);
	if (r == 0 && region->durability != LAYOUT_DURABLE_NONE) {
		/* Until the directory is on the disk, a power cut may bring back the old file,
		 * which would lose the later commits. */
		if (file_sync_directory(region->names.data) < 0)
			publisher->broken = BROKEN_DISK;
	}
	return r;
}

void generation_close_before(struct stele_publisher *publisher)
{
	if (publisher->before_fd >= 0)
		close(publisher->before_fd);
	publisher->before_fd = -1;
}

/* Notifies all subscribers, so that they move to the new file. */
static void generation_notify_all(struct stele_publisher *publisher)
{
	notify_post(&publisher->notify, &(struct notice){
						.version = publisher_head(publisher),
						.time = clock_realtime(),
						.everybody = true,
					});
}

/* Replaces the attachment's lock by that of the next file, which has the region's name now. */
static void generation_adopt(struct stele_publisher *publisher, const struct generation_file *next,
                             struct mapping *old)
{
	struct attachment *attachment = &publisher->attachment;

	fork_fd_close(&attachment->data_lock);
	/* The fork handlers are installed already, so this cannot fail. */
	fork_fd_add(&attachment->data_lock, next->lock);
	generation_close_before(publisher);
	mapping_close(old);
}

/* ---- a file with the same bytes ---- */

/* Writes the current file's bytes to `fd`. */
static int generation_copy_bytes(const struct region *region, int fd)
{
	const unsigned char *from = region->mapping.base;
	uint64_t done = 0;

	while (done < region->file_size) {
		uint64_t part = region->file_size - done;
		ssize_t written;
		if (part > 1 << 20)
			part = 1 << 20;
		written = pwrite(fd, from + done, (size_t)part, (off_t)done);
		if (written < 0 && errno != EINTR)
			return generation_write_error(region, errno);
		done += written > 0 ? (uint64_t)written : 0;
	}
	return 0;
}

/* Writes the header of the next generation to the next file. */
static int generation_write_header(const struct region *region, const struct generation_file *next,
                                   uint64_t maximum)
{
	struct layout_header header;

	generation_header(region, maximum, &header);
	if (pwrite(next->lock, &header, sizeof(header), 0) != (ssize_t)sizeof(header))
		return generation_write_error(region, EIO);
	return 0;
}

/* Maps the next file in place of the current one, at the same address, so that every pointer stays
 * valid; then gives it the region's name. */
static int generation_exchange(struct stele_publisher *publisher, struct generation_file *next,
                               uint64_t maximum, struct mapping *old)
{
	struct region *region = &publisher->attachment.region;
	int r = mapping_exchange(&region->mapping, next->map, (size_t)maximum, true);

	if (r < 0)
		return mapping_error(r, region->names.data, maximum);
	r = generation_install(publisher, next, old);
	if (r < 0) {
		if (mapping_exchange(&region->mapping, region->fd, (size_t)region->maximum_size,
		                     true) < 0)
			publisher->broken = BROKEN_MAPPING;
		/* The notifier thread may have woken the head of the next file meanwhile, so wake
		 * the waiters of the current one. */
		notifier_futex_wake(&region->header->head, UINT32_MAX);
	}
	return r;
}

/* Moves the region to a new file with the same bytes. */
static int generation_make_same(struct stele_publisher *publisher, uint64_t maximum)
{
	struct region *region = &publisher->attachment.region;
	struct mapping old = {0};
	struct generation_file next;
	int r = generation_file_make(region, publisher->attachment.shared, region->file_size,
	                             &next);

	if (r < 0)
		return r;
	r = generation_copy_bytes(region, next.lock);
	if (r == 0)
		r = generation_write_header(region, &next, maximum);
	if (r == 0 && region_lost(region))
		r = region_error(region, -EBADMSG, publisher_head(publisher));
	if (r == 0)
		r = generation_map_old(publisher, &old);
	if (r == 0)
		r = generation_exchange(publisher, &next, maximum, &old);
	if (r < 0) {
		mapping_close(&old);
		generation_file_close(&next);
		return r;
	}
	notify_pause(&publisher->notify);
	generation_adopt(publisher, &next, &old);
	publisher->before_fd = region->fd;
	region->fd = next.map;
	fstat(region->fd, &region->status);
	region->maximum_size = maximum;
	region->generation++;
	notify_resume(&publisher->notify);
	generation_notify_all(publisher);
	return 0;
}

static int generation_grow_to(struct stele_publisher *publisher, uint64_t min)
{
	const struct region *region = &publisher->attachment.region;
	uint64_t maximum = region->maximum_size;

	if (min > region->limit_size || min > region->mapping.size)
		return error_set(ENOSPC, "region \"%s\" cannot grow above its limit of %llu bytes",
		                 region->names.region, (unsigned long long)region->limit_size);
	while (maximum < min)
		maximum *= 2;
	if (maximum > region->limit_size)
		maximum = region->limit_size;
	if (maximum > region->mapping.size)
		maximum = region->mapping.size;
	return generation_make_same(publisher, maximum);
}

int generation_grow(struct stele_publisher *publisher, uint64_t min)
{
	int r = generation_grow_to(publisher, min);

	/* The change that needed the growth reports this reason (table_change_error()). */
	snprintf(publisher->growth_error, sizeof(publisher->growth_error), "%s",
	         r < 0 ? stele_last_error() : "");
	return r;
}

/* Makes a new data file for a System V segment: a copy of its only page, in the same generation.
 * Subscribers that have the old data file keep using the same segment, with the same head, and find
 * the new file when they check the name. */
static int generation_name_memory(struct stele_publisher *publisher)
{
	struct attachment *attachment = &publisher->attachment;
	struct region *region = &attachment->region;
	unsigned char page[LAYOUT_PAGE];
	struct generation_file next;
	mode_t mode;
	int r = generation_file_make(region, attachment->shared, sizeof(page), &next);

	if (r < 0)
		return r;
	if (pread(region->fd, page, sizeof(page), 0) != (ssize_t)sizeof(page) ||
	    pwrite(next.lock, page, sizeof(page), 0) != (ssize_t)sizeof(page))
		r = generation_write_error(region, EIO);
	if (r == 0)
		r = generation_inherit(region, &next, &mode);
	if (r == 0)
		r = replace_file(attachment->publisher_lock.fd, &region->names, region->uuid,
		                 next.lock, region->names.data, mode);
	if (r < 0) {
		generation_file_close(&next);
		return r;
	}
	fork_fd_close(&attachment->data_lock);
	/* The fork handlers are installed already, so this cannot fail. */
	fork_fd_add(&attachment->data_lock, next.lock);
	close(region->fd);
	region->fd = next.map;
	notify_pause(&publisher->notify);
	fstat(region->fd, &region->status);
	notify_resume(&publisher->notify);
	return 0;
}

/* Makes a new file that has the region's name, which the current file has lost. */
static int generation_restore_name(struct stele_publisher *publisher)
{
	const struct region *region = &publisher->attachment.region;

	return region->memory->fixed ? generation_name_memory(publisher)
	                             : generation_make_same(publisher, region->maximum_size);
}

int generation_keep_name(struct stele_publisher *publisher)
{
	const struct region *region = &publisher->attachment.region;
	struct stat status;

	if (file_is_named(region->fd, region->names.data))
		return 0;
	if (lstat(region->names.data, &status) < 0 ? errno == ENOENT : status.st_uid != geteuid())
		return generation_restore_name(publisher);
	/* Another shared publisher may have made a new data file for the same segment. */
	if (region->memory->fixed && publisher->attachment.shared)
		return attach_next_generation(&publisher->attachment, publisher->guarded);
	return error_set(EBADMSG,
	                 "the file of region \"%s\" was replaced while it was published; open the "
	                 "publisher again",
	                 region->names.region);
}

/* ---- compaction: a file with only the reachable objects ---- */

/* The state of a compaction's new file. It becomes the publisher's state when the file becomes the
 * region. */
struct generation_fresh {
	struct region region;
	struct arena arena;
	struct reclaim reclaim;
};

/* Grows the new file: the grow callback of its arena. */
static int generation_fresh_grow(void *context, uint64_t end)
{
	return data_file_grow(&((struct generation_fresh *)context)->region, end);
}

/* Copies the reachable objects into the new file, then walks the copy as an attach does. If the
 * walk finds damage, the copy does not become the region. */
static int generation_fresh_fill(struct stele_publisher *publisher, struct generation_fresh *fresh)
{
	const struct region *region = &publisher->attachment.region;
	int r = data_file_arena(&fresh->region, &fresh->arena);

	if (r == 0) {
		fresh->arena.grow = generation_fresh_grow;
		fresh->arena.context = fresh;
		r = data_file_fill(&fresh->region, &fresh->arena, region, &publisher->arena.view);
	}
	arena_fini(&fresh->arena);
	if (r == 0)
		r = data_file_arena(&fresh->region, &fresh->arena);
	if (r == 0)
		r = reclaim_init(&fresh->reclaim, &fresh->region, &fresh->arena);
	if (r == -ENOSPC && fresh->region.shortage < 0)
		return storage_shortage_error(&fresh->region);
	if (r < 0)
		return error_set(-r, "cannot copy region \"%s\" to compact it: %s",
		                 region->names.region, strerror(-r));
	return recover(&fresh->region, &fresh->arena, &fresh->reclaim);
}

/* Changes the features of a region, in the header of its next generation. */
typedef void generation_features_fn(struct layout_header *header);

/* Makes the new file of a compaction, or of a change of features, of about the size that is in use,
 * and opens it. `change` is NULL for a compaction. */
static int generation_fresh_make(struct stele_publisher *publisher, generation_features_fn *change,
                                 uint64_t maximum, struct generation_file *next,
                                 struct generation_fresh *fresh)
{
	const struct region *region = &publisher->attachment.region;
	struct layout_header header;
	/* The file grows later if this is too little. */
	uint64_t used = arena_used(&publisher->arena);
	uint64_t arena = used + used / 64 + 16 * LAYOUT_PAGE;
	int r;

	generation_header(region, maximum, &header);
	if (change) {
		change(&header);
		header.checksum = checksum_header(&header);
	}
	header.arena_end = region->arena_offset + arena / LAYOUT_PAGE * LAYOUT_PAGE;
	if (header.arena_end + LAYOUT_GUARD > maximum)
		header.arena_end = maximum - LAYOUT_GUARD;
	r = generation_file_make(region, publisher->attachment.shared,
	                         header.arena_end + LAYOUT_GUARD, next);
	if (r < 0)
		return r;
	if (pwrite(next->lock, &header, sizeof(header), 0) != (ssize_t)sizeof(header))
		r = generation_write_error(region, EIO);
	else
		r = region_open_file(&region->names, next->map, true, publisher->guarded,
		                     &fresh->region);
	if (r < 0)
		generation_file_close(next);
	return r;
}

/* Moves the region to a new file of at most `maximum` bytes, which holds only reachable objects. */
static int generation_rewrite(struct stele_publisher *publisher, generation_features_fn *change,
                              uint64_t maximum)
{
	struct region *region = &publisher->attachment.region;
	struct generation_fresh fresh = {.region = {.fd = -1}};
	struct mapping old = {0};
	struct generation_file next;
	int r;

	state_trim(publisher);
	r = generation_fresh_make(publisher, change, maximum, &next, &fresh);
	if (r < 0)
		return r;
	r = generation_fresh_fill(publisher, &fresh);
	if (r == 0 && publisher->durable.each_commit)
		r = durable_record(&publisher->durable, &fresh.region, publisher_head(publisher));
	if (r == 0 && (region_lost(region) || region_lost(&fresh.region)))
		r = region_error(region, -EBADMSG, publisher_head(publisher));
	if (r == 0)
		r = generation_map_old(publisher, &old);
	if (r == 0)
		r = generation_install(publisher, &next, &old);
	if (r < 0) {
		mapping_close(&old);
		reclaim_fini(&fresh.reclaim);
		arena_fini(&fresh.arena);
		mapping_close(&fresh.region.mapping);
		generation_file_close(&next);
		return r;
	}
	notify_pause(&publisher->notify);
	generation_adopt(publisher, &next, &old);
	publisher->before_fd = region->fd;
	region->fd = -1;
	region_close(region);
	fresh.reclaim.revoked = publisher->reclaim.revoked;
	fresh.reclaim.history_limit = publisher->reclaim.history_limit;
	reclaim_fini(&publisher->reclaim);
	arena_fini(&publisher->arena);
	*region = fresh.region;
	publisher->arena = fresh.arena;
	publisher->reclaim = fresh.reclaim;
	state_limit_pins(publisher);
	state_wire(publisher);
	notify_resume(&publisher->notify);
	generation_notify_all(publisher);
	return 0;
}

int generation_compact(struct stele_publisher *publisher)
{
	return generation_rewrite(publisher, NULL, publisher->attachment.region.maximum_size);
}

/* Moves the region to a new file with other features, which may be larger than the maximum. */
static int generation_change(struct stele_publisher *publisher, generation_features_fn *change)
{
	const struct region *region = &publisher->attachment.region;
	uint64_t limit = region->limit_size, maximum = region->maximum_size;
	int r;

	while ((r = generation_rewrite(publisher, change, maximum)) == -ENOSPC && maximum < limit)
		maximum = maximum < limit / 2 ? maximum * 2 : limit;
	return r;
}

int generation_upgrade(struct stele_publisher *publisher)
{
	return generation_change(publisher, features_upgrade);
}

int generation_share(struct stele_publisher *publisher, bool shared)
{
	return generation_change(publisher, shared ? features_share : features_unshare);
}

void generation_compact_if_worth(struct stele_publisher *publisher, uint64_t now)
{
	uint64_t size = (uint64_t)publisher->arena.pages * LAYOUT_PAGE;

	if (publisher->broken || publisher->attachment.region.memory->fixed ||
	    size < COMPACT_SIZE_MIN || publisher->arena.taken > size / 2 ||
	    now - publisher->compacted_at < COMPACT_INTERVAL)
		return;
	publisher->compacted_at = now;
	if (!generation_before_in_use(publisher))
		generation_compact(publisher);
}

/* ---- the previous generation ---- */

bool generation_before_in_use(struct stele_publisher *publisher)
{
	if (publisher->before_fd < 0)
		return false;
	if (file_is_in_use(publisher->before_fd))
		return true;
	generation_close_before(publisher);
	return false;
}
