/* SPDX-License-Identifier: MIT
 *
 * Attaches a publisher to a region. An attachment is a write lock on a byte of the publisher file,
 * held through an open file description of its own (an OFD lock). The kernel releases the lock when
 * the process dies, whatever its pid or namespace. While a publisher lives, another process may
 * remove the publisher file and create it again. So the data file carries a second lock, which a
 * publisher checks if it has to create the publisher file.
 *
 * Publishers that share a region (attach_share.h) hold a read lock on that byte of the publisher
 * file instead, and each locks a byte of its own in the data file. The first of them begins with
 * the write lock, so that it creates the files undisturbed, and then converts it into a read lock.
 *
 * Lock order: publisher file, data file, mutex.
 *
 * Only the holder of the publisher file's lock creates the other files. The data file is created
 * last, so a process that finds it finds the others too. */
#include "publisher/attach/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/region/features.h"
#include "lib/region/header.h"
#include "lib/storage/file.h"
#include "lib/storage/folder.h"
#include "lib/storage/replace.h"
#include "lib/storage/storage_file.h"
#include "lib/storage/storage_sysv.h"
#include "lib/units.h"
#include "publisher/attach/attach_file.h"
#include "publisher/attach/attach_lock.h"
#include "publisher/attach/attach_share.h"
#include "publisher/attach/attach_wait.h"
#include "publisher/attach/contents.h"
#include "publisher/attach/mutex.h"
#include "publisher/attach/remove.h"
#include "publisher/memory/data_file.h"
#include "publisher/memory/durable.h"
#include "publisher/memory/reclaim.h"

#define ATTACH_TIMEOUT (5 * NSEC_PER_SEC)
#define ATTACH_TRIES   16

/* The parameters of an attach. */
struct attach_request {
	const struct region_paths *paths;
	const struct stele_publisher_options *options;
	/* Contents of a new region. NULL: none. */
	struct region *contents;
	bool guarded;
	struct attach_wait *wait;
};

/* ---- the data file ---- */

/* Returns the number of entries of the commit ring: enough for history, and for the versions that
 * have left history and wait for the next reclaim. */
static uint32_t attach_ring_entries(uint32_t history)
{
	uint32_t entries = 64;

	while (entries < history + 2 * RECLAIM_BATCH)
		entries *= 2;
	return entries;
}

static_assert(LAYOUT_HISTORY_MAX + 2 * RECLAIM_BATCH <= LAYOUT_RING_MAX,
              "readers refuse a longer ring");

/* Bytes of the arena of a new, empty region. */
#define ARENA_FIRST 65536u

/* Syncs a new data file and gives it its name, replacing another file if `over` is set. Returns 0;
 * -EAGAIN (another process has created a file of that name meanwhile); or another negative
 * errno. */
static int attach_publish(const struct region_paths *names, int publisher, const uint8_t uuid[16],
                          int fd, mode_t mode, bool over)
{
	int r = file_sync(fd, names->data);

	if (r == 0)
		r = over ? replace_file(publisher, names, uuid, fd, names->data, mode)
		         : file_publish(fd, names->data, mode);
	if (r == -EEXIST)
		return -EAGAIN;
	if (r < 0)
		return r;
	r = file_sync_directory(names->data);
	if (r < 0)
		unlink(names->data);
	return r;
}

