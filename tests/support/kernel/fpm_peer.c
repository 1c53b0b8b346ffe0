/* SPDX-License-Identifier: MIT */
#include "tests/support/kernel/fpm_peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "lib/units.h"
#include "tests/support/clock.h"
#include "tools/fib/kernel_list.h"

#define HEADER 4u
#define PORT   2620

/* ---- messages ---- */

/* Starts a message, whose header peer_end() fills in. */
static struct nlmsghdr *peer_start(struct fpm_batch *batch, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *message;

	cr_assert_lt(batch->size + 4096, sizeof(batch->bytes));
	message = mnl_nlmsg_put_header(batch->bytes + batch->size + HEADER);
	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	return message;
}

/* Writes the header of a message with `size` bytes of netlink messages. */
static void peer_end(struct fpm_batch *batch, size_t size)
{
	uint8_t *at = batch->bytes + batch->size;

	size += HEADER;
	at[0] = at[1] = 1;
	at[2] = (uint8_t)(size >> 8);
	at[3] = (uint8_t)size;
	batch->size += size;
}

/* Parses a prefix. Returns the size of its address. */
static size_t peer_parse(const char *prefix, uint8_t ret_address[16], uint8_t *ret_length)
{
	bool wide = strchr(prefix, ':');
	char text[64] = "";

	cr_assert_eq(sscanf(prefix, "%63[^/]/%hhu", text, ret_length), 2, "%s", prefix);
	cr_assert_eq(inet_pton(wide ? AF_INET6 : AF_INET, text, ret_address), 1, "%s", prefix);
	return wide ? 16 : 4;
}

static void peer_put_address(struct nlmsghdr *message, uint16_t attribute, const char *text)
{
	uint8_t address[16];
	bool wide = strchr(text, ':');

	cr_assert_eq(inet_pton(wide ? AF_INET6 : AF_INET, text, address), 1, "%s", text);
	mnl_attr_put(message, attribute, wide ? 16 : 4, address);
}

static struct rtmsg *peer_put_prefix(struct nlmsghdr *message, const char *prefix, uint32_t table)
{
	struct rtmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
	uint8_t address[16], length;
	size_t size = peer_parse(prefix, address, &length);

	header->rtm_family = size == 16 ? AF_INET6 : AF_INET;
	header->rtm_dst_len = length;
	header->rtm_scope = RT_SCOPE_UNIVERSE;
	mnl_attr_put(message, RTA_DST, size, address);
	mnl_attr_put_u32(message, RTA_PRIORITY, 20);
	if (table < 256)
		header->rtm_table = (uint8_t)table;
	else
		mnl_attr_put_u32(message, RTA_TABLE, table);
	return header;
}

static void peer_put_hops(struct nlmsghdr *message, const struct fpm_route *route)
{
	struct nlattr *list = mnl_attr_nest_start(message, RTA_MULTIPATH);

	list->nla_type = RTA_MULTIPATH;
	for (int i = 0; i < 4 && route->ifindex[i]; i++) {
		struct rtnexthop *hop = mnl_nlmsg_get_payload_tail(message);
		uint32_t before = message->nlmsg_len;

		memset(hop, 0, sizeof(*hop));
		message->nlmsg_len += sizeof(*hop);
		hop->rtnh_ifindex = (int)route->ifindex[i];
		hop->rtnh_hops = (uint8_t)(route->weight[i] ? route->weight[i] - 1 : 0);
		if (route->gateway[i])
			peer_put_address(message, RTA_GATEWAY, route->gateway[i]);
		hop->rtnh_len = (uint16_t)(message->nlmsg_len - before);
	}
	mnl_attr_nest_end(message, list);
}

static size_t peer_write_route(struct nlmsghdr *message, const struct fpm_route *route)
{
	struct rtmsg *header =
		peer_put_prefix(message, route->prefix, route->table ? route->table : 254);

	header->rtm_protocol = route->protocol ? route->protocol : RTPROT_BGP;
	header->rtm_type = route->type ? route->type : RTN_UNICAST;
	if (route->nexthop_id)
		mnl_attr_put_u32(message, RTA_NH_ID, route->nexthop_id);
	if (route->ifindex[1]) {
		peer_put_hops(message, route);
	} else if (route->ifindex[0]) {
		mnl_attr_put_u32(message, RTA_OIF, route->ifindex[0]);
		if (route->gateway[0])
			peer_put_address(message, RTA_GATEWAY, route->gateway[0]);
	}
	return message->nlmsg_len;
}

void fpm_add_route(struct fpm_batch *batch, const struct fpm_route *route)
{
	struct nlmsghdr *message = peer_start(batch, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);

	peer_end(batch, peer_write_route(message, route));
}

