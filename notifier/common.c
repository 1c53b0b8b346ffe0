/* SPDX-License-Identifier: MIT */
#include "notifier/common.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/storage/folder.h"
#include "lib/units.h"

int64_t notifier_slice = NSEC_PER_SEC;

int64_t common_until(const struct channel *channel, int64_t deadline)
{
	int64_t until = clock_monotonic() + channel->slice;

	return deadline < until ? deadline : until;
}

struct timespec common_time(int64_t nanoseconds)
{
	return (struct timespec){.tv_sec = nanoseconds / NSEC_PER_SEC,
	                         .tv_nsec = (long)(nanoseconds % NSEC_PER_SEC)};
}

bool common_poll(int fd, int64_t until)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};
	int64_t left = until - clock_monotonic();
	struct timespec time;

	if (left <= 0)
		return false;
	time = common_time(left);
	return ppoll(&pollfd, 1, &time, NULL) == 1;
}

int common_grant(const struct channel *channel, int fd, const char *what)
{
	char path[FOLDER_FOUND_SIZE];

	folder_found_path(fd, path);
	if ((channel->owner == 0 || channel->owner == geteuid() ||
	     chown(path, (uid_t)-1, channel->group) == 0) &&
	    chmod(path, 0620) == 0)
		return 0;
	/* EINVAL: the group is unknown in this user namespace. */
	return error_set(
		errno == EINVAL ? EPERM : errno,
		"cannot let the publisher (user %u) send to the %s: this user is not in the "
		"region's group %u",
		channel->owner, what, channel->group);
}

int common_error(const struct channel *channel, const char *what, int errnum)
{
	return error_set(errnum, "cannot make a %s in the folder %s: %s", what,
	                 channel->names->folder,
	                 errnum == ENOSPC ? "no space or inodes left" : strerror(errnum));
}

void common_name(struct channel *channel)
{
	char path[NAMES_PATH_SIZE];

	folder_entry(channel->names, channel->uuid, path);
	snprintf(channel->name, sizeof(channel->name), "%.127s", path);
}

void common_do_nothing(struct channel *channel)
{
	(void)channel;
}

int common_succeed(struct channel *channel)
{
	(void)channel;
	return 0;
}

void common_detach(struct channel *channel)
{
	if (channel->fd >= 0)
		close(channel->fd);
	channel->fd = -1;
}

int common_reap(struct channel *channel)
{
	return folder_remove_entry(channel->names, channel->uuid);
}

void common_close(struct channel *channel)
{
	common_detach(channel);
	common_reap(channel);
}