/* Creates a region's data file, filled with the contents and locked, and gives it its name. */
static int attach_make_region(const struct attach_request *request, const uint8_t uuid[16],
                              bool over, const struct attachment *attachment, int *ret_fd)
{
	const struct region_paths *names = request->paths;
	const struct stele_publisher_options *options = request->options;
	struct layout_header header = {
		.magic = LAYOUT_MAGIC_DATA,
		.layout_version = LAYOUT_VERSION,
		.byte_order = LAYOUT_BYTE_ORDER,
		.compatible = options->flags & STELE_SHARED_REGION ? LAYOUT_SHARED_REGION : 0,
		.generation = 1,
		.created = clock_realtime(),
		.maximum_size = options->maximum_size,
		.limit_size = options->limit_size,
		.durability = options->durability,
		.history = options->history,
		.history_bytes = options->history_bytes,
		.ring_entries = attach_ring_entries(options->history),
		.kept_entries = LAYOUT_KEPT_MAX,
		.ring_offset = LAYOUT_PAGE,
		.mode = options->mode,
	};
	uint64_t ring = header.ring_entries * sizeof(struct layout_commit);
	uint64_t kept = header.kept_entries * sizeof(struct layout_kept);
	const struct storage *memory;
	int fd, r;

	r = paths_boot_id(header.boot_id);
	if (r < 0)
		return r;
	features_upgrade(&header);
	memcpy(header.uuid, uuid, sizeof(header.uuid));
	memcpy(header.name, names->region, strlen(names->region));
	header.kept_offset = header.ring_offset + ring;
	header.arena_offset =
		(header.kept_offset + kept + LAYOUT_PAGE - 1) / LAYOUT_PAGE * LAYOUT_PAGE;
	header.arena_end = header.arena_offset +
	                   (request->contents ? contents_capacity(request->contents) : ARENA_FIRST);
	if (header.arena_end + LAYOUT_GUARD > header.maximum_size)
		return error_set(
			EINVAL,
			"a region with a history of %u versions takes at least %llu bytes; give it "
			"a larger maximum size",
			header.history, (unsigned long long)(header.arena_end + LAYOUT_GUARD));
	memory = options->memory == STELE_MEMORY_SYSV ? &storage_sysv : &storage_file;
	r = memory->make(names, &header, options->group, &fd);
	if (r < 0)
		return r;
	r = request->contents ? contents_fill(names, fd, request->contents) : 0;
	if (r == 0)
		r = attach_lock_new(names, fd, REGION_PUBLISHER_BYTE);
	if (r == 0)
		r = attach_publish(names, attachment->publisher_lock.fd, uuid, fd, options->mode,
		                   over);
	if (r < 0)
		close(fd);
	else
		*ret_fd = fd;
	return r;
}

/* Opens the data file a second time, for its lock. Returns 0, -EAGAIN (the file was replaced), or
 * another negative errno. */
static int attach_data_lock(const struct region_paths *names, struct attach_wait *wait,
                            struct attachment *attachment)
{
	struct stat status;
	int fd, r = file_open(names->data, true, sizeof(struct layout_header), &fd, &status);

	if (r == -ENOENT)
		return -EAGAIN;
	if (r < 0)
		return r;
	r = attach_lock_until(names, fd,
	                      attachment->shared ? attach_lock_try_data_shared
	                                         : attach_lock_try_data_alone,
	                      wait);
	if (r == 0 && (status.st_ino != attachment->region.status.st_ino ||
	               status.st_dev != attachment->region.status.st_dev))
		r = -EAGAIN;
	if (r == 0)
		r = attach_lock_add(&attachment->data_lock, fd);
	if (r < 0)
		close(fd);
	return r;
}

/* Records in the publisher file the uuid of the region that is created next, before the region's
 * memory is created: if this process dies, only this record leads to that memory. First removes the
 * memory of the uuid that was recorded before. */
static int attach_announce_uuid(const struct region_paths *names, int fd, const uint8_t uuid[16])
{
	remove_objects(names, fd);
	if (pwrite(fd, uuid, 16, offsetof(struct layout_publisher_file, uuid)) != 16)
		return file_write_error(names->publisher, 0);
	return 0;
}

/* Creates a region: the subscribers file, and then the data file. */
static int attach_make(const struct attach_request *request, const uint8_t uuid[16], bool over,
                       struct attachment *attachment)
{
	const struct region_paths *names = request->paths;
	int publisher = attachment->publisher_lock.fd;
	int fd, r;

	/* An existing subscribers file belongs to a region that is gone. */
	r = slots_make(names, publisher, uuid, request->options->mode, request->options->group);
	if (r < 0)
		return r;
	attachment->made_subscribers_file = true;
	/* A subscriber that waits for the data file needs the folder as soon as it opens it. */
	folder_make(names, request->options->mode, request->options->group);
	r = attach_announce_uuid(names, publisher, uuid);
	if (r < 0)
		return r;
	r = attach_make_region(request, uuid, over, attachment, &fd);
	if (r < 0) {
		storage_sysv_remove(publisher);
		return r;
	}
	attachment->created = true;
	r = attach_lock_add(&attachment->data_lock, fd);
	if (r < 0) {
		close(fd);
		return r;
	}
	return region_open(names, true, request->guarded, &attachment->region);
}

