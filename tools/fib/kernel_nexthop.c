/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <stele/subscriber.h>

#include "tools/netlink/kernel_attributes.h"
#include "tools/fib/kernel_fdb.h"
#include "tools/fib/kernel_nexthop.h"
#include "tools/netlink/kernel_words.h"

/* ---- rows ---- */

static void nexthop_key(uint32_t id, uint16_t member, uint8_t ret[6])
{
	memcpy(ret, &(uint32_t){htonl(id)}, 4);
	memcpy(ret + 4, &(uint16_t){htons(member)}, 2);
}

uint32_t kernel_nexthop_id(const struct stele_row *row)
{
	uint32_t id;

	memcpy(&id, row->key, 4);
	return ntohl(id);
}

/* Deletes the rows of an object from number `from` on, in the table of next-hop objects or of
 * buckets. Returns 1 if there was one, 0, or a negative errno. */
static int nexthop_delete(struct kernel_store *store, enum kernel_table table, uint32_t id,
                          unsigned from)
{
	int r = 1, any = 0;

	for (unsigned member = from; r == 1 && member <= UINT16_MAX; member++) {
		uint8_t key[6];

		nexthop_key(id, (uint16_t)member, key);
		r = stele_writable_delete(store->tables[table], key, 48);
		any |= r == 1;
	}
	return r < 0 ? r : any;
}

/* Puts a row. If the region has no space for it, deletes it and those after it. Returns 1 if it
 * changes something, 0, or a negative errno. */
static int nexthop_put(struct kernel_store *store, uint32_t id, uint16_t member,
                       const struct kernel_nexthop *value)
{
	uint8_t key[6];
	int r;

	nexthop_key(id, member, key);
	r = kernel_space_put(&store->space, store->tables[KERNEL_NEXTHOPS], key, 48, value,
	                     sizeof(*value));
	return r == -ENOSPC ? nexthop_delete(store, KERNEL_NEXTHOPS, id, member) : r;
}

/* Returns the first row of an object, or NULL. */
static const struct kernel_nexthop *nexthop_find(struct kernel_store *store, uint32_t id)
{
	struct stele_row row;
	uint8_t key[6];

	nexthop_key(id, 0, key);
	return stele_writable_get(store->tables[KERNEL_NEXTHOPS], key, 48, &row) == 1 ? row.value
	                                                                              : NULL;
}

bool kernel_nexthop_uses(struct kernel_store *store, uint32_t ifindex)
{
	struct stele_cursor *cursor;
	struct stele_row row;
	bool uses = false;

	if (stele_writable_cursor_open(store->tables[KERNEL_NEXTHOPS], &cursor) < 0)
		return true;
	while (!uses && stele_cursor_next(cursor, &row) == 1)
		uses = ((const struct kernel_nexthop *)row.value)->ifindex == ifindex;
	stele_cursor_close(cursor);
	return uses;
}

/* ---- routes of an object ---- */

/* Deletes the routes of one family that use an object which is gone. */
static int nexthop_delete_routes(struct kernel_store *store, bool wide, uint32_t id)
{
	const struct kernel_wanted wanted = {.nexthop_id = id};
	struct kernel_prefixes found = {0};
	struct kernel_list list = {0};
	int r = kernel_relink_scan(store, wide, &wanted, NULL, NULL, &found);

	for (size_t i = 0; i < found.count && r >= 0; i++) {
		r = kernel_list_read(store, &found.of[i], &list);
		for (size_t at = list.count; at > 0; at--)
			if (list.of[at - 1].value->nexthop_id == id)
				kernel_list_remove(&list, at - 1);
		if (r >= 0)
			r = kernel_list_write(store, &list);
	}
	if (r >= 0)
		kernel_index_remove(&store->index[wide], kernel_index_nexthop(id));
	kernel_list_free(&list);
	kernel_prefixes_free(&found);
	return r;
}

/* Doubts the links of the routes that use an object. */
static int nexthop_doubt(struct kernel_store *store, uint32_t id, kernel_doubt_f doubt,
                         void *context)
{
	const struct kernel_wanted wanted = {.nexthop_id = id};
	struct kernel_prefixes ignored = {0};
	int r = kernel_relink_scan(store, false, &wanted, doubt, context, &ignored);

	if (r >= 0)
		r = kernel_relink_scan(store, true, &wanted, doubt, context, &ignored);
	kernel_prefixes_free(&ignored);
	return r;
}

