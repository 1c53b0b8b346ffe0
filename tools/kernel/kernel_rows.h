/* SPDX-License-Identifier: MIT
 *
 * Decodes messages about links, addresses and neighbours into rows, without state or I/O.
 * kernel_mirror.c calls this. A decoder returns false, and leaves the row undefined, if the tables
 * do not mirror the message or if the message is incomplete. */
#ifndef TOOLS_KERNEL_KERNEL_ROWS_H
#define TOOLS_KERNEL_KERNEL_ROWS_H

#include <libmnl/libmnl.h>
#include "tools/kernel/kernel_tables.h"

struct kernel_row {
	enum kernel_table table;
	unsigned key_bits;
	uint8_t key[40];
	size_t size; /* of the value, in bytes */
	/* A struct of kernel_tables.h. */
	_Alignas(8) uint8_t value[128];
};

/* Finds the name of an interface: `find` writes it to `ret`, padded with NUL. */
struct kernel_names {
	void (*find)(void *context, uint32_t index, char ret[16]);
	void *context;
};

bool kernel_decode_link(const struct nlmsghdr *message, struct kernel_row *ret);
bool kernel_decode_address(const struct nlmsghdr *message, const struct kernel_names *names,
                           struct kernel_row *ret);

/* Sets `*ret_resolved` to false if the entry is in a state that is not mirrored, because the kernel
 * does not always report that an entry enters it. The table must then have no row with this key. */
bool kernel_decode_neighbour(const struct nlmsghdr *message, const struct kernel_names *names,
                             struct kernel_row *ret, bool *ret_resolved);

#endif
