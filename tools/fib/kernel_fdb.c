/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <stele/subscriber.h>

#include "tools/fib/kernel_fdb.h"
#include "tools/netlink/kernel_attributes.h"

/* Offsets of columns of the key, in bytes. */
enum { FDB_MAC = 10, FDB_ROW = 16, FDB_KEY = 18 };

/* A flag of newer kernels than the headers that this file is compiled with. */
#define FDB_EXT_LOCKED (1u << 1)

/* ---- decoding ---- */

bool kernel_fdb_is_entry(const struct nlmsghdr *message)
{
	const struct ndmsg *header = mnl_nlmsg_get_payload(message);

	return mnl_nlmsg_get_payload_len(message) >= sizeof(*header) &&
	       header->ndm_family == AF_BRIDGE;
}

static uint8_t fdb_state(uint16_t state)
{
	return state & NUD_PERMANENT ? KERNEL_FDB_PERMANENT
	       : state & NUD_NOARP   ? KERNEL_FDB_STATIC
	                             : KERNEL_FDB_DYNAMIC;
}

static void fdb_decode_value(const struct ndmsg *header, const struct kernel_attributes *found,
                             struct kernel_fdb *ret)
{
	uint16_t port = kernel_attribute_u16(found->of[NDA_PORT], 0);

	if (!kernel_attribute_bytes(found->of[NDA_DST], ret->dst4, 4))
		kernel_attribute_bytes(found->of[NDA_DST], ret->dst6, 16);
	ret->ifindex = (uint32_t)header->ndm_ifindex;
	ret->port = ntohs(port);
	ret->vni = kernel_attribute_u32(found->of[NDA_VNI], 0);
	ret->via = kernel_attribute_u32(found->of[NDA_IFINDEX], 0);
	ret->nexthop_id = kernel_attribute_u32(found->of[NDA_NH_ID], 0);
	ret->state = fdb_state(header->ndm_state);
	ret->self = !found->of[NDA_MASTER];
	ret->extern_learn = header->ndm_flags & NTF_EXT_LEARNED;
	ret->offload = header->ndm_flags & NTF_OFFLOADED;
	ret->sticky = header->ndm_flags & NTF_STICKY;
	ret->locked = kernel_attribute_u32(found->of[NDA_FLAGS_EXT], 0) & FDB_EXT_LOCKED;
}

bool kernel_fdb_decode(const struct nlmsghdr *message, const struct kernel_names *names,
                       struct kernel_row *ret)
{
	const struct ndmsg *header = mnl_nlmsg_get_payload(message);
	struct kernel_fdb *value = (void *)ret->value;
	struct kernel_attributes found;
	uint32_t link, source_vni;
	uint16_t vlan;

	if (!kernel_attributes_read(message, sizeof(*header), &found) ||
	    header->ndm_family != AF_BRIDGE || !found.of[NDA_CACHEINFO])
		return false;
	*ret = (struct kernel_row){
		.table = KERNEL_FDB, .key_bits = FDB_KEY * 8, .size = sizeof(*value)};
	if (!kernel_attribute_bytes(found.of[NDA_LLADDR], ret->key + FDB_MAC, 6))
		return false;
	link = htonl(kernel_attribute_u32(found.of[NDA_MASTER], (uint32_t)header->ndm_ifindex));
	vlan = htons(kernel_attribute_u16(found.of[NDA_VLAN], 0));
	source_vni = htonl(kernel_attribute_u32(found.of[NDA_SRC_VNI], 0));
	memcpy(ret->key, &link, 4);
	memcpy(ret->key + 4, &vlan, 2);
	memcpy(ret->key + 6, &source_vni, 4);
	fdb_decode_value(header, &found, value);
	names->find(names->context, value->ifindex, value->interface);
	return true;
}

/* ---- rows ---- */

static void fdb_set_row(struct kernel_row *row, unsigned number)
{
	memcpy(row->key + FDB_ROW, &(uint16_t){htons((uint16_t)number)}, 2);
}

/* Returns true if the kernel may have several destinations for the key. */
static bool fdb_is_group(const struct kernel_row *row)
{
	static const uint8_t zero[6];
	const struct kernel_fdb *value = (const void *)row->value;
	const uint8_t *mac = row->key + FDB_MAC;

	return value->self && (mac[0] & 1 || memcmp(mac, zero, 6) == 0);
}

/* Returns true if two rows of a key are about one destination. */
static bool fdb_same_destination(const struct kernel_fdb *a, const struct kernel_fdb *b)
{
	return memcmp(a->dst4, b->dst4, 4) == 0 && memcmp(a->dst6, b->dst6, 16) == 0 &&
	       a->port == b->port && a->vni == b->vni && a->via == b->via &&
	       a->nexthop_id == b->nexthop_id;
}

/* Finds the destination among the rows of its key: sets `*ret_at` to its number, or to that of the
 * row after the last one, and `*ret_count` to the number of rows. Returns 0 or a negative errno. */
