/* SPDX-License-Identifier: MIT
 *
 * The notifier "fifo": a named pipe (fifo(7)) for each subscriber, in the region's folder.
 * Publisher and subscriber open it for reading and writing: SIGPIPE would kill a publisher that
 * only writes, once the reader is dead.
 *
 * This notifier is for processes of one user only. A reader holds the pipe's lock while the kernel
 * copies the bytes out. If the reader's buffer has a page fault that never ends (userfaultfd(2),
 * FUSE), a writer waits for that lock even with O_NONBLOCK. A subscriber of another user could
 * block the publisher in this way.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/storage/folder.h"
#include "notifier/common.h"

#define FIFO_OPEN (O_RDWR | O_NONBLOCK | O_CLOEXEC)
/* The size of a pipe, in bytes. It holds hundreds of notices, and uses less of the limit on all
 * pipes of a user than the default size (pipe(7), pipe-user-pages-soft). */
#define FIFO_SIZE 4096

/* Opens the subscriber's pipe. Refuses a pipe of another user with -EPERM. */
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
			"only the region's owner (user %u) may use the notifier \"fifo\", because the "
			"reader of a pipe could block the publisher; use \"socket\" or \"mq\"",
			channel->owner);
	r = folder_open(channel->names, channel->owner, &folder);
	if (r < 0)
		return r;
	common_name(channel);
	folder_entry_at(folder, channel->uuid, path);
	/* chmod(2) undoes the umask. The path still names the new pipe: no other user can remove
	 * it, as the folder is this user's. */
	r = mkfifo(path, 0600) < 0 || chmod(path, 0600) < 0 ? -errno : fifo_attach(channel);
	close(folder);
	if (r < 0) {
		common_close(channel);
		return common_error(channel, "pipe", -r);
	}
	fcntl(channel->fd, F_SETPIPE_SZ, FIFO_SIZE);
	return 0;
}

/* Consumes the pending notices with a single read: in a loop, a flood of notices could keep the
 * subscriber busy. */
static void fifo_drain(struct channel *channel)
{
	char notices[FIFO_SIZE];

	channel->state = NULL;
	(void)!read(channel->fd, notices, sizeof(notices));
}

/* Waits, and leaves the notice in the pipe; the next wait reads the pipe and returns at once. So a
 * subscriber that was woken need not spend the time for the read. The next wait must return, as the
 * notice that it reads may be the one for its own ticket. */
static void fifo_wait(struct channel *channel, uint64_t seen, int64_t deadline)
{
	(void)seen;
	if (channel->state)
		fifo_drain(channel);
	else if (common_poll(channel->fd, common_until(channel, deadline)))
		channel->state = channel; /* not NULL: a notice is left in the pipe */
}

/* Sends a notice. It has less than PIPE_BUF bytes, so it is written completely or not at all. */
static int fifo_send(struct channel *channel, uint64_t version)
{
	return write(channel->fd, &version, sizeof(version)) < 0 ? -errno : 0;
}

const struct notifier notifier_fifo = {
	.name = "fifo",
	.kind = LAYOUT_NOTIFIER_FIFO,
	.has_descriptor = true,
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
