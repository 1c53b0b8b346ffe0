/* SPDX-License-Identifier: MIT
 *
 * Decodes messages of the kernel into rows, without state or I/O. kernel_mirror.c calls this. A
 * decoder returns false, and leaves the row undefined, if the tables do not mirror the message or
 * if the message is incomplete. */
#ifndef TOOLS_KERNEL_KERNEL_ROWS_H
#define TOOLS_KERNEL_KERNEL_ROWS_H

#include <libmnl/libmnl.h>
#include "tools/kernel/kernel_tables.h"

/* Maximum bytes of a value. A longer path, of more than a thousand next hops, is truncated. */
#define KERNEL_VALUE_MAX 65536u

struct kernel_row {
	enum kernel_table table;
	unsigned key_bits;
	uint8_t key[40];
	size_t size; /* of the value, in bytes */
	/* A struct of kernel_tables.h, in KERNEL_VALUE_MAX bytes that the caller has allocated. */
	void *value;
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

/* A decoded route. */
struct kernel_route {
	uint32_t metric;
	bool candidate; /* for routes4 or routes6: in the main table, no TOS, for all sources */
	bool multipath; /* the message has a list of next hops, not a single one */
	struct kernel_row row; /* of rib4 or rib6, with order 0 */
};

bool kernel_decode_route(const struct nlmsghdr *message, const struct kernel_names *names,
                         struct kernel_route *ret);

/* Sets the column `order` in the key of a route. */
void kernel_route_set_order(struct kernel_route *route, uint16_t order);

/* Returns the prefix in the key of a route, which is the key of routes4 or routes6. */
const uint8_t *kernel_route_prefix(const struct kernel_route *route, unsigned *ret_bits);

/* Return pointers to the columns that only routes4 and routes6 have, in a value of any of the four
 * tables. */
uint32_t *kernel_route_metric(enum kernel_table table, void *value);
uint32_t *kernel_route_alternatives(enum kernel_table table, void *value);

#endif
