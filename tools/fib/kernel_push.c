/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <stele/subscriber.h>

#include "tools/fib/kernel_nexthop.h"
#include "tools/fib/kernel_push.h"
#include "tools/netlink/kernel_attributes.h"

/* ---- sorted lists ---- */

static int push_compare_ids(const void *left, const void *right)
{
	uint32_t a, b;

	memcpy(&a, left, sizeof(a));
	memcpy(&b, right, sizeof(b));
	return (a > b) - (a < b);
}

/* Adds a number, unless it is equal to the last one. */
static int push_add_id(struct kernel_ids *ids, uint32_t id)
{
	if (ids->count > 0 && ids->of[ids->count - 1] == id)
		return 0;
	if (ids->count == ids->capacity) {
		size_t capacity = ids->capacity ? 2 * ids->capacity : 64;
		uint32_t *larger = realloc(ids->of, capacity * sizeof(*larger));

		if (!larger)
			return -ENOMEM;
		ids->of = larger;
		ids->capacity = capacity;
	}
	ids->of[ids->count++] = id;
	return 0;
}

/* Sorts numbers, and drops duplicates. */
static void push_sort_ids(struct kernel_ids *ids)
{
	size_t kept = 0;

	if (ids->count > 0)
		qsort(ids->of, ids->count, sizeof(*ids->of), push_compare_ids);
	for (size_t i = 0; i < ids->count; i++)
		if (kept == 0 || ids->of[kept - 1] != ids->of[i])
			ids->of[kept++] = ids->of[i];
	ids->count = kept;
}

static void push_mark_prefix(struct kernel_push *push, const struct kernel_prefix *prefix)
{
	const struct kernel_prefix *found = kernel_prefixes_find(&push->prefixes, prefix);
	bool *sent = found ? &push->sent_prefixes[found - push->prefixes.of] : NULL;

	if (!sent || *sent)
		return;
	*sent = true;
	push->unsent--;
}

static void push_mark_id(struct kernel_push *push, uint32_t id)
{
	const uint32_t *found = push->ids.count > 0 ? bsearch(&id, push->ids.of, push->ids.count,
	                                                      sizeof(*found), push_compare_ids)
	                                            : NULL;

	if (found)
		push->sent_ids[found - push->ids.of] = true;
}

/* ---- the start of a sync ---- */

/* Forgets what the tables had. */
static void push_forget(struct kernel_push *push)
{
	kernel_prefixes_free(&push->prefixes);
	free(push->ids.of);
	free(push->sent_prefixes);
	free(push->sent_ids);
	push->ids = (struct kernel_ids){0};
	push->sent_prefixes = push->sent_ids = NULL;
	push->unsent = 0;
}

void kernel_push_free(struct kernel_push *push)
{
	push_forget(push);
	free(push->changed.of);
	kernel_list_free(&push->list);
}

/* Adds a route to the store's index and counters. */
static int push_read_row(struct kernel_push *push, enum kernel_table table,
                         const struct stele_row *row)
{
	struct kernel_store *store = push->store;
	struct kernel_prefix prefix;
	struct kernel_entry entry;
	int r = kernel_list_decode(table, row, &prefix, &entry);

	if (r < 0)
		return r;
	/* More orphans than there are only cost time. */
	if (table == KERNEL_ALTERNATIVES4 || table == KERNEL_ALTERNATIVES6)
		store->orphans[prefix.wide]++;
	store->sourced += prefix.from_length > 0;
	r = kernel_list_index(store, &prefix, &entry);
	free(entry.value);
	return r < 0 ? r : kernel_prefixes_add(&push->prefixes, &prefix);
}

static int push_read_table(struct kernel_push *push, enum kernel_table table)
{
	struct stele_cursor *cursor;
	struct stele_row row;
	int r = stele_writable_cursor_open(push->store->tables[table], &cursor);

	if (r < 0)
		return r;
	while (r >= 0 && (r = stele_cursor_next(cursor, &row)) == 1) {
		if (table == KERNEL_NEXTHOPS)
			r = push_add_id(&push->ids, kernel_nexthop_id(&row));
		else
			r = push_read_row(push, table, &row);
	}
	stele_cursor_close(cursor);
	return r;
}

int kernel_push_sync_start(struct kernel_push *push)
{
	static const enum kernel_table tables[] = {KERNEL_FIB4, KERNEL_FIB6, KERNEL_ALTERNATIVES4,
	                                           KERNEL_ALTERNATIVES6, KERNEL_NEXTHOPS};
	struct kernel_store *store = push->store;
	int r = 0;

	push_forget(push);
	push->changed.count = 0;
	for (int wide = 0; wide < 2; wide++) {
		kernel_index_clear(&store->index[wide]);
		store->orphans[wide] = 0;
	}
	store->sourced = 0;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && r >= 0; i++)
		r = push_read_table(push, tables[i]);
	/* Those of an earlier mirror of the kernel: FRR says nothing about buckets. */
	if (r >= 0)
		r = stele_writable_replace(store->tables[KERNEL_BUCKETS]);
	if (r >= 0 && stele_writable_replace_end(store->tables[KERNEL_BUCKETS]) < 0)
		r = -ENOMEM;
	if (r < 0)
		return r;
	for (int wide = 0; wide < 2; wide++)
		store->index[wide].kept = store->index[wide].used + store->index[wide].held;
	kernel_prefixes_sort(&push->prefixes);
	push->sent_prefixes = calloc(push->prefixes.count + 1, sizeof(bool));
	push->sent_ids = calloc(push->ids.count + 1, sizeof(bool));
	push->unsent = push->prefixes.count;
	return push->sent_prefixes && push->sent_ids ? 0 : -ENOMEM;
}

