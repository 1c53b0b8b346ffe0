/* SPDX-License-Identifier: MIT
 *
 * The stream of FRR's forwarding plane manager: messages of a header of 4 bytes (version 1, type 1,
 * and the length with the header, big-endian), and one or more netlink messages. kernel_fpm.c reads
 * it from a peer that may send any bytes. */
#ifndef TOOLS_NETLINK_KERNEL_FRAME_H
#define TOOLS_NETLINK_KERNEL_FRAME_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the header. */
#define KERNEL_FRAME_HEADER 4u

/* Checks the message at the start of `size` bytes, which are aligned to 4. Returns the bytes of the
 * message, whose netlink messages fill it and are aligned too; 0 if it is not whole yet; or
 * -EBADMSG. */
int kernel_frame_check(const uint8_t *bytes, size_t size);

#endif
