/* SPDX-License-Identifier: MIT
 *
 * Who may publish. An attachment is a write lock on a byte of the publisher file, held through an
 * open file description of its own: the kernel lets go of it when the process dies, whatever its
 * pid or namespace. The file may have been removed by somebody, and made again, while an old
 * publisher lives; so the data file carries a second lock, which whoever had to make the publisher
 * file looks at.
 *
 * Lock order: publisher file, data file, mutex.
 *
 * Under the first lock the rest is only this process's to make. A region's data file is made last,
 * so who sees it finds the others.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "lib/error.h"
#include "lib/file.h"
#include "publisher.h"

#define ATTACH_TIMEOUT INT64_C(5000000000)
#define ATTACH_TRIES   16
#define LOCK_BYTE      0

/* ---- the mutex ---- */

static int mutex_init(pthread_mutex_t *mutex)
{
	pthread_mutexattr_t attributes;
	int errnum = pthread_mutexattr_init(&attributes);

	if (errnum != 0)
		return -errnum;
	errnum = pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	if (errnum == 0)
		errnum = pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
	if (errnum == 0)
		errnum = pthread_mutex_init(mutex, &attributes);
	pthread_mutexattr_destroy(&attributes);
	return -errnum;
}

#ifdef STELE_TSAN
/* ThreadSanitizer does not know pthread_mutex_clocklock, nor that pthread_mutex_timedlock has locked
 * when it says EOWNERDEAD: it would take the unlock for one too many. */
static int lock_mutex(pthread_mutex_t *mutex)
{
	int64_t until = time_monotonic() + ATTACH_TIMEOUT;
	int errnum;

	while ((errnum = pthread_mutex_trylock(mutex)) == EBUSY && time_monotonic() < until)
		sched_yield();
	return errnum;
}
#else
static int lock_mutex(pthread_mutex_t *mutex)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ATTACH_TIMEOUT / 1000000000;
	return pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &until);
}
#endif

int mutex_lock(struct attachment *attachment)
{
	int errnum = lock_mutex(&attachment->publisher_file->mutex);

	if (errnum == EOWNERDEAD) {
		/* What the dead holder left in the region is reached by no version; there is
		 * nothing to mend before the mutex is. */
		attachment->deaths++;
		pthread_mutex_consistent(&attachment->publisher_file->mutex);
		return 1;
	}
	if (errnum == ENOTRECOVERABLE)
		return -ENOTRECOVERABLE;
	if (errnum != 0)
		return error_set(EBUSY,
		                 "the lock of region \"%s\" is held by another transaction: %s",
		                 attachment->region.names.region, strerror(errnum));
	return 0;
}

void mutex_unlock(struct attachment *attachment)
{
	pthread_mutex_unlock(&attachment->publisher_file->mutex);
}

/* ---- waiting for locks ---- */

int attach_busy(const struct names *names)
{
	struct region region;
	struct layout_publisher who;
	int r = region_open(names, false, true, &region);

	if (r < 0)
		return error_set(EBUSY,
		                 "another publisher is attached to region \"%s\"; stop it first",
		                 names->region);
	who = region.header->publisher;
	who.command[sizeof(who.command) - 1] = '\0';
	region_close(&region);
	return error_set(
		EBUSY,
		"another publisher is attached to region \"%s\": process %u (%s); stop it first",
		names->region, who.pid, who.command);
}

/* Takes a lock, trying until `until` on CLOCK_MONOTONIC: 0, -EBUSY with a sentence, or another
 * errno. A lock that readers hold (they can take read locks on the data file) is not waited for:
 * -EAGAIN. */
static int lock_until(const struct names *names, int fd, int64_t until)
{
	for (;;) {
		int r = file_lock_try(fd, LOCK_BYTE);
		if (r == 0)
			return 0;
		if (r != -EAGAIN)
			return error_set(-r, "cannot lock the files of region \"%s\": %s",
			                 names->region, strerror(-r));
		if (file_lock_held_by_writer(fd, LOCK_BYTE) == 0)
			return -EAGAIN;
		if (time_monotonic() >= until)
			return attach_busy(names);
		clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){.tv_nsec = 10000000}, NULL);
	}
}

/* ---- the publisher file ---- */

