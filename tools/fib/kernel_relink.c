/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <stele/subscriber.h>

#include "tools/fib/kernel_edit.h"
#include "tools/fib/kernel_relink.h"

void kernel_prefixes_free(struct kernel_prefixes *prefixes)
{
	free(prefixes->of);
	*prefixes = (struct kernel_prefixes){0};
}

int kernel_prefixes_add(struct kernel_prefixes *prefixes, const struct kernel_prefix *prefix)
{
	if (prefixes->count > 0 && kernel_prefix_equal(&prefixes->of[prefixes->count - 1], prefix))
		return 0;
	if (prefixes->count == prefixes->capacity) {
		size_t capacity = prefixes->capacity ? 2 * prefixes->capacity : 16;
		struct kernel_prefix *larger = realloc(prefixes->of, capacity * sizeof(*larger));

		if (!larger)
			return -ENOMEM;
		prefixes->of = larger;
		prefixes->capacity = capacity;
	}
	prefixes->of[prefixes->count++] = *prefix;
	return 0;
}

static int relink_compare(const void *left, const void *right)
{
	const struct kernel_prefix *a = left, *b = right;
	int order = memcmp(a->address, b->address, sizeof(a->address));

	if (order == 0)
		order = memcmp(a->from, b->from, sizeof(a->from));
	if (order == 0)
		order = a->length - b->length;
	if (order == 0)
		order = a->from_length - b->from_length;
	if (order == 0)
		order = a->wide - b->wide;
	if (order == 0)
		order = (a->table > b->table) - (a->table < b->table);
	return order;
}

void kernel_prefixes_sort(struct kernel_prefixes *prefixes)
{
	size_t kept = 0;

	if (prefixes->count > 0)
		qsort(prefixes->of, prefixes->count, sizeof(*prefixes->of), relink_compare);
	for (size_t i = 0; i < prefixes->count; i++)
		if (kept == 0 || !kernel_prefix_equal(&prefixes->of[kept - 1], &prefixes->of[i]))
			prefixes->of[kept++] = prefixes->of[i];
	prefixes->count = kept;
}

const struct kernel_prefix *kernel_prefixes_find(const struct kernel_prefixes *prefixes,
                                                 const struct kernel_prefix *prefix)
{
	return prefixes->count > 0 ? bsearch(prefix, prefixes->of, prefixes->count, sizeof(*prefix),
	                                     relink_compare)
	                           : NULL;
}

/* ---- scanning ---- */

/* Returns true if the route, apart from its next hops, is wanted. */
static bool relink_wants_route(const struct kernel_wanted *wanted, const struct kernel_route *value)
{
	uint8_t source[16];

	if (wanted->source && kernel_route_has_source(value)) {
		kernel_route_source(value, source);
		if (memcmp(wanted->source, source, sizeof(source)) == 0)
			return true;
	}
	return wanted->nexthop_id && value->nexthop_id == wanted->nexthop_id;
}

/* Returns true if the value of a row is wanted. */
static bool relink_is_wanted(const struct kernel_wanted *wanted, bool wide,
                             const struct stele_row *row)
{
	const struct kernel_hop *hops;
	struct kernel_route value;
	size_t count = kernel_route_read(wide, row, &value, &hops);

	if (relink_wants_route(wanted, &value))
		return true;
	if (!wanted->ifindex)
		return false;
	if (value.ifindex == wanted->ifindex)
		return true;
	for (size_t i = 0; i < count; i++)
		if (hops[i].ifindex == wanted->ifindex)
			return true;
	return false;
}

/* Passes on the links of a row. */
static void relink_pass_links(bool wide, const struct stele_row *row,
                              void (*ret_link)(void *context, uint32_t ifindex), void *context)
{
	const struct kernel_hop *hops;
	struct kernel_route value;
	size_t count = kernel_route_read(wide, row, &value, &hops);

	if (count == 0 && value.ifindex)
		ret_link(context, value.ifindex);
	for (size_t i = 0; i < count; i++)
		ret_link(context, hops[i].ifindex);
}

/* Scans one table. */
static int relink_scan_table(struct kernel_store *store, enum kernel_table table,
                             const struct kernel_wanted *wanted,
                             void (*ret_link)(void *context, uint32_t ifindex), void *context,
                             struct kernel_prefixes *ret)
{
	bool wide = table == KERNEL_FIB6 || table == KERNEL_ALTERNATIVES6;
	struct stele_row rows[32];
	struct stele_cursor *cursor;
	int64_t count = stele_writable_cursor_open(store->tables[table], &cursor);

