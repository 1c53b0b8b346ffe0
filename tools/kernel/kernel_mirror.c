/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stele/subscriber.h>

#include "tools/kernel/kernel_mirror.h"
#include "tools/kernel/kernel_rows.h"
#include "tools/kernel/kernel_tables.h"

int kernel_mirror_init(struct kernel_mirror *mirror)
{
	mirror->dirty = KERNEL_ALL_KINDS;
	mirror->route.row.value = calloc(1, KERNEL_VALUE_MAX);
	mirror->best.value = calloc(1, KERNEL_VALUE_MAX);
	return mirror->route.row.value && mirror->best.value ? 0 : -ENOMEM;
}

void kernel_mirror_free(struct kernel_mirror *mirror)
{
	free(mirror->route.row.value);
	free(mirror->best.value);
}

/* ---- rows ---- */

/* Finds the name of an interface in the table `links`. */
static void mirror_find_name(void *context, uint32_t index, char ret[16])
{
	struct kernel_mirror *mirror = context;
	struct stele_row row;

	memset(ret, 0, 16);
	if (stele_writable_get(mirror->tables[KERNEL_LINKS], &(uint32_t){htonl(index)}, 32, &row) ==
	    1)
		memcpy(ret, ((const struct kernel_link *)row.value)->name, 16);
	else
		/* The message about the new link, which follows, makes all kinds dirty, so that
		 * the rows get its name. */
		snprintf(ret, 16, "#%u", index);
}

static struct kernel_names mirror_paths(struct kernel_mirror *mirror)
{
	return (struct kernel_names){.find = mirror_find_name, .context = mirror};
}

static int mirror_row_put(struct kernel_mirror *mirror, const struct kernel_row *row)
{
	return stele_writable_put(mirror->tables[row->table], row->key, row->key_bits, row->value,
	                          row->size);
}

static int mirror_row_delete(struct kernel_mirror *mirror, const struct kernel_row *row)
{
	return stele_writable_delete(mirror->tables[row->table], row->key, row->key_bits);
}

static enum kernel_table mirror_lookup_table(const struct kernel_route *route)
{
	return route->row.table == KERNEL_RIB4 ? KERNEL_ROUTES4 : KERNEL_ROUTES6;
}

static enum kernel_kind mirror_route_kind(const struct kernel_route *route)
{
	return route->row.table == KERNEL_RIB4 ? KERNEL_KIND_ROUTES4 : KERNEL_KIND_ROUTES6;
}

static void mirror_mark_dirty(struct kernel_mirror *mirror, enum kernel_kind kind)
{
	mirror->dirty |= KERNEL_KIND_MASK(kind);
}

/* ---- the lookup tables: the best route of each prefix ---- */

/* Converts a row of rib4 or rib6 to a row of routes4 or routes6. */
static void mirror_lookup_row(const struct kernel_route *route, uint32_t alternatives,
                              struct kernel_row *ret)
{
	const uint8_t *prefix = kernel_route_prefix(route, &ret->key_bits);

	ret->table = mirror_lookup_table(route);
	ret->size = route->row.size;
	memcpy(ret->key, prefix, (ret->key_bits + 7) / 8);
	memcpy(ret->value, route->row.value, route->row.size);
	*kernel_route_metric(ret->table, ret->value) = route->metric;
	*kernel_route_alternatives(ret->table, ret->value) = alternatives;
}

/* Copies the row for the prefix of this route from the lookup table to mirror->best. Returns 1, 0
 * if there is none, or a negative errno. */
static int mirror_lookup_get(struct kernel_mirror *mirror, const struct kernel_route *route)
{
	struct kernel_row *best = &mirror->best;
	const uint8_t *prefix = kernel_route_prefix(route, &best->key_bits);
	struct stele_row found;
	int r;

	best->table = mirror_lookup_table(route);
	memcpy(best->key, prefix, (best->key_bits + 7) / 8);
	r = stele_writable_get(mirror->tables[best->table], best->key, best->key_bits, &found);
	if (r == 1) {
		best->size = found.value_size;
		memcpy(best->value, found.value, found.value_size);
	}
	return r;
}

/* Updates the lookup table for a route that was added. `replaced`: it replaced the only route of
 * its key, so the number of routes to the prefix is unchanged. */