/* Doubts the links of the routes that use a group with this member. */
static int nexthop_doubt_groups(struct kernel_store *store, uint32_t id, kernel_doubt_f doubt,
                                void *context)
{
	struct stele_cursor *cursor;
	struct stele_row row;
	int r = stele_writable_cursor_open(store->tables[KERNEL_NEXTHOPS], &cursor);

	if (r < 0)
		return r;
	while (r >= 0 && (r = stele_cursor_next(cursor, &row)) == 1)
		if (((const struct kernel_nexthop *)row.value)->member == id)
			r = nexthop_doubt(store, kernel_nexthop_id(&row), doubt, context);
	stele_cursor_close(cursor);
	return r;
}

static int nexthop_remove(struct kernel_store *store, uint32_t id, kernel_doubt_f doubt,
                          void *context)
{
	const struct kernel_nexthop *first = nexthop_find(store, id);
	bool bridge = first && first->bridge;
	int r = nexthop_delete(store, KERNEL_BUCKETS, id, 0);

	if (r >= 0)
		r = nexthop_delete(store, KERNEL_NEXTHOPS, id, 0);
	if (store->pushed)
		return r;
	if (r >= 0 && bridge)
		return kernel_fdb_forget_nexthop(store, id);
	if (r == 1)
		r = nexthop_delete_routes(store, false, id);
	if (r >= 0)
		r = nexthop_delete_routes(store, true, id);
	return r < 0 ? r : nexthop_doubt_groups(store, id, doubt, context);
}

int kernel_nexthop_remove(struct kernel_store *store, uint32_t id)
{
	return nexthop_remove(store, id, NULL, NULL);
}

/* ---- next hops of an object ---- */

struct kernel_hop kernel_nexthop_hop(const struct kernel_nexthop *nexthop, uint16_t weight)
{
	struct kernel_hop hop = {.ifindex = nexthop->ifindex,
	                         .weight = weight,
	                         .encap = nexthop->encap,
	                         .dead = nexthop->dead,
	                         .linkdown = nexthop->linkdown,
	                         .onlink = nexthop->onlink};

	kernel_hop_set_gateway(&hop, nexthop->gateway4, nexthop->gateway6);
	return hop;
}

/* Reads the next hop of an object that is no group. Returns 1, 0 if there is none, or a negative
 * errno. */
static int nexthop_read_hop(struct kernel_store *store, uint32_t id, struct kernel_hop *ret,
                            bool *ret_blackhole)
{
	const struct kernel_nexthop *value;
	struct stele_row row;
	uint8_t key[6];
	int r;

	nexthop_key(id, 0, key);
	r = stele_writable_get(store->tables[KERNEL_NEXTHOPS], key, 48, &row);
	if (r <= 0)
		return r;
	value = row.value;
	*ret_blackhole |= value->blackhole;
	if (value->member || value->blackhole)
		return 0;
	*ret = kernel_nexthop_hop(value, 1);
	return 1;
}

/* Reads the next hops of an object. Returns their number, at most KERNEL_HOPS_MAX, or a negative
 * errno. */
static int nexthop_read_hops(struct kernel_store *store, uint32_t id, struct kernel_hop *ret,
                             bool *ret_blackhole)
{
	unsigned count = 0;
	int r = 1;

	for (unsigned number = 0; number < KERNEL_HOPS_MAX; number++) {
		const struct kernel_nexthop *value;
		struct stele_row row;
		uint8_t key[6];
		uint32_t member;
		uint16_t weight;

		nexthop_key(id, (uint16_t)number, key);
		r = stele_writable_get(store->tables[KERNEL_NEXTHOPS], key, 48, &row);
		if (r <= 0)
			break;
		value = row.value;
		member = value->member;
		weight = value->weight;
		r = nexthop_read_hop(store, member ? member : id, &ret[count], ret_blackhole);
		if (r < 0)
			break;
		if (r == 1)
			ret[count++].weight = weight;
	}
	return r < 0 ? r : (int)count;
}