	if (count < 0)
		return (int)count;
	while (count >= 0 && (count = stele_cursor_next_many(cursor, rows, 32)) > 0) {
		for (int64_t i = 0; i < count; i++) {
			struct kernel_prefix prefix;

			if (!relink_is_wanted(wanted, wide, &rows[i]))
				continue;
			if (ret_link)
				relink_pass_links(wide, &rows[i], ret_link, context);
			kernel_list_prefix(table, &rows[i], &prefix);
			if (kernel_prefixes_add(ret, &prefix) < 0) {
				count = -ENOMEM;
				break;
			}
		}
	}
	stele_cursor_close(cursor);
	return (int)count;
}

/* Returns true if a route is wanted. */
static bool relink_wants(const struct kernel_wanted *wanted, const struct kernel_entry *entry)
{
	return relink_wants_route(wanted, entry->value) ||
	       (wanted->ifindex && kernel_entry_uses(entry, wanted->ifindex));
}

/* Finds the wanted routes in the prefixes of a slot of the index. Drops the other prefixes. */
static int relink_scan_slot(struct kernel_store *store, struct kernel_index *index,
                            struct kernel_index_slot *slot, const struct kernel_wanted *wanted,
                            void (*ret_link)(void *context, uint32_t ifindex), void *context,
                            struct kernel_prefixes *ret)
{
	struct kernel_list list = {0};
	uint32_t kept = 0;
	int r = 0;

	for (uint32_t i = 0; i < slot->count && r >= 0; i++) {
		bool any = false;

		r = kernel_list_read(store, &slot->of[i], &list);
		for (size_t j = 0; j < list.count; j++) {
			const struct kernel_hop *hops = kernel_entry_hops(&list.of[j]);

			if (!relink_wants(wanted, &list.of[j]))
				continue;
			any = true;
			for (unsigned k = 0; k < list.of[j].hops && ret_link; k++)
				ret_link(context, hops[k].ifindex);
		}
		if (r >= 0 && any)
			r = kernel_prefixes_add(ret, &slot->of[i]);
		if (any)
			slot->of[kept++] = slot->of[i];
	}
	if (r >= 0)
		kernel_index_keep(index, slot, kept);
	kernel_list_free(&list);
	return r;
}

int kernel_relink_scan(struct kernel_store *store, bool wide, const struct kernel_wanted *wanted,
                       void (*ret_link)(void *context, uint32_t ifindex), void *context,
                       struct kernel_prefixes *ret)
{
	struct kernel_index *index = &store->index[wide];
	uint64_t key = wanted->source       ? kernel_index_source(wanted->source)
	               : wanted->nexthop_id ? kernel_index_nexthop(wanted->nexthop_id)
	                                    : kernel_index_link(wanted->ifindex);
	struct kernel_index_slot *slot = kernel_index_find(index, key);
	int r;

	if (!slot)
		return 0;
	if (slot->many) {
		r = relink_scan_table(store, wide ? KERNEL_FIB6 : KERNEL_FIB4, wanted, ret_link,
		                      context, ret);
		if (r >= 0)
			r = relink_scan_table(store,
			                      wide ? KERNEL_ALTERNATIVES6 : KERNEL_ALTERNATIVES4,
			                      wanted, ret_link, context, ret);
		if (r >= 0)
			r = kernel_index_set(index, key, ret->of, ret->count);
	} else {
		r = relink_scan_slot(store, index, slot, wanted, ret_link, context, ret);
	}
	/* Links and addresses come and go for years. */
	if (r >= 0 && ret->count == 0)
		kernel_index_remove(index, key);
	return r;
}

/* Adds the routes of a table to the index. */
static int relink_index_table(struct kernel_store *store, enum kernel_table table)
{
	struct stele_cursor *cursor;
	struct stele_row row;
	int r = stele_writable_cursor_open(store->tables[table], &cursor);

	if (r < 0)
		return r;
	while (r >= 0 && (r = stele_cursor_next(cursor, &row)) == 1) {
		struct kernel_prefix prefix;
		struct kernel_entry entry;

		r = kernel_list_decode(table, &row, &prefix, &entry);
		if (r < 0)
			break;
		r = kernel_list_index(store, &prefix, &entry);
		free(entry.value);
	}
	stele_cursor_close(cursor);
	return r;
}

