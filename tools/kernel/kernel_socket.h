/* SPDX-License-Identifier: MIT
 *
 * Two rtnetlink sockets: one that the kernel's own messages come to, one for asking for dumps. With
 * one alone, a dump's answers would compete with the messages for the receive buffer.
 */
#ifndef TOOLS_KERNEL_KERNEL_SOCKET_H
#define TOOLS_KERNEL_KERNEL_SOCKET_H

#include <libmnl/libmnl.h>
#include "tools/kernel/kernel_mirror.h"

struct kernel_sockets {
	struct mnl_socket *events, *dumps;
	uint32_t sequence;
	uint8_t *buffer;
};

/* Takes one message: 0, or a negative errno, which ends the reading and is returned. */
typedef int (*kernel_message_f)(void *context, const struct nlmsghdr *message);

/* Subscribes, with this many bytes of receive buffer for events. Errors: what the sockets say,
 * -ENOMEM; nothing stays open then. `sockets` is closed with kernel_sockets_close(), also when it
 * is all zero. */
int kernel_sockets_open(struct kernel_sockets *sockets, int receive_buffer);
void kernel_sockets_close(struct kernel_sockets *sockets);

/* The descriptor that is readable when there are events. */
int kernel_events_fd(const struct kernel_sockets *sockets);

/* Reads what came with one event, and returns how many messages that were; -EAGAIN when there is
 * nothing, -ENOBUFS when messages were lost. After a loss the kernel drops more without a word
 * until the socket is empty: a dump helps only after the -EAGAIN that follows. */
int kernel_events_read(struct kernel_sockets *sockets, kernel_message_f take, void *context);

/* Dumps all objects of a kind. Returns 0, or 1 when the kernel says that they changed meanwhile, so
 * that the dump may lack some. */
int kernel_dump(struct kernel_sockets *sockets, enum kernel_kind kind, kernel_message_f take,
                void *context);

#endif