int kernel_nexthop_resolve(struct kernel_store *store, struct kernel_entry *entry)
{
	struct kernel_hop hops[KERNEL_HOPS_MAX];
	bool blackhole = false;
	int r, count = nexthop_read_hops(store, entry->value->nexthop_id, hops, &blackhole);

	if (count < 0)
		return count;
	r = kernel_entry_set_hops(entry, hops, (unsigned)count);
	if (r < 0)
		return r;
	entry->listed = count > 1;
	kernel_entry_finish(entry);
	if (entry->value->type == RTN_UNICAST || entry->value->type == RTN_BLACKHOLE)
		entry->value->type = count == 0 && blackhole ? RTN_BLACKHOLE : RTN_UNICAST;
	if (count == 0 && !blackhole)
		entry->value->dead = true;
	return 0;
}

/* ---- messages ---- */

/* Decodes what is equal in all rows of an object. */
static void nexthop_decode(const struct nhmsg *header, const struct kernel_attributes *found,
                           struct kernel_nexthop *ret)
{
	*ret = (struct kernel_nexthop){
		.ifindex = kernel_attribute_u32(found->of[NHA_OIF], 0),
		.encap = (uint8_t)kernel_attribute_u16(found->of[NHA_ENCAP_TYPE], 0),
		.weight = 1,
		.blackhole = found->of[NHA_BLACKHOLE],
		.bridge = found->of[NHA_FDB],
		.resilient =
			kernel_attribute_u16(found->of[NHA_GROUP_TYPE], 0) == NEXTHOP_GRP_TYPE_RES,
		.dead = header->nh_flags & RTNH_F_DEAD,
		.linkdown = header->nh_flags & RTNH_F_LINKDOWN,
		.onlink = header->nh_flags & RTNH_F_ONLINK,
	};
	if (!kernel_attribute_bytes(found->of[NHA_GATEWAY], ret->gateway4, 4))
		kernel_attribute_bytes(found->of[NHA_GATEWAY], ret->gateway6, 16);
	kernel_word_protocol(header->nh_protocol, ret->protocol);
	kernel_word_scope(header->nh_scope, ret->scope);
}

int kernel_nexthop_apply(struct kernel_store *store, const struct nlmsghdr *message,
                         kernel_doubt_f doubt, void *context)
{
	const struct nhmsg *header = mnl_nlmsg_get_payload(message);
	struct kernel_attributes found;
	struct kernel_nexthop value;
	const struct nexthop_grp *group;
	struct kernel_attributes resilient;
	uint32_t id;
	bool known;
	unsigned rows = 1;
	int r = 0, changed = 0;

	if (!kernel_attributes_read(message, sizeof(*header), &found) || !found.of[NHA_ID])
		return 0;
	id = kernel_attribute_u32(found.of[NHA_ID], 0);
	if (message->nlmsg_type == RTM_DELNEXTHOP)
		return nexthop_remove(store, id, doubt, context);
	known = nexthop_find(store, id);
	nexthop_decode(header, &found, &value);
	kernel_attributes_nested(found.of[NHA_RES_GROUP], &resilient);
	value.buckets = kernel_attribute_u16(resilient.of[NHA_RES_GROUP_BUCKETS], 0);
	if (found.of[NHA_GROUP])
		rows = mnl_attr_get_payload_len(found.of[NHA_GROUP]) / sizeof(*group);
	for (unsigned i = 0; i < rows && i <= UINT16_MAX && r >= 0; i++) {
		if (found.of[NHA_GROUP]) {
			group = mnl_attr_get_payload(found.of[NHA_GROUP]);
			value.member = group[i].id;
			/* The second byte of a weight came with kernel 6.12. */
			value.weight = (uint16_t)(group[i].weight + 256u * group[i].resvd1 + 1u);
		}
		r = nexthop_put(store, id, (uint16_t)i, &value);
		changed |= r == 1;
	}
	if (r >= 0)
		r = nexthop_delete(store, KERNEL_NEXTHOPS, id, rows);
	changed |= r == 1;
	if (store->pushed)
		return r < 0 ? r : changed;
	if (r >= 0 && known && changed)
		r = nexthop_doubt(store, id, doubt, context);
	if (r >= 0 && known && changed)
		r = nexthop_doubt_groups(store, id, doubt, context);
	return r;
}

/* ---- buckets ---- */

