/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "tools/fib/kernel_nexthop.h"
#include "tools/route/route_lookup.h"

/* ---- tables ---- */

static int route_table_open(const struct stele_snapshot *snapshot, enum kernel_table which,
                            struct stele_table *ret)
{
	return stele_table_open(snapshot, kernel_table_names[which], kernel_schemas[which], ret);
}

int route_tables_open(struct route_tables *tables, const struct stele_snapshot *snapshot, bool wide)
{
	int r = route_table_open(snapshot, wide ? KERNEL_FIB6 : KERNEL_FIB4, &tables->fib);

	tables->wide = wide;
	if (r >= 0)
		r = route_table_open(snapshot, wide ? KERNEL_RULES6 : KERNEL_RULES4,
		                     &tables->rules);
	if (r >= 0)
		r = route_table_open(snapshot, KERNEL_LINKS, &tables->links);
	if (r >= 0)
		r = route_table_open(snapshot, KERNEL_NEXTHOPS, &tables->nexthops);
	if (r >= 0 && wide)
		r = route_table_open(snapshot, KERNEL_ALTERNATIVES6, &tables->alternatives);
	return r;
}

/* ---- links ---- */

int route_link(const struct route_tables *tables, uint32_t ifindex, struct kernel_link *ret)
{
	struct stele_row row;
	int r = stele_table_get(&tables->links, &(uint32_t){htonl(ifindex)}, 32, &row);

	if (r == 1)
		memcpy(ret, row.value, sizeof(*ret));
	return r;
}

int route_link_named(const struct route_tables *tables, const char *name, struct kernel_link *ret)
{
	struct stele_cursor *cursor;
	struct stele_row row;
	int r = stele_cursor_open(&tables->links, &cursor);

	if (r < 0)
		return r;
	while ((r = stele_cursor_next(cursor, &row)) == 1) {
		memcpy(ret, row.value, sizeof(*ret));
		if (strncmp(ret->name, name, sizeof(ret->name)) == 0)
			break;
	}
	stele_cursor_close(cursor);
	return r;
}

/* ---- next-hop objects ---- */

/* Reads a row of an object. Returns 1, 0 if there is none, or a negative errno. */
static int route_nexthop(const struct route_tables *tables, uint32_t id, unsigned number,
                         struct kernel_nexthop *ret)
{
	struct stele_row row;
	uint8_t key[6];
	int r;

	memcpy(key, &(uint32_t){htonl(id)}, 4);
	memcpy(key + 4, &(uint16_t){htons((uint16_t)number)}, 2);
	r = stele_table_get(&tables->nexthops, key, 48, &row);
	if (r == 1)
		memcpy(ret, row.value, sizeof(*ret));
	return r;
}

int route_nexthops(const struct route_tables *tables, uint32_t id, struct kernel_hop **ret)
{
	struct kernel_nexthop row, member;
	struct kernel_hop *hops = NULL;
	int r = 1, count = 0;

	/* Members of a group are no groups. */
	for (unsigned i = 0; i <= UINT16_MAX && r == 1; i++) {
		struct kernel_hop *larger;

		r = route_nexthop(tables, id, i, &row);
		member = row;
		if (r == 1 && row.member)
			r = route_nexthop(tables, row.member, 0, &member);
		if (r != 1 || member.blackhole)
			break;
		larger = realloc(hops, (size_t)(count + 1) * sizeof(*hops));
		if (!larger) {
			r = -ENOMEM;
			break;
		}
		hops = larger;
		hops[count++] = kernel_nexthop_hop(&member, row.weight);
	}
	if (r < 0) {
		free(hops);
		return r;
	}
	*ret = hops;
	return count;
}

/* ---- routes ---- */

bool route_is_in(const uint8_t *address, const uint8_t *prefix, unsigned length)
{
	unsigned bytes = length / 8, bits = length % 8;

	/* The length is a byte of the region, which is not trusted. */
	if (length > 128)
		return false;
	return memcmp(address, prefix, bytes) == 0 &&
	       (bits == 0 || ((address[bytes] ^ prefix[bytes]) >> (8 - bits)) == 0);
}

/* Decides between two routes of a prefix: the longer source prefix, then the lower metric. Routes
 * of the same metric are in the kernel's order. */
static bool route_is_better(const struct kernel_prefix *a_prefix, const struct kernel_entry *a,
                            const struct kernel_prefix *b_prefix, const struct kernel_entry *b)
{
	if (a_prefix->from_length != b_prefix->from_length)
		return a_prefix->from_length > b_prefix->from_length;
	return a->metric < b->metric;
}

/* Finds the best IPv6 route that is only for packets from some source addresses, of those to the
 * first `length` bits of an address. Returns 1, 0, or a negative errno. */
static int route_lookup_sourced(const struct route_tables *tables, uint32_t table,
                                const uint8_t to[16], unsigned length, const uint8_t from[16],
                                struct kernel_prefix *ret_prefix, struct kernel_entry *ret)
{
	uint8_t key[21] = {0};
	struct stele_cursor *cursor;
	struct stele_row row;
	int r, found = 0;

	memcpy(key, &(uint32_t){htonl(table)}, 4);
	for (unsigned i = 0; i < length; i++)
		key[4 + i / 8] = (uint8_t)(key[4 + i / 8] | (to[i / 8] & 0x80 >> i % 8));
	key[20] = (uint8_t)length;
	r = stele_cursor_open(&tables->alternatives, &cursor);
	if (r < 0)
		return r;
	r = stele_cursor_under(cursor, key, sizeof(key) * 8);
	while (r >= 0 && (r = stele_cursor_next(cursor, &row)) == 1) {
		struct kernel_prefix prefix;
		struct kernel_entry entry;

		r = kernel_list_decode(KERNEL_ALTERNATIVES6, &row, &prefix, &entry);
		if (r < 0)
			break;
		if (prefix.from_length && !entry.value->dead &&
		    route_is_in(from, prefix.from, prefix.from_length) &&
		    (!found || route_is_better(&prefix, &entry, ret_prefix, ret))) {
			if (found)
				free(ret->value);
			*ret_prefix = prefix;
			*ret = entry;
			found = 1;
		} else {
			free(entry.value);
		}
	}
	stele_cursor_close(cursor);
	if (r < 0 && found)
		free(ret->value);
	return r < 0 ? r : found;
}

int route_lookup(const struct route_tables *tables, uint32_t table, const uint8_t to[16],
                 const uint8_t from[16], struct kernel_prefix *ret_prefix, struct kernel_entry *ret)
{
	enum kernel_table fib = tables->wide ? KERNEL_FIB6 : KERNEL_FIB4;
	unsigned bits = tables->wide ? 128 : 32;
	struct stele_row row;
	uint8_t key[20];
	int matched, r = 0, shortest = 0;

	memcpy(key, &(uint32_t){htonl(table)}, 4);
	memcpy(key + 4, to, bits / 8);
	matched = stele_table_match(&tables->fib, key, 32 + bits, &row);
	if (matched < 0)
		return matched;
	if (matched == 1)
		shortest = (int)row.key_bits - 32;
	/* A prefix with routes for some source addresses has no row in fib6 (kernel_list.h). */
	for (int length = (int)bits; tables->wide && length >= shortest && r == 0; length--)
		r = route_lookup_sourced(tables, table, to, (unsigned)length, from, ret_prefix,
		                         ret);
	if (r != 0 || matched == 0)
		return r;
	r = kernel_list_decode(fib, &row, ret_prefix, ret);
	return r < 0 ? r : 1;
}
