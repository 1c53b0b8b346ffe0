/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tools/netlink/kernel_socket.h"

#define BUFFER_SIZE            65536u /* the kernel fills at most 32 KiB at a time */
#define DEFAULT_RECEIVE_BUFFER (128 << 20)
/* Maximum bytes of messages that wait for the end of a dump. More are lost. */
#define QUEUE_MAX (256u << 20)
/* Bytes that an empty queue keeps. */
#define QUEUE_KEPT (UINT32_C(1) << 20)

static const struct {
	int group;
	enum kernel_kind kind;
} groups[] = {
	{RTNLGRP_LINK, KERNEL_KIND_LINKS},
	{RTNLGRP_NEIGH, KERNEL_KIND_NEIGHBOURS4}, /* and KERNEL_KIND_NEIGHBOURS6 */
	{RTNLGRP_IPV4_IFADDR, KERNEL_KIND_ADDRESSES4},
	{RTNLGRP_IPV6_IFADDR, KERNEL_KIND_ADDRESSES6},
	{RTNLGRP_IPV4_ROUTE, KERNEL_KIND_ROUTES4},
	{RTNLGRP_IPV6_ROUTE, KERNEL_KIND_ROUTES6},
	{RTNLGRP_IPV4_RULE, KERNEL_KIND_RULES4},
	{RTNLGRP_IPV6_RULE, KERNEL_KIND_RULES6},
	{RTNLGRP_IPV6_IFINFO, KERNEL_KIND_ROUTES6},
	{RTNLGRP_IPV4_NETCONF, KERNEL_KIND_ROUTES4},
	{RTNLGRP_IPV6_NETCONF, KERNEL_KIND_ROUTES6},
};

static int socket_subscribe(struct kernel_sockets *sockets, unsigned kinds)
{
	int nexthop = RTNLGRP_NEXTHOP;

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		int group = groups[i].group;

		if ((kinds & KERNEL_KIND_MASK(groups[i].kind)) &&
		    mnl_socket_setsockopt(sockets->events, NETLINK_ADD_MEMBERSHIP, &group,
		                          sizeof(group)) < 0)
			return -errno;
	}
	/* Kernels before 5.3 have no next-hop objects, and no group for them. */
	if ((kinds & KERNEL_KIND_MASK(KERNEL_KIND_NEXTHOPS)) &&
	    mnl_socket_setsockopt(sockets->events, NETLINK_ADD_MEMBERSHIP, &nexthop,
	                          sizeof(nexthop)) < 0 &&
	    errno != EINVAL)
		return -errno;
	return 0;
}

