/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/lwtunnel.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "tools/netlink/kernel_attributes.h"
#include "tools/fib/kernel_route.h"
#include "tools/netlink/kernel_words.h"

struct kernel_hop *kernel_entry_hops(const struct kernel_entry *entry)
{
	return (struct kernel_hop *)(void *)entry->value->hops;
}

/* ---- decoding ---- */

/* Adds bytes to a checksum, FNV-1a. The checksum of nothing is 0. */
static uint32_t route_checksum(uint32_t checksum, const struct nlattr *attribute)
{
	const uint8_t *bytes;

	if (!attribute)
		return checksum;
	bytes = (const uint8_t *)attribute;
	for (size_t i = 0; i < attribute->nla_len; i++)
		checksum = ((checksum ? checksum : 2166136261u) ^ bytes[i]) * 16777619u;
	return checksum;
}

/* Adds the metrics that have no column to a checksum. */
static uint32_t route_checksum_metrics(uint32_t checksum, const struct kernel_attributes *metrics)
{
	for (unsigned i = 0; i <= RTAX_MAX; i++)
		if (i != RTAX_MTU)
			checksum = route_checksum(checksum, metrics->of[i]);
	return checksum;
}

static unsigned route_address_size(bool wide)
{
	return wide ? 16 : 4;
}

/* Decodes a next hop from its attributes and its flags. */
static void route_decode_hop(bool wide, const struct kernel_attributes *found, uint32_t ifindex,
                             unsigned flags, struct kernel_hop *ret)
{
	struct {
		uint16_t family;
		uint8_t address[16];
	} via;

	memset(ret, 0, sizeof(*ret));
	ret->ifindex = ifindex;
	ret->weight = 1;
	if (kernel_attribute_bytes(found->of[RTA_GATEWAY], ret->gateway,
	                           route_address_size(wide))) {
		ret->family = wide ? 6 : 4;
	} else if (kernel_attribute_bytes(found->of[RTA_VIA], &via, sizeof(via))) {
		memcpy(ret->gateway, via.address, 16);
		ret->family = 6;
	}
	ret->encap = (uint8_t)kernel_attribute_u16(found->of[RTA_ENCAP_TYPE], 0);
	ret->dead = flags & RTNH_F_DEAD;
	ret->linkdown = flags & RTNH_F_LINKDOWN;
	ret->onlink = flags & RTNH_F_ONLINK;
	ret->offload = flags & (RTNH_F_OFFLOAD | RTNH_F_TRAP);
}

/* Decodes the attribute RTA_MULTIPATH. Returns the number of next hops, at most `capacity`, and
 * adds what has no column to the checksum. */
static unsigned route_decode_hops(bool wide, const struct nlattr *list, struct kernel_hop *ret,
                                  unsigned capacity, uint32_t *checksum)
{
	const uint8_t *at = mnl_attr_get_payload(list);
	size_t left = mnl_attr_get_payload_len(list);
	unsigned count = 0;

	while (left >= sizeof(struct rtnexthop) && count < capacity) {
		const struct rtnexthop *hop = (const void *)at;
		struct kernel_attributes found;
		size_t step = RTNH_ALIGN(hop->rtnh_len);

		if (hop->rtnh_len < sizeof(*hop) || hop->rtnh_len > left)
			break;
		kernel_attributes_scan(at + sizeof(*hop), hop->rtnh_len - sizeof(*hop), &found);
		route_decode_hop(wide, &found, (uint32_t)hop->rtnh_ifindex, hop->rtnh_flags,
		                 &ret[count]);
		ret[count++].weight = (uint16_t)(hop->rtnh_hops + 1);
		*checksum = route_checksum(*checksum, found.of[RTA_FLOW]);
		*checksum = route_checksum(*checksum, found.of[RTA_ENCAP]);
		at += step;
		left -= step < left ? step : left;
	}
	return count;
}

/* Decodes the key of a route. Returns false if the message is not mirrored. */
static bool route_decode_prefix(const struct rtmsg *header, const struct kernel_attributes *found,
                                struct kernel_prefix *ret)
{
	unsigned size;

	memset(ret, 0, sizeof(*ret));
	ret->wide = header->rtm_family == AF_INET6;
	size = route_address_size(ret->wide);
	if (header->rtm_dst_len > size * 8 || header->rtm_src_len > (ret->wide ? 128 : 0))
		return false;
	ret->table = kernel_attribute_u32(found->of[RTA_TABLE], header->rtm_table);
	ret->length = header->rtm_dst_len;
	ret->from_length = header->rtm_src_len;
	kernel_attribute_bytes(found->of[RTA_DST], ret->address, size);
	kernel_attribute_bytes(found->of[RTA_SRC], ret->from, size);
	return true;
}

/* Decodes what is neither in the key nor in the next hops. */
static void route_decode_value(const struct rtmsg *header, const struct kernel_attributes *found,
                               struct kernel_route *value)
{
	struct kernel_attributes metrics;
	struct rta_cacheinfo cache;

