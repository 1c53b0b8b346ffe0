/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stele/subscriber.h>

#include "tools/fib/kernel_list.h"

/* Bytes of the key in the tables of alternatives; and of its part that is the prefix. */
#define KEY4        16u
#define KEY4_PREFIX 9u
#define KEY6        44u
#define KEY6_PREFIX 38u
/* The same without the source prefix. */
#define KEY6_SOURCE 21u

/* ---- links ---- */

const struct kernel_link *kernel_store_link(struct kernel_store *store, uint32_t ifindex)
{
	struct stele_row row;

	return stele_writable_get(store->tables[KERNEL_LINKS], &(uint32_t){htonl(ifindex)}, 32,
	                          &row) == 1
	               ? row.value
	               : NULL;
}

/* ---- a list ---- */

void kernel_list_clear(struct kernel_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->of[i].value);
	list->count = list->old_count = 0;
	list->best = list->sourced = false;
}

void kernel_list_free(struct kernel_list *list)
{
	kernel_list_clear(list);
	free(list->of);
	free(list->old);
	*list = (struct kernel_list){0};
}

int kernel_list_insert(struct kernel_list *list, size_t at, const struct kernel_entry *entry)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? 2 * list->capacity : 8;
		struct kernel_entry *larger = realloc(list->of, capacity * sizeof(*larger));

		if (!larger) {
			free(entry->value);
			return -ENOMEM;
		}
		list->of = larger;
		list->capacity = capacity;
	}
	memmove(list->of + at + 1, list->of + at, (list->count - at) * sizeof(*list->of));
	list->of[at] = *entry;
	list->count++;
	return 0;
}

void kernel_list_remove(struct kernel_list *list, size_t at)
{
	free(list->of[at].value);
	list->count--;
	memmove(list->of + at, list->of + at + 1, (list->count - at) * sizeof(*list->of));
}

void kernel_list_replace(struct kernel_list *list, size_t at, const struct kernel_entry *entry)
{
	free(list->of[at].value);
	list->of[at] = *entry;
}

/* Returns the rank of an IPv6 router's preference: the higher one is taken. */
static int list_rank(const struct kernel_entry *entry)
{
	return entry->value->preference == 1 ? 2 : entry->value->preference == 3 ? 0 : 1;
}

long kernel_list_best(const struct kernel_list *list)
{
	long best = -1;

	if (list->at.from_length || (list->sourced && list->at.length > 0))
		return -1;
	for (size_t i = 0; i < list->count; i++) {
		const struct kernel_entry *entry = &list->of[i];

		if (entry->tos || entry->value->dead)
			continue;
		if (best >= 0 && list->of[best].metric < entry->metric)
			break;
		if (best < 0 || (list->at.wide && list_rank(entry) > list_rank(&list->of[best])))
			best = (long)i;
		if (!list->at.wide)
			break;
	}
	return best;
}

/* ---- keys ---- */

static unsigned list_key_size(bool wide)
{
	return wide ? KEY6 : KEY4;
}

static unsigned list_key_prefix(bool wide)
{
	return wide ? KEY6_PREFIX : KEY4_PREFIX;
}

static enum kernel_table list_table(bool wide, bool best)
{
	return best   ? wide ? KERNEL_FIB6 : KERNEL_FIB4
	       : wide ? KERNEL_ALTERNATIVES6
	              : KERNEL_ALTERNATIVES4;
}

static void list_put_u32(uint8_t *at, uint32_t value)
{
	memcpy(at, &(uint32_t){htonl(value)}, 4);
}

static uint32_t list_get_u32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, 4);
	return ntohl(value);
}

/* Writes the key of fib4 or fib6. Returns its bits. */
static unsigned list_best_key(const struct kernel_prefix *prefix, uint8_t *ret)
{
	list_put_u32(ret, prefix->table);
	memcpy(ret + 4, prefix->address, 16);
	if (prefix->length % 8)
		ret[4 + prefix->length / 8] &= (uint8_t)(0xff00u >> prefix->length % 8);
	return 32u + prefix->length;
}

/* Writes the key of a route in the tables of alternatives. */
static void list_key(const struct kernel_prefix *prefix, uint8_t tos, uint32_t metric,
                     uint16_t order, uint8_t *ret)
{
	list_put_u32(ret, prefix->table);
	if (prefix->wide) {
		memcpy(ret + 4, prefix->address, 16);
		ret[20] = prefix->length;
		memcpy(ret + 21, prefix->from, 16);
		ret[37] = prefix->from_length;
	} else {
		memcpy(ret + 4, prefix->address, 4);
		ret[8] = prefix->length;
		ret[9] = tos;
	}
	list_put_u32(ret + list_key_size(prefix->wide) - 6, metric);
	memcpy(ret + list_key_size(prefix->wide) - 2, &(uint16_t){htons(order)}, 2);
}

