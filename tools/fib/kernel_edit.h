/* SPDX-License-Identifier: MIT
 *
 * What a message of the kernel does to the routes of its prefix: the rules by which the kernel
 * inserts, replaces and deletes routes (fib_table_insert() in net/ipv4/fib_trie.c,
 * fib6_add_rt2node() in net/ipv6/ip6_fib.c). Without I/O.
 * kernel_mirror_route.c and kernel_relink.c call this. */
#ifndef TOOLS_FIB_KERNEL_EDIT_H
#define TOOLS_FIB_KERNEL_EDIT_H

#include "tools/fib/kernel_list.h"

enum kernel_edit {
	KERNEL_EDIT_NONE,    /* the list had the result already */
	KERNEL_EDIT_DONE,    /* the list has changed */
	KERNEL_EDIT_UNCLEAR, /* the list may have changed, and may differ from the kernel's now */
};

/* What a message has done besides. */
struct kernel_edit_effect {
	uint32_t doubt; /* a link whose routes must be read again, or 0 */
	bool other;     /* a route was replaced that is not the one of the message */
};

/* Applies a message about a route. Takes over entry->value. `lenient`: a list that does not fit the
 * message is in order, because the message may be older than the list, or the list incomplete.
 * Returns enum kernel_edit, or -ENOMEM. */
int kernel_edit_apply(struct kernel_list *list, const struct nlmsghdr *message,
                      struct kernel_entry *entry, bool lenient,
                      struct kernel_edit_effect *ret_effect);

/* Returns the first route of the list's TOS and metric, and sets `*ret_end` to the number after the
 * last. */
size_t kernel_edit_group(const struct kernel_list *list, const struct kernel_entry *entry,
                         size_t *ret_end);

#endif
