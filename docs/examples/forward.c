/* SPDX-License-Identifier: MIT */
/* forward.c: reads IPv4 addresses, one a line, and prints the next hop that a packet to each would
 * take, by the routes that `stele publish net --kernel-routes` mirrors. */
#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <stele/lpm.h>
#include <stele/stele.h>

/* tools/fib/kernel_tables.h explains the members. */
struct hop {
	uint8_t gateway[16];
	uint32_t ifindex;
	uint16_t weight;
	uint8_t family, encap;
	bool dead, linkdown, onlink, offload;
};

struct route {
	uint8_t source[4], gateway[4], gateway6[16];
	uint32_t ifindex, metric, nexthop_id, mtu, attributes;
	uint16_t alternatives, order, next_hops;
	uint8_t type, encap;
	bool dead, linkdown, onlink, offload;
	char interface[16], protocol[12], scope[8];
	struct hop hops[]; /* empty if there is only one, which is in the members above */
};

static const struct stele_column columns[] = {
	STELE_KEY("table", STELE_U32),
	STELE_KEY("prefix", STELE_IPV4NET),
	STELE_VALUE(struct route, gateway, STELE_IPV4),
	STELE_VALUE(struct route, gateway6, STELE_IPV6),
	STELE_VALUE(struct route, interface, STELE_CHAR),
	STELE_VALUE(struct route, ifindex, STELE_U32),
	STELE_VALUE(struct route, type, STELE_U8),
	STELE_VALUE(struct route, protocol, STELE_CHAR),
	STELE_VALUE(struct route, scope, STELE_CHAR),
	STELE_VALUE(struct route, source, STELE_IPV4),
	STELE_VALUE(struct route, metric, STELE_U32),
	STELE_VALUE(struct route, order, STELE_U16),
	STELE_VALUE(struct route, alternatives, STELE_U16),
	STELE_VALUE(struct route, mtu, STELE_U32),
	STELE_VALUE(struct route, nexthop_id, STELE_U32),
	STELE_VALUE(struct route, next_hops, STELE_U16),
	STELE_VALUE(struct route, encap, STELE_U8),
	STELE_VALUE(struct route, dead, STELE_BOOL),
	STELE_VALUE(struct route, linkdown, STELE_BOOL),
	STELE_VALUE(struct route, onlink, STELE_BOOL),
	STELE_VALUE(struct route, offload, STELE_BOOL),
	STELE_VALUE(struct route, attributes, STELE_U32),
	STELE_VALUE_VARIABLE(struct route, hops, STELE_BYTES),
};
static const struct stele_schema schema = STELE_SCHEMA_VARIABLE(struct route, hops, columns);

/* A next-hop object. A group has a row for each member. */
struct nexthop {
	uint8_t gateway6[16], gateway[4];
	uint32_t ifindex, member;
	uint16_t weight, buckets;
	uint8_t encap;
	bool blackhole, bridge, resilient, dead, linkdown, onlink;
	char protocol[12], scope[8];
};

static const struct stele_column nexthop_columns[] = {
	STELE_KEY("id", STELE_U32),
	STELE_KEY("row", STELE_U16),
	STELE_VALUE(struct nexthop, gateway, STELE_IPV4),
	STELE_VALUE(struct nexthop, gateway6, STELE_IPV6),
	STELE_VALUE(struct nexthop, ifindex, STELE_U32),
	STELE_VALUE(struct nexthop, member, STELE_U32),
	STELE_VALUE(struct nexthop, weight, STELE_U16),
	STELE_VALUE(struct nexthop, encap, STELE_U8),
	STELE_VALUE(struct nexthop, blackhole, STELE_BOOL),
	STELE_VALUE(struct nexthop, bridge, STELE_BOOL),
	STELE_VALUE(struct nexthop, resilient, STELE_BOOL),
	STELE_VALUE(struct nexthop, buckets, STELE_U16),
	STELE_VALUE(struct nexthop, dead, STELE_BOOL),
	STELE_VALUE(struct nexthop, linkdown, STELE_BOOL),
	STELE_VALUE(struct nexthop, onlink, STELE_BOOL),
	STELE_VALUE(struct nexthop, protocol, STELE_CHAR),
	STELE_VALUE(struct nexthop, scope, STELE_CHAR),
};
static const struct stele_schema nexthop_schema = STELE_SCHEMA(struct nexthop, nexthop_columns);