/* ---- rows ---- */

void kernel_list_prefix(enum kernel_table table, const struct stele_row *row,
                        struct kernel_prefix *ret)
{
	bool wide = table == KERNEL_FIB6 || table == KERNEL_ALTERNATIVES6;
	const uint8_t *key = row->key;

	*ret = (struct kernel_prefix){.wide = wide, .table = list_get_u32(key)};
	if (table == KERNEL_FIB4 || table == KERNEL_FIB6) {
		ret->length = (uint8_t)(row->key_bits - 32);
		memcpy(ret->address, key + 4, (ret->length + 7u) / 8);
	} else if (wide) {
		memcpy(ret->address, key + 4, 16);
		ret->length = key[20];
		memcpy(ret->from, key + 21, 16);
		ret->from_length = key[37];
	} else {
		memcpy(ret->address, key + 4, 4);
		ret->length = key[8];
	}
}

/* Returns the only next hop of a route, from its columns. */
static struct kernel_hop list_decode_hop(const struct kernel_route *value)
{
	struct kernel_hop hop = {.ifindex = value->ifindex,
	                         .weight = 1,
	                         .encap = value->encap,
	                         .dead = value->dead,
	                         .linkdown = value->linkdown,
	                         .onlink = value->onlink};

	kernel_hop_set_gateway(&hop, value->gateway4, value->gateway6);
	return hop;
}

int kernel_list_decode(enum kernel_table table, const struct stele_row *row,
                       struct kernel_prefix *ret_prefix, struct kernel_entry *ret_entry)
{
	bool wide = table == KERNEL_FIB6 || table == KERNEL_ALTERNATIVES6;
	bool best = table == KERNEL_FIB4 || table == KERNEL_FIB6;
	const uint8_t *key = row->key;
	const struct kernel_hop *hops;
	struct kernel_route value;
	struct kernel_hop only;
	struct kernel_entry entry = {0};
	size_t count = kernel_route_read(wide, row, &value, &hops);
	int r;

	kernel_list_prefix(table, row, ret_prefix);
	entry.listed = count > 0;
	if (!entry.listed) {
		only = list_decode_hop(&value);
		hops = &only;
		count = value.next_hops ? 1 : 0;
	}
	r = kernel_entry_set_hops(&entry, hops, (unsigned)count);
	if (r < 0)
		return r;
	memcpy(entry.value, &value, sizeof(value));
	entry.metric = best ? value.metric : list_get_u32(key + list_key_size(wide) - 6);
	entry.tos = best || wide ? 0 : key[9];
	entry.value->metric = entry.value->alternatives = entry.value->order = 0;
	memset(entry.value->interface, 0, sizeof(entry.value->interface));
	*ret_entry = entry;
	return 0;
}

/* ---- reading ---- */

static int list_remember_key(struct kernel_list *list, const uint8_t *key)
{
	unsigned size = list_key_size(list->at.wide);

	if (list->old_count == list->old_capacity) {
		size_t capacity = list->old_capacity ? 2 * list->old_capacity : 8;
		uint8_t *larger = realloc(list->old, capacity * KEY6);

		if (!larger)
			return -ENOMEM;
		list->old = larger;
		list->old_capacity = capacity;
	}
	memcpy(list->old + list->old_count++ * size, key, size);
	return 0;
}

static int list_read_alternatives(struct kernel_store *store, struct kernel_list *list)
{
	bool wide = list->at.wide;
	enum kernel_table table = list_table(wide, false);
	struct kernel_prefix ignored;
	struct kernel_entry entry;
	struct stele_cursor *cursor;
	struct stele_row row;
	uint8_t key[KEY6];
	int r = stele_writable_cursor_open(store->tables[table], &cursor);

	if (r < 0)
		return r;
	list_key(&list->at, 0, 0, 0, key);
	r = stele_cursor_under(cursor, key, list_key_prefix(wide) * 8);
	while (r >= 0 && (r = stele_cursor_next(cursor, &row)) == 1) {
		r = kernel_list_decode(table, &row, &ignored, &entry);
		if (r >= 0)
			r = kernel_list_insert(list, list->count, &entry);
		if (r >= 0)
			r = list_remember_key(list, row.key);
	}
	stele_cursor_close(cursor);
	return r;
}

