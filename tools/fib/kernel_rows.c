/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <stele/subscriber.h>

#include "tools/netlink/kernel_attributes.h"
#include "tools/fib/kernel_rows.h"
#include "tools/fib/kernel_tables.h"
#include "tools/netlink/kernel_words.h"

/* ---- keys and values ---- */

static void rows_start_row(struct kernel_row *row, enum kernel_table table, size_t value_size)
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

static unsigned rows_address_size(uint8_t family)
{
	return family == AF_INET ? 4 : 16;
}

/* ---- links, addresses, neighbours ---- */

bool kernel_decode_link(const struct nlmsghdr *message, struct kernel_row *ret)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
	struct kernel_link *link = (void *)ret->value;
	struct kernel_attributes found, info, data;

	/* Ignores messages about bridge ports, and wireless events without data about the link. */
	if (!kernel_attributes_read(message, sizeof(*header), &found) ||
	    header->ifi_family != AF_UNSPEC || !found.of[IFLA_IFNAME] || !found.of[IFLA_MTU])
		return false;
	rows_start_row(ret, KERNEL_LINKS, sizeof(*link));
	row_key_u32(ret, (uint32_t)header->ifi_index);
	kernel_attribute_text(found.of[IFLA_IFNAME], link->name);
	kernel_attribute_bytes(found.of[IFLA_ADDRESS], link->mac, sizeof(link->mac));
	link->up = header->ifi_flags & IFF_UP;
	link->carrier = header->ifi_flags & IFF_LOWER_UP;
	link->mtu = kernel_attribute_u32(found.of[IFLA_MTU], 0);
	link->master = kernel_attribute_u32(found.of[IFLA_MASTER], 0);
	kernel_word_state(found.of[IFLA_OPERSTATE] ? mnl_attr_get_u8(found.of[IFLA_OPERSTATE]) : 0,
	                  link->state);
	kernel_attributes_nested(found.of[IFLA_LINKINFO], &info);
	kernel_attribute_text(info.of[IFLA_INFO_KIND], link->kind);
	link->group = kernel_attribute_u32(found.of[IFLA_GROUP], 0);
	if (strcmp(link->kind, "vrf") == 0) {
		kernel_attributes_nested(info.of[IFLA_INFO_DATA], &data);
		link->table = kernel_attribute_u32(data.of[IFLA_VRF_TABLE], 0);
	}
	return true;
}

static void rows_address4(const struct ifaddrmsg *header, const struct kernel_attributes *found,
                          uint32_t flags, const uint8_t *local, const uint8_t *peer,
                          struct kernel_row *ret)
{
	struct kernel_address4 *value = (void *)ret->value;

	rows_start_row(ret, KERNEL_ADDRESSES4, sizeof(*value));
	row_key_u32(ret, header->ifa_index);
	row_key_bytes(ret, local, 4);
	row_key_bytes(ret, &header->ifa_prefixlen, 1);
	row_key_bytes(ret, peer, 4);
	kernel_attribute_bytes(found->of[IFA_BROADCAST], value->broadcast, 4);
	kernel_attribute_text(found->of[IFA_LABEL], value->label);
	kernel_word_scope(header->ifa_scope, value->scope);
	value->secondary = flags & IFA_F_SECONDARY;
	value->permanent = flags & IFA_F_PERMANENT;
	value->deprecated = flags & IFA_F_DEPRECATED;
}