/* Marks a data file of any layout as being the region, or as being replaced. */
static void attach_mark(int fd, enum head_state state)
{
	/* Layouts before 3 have one bit for the state, which means that the file is no longer the
	 * region. */
	const uint64_t replaced = UINT64_C(1) << 63;
	struct layout_header *header =
		mmap(NULL, LAYOUT_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (header == MAP_FAILED)
		return;
	if (header->magic == LAYOUT_MAGIC_DATA && header->layout_version >= 3)
		data_file_mark(&header->head, state);
	else if (header->magic == LAYOUT_MAGIC_DATA && state == HEAD_CURRENT)
		__atomic_fetch_and(&header->head, ~replaced, __ATOMIC_SEQ_CST);
	else if (header->magic == LAYOUT_MAGIC_DATA)
		__atomic_fetch_or(&header->head, replaced, __ATOMIC_SEQ_CST);
	munmap(header, LAYOUT_PAGE);
}

/* Replaces an unusable region by a new one. `why` says what the old one is, for
 * stele_publisher_note(). */
static int attach_replace(const struct attach_request *request, const char *why,
                          struct attachment *attachment)
{
	const struct region_paths *names = request->paths;
	struct stat status;
	uint8_t uuid[16];
	int fd, r = file_open(names->data, true, LAYOUT_PAGE, &fd, &status);

	if (r < 0)
		return r == -ENOENT ? -EAGAIN : r;
	if (status.st_uid != geteuid())
		r = error_set(
			EPERM,
			"%s belongs to user %u, not to user %u who would publish; use another "
			"name, or let its owner or root remove it",
			names->data, status.st_uid, geteuid());
	if (r == 0)
		r = header_keep_newer(names, fd);
	if (r == 0)
		r = attach_lock_until(names, fd, attach_lock_try_data_alone, request->wait);
	/* A library of another layout locks the same byte, so the lock above excludes its
	 * publishers too. */
	if (r == 0) {
		uuid_generate(uuid);
		attach_mark(fd, HEAD_REPLACING);
		r = attach_make(request, uuid, true, attachment);
		attach_mark(fd, attachment->created ? HEAD_REPLACED : HEAD_CURRENT);
	}
	close(fd);
	if (r == 0)
		attachment->replaced = why;
	return r;
}

/* Makes an opened and locked region usable in this boot. Returns 0, -EUCLEAN, or another negative
 * errno. */
static int attach_validate_boot(struct attachment *attachment)
{
	bool in_memory;
	int r = region_of_earlier_boot(&attachment->region, &in_memory);

	if (r <= 0)
		return r;
	if (!in_memory)
		return durable_adopt(&attachment->region);
	return error_set(
		EUCLEAN,
		"region \"%s\" was left in memory by an earlier boot of this machine; create it "
		"again, or remove it",
		attachment->region.names.region);
}

/* Opens the data file of a region to which other publishers are attached. Returns -EAGAIN (start
 * over) if the file is missing or cannot be used: the other publishers have died meanwhile, or use
 * another layout. */
static int attach_join(const struct attach_request *request, struct attachment *attachment)
{
	bool in_memory;
	int r = region_open(request->paths, true, request->guarded, &attachment->region);

	attachment->incompatible = r == -EPROTONOSUPPORT;
	if (r == -ENOENT || r == -EPROTONOSUPPORT)
		return -EAGAIN;
	if (r == 0)
		r = attach_data_lock(request->paths, request->wait, attachment);
	if (r == 0)
		r = region_of_earlier_boot(&attachment->region, &in_memory);
	return r == 1 ? -EAGAIN : r;
}

/* Opens the data file for the only publisher of a region, or the first of several. Creates or
 * replaces it as the options allow. */
static int attach_open(const struct attach_request *request, struct attachment *attachment)
{
	const struct region_paths *names = request->paths;
	unsigned flags = request->options->flags;
	uint8_t uuid[16];
	int r = region_open(names, true, request->guarded, &attachment->region);

	if (r == 0 && flags & STELE_CREATE_NEW)
		return paths_exists_error(names);
	if (r == 0)
		r = attach_data_lock(names, request->wait, attachment);
	else if (r == -EPROTONOSUPPORT && flags & STELE_CREATE)
		return attach_replace(
			request,
			"was made by a library with an earlier layout, or on a machine with the "
			"other byte order",
			attachment);
	else if (r == -ENOENT && flags & (STELE_CREATE | STELE_CREATE_NEW)) {
		/* Do not use the uuid in a publisher file that was left over: versions of that
		 * file's former region would seem to belong to the new region. */
		uuid_generate(uuid);
		return attach_make(request, uuid, false, attachment);
	}
	if (r == 0)
		r = attach_validate_boot(attachment);
	if (r == -EUCLEAN && flags & STELE_CREATE) {
		region_close(&attachment->region);
		fork_fd_close(&attachment->data_lock);
		attachment->region = (struct region){.fd = -1};
		return attach_replace(request, "was left by an earlier boot of this machine",
		                      attachment);
	}
	return r;
}

/* ---- the subscribers file ---- */

/* Opens the subscribers file, and creates it again if it is lost. Returns 0 or a negative errno. */
static int attach_slots(struct attachment *attachment, bool guarded)
{
	const struct region *region = &attachment->region;
	int r = slots_open(&region->names, region->uuid, region->status.st_uid, guarded,
	                   &attachment->slots);

	if (r == -ENOENT || r == -EBADMSG || r == -EPERM || r == -EACCES) {
		r = slots_make(&region->names, attachment->publisher_lock.fd, region->uuid,
		               region->mode, region_group(region));
		if (r == 0)
			r = slots_open(&region->names, region->uuid, region->status.st_uid, guarded,
			               &attachment->slots);
	}
	attachment->slots_open = r == 0;
	/* A failure is ignored: without the folder, subscribers are notified in other ways. */
	folder_make(&region->names, region->mode, region_group(region));
	return r;
}

bool attach_slots_lost(const struct attachment *attachment)
{
	return !attachment->slots_open ||
	       !slots_consistent(&attachment->slots, attachment->region.uuid) ||
	       !file_is_named(attachment->slots.lock.fd, attachment->region.names.subscribers);
}

void attach_slots_replace(struct attachment *attachment, bool guarded)
{
	if (attachment->slots_open)
		slots_close(&attachment->slots);
	attachment->slots_open = false;
	unlink(attachment->region.names.subscribers);
	attach_slots(attachment, guarded);
}

/* ---- the attach ---- */

/* Removes the files that a failed attach created, still holding the lock under which it created
 * them. */
static void attach_undo(const struct region_paths *names, struct attachment *attachment)
{
	if (attachment->created) {
		/* A subscriber that opened the region meanwhile must find that the region is
		 * gone. */
		if (attachment->region.header)
			data_file_mark(&attachment->region.header->head, HEAD_REPLACING);
		unlink(names->data);
		if (attachment->region.header)
			data_file_mark(&attachment->region.header->head, HEAD_REPLACED);
		storage_sysv_remove(attachment->publisher_lock.fd);
	}
	if (attachment->made_subscribers_file) {
		folder_remove(names);
		unlink(names->subscribers);
	}
	if (attachment->made_publisher_file)
		unlink(names->publisher);
}

void attach_close(struct attachment *attachment)
{
	if (attachment->slots_open)
		slots_close(&attachment->slots);
	attachment->slots_open = false;
	mapping_close(&attachment->publisher_mapping);
	if (attachment->region.header)
		region_close(&attachment->region);
	fork_fd_close(&attachment->data_lock);
	fork_fd_close(&attachment->publisher_lock);
}

/* Returns false if the data file is no longer the region's. Otherwise updates the known size of the
 * file. The caller holds the mutex. */
static bool attach_is_current(struct attachment *attachment)
{
	struct region *region = &attachment->region;

	if (!file_is_named(region->fd, region->names.data))
		return false;
	region_refresh_size(region);
	return true;
}

/* Tries to attach once. Returns 0, -EAGAIN (start over), or another negative errno. */
static int attach_once(const struct attach_request *request, struct attachment *attachment)
{
	const struct region_paths *names = request->paths;
	unsigned flags = request->options->flags;
	bool guarded = request->guarded;
	int r;

	/* Checked before locking, so that an attached publisher does not delay the refusal. */
	if (flags & STELE_CREATE_NEW && region_open(names, true, guarded, &attachment->region) == 0)
		return paths_exists_error(names);
	r = attach_file_lock(names, flags & (STELE_CREATE | STELE_CREATE_NEW), request->wait,
	                     attachment);
	/* The first shared publisher creates the files, holding the exclusive lock. */
	attachment->joined = r == 0 && attachment->shared &&
	                     file_lock_try(attachment->publisher_lock.fd, LOCK_BYTE) < 0;
	if (r == 0 && attachment->joined && flags & STELE_CREATE_NEW)
		return paths_exists_error(names);
	/* Remove the new file of a publisher that died while it replaced the data file. */
	if (r == 0 && !attachment->joined)
		r = replace_remove_left(attachment->publisher_lock.fd, names);
	if (r == 0)
		r = attachment->joined ? attach_join(request, attachment)
		                       : attach_open(request, attachment);
	/* Another region has taken the name since attach() looked whether it is shared. */
	if (r == 0 && attach_share_changed(attachment, request->options))
		r = -EAGAIN;
	if (r == 0)
		r = attach_file_map(attachment, guarded);
	if (r == 0 && !attachment->joined)
		r = attach_slots(attachment, guarded);
	if (r == 0)
		r = mutex_lock(attachment);
	/* Before this process held the mutex, another publisher may have extended or replaced the
	 * file. */
	if (r >= 0 && attachment->joined && !attach_is_current(attachment)) {
		mutex_unlock(attachment);
		return -EAGAIN;
	}
	/* This is done under the mutex, because other publishers may create the subscribers file
	 * too. */
	if (r >= 0 && attachment->joined)
		attach_slots(attachment, guarded);
	if (r == -ENOTRECOVERABLE) {
		/* The owner of the mutex and the process that recovered it both died. Start over
		 * with a new publisher file. Only the old publisher file records an unfinished new
		 * data file, so remove that data file first. */
		replace_remove_left(attachment->publisher_lock.fd, names);
		unlink(names->publisher);
		return -EAGAIN;
	}
	return r < 0 ? r : 0;
}

int attach(const struct region_paths *names, const struct stele_publisher_options *options,
           struct region *contents, struct attachment *ret)
{
	struct attach_request request = {
		.paths = names,
		.options = options,
		.contents = contents,
		.guarded = !(options->flags & STELE_NO_SIGBUS_HANDLER),
	};
	int64_t timeout = options->attach_timeout_ns ? options->attach_timeout_ns : ATTACH_TIMEOUT;
	struct attach_wait wait;
	bool incompatible = false;

	attach_wait_start(&wait, timeout, options->waiting, options->waiting_context);
	request.wait = &wait;
	for (int try = 0; try < ATTACH_TRIES || clock_monotonic() < wait.until; try++) {
		int r;
		*ret = (struct attachment){.region = {.fd = -1},
		                           .lock_timeout = timeout > 0 ? timeout : 0,
		                           .waiting = options->waiting,
		                           .waiting_context = options->waiting_context,
		                           .shared = attach_share_expected(names, options)};
		r = attach_once(&request, ret);
		if (r == 0)
			return 0;
		incompatible = ret->incompatible;
		attach_undo(names, ret);
		attach_close(ret);
		if (r != -EAGAIN)
			return r;
		/* Other publishers may still be attaching or detaching: give them time. */
		if (try >= ATTACH_TRIES)
			clock_nanosleep(CLOCK_MONOTONIC, 0,
			                &(struct timespec){.tv_nsec = 10 * NSEC_PER_MSEC}, NULL);
	}
	/* The error message of the last try is still set. */
	if (incompatible)
		return -EPROTONOSUPPORT;
	return error_set(
		EBUSY,
		"the files of region \"%s\" kept changing while it was being opened; try again",
		names->region);
}

/* ---- the next generation ---- */

int attach_next_generation(struct attachment *attachment, bool guarded)
{
	struct region_paths names = attachment->region.names;
	struct attachment next = {.region = {.fd = -1}, .shared = true};
	int r = region_open(&names, true, guarded, &next.region);
	bool same = r == 0 && storage_is_same(&attachment->region, &next.region);

	/* Memory of a fixed size has no further generations. */
	if (r == 0 && !same &&
	    (attachment->region.memory->fixed ||
	     memcmp(next.region.uuid, attachment->region.uuid, 16) != 0))
		r = error_set(
			EBADMSG,
			"region \"%s\" was replaced by another of its name; open the publisher "
			"again",
			names.region);
	if (r == 0)
		r = attach_data_lock(&names, &(struct attach_wait){.tell = INT64_MAX}, &next);
	if (r < 0) {
		if (next.region.header)
			region_close(&next.region);
		return r == -EAGAIN
		               ? error_set(EBUSY,
		                           "the file of region \"%s\" is being replaced; try again",
		                           names.region)
		               : r;
	}
	/* If only the file differs, pointers into the memory stay valid. */
	if (same) {
		region_exchange_file(&attachment->region, &next.region);
		region_close(&next.region);
	} else {
		region_close(&attachment->region);
		attachment->region = next.region;
	}
	fork_fd_close(&attachment->data_lock);
	fork_fd_move(&next.data_lock, &attachment->data_lock);
	return 0;
}
