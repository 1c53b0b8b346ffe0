/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stele/subscriber.h>

#include "tools/fib/kernel_edit.h"
#include "tools/fib/kernel_fdb.h"
#include "tools/fib/kernel_link.h"
#include "tools/fib/kernel_push.h"
#include "tools/kernel/kernel_mirror.h"
#include "tools/kernel/kernel_mirror_route.h"
#include "tools/netlink/kernel_words.h"

const char *kernel_mirror_reason(const struct kernel_mirror *mirror)
{
	if (mirror->doubts.dirty)
		return mirror->doubts.reason;
	if (mirror->store.replay.on)
		return "messages are still to be read";
	if (mirror->buckets_moved)
		return "the buckets of a group have moved";
	return mirror->doubts.link_count ? "a link has changed" : "";
}

/* Doubts the links of all routes that a change without a message may concern. */
static int mirror_doubt_wanted(struct kernel_mirror *mirror, bool wide,
                               const struct kernel_wanted *wanted)
{
	struct kernel_prefixes ignored = {0};
	int r = kernel_relink_scan(&mirror->store, wide, wanted, kernel_doubts_add_all,
	                           &mirror->doubts, &ignored);

	kernel_prefixes_free(&ignored);
	return r;
}

void kernel_mirror_init(struct kernel_mirror *mirror, bool pushed)
{
	mirror->store.pushed = pushed;
	mirror->doubts.kinds = KERNEL_ALL_KINDS;
	if (pushed)
		mirror->doubts.kinds &=
			~(KERNEL_ROUTE_KINDS | KERNEL_KIND_MASK(KERNEL_KIND_NEXTHOPS) |
		          KERNEL_KIND_MASK(KERNEL_KIND_BUCKETS));
	kernel_doubts_mark(&mirror->doubts, KERNEL_ALL_KINDS, "the publisher has just started");
	mirror->store.unnamed = kernel_doubts_add_all;
	mirror->store.disagrees = kernel_doubts_begin_change;
	mirror->store.context = &mirror->doubts;
}

void kernel_mirror_free(struct kernel_mirror *mirror)
{
	kernel_list_free(&mirror->list);
	kernel_nexthops_free(&mirror->nexthops);
	kernel_replay_free(&mirror->store.replay);
	kernel_prefixes_free(&mirror->sourced);
	kernel_index_clear(&mirror->store.index[0]);
	kernel_index_clear(&mirror->store.index[1]);
}

/* ---- old messages ---- */

void kernel_mirror_read_start(struct kernel_mirror *mirror)
{
	kernel_replay_start(&mirror->store.replay);
	mirror->store.replay.reading = true;
}

void kernel_mirror_read_end(struct kernel_mirror *mirror)
{
	mirror->store.replay.reading = false;
	mirror->store.replay.on = true;
}

void kernel_mirror_caught_up(struct kernel_mirror *mirror)
{
	const struct kernel_replay *replay = &mirror->store.replay;
	unsigned kinds = 0;

	if (!replay->on)
		return;
	/* A route may also have gone without a message, before the dump. Then an old message may
	 * have replaced another one. */
	for (size_t i = 0; i < mirror->doubts.link_count; i++)
		kinds |= mirror->doubts.links[i].kinds;
	for (int wide = 0; wide < 2; wide++)
		if (replay->replaced[wide] && kinds & KERNEL_KIND_MASK(kernel_kind_of_routes(wide)))
			kernel_doubts_mark(&mirror->doubts,
			                   KERNEL_KIND_MASK(kernel_kind_of_routes(wide)),
			                   "the kernel changed during the dumps");
	kernel_replay_free(&mirror->store.replay);
	mirror->dumped = 0;
}

/* ---- rows ---- */

static struct stele_writable *mirror_table(struct kernel_mirror *mirror, enum kernel_table table)
{
	return mirror->store.tables[table];
}