void fpm_add_via(struct fpm_batch *batch, const char *prefix, const char *gateway, uint32_t ifindex)
{
	fpm_add_route(batch, &(struct fpm_route){
				     .prefix = prefix, .gateway = {gateway}, .ifindex = {ifindex}});
}

void fpm_delete_route(struct fpm_batch *batch, const char *prefix)
{
	struct nlmsghdr *message = peer_start(batch, RTM_DELROUTE, NLM_F_CREATE);
	struct rtmsg *header = peer_put_prefix(message, prefix, 254);

	header->rtm_protocol = RTPROT_BGP;
	peer_end(batch, message->nlmsg_len);
}

void fpm_update_route(struct fpm_batch *batch, const struct fpm_route *route)
{
	size_t start = batch->size, size;
	struct nlmsghdr *message;

	fpm_delete_route(batch, route->prefix);
	size = batch->size - start - HEADER;
	message = mnl_nlmsg_put_header(batch->bytes + batch->size);
	message->nlmsg_type = RTM_NEWROUTE;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE;
	size += peer_write_route(message, route);
	batch->size = start;
	peer_end(batch, size);
}

static struct nlmsghdr *peer_start_nexthop(struct fpm_batch *batch, uint16_t type, uint32_t id,
                                           uint8_t family)
{
	struct nlmsghdr *message = peer_start(batch, type, NLM_F_CREATE | NLM_F_REPLACE);
	struct nhmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

	header->nh_family = family;
	header->nh_protocol = RTPROT_ZEBRA;
	mnl_attr_put_u32(message, NHA_ID, id);
	return message;
}

void fpm_add_nexthop(struct fpm_batch *batch, uint32_t id, const char *gateway, uint32_t ifindex)
{
	bool wide = gateway && strchr(gateway, ':');
	struct nlmsghdr *message =
		peer_start_nexthop(batch, RTM_NEWNEXTHOP, id, wide ? AF_INET6 : AF_INET);

	if (!ifindex)
		mnl_attr_put(message, NHA_BLACKHOLE, 0, NULL);
	else
		mnl_attr_put_u32(message, NHA_OIF, ifindex);
	if (gateway)
		peer_put_address(message, NHA_GATEWAY, gateway);
	peer_end(batch, message->nlmsg_len);
}

void fpm_add_group(struct fpm_batch *batch, uint32_t id, const uint32_t *members, size_t count)
{
	struct nlmsghdr *message = peer_start_nexthop(batch, RTM_NEWNEXTHOP, id, AF_UNSPEC);
	struct nexthop_grp group[16] = {0};

	for (size_t i = 0; i < count; i++)
		group[i].id = members[i];
	mnl_attr_put(message, NHA_GROUP, count * sizeof(group[0]), group);
	peer_end(batch, message->nlmsg_len);
}

void fpm_delete_nexthop(struct fpm_batch *batch, uint32_t id)
{
	peer_end(batch, peer_start_nexthop(batch, RTM_DELNEXTHOP, id, AF_UNSPEC)->nlmsg_len);
}

void fpm_add_many(struct fpm_batch *batch, unsigned from, unsigned to, const char *gateway,
                  uint32_t ifindex)
{
	for (unsigned i = from; i < to; i++) {
		char prefix[32];
		const struct fpm_route route = {
			.prefix = prefix, .gateway = {gateway}, .ifindex = {ifindex}};

		snprintf(prefix, sizeof(prefix), "10.%u.%u.0/24", 16 + i / 256, i % 256);
		fpm_add_route(batch, &route);
	}
}

/* ---- the connection ---- */

static struct sockaddr_in peer_address(const char *address)
{
	struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(PORT)};

	cr_assert_eq(inet_pton(AF_INET, address, &peer.sin_addr), 1);
	return peer;
}

struct kernel_fpm_options fpm_options(double quiet, double hold)
{
	struct kernel_fpm_options options = {.address_size = sizeof(struct sockaddr_in),
	                                     .quiet_ns = (int64_t)(quiet * (double)NSEC_PER_SEC),
	                                     .hold_ns = (int64_t)(hold * (double)NSEC_PER_SEC)};
	struct sockaddr_in address = peer_address("127.0.0.1");

	memcpy(&options.address, &address, sizeof(address));
	return options;
}

int fpm_connect(const char *address)
{
	struct sockaddr_in peer = peer_address(address);
	int64_t deadline = clock_now() + 60 * NSEC_PER_SEC;

	for (;;) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		cr_assert_geq(fd, 0);
		if (connect(fd, (struct sockaddr *)&peer, sizeof(peer)) == 0)
			return fd;
		cr_assert_lt(clock_now(), deadline, "the publisher does not listen");
		close(fd);
		sched_yield();
	}
}

