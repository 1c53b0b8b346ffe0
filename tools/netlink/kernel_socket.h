/* SPDX-License-Identifier: MIT
 *
 * rtnetlink sockets: one for messages that the kernel sends on its own, one for dumps, and one for
 * queries about one link, whose requests the kernel checks strictly. In a single socket, dumps
 * would compete with messages for the receive buffer. During a dump, messages are moved from their
 * socket to a queue, so that a long dump does not make the kernel lose messages.
 * tools/kernel/kernel_reader.c calls this. */
#ifndef TOOLS_NETLINK_KERNEL_SOCKET_H
#define TOOLS_NETLINK_KERNEL_SOCKET_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Kinds of objects. Each kind is dumped separately. */
enum kernel_kind {
	KERNEL_KIND_LINKS,
	KERNEL_KIND_ADDRESSES4,
	KERNEL_KIND_ADDRESSES6,
	KERNEL_KIND_NEIGHBOURS4,
	KERNEL_KIND_NEIGHBOURS6,
	KERNEL_KIND_PROXIES4,
	KERNEL_KIND_PROXIES6,
	KERNEL_KIND_FDB,
	KERNEL_KIND_NEXTHOPS,
	KERNEL_KIND_BUCKETS,
	KERNEL_KIND_RULES4,
	KERNEL_KIND_RULES6,
	KERNEL_KIND_ROUTES4,
	KERNEL_KIND_ROUTES6,
	KERNEL_KINDS,
};

#define KERNEL_KIND_MASK(kind_) (1u << (kind_))
#define KERNEL_ALL_KINDS        (KERNEL_KIND_MASK(KERNEL_KINDS) - 1)
#define KERNEL_ROUTE_KINDS \
	(KERNEL_KIND_MASK(KERNEL_KIND_ROUTES4) | KERNEL_KIND_MASK(KERNEL_KIND_ROUTES6))

static inline enum kernel_kind kernel_kind_of_routes(bool wide)
{
	return wide ? KERNEL_KIND_ROUTES6 : KERNEL_KIND_ROUTES4;
}

struct kernel_sockets {
	struct mnl_socket *events, *dumps, *queries;
	bool filters;      /* the kernel can dump the routes of one link */
	uint32_t sequence; /* of the last request for a dump */
	uint8_t *buffer;   /* for one datagram */
	/* Messages that arrived during dumps, one after another, from queue_read to queue_end. */
	uint8_t *queue;
	size_t queue_read, queue_end, queue_capacity;
	bool lost; /* messages were lost during a dump, and the caller does not know it yet */
	int receive_wanted,
		receive_buffer; /* bytes for messages: wanted, and what the system gave */
};

/* Receives one message. Returns 0, or a negative errno, which the function that reads the messages
 * then returns. */
typedef int (*kernel_message_f)(void *context, const struct nlmsghdr *message);

/* Opens the sockets and subscribes to messages about these kinds, with `receive_buffer` bytes of
 * buffer for them (0: 128 MiB). Returns 0 or a negative errno, and leaves nothing open after an
 * error. */
int kernel_sockets_open(struct kernel_sockets *sockets, unsigned kinds, int receive_buffer);
/* Closes the sockets. Allowed for a struct that is all zero. */
void kernel_sockets_close(struct kernel_sockets *sockets);

/* Returns the descriptor that is readable when there are messages. */
int kernel_events_fd(const struct kernel_sockets *sockets);

/* Reads one datagram of messages, or all that arrived during dumps, and returns the number of
 * messages. Returns -EAGAIN if there is none, and -ENOBUFS if messages were lost. After a loss, the
 * kernel silently drops messages until the socket is empty. So the caller must read until -EAGAIN
 * before it dumps. */
int kernel_events_read(struct kernel_sockets *sockets, kernel_message_f take, void *context);

/* Dumps all objects of a kind. Returns 0, or 1 if the kernel reports that they changed meanwhile,
 * so that the dump may be incomplete, or a negative errno. */
int kernel_dump(struct kernel_sockets *sockets, enum kernel_kind kind, kernel_message_f take,
                void *context);

/* Asks for one link. The kernel answers when it has finished the change of links, addresses and
 * routes that is under way: it reports that a link goes down, or that an address is removed, before
 * it removes the routes that depend on it. Returns 0, -ENODEV if there is no such link, or a
 * negative errno. */
int kernel_query_link(struct kernel_sockets *sockets, uint32_t ifindex, kernel_message_f take,
                      void *context);

/* Waits until the socket has all messages about changes that a read may have seen. The kernel
 * changes an IPv4 route some time before it sends the message, but does both under the lock RTNL,
 * for which this waits. It does both to an IPv6 route under the lock of the table, which a dump
 * takes, too. Returns 0 or a negative errno. */
int kernel_await_messages(struct kernel_sockets *sockets);

/* Dumps the routes of one link. Returns 0; 1 if the dump may be incomplete; -EOPNOTSUPP if the
 * kernel, one before 4.20, can only dump all routes; -ENODEV; or a negative errno. */
int kernel_query_routes(struct kernel_sockets *sockets, bool wide, uint32_t ifindex,
                        kernel_message_f take, void *context);

#endif
