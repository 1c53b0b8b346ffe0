/* SPDX-License-Identifier: MIT
 *
 * The forwarding entries of bridges and VXLAN interfaces, `bridge fdb': decodes messages, and keeps
 * the table `fdb'. kernel_mirror.c calls this.
 *
 * The key of an entry is the one of the kernel: the link that forwards by it, VLAN, source VNI and
 * MAC address. The kernel has one destination for such a key, except for the groups of a VXLAN
 * interface, to each of whose destinations it sends a copy: those have a row each. When an entry
 * gets another destination, the kernel only reports the new one.
 *
 * The addresses that a network card accepts are not forwarding entries, although bridge(8) lists
 * them, too: the kernel changes them without a message. Their messages have no times. */
#ifndef TOOLS_FIB_KERNEL_FDB_H
#define TOOLS_FIB_KERNEL_FDB_H

#include "tools/fib/kernel_list.h"
#include "tools/fib/kernel_rows.h"

/* Returns true if a message about a neighbour is about an entry of a bridge, or the like. */
bool kernel_fdb_is_entry(const struct nlmsghdr *message);

/* Decodes a message. Sets the column `row` of the key to 0: a message does not say it. Returns
 * false, and leaves the row undefined, if the entry is not mirrored. */
bool kernel_fdb_decode(const struct nlmsghdr *message, const struct kernel_names *names,
                       struct kernel_row *ret);

/* Puts the entry, or deletes it. Overwrites `row`. Returns 0 or a negative errno of the table. */
int kernel_fdb_put(struct kernel_store *store, struct kernel_row *row);
int kernel_fdb_delete(struct kernel_store *store, struct kernel_row *row);

/* Deletes the entries whose destination is a next-hop object, which is gone: the kernel does so
 * without a message. Returns 0 or a negative errno of the table. */
int kernel_fdb_forget_nexthop(struct kernel_store *store, uint32_t id);

/* Writes the new name of a link into the rows of the entries that lead to it. Returns 0 or a
 * negative errno of the table. */
int kernel_fdb_rename(struct kernel_store *store, uint32_t ifindex, const char name[16]);

/* Sets the column `row` of an entry of a dump, which has the destinations of a key one after
 * another. `last` is a copy of the entry before, or all zero. Returns false if both are equal: then
 * the table changed during the dump. */
bool kernel_fdb_number(struct kernel_row *row, struct kernel_row *last);

#endif