static void rows_address6(const struct ifaddrmsg *header, uint32_t flags, const uint8_t *local,
                          const uint8_t *peer, struct kernel_row *ret)
{
	struct kernel_address6 *value = (void *)ret->value;

	rows_start_row(ret, KERNEL_ADDRESSES6, sizeof(*value));
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

bool kernel_decode_setting(const struct nlmsghdr *message, bool *ret_wide, uint32_t *ret_ifindex)
{
	const struct netconfmsg *header = mnl_nlmsg_get_payload(message);
	struct kernel_attributes found;
	int32_t ifindex;

	/* A message about all settings is one about a new link, which has no routes. */
	if (!kernel_attributes_read(message, sizeof(*header), &found) ||
	    !found.of[NETCONFA_IGNORE_ROUTES_WITH_LINKDOWN] || found.of[NETCONFA_FORWARDING])
		return false;
	ifindex = (int32_t)kernel_attribute_u32(found.of[NETCONFA_IFINDEX], 0);
	*ret_wide = header->ncm_family == AF_INET6;
	*ret_ifindex = ifindex > 0 ? (uint32_t)ifindex : 0; /* all, or the default of IPv4 */
	return true;
}

bool kernel_decode_address(const struct nlmsghdr *message, const struct kernel_names *names,
                           struct kernel_row *ret)
{
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
	struct kernel_attributes found;
	uint8_t local[16], peer[16];
	uint32_t flags;
	char *interface;

	if (!kernel_attributes_read(message, sizeof(*header), &found) ||
	    (header->ifa_family != AF_INET && header->ifa_family != AF_INET6) ||
	    !kernel_attribute_bytes(found.of[IFA_ADDRESS], peer,
	                            rows_address_size(header->ifa_family)))
		return false;
	if (!kernel_attribute_bytes(found.of[IFA_LOCAL], local,
	                            rows_address_size(header->ifa_family)))
		memcpy(local, peer, sizeof(local));
	flags = kernel_attribute_u32(found.of[IFA_FLAGS], header->ifa_flags);
	if (header->ifa_family == AF_INET) {
		rows_address4(header, &found, flags, local, peer, ret);
		interface = ((struct kernel_address4 *)(void *)ret->value)->interface;
	} else {
		rows_address6(header, flags, local, peer, ret);
		interface = ((struct kernel_address6 *)(void *)ret->value)->interface;
	}
	names->find(names->context, header->ifa_index, interface);
	return true;
}

/* Fills in a row of a table of proxies or neighbours but for its value. */
static void rows_neighbour_key(const struct ndmsg *header, const uint8_t *address,
                               enum kernel_table table4, size_t value_size, struct kernel_row *ret)
{
	/* The table for IPv6 follows the one for IPv4. */
	rows_start_row(ret,
	               header->ndm_family == AF_INET ? table4 : (enum kernel_table)(table4 + 1),
	               value_size);
	row_key_u32(ret, (uint32_t)header->ndm_ifindex);
	row_key_bytes(ret, address, rows_address_size(header->ndm_family));
}

static void rows_neighbour_protocol(const struct kernel_attributes *found, char ret[12])
{
	if (found->of[NDA_PROTOCOL])
		kernel_word_protocol(mnl_attr_get_u8(found->of[NDA_PROTOCOL]), ret);
}

static void rows_proxy(const struct ndmsg *header, const struct kernel_attributes *found,
                       const struct kernel_names *names, const uint8_t *address,
                       struct kernel_row *ret)
{
	struct kernel_proxy *value = (void *)ret->value;

	rows_neighbour_key(header, address, KERNEL_PROXIES4, sizeof(*value), ret);
	value->router = header->ndm_flags & NTF_ROUTER;
	rows_neighbour_protocol(found, value->protocol);
	if (header->ndm_ifindex)
		names->find(names->context, (uint32_t)header->ndm_ifindex, value->interface);
}

bool kernel_decode_neighbour(const struct nlmsghdr *message, const struct kernel_names *names,
                             struct kernel_row *ret, bool *ret_resolved)
{
	const struct ndmsg *header = mnl_nlmsg_get_payload(message);
	struct kernel_neighbour *value = (void *)ret->value;
	struct kernel_attributes found;
	uint8_t address[16];

	if (!kernel_attributes_read(message, sizeof(*header), &found) ||
	    (header->ndm_family != AF_INET && header->ndm_family != AF_INET6) ||
	    !kernel_attribute_bytes(found.of[NDA_DST], address,
	                            rows_address_size(header->ndm_family)))
		return false;
	*ret_resolved = true;
	if (header->ndm_flags & NTF_PROXY) {
		rows_proxy(header, &found, names, address, ret);
		return true;
	}
	rows_neighbour_key(header, address, KERNEL_NEIGHBOURS4, sizeof(*value), ret);
	kernel_attribute_bytes(found.of[NDA_LLADDR], value->mac, sizeof(value->mac));
	value->router = header->ndm_flags & NTF_ROUTER;
	value->extern_learn = header->ndm_flags & NTF_EXT_LEARNED;
	rows_neighbour_protocol(&found, value->protocol);
	*ret_resolved = kernel_word_neighbour(header->ndm_state, header->ndm_flags, value->state);
	names->find(names->context, (uint32_t)header->ndm_ifindex, value->interface);
	return true;
}

int kernel_rows_delete_of_link(struct stele_writable *table, uint32_t ifindex)
{
	const uint32_t prefix = htonl(ifindex);
	int r = 1;

	while (r == 1) {
		struct stele_cursor *cursor;
		struct stele_row row;
		uint8_t key[64];
		unsigned bits = 0;

		r = stele_writable_cursor_open(table, &cursor);
		if (r < 0)
			return r;
		r = stele_cursor_under(cursor, &prefix, 32);
		if (r >= 0)
			r = stele_cursor_next(cursor, &row);
		if (r == 1) {
			bits = row.key_bits;
			memcpy(key, row.key, (bits + 7) / 8);
		}
		stele_cursor_close(cursor);
		if (r == 1)
			r = stele_writable_delete(table, key, bits);
	}
	return r;
}

/* ---- rules ---- */

/* Attributes of newer kernels than the headers that this file is compiled with. */
enum { ROWS_FRA_DSCP = 25, ROWS_FRA_SPORT_MASK = 28, ROWS_FRA_DPORT_MASK = 29 };

/* Returns true if the rule has conditions that have no column. */
static bool rows_rule_has_other(const struct kernel_attributes *found)
{
	if (found->of[FRA_TUN_ID])
		return true;
	for (int type = ROWS_FRA_DSCP; type < KERNEL_ATTRIBUTES; type++) {
		const struct nlattr *at = found->of[type];
		bool port = type == ROWS_FRA_SPORT_MASK || type == ROWS_FRA_DPORT_MASK;

		/* A rule for a single port has the mask of all bits. */
		if (at && !(port && kernel_attribute_u16(at, 0) == UINT16_MAX))
			return true;
	}
	return false;
}

/* Sets a prefix, a struct stele_ipv4net or struct stele_ipv6net. Clears the bits after its length,
 * which the kernel keeps, but ignores. */
static void rows_rule_prefix(const struct nlattr *address, unsigned size, uint8_t length,
                             uint8_t ret[17])
{
	if (!kernel_attribute_bytes(address, ret, size))
		return;
	ret[size] = length;
	if (length / 8 < size)
		ret[length / 8] = (uint8_t)(ret[length / 8] & 0xff00u >> length % 8);
	for (unsigned i = length / 8 + 1; i < size; i++)
		ret[i] = 0;
}

/* Sets what a rule does with the packets that it is for. */
static void rows_rule_action(const struct fib_rule_hdr *header,
                             const struct kernel_attributes *found, struct kernel_rule *rule)
{
	rule->action = header->action;
	rule->table = kernel_attribute_u32(found->of[FRA_TABLE], header->table);
	rule->target = kernel_attribute_u32(found->of[FRA_GOTO], 0);
	rule->l3mdev = found->of[FRA_L3MDEV] && mnl_attr_get_u8(found->of[FRA_L3MDEV]);
	rule->suppress_prefixlength =
		(int32_t)kernel_attribute_u32(found->of[FRA_SUPPRESS_PREFIXLEN], UINT32_MAX);
	rule->suppress_ifgroup =
		(int32_t)kernel_attribute_u32(found->of[FRA_SUPPRESS_IFGROUP], UINT32_MAX);
	kernel_word_protocol(found->of[FRA_PROTOCOL] ? mnl_attr_get_u8(found->of[FRA_PROTOCOL]) : 0,
	                     rule->protocol);
}

bool kernel_decode_rule(const struct nlmsghdr *message, struct kernel_row *ret)
{
	const struct fib_rule_hdr *header = mnl_nlmsg_get_payload(message);
	struct kernel_rule *rule = (void *)ret->value;
	struct fib_rule_port_range ports = {0};
	struct fib_rule_uid_range uids = {0, UINT32_MAX};
	struct kernel_attributes found;
	unsigned size;

	if (!kernel_attributes_read(message, sizeof(*header), &found) ||
	    (header->family != AF_INET && header->family != AF_INET6))
		return false;
	size = rows_address_size(header->family);
	if (header->src_len > 8 * size || header->dst_len > 8 * size)
		return false;
	rows_start_row(ret, header->family == AF_INET ? KERNEL_RULES4 : KERNEL_RULES6,
	               sizeof(*rule));
	row_key_u32(ret, kernel_attribute_u32(found.of[FRA_PRIORITY], 0));
	row_key_u32(ret, 0);
	rows_rule_prefix(found.of[FRA_SRC], size, header->src_len, rule->from);
	rows_rule_prefix(found.of[FRA_DST], size, header->dst_len, rule->to);
	rule->tos = header->tos;
	rule->invert = header->flags & FIB_RULE_INVERT;
	rule->other = rows_rule_has_other(&found);
	rule->mark = kernel_attribute_u32(found.of[FRA_FWMARK], 0);
	rule->mask = kernel_attribute_u32(found.of[FRA_FWMASK], rule->mark ? UINT32_MAX : 0);
	if (found.of[FRA_IP_PROTO])
		rule->ip_protocol = mnl_attr_get_u8(found.of[FRA_IP_PROTO]);
	kernel_attribute_bytes(found.of[FRA_SPORT_RANGE], &ports, sizeof(ports));
	rule->sport_first = ports.start;
	rule->sport_last = ports.end;
	ports = (struct fib_rule_port_range){0};
	kernel_attribute_bytes(found.of[FRA_DPORT_RANGE], &ports, sizeof(ports));
	rule->dport_first = ports.start;
	rule->dport_last = ports.end;
	kernel_attribute_bytes(found.of[FRA_UID_RANGE], &uids, sizeof(uids));
	rule->uid_first = uids.start;
	rule->uid_last = uids.end;
	kernel_attribute_text(found.of[FRA_IIFNAME], rule->iif);
	kernel_attribute_text(found.of[FRA_OIFNAME], rule->oif);
	rows_rule_action(header, &found, rule);
	return true;
}

/* ---- places of rules ---- */

static void rows_rule_set_order(struct kernel_row *rule, uint32_t order)
{
	memcpy(rule->key + 4, &(uint32_t){htonl(order)}, 4);
}

void kernel_rule_number(struct kernel_row *rule, struct kernel_rule_place *last)
{
	uint32_t priority;

	memcpy(&priority, rule->key, sizeof(priority));
	if (last->count == 0 || last->priority != priority)
		*last = (struct kernel_rule_place){.priority = priority};
	rows_rule_set_order(rule, last->count++);
}

/* Counts the rules of the priority of a rule. Sets `*ret_equal` to the number of the first one that
 * is equal, or to `*ret_count`. Sets the column `order` of `rule` to `*ret_count`. Returns 0 or a
 * negative errno of the table. */
static int rows_rule_find(struct stele_writable *rules, struct kernel_row *rule,
                          uint32_t *ret_equal, uint32_t *ret_count)
{
	uint32_t equal = UINT32_MAX, count = 0;
	struct stele_row found;
	int r;

	while ((r = stele_writable_get(rules, rule->key, rule->key_bits, &found)) == 1) {
		if (equal == UINT32_MAX && memcmp(found.value, rule->value, rule->size) == 0)
			equal = count;
		rows_rule_set_order(rule, ++count);
	}
	*ret_equal = equal < count ? equal : count;
	*ret_count = count;
	return r;
}

/* Removes the rule number `at` of `count` rules of the priority of `rule`, and renumbers those
 * after it. Overwrites `rule`. Returns 1 or a negative errno of the table; after -ENOSPC the rules
 * of this priority are undefined. */
static int rows_rule_remove(struct stele_writable *rules, struct kernel_row *rule, uint32_t at,
                            uint32_t count)
{
	struct stele_row next;
	int r = 1;

	for (; at + 1 < count && r >= 0; at++) {
		rows_rule_set_order(rule, at + 1);
		r = stele_writable_get(rules, rule->key, rule->key_bits, &next);
		if (r != 1)
			return r;
		memcpy(rule->value, next.value, rule->size);
		rows_rule_set_order(rule, at);
		r = stele_writable_put(rules, rule->key, rule->key_bits, rule->value, rule->size);
	}
	rows_rule_set_order(rule, count - 1);
	return r < 0 ? r : stele_writable_delete(rules, rule->key, rule->key_bits);
}

int kernel_rule_apply(struct kernel_space *space, struct stele_writable *rules,
                      struct kernel_row *rule, bool new, bool old, bool *ret_clear)
{
	uint32_t equal, count;
	int r = rows_rule_find(rules, rule, &equal, &count);

	*ret_clear = true;
	if (r < 0)
		return r;
	if (new) {
		*ret_clear = equal == count || !old;
		if (*ret_clear)
			r = kernel_space_put(space, rules, rule->key, rule->key_bits, rule->value,
			                     rule->size);
	} else if (equal < count && old) {
		*ret_clear = false;
	} else if (equal < count) {
		r = rows_rule_remove(rules, rule, equal, count);
		*ret_clear = r != -ENOSPC;
	} else {
		*ret_clear = old;
	}
	return r < 0 && r != -ENOSPC ? r : 0;
}
