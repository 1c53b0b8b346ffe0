/* SPDX-License-Identifier: MIT */
#include "lib/storage/mapping.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/atomic.h"
#include "lib/base/error.h"
#include "lib/base/fork.h"

/* The object to map: a file, or a System V segment if `fd` is -1. */
struct mapping_source {
	int fd, segment;
};

#ifdef STELE_TSAN
/* Identifies a source by device and inode. A segment gets a device that no file has. */
static int mapping_source_status(const struct mapping_source *source, struct stat *ret)
{
	if (source->fd >= 0)
		return fstat(source->fd, ret) < 0 ? -errno : 0;
	*ret = (struct stat){.st_dev = (dev_t)-1, .st_ino = (ino_t)source->segment};
	return 0;
}
#endif

/* Attaches a segment of exactly `size` bytes. Returns MAP_FAILED with errno set on failure, as
 * mmap() does. */
static void *mapping_attach_segment(int segment, size_t size, int protection)
{
	void *base = shmat(segment, NULL, protection & PROT_WRITE ? 0 : SHM_RDONLY);
	struct shmid_ds status;

	if (base == MAP_FAILED)
		return base;
	/* The size is checked while the segment is attached, so that its number can't be reused for
	 * another segment. */
	if (shmctl(segment, IPC_STAT, &status) == 0 && status.shm_segsz == size)
		return base;
	shmdt(base);
	errno = EBADMSG;
	return MAP_FAILED;
}

/* Maps a file at the start of a reserved range of `*reserve` bytes of address space. Reduces
 * `*reserve` to `size` if the range is not available. Attaches a segment without a reserve, because
 * it never grows. */
static void *mapping_place(const struct mapping_source *source, size_t size, size_t *reserve,
                           int protection)
{
	void *range = MAP_FAILED, *base;
	int fd = source->fd;

	if (fd < 0)
		return mapping_attach_segment(source->segment, size, protection);
	if (*reserve > size)
		range = mmap(NULL, *reserve, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		             -1, 0);
	if (range == MAP_FAILED) {
		*reserve = size;
		return mmap(NULL, size, protection, MAP_SHARED, fd, 0);
	}
	base = mmap(range, size, protection, MAP_SHARED | MAP_FIXED, fd, 0);
	if (base == MAP_FAILED)
		munmap(range, *reserve);
	return base;
}

#ifdef STELE_TSAN
/* Shares an existing mapping of the same file. ThreadSanitizer does not see conflicts between two
 * mappings of a file, so in its builds a process maps a file once, if the first mapping allows what
 * the second needs. A mapping with a reserve is not shared: mapping_exchange() would replace the
 * file under the readers, which must keep the old one. Returns true if `mapping` is set. */
static bool mapping_share(struct mapping *mapping, const struct stat *status, size_t size,
                          size_t reserve, bool writable, bool guarded)
{
	struct guard *guard = guard_of_file(status->st_dev, status->st_ino, writable);

	if (!guard || guard->size != size || reserve > size)
		return false;
	if (guarded && guard->watched)
		guard_unwatch();
	guard->watched |= guarded;
	guard->users++;
	*mapping = (struct mapping){(unsigned char *)guard->base, size, guard};
	return true;
}
#endif

/* Maps a source. If `guarded`, the caller has counted the mapping with guard_watch(), and a guard
 * is registered for the handler. */