/* Finds the name of an interface in the table `links`. */
static void mirror_find_name(void *context, uint32_t index, char ret[16])
{
	struct kernel_mirror *mirror = context;
	const struct kernel_link *link = kernel_store_link(&mirror->store, index);

	memset(ret, 0, 16);
	if (link) {
		memcpy(ret, link->name, 16);
		return;
	}
	/* The message about the new link follows. */
	snprintf(ret, 16, "#%u", index);
	kernel_doubts_add(&mirror->doubts, index, KERNEL_ROUTE_KINDS);
}

/* Finds no name. The object of the message goes, perhaps after its link. */
static void mirror_find_no_name(void *context, uint32_t index, char ret[16])
{
	(void)context;
	(void)index;
	memset(ret, 0, 16);
}

/* Returns where to find names for a message about an address or a neighbour. */
static struct kernel_names mirror_names(struct kernel_mirror *mirror,
                                        const struct nlmsghdr *message)
{
	bool gone = message->nlmsg_type == RTM_DELADDR || message->nlmsg_type == RTM_DELNEIGH;

	return (struct kernel_names){.find = gone ? mirror_find_no_name : mirror_find_name,
	                             .context = mirror};
}

static int mirror_row_put(struct kernel_mirror *mirror, const struct kernel_row *row)
{
	struct stele_writable *table = mirror_table(mirror, row->table);
	int r = kernel_space_put(&mirror->store.space, table, row->key, row->key_bits, row->value,
	                         row->size);

	if (r != -ENOSPC)
		return r;
	/* No row is better than an old one. A dump leaves it out by itself (-EBUSY). */
	r = stele_writable_delete(table, row->key, row->key_bits);
	return r == -EBUSY ? 0 : r;
}

static int mirror_row_delete(struct kernel_mirror *mirror, const struct kernel_row *row)
{
	return stele_writable_delete(mirror_table(mirror, row->table), row->key, row->key_bits);
}

/* ---- links, addresses, neighbours ---- */

static uint32_t mirror_row_ifindex(const struct kernel_row *row)
{
	uint32_t index;

	memcpy(&index, row->key, 4);
	return ntohl(index);
}

/* Returns how to follow what a message says. */
static struct kernel_follow mirror_follow(struct kernel_mirror *mirror)
{
	return (struct kernel_follow){.store = &mirror->store,
	                              .old = mirror->answering || mirror->store.replay.on,
	                              .doubt = kernel_doubts_add_family,
	                              .context = &mirror->doubts};
}

/* Doubts the routes of a link, if it has some, after a message about the link or its addresses that
 * may be old. The tables may have the end of a change already, but not what the kernel did to the
 * routes meanwhile. */
static void mirror_doubt_old(struct kernel_mirror *mirror, uint32_t ifindex)
{
	for (int wide = 0; wide < 2 && mirror->store.replay.on; wide++)
		if (kernel_index_find(&mirror->store.index[wide], kernel_index_link(ifindex)))
			kernel_doubts_add_family(&mirror->doubts, ifindex, wide);
}

/* Puts the row of a link, and changes its routes. */
static int mirror_put_link(struct kernel_mirror *mirror, const struct kernel_row *row)
{
	struct kernel_follow follow = mirror_follow(mirror);
	struct kernel_link old = {0};
	struct stele_row found;
	uint32_t ifindex = mirror_row_ifindex(row);
	int r = stele_writable_get(mirror_table(mirror, KERNEL_LINKS), row->key, row->key_bits,
	                           &found);
	bool disagreed, known = r == 1;

	if (r < 0)
		return r;
	if (known)
		memcpy(&old, found.value, sizeof(old));
	r = mirror_row_put(mirror, row);
	mirror_doubt_old(mirror, ifindex);
	if (r == 1 && mirror->store.pushed) {
		const char *name = ((const struct kernel_link *)row->value)->name;

		r = known && memcmp(name, old.name, sizeof(old.name)) != 0
		            ? kernel_link_rename(&mirror->store, ifindex, name)
		            : 0;
		return r < 0 ? r : kernel_push_follow_name(&mirror->store, row, &old);
	}
	if (r < 0 || !known || mirror->store.pushed)
		return r;
	/* An answer or a dump does not say that the routes have changed. */
	disagreed = !mirror->answering && kernel_doubts_end_change(&mirror->doubts, ifindex);
	return kernel_link_changed(&follow, ifindex, &old, disagreed);
}

