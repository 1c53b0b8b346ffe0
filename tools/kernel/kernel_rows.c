/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "tools/netlink/kernel_attributes.h"
#include "tools/kernel/kernel_rows.h"
#include "tools/kernel/kernel_tables.h"
#include "tools/netlink/kernel_words.h"

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

static unsigned rows_address_size(uint8_t family)
{
	return family == AF_INET ? 4 : 16;
}

/* ---- links, addresses, neighbours ---- */

bool kernel_decode_link(const struct nlmsghdr *message, struct kernel_row *ret)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
	struct kernel_link *link = (void *)ret->value;
	struct kernel_attributes found, info;

	/* Ignores messages about bridge ports, and wireless events without data about the link. */
	if (!kernel_attributes_read(message, sizeof(*header), &found) ||
	    header->ifi_family != AF_UNSPEC || !found.of[IFLA_IFNAME] || !found.of[IFLA_MTU])
		return false;
	kernel_row_start(ret, KERNEL_LINKS, sizeof(*link));
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
	return true;
}

static void rows_address4(const struct ifaddrmsg *header, const struct kernel_attributes *found,
                          uint32_t flags, const uint8_t *local, const uint8_t *peer,
                          struct kernel_row *ret)
{
	struct kernel_address4 *value = (void *)ret->value;

	kernel_row_start(ret, KERNEL_ADDRESSES4, sizeof(*value));
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

bool kernel_decode_neighbour(const struct nlmsghdr *message, const struct kernel_names *names,
                             struct kernel_row *ret, bool *ret_resolved)
{
	const struct ndmsg *header = mnl_nlmsg_get_payload(message);
	struct kernel_neighbour *value = (void *)ret->value;
	struct kernel_attributes found;
	uint8_t address[16];

	if (!kernel_attributes_read(message, sizeof(*header), &found) ||
	    (header->ndm_family != AF_INET && header->ndm_family != AF_INET6) ||
	    (header->ndm_flags & NTF_PROXY) ||
	    !kernel_attribute_bytes(found.of[NDA_DST], address,
	                            rows_address_size(header->ndm_family)))
		return false;
	kernel_row_start(ret,
	                 header->ndm_family == AF_INET ? KERNEL_NEIGHBOURS4 : KERNEL_NEIGHBOURS6,
	                 sizeof(*value));
	row_key_u32(ret, (uint32_t)header->ndm_ifindex);
	row_key_bytes(ret, address, rows_address_size(header->ndm_family));
	kernel_attribute_bytes(found.of[NDA_LLADDR], value->mac, sizeof(value->mac));
	*ret_resolved = kernel_word_neighbour(header->ndm_state, header->ndm_flags, value->state);
	names->find(names->context, (uint32_t)header->ndm_ifindex, value->interface);
	return true;
}
