/* SPDX-License-Identifier: MIT
 *
 * Unix datagram sockets (unix(7)), one for each subscriber, bound in the region's folder. The
 * publisher has a connected socket for each: what a sender has under way is limited by its own
 * socket, so that with one for all, some stopped receivers would starve the rest.
 *
 * The system says who sent a datagram. One that neither the region's owner nor root sent ends no
 * wait by itself; but it may be why the publisher found the queue full, so each is followed by a
 * look at the head.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common.h"
#include "lib/atomic.h"
#include "lib/error.h"
#include "lib/folder.h"

static_assert(FOLDER_SHORT_SIZE <= sizeof(((struct sockaddr_un *)0)->sun_path), "path of a socket");

/* A socket that says who sends, and whose receive lasts no longer than a slice. */
static int make(void)
{
	struct timeval slice = {.tv_sec = notifier_slice / 1000000000};
	int yes = 1, fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &slice, sizeof(slice)) == 0)
		return fd;
	int r = -errno;
	if (fd >= 0)
		close(fd);
	return r;
}

/* Gives the socket its name in the open folder, and lets the publisher send there. */
static int name_it(struct channel *channel, int folder)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int entry, r;

	folder_entry_at(folder, channel->uuid, address.sun_path);
	if (bind(channel->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return common_error(channel, "socket", errno);
	r = folder_find(channel->names, channel->uuid, S_IFSOCK, &entry);
	if (r < 0)
		return common_error(channel, "socket", -r);
	r = common_grant(channel, entry, "socket");
	close(entry);
	return r;
}

static int socket_open(struct channel *channel)
{
	int folder, r = folder_open(channel->names, channel->owner, &folder);

	if (r < 0)
		return r;
	common_name(channel);
	channel->fd = make();
	r = channel->fd < 0 ? common_error(channel, "socket", -channel->fd)
	                    : name_it(channel, folder);
	close(folder);
	if (r < 0)
		common_close(channel);
	return r;
}

/* Takes a datagram. False where a stranger sent it: a wait goes on. */
static bool receive(struct channel *channel, int flags)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	uint64_t version;
	struct iovec iov = {.iov_base = &version, .iov_len = sizeof(version)};
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header;
	struct ucred sender;

	/* With descriptors in it, a datagram's control data is cut off before them: there is no
	 * room. */
	if (recvmsg(channel->fd, &message, flags | MSG_CMSG_CLOEXEC) < 0)
		return true;
	header = CMSG_FIRSTHDR(&message);
	if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_CREDENTIALS)
		return false;
	memcpy(&sender, CMSG_DATA(header), sizeof(sender));
	return common_is_publisher(channel, sender.uid);
}

static void socket_wait(struct channel *channel, uint64_t seen, int64_t deadline)
{
	int64_t until = common_until(deadline);
	/* For a whole slice the socket's own time-out does: one system call, not two. */
	bool ends = until < deadline && receive(channel, 0);

	while (!ends && load_acquire(channel->head) == seen && common_poll(channel->fd, until))
		ends = receive(channel, MSG_DONTWAIT);
}

static void socket_drain(struct channel *channel)
{
	char byte;

	for (int i = 0; i < COMMON_DRAIN; i++)
		if (recv(channel->fd, &byte, sizeof(byte), MSG_DONTWAIT) < 0)
			return;
}

static int socket_attach(struct channel *channel)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int entry, fd, r = folder_find(channel->names, channel->uuid, S_IFSOCK, &entry);

	if (r < 0)
		return r;
	folder_found_path(entry, address.sun_path);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		r = -errno;
	close(entry);
	if (r == 0)
		channel->fd = fd;
	else if (fd >= 0)
		close(fd);
	return r;
}

static int socket_send(struct channel *channel, uint64_t version)
{
	return send(channel->fd, &version, sizeof(version), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

const struct notifier notifier_socket = {
	.name = "socket",
	.kind = LAYOUT_NOTIFIER_SOCKET,
	.open = socket_open,
	.wait = socket_wait,
	.drain = socket_drain,
	.close = common_close,
	.abandon = common_detach,
	.attach = socket_attach,
	.send = socket_send,
	.detach = common_detach,
	.reap = common_reap,
};