/* The uuid of the region that is there: 0, -ENOENT (no sentence), or with a sentence. */
static int existing_uuid(const struct names *names, uint8_t ret[16])
{
	struct layout_header header;
	struct stat status;
	int fd, r = file_open(names->data, false, sizeof(header), &fd, &status);

	if (r < 0)
		return r;
	if (pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header))
		r = error_set(EBADMSG, "cannot read %s", names->data);
	else if (file_lock_held_by_writer(fd, REGION_PUBLISHER_BYTE) == 1)
		r = attach_busy(names);
	memcpy(ret, header.uuid, 16);
	close(fd);
	return r;
}

/* Makes the publisher file, locked before it has a name. */
static int publisher_file_make(const struct names *names, const uint8_t uuid[16],
                               struct attachment *attachment)
{
	struct layout_publisher_file file = {
		.magic = LAYOUT_MAGIC_PUBLISHER,
		.layout_version = LAYOUT_VERSION,
		.byte_order = LAYOUT_BYTE_ORDER,
	};
	int fd, r = file_make(names->publisher, sizeof(file), &fd);

	if (r < 0)
		return r;
	memcpy(file.uuid, uuid, sizeof(file.uuid));
	names_boot_id(file.boot_id);
	r = mutex_init(&file.mutex);
	if (r < 0)
		error_set(-r, "cannot make a process-shared mutex: %s", strerror(-r));
	else if (pwrite(fd, &file, sizeof(file), 0) != (ssize_t)sizeof(file))
		r = error_set(EIO, "cannot write %s", names->publisher);
	else
		r = file_lock_try(fd, LOCK_BYTE);
	if (r == 0)
		r = file_publish(fd, names->publisher, 0600);
	if (r == 0)
		r = lock_fd_add(&attachment->publisher_lock, fd);
	if (r < 0)
		close(fd);
	return r;
}

static int publisher_file_open(const struct names *names, int64_t until,
                               struct attachment *attachment)
{
	struct stat status;
	int fd, r = file_open(names->publisher, true, sizeof(struct layout_publisher_file), &fd,
	                      &status);

	if (r < 0)
		return r;
	if (status.st_uid != geteuid())
		r = error_set(
			EPERM,
			"%s belongs to user %u: that user publishes region \"%s\"; use another name",
			names->publisher, status.st_uid, names->region);
	if (r == 0)
		r = lock_until(names, fd, until);
	if (r == -EAGAIN)
		r = error_set(EBUSY, "%s is locked by a reader; it is nobody's to read",
		              names->publisher);
	if (r == 0 && !file_is_named(fd, names->publisher))
		r = -EAGAIN; /* it was removed or replaced while this process waited */
	if (r == 0)
		r = lock_fd_add(&attachment->publisher_lock, fd);
	if (r < 0)
		close(fd);
	return r;
}

/* Opens or makes the publisher file and locks it. -EAGAIN: start over. */
static int publisher_file_attach(const struct names *names, bool create, int64_t until,
                                 struct attachment *attachment)
{
	uint8_t uuid[16];
	int r = publisher_file_open(names, until, attachment);

	if (r != -ENOENT)
		return r;
	r = existing_uuid(names, uuid);
	if (r == -ENOENT) {
		if (!create)
			return error_set(ENOENT, "there is no region \"%s\" here (no file %s)",
			                 names->region, names->data);
		uuid_generate(uuid);
	} else if (r < 0) {
		return r;
	}
	r = publisher_file_make(names, uuid, attachment);
	attachment->made_publisher_file = r == 0;
	return r == -EEXIST ? -EAGAIN : r;
}

/* Maps the publisher file, and makes it agree with the data file and with this boot. */
static int publisher_file_map(struct attachment *attachment, bool guarded)
{
	struct layout_publisher_file *file;
	const char *path = attachment->region.names.publisher;
	uint8_t boot_id[16];
	int fd, r = file_open_again(attachment->publisher_lock.fd, &fd);

	if (r < 0)
		return error_set(-r, "cannot open %s once more, to map it: %s", path, strerror(-r));
	r = mapping_open(&attachment->publisher_mapping, fd, sizeof(*file), true, guarded);
	close(fd);
	if (r < 0)
		return error_set(-r, "cannot map %s: %s", path, strerror(-r));
	file = (struct layout_publisher_file *)attachment->publisher_mapping.base;
	attachment->publisher_file = file;
	if (file->magic != LAYOUT_MAGIC_PUBLISHER || file->layout_version != LAYOUT_VERSION)
		return error_set(EPROTONOSUPPORT,
		                 "%s was made by a library with another layout; remove the region",
		                 path);
	/* All under the lock: nobody else is between making one file and the next. */
	memcpy(file->uuid, attachment->region.uuid, sizeof(file->uuid));
	names_boot_id(boot_id);
	if (memcmp(file->boot_id, boot_id, sizeof(boot_id)) != 0) {
		/* A mutex left locked by another boot never says that its owner died. */
		r = mutex_init(&file->mutex);
		if (r < 0)
			return error_set(-r, "cannot make a process-shared mutex: %s",
			                 strerror(-r));
		memcpy(file->boot_id, boot_id, sizeof(boot_id));
	}
	return 0;
}

