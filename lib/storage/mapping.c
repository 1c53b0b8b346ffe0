/* SPDX-License-Identifier: MIT
 * See mapping.h. */
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

/* The functions of this file set no message, but for mapping_error(). */

/* What is mapped: a file, or, where `fd` is -1, a System V segment. */
struct mapping_source {
	int fd, segment;
};

#ifdef STELE_TSAN
/* What tells one from another. */
static int mapping_source_status(const struct mapping_source *source, struct stat *ret)
{
	if (source->fd >= 0)
		return fstat(source->fd, ret) < 0 ? -errno : 0;
	*ret = (struct stat){.st_dev = (dev_t)-1, .st_ino = (ino_t)source->segment};
	return 0;
}
#endif

/* What shmat() gives is a mapping like any other, and its failure the same value. */
static void *mapping_attach_segment(int segment, size_t size, int protection)
{
	void *base = shmat(segment, NULL, protection & PROT_WRITE ? 0 : SHM_RDONLY);
	struct shmid_ds status;

	if (base == MAP_FAILED)
		return base;
	/* Looked at while it is attached, so that the number stays this segment's. */
	if (shmctl(segment, IPC_STAT, &status) == 0 && status.shm_segsz == size)
		return base;
	shmdt(base);
	errno = EBADMSG;
	return MAP_FAILED;
}

/* Maps a file in the first part of an address range that stays taken as a whole; or a segment, which
 * needs no more than its own. */
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
/* ThreadSanitizer sees no conflict between two mappings of a file: in its builds a file is mapped
 * once a process, if whoever came first could write. But not one that may be exchanged for another
 * under the one who writes: who reads must then keep the old one. True: `mapping` is that one. */
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

/* Where `guarded`, the mapping is counted already (guard_watch). */
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
		/* A handler that runs in another thread may look at the entry. */
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
	/* Every handle has a mapping; some have nothing else. */
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

int mapping_error(int r, const char *what, uint64_t size)
{
	struct rlimit limit;

	if (r == -ENOMEM && getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
		return error_set(
			ENOMEM,
			"cannot map %llu bytes of %s: this process may have %llu bytes of "
			"address space (RLIMIT_AS); raise the limit (ulimit -v, or LimitAS= "
			"of its systemd unit), or make the region with a smaller maximum "
			"size",
			(unsigned long long)size, what, (unsigned long long)limit.rlim_cur);
	return error_set(-r, "cannot map %llu bytes of %s: %s", (unsigned long long)size, what,
	                 strerror(-r));
}
