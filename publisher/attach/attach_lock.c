/* SPDX-License-Identifier: MIT
 *
 * Takes the locks of an attach. */
#include "publisher/attach/attach_lock.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/region/region.h"
#include "lib/storage/file.h"
#include "lib/units.h"

int attach_lock_busy(const struct region_paths *names)
{
	struct region region;
	struct layout_publisher publisher;
	bool alone;
	int r = region_open(names, false, true, &region);

	if (r < 0)
		return error_set(EBUSY,
		                 "another publisher is attached to region \"%s\"; stop it first",
		                 names->region);
	publisher = region.header->publisher;
	publisher.command[sizeof(publisher.command) - 1] = '\0';
	alone = file_lock_held_by_writer(region.fd, REGION_PUBLISHER_BYTE, 1) == 1;
	region_close(&region);
	return error_set(
		EBUSY,
		alone ? "another publisher is attached to region \"%s\": process %u (%s), which "
			"does not share the region; stop it first"
		      : "another publisher is attached to region \"%s\" and shares it (process %u, %s, "
			"is the last one that committed); share it too (--shared, STELE_SHARED), or "
			"stop it first",
		names->region, publisher.pid, publisher.command);
}

static int attach_lock_error(const struct region_paths *names, int r)
{
	return error_set(-r, "cannot lock the files of region \"%s\": %s", names->region,
	                 r == -ENOTSUP ? "there are no locks of open file descriptions "
	                                 "(F_OFD_SETLK) here: Linux has them since 3.15, but some "
	                                 "sandboxes do not"
	                               : strerror(-r));
}

int attach_lock_new(const struct region_paths *names, int fd, off_t byte)
{
	int r = file_lock_try(fd, byte);

	return r < 0 ? attach_lock_error(names, r) : 0;
}

int attach_lock_add(struct fork_fd *lock, int fd)
{
	int r = fork_fd_add(lock, fd);

	return r < 0 ? fork_handlers_error(r) : 0;
}

int attach_lock_until(const struct region_paths *names, int fd, int (*try)(int fd),
                      struct attach_wait *wait)
{
	for (;;) {
		int r = try(fd);
		if (r == 0)
			return 0;
		if (r != -EAGAIN)
			return attach_lock_error(names, r);
		if (clock_monotonic() >= wait->until)
			return attach_lock_busy(names);
		if (attach_wait_is_due(wait)) {
			attach_lock_busy(names);
			attach_wait_tell(wait);
		}
		clock_nanosleep(CLOCK_MONOTONIC, 0,
		                &(struct timespec){.tv_nsec = 10 * NSEC_PER_MSEC}, NULL);
	}
}

int attach_lock_try_alone(int fd)
{
	return file_lock_try(fd, LOCK_BYTE);
}

int attach_lock_try_shared(int fd)
{
	int r = file_lock_try(fd, LOCK_BYTE);

	return r == -EAGAIN ? file_lock_try_shared(fd, LOCK_BYTE) : r;
}

int attach_lock_try_data_alone(int fd)
{
	int held = file_lock_held_by_writer(fd, REGION_PUBLISHER_BYTE, REGION_PUBLISHER_BYTES);
	int r = held == 1 ? -EAGAIN : file_lock_try(fd, REGION_PUBLISHER_BYTE);

	return r == -EAGAIN && held == 0 ? 0 : r;
}

void attach_lock_data_shared(int fd)
{
	off_t byte = REGION_PUBLISHER_BYTE + 1;

	while (byte < REGION_PUBLISHER_BYTES && file_lock_try(fd, byte) < 0)
		byte++;
}

int attach_lock_try_data_shared(int fd)
{
	if (file_lock_held_by_writer(fd, REGION_PUBLISHER_BYTE, 1) == 1)
		return -EAGAIN;
	attach_lock_data_shared(fd);
	return 0;
}

int attach_lock_for_removal(const struct region_paths *names, const char *path,
                            bool readers_may_hold, int *ret_fd)
{
	struct stat status;
	int r = file_open(path, true, 0, ret_fd, &status);

	if (r == -ENOENT) {
		*ret_fd = -1;
		return 0;
	}
	if (r < 0)
		return r;
	if (file_lock_held_by_writer(*ret_fd, REGION_PUBLISHER_BYTE, REGION_PUBLISHER_BYTES) == 0 &&
	    (file_lock_try(*ret_fd, REGION_PUBLISHER_BYTE) == 0 || readers_may_hold) &&
	    file_is_named(*ret_fd, path))
		return 0;
	close(*ret_fd);
	*ret_fd = -1;
	return attach_lock_busy(names);
}
