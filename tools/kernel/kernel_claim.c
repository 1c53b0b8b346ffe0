/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tools/kernel/kernel_claim.h"

/* The bytes from here on are for claims. No file is so long, and no other lock is there. */
#define CLAIM_FIRST (UINT64_C(1) << 62)

void kernel_claim_init(struct kernel_claim *claim)
{
	uint64_t chosen;

	if (getrandom(&chosen, sizeof(chosen), GRND_NONBLOCK) != (ssize_t)sizeof(chosen)) {
		struct timespec now;

		clock_gettime(CLOCK_MONOTONIC, &now);
		chosen = (uint64_t)now.tv_sec << 32 ^ (uint64_t)now.tv_nsec ^
		         (uint64_t)getpid() << 40;
	}
	*claim = (struct kernel_claim){.byte = CLAIM_FIRST | chosen >> 2, .fd = -1};
}

static struct flock claim_lock(uint64_t byte, short type)
{
	return (struct flock){
		.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)byte, .l_len = 1};
}

void kernel_claim_fini(struct kernel_claim *claim)
{
	struct flock lock = claim_lock(claim->byte, F_UNLCK);

	if (claim->byte && claim->fd >= 0) {
		/* A child process may have the file open too. */
		(void)fcntl(claim->fd, F_OFD_SETLK, &lock);
		close(claim->fd);
	}
	claim->fd = -1;
}

void kernel_claim_hold(struct kernel_claim *claim, const char *path)
{
	struct flock lock = claim_lock(claim->byte, F_WRLCK);
	struct stat status;
	int fd;

	if (stat(path, &status) < 0 ||
	    (claim->fd >= 0 && status.st_dev == claim->device && status.st_ino == claim->inode))
		return;
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return;
	if (fstat(fd, &status) < 0 || fcntl(fd, F_OFD_SETLK, &lock) < 0) {
		close(fd);
		return;
	}
	kernel_claim_fini(claim);
	claim->fd = fd;
	claim->device = status.st_dev;
	claim->inode = status.st_ino;
}

bool kernel_claim_is_held(const char *path, uint64_t byte)
{
	/* A read lock conflicts with write locks only. */
	struct flock lock = claim_lock(byte, F_RDLCK);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	bool held;

	if (fd < 0 || byte < CLAIM_FIRST || byte > INT64_MAX) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	held = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_WRLCK;
	close(fd);
	return held;
}