/* Deletes a link and all that is on it. */
static int mirror_delete_link(struct kernel_mirror *mirror, const struct kernel_row *row)
{
	struct kernel_follow follow = mirror_follow(mirror);
	uint32_t ifindex = mirror_row_ifindex(row);
	int r = mirror_row_delete(mirror, row);

	mirror_doubt_old(mirror, ifindex);
	for (int table = KERNEL_ADDRESSES4; table <= KERNEL_FDB && r >= 0; table++)
		r = kernel_rows_delete_of_link(mirror_table(mirror, (enum kernel_table)table),
		                               ifindex);
	if (!mirror->answering)
		kernel_doubts_end_change(&mirror->doubts, ifindex);
	return r < 0 || mirror->store.pushed ? r : kernel_link_deleted(&follow, ifindex);
}

int kernel_mirror_forget_link(struct kernel_mirror *mirror, uint32_t ifindex, bool wide)
{
	struct kernel_follow follow = mirror_follow(mirror);

	return kernel_link_not_found(&follow, ifindex, wide);
}

int kernel_mirror_heard_router(struct kernel_mirror *mirror, uint32_t ifindex)
{
	struct kernel_follow follow = mirror_follow(mirror);

	return kernel_link_heard_router(&follow, ifindex);
}

static int mirror_apply_link(struct kernel_mirror *mirror, const struct nlmsghdr *message)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
	struct kernel_row *row = &mirror->row;
	struct kernel_follow follow = mirror_follow(mirror);

	if (mnl_nlmsg_get_payload_len(message) >= sizeof(*header) &&
	    header->ifi_family == AF_INET6 && message->nlmsg_type == RTM_NEWLINK)
		return kernel_link_has_ipv6(&follow, (uint32_t)header->ifi_index);
	if (!kernel_decode_link(message, row))
		return 0;
	return message->nlmsg_type == RTM_NEWLINK ? mirror_put_link(mirror, row)
	                                          : mirror_delete_link(mirror, row);
}

/* Without the address that is their source, the kernel deletes IPv4 routes, unless another link has
 * the address, too; IPv6 routes forget their source. */
static int mirror_delete_address(struct kernel_mirror *mirror, const struct kernel_row *row)
{
	bool wide = row->table == KERNEL_ADDRESSES6;
	struct kernel_follow follow = mirror_follow(mirror);
	uint8_t source[16] = {0};
	const struct kernel_wanted wanted = {.source = source};
	int r = mirror_row_delete(mirror, row);

	mirror_doubt_old(mirror, mirror_row_ifindex(row));
	memcpy(source, row->key + 4, wide ? 16 : 4);
	if (r < 0 || mirror->store.pushed)
		return r;
	r = mirror_doubt_wanted(mirror, wide, &wanted);
	return r < 0 ? r : kernel_link_address_deleted(&follow, mirror_row_ifindex(row), wide);
}

static int mirror_apply_address(struct kernel_mirror *mirror, const struct nlmsghdr *message)
{
	struct kernel_row *row = &mirror->row;
	struct kernel_names names = mirror_names(mirror, message);
	struct kernel_follow follow = mirror_follow(mirror);
	int r;

	if (!kernel_decode_address(message, &names, row))
		return 0;
	if (message->nlmsg_type == RTM_DELADDR)
		return mirror_delete_address(mirror, row);
	r = mirror_row_put(mirror, row);
	return r == 1 && !mirror->store.pushed
	               ? kernel_link_address_added(&follow, mirror_row_ifindex(row),
	                                           row->table == KERNEL_ADDRESSES6)
	               : r;
}

/* A deletion during such a dump may make the kernel leave another object out of it. */
static void mirror_doubt_dump(struct kernel_mirror *mirror, enum kernel_kind kind)
{
	if (mirror->dumped & KERNEL_KIND_MASK(kind))
		kernel_doubts_mark(&mirror->doubts, KERNEL_KIND_MASK(kind),
		                   "the kernel changed during the dumps");
}