/* Puts the route of fib4 or fib6 into its place among the alternatives. */
static int list_insert_best(struct kernel_list *list, const struct kernel_entry *best,
                            uint16_t order)
{
	size_t at = 0;

	while (at < list->count &&
	       (list->of[at].tos == 0 && (list->of[at].metric < best->metric ||
	                                  (list->of[at].metric == best->metric && order > 0)))) {
		if (list->of[at].metric == best->metric)
			order--;
		at++;
	}
	return kernel_list_insert(list, at, best);
}

/* Finds out whether the prefix has routes with a source prefix. Their keys come last. */
static int list_read_sourced(struct kernel_store *store, struct kernel_list *list)
{
	struct stele_cursor *cursor;
	struct stele_row row;
	uint8_t key[KEY6];
	int r = stele_writable_cursor_open(store->tables[KERNEL_ALTERNATIVES6], &cursor);

	if (r < 0)
		return r;
	list_key(&list->at, 0, 0, 0, key);
	r = stele_cursor_under(cursor, key, KEY6_SOURCE * 8);
	if (r >= 0)
		r = stele_cursor_last(cursor);
	if (r >= 0)
		r = stele_cursor_previous(cursor, &row);
	if (r == 1)
		list->sourced = ((const uint8_t *)row.key)[KEY6_PREFIX - 1] > 0;
	stele_cursor_close(cursor);
	return r < 0 ? r : 0;
}

int kernel_list_read(struct kernel_store *store, const struct kernel_prefix *prefix,
                     struct kernel_list *ret)
{
	enum kernel_table table = list_table(prefix->wide, true);
	struct kernel_prefix ignored;
	struct kernel_entry best;
	uint8_t key[20];
	struct stele_row row;
	bool alternatives = prefix->from_length || store->orphans[prefix->wide];
	uint16_t order = 0;
	int r = 0;

	kernel_list_clear(ret);
	ret->at = *prefix;
	if (!prefix->from_length)
		r = stele_writable_get(store->tables[table], key, list_best_key(prefix, key), &row);
	if (r < 0)
		return r;
	if (r == 1) {
		const struct kernel_hop *ignored_hops;
		struct kernel_route value;

		kernel_route_read(prefix->wide, &row, &value, &ignored_hops);
		order = value.order;
		alternatives = value.alternatives > 0;
		r = kernel_list_decode(table, &row, &ignored, &best);
		if (r < 0)
			return r;
		ret->best = true;
	}
	if (alternatives)
		r = list_read_alternatives(store, ret);
	if (ret->best && r < 0)
		free(best.value);
	else if (ret->best)
		r = list_insert_best(ret, &best, order);
	if (r >= 0 && prefix->wide && !prefix->from_length && store->sourced)
		r = list_read_sourced(store, ret);
	return r < 0 ? r : 0;
}

/* ---- writing ---- */

/* Writes the name of a link. */
static void list_name(struct kernel_store *store, uint32_t ifindex, char ret[16])
{
	const struct kernel_link *link;

	memset(ret, 0, 16);
	if (!ifindex)
		return;
	link = store->foreign ? NULL : kernel_store_link(store, ifindex);
	if (link) {
		memcpy(ret, link->name, 16);
		return;
	}
	snprintf(ret, 16, "#%u", ifindex);
	store->unnamed(store->context, ifindex);
}

/* Reports the links that a route disagrees with about their carriers. */
static void list_compare_links(struct kernel_store *store, const struct kernel_entry *entry,
                               bool wide)
{
	const struct kernel_hop *hops = kernel_entry_hops(entry);

	for (unsigned i = 0; i < entry->hops && kernel_route_tells_carrier(entry->value, wide);
	     i++) {
		const struct kernel_link *link = kernel_store_link(store, hops[i].ifindex);

		if (link && link->carrier == hops[i].linkdown)
			store->disagrees(store->context, hops[i].ifindex);
	}
}

int kernel_list_index(struct kernel_store *store, const struct kernel_prefix *prefix,
                      const struct kernel_entry *entry)
{
	struct kernel_index *index = &store->index[prefix->wide];
	const struct kernel_route *value = entry->value;
	const struct kernel_hop *hops = kernel_entry_hops(entry);
	uint8_t source[16];
	int r = 0;

	for (unsigned i = 0; i < entry->hops && r >= 0; i++)
		r = kernel_index_add(index, kernel_index_link(hops[i].ifindex), prefix);
	if (r >= 0 && value->nexthop_id)
		r = kernel_index_add(index, kernel_index_nexthop(value->nexthop_id), prefix);
	if (r >= 0 && kernel_route_has_source(value)) {
		kernel_route_source(value, source);
		r = kernel_index_add(index, kernel_index_source(source), prefix);
	}
	return r;
}