/* ---- routes ---- */

/* Clears the bits of an address behind its prefix. */
static void push_trim(uint8_t address[16], unsigned length)
{
	if (length % 8)
		address[length / 8] &= (uint8_t)(0xff00u >> length % 8);
	for (unsigned i = (length + 7) / 8; i < 16; i++)
		address[i] = 0;
}

/* Replaces the routes of a prefix by `entry`, which it takes over, or by none. */
static int push_put(struct kernel_push *push, const struct kernel_prefix *prefix,
                    struct kernel_entry *entry)
{
	struct kernel_list *list = &push->list;
	int r = kernel_list_read(push->store, prefix, list);

	while (list->count > 0)
		kernel_list_remove(list, list->count - 1);
	if (r >= 0 && entry->value)
		r = kernel_list_insert(list, 0, entry);
	else
		free(entry->value);
	if (r >= 0)
		r = kernel_list_write(push->store, list);
	kernel_list_clear(list);
	return r;
}

static int push_apply_route(struct kernel_push *push, const struct nlmsghdr *message)
{
	const struct kernel_filter *filter = &push->store->filter;
	struct kernel_prefix prefix;
	struct kernel_entry entry;
	int r = kernel_route_decode(message, &prefix, &entry);

	if (r <= 0)
		return r;
	push_trim(prefix.address, prefix.length);
	push_trim(prefix.from, prefix.from_length);
	if (!kernel_filter_takes_table(filter, &prefix)) {
		free(entry.value);
		return 0;
	}
	push_mark_prefix(push, &prefix);
	/* A route of a protocol that is not mirrored also replaces the one before. */
	if (message->nlmsg_type == RTM_DELROUTE || !kernel_filter_takes_protocol(filter, message)) {
		free(entry.value);
		entry.value = NULL;
	} else if (entry.value->nexthop_id && entry.hops == 0) {
		r = kernel_nexthop_resolve(push->store, &entry);
	}
	if (r < 0) {
		free(entry.value);
		return r;
	}
	return push_put(push, &prefix, &entry);
}

/* ---- next-hop objects ---- */

static int push_apply_nexthop(struct kernel_push *push, const struct nlmsghdr *message)
{
	struct kernel_attributes found;
	uint32_t id;
	int r;

	if (!kernel_attributes_read(message, sizeof(struct nhmsg), &found) || !found.of[NHA_ID])
		return 0;
	id = kernel_attribute_u32(found.of[NHA_ID], 0);
	push_mark_id(push, id);
	r = kernel_nexthop_apply(push->store, message, NULL, NULL);
	return r == 1 ? push_add_id(&push->changed, id) : r;
}

int kernel_push_apply(struct kernel_push *push, const struct nlmsghdr *message)
{
	switch (message->nlmsg_type) {
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return push_apply_route(push, message);
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		return push_apply_nexthop(push, message);
	default:
		return 0;
	}
}

/* Adds the groups that have a changed member to the changed objects. */
static int push_add_groups(struct kernel_push *push)
{
	struct kernel_ids *changed = &push->changed;
	size_t members = changed->count;
	struct stele_cursor *cursor;
	struct stele_row row;
	int r = stele_writable_cursor_open(push->store->tables[KERNEL_NEXTHOPS], &cursor);

	if (r < 0)
		return r;
	while (r >= 0 && (r = stele_cursor_next(cursor, &row)) == 1) {
		uint32_t member = ((const struct kernel_nexthop *)row.value)->member;

		if (member &&
		    bsearch(&member, changed->of, members, sizeof(member), push_compare_ids))
			r = push_add_id(changed, kernel_nexthop_id(&row));
	}
	stele_cursor_close(cursor);
	push_sort_ids(changed);
	return r;
}

/* Writes the routes of a list again, with the present next hops of their objects. */
static int push_refresh(struct kernel_store *store, const struct kernel_prefix *prefix,
                        struct kernel_list *list)
{
	int r = kernel_list_read(store, prefix, list);

	for (size_t i = 0; i < list->count && r >= 0; i++)
		if (list->of[i].value->nexthop_id)
			r = kernel_nexthop_resolve(store, &list->of[i]);
	return r < 0 ? r : kernel_list_write(store, list);
}