static int fdb_find(struct kernel_store *store, struct kernel_row *row, unsigned *ret_at,
                    unsigned *ret_count)
{
	const struct kernel_fdb *value = (const void *)row->value;
	bool group = fdb_is_group(row), found = false;
	struct stele_row old;
	int r = 0;

	*ret_at = *ret_count = 0;
	while (*ret_count < UINT16_MAX) {
		fdb_set_row(row, *ret_count);
		r = stele_writable_get(store->tables[KERNEL_FDB], row->key, row->key_bits, &old);
		if (r != 1)
			break;
		if (!found && (!group || fdb_same_destination(old.value, value))) {
			found = true;
			*ret_at = *ret_count;
		}
		++*ret_count;
	}
	if (!found)
		*ret_at = *ret_count;
	return r < 0 ? r : 0;
}

/* Deletes the rows of a key from number `from` on. */
static int fdb_delete_from(struct kernel_store *store, struct kernel_row *row, unsigned from,
                           unsigned count)
{
	int r = 0;

	for (; from < count && r >= 0; from++) {
		fdb_set_row(row, from);
		r = stele_writable_delete(store->tables[KERNEL_FDB], row->key, row->key_bits);
	}
	return r < 0 ? r : 0;
}

int kernel_fdb_put(struct kernel_store *store, struct kernel_row *row)
{
	unsigned at, count;
	int r = fdb_find(store, row, &at, &count);

	if (r < 0)
		return r;
	fdb_set_row(row, at);
	r = kernel_space_put(&store->space, store->tables[KERNEL_FDB], row->key, row->key_bits,
	                     row->value, row->size);
	/* No row is better than an old one. */
	if (r == -ENOSPC)
		return fdb_delete_from(store, row, at, count);
	return r < 0 ? r : 0;
}

int kernel_fdb_delete(struct kernel_store *store, struct kernel_row *row)
{
	unsigned at, count;
	struct stele_row next;
	int r = fdb_find(store, row, &at, &count);

	if (r < 0 || at == count)
		return r;
	for (; at + 1 < count; at++) {
		fdb_set_row(row, at + 1);
		r = stele_writable_get(store->tables[KERNEL_FDB], row->key, row->key_bits, &next);
		if (r != 1)
			return r;
		memcpy(row->value, next.value, row->size);
		fdb_set_row(row, at);
		r = kernel_space_put(&store->space, store->tables[KERNEL_FDB], row->key,
		                     row->key_bits, row->value, row->size);
		if (r == -ENOSPC)
			break;
		if (r < 0)
			return r;
	}
	return fdb_delete_from(store, row, at, count);
}

/* Copies the rows that lead to a next-hop object, or else to a link. */
static int fdb_collect(struct kernel_store *store, uint32_t nexthop_id, uint32_t ifindex,
                       struct kernel_row **ret_rows, size_t *ret_count)
{
	struct stele_cursor *cursor;
	struct stele_row row;
	int r = stele_writable_cursor_open(store->tables[KERNEL_FDB], &cursor);

	*ret_rows = NULL;
	*ret_count = 0;
	if (r < 0)
		return r;
	while ((r = stele_cursor_next(cursor, &row)) == 1) {
		const struct kernel_fdb *value = row.value;
		struct kernel_row *larger, *copy;

		if (nexthop_id ? value->nexthop_id != nexthop_id : value->ifindex != ifindex)
			continue;
		larger = realloc(*ret_rows, (*ret_count + 1) * sizeof(*larger));
		if (!larger) {
			r = -ENOMEM;
			break;
		}
		*ret_rows = larger;
		copy = &larger[(*ret_count)++];
		*copy = (struct kernel_row){
			.table = KERNEL_FDB, .key_bits = row.key_bits, .size = row.value_size};
		memcpy(copy->key, row.key, FDB_KEY);
		memcpy(copy->value, row.value, row.value_size);
	}
	stele_cursor_close(cursor);
	return r;
}

int kernel_fdb_forget_nexthop(struct kernel_store *store, uint32_t id)
{
	struct kernel_row *rows;
	size_t count;
	int r = fdb_collect(store, id, 0, &rows, &count);

	for (size_t i = 0; i < count && r >= 0; i++)
		r = kernel_fdb_delete(store, &rows[i]);
	free(rows);
	return r;
}

int kernel_fdb_rename(struct kernel_store *store, uint32_t ifindex, const char name[16])
{
	struct kernel_row *rows;
	size_t count;
	int r = fdb_collect(store, 0, ifindex, &rows, &count);

	for (size_t i = 0; i < count && r >= 0; i++) {
		memcpy(((struct kernel_fdb *)(void *)rows[i].value)->interface, name, 16);
		r = stele_writable_put(store->tables[KERNEL_FDB], rows[i].key, rows[i].key_bits,
		                       rows[i].value, rows[i].size);
	}
	free(rows);
	return r < 0 ? r : 0;
}

/* ---- dumps ---- */

bool kernel_fdb_number(struct kernel_row *row, struct kernel_row *last)
{
	bool same = last->key_bits && memcmp(last->key, row->key, FDB_ROW) == 0;
	uint16_t number = 0;

	if (same) {
		memcpy(&number, last->key + FDB_ROW, 2);
		number = ntohs(number);
		if (!fdb_is_group(row) ||
		    fdb_same_destination((const void *)last->value, (const void *)row->value))
			return false;
		number++;
	}
	fdb_set_row(row, number);
	*last = *row;
	return true;
}