/* Puts a row. If the region has no space for it, deletes the row with its key. */
static int list_put(struct kernel_store *store, enum kernel_table table, const uint8_t *key,
                    unsigned bits, const struct kernel_entry *entry)
{
	bool wide = table == KERNEL_FIB6 || table == KERNEL_ALTERNATIVES6;
	size_t size;
	const void *value = kernel_route_value(wide, entry->value, &size);
	int r;

	if (entry->listed)
		size += entry->hops * sizeof(struct kernel_hop);
	r = kernel_space_put(&store->space, store->tables[table], key, bits, value, size);
	if (r != -ENOSPC)
		return r;
	return store->replacing ? 0 : stele_writable_delete(store->tables[table], key, bits);
}

/* Deletes the keys of the old rows that come before `key`, from number `*at` on. NULL: all. Skips
 * the key that is equal. */
static int list_delete_before(struct kernel_store *store, struct kernel_list *list,
                              const uint8_t *key, size_t *at)
{
	unsigned size = list_key_size(list->at.wide);

	for (; *at < list->old_count; (*at)++) {
		const uint8_t *old = list->old + *at * size;
		int order = key ? memcmp(old, key, size) : -1, r;

		if (order > 0)
			return 0;
		if (order == 0) {
			(*at)++;
			return 0;
		}
		r = stele_writable_delete(store->tables[list_table(list->at.wide, false)], old,
		                          size * 8);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Puts all routes but the best one, and deletes the rows that are gone. */
static int list_write_alternatives(struct kernel_store *store, struct kernel_list *list, long best)
{
	enum kernel_table table = list_table(list->at.wide, false);
	unsigned size = list_key_size(list->at.wide);
	uint8_t key[KEY6];
	uint16_t order = 0;
	size_t old = 0;
	int r = 0;

	for (size_t i = 0; i < list->count && r >= 0; i++) {
		struct kernel_entry *entry = &list->of[i];

		order = i > 0 && entry[-1].tos == entry->tos && entry[-1].metric == entry->metric
		                ? (uint16_t)(order + 1)
		                : 0;
		list_name(store, entry->value->ifindex, entry->value->interface);
		list_compare_links(store, entry, list->at.wide);
		r = kernel_list_index(store, &list->at, entry);
		if (r < 0)
			return r;
		if ((long)i == best) {
			entry->value->order = order;
			continue;
		}
		entry->value->metric = entry->value->alternatives = entry->value->order = 0;
		list_key(&list->at, entry->tos, entry->metric, order, key);
		r = list_delete_before(store, list, key, &old);
		if (r >= 0)
			r = list_put(store, table, key, size * 8, entry);
	}
	return r < 0 ? r : list_delete_before(store, list, NULL, &old);
}

/* Counts this prefix if it has alternatives, but no best route. */
static void list_count_orphan(struct kernel_store *store, const struct kernel_list *list, long best)
{
	if (list->at.from_length)
		return;
	if (!list->best && list->old_count > 0)
		store->orphans[list->at.wide]--;
	if (best < 0 && list->count > 0)
		store->orphans[list->at.wide]++;
}

int kernel_list_refresh(struct kernel_store *store, const struct kernel_prefix *prefix)
{
	struct kernel_prefix plain = *prefix;
	struct kernel_list list = {0};
	int r;

	plain.from_length = 0;
	memset(plain.from, 0, sizeof(plain.from));
	r = kernel_list_read(store, &plain, &list);
	if (r >= 0)
		r = kernel_list_write(store, &list);
	kernel_list_free(&list);
	return r;
}

int kernel_list_write(struct kernel_store *store, struct kernel_list *list)
{
	long best = kernel_list_best(list);
	enum kernel_table table = list_table(list->at.wide, true);
	uint8_t key[20];
	unsigned bits = list_best_key(&list->at, key);
	int r = list_write_alternatives(store, list, best);

	if (r < 0)
		return r;
	list_count_orphan(store, list, best);
	if (list->at.from_length) {
		store->sourced += (uint64_t)list->count - list->old_count;
		return store->replacing || (list->count > 0) == (list->old_count > 0)
		               ? 0
		               : kernel_list_refresh(store, &list->at);
	}
	if (best >= 0) {
		struct kernel_entry *entry = &list->of[best];

		entry->value->metric = entry->metric;
		entry->value->alternatives =
			list->count > UINT16_MAX ? UINT16_MAX : (uint16_t)(list->count - 1);
		r = list_put(store, table, key, bits, entry);
	} else if (list->best) {
		r = stele_writable_delete(store->tables[table], key, bits);
	}
	return r < 0 ? r : 0;
}
