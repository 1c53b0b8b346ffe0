/* SPDX-License-Identifier: MIT
 *
 * Reads the attributes of netlink messages, with bounds on all that a message says. Without state
 * or I/O. The decoders call this. */
#ifndef TOOLS_NETLINK_KERNEL_ATTRIBUTES_H
#define TOOLS_NETLINK_KERNEL_ATTRIBUTES_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KERNEL_ATTRIBUTES 64

/* The attributes of a message, indexed by type. Attributes of higher types are ignored. */
struct kernel_attributes {
	const struct nlattr *of[KERNEL_ATTRIBUTES];
};

void kernel_attributes_scan(const void *payload, size_t size, struct kernel_attributes *ret);

/* Finds the attributes of a message, which follow `header` bytes. Returns false if the message is
 * shorter than `header`. */
bool kernel_attributes_read(const struct nlmsghdr *message, size_t header,
                            struct kernel_attributes *ret);

/* Finds the attributes inside the attribute `outer`. Finds none if `outer` is NULL. */
void kernel_attributes_nested(const struct nlattr *outer, struct kernel_attributes *ret);

/* Return the value of an attribute, or `otherwise` if it is missing or too short. */
uint32_t kernel_attribute_u32(const struct nlattr *attribute, uint32_t otherwise);
uint16_t kernel_attribute_u16(const struct nlattr *attribute, uint16_t otherwise);

/* Copies the value of an attribute. Returns false, and copies nothing, if the attribute is missing
 * or has another size. */
bool kernel_attribute_bytes(const struct nlattr *attribute, void *ret, size_t size);

/* Copies text into a column of 16 bytes, which must be zero. Truncates longer text. */
void kernel_attribute_text(const struct nlattr *attribute, char ret[16]);

#endif
