/* SPDX-License-Identifier: MIT
 *
 * The routes of one prefix in one routing table: reads them from the tables, and writes them back.
 * fib4 or fib6 gets the route that the kernel takes; the tables of alternatives get the others.
 * kernel_edit.c changes lists; the files of this folder and kernel_mirror_route.c call this. */
#ifndef TOOLS_FIB_KERNEL_LIST_H
#define TOOLS_FIB_KERNEL_LIST_H

#include "tools/fib/kernel_index.h"
#include "tools/fib/kernel_replay.h"
#include "tools/fib/kernel_route.h"

/* What lists are read from and written to. */
struct kernel_store {
	struct stele_writable *tables[KERNEL_TABLES]; /* of the open transaction */
	/* A routing daemon pushes the routes (kernel_push.h). Changes of links, addresses and
	 * next-hop objects do not change them. */
	bool pushed;
	/* The links of the routes are those of another namespace: they have no names here. */
	bool foreign;
	/* The tables of one family are being replaced: lists are only written, each once. */
	bool replacing;
	/* Prefixes of each family that have alternatives, but no row in fib4 or fib6. While there
	 * are none, a prefix without such a row has no routes. */
	uint64_t orphans[2];
	/* IPv6 routes with a source prefix. */
	uint64_t sourced;
	struct kernel_index index[2]; /* of each family */
	struct kernel_replay replay;
	struct kernel_space space;
	struct kernel_filter filter;
	/* Called for a link that the table `links` does not have, and a route needs its name. */
	void (*unnamed)(void *context, uint32_t ifindex);
	/* Called for a link whose row in `links` disagrees with a next hop about the carrier. */
	void (*disagrees)(void *context, uint32_t ifindex);
	void *context;
};

/* Returns the row of a link in the store, valid until the next change of a table, or NULL. */
const struct kernel_link *kernel_store_link(struct kernel_store *store, uint32_t ifindex);

/* Routes in the order of TOS, metric, and the kernel. */
struct kernel_list {
	struct kernel_prefix at;
	struct kernel_entry *of;
	size_t count, capacity;
	/* IPv6: the prefix also has routes with a source prefix. Then the kernel takes no other
	 * route of this prefix, not even for packets from elsewhere: it goes on with the next
	 * shorter prefix. Only the routes of the empty prefix remain, because there is no shorter
	 * one. */
	bool sourced;
	/* The rows that the list was read from: */
	bool best;    /* in fib4 or fib6 */
	uint8_t *old; /* keys in the tables of alternatives, each as large as the table has them */
	size_t old_count, old_capacity;
};

/* Frees the routes. The list can be used again. Allowed for a list that is all zero. */
void kernel_list_clear(struct kernel_list *list);
/* Frees the list. */
void kernel_list_free(struct kernel_list *list);

/* Reads the routes of a prefix. Returns 0 or a negative errno of the tables. */
int kernel_list_read(struct kernel_store *store, const struct kernel_prefix *prefix,
                     struct kernel_list *ret);

/* Writes the routes of a list, after which the list must be read again before it is changed.
 * Returns 0 or a negative errno of the tables. */
int kernel_list_write(struct kernel_store *store, struct kernel_list *list);

/* Adds a route to the index, as kernel_list_write() does. Returns 0 or -ENOMEM. */
int kernel_list_index(struct kernel_store *store, const struct kernel_prefix *prefix,
                      const struct kernel_entry *entry);

/* Writes the routes of a prefix again, after routes of the same prefix for some source addresses
 * have come or gone. kernel_list_write() calls this, but not while the tables are being replaced.
 * */
int kernel_list_refresh(struct kernel_store *store, const struct kernel_prefix *prefix);

/* Inserts a route before the route number `at`. The list takes over entry->value. Returns 0 or
 * -ENOMEM; then it has freed entry->value. */
int kernel_list_insert(struct kernel_list *list, size_t at, const struct kernel_entry *entry);
void kernel_list_remove(struct kernel_list *list, size_t at);
/* Replaces a route. The list takes over entry->value. */
void kernel_list_replace(struct kernel_list *list, size_t at, const struct kernel_entry *entry);

/* Decodes a row of one of the tables of routes. Sets the prefix and the route, whose value it
 * allocates. Returns 0 or -ENOMEM. */
int kernel_list_decode(enum kernel_table table, const struct stele_row *row,
                       struct kernel_prefix *ret_prefix, struct kernel_entry *ret_entry);

/* Reads the prefix from the key of a row of one of the tables of routes. */
void kernel_list_prefix(enum kernel_table table, const struct stele_row *row,
                        struct kernel_prefix *ret);

/* Returns the number of the route that the kernel takes, or -1 if it takes none. */
long kernel_list_best(const struct kernel_list *list);

#endif