/* Two routing tables: local, then main, as the kernel's standard rules say. Zero: closed. */
static const uint8_t tables[2][4] = {{0, 0, 0, 255}, {0, 0, 0, 254}};
static struct stele_lpm *indexes[2];
static struct stele_snapshot *current;

/* Moves both indexes to the newest version. The cost depends on what has changed. */
static int move(struct stele_subscriber *subscriber)
{
	struct stele_snapshot *newer;
	struct stele_table fib;
	int r = stele_snapshot_open(subscriber, 0, &newer);

	if (r < 0)
		return r;
	r = stele_table_open(newer, "fib4", &schema, &fib);
	for (int i = 0; i < 2 && r >= 0; i++)
		r = indexes[i] ? stele_lpm_move(indexes[i], &fib)
		               : stele_lpm_open_under(&fib, tables[i], 32, NULL, 0, &indexes[i]);
	if (r < 0) {
		stele_snapshot_close(newer);
		return r;
	}
	if (current)
		stele_snapshot_close(current);
	current = newer;
	return 0;
}

/* Picks a next hop for a flow. Each hop that is not dead gets a share of the flows by its weight,
 * and keeps its flows while the hops stay as they are. Returns NULL if all are dead. */
static const struct hop *pick(const struct hop *hops, size_t count, uint32_t flow)
{
	uint64_t total = 0, at;

	for (size_t i = 0; i < count; i++)
		total += hops[i].dead ? 0 : hops[i].weight;
	at = (flow * total) >> 32;
	for (size_t i = 0; i < count; i++) {
		if (hops[i].dead)
			continue;
		if (at < hops[i].weight)
			return &hops[i];
		at -= hops[i].weight;
	}
	return NULL;
}

static void set_gateway(struct hop *hop, const uint8_t gateway[4], const uint8_t gateway6[16])
{
	static const uint8_t none[16];

	if (memcmp(gateway, none, 4) != 0) {
		hop->family = 4;
		memcpy(hop->gateway, gateway, 4);
	} else if (memcmp(gateway6, none, 16) != 0) {
		hop->family = 6; /* RFC 5549: an IPv6 router for IPv4 packets */
		memcpy(hop->gateway, gateway6, 16);
	}
}

/* Reads a row of a next-hop object. Returns 1, 0 if there is none, or a negative errno. */
static int read_nexthop(uint32_t id, uint16_t number, struct nexthop *ret)
{
	uint8_t key[6] = {(uint8_t)(id >> 24), (uint8_t)(id >> 16),    (uint8_t)(id >> 8),
	                  (uint8_t)id,         (uint8_t)(number >> 8), (uint8_t)number};
	struct stele_row row;
	int r = stele_snapshot_get(current, "nexthops", &nexthop_schema, key, 48, &row);

	if (r == 1)
		memcpy(ret, row.value, sizeof(*ret));
	return r;
}

/* Finds the hops of a next-hop object. A route has none of its own if it uses an object, and
 * net.ipv4.nexthop_compat_mode is 0. Returns their number, or a negative errno. */
static int resolve(uint32_t id, struct hop *ret, int max)
{
	int r = 1, count = 0;

	while (count < max) {
		struct nexthop row, member;

		r = read_nexthop(id, (uint16_t)count, &row);
		member = row;
		if (r == 1 && row.member)
			r = read_nexthop(row.member, 0, &member);
		if (r != 1)
			break;
		ret[count] = (struct hop){.ifindex = member.ifindex,
		                          .weight = row.weight,
		                          .encap = member.encap,
		                          .dead = member.dead || member.blackhole};
		set_gateway(&ret[count++], member.gateway, member.gateway6);
	}
	return r < 0 ? r : count;
}