static int mirror_apply_fdb(struct kernel_mirror *mirror, const struct nlmsghdr *message,
                            const struct kernel_names *names)
{
	if (!kernel_fdb_decode(message, names, &mirror->row))
		return 0;
	if (message->nlmsg_type == RTM_NEWNEIGH)
		return kernel_fdb_put(&mirror->store, &mirror->row);
	mirror_doubt_dump(mirror, KERNEL_KIND_FDB);
	return kernel_fdb_delete(&mirror->store, &mirror->row);
}

static int mirror_apply_neighbour(struct kernel_mirror *mirror, const struct nlmsghdr *message)
{
	struct kernel_row *row = &mirror->row;
	struct kernel_names names = mirror_names(mirror, message);
	bool resolved;

	if (kernel_fdb_is_entry(message))
		return mirror_apply_fdb(mirror, message, &names);
	if (!kernel_decode_neighbour(message, &names, row, &resolved))
		return 0;
	if (message->nlmsg_type == RTM_DELNEIGH)
		mirror_doubt_dump(mirror, row->table == KERNEL_NEIGHBOURS4
		                                  ? KERNEL_KIND_NEIGHBOURS4
		                                  : KERNEL_KIND_NEIGHBOURS6);
	return message->nlmsg_type == RTM_NEWNEIGH && resolved ? mirror_row_put(mirror, row)
	                                                       : mirror_row_delete(mirror, row);
}

/* ---- rules ---- */

static int mirror_apply_rule(struct kernel_mirror *mirror, const struct nlmsghdr *message)
{
	struct kernel_row *row = &mirror->row;
	enum kernel_kind kind;
	bool clear = true;
	int r;

	if (!kernel_decode_rule(message, row))
		return 0;
	kind = row->table == KERNEL_RULES4 ? KERNEL_KIND_RULES4 : KERNEL_KIND_RULES6;
	r = kernel_rule_apply(&mirror->store.space, mirror_table(mirror, row->table), row,
	                      message->nlmsg_type == RTM_NEWRULE, mirror->store.replay.on, &clear);
	if (!clear)
		kernel_doubts_mark(&mirror->doubts, KERNEL_KIND_MASK(kind),
		                   "a message did not fit");
	return r;
}

int kernel_mirror_apply(struct kernel_mirror *mirror, const struct nlmsghdr *message)
{
	int r = 0;

	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		r = mirror_apply_link(mirror, message);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		r = mirror_apply_address(mirror, message);
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		r = mirror_apply_neighbour(mirror, message);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		r = kernel_mirror_route(mirror, message);
		break;
	case RTM_NEWRULE:
	case RTM_DELRULE:
		r = mirror_apply_rule(mirror, message);
		break;
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		mirror->buckets_moved |= kernel_nexthop_moves_buckets(&mirror->store, message);
		r = kernel_nexthop_apply(&mirror->store, message, kernel_doubts_add_all,
		                         &mirror->doubts);
		break;
	case RTM_NEWNEXTHOPBUCKET:
		if (kernel_bucket_decode(message, &mirror->row))
			r = mirror_row_put(mirror, &mirror->row);
		break;
	case RTM_NEWNETCONF:
		kernel_mirror_setting(mirror, message);
		break;
	default:
		break;
	}
	return r < 0 ? r : 0;
}

/* ---- dumps ---- */