static int mirror_lookup_add(struct kernel_mirror *mirror, const struct kernel_route *route,
                             bool replaced)
{
	struct kernel_row *best = &mirror->best;
	uint32_t metric, alternatives;
	int r = mirror_lookup_get(mirror, route);

	if (r < 0)
		return r;
	if (r == 0) {
		if (replaced) {
			mirror_mark_dirty(mirror, mirror_route_kind(route));
			return 0;
		}
		mirror_lookup_row(route, 0, best);
		return mirror_row_put(mirror, best);
	}
	metric = *kernel_route_metric(best->table, best->value);
	alternatives = *kernel_route_alternatives(best->table, best->value) + (replaced ? 0 : 1);
	if (replaced ? metric == route->metric : route->metric < metric)
		mirror_lookup_row(route, alternatives, best);
	else if (!replaced && metric == route->metric)
		mirror_mark_dirty(mirror, mirror_route_kind(route));
	else
		*kernel_route_alternatives(best->table, best->value) = alternatives;
	return mirror_row_put(mirror, best);
}

/* Updates the lookup table for a route that was removed. */
static int mirror_lookup_remove(struct kernel_mirror *mirror, const struct kernel_route *route)
{
	struct kernel_row *best = &mirror->best;
	uint32_t metric, *alternatives;
	int r = mirror_lookup_get(mirror, route);

	if (r < 0)
		return r;
	metric = r ? *kernel_route_metric(best->table, best->value) : 0;
	alternatives = kernel_route_alternatives(best->table, best->value);
	if (r == 1 && metric == route->metric && *alternatives == 0)
		return mirror_row_delete(mirror, best);
	if (r == 1 && *alternatives > 0 && route->metric > metric) {
		(*alternatives)--;
		return mirror_row_put(mirror, best);
	}
	/* The best route is gone, or the row is not as expected. A dump finds the best of the
	 * rest. */
	mirror_mark_dirty(mirror, mirror_route_kind(route));
	return 0;
}

/* ---- single messages ---- */

/* The routes that the mirror has for the key of a message. The first route has the order 0. */
struct route_found {
	bool any;
	bool equal; /* the first route is equal to that of the message */
	bool several;
	bool same_source; /* the first route and that of the message have equal source addresses */
};

static bool mirror_same_source(const struct kernel_route *route, const void *value)
{
	const struct kernel_route6 *a = route->row.value, *b = value;

	return route->row.table == KERNEL_RIB4 || memcmp(&a->from, &b->from, sizeof(a->from)) == 0;
}

static int mirror_route_find(struct kernel_mirror *mirror, struct kernel_route *route,
                             struct route_found *ret)
{
	struct stele_writable *table = mirror->tables[route->row.table];
	struct stele_row found;
	int r;

	kernel_route_set_order(route, 1);
	r = stele_writable_get(table, route->row.key, route->row.key_bits, &found);
	ret->several = r == 1;
	kernel_route_set_order(route, 0);
	if (r >= 0)
		r = stele_writable_get(table, route->row.key, route->row.key_bits, &found);
	ret->any = r == 1;
	ret->equal = r == 1 && found.value_size == route->row.size &&
	             memcmp(found.value, route->row.value, route->row.size) == 0;
	ret->same_source = r == 1 && mirror_same_source(route, found.value);
	return r < 0 ? r : 0;
}

/* Returns true if the message describes all of its change: see (a) in kernel_mirror.h. */
static bool mirror_route_exact(const struct kernel_route *route, const struct nlmsghdr *message)
{
	if (route->row.table == KERNEL_RIB4)
		return true;
	return !route->multipath &&
	       !(message->nlmsg_type == RTM_NEWROUTE && (message->nlmsg_flags & NLM_F_APPEND));
}