int kernel_relink_tidy(struct kernel_store *store)
{
	static const enum kernel_table tables[2][2] = {{KERNEL_FIB4, KERNEL_ALTERNATIVES4},
	                                               {KERNEL_FIB6, KERNEL_ALTERNATIVES6}};
	int r = 0;

	for (int wide = 0; wide < 2 && r >= 0; wide++) {
		struct kernel_index *index = &store->index[wide];

		if (!kernel_index_is_stale(index))
			continue;
		kernel_index_clear(index);
		r = relink_index_table(store, tables[wide][0]);
		if (r >= 0)
			r = relink_index_table(store, tables[wide][1]);
		index->kept = index->used + index->held;
	}
	return r < 0 ? r : 0;
}

/* ---- comparing ---- */

/* Finds the route of the list that this route of the kernel is: a marked one of the same metric and
 * TOS. Returns its number, or the length of the list. */
static size_t relink_find(const struct kernel_list *list, const struct kernel_entry *entry,
                          bool (*same)(const struct kernel_entry *a, const struct kernel_entry *b))
{
	size_t end, at = kernel_edit_group(list, entry, &end);

	for (; at < end; at++)
		if (list->of[at].marked && same(&list->of[at], entry))
			return at;
	return list->count;
}

/* Returns true for two IPv6 routes that the kernel would merge. */
static bool relink_both_merge(const struct kernel_entry *a, const struct kernel_entry *b)
{
	return kernel_entry_merges(a) && kernel_entry_merges(b);
}

static bool relink_same_group(const struct kernel_entry *a, const struct kernel_entry *b)
{
	return a->tos == b->tos && a->metric == b->metric;
}

/* Puts a route of the kernel into the list. Takes over entry->value. */
static int relink_take(struct kernel_relink *relink, struct kernel_entry *entry)
{
	struct kernel_list *list = &relink->list;
	size_t start, end, at = relink_find(list, entry, kernel_entry_same);

	if (at == list->count)
		at = relink_find(list, entry, kernel_entry_similar);
	if (at == list->count && relink->wide)
		at = relink_find(list, entry, relink_both_merge);
	entry->marked = false;
	if (at < list->count) {
		/* The kernel dumps the routes of one metric and TOS in the order of the list. It
		 * sorts by TOS differently. */
		relink->unclear |=
			at < relink->last && relink_same_group(&list->of[relink->last], entry);
		relink->last = at;
		relink->changed |= !kernel_entry_same(&list->of[at], entry);
		kernel_list_replace(list, at, entry);
		return 0;
	}
	/* The message about the route is under way. */
	start = kernel_edit_group(list, entry, &end);
	relink->unclear |= end > start;
	relink->changed = true;
	relink->last += end <= relink->last;
	return kernel_list_insert(list, end, entry);
}

/* Returns true if the kernel may have left the route number `at` out of the dump: it leaves out
 * IPv6 routes that come between those that it has merged into one. */
static bool relink_is_hidden(const struct kernel_list *list, size_t at)
{
	const struct kernel_entry *entry = &list->of[at];

	while (list->at.wide && at-- > 0 && list->of[at].metric == entry->metric)
		if (list->of[at].hops > 1 && kernel_entry_merges(&list->of[at]))
			return !kernel_entry_merges(entry);
	return false;
}

/* Removes a route that was not dumped. An IPv6 route that was merged from several keeps its next
 * hops on other links. */
static void relink_remove(struct kernel_relink *relink, size_t at)
{
	struct kernel_list *list = &relink->list;
	struct kernel_entry *entry = &list->of[at];
	bool first;

	relink->changed = true;
	if (!list->at.wide || entry->value->nexthop_id ||
	    kernel_entry_remove_hops(entry, relink->ifindex, &first))
		kernel_list_remove(list, at);
	else if (first)
		relink->doubt(relink->context, kernel_entry_hops(entry)[0].ifindex, true);
}

