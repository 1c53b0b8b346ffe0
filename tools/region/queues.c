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

#define MQUEUE_MAGIC 0x19800202 /* of the file system, in the kernel's ipc/mqueue.c */

/* The file system of this namespace's queues, mounted for this descriptor alone: there is no mount
 * point, and nothing is left when it is closed. Only root may. */
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

/* Where the system has it mounted, as far as it is of this namespace. */
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

/* The name with its slash, for mq_open(3). */
static const char *queues_with_slash(const char *name)
{
	static char path[NAME_MAX + 2];

	snprintf(path, sizeof(path), "/%s", name);
	return path;
}

/* The name alone does not tell: it does not say in which directory, nor in which mount namespace,
 * its region is. But a subscriber has its queue open as long as it lives, from the moment in which it
 * makes it, and the kernel grants a write lease (fcntl(2)) only on what nobody else has open. */
int queue_is_dead(const char *name)
{
	mqd_t queue = mq_open(queues_with_slash(name), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct mq_attr attributes;
	int result;

	if (queue < 0)
		return errno == ENOENT ? 0 : -errno;
	/* A publisher that opens it during the lease makes the kernel send a signal here: not SIGIO, which
	 * ends a process. */
	if (mq_getattr(queue, &attributes) < 0 || attributes.mq_msgsize != sizeof(uint64_t))
		result = 0;
	else if (fcntl(queue, F_SETSIG, SIGURG) < 0 || fcntl(queue, F_SETLEASE, F_WRLCK) < 0)
		result = errno == EAGAIN ? 0 : -errno;
	else
		result = 1;
	/* The lease ends with it. */
	mq_close(queue);
	return result;
}

int queue_remove(const char *name)
{
	return mq_unlink(queues_with_slash(name)) < 0 && errno != ENOENT ? -errno : 0;
}