static int mirror_apply_route(struct kernel_mirror *mirror, const struct nlmsghdr *message)
{
	struct kernel_route *route = &mirror->route;
	struct kernel_names names = mirror_paths(mirror);
	struct route_found found;
	bool adds = message->nlmsg_type == RTM_NEWROUTE;
	int r;

	if (!kernel_decode_route(message, &names, route))
		return 0;
	r = mirror_route_find(mirror, route, &found);
	if (r < 0)
		return r;
	if (adds ? found.equal && !found.several : !found.any)
		return 0;
	if (found.several || !mirror_route_exact(route, message) ||
	    (adds ? found.any && !(found.same_source && (message->nlmsg_flags & NLM_F_REPLACE))
	          : !found.equal)) {
		mirror_mark_dirty(mirror, mirror_route_kind(route));
		return 0;
	}
	r = adds ? mirror_row_put(mirror, &route->row) : mirror_row_delete(mirror, &route->row);
	if (r < 0 || !route->candidate)
		return r;
	return adds ? mirror_lookup_add(mirror, route, found.any)
	            : mirror_lookup_remove(mirror, route);
}

static int mirror_apply_link(struct kernel_mirror *mirror, const struct nlmsghdr *message)
{
	struct kernel_row *row = &mirror->route.row;
	int r;

	if (!kernel_decode_link(message, row))
		return 0;
	r = message->nlmsg_type == RTM_NEWLINK ? mirror_row_put(mirror, row)
	                                       : mirror_row_delete(mirror, row);
	if (r == 1)
		mirror->dirty |= KERNEL_ALL_KINDS;
	return r;
}

static int mirror_apply_address(struct kernel_mirror *mirror, const struct nlmsghdr *message)
{
	struct kernel_row *row = &mirror->route.row;
	struct kernel_names names = mirror_paths(mirror);
	bool wide;

	if (!kernel_decode_address(message, &names, row))
		return 0;
	wide = row->table == KERNEL_ADDRESSES6;
	if (message->nlmsg_type == RTM_NEWADDR)
		return mirror_row_put(mirror, row);
	mirror_mark_dirty(mirror, wide ? KERNEL_KIND_ROUTES6 : KERNEL_KIND_ROUTES4);
	return mirror_row_delete(mirror, row);
}

static int mirror_apply_neighbour(struct kernel_mirror *mirror, const struct nlmsghdr *message)
{
	struct kernel_row *row = &mirror->route.row;
	struct kernel_names names = mirror_paths(mirror);
	bool resolved;

	if (!kernel_decode_neighbour(message, &names, row, &resolved))
		return 0;
	return message->nlmsg_type == RTM_NEWNEIGH && resolved ? mirror_row_put(mirror, row)
	                                                       : mirror_row_delete(mirror, row);
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
		r = mirror_apply_route(mirror, message);
		break;
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		mirror_mark_dirty(mirror, KERNEL_KIND_ROUTES4);
		mirror_mark_dirty(mirror, KERNEL_KIND_ROUTES6);
		break;
	default:
		break;
	}
	return r < 0 ? r : 0;
}

/* ---- dumps ---- */

static const struct {
	enum kernel_table table;
	int lookup; /* the lookup table that is derived from `table`, or -1 */
} kinds[KERNEL_KINDS] = {
	[KERNEL_KIND_LINKS] = {KERNEL_LINKS, -1},
	[KERNEL_KIND_ADDRESSES4] = {KERNEL_ADDRESSES4, -1},
	[KERNEL_KIND_ADDRESSES6] = {KERNEL_ADDRESSES6, -1},
	[KERNEL_KIND_NEIGHBOURS4] = {KERNEL_NEIGHBOURS4, -1},
	[KERNEL_KIND_NEIGHBOURS6] = {KERNEL_NEIGHBOURS6, -1},
	[KERNEL_KIND_ROUTES4] = {KERNEL_RIB4, KERNEL_ROUTES4},
	[KERNEL_KIND_ROUTES6] = {KERNEL_RIB6, KERNEL_ROUTES6},
};

/* Puts a row of a dump. Ignores rows of other kinds, because a kernel without IPv6 answers a
 * request for IPv6 objects with all objects. Two rows with the same key are a sign of a torn
 * dump. */
static int mirror_dump_put(struct kernel_mirror *mirror, const struct kernel_row *row)
{
	int r;

	if ((int)row->table != (int)kinds[mirror->dumping].table &&
	    (int)row->table != kinds[mirror->dumping].lookup)
		return 0;
	r = mirror_row_put(mirror, row);
	if (r == -EEXIST) {
		mirror->torn = true;
		return 0;
	}
	return r;
}