/* A forwarder hashes addresses, protocol and ports of a packet; here only the destination. */
static uint32_t hash(const uint8_t address[4])
{
	uint32_t value = 2166136261u;

	for (int i = 0; i < 4; i++)
		value = (value ^ address[i]) * 16777619u;
	return (value ^ value >> 15) * 2654435761u;
}

static void print_hop(const struct hop *hop)
{
	char gateway[INET6_ADDRSTRLEN];

	if (hop->encap) /* the packet would have to be wrapped first */
		printf("encapsulation %u", hop->encap);
	else if (!hop->ifindex) /* nexthop_compat_mode is 0: see the table nexthops */
		printf("through a next-hop object");
	else if (!hop->family)
		printf("on link %u", hop->ifindex);
	else
		printf("via %s on link %u",
		       inet_ntop(hop->family == 4 ? AF_INET : AF_INET6, hop->gateway, gateway,
		                 sizeof(gateway)),
		       hop->ifindex);
}

static int print_route(const struct stele_row *row, const uint8_t address[4])
{
	const struct route *route = row->value;
	int count = (int)((row->value_size - offsetof(struct route, hops)) / sizeof(struct hop));
	const struct hop *hops = route->hops, *hop;
	struct hop only = {.ifindex = route->ifindex, .encap = route->encap}, resolved[64];

	if (route->type != RTN_UNICAST) {
		printf(route->type == RTN_LOCAL ? "for this machine" : "not forwarded");
		return 0;
	}
	if (route->next_hops == 0 && route->nexthop_id) {
		hops = resolved;
		count = resolve(route->nexthop_id, resolved, 64);
		if (count < 0)
			return count;
	}
	if (hops == resolved || count > 0) {
		hop = pick(hops, (size_t)count, hash(address));
		hop ? print_hop(hop) : (void)printf("no next hop lives");
		return 0;
	}
	set_gateway(&only, route->gateway, route->gateway6);
	print_hop(&only);
	return 0;
}

static int forward(const uint8_t address[4])
{
	for (int i = 0; i < 2; i++) {
		struct stele_row row;
		uint32_t answer;
		int r = stele_lpm_match(indexes[i], address, &answer);

		if (r == 1)
			r = stele_lpm_row(indexes[i], answer, &row);
		if (r < 0)
			return r;
		/* A route of type throw: the next table decides. */
		if (r == 0 || ((const struct route *)row.value)->type == RTN_THROW)
			continue;
		r = print_route(&row, address);
		return r < 0 ? r : stele_snapshot_check(current);
	}
	printf("no route");
	return 0;
}

int main(int argc, char **argv)
{
	struct stele_subscriber *subscriber;
	uint8_t address[4];
	char line[64];
	int r;

	if (stele_subscriber_open(argc > 1 ? argv[1] : "net", NULL, &subscriber) < 0 ||
	    move(subscriber) < 0)
		goto failed;
	while (fgets(line, sizeof(line), stdin)) {
		uint64_t version = stele_snapshot_version(current);

		line[strcspn(line, "\n")] = '\0';
		if (inet_pton(AF_INET, line, address) != 1)
			continue;
		r = stele_subscriber_wait(subscriber, version, 0, &version);
		if (r == 1)
			r = move(subscriber);
		if (r >= 0) {
			printf("%s: ", line);
			r = forward(address);
			putchar('\n');
		}
		if (r < 0)
			goto failed;
		fflush(stdout);
	}
	for (int i = 0; i < 2; i++)
		stele_lpm_close(indexes[i]);
	stele_snapshot_close(current);
	stele_subscriber_close(subscriber);
	return 0;
failed:
	fprintf(stderr, "forward: %s\n", stele_last_error());
	return 1;
}
