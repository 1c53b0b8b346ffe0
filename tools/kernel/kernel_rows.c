/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tools/kernel/kernel_rows.h"
#include "tools/kernel/kernel_tables.h"
#include "tools/kernel/kernel_words.h"

/* ---- attributes ---- */

#define ATTRIBUTES 64

/* The attributes of a message, indexed by type. Attributes of higher types are ignored. */
struct attributes {
	const struct nlattr *of[ATTRIBUTES];
};

static void rows_scan_attributes(const void *payload, size_t size, struct attributes *ret)
{
	const uint8_t *end = (const uint8_t *)payload + size;

	memset(ret, 0, sizeof(*ret));
	for (const struct nlattr *at = payload; mnl_attr_ok(at, (int)(end - (const uint8_t *)at));
	     at = mnl_attr_next(at)) {
		if (mnl_attr_get_type(at) < ATTRIBUTES)
			ret->of[mnl_attr_get_type(at)] = at;
	}
}

/* Finds the attributes of a message, which follow `header` bytes. Returns false if the message is
 * shorter than `header`. */
static bool rows_read_attributes(const struct nlmsghdr *message, size_t header,
                                 struct attributes *ret)
{
	size_t size = mnl_nlmsg_get_payload_len(message), start = NLMSG_ALIGN(header);

	if (size < header)
		return false;
	rows_scan_attributes(mnl_nlmsg_get_payload_offset(message, header),
	                     size > start ? size - start : 0, ret);
	return true;
}

/* Finds the attributes inside the attribute `outer`. Finds none if `outer` is NULL. */
static void rows_nested_attributes(const struct nlattr *outer, struct attributes *ret)
{
	rows_scan_attributes(outer ? mnl_attr_get_payload(outer) : NULL,
	                     outer ? mnl_attr_get_payload_len(outer) : 0, ret);
}

static uint32_t rows_attribute_u32(const struct nlattr *attribute, uint32_t otherwise)
{
	return attribute && mnl_attr_get_payload_len(attribute) >= 4 ? mnl_attr_get_u32(attribute)
	                                                             : otherwise;
}

/* Copies the value of an attribute. Returns false, and copies nothing, if the attribute is missing
 * or has another size. */
static bool rows_attribute_bytes(const struct nlattr *attribute, void *ret, size_t size)
{
	if (!attribute || mnl_attr_get_payload_len(attribute) != size)
		return false;
	memcpy(ret, mnl_attr_get_payload(attribute), size);
	return true;
}

/* Copies text into a column of 16 bytes, which must be zero. Truncates longer text. */
static void rows_attribute_text(const struct nlattr *attribute, char ret[16])
{
	if (attribute) {
		size_t size = mnl_attr_get_payload_len(attribute);
		size_t length = strnlen(mnl_attr_get_payload(attribute), size < 16 ? size : 16);

		memcpy(ret, mnl_attr_get_payload(attribute), length);
	}
}

/* ---- keys and values ---- */

static void kernel_row_start(struct kernel_row *row, enum kernel_table table, size_t value_size)
{
	row->table = table;
	row->key_bits = 0;
	row->size = value_size;
	memset(row->value, 0, value_size);
}

static void row_key_bytes(struct kernel_row *row, const void *bytes, unsigned size)
{
	memcpy(row->key + row->key_bits / 8, bytes, size);
	row->key_bits += size * 8;
}

static void row_key_u32(struct kernel_row *row, uint32_t value)
{
	row_key_bytes(row, &(uint32_t){htonl(value)}, 4);
}

static void row_key_prefix(struct kernel_row *row, const uint8_t *address, unsigned length)
{
	unsigned start = row->key_bits;

	row_key_bytes(row, address, (length + 7) / 8);
	row->key_bits = start + length;
	if (length % 8)
		row->key[row->key_bits / 8] &= (uint8_t)(0xff00u >> (length % 8));
}

static unsigned rows_address_size(uint8_t family)
{
	return family == AF_INET ? 4 : 16;
}

/* ---- links, addresses, neighbours ---- */

