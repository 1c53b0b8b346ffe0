/* SPDX-License-Identifier: MIT
 *
 * The notifier "mq": a POSIX message queue (mq_overview(7)) for each subscriber, because only one
 * receiver gets a message. The queue holds one message: two notices say no more than one.
 *
 * A wait without a deadline blocks in mq_timedreceive(3), to which the kernel hands a message
 * directly; that takes about a quarter less time than polling and receiving. Its time-out is on the
 * wall clock, so it is used only to bound one slice of a wait. A wait with a deadline blocks in
 * ppoll(2), whose time-out is on the monotonic clock.
 */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/storage/paths.h"
#include "notifier/common.h"

static int mq_channel_open_error(const char *name, int errnum)
{
	switch (errnum) {
	case ENOSPC:
		return error_set(
			errnum,
			"cannot make message queue %s: the system's limit is reached; raise "
			"fs.mqueue.queues_max (sysctl)",
			name);
	case EMFILE:
		return error_set(
			errnum,
			"cannot make message queue %s: the limit of this user's queues or of this "
			"process's descriptors is reached; raise RLIMIT_MSGQUEUE (ulimit -q) or "
			"RLIMIT_NOFILE (ulimit -n)",
			name);
	case ENOSYS:
		return error_set(errnum,
		                 "cannot make message queue %s: this kernel has no message queues",
		                 name);
	default:
		return error_set(errnum, "cannot make message queue %s: %s", name,
		                 strerror(errnum));
	}
}

static int mq_channel_open(struct channel *channel)
{
	struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = sizeof(uint64_t)};
	mqd_t queue;
	int r;

	paths_queue(channel->names->region, channel->uuid, channel->name);
	queue = mq_open(channel->name, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attributes);
	if (queue < 0)
		return mq_channel_open_error(channel->name, errno);
	r = common_grant(channel, queue, "queue");
	if (r < 0) {
		mq_close(queue);
		mq_unlink(channel->name);
		return r;
	}
	channel->fd = queue;
	return 0;
}

/* Consumes one message, for which it waits until `until` on the wall clock. */
static void mq_channel_take(struct channel *channel, const struct timespec *until)
{
	uint64_t version;

	(void)!mq_timedreceive(channel->fd, (char *)&version, sizeof(version), NULL, until);
}

/* Consumes one message: the queue holds no more. A loop might never end, as the kernel refills the
 * queue from a blocked sender whenever it is read. */
static void mq_channel_drain(struct channel *channel)
{
	static const struct timespec past = {0};

	mq_channel_take(channel, &past);
}

static void mq_channel_wait(struct channel *channel, uint64_t seen, int64_t deadline)
{
	struct timespec slice;

	(void)seen;
	if (deadline == INT64_MAX) {
		slice = common_time((int64_t)clock_realtime() + channel->slice);
		mq_channel_take(channel, &slice);
	} else if (common_poll(channel->fd, common_until(channel, deadline))) {
		mq_channel_drain(channel);
	}
}

static void mq_channel_close(struct channel *channel)
{
	common_detach(channel);
	mq_unlink(channel->name);
}

static int mq_channel_attach(struct channel *channel)
{
	struct mq_attr attributes;
	mqd_t queue;

	paths_queue(channel->names->region, channel->uuid, channel->name);
	queue = mq_open(channel->name, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (queue < 0)
		return -errno;
	/* A queue with messages of another size was not made by this library. */
	if (mq_getattr(queue, &attributes) < 0 || attributes.mq_msgsize != sizeof(uint64_t)) {
		mq_close(queue);
		return -EPERM;
	}
	channel->fd = queue;
	return 0;
}

static int mq_channel_stat(struct channel *channel, uint64_t *ret_waiting, uid_t *ret_owner)
{
	struct mq_attr attributes;
	struct stat status;
	int r = mq_channel_attach(channel);

	if (r < 0)
		return r;
	if (mq_getattr(channel->fd, &attributes) < 0 || fstat(channel->fd, &status) < 0) {
		r = -errno;
	} else {
		*ret_waiting = (uint64_t)attributes.mq_curmsgs;
		*ret_owner = status.st_uid;
	}
	common_detach(channel);
	return r;
}

static int mq_channel_send(struct channel *channel, uint64_t version)
{
	return mq_send(channel->fd, (const char *)&version, sizeof(version), 0) < 0 ? -errno : 0;
}

static int mq_channel_reap(struct channel *channel)
{
	char name[NAMES_QUEUE_SIZE];

	paths_queue(channel->names->region, channel->uuid, name);
	return mq_unlink(name) < 0 && errno != ENOENT ? -errno : 0;
}

const struct notifier notifier_mq = {
	.name = "mq",
	.kind = LAYOUT_NOTIFIER_MQ,
	.has_descriptor = true,
	.of_ipc_namespace = true,
	.open = mq_channel_open,
	.wait = mq_channel_wait,
	.drain = mq_channel_drain,
	.close = mq_channel_close,
	.abandon = common_detach,
	.attach = mq_channel_attach,
	.send = mq_channel_send,
	.detach = common_detach,
	.stat = mq_channel_stat,
	.reap = mq_channel_reap,
};
