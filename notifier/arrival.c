/* SPDX-License-Identifier: MIT */
#include "notifier/arrival.h"

#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/units.h"
#include "notifier/common.h"
#include "notifier/notifier.h"

/* A region's file gets its name by link(2) or rename(2). The other events say that the directory
 * itself was replaced. */
#define EVENTS (IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

/* Shortens `path` to the directory above it. Returns false if there is none. */
static bool arrival_go_up(char *path)
{
	char *slash = strrchr(path, '/');

	if (strcmp(path, "/") == 0 || strcmp(path, ".") == 0)
		return false;
	if (!slash)
		strcpy(path, ".");
	else if (slash == path)
		path[1] = '\0';
	else
		*slash = '\0';
	return true;
}

/* Watches the lowest directory above `path` that exists. Returns the length of its path, or 0. */
static size_t arrival_watch_lowest(int fd, const char *path)
{
	char directory[PATH_MAX];

	snprintf(directory, sizeof(directory), "%s", path);
	while (arrival_go_up(directory))
		if (inotify_add_watch(fd, directory, EVENTS) >= 0)
			return strlen(directory);
	return 0;
}

static void arrival_drain(int fd)
{
	char events[4096];

	while (read(fd, events, sizeof(events)) > 0)
		;
}

void arrival_watch(struct arrival *arrival, const char *path)
{
	size_t length = 0, before;

	arrival->awaited = true;
	if (arrival->fd < 0)
		arrival->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (arrival->fd < 0)
		return;
	arrival_drain(arrival->fd);
	/* A directory may be made after its watch failed, and before the one above it is watched.
	 * So try again from below until nothing lower is found. */
	do {
		before = length;
		length = arrival_watch_lowest(arrival->fd, path);
	} while (length > before);
}

void arrival_wait(const struct arrival *arrival, int64_t deadline)
{
	struct pollfd pollfd = {.fd = arrival->fd, .events = POLLIN};
	int64_t now = clock_monotonic(), wait = notifier_slice;
	struct timespec timeout;

	if (deadline - now < wait)
		wait = deadline > now ? deadline - now : 0;
	timeout = common_time(wait);
	ppoll(&pollfd, 1, &timeout, NULL);
}

void arrival_close(struct arrival *arrival)
{
	if (arrival->fd >= 0)
		close(arrival->fd);
	*arrival = (struct arrival){.fd = -1};
}
