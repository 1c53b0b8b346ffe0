/* SPDX-License-Identifier: MIT
 *
 * Decoding messages that many kernels cannot send, because they have no VLANs, no MPLS, and no
 * hardware that forwards. */
#include <arpa/inet.h>
#include <linux/lwtunnel.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "tools/fib/kernel_fdb.h"
#include "tools/fib/kernel_route.h"

static uint8_t bytes[1024] __attribute__((aligned(8)));

static struct nlmsghdr *start_message(uint16_t type, const void *header, size_t size)
{
	struct nlmsghdr *message;

	memset(bytes, 0, sizeof(bytes));
	message = mnl_nlmsg_put_header(bytes);
	message->nlmsg_type = type;
	memcpy(mnl_nlmsg_put_extra_header(message, size), header, size);
	return message;
}

/* ---- forwarding entries ---- */

static void find_name(void *context, uint32_t index, char ret[16])
{
	(void)context;
	(void)index;
	memcpy(ret, "port\0\0\0\0\0\0\0\0\0\0\0", 16);
}

static struct nlmsghdr *make_entry(uint16_t flags)
{
	const struct ndmsg header = {
		.ndm_family = AF_BRIDGE,
		.ndm_ifindex = 7,
		.ndm_state = NUD_NOARP,
		.ndm_flags = (uint8_t)flags,
	};
	const struct nda_cacheinfo times = {0};
	struct nlmsghdr *message = start_message(RTM_NEWNEIGH, &header, sizeof(header));

	mnl_attr_put(message, NDA_LLADDR, 6, (uint8_t[]){2, 0, 0, 0, 0, 9});
	mnl_attr_put_u32(message, NDA_MASTER, 4);
	mnl_attr_put_u16(message, NDA_VLAN, 0x123);
	mnl_attr_put(message, NDA_CACHEINFO, sizeof(times), &times);
	return message;
}

Test(kernel_decode, an_entry_of_a_bridge_with_vlans)
{
	static const uint8_t key[18] = {0, 0, 0, 4, 1, 0x23, 0, 0, 0, 0, 2, 0, 0, 0, 0, 9, 0, 0};
	const struct kernel_names names = {.find = find_name};
	struct nlmsghdr *message = make_entry(NTF_OFFLOADED | NTF_STICKY);
	const struct kernel_fdb *value;
	struct kernel_row row;

	mnl_attr_put_u32(message, NDA_FLAGS_EXT, 1 << 1);
	cr_assert(kernel_fdb_is_entry(message));
	cr_assert(kernel_fdb_decode(message, &names, &row));
	cr_assert_eq(row.key_bits, 144u);
	cr_assert_eq(memcmp(row.key, key, sizeof(key)), 0);
	value = (const void *)row.value;
	cr_assert_eq(value->ifindex, 7u);
	cr_assert_str_eq(value->interface, "port");
	cr_assert_eq(value->state, KERNEL_FDB_STATIC);
	cr_assert(value->offload && value->sticky && value->locked);
	cr_assert(!value->self && !value->extern_learn);
	message = make_entry(0);
	cr_assert(kernel_fdb_decode(message, &names, &row));
	cr_assert(!value->offload && !value->sticky && !value->locked);
}

/* A message may end anywhere. */
Test(kernel_decode, entries_that_are_cut_short)
{
	const struct kernel_names names = {.find = find_name};
	struct nlmsghdr *message = make_entry(0);
	const uint32_t length = message->nlmsg_len;
	struct kernel_row row;

	for (uint32_t at = sizeof(*message); at < length; at++) {
		message->nlmsg_len = at;
		cr_assert(!kernel_fdb_is_entry(message) ||
		          !kernel_fdb_decode(message, &names, &row));
	}
}

/* ---- routes ---- */

static struct nlmsghdr *make_route(uint32_t flags)
{
	const struct rtmsg header = {
		.rtm_family = AF_INET,
		.rtm_dst_len = 8,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_type = RTN_UNICAST,
		.rtm_flags = flags,
	};
	struct nlmsghdr *message = start_message(RTM_NEWROUTE, &header, sizeof(header));

	mnl_attr_put_u32(message, RTA_DST, htonl(10u << 24));
	mnl_attr_put_u32(message, RTA_OIF, 7);
	return message;
}

static struct kernel_entry decode_route(const struct nlmsghdr *message)
{
	struct kernel_prefix prefix;
	struct kernel_entry entry;

	cr_assert_eq(kernel_route_decode(message, &prefix, &entry), 1);
	return entry;
}

Test(kernel_decode, a_route_in_hardware)
{
	struct kernel_entry entry = decode_route(make_route(0));

	cr_assert(!entry.value->offload);
	free(entry.value);
	entry = decode_route(make_route(RTM_F_OFFLOAD));
	cr_assert(entry.value->offload);
	free(entry.value);
	entry = decode_route(make_route(RTNH_F_OFFLOAD));
	cr_assert(kernel_entry_hops(&entry)[0].offload);
	free(entry.value);
}

Test(kernel_decode, a_route_with_mpls_labels)
{
	struct nlmsghdr *message = make_route(0);
	struct nlattr *encap;
	struct kernel_entry entry;

	mnl_attr_put_u16(message, RTA_ENCAP_TYPE, LWTUNNEL_ENCAP_MPLS);
	encap = mnl_attr_nest_start(message, RTA_ENCAP);
	mnl_attr_put_u32(message, 1, htonl(100u << 12 | 0x100));
	mnl_attr_nest_end(message, encap);
	entry = decode_route(message);
	cr_assert_eq(entry.value->encap, LWTUNNEL_ENCAP_MPLS);
	cr_assert_str_eq(kernel_encap_word(entry.value->encap), "mpls");
	cr_assert_eq(kernel_entry_hops(&entry)[0].encap, LWTUNNEL_ENCAP_MPLS);
	cr_assert_neq(entry.value->attributes, 0u, "the labels tell routes apart");
	free(entry.value);
}