/* Makes the routes of a prefix that use the link those that were gathered. */
static int relink_reconcile(struct kernel_relink *relink, const struct kernel_prefix *prefix)
{
	struct kernel_list *list = &relink->list;
	int r = kernel_list_read(relink->store, prefix, list);

	relink->changed = false;
	relink->last = 0;
	for (size_t i = 0; i < list->count; i++)
		list->of[i].marked = kernel_entry_uses(&list->of[i], relink->ifindex);
	for (size_t i = 0; i < relink->gathered_count; i++) {
		if (r >= 0)
			r = relink_take(relink, &relink->gathered[i]);
		else
			free(relink->gathered[i].value);
	}
	relink->gathered_count = 0;
	for (size_t i = list->count; i > 0; i--)
		if (list->of[i - 1].marked && !(relink->up && relink_is_hidden(list, i - 1)))
			relink_remove(relink, i - 1);
	if (r >= 0)
		r = kernel_list_write(relink->store, list);
	if (r >= 0 && relink->changed)
		r = kernel_replay_reread(&relink->store->replay, prefix);
	kernel_list_clear(list);
	return r;
}

/* ---- reading ---- */

int kernel_relink_start(struct kernel_relink *relink, struct kernel_store *store, uint32_t ifindex,
                        bool wide)
{
	const struct kernel_wanted wanted = {.ifindex = ifindex};
	const struct kernel_link *link = kernel_store_link(store, ifindex);
	int r = kernel_relink_scan(store, wide, &wanted, NULL, NULL, &relink->prefixes);

	relink->store = store;
	relink->ifindex = ifindex;
	relink->wide = wide;
	relink->up = link && link->up;
	if (r < 0 || relink->prefixes.count == 0)
		return r;
	kernel_prefixes_sort(&relink->prefixes);
	relink->seen = calloc(relink->prefixes.count, sizeof(*relink->seen));
	return relink->seen ? 1 : -ENOMEM;
}

/* Reconciles the prefix whose routes were gathered. */
static int relink_flush(struct kernel_relink *relink)
{
	const struct kernel_prefix *found;

	if (relink->gathered_count == 0)
		return 0;
	found = kernel_prefixes_find(&relink->prefixes, &relink->at);
	if (found)
		relink->seen[found - relink->prefixes.of] = true;
	return relink_reconcile(relink, &relink->at);
}

static int relink_gather(struct kernel_relink *relink, const struct kernel_entry *entry)
{
	if (relink->gathered_count == relink->gathered_capacity) {
		size_t capacity = relink->gathered_capacity ? 2 * relink->gathered_capacity : 8;
		struct kernel_entry *larger = realloc(relink->gathered, capacity * sizeof(*larger));

		if (!larger)
			return -ENOMEM;
		relink->gathered = larger;
		relink->gathered_capacity = capacity;
	}
	relink->gathered[relink->gathered_count++] = *entry;
	return 0;
}

int kernel_relink_add(struct kernel_relink *relink, const struct nlmsghdr *message)
{
	struct kernel_prefix prefix;
	struct kernel_entry entry;
	int r;

	if (message->nlmsg_type != RTM_NEWROUTE)
		return 0;
	r = kernel_route_decode(message, &prefix, &entry);
	if (r <= 0)
		return r;
	r = 0;
	if (prefix.wide == relink->wide && kernel_entry_uses(&entry, relink->ifindex) &&
	    kernel_filter_takes_table(&relink->store->filter, &prefix) &&
	    kernel_filter_takes_protocol(&relink->store->filter, message)) {
		if (relink->resumed && relink->begun)
			r = kernel_replay_split(&relink->store->replay, &relink->at, &prefix);
		relink->begun = true;
		relink->resumed = false;
		if (r >= 0 && !kernel_prefix_equal(&prefix, &relink->at))
			r = relink_flush(relink);
		relink->at = prefix;
		if (r >= 0)
			r = relink_gather(relink, &entry);
		if (r >= 0)
			return 0;
	}
	free(entry.value);
	return r;
}

int kernel_relink_end(struct kernel_relink *relink)
{
	int r = relink_flush(relink);

	for (size_t i = 0; i < relink->prefixes.count && r >= 0; i++)
		if (!relink->seen[i])
			r = relink_reconcile(relink, &relink->prefixes.of[i]);
	return r < 0 ? r : relink->unclear;
}

void kernel_relink_free(struct kernel_relink *relink)
{
	for (size_t i = 0; i < relink->gathered_count; i++)
		free(relink->gathered[i].value);
	free(relink->gathered);
	free(relink->seen);
	kernel_prefixes_free(&relink->prefixes);
	kernel_list_free(&relink->list);
}