static const struct {
	enum kernel_table table;
	int alternatives; /* the other table of the kind, or -1 */
} kinds[KERNEL_KINDS] = {
	[KERNEL_KIND_LINKS] = {KERNEL_LINKS, -1},
	[KERNEL_KIND_ADDRESSES4] = {KERNEL_ADDRESSES4, -1},
	[KERNEL_KIND_ADDRESSES6] = {KERNEL_ADDRESSES6, -1},
	[KERNEL_KIND_NEIGHBOURS4] = {KERNEL_NEIGHBOURS4, -1},
	[KERNEL_KIND_NEIGHBOURS6] = {KERNEL_NEIGHBOURS6, -1},
	[KERNEL_KIND_PROXIES4] = {KERNEL_PROXIES4, -1},
	[KERNEL_KIND_PROXIES6] = {KERNEL_PROXIES6, -1},
	[KERNEL_KIND_FDB] = {KERNEL_FDB, -1},
	[KERNEL_KIND_NEXTHOPS] = {KERNEL_NEXTHOPS, -1},
	[KERNEL_KIND_BUCKETS] = {KERNEL_BUCKETS, -1},
	[KERNEL_KIND_RULES4] = {KERNEL_RULES4, -1},
	[KERNEL_KIND_RULES6] = {KERNEL_RULES6, -1},
	[KERNEL_KIND_ROUTES4] = {KERNEL_FIB4, KERNEL_ALTERNATIVES4},
	[KERNEL_KIND_ROUTES6] = {KERNEL_FIB6, KERNEL_ALTERNATIVES6},
};

/* Puts a row of a dump. Ignores rows of other kinds, because a kernel without IPv6 answers a
 * request for IPv6 objects with all objects. */
static int mirror_dump_put(struct kernel_mirror *mirror, const struct kernel_row *row)
{
	int r;

	if (row->table != kinds[mirror->dumping].table)
		return 0;
	mirror->answering = true;
	r = row->table == KERNEL_LINKS ? mirror_put_link(mirror, row) : mirror_row_put(mirror, row);
	mirror->answering = false;
	if (r == -EEXIST) {
		mirror->torn = true;
		return 0;
	}
	return r;
}

static int mirror_dump_fdb(struct kernel_mirror *mirror, const struct nlmsghdr *message,
                           const struct kernel_names *names)
{
	if (!kernel_fdb_decode(message, names, &mirror->row))
		return 0;
	if (kernel_fdb_number(&mirror->row, &mirror->last_fdb))
		return mirror_dump_put(mirror, &mirror->row);
	mirror->torn = true;
	return 0;
}

/* Writes the routes that were gathered. */
static int mirror_dump_write(struct kernel_mirror *mirror)
{
	int r;

	if (!mirror->gathering)
		return 0;
	mirror->gathering = false;
	r = kernel_list_write(&mirror->store, &mirror->list);
	if (r >= 0 && mirror->list.at.from_length)
		r = kernel_prefixes_add(&mirror->sourced, &mirror->list.at);
	kernel_list_clear(&mirror->list);
	if (r == -EEXIST) {
		mirror->torn = true;
		return 0;
	}
	return r;
}

/* Adds a route to those of its prefix, which follow each other in a dump, in the kernel's order. */
static int mirror_dump_route(struct kernel_mirror *mirror, const struct nlmsghdr *message)
{
	struct kernel_prefix prefix;
	struct kernel_entry entry;
	size_t end;
	int r = kernel_route_decode(message, &prefix, &entry);

	if (r <= 0)
		return r;
	if (kernel_kind_of_routes(prefix.wide) != mirror->dumping ||
	    !kernel_filter_takes_table(&mirror->store.filter, &prefix) ||
	    !kernel_filter_takes_protocol(&mirror->store.filter, message)) {
		free(entry.value);
		return 0;
	}
	if (mirror->resumed && mirror->gathering)
		r = kernel_replay_split(&mirror->store.replay, &mirror->list.at, &prefix);
	mirror->resumed = false;
	if (r >= 0 && (!mirror->gathering || !kernel_prefix_equal(&prefix, &mirror->list.at))) {
		r = mirror_dump_write(mirror);
		mirror->list.at = prefix;
		mirror->gathering = true;
	}
	if (r < 0) {
		free(entry.value);
		return r;
	}
	kernel_edit_group(&mirror->list, &entry, &end);
	return kernel_list_insert(&mirror->list, end, &entry);
}

