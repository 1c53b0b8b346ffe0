/* SPDX-License-Identifier: MIT
 *
 * Decodes messages about links, addresses, neighbours and rules into rows, without state or I/O,
 * and finds the place of a rule in its table. kernel_mirror.c calls this. A decoder returns false,
 * and leaves the row undefined, if the tables do not mirror the message or if the message is
 * incomplete. */
#ifndef TOOLS_FIB_KERNEL_ROWS_H
#define TOOLS_FIB_KERNEL_ROWS_H

#include <libmnl/libmnl.h>
#include "tools/fib/kernel_tables.h"

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

/* Decodes a message that a link, or each link, has begun or ceased to ignore routes without a
 * carrier (ignore_routes_with_linkdown). Sets `*ret_ifindex` to 0 for each link. Returns false for
 * other messages about settings. */
bool kernel_decode_setting(const struct nlmsghdr *message, bool *ret_wide, uint32_t *ret_ifindex);

/* Deletes the rows of a table whose keys begin with this link. Returns 0 or a negative errno. */
int kernel_rows_delete_of_link(struct stele_writable *table, uint32_t ifindex);

/* Sets the column `order` of the key to 0: a message does not say it. */
bool kernel_decode_rule(const struct nlmsghdr *message, struct kernel_row *ret);

/* The last rule of a dump. */
struct kernel_rule_place {
	uint32_t priority;
	uint32_t count; /* rules of this priority */
};

/* Sets the column `order` of a rule of a dump, which has the rules in the kernel's order. */
void kernel_rule_number(struct kernel_row *rule, struct kernel_rule_place *last);

/* Applies a message about a rule, `new` or deleted. The kernel inserts a new rule after those of
 * the same priority, and deletes the first one that is equal. It allows equal rules, so an `old`
 * message about a rule that is there may be about another one. Sets `*ret_clear` to false if the
 * rules must be read again. Overwrites `rule`. Returns 0 or a negative errno of the table. */
int kernel_rule_apply(struct kernel_space *space, struct stele_writable *rules,
                      struct kernel_row *rule, bool new, bool old, bool *ret_clear);

#endif
