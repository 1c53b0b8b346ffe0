/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <uuid/uuid.h>
#include <stele/stele.h>
#include "tools/region/queues.h"

#define MQUEUE_MAGIC 0x19800202 /* type of the file system, from the kernel's ipc/mqueue.c */

/* Opens a detached mount of the mqueue file system of this IPC namespace. The mount has no mount
 * point, and disappears when the descriptor is closed. Needs root. Returns -1 and sets errno if
 * that fails. */
static int queues_open_own(void)
{
	int context = fsopen("mqueue", FSOPEN_CLOEXEC), mount = -1, directory = -1, error;

	if (context < 0)
		return -1;
	if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		mount = fsmount(context, FSMOUNT_CLOEXEC, 0);
	if (mount >= 0)
		directory = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	error = errno;
	close(context);
	if (mount >= 0)
		close(mount);
	errno = error;
	return directory;
}

/* Opens /dev/mqueue, if the mqueue file system is mounted there. Returns -1 and sets errno if
 * not. */
static int queues_open_mounted(void)
{
	struct statfs status;
	int directory = open("/dev/mqueue", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (directory < 0)
		return -1;
	if (fstatfs(directory, &status) == 0 && status.f_type == MQUEUE_MAGIC)
		return directory;
	close(directory);
	errno = ENOENT;
	return -1;
}

int queues_each(void (*each)(void *context, const char *name), void *context)
{
	int fd = queues_open_own();
	struct dirent *entry;
	DIR *directory;

	if (fd < 0)
		fd = queues_open_mounted();
	if (fd < 0)
		return -errno;
	directory = fdopendir(fd);
	if (!directory) {
		int error = errno;

		close(fd);
		return -error;
	}
	while ((entry = readdir(directory)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			each(context, entry->d_name);
	closedir(directory);
	return 0;
}

bool queue_is_subscribers(const char *name, char region[STELE_NAME_MAX + 1])
{
	const char *start = name + strlen("stele."), *dot;
	uuid_t uuid;

	if (strncmp(name, "stele.", strlen("stele.")) != 0)
		return false;
	dot = strchr(start, '.');
	if (!dot || dot - start > (long)STELE_NAME_MAX || uuid_parse(dot + 1, uuid) < 0)
		return false;
	snprintf(region, STELE_NAME_MAX + 1, "%.*s", (int)(dot - start), start);
	return stele_name_check("region", region) == 0;
}

/* Returns the name with a slash before it, as mq_open(3) needs it. The result is valid until the
 * next call. */
static const char *queues_with_slash(const char *name)
{
	static char path[NAME_MAX + 2];

	snprintf(path, sizeof(path), "/%s", name);
	return path;
}

/* Tests for other processes that have the queue open by taking a write lease (fcntl(2)): the kernel
 * grants it only if no other descriptor is open. A living subscriber always has its queue open,
 * beginning with the mq_open(3) that creates it. The region's file cannot be used instead, because
 * the name of a queue contains neither the directory nor the mount namespace of the region. */
int queue_is_dead(const char *name)
{
	mqd_t queue = mq_open(queues_with_slash(name), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct mq_attr attributes;
	int result;

	if (queue < 0)
		return errno == ENOENT ? 0 : -errno;
	/* If a publisher opens the queue during the lease, the kernel sends this process a signal.
	 * The default, SIGIO, would kill it; SIGURG is ignored. */
	if (mq_getattr(queue, &attributes) < 0 || attributes.mq_msgsize != sizeof(uint64_t))
		result = 0;
	else if (fcntl(queue, F_SETSIG, SIGURG) < 0 || fcntl(queue, F_SETLEASE, F_WRLCK) < 0)
		result = errno == EAGAIN ? 0 : -errno;
	else
		result = 1;
	/* This also ends the lease. */
	mq_close(queue);
	return result;
}

int queue_remove(const char *name)
{
	return mq_unlink(queues_with_slash(name)) < 0 && errno != ENOENT ? -errno : 0;
}
