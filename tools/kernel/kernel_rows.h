/* SPDX-License-Identifier: MIT
 *
 * Kernel messages as rows. Nothing here keeps state or does I/O. A decoder returns false for a
 * message that the tables do not mirror, or that is not whole; the row is then not defined.
 */
#ifndef TOOLS_KERNEL_KERNEL_ROWS_H
#define TOOLS_KERNEL_KERNEL_ROWS_H

#include <libmnl/libmnl.h>
#include "tools/kernel/kernel_tables.h"

/* A longer path, of more than a thousand next hops, is cut short. */
#define KERNEL_VALUE_MAX 65536u

struct kernel_row {
	enum kernel_table table;
	unsigned key_bits;
	uint8_t key[40];
	size_t size; /* of the value */
	void *value; /* KERNEL_VALUE_MAX bytes from malloc(), the caller's: a struct of the tables
	              */
};

/* The name of an interface: `find` writes it into `ret`, padded with NUL. */
struct kernel_names {
	void (*find)(void *context, uint32_t index, char ret[16]);
	void *context;
};

bool kernel_decode_link(const struct nlmsghdr *message, struct kernel_row *ret);
bool kernel_decode_address(const struct nlmsghdr *message, const struct kernel_names *names,
                           struct kernel_row *ret);

/* `*ret_resolved` is false when the entry is in a state that is not mirrored, because the kernel
 * does not tell when an entry gets into it: there shall be no row with this key then. */
bool kernel_decode_neighbour(const struct nlmsghdr *message, const struct kernel_names *names,
                             struct kernel_row *ret, bool *ret_resolved);

/* A route, as a row of rib4 or rib6 with order 0. */
struct kernel_route {
	uint32_t metric;
	bool candidate; /* for routes4, routes6: of the main table, no TOS, for all sources */
	bool multipath; /* the message lists next hops, rather than being one */
	struct kernel_row row;
};

bool kernel_decode_route(const struct nlmsghdr *message, const struct kernel_names *names,
                         struct kernel_route *ret);

void kernel_route_set_order(struct kernel_route *route, uint16_t order);

/* The part of the key that is the prefix: the key of routes4 or routes6. */
const uint8_t *kernel_route_prefix(const struct kernel_route *route, unsigned *ret_bits);

/* Where a route's value, of either table, has the columns that only the lookup tables have. */
uint32_t *kernel_route_metric(enum kernel_table table, void *value);
uint32_t *kernel_route_alternatives(enum kernel_table table, void *value);

#endif