/* Puts the best route of the last prefix of a dump into the lookup table. */
static int mirror_dump_best(struct kernel_mirror *mirror)
{
	int r = mirror->best.size ? mirror_dump_put(mirror, &mirror->best) : 0;

	mirror->best.size = 0;
	return r;
}

/* Updates mirror->best for a route of a dump. The routes of a prefix follow each other in a dump,
 * so the best one is known when the next prefix begins. */
static int mirror_dump_candidate(struct kernel_mirror *mirror, const struct kernel_route *route)
{
	struct kernel_row *best = &mirror->best;
	unsigned bits;
	const uint8_t *prefix = kernel_route_prefix(route, &bits);
	uint32_t alternatives;
	int r;

	if (best->size && best->key_bits == bits &&
	    memcmp(best->key, prefix, (bits + 7) / 8) == 0) {
		alternatives = *kernel_route_alternatives(best->table, best->value) + 1;
		if (route->metric < *kernel_route_metric(best->table, best->value))
			mirror_lookup_row(route, alternatives, best);
		else
			*kernel_route_alternatives(best->table, best->value) = alternatives;
		return 0;
	}
	r = mirror_dump_best(mirror);
	if (r >= 0)
		mirror_lookup_row(route, 0, best);
	return r;
}

/* Puts a route of a dump, with the first free number in the column `order`. */
static int mirror_dump_route(struct kernel_mirror *mirror, const struct nlmsghdr *message)
{
	struct kernel_route *route = &mirror->route;
	struct kernel_row *row = &route->row;
	struct kernel_names names = mirror_paths(mirror);
	uint16_t order = 0;
	int r;

	if (!kernel_decode_route(message, &names, route) ||
	    row->table != kinds[mirror->dumping].table)
		return 0;
	if (mirror->last_key_bits == row->key_bits &&
	    memcmp(mirror->last_key, row->key, (row->key_bits + 7) / 8) == 0)
		order = mirror->last_order;
	mirror->last_key_bits = row->key_bits;
	memcpy(mirror->last_key, row->key, sizeof(row->key));
	do {
		kernel_route_set_order(route, order);
		r = mirror_row_put(mirror, row);
	} while (r == -EEXIST && ++order != 0);
	mirror->last_order = order;
	/* Ignores further routes when all 65,536 values of `order` are in use. */
	if (r == -EEXIST)
		return 0;
	if (r < 0 || !route->candidate)
		return r;
	return mirror_dump_candidate(mirror, route);
}

int kernel_mirror_dump_start(struct kernel_mirror *mirror, enum kernel_kind kind)
{
	int r = stele_writable_replace(mirror->tables[kinds[kind].table]);

	if (r >= 0 && kinds[kind].lookup >= 0)
		r = stele_writable_replace(mirror->tables[kinds[kind].lookup]);
	mirror->dumping = kind;
	mirror->last_key_bits = 0;
	mirror->best.size = 0;
	mirror->torn = false;
	return r;
}

int kernel_mirror_dump_add(struct kernel_mirror *mirror, const struct nlmsghdr *message)
{
	struct kernel_row *row = &mirror->route.row;
	struct kernel_names names = mirror_paths(mirror);
	bool resolved = true;
	int r = 0;

	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
		r = kernel_decode_link(message, row) ? mirror_dump_put(mirror, row) : 0;
		if (r == 1)
			mirror->dirty |= KERNEL_ALL_KINDS;
		break;
	case RTM_NEWADDR:
		r = kernel_decode_address(message, &names, row) ? mirror_dump_put(mirror, row) : 0;
		break;
	case RTM_NEWNEIGH:
		if (kernel_decode_neighbour(message, &names, row, &resolved) && resolved)
			r = mirror_dump_put(mirror, row);
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
	int r = mirror_dump_best(mirror);

	if (r < 0)
		return r;
	removed = stele_writable_replace_end(mirror->tables[kinds[kind].table]);
	if (removed > 0 && kind == KERNEL_KIND_LINKS)
		mirror->dirty |= KERNEL_ALL_KINDS;
	if (removed >= 0 && kinds[kind].lookup >= 0)
		removed = stele_writable_replace_end(mirror->tables[kinds[kind].lookup]);
	if (removed < 0)
		return (int)removed;
	return mirror->torn ? 1 : 0;
}