bool kernel_decode_link(const struct nlmsghdr *message, struct kernel_row *ret)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
	struct kernel_link *link = ret->value;
	struct attributes found, info;

	/* Ignores messages about bridge ports, and wireless events without data about the link. */
	if (!rows_read_attributes(message, sizeof(*header), &found) ||
	    header->ifi_family != AF_UNSPEC || !found.of[IFLA_IFNAME] || !found.of[IFLA_MTU])
		return false;
	kernel_row_start(ret, KERNEL_LINKS, sizeof(*link));
	row_key_u32(ret, (uint32_t)header->ifi_index);
	rows_attribute_text(found.of[IFLA_IFNAME], link->name);
	rows_attribute_bytes(found.of[IFLA_ADDRESS], link->mac, sizeof(link->mac));
	link->up = header->ifi_flags & IFF_UP;
	link->carrier = header->ifi_flags & IFF_LOWER_UP;
	link->mtu = rows_attribute_u32(found.of[IFLA_MTU], 0);
	link->master = rows_attribute_u32(found.of[IFLA_MASTER], 0);
	kernel_word_state(found.of[IFLA_OPERSTATE] ? mnl_attr_get_u8(found.of[IFLA_OPERSTATE]) : 0,
	                  link->state);
	rows_nested_attributes(found.of[IFLA_LINKINFO], &info);
	rows_attribute_text(info.of[IFLA_INFO_KIND], link->kind);
	return true;
}

static void rows_address4(const struct ifaddrmsg *header, const struct attributes *found,
                          uint32_t flags, const uint8_t *local, const uint8_t *peer,
                          struct kernel_row *ret)
{
	struct kernel_address4 *value = ret->value;

	kernel_row_start(ret, KERNEL_ADDRESSES4, sizeof(*value));
	row_key_u32(ret, header->ifa_index);
	row_key_bytes(ret, local, 4);
	row_key_bytes(ret, &header->ifa_prefixlen, 1);
	row_key_bytes(ret, peer, 4);
	rows_attribute_bytes(found->of[IFA_BROADCAST], value->broadcast, 4);
	rows_attribute_text(found->of[IFA_LABEL], value->label);
	kernel_word_scope(header->ifa_scope, value->scope);
	value->secondary = flags & IFA_F_SECONDARY;
	value->permanent = flags & IFA_F_PERMANENT;
	value->deprecated = flags & IFA_F_DEPRECATED;
}

static void rows_address6(const struct ifaddrmsg *header, uint32_t flags, const uint8_t *local,
                          const uint8_t *peer, struct kernel_row *ret)
{
	struct kernel_address6 *value = ret->value;

	kernel_row_start(ret, KERNEL_ADDRESSES6, sizeof(*value));
	row_key_u32(ret, header->ifa_index);
	row_key_bytes(ret, local, 16);
	row_key_bytes(ret, &header->ifa_prefixlen, 1);
	memcpy(value->peer, peer, 16);
	kernel_word_scope(header->ifa_scope, value->scope);
	value->permanent = flags & IFA_F_PERMANENT;
	value->tentative = flags & IFA_F_TENTATIVE;
	value->deprecated = flags & IFA_F_DEPRECATED;
	value->temporary = flags & IFA_F_TEMPORARY;
}

bool kernel_decode_address(const struct nlmsghdr *message, const struct kernel_names *names,
                           struct kernel_row *ret)
{
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
	struct attributes found;
	uint8_t local[16], peer[16];
	uint32_t flags;
	char *interface;

	if (!rows_read_attributes(message, sizeof(*header), &found) ||
	    (header->ifa_family != AF_INET && header->ifa_family != AF_INET6) ||
	    !rows_attribute_bytes(found.of[IFA_ADDRESS], peer,
	                          rows_address_size(header->ifa_family)))
		return false;
	if (!rows_attribute_bytes(found.of[IFA_LOCAL], local,
	                          rows_address_size(header->ifa_family)))
		memcpy(local, peer, sizeof(local));
	flags = rows_attribute_u32(found.of[IFA_FLAGS], header->ifa_flags);
	if (header->ifa_family == AF_INET) {
		rows_address4(header, &found, flags, local, peer, ret);
		interface = ((struct kernel_address4 *)ret->value)->interface;
	} else {
		rows_address6(header, flags, local, peer, ret);
		interface = ((struct kernel_address6 *)ret->value)->interface;
	}
	names->find(names->context, header->ifa_index, interface);
	return true;
}

bool kernel_decode_neighbour(const struct nlmsghdr *message, const struct kernel_names *names,
                             struct kernel_row *ret, bool *ret_resolved)
{
	const struct ndmsg *header = mnl_nlmsg_get_payload(message);
	struct kernel_neighbour *value = ret->value;
	struct attributes found;
	uint8_t address[16];

