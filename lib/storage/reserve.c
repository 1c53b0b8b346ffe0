/* SPDX-License-Identifier: MIT */
#include "lib/storage/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "lib/base/error.h"
#include "lib/layout.h"

/* Returns the size in bytes of the largest file that this process may write; UINT64_MAX for no
 * limit. */
static uint64_t reserve_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_FSIZE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	return limit.rlim_cur;
}

int file_reserve(int fd, uint64_t from, uint64_t to)
{
	uint64_t part = to - from;
	struct stat status;

	/* Past the limit the kernel raises SIGXFSZ, which ends the process by default. */
	if (to > reserve_limit() && (fstat(fd, &status) < 0 || to > (uint64_t)status.st_size))
		return -EFBIG;
	while (from < to) {
		int errnum;
		if (part > to - from)
			part = to - from;
		errnum = posix_fallocate(fd, (off_t)from, (off_t)part);
		/* If a signal interrupts the call, tmpfs undoes all of it. If signals keep
		 * arriving, a smaller part can be completed between two signals. */
		if (errnum == EINTR)
			part = part / 2 < LAYOUT_PAGE ? LAYOUT_PAGE : part / 2;
		else if (errnum != 0)
			return -errnum;
		else
			from += part;
	}
	return 0;
}

static int reserve_refuse_large(const char *what, uint64_t size)
{
	uint64_t limit = reserve_limit();

	if (size <= limit)
		return error_set(
			EFBIG,
			"cannot reserve %llu bytes for %s: its file system does not support files "
			"of that size; use another file system, or a smaller maximum size",
			(unsigned long long)size, what);
	return error_set(EFBIG,
	                 "cannot reserve %llu bytes for %s: this process may write files of %llu "
	                 "bytes at most (RLIMIT_FSIZE); raise the limit (ulimit -f, or LimitFSIZE= "
	                 "of its systemd unit)",
	                 (unsigned long long)size, what, (unsigned long long)limit);
}

static int reserve_refuse_full(int fd, const char *what, uint64_t size)
{
	struct statvfs status;

	if (fstatvfs(fd, &status) < 0)
		return error_set(ENOSPC,
		                 "cannot reserve %llu bytes for %s: its file system is full; free "
		                 "space there, or mount it with a larger size",
		                 (unsigned long long)size, what);
	return error_set(
		ENOSPC,
		"cannot reserve %llu bytes for %s: of the %llu bytes of its file system %llu are free; "
		"free space there, or mount it with a larger size",
		(unsigned long long)size, what,
		(unsigned long long)status.f_blocks * status.f_frsize,
		(unsigned long long)status.f_bavail * status.f_frsize);
}

int file_reserve_error(int r, int fd, const char *what, uint64_t size)
{
	unsigned long long bytes = size;

	switch (-r) {
	case EFBIG:
		return reserve_refuse_large(what, size);
	case ENOSPC:
		return reserve_refuse_full(fd, what, size);
	case EDQUOT:
		return error_set(EDQUOT,
		                 "cannot reserve %llu bytes for %s: the disk quota of its owner is "
		                 "used up; remove some of that user's files, or raise the quota",
		                 bytes, what);
	case ENOMEM:
		return error_set(
			ENOMEM,
			"cannot reserve %llu bytes for %s: the memory of this process's cgroup, or of "
			"the machine, is used up; free some, or raise the limit (memory.max, or "
			"MemoryMax= of its systemd unit)",
			bytes, what);
	case EOPNOTSUPP:
		return error_set(
			ENOTSUP,
			"cannot reserve %llu bytes for %s: its file system does not "
			"support fallocate(2); use a file system such as tmpfs, ext4 or XFS",
			bytes, what);
	default:
		return error_set(-r, "cannot reserve %llu bytes for %s: %s", bytes, what,
		                 strerror(-r));
	}
}