static int socket_open_both(struct kernel_sockets *sockets, unsigned kinds, int receive_buffer)
{
	int size = receive_buffer ? receive_buffer : DEFAULT_RECEIVE_BUFFER, given;

	sockets->buffer = malloc(BUFFER_SIZE);
	if (!sockets->buffer)
		return -ENOMEM;
	sockets->events = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!sockets->events)
		return -errno;
	sockets->dumps = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!sockets->dumps)
		return -errno;
	sockets->queries = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!sockets->queries)
		return -errno;
	sockets->filters = mnl_socket_setsockopt(sockets->queries, NETLINK_GET_STRICT_CHK,
	                                         &(int){1}, sizeof(int)) == 0;
	/* SO_RCVBUFFORCE exceeds the system's limit, and needs CAP_NET_ADMIN. Without it, the limit
	 * applies. A smaller buffer only causes more dumps. */
	if (setsockopt(kernel_events_fd(sockets), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) <
	    0)
		(void)setsockopt(kernel_events_fd(sockets), SOL_SOCKET, SO_RCVBUF, &size,
		                 sizeof(size));
	/* The kernel doubles the size, for its own structures. */
	if (getsockopt(kernel_events_fd(sockets), SOL_SOCKET, SO_RCVBUF, &given,
	               &(socklen_t){sizeof(given)}) == 0)
		sockets->receive_buffer = given / 2;
	sockets->receive_wanted = size;
	if (mnl_socket_bind(sockets->events, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_bind(sockets->dumps, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_bind(sockets->queries, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	return socket_subscribe(sockets, kinds);
}

int kernel_sockets_open(struct kernel_sockets *sockets, unsigned kinds, int receive_buffer)
{
	int r;

	memset(sockets, 0, sizeof(*sockets));
	r = socket_open_both(sockets, kinds, receive_buffer);
	if (r < 0)
		kernel_sockets_close(sockets);
	return r;
}

void kernel_sockets_close(struct kernel_sockets *sockets)
{
	if (sockets->events)
		mnl_socket_close(sockets->events);
	if (sockets->dumps)
		mnl_socket_close(sockets->dumps);
	if (sockets->queries)
		mnl_socket_close(sockets->queries);
	free(sockets->buffer);
	free(sockets->queue);
	memset(sockets, 0, sizeof(*sockets));
}

int kernel_events_fd(const struct kernel_sockets *sockets)
{
	return mnl_socket_get_fd(sockets->events);
}

/* Receives one datagram of the kernel. Ignores datagrams of other processes. Returns its size or a
 * negative errno. */
static int socket_receive(struct kernel_sockets *sockets, struct mnl_socket *from)
{
	for (;;) {
		struct sockaddr_nl sender = {0};
		socklen_t length = sizeof(sender);
		ssize_t size = recvfrom(mnl_socket_get_fd(from), sockets->buffer, BUFFER_SIZE,
		                        MSG_TRUNC, (struct sockaddr *)&sender, &length);

		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return -errno;
		if (length != sizeof(sender) || sender.nl_pid != 0)
			continue;
		return size > (ssize_t)BUFFER_SIZE ? -EMSGSIZE : (int)size;
	}
}

/* Passes on the messages in `left` bytes. Returns their number or a negative errno of `take`. */
static int socket_take(const uint8_t *bytes, int left, kernel_message_f take, void *context)
{
	const struct nlmsghdr *message = (const void *)bytes;
	int count = 0;

	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left), count++) {
		int r = take(context, message);

		if (r < 0)
			return r;
	}
	return count;
}

/* Frees the queue, which is empty, if a burst has made it large. */
static void socket_shrink(struct kernel_sockets *sockets)
{
	if (sockets->queue_capacity <= QUEUE_KEPT)
		return;
	free(sockets->queue);
	sockets->queue = NULL;
	sockets->queue_capacity = 0;
}

int kernel_events_read(struct kernel_sockets *sockets, kernel_message_f take, void *context)
{
	int left;

	if (sockets->lost) {
		sockets->lost = false;
		return -ENOBUFS;
	}
	if (sockets->queue_read < sockets->queue_end) {
		const uint8_t *queued = sockets->queue + sockets->queue_read;
		int r;

		left = (int)(sockets->queue_end - sockets->queue_read);
		sockets->queue_read = sockets->queue_end = 0;
		r = socket_take(queued, left, take, context);
		socket_shrink(sockets);
		return r;
	}
	left = socket_receive(sockets, sockets->events);
	if (left == -EMSGSIZE)
		return -ENOBUFS; /* A message that is too large for the buffer is lost. */
	return left < 0 ? left : socket_take(sockets->buffer, left, take, context);
}

/* Appends the `size` bytes in the buffer to the queue. Returns false if there is no memory. */
static bool socket_queue(struct kernel_sockets *sockets, size_t size)
{
	size_t needed = sockets->queue_end + NLMSG_ALIGN(size);

	if (needed > sockets->queue_capacity) {
		size_t capacity = needed > QUEUE_MAX / 2 ? QUEUE_MAX : 2 * needed;
		uint8_t *larger = needed > QUEUE_MAX ? NULL : realloc(sockets->queue, capacity);

		if (!larger)
			return false;
		sockets->queue = larger;
		sockets->queue_capacity = capacity;
	}
	memcpy(sockets->queue + sockets->queue_end, sockets->buffer, size);
	sockets->queue_end = needed;
	return true;
}

/* Moves all messages from the socket to the queue. */
static int socket_drain(struct kernel_sockets *sockets)
{
	for (;;) {
		int size = socket_receive(sockets, sockets->events);

		if (size == -EAGAIN)
			return 0;
		if (size == -ENOBUFS || size == -EMSGSIZE ||
		    (size > 0 && !socket_queue(sockets, (size_t)size)))
			sockets->lost = true;
		else if (size < 0)
			return size;
	}
}

static const struct {
	uint16_t type;
	uint8_t family;
	uint8_t size; /* of the header */
} requests[KERNEL_KINDS] = {
	[KERNEL_KIND_LINKS] = {RTM_GETLINK, AF_UNSPEC, sizeof(struct ifinfomsg)},
	[KERNEL_KIND_ADDRESSES4] = {RTM_GETADDR, AF_INET, sizeof(struct ifaddrmsg)},
	[KERNEL_KIND_ADDRESSES6] = {RTM_GETADDR, AF_INET6, sizeof(struct ifaddrmsg)},
	[KERNEL_KIND_NEIGHBOURS4] = {RTM_GETNEIGH, AF_INET, sizeof(struct ndmsg)},
	[KERNEL_KIND_NEIGHBOURS6] = {RTM_GETNEIGH, AF_INET6, sizeof(struct ndmsg)},
	[KERNEL_KIND_PROXIES4] = {RTM_GETNEIGH, AF_INET, sizeof(struct ndmsg)},
	[KERNEL_KIND_PROXIES6] = {RTM_GETNEIGH, AF_INET6, sizeof(struct ndmsg)},
	[KERNEL_KIND_FDB] = {RTM_GETNEIGH, AF_BRIDGE, sizeof(struct ndmsg)},
	[KERNEL_KIND_NEXTHOPS] = {RTM_GETNEXTHOP, AF_UNSPEC, sizeof(struct nhmsg)},
	[KERNEL_KIND_BUCKETS] = {RTM_GETNEXTHOPBUCKET, AF_UNSPEC, sizeof(struct nhmsg)},
	[KERNEL_KIND_RULES4] = {RTM_GETRULE, AF_INET, sizeof(struct fib_rule_hdr)},
	[KERNEL_KIND_RULES6] = {RTM_GETRULE, AF_INET6, sizeof(struct fib_rule_hdr)},
	[KERNEL_KIND_ROUTES4] = {RTM_GETROUTE, AF_INET, sizeof(struct rtmsg)},
	[KERNEL_KIND_ROUTES6] = {RTM_GETROUTE, AF_INET6, sizeof(struct rtmsg)},
};

static int socket_request(struct kernel_sockets *sockets, enum kernel_kind kind)
{
	/* struct ifinfomsg is the largest of the headers. The kernel takes bytes after a header for
	 * attributes, and logs a warning about them. */
	uint8_t bytes[NLMSG_SPACE(sizeof(struct ifinfomsg))] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
	/* The first byte of each header is the family, and the rest may be zero. */
	uint8_t *header = mnl_nlmsg_put_extra_header(message, requests[kind].size);

	message->nlmsg_type = requests[kind].type;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	message->nlmsg_seq = ++sockets->sequence;
	*header = requests[kind].family;
	if (kind == KERNEL_KIND_PROXIES4 || kind == KERNEL_KIND_PROXIES6)
		((struct ndmsg *)(void *)header)->ndm_flags = NTF_PROXY;
	return mnl_socket_sendto(sockets->dumps, message, message->nlmsg_len) < 0 ? -errno : 0;
}

/* Returns the error in the last message of a dump. A family that the kernel does not support has no
 * objects, which is not an error. */
static int socket_dump_error(const struct nlmsghdr *message)
{
	int error = 0;

	if (mnl_nlmsg_get_payload_len(message) >= sizeof(error))
		memcpy(&error, mnl_nlmsg_get_payload(message), sizeof(error));
	return error == -EOPNOTSUPP || error == -EAFNOSUPPORT ? 0 : error;
}

/* Reads the answer to a request: the messages of a dump, or one message and an acknowledgement. */
static int socket_answer(struct kernel_sockets *sockets, struct mnl_socket *from,
                         kernel_message_f take, void *context)
{
	int interrupted = 0, failed = 0;

	for (;;) {
		const struct nlmsghdr *message = (const void *)sockets->buffer;
		int left, r = socket_drain(sockets);

		if (r < 0)
			return r;
		left = socket_receive(sockets, from);
		if (left < 0)
			return left;
		for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
			if (message->nlmsg_seq != sockets->sequence)
				continue;
			if (message->nlmsg_flags & NLM_F_DUMP_INTR)
				interrupted = 1;
			if (message->nlmsg_type == NLMSG_DONE ||
			    message->nlmsg_type == NLMSG_ERROR) {
				r = socket_dump_error(message);
				return failed ? failed : r < 0 ? r : interrupted;
			}
			/* After an error too the answer must be read to its end: until then the
			 * kernel refuses the next dump. */
			if (failed == 0)
				failed = take(context, message);
		}
	}
}