/* ---- the data file ---- */

static uint32_t ring_entries_for(uint32_t history)
{
	uint32_t entries = 64;

	while (entries < history + 2 * RECLAIM_BATCH)
		entries *= 2;
	return entries;
}

#define KEPT_ENTRIES 1024u
#define ARENA_FIRST  65536u

int region_make(const struct names *names, const uint8_t uuid[16],
                const struct stele_publisher_options *options, int *ret_fd)
{
	struct layout_header header = {
		.magic = LAYOUT_MAGIC_DATA,
		.layout_version = LAYOUT_VERSION,
		.byte_order = LAYOUT_BYTE_ORDER,
		.generation = 1,
		.created = time_of_day(),
		.maximum_size = options->maximum_size,
		.history = options->history,
		.history_bytes = options->history_bytes,
		.ring_entries = ring_entries_for(options->history),
		.kept_entries = KEPT_ENTRIES,
		.ring_offset = LAYOUT_PAGE,
		.mode = options->mode,
	};
	uint64_t ring = header.ring_entries * sizeof(struct layout_commit);
	uint64_t kept = header.kept_entries * sizeof(struct layout_kept);
	int fd, r;

	memcpy(header.uuid, uuid, sizeof(header.uuid));
	names_boot_id(header.boot_id);
	memcpy(header.name, names->region, strlen(names->region));
	header.kept_offset = header.ring_offset + ring;
	header.arena_offset =
		(header.kept_offset + kept + LAYOUT_PAGE - 1) / LAYOUT_PAGE * LAYOUT_PAGE;
	header.arena_end = header.arena_offset + ARENA_FIRST;
	header.checksum = region_checksum(&header);
	if (header.arena_end + LAYOUT_GUARD > header.maximum_size)
		return error_set(
			EINVAL,
			"a region with a history of %u versions takes at least %llu bytes; give it a larger "
			"maximum size",
			header.history, (unsigned long long)(header.arena_end + LAYOUT_GUARD));
	r = file_make(names->data, header.arena_end + LAYOUT_GUARD, &fd);
	if (r < 0)
		return r;
	if (pwrite(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header))
		r = error_set(EIO, "cannot write %s", names->data);
	else
		r = file_lock_try(fd, REGION_PUBLISHER_BYTE);
	if (r == 0)
		r = file_publish(fd, names->data, options->mode);
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

/* Opens the data file a second time, for its lock. Readers may hold read locks; then the publisher
 * file's lock has to do. */
static int data_lock(const struct names *names, int64_t until, struct attachment *attachment)
{
	struct stat status;
	int fd, r = file_open(names->data, true, sizeof(struct layout_header), &fd, &status);

	if (r == -ENOENT)
		return -EAGAIN;
	if (r < 0)
		return r;
	r = lock_until(names, fd, until);
	if (r == -EAGAIN)
		r = 0;
	if (r == 0 && (status.st_ino != attachment->region.status.st_ino ||
	               status.st_dev != attachment->region.status.st_dev))
		r = -EAGAIN;
	if (r == 0)
		r = lock_fd_add(&attachment->data_lock, fd);
	if (r < 0)
		close(fd);
	return r;
}

static int data_attach(const struct names *names, const struct stele_publisher_options *options,
                       bool guarded, int64_t until, struct attachment *attachment)
{
	struct layout_publisher_file file;
	int fd, r = region_open(names, true, guarded, &attachment->region);

	if (r == 0 && options->flags & STELE_CREATE_NEW)
		return error_set(EEXIST, "there is a region \"%s\" already", names->region);
	if (r == 0)
		return data_lock(names, until, attachment);
	if (r != -ENOENT || !(options->flags & (STELE_CREATE | STELE_CREATE_NEW)))
		return r;
	if (pread(attachment->publisher_lock.fd, &file, sizeof(file), 0) != (ssize_t)sizeof(file))
		return error_set(EIO, "cannot read %s", names->publisher);
	/* A new region has no subscribers: whatever has that name belongs to one that is gone. */
	r = slots_make(names, file.uuid, options->mode, true);
	if (r < 0)
		return r;
	attachment->made_subscribers_file = true;
	r = region_make(names, file.uuid, options, &fd);
	if (r == -EEXIST)
		return error_set(EEXIST, "%s is in the way; remove it", names->data);
	if (r < 0)
		return r;
	attachment->created = true;
	r = lock_fd_add(&attachment->data_lock, fd);
	if (r < 0) {
		close(fd);
		return error_set(-r, "cannot install fork handlers: %s", strerror(-r));
	}
	return region_open(names, true, guarded, &attachment->region);
}

/* ---- the subscribers file ---- */

int attach_slots(struct attachment *attachment, bool guarded)
{
	const struct region *region = &attachment->region;
	int r = slots_open(&region->names, region->uuid, region->status.st_uid, guarded,
	                   &attachment->slots);

	if (r == -ENOENT || r == -EBADMSG || r == -EPERM) {
		r = slots_make(&region->names, region->uuid, region->mode, true);
		if (r == 0)
			r = slots_open(&region->names, region->uuid, region->status.st_uid, guarded,
			               &attachment->slots);
	}
	attachment->slots_open = r == 0;
	return r;
}

bool attach_slots_again(struct attachment *attachment, bool guarded)
{
	if (attachment->slots_open) {
		if (slots_sound(&attachment->slots, attachment->region.uuid) &&
		    file_is_named(attachment->slots.lock.fd, attachment->region.names.subscribers))
			return false;
		slots_close(&attachment->slots);
		attachment->slots_open = false;
	}
	unlink(attachment->region.names.subscribers);
	attach_slots(attachment, guarded);
	return true;
}

/* ---- all of it ---- */

/* Takes back the files that a failed attach made, under the lock under which it made them. */
static void attach_undo(const struct names *names, struct attachment *attachment)
{
	if (attachment->created) {
		/* Who has found it meanwhile is told that it is gone. */
		if (attachment->region.header)
			__atomic_fetch_or(&attachment->region.header->head, LAYOUT_HEAD_REPLACED,
			                  __ATOMIC_SEQ_CST);
		unlink(names->data);
	}
	if (attachment->made_subscribers_file)
		unlink(names->subscribers);
	if (attachment->made_publisher_file)
		unlink(names->publisher);
}

void attachment_close(struct attachment *attachment)
{
	if (attachment->slots_open)
		slots_close(&attachment->slots);
	attachment->slots_open = false;
	mapping_close(&attachment->publisher_mapping);
	if (attachment->region.header)
		region_close(&attachment->region);
	lock_fd_close(&attachment->data_lock);
	lock_fd_close(&attachment->publisher_lock);
}

static int attach_once(const struct names *names, const struct stele_publisher_options *options,
                       bool guarded, int64_t until, struct attachment *attachment)
{
	bool create = options->flags & (STELE_CREATE | STELE_CREATE_NEW);
	int r = publisher_file_attach(names, create, until, attachment);

	if (r == 0)
		r = data_attach(names, options, guarded, until, attachment);
	if (r == 0)
		r = publisher_file_map(attachment, guarded);
	if (r == 0)
		r = attach_slots(attachment, guarded);
	if (r == 0)
		r = mutex_lock(attachment);
	if (r == -ENOTRECOVERABLE) {
		/* Its holder died, and so did who should have mended it: a new mutex, in a new
		 * file. */
		unlink(names->publisher);
		return -EAGAIN;
	}
	return r < 0 ? r : 0;
}

int attach(const struct names *names, const struct stele_publisher_options *options,
           struct attachment *ret)
{
	bool guarded = !(options->flags & STELE_NO_SIGBUS_HANDLER);
	int64_t timeout = options->attach_timeout ? options->attach_timeout : ATTACH_TIMEOUT;
	int64_t until = time_monotonic() + (timeout > 0 ? timeout : 0);

	for (int try = 0; try < ATTACH_TRIES; try++) {
		int r;
		*ret = (struct attachment){.region = {.fd = -1}};
		r = attach_once(names, options, guarded, until, ret);
		if (r == 0)
			return 0;
		attach_undo(names, ret);
		attachment_close(ret);
		if (r != -EAGAIN)
			return r;
	}
	return error_set(EBUSY,
	                 "the files of region \"%s\" keep changing under this attach; try again",
	                 names->region);
}
