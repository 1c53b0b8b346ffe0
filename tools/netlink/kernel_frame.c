/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <string.h>

#include "tools/netlink/kernel_frame.h"

/* The header of a message. */
#define VERSION      1
#define TYPE_NETLINK 1

/* Returns true if the netlink messages of a message fill its `size` bytes, which are aligned. The
 * padding of the last one may be missing. */
static bool frame_check_payload(const uint8_t *payload, size_t size)
{
	while (size > 0) {
		struct nlmsghdr header;

		if (size < sizeof(header))
			return false;
		memcpy(&header, payload, sizeof(header));
		if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > size)
			return false;
		if (NLMSG_ALIGN(header.nlmsg_len) >= size)
			return true;
		payload += NLMSG_ALIGN(header.nlmsg_len);
		size -= NLMSG_ALIGN(header.nlmsg_len);
	}
	return true;
}

int kernel_frame_check(const uint8_t *bytes, size_t size)
{
	size_t length;

	if (size < KERNEL_FRAME_HEADER)
		return 0;
	length = (size_t)bytes[2] << 8 | bytes[3];
	/* The netlink messages are aligned if the lengths of all messages are. */
	if (bytes[0] != VERSION || bytes[1] != TYPE_NETLINK || length < KERNEL_FRAME_HEADER ||
	    length % 4)
		return -EBADMSG;
	if (size < length)
		return 0;
	return frame_check_payload(bytes + KERNEL_FRAME_HEADER, length - KERNEL_FRAME_HEADER)
	               ? (int)length
	               : -EBADMSG;
}