bool fpm_send_bytes(int fd, const void *bytes, size_t size)
{
	const uint8_t *at = bytes;

	while (size > 0) {
		ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return false;
		at += sent;
		size -= (size_t)sent;
	}
	return true;
}

void fpm_send(int fd, struct fpm_batch *batch)
{
	cr_assert(fpm_send_bytes(fd, batch->bytes, batch->size));
	batch->size = 0;
}

void fpm_wait_closed(int fd)
{
	struct pollfd waiting = {.fd = fd, .events = POLLIN};
	char byte;

	cr_assert_eq(poll(&waiting, 1, 60000), 1, "the publisher keeps the connection");
	cr_assert_leq(recv(fd, &byte, 1, 0), 0, "the publisher has sent something");
	close(fd);
}

/* ---- rows ---- */

static void peer_describe_hop(const struct kernel_hop *hop, char *ret, size_t size)
{
	char gateway[INET6_ADDRSTRLEN] = "-", name[IF_NAMESIZE] = "?";

	if (hop->family)
		inet_ntop(hop->family == 4 ? AF_INET : AF_INET6, hop->gateway, gateway,
		          sizeof(gateway));
	if_indextoname(hop->ifindex, name);
	snprintf(ret, size, " [%s %s %u]", gateway, name, hop->weight);
}

static void peer_describe(bool wide, const struct stele_row *row, char *ret, size_t size)
{
	static const uint8_t none[16];
	const struct kernel_hop *hops;
	struct kernel_route value;
	size_t count = kernel_route_read(wide, row, &value, &hops);
	char gateway[INET6_ADDRSTRLEN] = "-";

	if (memcmp(value.gateway4, none, 4) != 0)
		inet_ntop(AF_INET, value.gateway4, gateway, sizeof(gateway));
	else if (memcmp(value.gateway6, none, 16) != 0)
		inet_ntop(AF_INET6, value.gateway6, gateway, sizeof(gateway));
	snprintf(ret, size, "%s %.12s %.16s %s",
	         value.type == RTN_UNICAST     ? "unicast"
	         : value.type == RTN_BLACKHOLE ? "blackhole"
	                                       : "other",
	         value.protocol, value.interface, gateway);
	for (size_t i = 0; i < count; i++)
		peer_describe_hop(&hops[i], ret + strlen(ret), size - strlen(ret));
}

/* Describes the row of a prefix in the newest version. Returns the version. */
static uint64_t peer_read(struct stele_subscriber *subscriber, const char *prefix, char *ret,
                          size_t size)
{
	struct stele_snapshot *snapshot;
	struct stele_row row;
	uint8_t key[20] = {0, 0, 0, 254}, length;
	bool wide = peer_parse(prefix, key + 4, &length) == 16;
	uint64_t version;
	int r;

	cr_assert_eq(stele_snapshot_open(subscriber, 0, &snapshot), 0, "%s", stele_last_error());
	version = stele_snapshot_version(snapshot);
	r = stele_snapshot_get(snapshot, wide ? "fib6" : "fib4",
	                       kernel_schemas[wide ? KERNEL_FIB6 : KERNEL_FIB4], key, 32u + length,
	                       &row);
	cr_assert_geq(r, 0, "%s", stele_last_error());
	*ret = '\0';
	if (r == 1)
		peer_describe(wide, &row, ret, size);
	stele_snapshot_close(snapshot);
	return version;
}

uint64_t fpm_expect(struct stele_subscriber *subscriber, const char *prefix, const char *row)
{
	int64_t deadline = clock_now() + 60 * NSEC_PER_SEC;
	char text[512];

	for (;;) {
		uint64_t newer, version = peer_read(subscriber, prefix, text, sizeof(text));

		if (strcmp(text, row) == 0)
			return version;
		cr_assert_lt(clock_now(), deadline, "%s: expected \"%s\", found \"%s\"", prefix,
		             row, text);
		stele_subscriber_wait(subscriber, version, clock_now() + 50000000, &newer);
	}
}

uint64_t fpm_expect_status(struct stele_subscriber *subscriber, bool synced, const char *doubt)
{
	int64_t deadline = clock_now() + 60 * NSEC_PER_SEC;

	for (;;) {
		const struct kernel_status *status;
		struct stele_snapshot *snapshot;
		struct stele_row row;
		uint64_t version, newer;
		bool found;

		cr_assert_eq(stele_snapshot_open(subscriber, 0, &snapshot), 0, "%s",
		             stele_last_error());
		version = stele_snapshot_version(snapshot);
		cr_assert_eq(stele_snapshot_get(snapshot, "status", kernel_schemas[KERNEL_STATUS],
		                                "", 8, &row),
		             1);
		status = row.value;
		found = status->synced == synced &&
		        strncmp(status->doubt, doubt, strlen(doubt)) == 0;
		cr_assert(found || clock_now() < deadline,
		          "expected synced %d, \"%s\", found %d, \"%.48s\"", synced, doubt,
		          status->synced, status->doubt);
		stele_snapshot_close(snapshot);
		if (found)
			return version;
		stele_subscriber_wait(subscriber, version, clock_now() + 50000000, &newer);
	}
}