/* Finds the routes in one table that name one of the changed objects. */
static int push_scan_table(struct kernel_push *push, enum kernel_table table,
                           struct kernel_prefixes *ret)
{
	bool wide = table == KERNEL_FIB6 || table == KERNEL_ALTERNATIVES6;
	const struct kernel_ids *changed = &push->changed;
	struct stele_cursor *cursor;
	struct stele_row row;
	int r = stele_writable_cursor_open(push->store->tables[table], &cursor);

	if (r < 0)
		return r;
	while (r >= 0 && (r = stele_cursor_next(cursor, &row)) == 1) {
		struct kernel_prefix prefix;
		const struct kernel_hop *ignored;
		struct kernel_route route;
		uint32_t id;

		kernel_route_read(wide, &row, &route, &ignored);
		id = route.nexthop_id;
		if (!id || !bsearch(&id, changed->of, changed->count, sizeof(id), push_compare_ids))
			continue;
		kernel_list_prefix(table, &row, &prefix);
		r = kernel_prefixes_add(ret, &prefix);
	}
	stele_cursor_close(cursor);
	return r;
}

/* Adds the prefixes of one family whose routes name an object, by the index. The index forgets the
 * other prefixes, and an object that no route names: FRR numbers each new group anew. */
static int push_find_few(struct kernel_push *push, bool wide, uint32_t id,
                         struct kernel_prefixes *ret)
{
	const struct kernel_wanted wanted = {.nexthop_id = id};
	struct kernel_prefixes found = {0};
	int r = kernel_relink_scan(push->store, wide, &wanted, NULL, NULL, &found);

	for (size_t i = 0; i < found.count && r >= 0; i++)
		r = kernel_prefixes_add(ret, &found.of[i]);
	kernel_prefixes_free(&found);
	return r;
}

/* Finds the prefixes of one family whose routes name a changed object. One scan finds those of all
 * objects that have more than the index holds. */
static int push_find(struct kernel_push *push, bool wide, struct kernel_prefixes *ret)
{
	const struct kernel_index *index = &push->store->index[wide];
	bool many = false;
	int r = 0;

	for (size_t i = 0; i < push->changed.count && r >= 0; i++) {
		uint32_t id = push->changed.of[i];
		const struct kernel_index_slot *slot =
			kernel_index_find(index, kernel_index_nexthop(id));

		if (slot && slot->many)
			many = true;
		else
			r = push_find_few(push, wide, id, ret);
	}
	if (r >= 0 && many)
		r = push_scan_table(push, wide ? KERNEL_FIB6 : KERNEL_FIB4, ret);
	if (r >= 0 && many)
		r = push_scan_table(push, wide ? KERNEL_ALTERNATIVES6 : KERNEL_ALTERNATIVES4, ret);
	kernel_prefixes_sort(ret);
	return r;
}

static int push_refresh_all(struct kernel_store *store, const struct kernel_prefixes *prefixes)
{
	struct kernel_list list = {0};
	int r = 0;

	for (size_t i = 0; i < prefixes->count && r >= 0; i++)
		r = push_refresh(store, &prefixes->of[i], &list);
	kernel_list_free(&list);
	return r;
}

int kernel_push_settle(struct kernel_push *push)
{
	int r;

	if (push->changed.count == 0)
		return 0;
	push_sort_ids(&push->changed);
	r = push_add_groups(push);
	for (int wide = 0; wide < 2 && r >= 0; wide++) {
		struct kernel_prefixes found = {0};

		r = push_find(push, wide, &found);
		if (r >= 0)
			r = push_refresh_all(push->store, &found);
		kernel_prefixes_free(&found);
	}
	push->changed.count = 0;
	return r < 0 ? r : 0;
}

int kernel_push_follow_name(struct kernel_store *store, const struct kernel_row *row,
                            const struct kernel_link *before)
{
	const struct kernel_link *link = (const void *)row->value;
	struct kernel_wanted wanted = {0};
	uint32_t ifindex;
	int r = 0;

	if (memcmp(link->name, before->name, sizeof(link->name)) == 0)
		return 0;
	memcpy(&ifindex, row->key, sizeof(ifindex));
	wanted.ifindex = ntohl(ifindex);
	for (int wide = 0; wide < 2 && r >= 0; wide++) {
		struct kernel_prefixes found = {0};

		r = kernel_relink_scan(store, wide, &wanted, NULL, NULL, &found);
		if (r >= 0)
			r = push_refresh_all(store, &found);
		kernel_prefixes_free(&found);
	}
	return r < 0 ? r : 0;
}

/* ---- the end of a sync ---- */

int kernel_push_sync_end(struct kernel_push *push)
{
	struct kernel_entry none = {0};
	int r = 0;

	for (size_t i = 0; i < push->prefixes.count && r >= 0; i++)
		if (!push->sent_prefixes[i])
			r = push_put(push, &push->prefixes.of[i], &none);
	for (size_t i = 0; i < push->ids.count && r >= 0; i++) {
		if (push->sent_ids[i])
			continue;
		r = kernel_nexthop_remove(push->store, push->ids.of[i]);
		if (r == 1)
			r = push_add_id(&push->changed, push->ids.of[i]);
	}
	push_forget(push);
	return r < 0 ? r : kernel_push_settle(push);
}