static int mapping_create(struct mapping *mapping, const struct mapping_source *source, size_t size,
                          size_t reserve, bool writable, bool guarded)
{
	int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
	struct guard *guard = NULL;
	void *base;

#ifdef STELE_TSAN
	struct stat status;
	bool watched;
	int r = mapping_source_status(source, &status);
	if (r < 0)
		return r;
	if (mapping_share(mapping, &status, size, reserve, writable, guarded))
		return 0;
	watched = guarded;
	guarded = true;
#endif
	if (guarded) {
		guard = guard_new();
		if (!guard)
			return -ENOMEM;
	}
	base = mapping_place(source, size, &reserve, protection);
	if (base == MAP_FAILED)
		return -errno;
	if (guard) {
		/* A handler in another thread may read the entry at any time: guard_has(). */
		fence_release();
		__atomic_store_n(&guard->size, reserve, __ATOMIC_RELAXED);
		guard->protection = protection;
		__atomic_store_n(&guard->lost, 0, __ATOMIC_RELAXED);
#ifdef STELE_TSAN
		guard->device = status.st_dev;
		guard->inode = status.st_ino;
		guard->users = 1;
		guard->watched = watched;
#endif
		__atomic_store_n(&guard->base, (uintptr_t)base, __ATOMIC_RELEASE);
	}
	*mapping = (struct mapping){base, reserve, guard};
	return 0;
}

static int mapping_create_watched(struct mapping *mapping, const struct mapping_source *source,
                                  size_t size, size_t reserve, bool writable, bool guarded)
{
	int r = guarded ? guard_watch() : 0;

	if (r < 0)
		return r;
	r = mapping_create(mapping, source, size, reserve, writable, guarded);
	if (r < 0 && guarded)
		guard_unwatch();
	return r;
}

static int mapping_open_source(struct mapping *mapping, const struct mapping_source *source,
                               size_t size, size_t reserve, bool writable, bool guarded)
{
	/* Installs the fork handlers here, because every handle opens a mapping, and some handles
	 * open nothing else. */
	int r = fork_watch();

	if (r < 0)
		return r;
	fork_lock();
	r = mapping_create_watched(mapping, source, size, reserve, writable, guarded);
	fork_unlock();
	guard_pin();
	return r;
}

int mapping_open_reserve(struct mapping *mapping, int fd, size_t size, size_t reserve,
                         bool writable, bool guarded)
{
	return mapping_open_source(mapping, &(struct mapping_source){.fd = fd}, size, reserve,
	                           writable, guarded);
}

int mapping_open_segment(struct mapping *mapping, int segment, size_t size, bool writable)
{
	return mapping_open_source(mapping, &(struct mapping_source){-1, segment}, size, size,
	                           writable, false);
}

int mapping_open(struct mapping *mapping, int fd, size_t size, bool writable, bool guarded)
{
	return mapping_open_reserve(mapping, fd, size, size, writable, guarded);
}

int mapping_exchange(struct mapping *mapping, int fd, size_t size, bool writable)
{
	int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;

	if (size > mapping->size)
		return -ENOMEM;
	if (mmap(mapping->base, size, protection, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
		return -errno;
	return 0;
}

void mapping_close(struct mapping *mapping)
{
	struct guard *guard = mapping->guard;
	bool last = true, watched = guard != NULL;

	if (!mapping->base)
		return;
	fork_lock();
#ifdef STELE_TSAN
	last = --guard->users == 0;
	watched = last && guard->watched;
#endif
	if (last) {
		if (guard)
			__atomic_store_n(&guard->base, 0, __ATOMIC_SEQ_CST);
		munmap(mapping->base, mapping->size);
	}
	if (watched)
		guard_unwatch();
	fork_unlock();
	guard_pin();
	*mapping = (struct mapping){0};
}

bool mapping_has_handler(void)
{
	return guard_is_installed();
}

void mapping_renew_handler(void)
{
	if (guard_is_installed())
		return;
	fork_lock();
	guard_renew();
	fork_unlock();
	guard_pin();
}

int mapping_error(int r, const char *what, uint64_t size)
{
	struct rlimit limit;

	if (r == -ENOMEM && getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
		return error_set(
			ENOMEM,
			"cannot map %llu bytes of %s: this process is limited to %llu bytes of "
			"address space (RLIMIT_AS); raise the limit (ulimit -v, or LimitAS= "
			"of its systemd unit), or make the region with a smaller maximum "
			"size (--max-size)",
			(unsigned long long)size, what, (unsigned long long)limit.rlim_cur);
	return error_set(-r, "cannot map %llu bytes of %s: %s", (unsigned long long)size, what,
	                 strerror(-r));
}