int kernel_mirror_dump_start(struct kernel_mirror *mirror, enum kernel_kind kind)
{
	int r = kind == KERNEL_KIND_NEXTHOPS
	                ? kernel_nexthops_start(&mirror->nexthops, &mirror->store)
	                : stele_writable_replace(mirror_table(mirror, kinds[kind].table));

	if (r >= 0 && kinds[kind].alternatives >= 0) {
		r = stele_writable_replace(
			mirror_table(mirror, (enum kernel_table)kinds[kind].alternatives));
		mirror->store.replacing = true;
		mirror->store.orphans[kind == KERNEL_KIND_ROUTES6] = 0;
		kernel_index_clear(&mirror->store.index[kind == KERNEL_KIND_ROUTES6]);
	}
	if (kind == KERNEL_KIND_ROUTES6)
		mirror->store.sourced = 0;
	if (kind == KERNEL_KIND_BUCKETS)
		mirror->buckets_moved = false;
	kernel_list_clear(&mirror->list); /* an earlier dump may have failed */
	mirror->sourced.count = 0;
	mirror->last_rule.count = 0;
	mirror->last_fdb.key_bits = 0;
	mirror->dumping = kind;
	mirror->torn = mirror->gathering = mirror->resumed = false;
	kernel_doubts_drop(&mirror->doubts, kind);
	if (kinds[kind].alternatives >= 0)
		mirror->store.replay.whole[kind == KERNEL_KIND_ROUTES6] = true;
	return r;
}

int kernel_mirror_dump_add(struct kernel_mirror *mirror, const struct nlmsghdr *message)
{
	struct kernel_row *row = &mirror->row;
	struct kernel_names names = mirror_names(mirror, message);
	bool resolved = true;
	int r = 0;

	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
		r = kernel_decode_link(message, row) ? mirror_dump_put(mirror, row) : 0;
		break;
	case RTM_NEWADDR:
		r = kernel_decode_address(message, &names, row) ? mirror_dump_put(mirror, row) : 0;
		break;
	case RTM_NEWNEIGH:
		if (kernel_fdb_is_entry(message))
			r = mirror_dump_fdb(mirror, message, &names);
		else if (kernel_decode_neighbour(message, &names, row, &resolved) && resolved)
			r = mirror_dump_put(mirror, row);
		break;
	case RTM_NEWNEXTHOP:
		mirror->buckets_moved |= kernel_nexthop_moves_buckets(&mirror->store, message);
		r = kernel_nexthops_add(&mirror->nexthops, &mirror->store, message,
		                        kernel_doubts_add_all, &mirror->doubts);
		break;
	case RTM_NEWNEXTHOPBUCKET:
		r = kernel_bucket_decode(message, row) ? mirror_dump_put(mirror, row) : 0;
		break;
	case RTM_NEWRULE:
		if (kernel_decode_rule(message, row)) {
			kernel_rule_number(row, &mirror->last_rule);
			r = mirror_dump_put(mirror, row);
		}
		break;
	case RTM_NEWROUTE:
		r = mirror_dump_route(mirror, message);
		break;
	default:
		break;
	}
	return r < 0 ? r : 0;
}

int kernel_mirror_dump_end(struct kernel_mirror *mirror)
{
	enum kernel_kind kind = mirror->dumping;
	int64_t removed;
	int r = mirror_dump_write(mirror);

	mirror->store.replacing = false;
	if (r < 0)
		return r;
	mirror->dumped |= KERNEL_KIND_MASK(kind);
	if (kind == KERNEL_KIND_NEXTHOPS)
		return kernel_nexthops_end(&mirror->nexthops, &mirror->store, kernel_doubts_add_all,
		                           &mirror->doubts);
	removed = stele_writable_replace_end(mirror_table(mirror, kinds[kind].table));
	if (removed > 0 && kind == KERNEL_KIND_LINKS)
		kernel_doubts_mark(&mirror->doubts, KERNEL_ALL_KINDS & ~KERNEL_KIND_MASK(kind),
		                   "a link is gone");
	if (removed >= 0 && kinds[kind].alternatives >= 0)
		removed = stele_writable_replace_end(
			mirror_table(mirror, (enum kernel_table)kinds[kind].alternatives));
	if (removed < 0)
		return (int)removed;
	for (size_t i = 0; i < mirror->sourced.count && r >= 0; i++)
		r = kernel_list_refresh(&mirror->store, &mirror->sourced.of[i]);
	return r < 0 ? r : mirror->torn;
}