	bool wide = header->rtm_family == AF_INET6;

	kernel_attribute_bytes(found->of[RTA_PREFSRC], wide ? value->source6 : value->source4,
	                       route_address_size(wide));
	value->type = header->rtm_type <= RTN_XRESOLVE ? header->rtm_type : RTN_UNSPEC;
	kernel_word_protocol(header->rtm_protocol, value->protocol);
	kernel_word_scope(header->rtm_scope, value->scope);
	kernel_attributes_nested(found->of[RTA_METRICS], &metrics);
	value->mtu = kernel_attribute_u32(metrics.of[RTAX_MTU], 0);
	value->nexthop_id = kernel_attribute_u32(found->of[RTA_NH_ID], 0);
	value->attributes = route_checksum_metrics(0, &metrics);
	value->attributes = route_checksum(value->attributes, found->of[RTA_FLOW]);
	value->attributes = route_checksum(value->attributes, found->of[RTA_ENCAP]);
	value->expires = wide &&
	                 kernel_attribute_bytes(found->of[RTA_CACHEINFO], &cache, sizeof(cache)) &&
	                 cache.rta_expires != 0;
	kernel_attribute_bytes(found->of[RTA_PREF], &value->preference, 1);
	value->preference &= 3;
	if (value->preference == 2)
		value->preference = 0;
}

int kernel_route_decode(const struct nlmsghdr *message, struct kernel_prefix *ret_prefix,
                        struct kernel_entry *ret_entry)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);
	struct kernel_attributes found;
	struct kernel_hop hops[KERNEL_HOPS_MAX];
	uint32_t checksum = 0;
	unsigned count = 0;

	if (!kernel_attributes_read(message, sizeof(*header), &found) ||
	    (header->rtm_family != AF_INET && header->rtm_family != AF_INET6) ||
	    (header->rtm_flags & RTM_F_CLONED) || !route_decode_prefix(header, &found, ret_prefix))
		return 0;
	*ret_entry = (struct kernel_entry){
		.metric = kernel_attribute_u32(found.of[RTA_PRIORITY], 0),
		.tos = ret_prefix->wide ? 0 : header->rtm_tos,
		.listed = found.of[RTA_MULTIPATH],
	};
	if (ret_entry->listed)
		count = route_decode_hops(ret_prefix->wide, found.of[RTA_MULTIPATH], hops,
		                          KERNEL_HOPS_MAX, &checksum);
	else if (found.of[RTA_OIF])
		route_decode_hop(ret_prefix->wide, &found,
		                 kernel_attribute_u32(found.of[RTA_OIF], 0), header->rtm_flags,
		                 &hops[count++]);
	if (kernel_entry_set_hops(ret_entry, hops, count) < 0)
		return -ENOMEM;
	route_decode_value(header, &found, ret_entry->value);
	ret_entry->value->attributes ^= checksum;
	ret_entry->value->offload = header->rtm_flags & (RTM_F_OFFLOAD | RTM_F_TRAP);
	kernel_entry_finish(ret_entry);
	return 1;
}

/* ---- filters ---- */

bool kernel_filter_takes_table(const struct kernel_filter *filter,
                               const struct kernel_prefix *prefix)
{
	bool found = filter->table_count == 0;

	for (size_t i = 0; i < filter->table_count; i++)
		found |= filter->tables[i] == prefix->table;
	return found && (!filter->family || (filter->family == AF_INET6) == prefix->wide);
}

bool kernel_filter_takes_protocol(const struct kernel_filter *filter,
                                  const struct nlmsghdr *message)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);
	bool found = filter->protocol_count == 0;

	for (size_t i = 0; i < filter->protocol_count; i++)
		found |= filter->protocols[i] == header->rtm_protocol;
	return found;
}

/* ---- next hops ---- */

int kernel_entry_set_hops(struct kernel_entry *entry, const struct kernel_hop *hops, unsigned count)
{
	size_t fixed = offsetof(struct kernel_route, hops);
	struct kernel_route *value = calloc(1, sizeof(*value) + count * sizeof(*hops));

	if (!value)
		return -ENOMEM;
	if (entry->value)
		memcpy(value, entry->value, fixed);
	memcpy(value->hops, hops, count * sizeof(*hops));
	free(entry->value);
	entry->value = value;
	entry->hops = count;
	return 0;
}

void kernel_entry_finish(struct kernel_entry *entry)
{
	struct kernel_route *value = entry->value;
	const struct kernel_hop *hops = kernel_entry_hops(entry);
	struct kernel_hop first = {0};
	unsigned living = 0;

	while (living < entry->hops && hops[living].dead)
		living++;
	value->dead = entry->hops > 0 && living == entry->hops;
	if (entry->hops > 0)
		first = hops[value->dead ? 0 : living];
	value->next_hops = (uint16_t)entry->hops;
	memset(value->gateway4, 0, sizeof(value->gateway4));
	memset(value->gateway6, 0, sizeof(value->gateway6));
	if (first.family == 4)
		memcpy(value->gateway4, first.gateway, 4);
	else if (first.family == 6)
		memcpy(value->gateway6, first.gateway, 16);
	value->ifindex = first.ifindex;
	value->encap = first.encap;
	value->linkdown = first.linkdown;
	value->onlink = first.onlink;
}

