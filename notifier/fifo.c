/* SPDX-License-Identifier: MIT
 *
 * Named pipes (fifo(7)) in the region's folder, one for each subscriber. Both sides open them for
 * reading and writing: a publisher that only wrote would be killed by SIGPIPE once the reader is
 * dead.
 *
 * For processes of one user only. Whoever reads from a pipe holds its lock while the bytes are
 * copied; if that goes to memory whose page fault does not end (userfaultfd(2), FUSE), then a write
 * waits for the lock, O_NONBLOCK or not. A subscriber of another user could hold the publisher up
 * so.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "notifier/common.h"
#include "lib/base/error.h"
#include "lib/storage/folder.h"

#define FIFO_OPEN (O_RDWR | O_NONBLOCK | O_CLOEXEC)
#define FIFO_SIZE 4096 /* bytes in a pipe: hundreds of notices, and less of the user's share */

/* Opens the pipe that has the entry's name: 0 or a negative errno. */
static int fifo_attach(struct channel *channel)
{
	char path[FOLDER_FOUND_SIZE];
	struct stat status;
	int entry, r = folder_find(channel->names, channel->uuid, S_IFIFO, &entry);

	if (r < 0)
		return r;
	folder_found_path(entry, path);
	if (fstat(entry, &status) < 0)
		r = -errno;
	else if (status.st_uid != geteuid())
		r = -EPERM;
	if (r == 0) {
		channel->fd = open(path, FIFO_OPEN);
		r = channel->fd < 0 ? -errno : 0;
	}
	close(entry);
	return r;
}

static int fifo_open(struct channel *channel)
{
	char path[FOLDER_SHORT_SIZE];
	int folder, r;

	if (channel->owner != geteuid())
		return error_set(
			EPERM,
			"a pipe is for the region's own user, %u: its reader could hold the publisher up; "
			"use the notifier \"socket\" or \"mq\"",
			channel->owner);
	r = folder_open(channel->names, channel->owner, &folder);
	if (r < 0)
		return r;
	common_name(channel);
	folder_entry_at(folder, channel->uuid, path);
	/* Whatever the umask. Nobody else can have put another file there: the folder is this user's. */
	r = mkfifo(path, 0600) < 0 || chmod(path, 0600) < 0 ? -errno : fifo_attach(channel);
	close(folder);
	if (r < 0) {
		common_close(channel);
		return common_error(channel, "pipe", -r);
	}
	fcntl(channel->fd, F_SETPIPE_SZ, FIFO_SIZE);
	return 0;
}

/* One read takes all that fits: a pipe that is written to without end does not keep it. */
static void fifo_drain(struct channel *channel)
{
	char notices[FIFO_SIZE];

	channel->state = NULL;
	(void)!read(channel->fd, notices, sizeof(notices));
}

/* What woke a wait is read at the beginning of the next one, so that the subscriber that was woken need
 * not wait for that. It may be the notice for the ticket that is armed by then, so the next wait ends
 * with it. */
static void fifo_wait(struct channel *channel, uint64_t seen, int64_t deadline)
{
	(void)seen;
	if (channel->state)
		fifo_drain(channel);
	else if (common_poll(channel->fd, common_until(deadline)))
		channel->state = channel; /* not read yet */
}

/* Less than PIPE_BUF: all of it is written, or nothing. */
static int fifo_send(struct channel *channel, uint64_t version)
{
	return write(channel->fd, &version, sizeof(version)) < 0 ? -errno : 0;
}

const struct notifier notifier_fifo = {
	.name = "fifo",
	.kind = LAYOUT_NOTIFIER_FIFO,
	.open = fifo_open,
	.wait = fifo_wait,
	.drain = fifo_drain,
	.close = common_close,
	.abandon = common_detach,
	.attach = fifo_attach,
	.send = fifo_send,
	.detach = common_detach,
	.reap = common_reap,
};