uint64_t fpm_count(struct stele_subscriber *subscriber, const char *table)
{
	struct stele_snapshot *snapshot;
	struct stele_table found;
	int64_t count;

	cr_assert_eq(stele_snapshot_open(subscriber, 0, &snapshot), 0, "%s", stele_last_error());
	cr_assert_eq(stele_table_open(snapshot, table, NULL, &found), 0, "%s", stele_last_error());
	count = (int64_t)stele_table_rows(&found);
	stele_snapshot_close(snapshot);
	return (uint64_t)count;
}

unsigned fpm_names(struct stele_subscriber *subscriber, enum kernel_table table, const char *name)
{
	size_t offset = table == KERNEL_ADDRESSES6 ? offsetof(struct kernel_address6, interface)
	                                           : offsetof(struct kernel_neighbour, interface);
	struct stele_snapshot *snapshot;
	struct stele_cursor *cursor;
	struct stele_table opened;
	struct stele_row row;
	unsigned count = 0;

	cr_assert_eq(stele_snapshot_open(subscriber, 0, &snapshot), 0, "%s", stele_last_error());
	cr_assert_eq(stele_table_open(snapshot, kernel_table_names[table], kernel_schemas[table],
	                              &opened),
	             0, "%s", stele_last_error());
	cr_assert_eq(stele_cursor_open(&opened, &cursor), 0, "%s", stele_last_error());
	while (stele_cursor_next(cursor, &row) == 1)
		count += strcmp((const char *)row.value + offset, name) == 0;
	stele_cursor_close(cursor);
	stele_snapshot_close(snapshot);
	return count;
}

static void peer_add_hop(const struct kernel_hop *hop, char *ret, size_t size)
{
	char gateway[INET6_ADDRSTRLEN] = "-", name[IF_NAMESIZE] = "?";

	if (hop->family)
		inet_ntop(hop->family == 4 ? AF_INET : AF_INET6, hop->gateway, gateway,
		          sizeof(gateway));
	if_indextoname(hop->ifindex, name);
	snprintf(ret + strlen(ret), size - strlen(ret), " %s %s", gateway, name);
}

void fpm_each(struct stele_subscriber *subscriber, bool wide,
              void (*take)(void *context, const char *route), void *context)
{
	enum kernel_table table = wide ? KERNEL_FIB6 : KERNEL_FIB4;
	struct stele_snapshot *snapshot;
	struct stele_cursor *cursor;
	struct stele_table found;
	struct stele_row row;

	cr_assert_eq(stele_snapshot_open(subscriber, 0, &snapshot), 0, "%s", stele_last_error());
	cr_assert_eq(stele_table_open(snapshot, kernel_table_names[table], kernel_schemas[table],
	                              &found),
	             0, "%s", stele_last_error());
	cr_assert_eq(stele_cursor_open(&found, &cursor), 0);
	while (stele_cursor_next(cursor, &row) == 1) {
		struct kernel_prefix prefix;
		struct kernel_entry entry;
		char line[160], address[INET6_ADDRSTRLEN];

		cr_assert_eq(kernel_list_decode(table, &row, &prefix, &entry), 0);
		inet_ntop(wide ? AF_INET6 : AF_INET, prefix.address, address, sizeof(address));
		snprintf(line, sizeof(line), "%s/%u", address, prefix.length);
		for (unsigned i = 0; i < entry.hops; i++)
			peer_add_hop(&kernel_entry_hops(&entry)[i], line, sizeof(line));
		free(entry.value);
		if (prefix.table == 254)
			take(context, line);
	}
	stele_cursor_close(cursor);
	stele_snapshot_close(snapshot);
}

int fpm_differences(const char *region, const char *table, uint64_t from, uint64_t to, char sign)
{
	const char *command = getenv("STELE") ? getenv("STELE") : "build/stele";
	char line[512], found;
	int lines = 0;
	FILE *diff;

	snprintf(line, sizeof(line), "%s diff %s/%s %llu %llu", command, region, table,
	         (unsigned long long)from, (unsigned long long)to);
	diff = popen(line, "r");
	cr_assert(diff);
	while (fgets(line, sizeof(line), diff))
		lines += sscanf(line, "%*u %c", &found) == 1 && found == sign;
	cr_assert_eq(pclose(diff), 0);
	return lines;
}