	if (!rows_read_attributes(message, sizeof(*header), &found) ||
	    (header->ndm_family != AF_INET && header->ndm_family != AF_INET6) ||
	    (header->ndm_flags & NTF_PROXY) ||
	    !rows_attribute_bytes(found.of[NDA_DST], address,
	                          rows_address_size(header->ndm_family)))
		return false;
	kernel_row_start(ret,
	                 header->ndm_family == AF_INET ? KERNEL_NEIGHBOURS4 : KERNEL_NEIGHBOURS6,
	                 sizeof(*value));
	row_key_u32(ret, (uint32_t)header->ndm_ifindex);
	row_key_bytes(ret, address, rows_address_size(header->ndm_family));
	rows_attribute_bytes(found.of[NDA_LLADDR], value->mac, sizeof(value->mac));
	*ret_resolved = kernel_word_neighbour(header->ndm_state, value->state);
	names->find(names->context, (uint32_t)header->ndm_ifindex, value->interface);
	return true;
}

/* ---- routes ---- */

/* Pointers to the columns of a route's value, whose offsets differ between the address families. */
struct route_value {
	uint8_t *gateway, *source;
	char *interface, *type, *protocol, *scope;
	uint32_t *mtu, *next_hop_id, *next_hops;
	char *path;
};

/* The text of the column `path` while it is written. */
struct path {
	char *text;
	size_t length, capacity;
};

#define ROUTE_COLUMNS(value_) \
	(struct route_value) \
	{ \
		.gateway = (value_)->gateway, .source = (value_)->source, \
		.interface = (value_)->interface, .type = (value_)->type, \
		.protocol = (value_)->protocol, .scope = (value_)->scope, .mtu = &(value_)->mtu, \
		.next_hop_id = &(value_)->next_hop_id, .next_hops = &(value_)->next_hops, \
		.path = (value_)->path, \
	}

static struct route_value rows_route_columns(struct kernel_row *row)
{
	if (row->table == KERNEL_RIB4)
		return ROUTE_COLUMNS((struct kernel_route4 *)row->value);
	return ROUTE_COLUMNS((struct kernel_route6 *)row->value);
}