int kernel_dump(struct kernel_sockets *sockets, enum kernel_kind kind, kernel_message_f take,
                void *context)
{
	int r = socket_request(sockets, kind);

	return r < 0 ? r : socket_answer(sockets, sockets->dumps, take, context);
}

int kernel_query_link(struct kernel_sockets *sockets, uint32_t ifindex, kernel_message_f take,
                      void *context)
{
	uint8_t bytes[NLMSG_SPACE(sizeof(struct ifinfomsg))] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
	struct ifinfomsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

	message->nlmsg_type = RTM_GETLINK;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	message->nlmsg_seq = ++sockets->sequence;
	header->ifi_index = (int)ifindex;
	if (mnl_socket_sendto(sockets->queries, message, message->nlmsg_len) < 0)
		return -errno;
	return socket_answer(sockets, sockets->queries, take, context);
}

static int socket_take_nothing(void *context, const struct nlmsghdr *message)
{
	(void)context;
	(void)message;
	return 0;
}

int kernel_await_messages(struct kernel_sockets *sockets)
{
	int r = kernel_query_link(sockets, 1, socket_take_nothing, NULL);

	return r == -ENODEV ? 0 : r;
}

int kernel_query_routes(struct kernel_sockets *sockets, bool wide, uint32_t ifindex,
                        kernel_message_f take, void *context)
{
	uint8_t bytes[NLMSG_SPACE(sizeof(struct rtmsg)) + 16] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
	struct rtmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

	if (!sockets->filters)
		return -EOPNOTSUPP;
	message->nlmsg_type = RTM_GETROUTE;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	message->nlmsg_seq = ++sockets->sequence;
	header->rtm_family = wide ? AF_INET6 : AF_INET;
	mnl_attr_put_u32(message, RTA_OIF, ifindex);
	if (mnl_socket_sendto(sockets->queries, message, message->nlmsg_len) < 0)
		return -errno;
	return socket_answer(sockets, sockets->queries, take, context);
}