bool kernel_bucket_decode(const struct nlmsghdr *message, struct kernel_row *ret)
{
	struct kernel_attributes found, bucket;
	struct kernel_bucket value;
	uint16_t index;

	if (!kernel_attributes_read(message, sizeof(struct nhmsg), &found) || !found.of[NHA_ID])
		return false;
	kernel_attributes_nested(found.of[NHA_RES_BUCKET], &bucket);
	if (!bucket.of[NHA_RES_BUCKET_INDEX] || !bucket.of[NHA_RES_BUCKET_NH_ID])
		return false;
	index = kernel_attribute_u16(bucket.of[NHA_RES_BUCKET_INDEX], 0);
	value.member = kernel_attribute_u32(bucket.of[NHA_RES_BUCKET_NH_ID], 0);
	*ret = (struct kernel_row){.table = KERNEL_BUCKETS, .key_bits = 48, .size = sizeof(value)};
	nexthop_key(kernel_attribute_u32(found.of[NHA_ID], 0), index, ret->key);
	memcpy(ret->value, &value, sizeof(value));
	return true;
}

bool kernel_nexthop_moves_buckets(struct kernel_store *store, const struct nlmsghdr *message)
{
	struct kernel_attributes found;
	const struct kernel_nexthop *old;

	if (!kernel_attributes_read(message, sizeof(struct nhmsg), &found))
		return false;
	old = nexthop_find(store, kernel_attribute_u32(found.of[NHA_ID], 0));
	return (old && old->resilient) ||
	       kernel_attribute_u16(found.of[NHA_GROUP_TYPE], 0) == NEXTHOP_GRP_TYPE_RES;
}

/* ---- dumps ---- */

int kernel_nexthops_any(struct kernel_store *store)
{
	struct stele_cursor *cursor;
	struct stele_row row;
	int r = stele_writable_cursor_open(store->tables[KERNEL_NEXTHOPS], &cursor);

	if (r < 0)
		return r;
	r = stele_cursor_next(cursor, &row);
	stele_cursor_close(cursor);
	return r;
}

int kernel_nexthops_start(struct kernel_nexthops *dump, struct kernel_store *store)
{
	struct stele_cursor *cursor;
	struct stele_row row;
	int r = stele_writable_cursor_open(store->tables[KERNEL_NEXTHOPS], &cursor);

	/* A dump that ended with an error leaves its numbers. */
	kernel_nexthops_free(dump);
	if (r < 0)
		return r;
	while ((r = stele_cursor_next(cursor, &row)) == 1) {
		uint32_t id = kernel_nexthop_id(&row);
		struct kernel_seen_id *larger;

		if (dump->count > 0 && dump->ids[dump->count - 1].id == id)
			continue;
		larger = realloc(dump->ids, (dump->count + 1) * sizeof(*larger));
		if (!larger) {
			r = -ENOMEM;
			break;
		}
		dump->ids = larger;
		dump->ids[dump->count++] = (struct kernel_seen_id){.id = id};
	}
	stele_cursor_close(cursor);
	return r < 0 ? r : 0;
}

/* Compares a number with an element of `ids`. */
static int nexthop_compare_ids(const void *a, const void *b)
{
	uint32_t id = *(const uint32_t *)a, of_b = ((const struct kernel_seen_id *)b)->id;

	return id < of_b ? -1 : id > of_b;
}

int kernel_nexthops_add(struct kernel_nexthops *dump, struct kernel_store *store,
                        const struct nlmsghdr *message, kernel_doubt_f doubt, void *context)
{
	struct kernel_attributes found;
	struct kernel_seen_id *known;
	uint32_t id;

	if (!kernel_attributes_read(message, sizeof(struct nhmsg), &found))
		return 0;
	id = kernel_attribute_u32(found.of[NHA_ID], 0);
	known = dump->count > 0
	                ? bsearch(&id, dump->ids, dump->count, sizeof(*known), nexthop_compare_ids)
	                : NULL;
	if (known)
		known->seen = true;
	return kernel_nexthop_apply(store, message, doubt, context);
}

int kernel_nexthops_end(struct kernel_nexthops *dump, struct kernel_store *store,
                        kernel_doubt_f doubt, void *context)
{
	int r = 0;

	for (size_t i = 0; i < dump->count && r >= 0; i++)
		if (!dump->ids[i].seen)
			r = nexthop_remove(store, dump->ids[i].id, doubt, context);
	kernel_nexthops_free(dump);
	return r;
}

void kernel_nexthops_free(struct kernel_nexthops *dump)
{
	free(dump->ids);
	*dump = (struct kernel_nexthops){0};
}