/* Appends text to the path. Ignores text that does not fit. */
static void rows_add_path(struct path *path, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void rows_add_path(struct path *path, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(path->text + path->length, path->capacity - path->length, format,
	                   arguments);
	va_end(arguments);
	if (length > 0 && (size_t)length < path->capacity - path->length)
		path->length += (size_t)length;
}

/* Adds one next hop to a route. `weight` is 0 for the only next hop of a route. */
static void rows_add_hop(const struct kernel_names *names, uint8_t family,
                         const struct nlattr *gateway, const struct nlattr *via, uint32_t index,
                         unsigned weight, struct route_value *value, struct path *path)
{
	char interface[16] = "", text[INET6_ADDRSTRLEN];
	uint8_t address[sizeof(struct rtvia) + 16] = {0};
	bool first = (*value->next_hops)++ == 0;
	const char *separator = first ? "" : ", ";

	if (rows_attribute_bytes(gateway, address, rows_address_size(family))) {
		rows_add_path(path, "%svia %s ", separator,
		              inet_ntop(family, address, text, sizeof(text)));
		separator = "";
		if (first)
			memcpy(value->gateway, address, rows_address_size(family));
	} else if (rows_attribute_bytes(via, address, sizeof(address))) {
		/* RTA_VIA is only used for an IPv4 route via an IPv6 router. */
		rows_add_path(
			path, "%svia inet6 %s ", separator,
			inet_ntop(AF_INET6, address + sizeof(struct rtvia), text, sizeof(text)));
		separator = "";
	}
	names->find(names->context, index, interface);
	rows_add_path(path, "%sdev %.16s", separator, interface);
	if (weight)
		rows_add_path(path, " weight %u", weight);
	if (first)
		memcpy(value->interface, interface, sizeof(interface));
}

/* Adds the next hops of an attribute RTA_MULTIPATH to a route. */
static void rows_add_hops(const struct kernel_names *names, uint8_t family,
                          const struct nlattr *list, struct route_value *value, struct path *path)
{
	const uint8_t *at = mnl_attr_get_payload(list);
	size_t left = mnl_attr_get_payload_len(list);

	while (left >= sizeof(struct rtnexthop)) {
		const struct rtnexthop *hop = (const void *)at;
		struct attributes found;
		size_t step = RTNH_ALIGN(hop->rtnh_len);

		if (hop->rtnh_len < sizeof(*hop) || hop->rtnh_len > left)
			return;
		rows_scan_attributes(at + sizeof(*hop), hop->rtnh_len - sizeof(*hop), &found);
		rows_add_hop(names, family, found.of[RTA_GATEWAY], found.of[RTA_VIA],
		             (uint32_t)hop->rtnh_ifindex, hop->rtnh_hops + 1u, value, path);
		at += step;
		left -= step < left ? step : left;
	}
}

/* Sets the key and the fixed part of a route. */
static void rows_start_route(const struct rtmsg *header, const struct attributes *found,
                             struct kernel_route *ret)
{
	struct kernel_row *row = &ret->row;
	uint8_t prefix[16] = {0};
	uint32_t table = rows_attribute_u32(found->of[RTA_TABLE], header->rtm_table);
	bool wide = header->rtm_family == AF_INET6;

	ret->metric = rows_attribute_u32(found->of[RTA_PRIORITY], 0);
	ret->multipath = found->of[RTA_MULTIPATH];
	ret->candidate = table == RT_TABLE_MAIN && header->rtm_tos == 0 && header->rtm_src_len == 0;
	kernel_row_start(row, wide ? KERNEL_RIB6 : KERNEL_RIB4,
	                 wide ? offsetof(struct kernel_route6, path)
	                      : offsetof(struct kernel_route4, path));
	row_key_u32(row, table);
	row_key_u32(row, ret->metric);
	if (!wide)
		row_key_bytes(row, &header->rtm_tos, 1);
	row_key_bytes(row, &(uint16_t){0}, 2);
	rows_attribute_bytes(found->of[RTA_DST], prefix, rows_address_size(header->rtm_family));
	row_key_prefix(row, prefix, header->rtm_dst_len);
	if (wide && header->rtm_src_len) {
		struct kernel_route6 *value = row->value;

		value->from.length = header->rtm_src_len;
		rows_attribute_bytes(found->of[RTA_SRC], value->from.address, 16);
	}
}

bool kernel_decode_route(const struct nlmsghdr *message, const struct kernel_names *names,
                         struct kernel_route *ret)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);
	struct attributes found, metrics;
	struct route_value value;
	struct path path = {0};
	unsigned size;

	if (!rows_read_attributes(message, sizeof(*header), &found) ||
	    (header->rtm_family != AF_INET && header->rtm_family != AF_INET6) ||
	    (header->rtm_flags & RTM_F_CLONED))
		return false;
	size = rows_address_size(header->rtm_family);
	if (header->rtm_dst_len > size * 8 || header->rtm_src_len > size * 8)
		return false;
	rows_start_route(header, &found, ret);
	value = rows_route_columns(&ret->row);
	rows_attribute_bytes(found.of[RTA_PREFSRC], value.source, size);
	kernel_word_type(header->rtm_type, value.type);
	kernel_word_protocol(header->rtm_protocol, value.protocol);
	kernel_word_scope(header->rtm_scope, value.scope);
	rows_nested_attributes(found.of[RTA_METRICS], &metrics);
	*value.mtu = rows_attribute_u32(metrics.of[RTAX_MTU], 0);
	*value.next_hop_id = rows_attribute_u32(found.of[RTA_NH_ID], 0);
	path.text = value.path;
	path.capacity = KERNEL_VALUE_MAX - ret->row.size;
	if (found.of[RTA_MULTIPATH])
		rows_add_hops(names, header->rtm_family, found.of[RTA_MULTIPATH], &value, &path);
	else if (found.of[RTA_OIF])
		rows_add_hop(names, header->rtm_family, found.of[RTA_GATEWAY], found.of[RTA_VIA],
		             rows_attribute_u32(found.of[RTA_OIF], 0), 0, &value, &path);
	ret->row.size += path.length;
	return true;
}

/* Returns the offset in bytes of the prefix in the key. Table, metric, TOS (only rib4) and order
 * come before the prefix. */
static unsigned rows_prefix_offset(const struct kernel_route *route)
{
	return route->row.table == KERNEL_RIB4 ? 11 : 10;
}

void kernel_route_set_order(struct kernel_route *route, uint16_t order)
{
	memcpy(route->row.key + rows_prefix_offset(route) - 2, &(uint16_t){htons(order)}, 2);
}

const uint8_t *kernel_route_prefix(const struct kernel_route *route, unsigned *ret_bits)
{
	*ret_bits = route->row.key_bits - rows_prefix_offset(route) * 8;
	return route->row.key + rows_prefix_offset(route);
}

uint32_t *kernel_route_metric(enum kernel_table table, void *value)
{
	return table == KERNEL_RIB4 || table == KERNEL_ROUTES4
	               ? &((struct kernel_route4 *)value)->metric
	               : &((struct kernel_route6 *)value)->metric;
}

uint32_t *kernel_route_alternatives(enum kernel_table table, void *value)
{
	return table == KERNEL_RIB4 || table == KERNEL_ROUTES4
	               ? &((struct kernel_route4 *)value)->alternatives
	               : &((struct kernel_route6 *)value)->alternatives;
}
