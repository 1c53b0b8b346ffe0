/* SPDX-License-Identifier: MIT
 *
 * The notifier "socket": a Unix datagram socket (unix(7)) for each subscriber, bound in the
 * region's folder. The publisher has one connected socket for each subscriber. The kernel limits
 * the unread datagrams of each sending socket, so with one socket for all, a few stopped
 * subscribers would starve the rest.
 *
 * Members of the region's group may send to the socket, too, and may fill it so that the
 * publisher's datagram does not fit. So a datagram of any process ends a wait.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/storage/folder.h"
#include "lib/units.h"
#include "notifier/common.h"

static_assert(FOLDER_SHORT_SIZE <= sizeof(((struct sockaddr_un *)0)->sun_path), "path of a socket");

/* Makes a socket on which recv(2) blocks no longer than notifier_slice. Returns the descriptor, or
 * a negative errno. */
static int socket_make(void)
{
	struct timeval slice = {.tv_sec = notifier_slice / NSEC_PER_SEC,
	                        .tv_usec = notifier_slice % NSEC_PER_SEC / NSEC_PER_USEC};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &slice, sizeof(slice)) == 0)
		return fd;
	int r = -errno;
	if (fd >= 0)
		close(fd);
	return r;
}

/* Binds the socket in the open folder, and lets the publisher send to it. */
static int socket_bind(struct channel *channel, int folder)
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
	channel->fd = socket_make();
	r = channel->fd < 0 ? common_error(channel, "socket", -channel->fd)
	                    : socket_bind(channel, folder);
	close(folder);
	if (r < 0)
		common_close(channel);
	return r;
}

static void socket_receive(struct channel *channel, int flags)
{
	char byte;

	(void)!recv(channel->fd, &byte, sizeof(byte), flags);
}

static void socket_wait(struct channel *channel, uint64_t seen, int64_t deadline)
{
	int64_t until = common_until(channel, deadline);

	(void)seen;
	/* A wait that ends after notifier_slice, as the first ones do, uses the socket's own
	 * time-out (SO_RCVTIMEO): one system call instead of two. */
	if (until < deadline && channel->slice == notifier_slice)
		socket_receive(channel, 0);
	else if (common_poll(channel->fd, until))
		socket_receive(channel, MSG_DONTWAIT);
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
	.has_descriptor = true,
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