void kernel_hop_set_gateway(struct kernel_hop *hop, const uint8_t gateway4[4],
                            const uint8_t gateway6[16])
{
	static const uint8_t none[16];

	if (memcmp(gateway4, none, 4) != 0) {
		hop->family = 4;
		memcpy(hop->gateway, gateway4, 4);
	} else if (memcmp(gateway6, none, 16) != 0) {
		hop->family = 6;
		memcpy(hop->gateway, gateway6, 16);
	}
}

bool kernel_hop_same(const struct kernel_hop *a, const struct kernel_hop *b)
{
	return a->ifindex == b->ifindex && a->family == b->family &&
	       memcmp(a->gateway, b->gateway, sizeof(a->gateway)) == 0;
}

static bool route_same_hops(const struct kernel_entry *a, const struct kernel_entry *b)
{
	const struct kernel_hop *of_a = kernel_entry_hops(a), *of_b = kernel_entry_hops(b);

	if (a->hops != b->hops)
		return false;
	for (unsigned i = 0; i < a->hops; i++)
		if (!kernel_hop_same(&of_a[i], &of_b[i]) || of_a[i].weight != of_b[i].weight ||
		    of_a[i].onlink != of_b[i].onlink || of_a[i].encap != of_b[i].encap)
			return false;
	return true;
}

bool kernel_entry_similar(const struct kernel_entry *a, const struct kernel_entry *b)
{
	if (a->value->type != b->value->type || a->value->nexthop_id != b->value->nexthop_id)
		return false;
	/* The next hops of a next-hop object change without a message about the route. */
	return a->value->nexthop_id || route_same_hops(a, b);
}

bool kernel_entry_same(const struct kernel_entry *a, const struct kernel_entry *b)
{
	const struct kernel_route *of_a = a->value, *of_b = b->value;

	return kernel_entry_similar(a, b) && of_a->mtu == of_b->mtu &&
	       of_a->attributes == of_b->attributes && of_a->preference == of_b->preference &&
	       memcmp(of_a->source6, of_b->source6, sizeof(of_a->source6)) == 0 &&
	       memcmp(of_a->source4, of_b->source4, sizeof(of_a->source4)) == 0 &&
	       memcmp(of_a->protocol, of_b->protocol, sizeof(of_a->protocol)) == 0 &&
	       memcmp(of_a->scope, of_b->scope, sizeof(of_a->scope)) == 0;
}

bool kernel_entry_merges(const struct kernel_entry *entry)
{
	return entry->hops > 0 && kernel_entry_hops(entry)->family && !entry->value->nexthop_id &&
	       !kernel_word_is_protocol(entry->value->protocol, RTPROT_RA);
}

bool kernel_entry_uses(const struct kernel_entry *entry, uint32_t ifindex)
{
	const struct kernel_hop *hops = kernel_entry_hops(entry);

	for (unsigned i = 0; i < entry->hops; i++)
		if (hops[i].ifindex == ifindex)
			return true;
	return false;
}

bool kernel_entry_remove_hops(struct kernel_entry *entry, uint32_t ifindex, bool *ret_first)
{
	struct kernel_hop *hops = kernel_entry_hops(entry);
	unsigned kept = 0;

	*ret_first = entry->hops > 0 && hops[0].ifindex == ifindex;
	for (unsigned i = 0; i < entry->hops; i++)
		if (hops[i].ifindex != ifindex)
			hops[kept++] = hops[i];
	entry->hops = kept;
	entry->listed = kept > 1;
	if (kept > 0)
		kernel_entry_finish(entry);
	return kept == 0;
}

bool kernel_route_has_source(const struct kernel_route *value)
{
	static const uint8_t none[16];
	uint8_t source[16];

	kernel_route_source(value, source);
	return memcmp(source, none, sizeof(none)) != 0 &&
	       !kernel_word_is_protocol(value->protocol, RTPROT_KERNEL);
}

bool kernel_route_tells_carrier(const struct kernel_route *value, bool wide)
{
	return wide ? value->type != RTN_LOCAL && value->type != RTN_ANYCAST
	            : !kernel_word_is_scope(value->scope, RT_SCOPE_HOST);
}

bool kernel_prefix_equal(const struct kernel_prefix *a, const struct kernel_prefix *b)
{
	return a->wide == b->wide && a->table == b->table && a->length == b->length &&
	       a->from_length == b->from_length &&
	       memcmp(a->address, b->address, sizeof(a->address)) == 0 &&
	       memcmp(a->from, b->from, sizeof(a->from)) == 0;
}
