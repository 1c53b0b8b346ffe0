/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/lwtunnel.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <stele/stele.h>
#include <stele/subscriber.h>

#include "lib/units.h"
#include "tools/fib/kernel_tables.h"

const char *const kernel_table_names[KERNEL_TABLES] = {
	[KERNEL_LINKS] = "links",
	[KERNEL_ADDRESSES4] = "addresses4",
	[KERNEL_ADDRESSES6] = "addresses6",
	[KERNEL_NEIGHBOURS4] = "neighbours4",
	[KERNEL_NEIGHBOURS6] = "neighbours6",
	[KERNEL_PROXIES4] = "proxies4",
	[KERNEL_PROXIES6] = "proxies6",
	[KERNEL_FDB] = "fdb",
	[KERNEL_FIB4] = "fib4",
	[KERNEL_FIB6] = "fib6",
	[KERNEL_ALTERNATIVES4] = "alternatives4",
	[KERNEL_ALTERNATIVES6] = "alternatives6",
	[KERNEL_NEXTHOPS] = "nexthops",
	[KERNEL_BUCKETS] = "buckets",
	[KERNEL_RULES4] = "rules4",
	[KERNEL_RULES6] = "rules6",
	[KERNEL_STATUS] = "status",
};

static const struct stele_column link_columns[] = {
	STELE_KEY("index", STELE_U32),
	STELE_VALUE(struct kernel_link, name, STELE_CHAR),
	STELE_VALUE(struct kernel_link, mac, STELE_MAC),
	STELE_VALUE(struct kernel_link, up, STELE_BOOL),
	STELE_VALUE(struct kernel_link, carrier, STELE_BOOL),
	STELE_VALUE(struct kernel_link, mtu, STELE_U32),
	STELE_VALUE(struct kernel_link, master, STELE_U32),
	STELE_VALUE(struct kernel_link, state, STELE_CHAR),
	STELE_VALUE(struct kernel_link, kind, STELE_CHAR),
	STELE_VALUE(struct kernel_link, group, STELE_U32),
	STELE_VALUE(struct kernel_link, table, STELE_U32),
};

/* The peer is part of the key, because an interface may have the same address twice, with different
 * peers. */
static const struct stele_column address4_columns[] = {
	STELE_KEY("index", STELE_U32),
	STELE_KEY("address", STELE_IPV4),
	STELE_KEY("length", STELE_U8),
	STELE_KEY("peer", STELE_IPV4),
	STELE_VALUE(struct kernel_address4, broadcast, STELE_IPV4),
	STELE_VALUE(struct kernel_address4, interface, STELE_CHAR),
	STELE_VALUE(struct kernel_address4, label, STELE_CHAR),
	STELE_VALUE(struct kernel_address4, scope, STELE_CHAR),
	STELE_VALUE(struct kernel_address4, secondary, STELE_BOOL),
	STELE_VALUE(struct kernel_address4, permanent, STELE_BOOL),
	STELE_VALUE(struct kernel_address4, deprecated, STELE_BOOL),
};

static const struct stele_column address6_columns[] = {
	STELE_KEY("index", STELE_U32),
	STELE_KEY("address", STELE_IPV6),
	STELE_KEY("length", STELE_U8),
	STELE_VALUE(struct kernel_address6, peer, STELE_IPV6),
	STELE_VALUE(struct kernel_address6, interface, STELE_CHAR),
	STELE_VALUE(struct kernel_address6, scope, STELE_CHAR),
	STELE_VALUE(struct kernel_address6, permanent, STELE_BOOL),
	STELE_VALUE(struct kernel_address6, tentative, STELE_BOOL),
	STELE_VALUE(struct kernel_address6, deprecated, STELE_BOOL),
	STELE_VALUE(struct kernel_address6, temporary, STELE_BOOL),
};

#define NEIGHBOUR_VALUES \
	STELE_VALUE(struct kernel_neighbour, mac, STELE_MAC), \
		STELE_VALUE(struct kernel_neighbour, interface, STELE_CHAR), \
		STELE_VALUE(struct kernel_neighbour, state, STELE_CHAR), \
		STELE_VALUE(struct kernel_neighbour, router, STELE_BOOL), \
		STELE_VALUE(struct kernel_neighbour, extern_learn, STELE_BOOL), \
		STELE_VALUE(struct kernel_neighbour, protocol, STELE_CHAR)

static const struct stele_column neighbour4_columns[] = {
	STELE_KEY("index", STELE_U32),
	STELE_KEY("address", STELE_IPV4),
	NEIGHBOUR_VALUES,
};

static const struct stele_column neighbour6_columns[] = {
	STELE_KEY("index", STELE_U32),
	STELE_KEY("address", STELE_IPV6),
	NEIGHBOUR_VALUES,
};

#define PROXY_VALUES \
	STELE_VALUE(struct kernel_proxy, interface, STELE_CHAR), \
		STELE_VALUE(struct kernel_proxy, router, STELE_BOOL), \
		STELE_VALUE(struct kernel_proxy, protocol, STELE_CHAR)

static const struct stele_column proxy4_columns[] = {
	STELE_KEY("index", STELE_U32),
	STELE_KEY("address", STELE_IPV4),
	PROXY_VALUES,
};

static const struct stele_column proxy6_columns[] = {
	STELE_KEY("index", STELE_U32),
	STELE_KEY("address", STELE_IPV6),
	PROXY_VALUES,
};

static const struct stele_word fdb_words[] = {
	{"dynamic", KERNEL_FDB_DYNAMIC},
	{"static", KERNEL_FDB_STATIC},
	{"permanent", KERNEL_FDB_PERMANENT},
};

/* The first column is the link that forwards by the entry: a bridge, or a VXLAN interface. */
static const struct stele_column fdb_columns[] = {
	STELE_KEY("link", STELE_U32),
	STELE_KEY("vlan", STELE_U16),
	STELE_KEY("source_vni", STELE_U32),
	STELE_KEY("mac", STELE_MAC),
	STELE_KEY("row", STELE_U16),
	STELE_VALUE(struct kernel_fdb, interface, STELE_CHAR),
	STELE_VALUE(struct kernel_fdb, ifindex, STELE_U32),
	{
		.name = "dst",
		.type = STELE_IPV4,
		.size = 4,
		.offset = offsetof(struct kernel_fdb, dst4),
	},
	STELE_VALUE(struct kernel_fdb, dst6, STELE_IPV6),
	STELE_VALUE(struct kernel_fdb, vni, STELE_U32),
	STELE_VALUE(struct kernel_fdb, port, STELE_U16),
	STELE_VALUE(struct kernel_fdb, via, STELE_U32),
	STELE_VALUE(struct kernel_fdb, nexthop_id, STELE_U32),
	STELE_VALUE_ENUM(struct kernel_fdb, state, STELE_U8, fdb_words),
	STELE_VALUE(struct kernel_fdb, self, STELE_BOOL),
	STELE_VALUE(struct kernel_fdb, extern_learn, STELE_BOOL),
	STELE_VALUE(struct kernel_fdb, offload, STELE_BOOL),
	STELE_VALUE(struct kernel_fdb, sticky, STELE_BOOL),
	STELE_VALUE(struct kernel_fdb, locked, STELE_BOOL),
};

static const struct stele_word type_words[] = {
	{"unspec", RTN_UNSPEC},
	{"unicast", RTN_UNICAST},
	{"local", RTN_LOCAL},
	{"broadcast", RTN_BROADCAST},
	{"anycast", RTN_ANYCAST},
	{"multicast", RTN_MULTICAST},
	{"blackhole", RTN_BLACKHOLE},
	{"unreachable", RTN_UNREACHABLE},
	{"prohibit", RTN_PROHIBIT},
	{"throw", RTN_THROW},
	{"nat", RTN_NAT},
	{"xresolve", RTN_XRESOLVE},
};

static const struct stele_word preference_words[] = {{"medium", 0}, {"high", 1}, {"low", 3}};

/* The numbers of newer kernels than the headers that this file is compiled with, too. */
static const struct stele_word encap_words[] = {
	{"none", LWTUNNEL_ENCAP_NONE},
	{"mpls", LWTUNNEL_ENCAP_MPLS},
	{"ip", LWTUNNEL_ENCAP_IP},
	{"ila", LWTUNNEL_ENCAP_ILA},
	{"ip6", LWTUNNEL_ENCAP_IP6},
	{"seg6", LWTUNNEL_ENCAP_SEG6},
	{"bpf", LWTUNNEL_ENCAP_BPF},
	{"seg6local", LWTUNNEL_ENCAP_SEG6_LOCAL},
	{"rpl", 8},
	{"ioam6", 9},
	{"xfrm", 10},
};

static const char *tables_word(const struct stele_word *words, size_t count, uint8_t number)
{
	for (size_t i = 0; i < count; i++)
		if (words[i].value == number)
			return words[i].name;
	return "other";
}

const char *kernel_type_word(uint8_t type)
{
	return tables_word(type_words, sizeof(type_words) / sizeof(type_words[0]), type);
}

const char *kernel_encap_word(uint8_t encap)
{
	return tables_word(encap_words, sizeof(encap_words) / sizeof(encap_words[0]), encap);
}

/* Columns of the tables of routes, in values that begin `at_` bytes into struct kernel_route: a
 * member with a name of its own, a member, an enumeration. */
#define ROUTE_COLUMN(at_, name_, member_, type_) \
	{ \
		.name = (name_), .type = (type_), \
		.size = sizeof(((struct kernel_route *)0)->member_), \
		.offset = offsetof(struct kernel_route, member_) - (at_) \
	}
#define ROUTE_MEMBER(at_, member_, type_) ROUTE_COLUMN(at_, #member_, member_, type_)
#define ROUTE_ENUM(at_, member_, words_) \
	{ \
		.name = #member_, .type = STELE_U8, .size = 1, \
		.offset = offsetof(struct kernel_route, member_) - (at_), .words = (words_), \
		.word_count = sizeof(words_) / sizeof((words_)[0]) \
	}
#define ROUTE_HOPS(at_) \
	{ \
		.name = "hops", .type = STELE_BYTES, \
		.offset = offsetof(struct kernel_route, hops) - (at_) \
	}
/* The columns of all four tables of routes, without those of the key of the tables of
 * alternatives. */
#define ROUTE_HOP(at_) \
	ROUTE_MEMBER(at_, interface, STELE_CHAR), ROUTE_MEMBER(at_, ifindex, STELE_U32), \
		ROUTE_ENUM(at_, type, type_words), ROUTE_MEMBER(at_, protocol, STELE_CHAR), \
		ROUTE_MEMBER(at_, scope, STELE_CHAR)
#define ROUTE_REST(at_) \
	ROUTE_MEMBER(at_, mtu, STELE_U32), ROUTE_MEMBER(at_, nexthop_id, STELE_U32), \
		ROUTE_MEMBER(at_, next_hops, STELE_U16), ROUTE_ENUM(at_, encap, encap_words), \
		ROUTE_MEMBER(at_, dead, STELE_BOOL), ROUTE_MEMBER(at_, linkdown, STELE_BOOL), \
		ROUTE_MEMBER(at_, onlink, STELE_BOOL), ROUTE_MEMBER(at_, offload, STELE_BOOL), \
		ROUTE_MEMBER(at_, attributes, STELE_U32), ROUTE_HOPS(at_)
#define ROUTE_BEST(at_) \
	ROUTE_MEMBER(at_, metric, STELE_U32), ROUTE_MEMBER(at_, order, STELE_U16), \
		ROUTE_MEMBER(at_, alternatives, STELE_U16)
#define ROUTE4 \
	ROUTE_COLUMN(KERNEL_ROUTE4_AT, "gateway", gateway4, STELE_IPV4), \
		ROUTE_MEMBER(KERNEL_ROUTE4_AT, gateway6, STELE_IPV6), ROUTE_HOP(KERNEL_ROUTE4_AT), \
		ROUTE_COLUMN(KERNEL_ROUTE4_AT, "source", source4, STELE_IPV4)
#define ROUTE6 \
	ROUTE_COLUMN(0, "gateway", gateway6, STELE_IPV6), ROUTE_HOP(0), \
		ROUTE_COLUMN(0, "source", source6, STELE_IPV6), \
		ROUTE_ENUM(0, preference, preference_words), ROUTE_MEMBER(0, expires, STELE_BOOL)
#define ROUTE_SCHEMA(at_, columns_) \
	{ \
		.columns = (columns_), .column_count = sizeof(columns_) / sizeof((columns_)[0]), \
		.value_size = offsetof(struct kernel_route, hops) - (at_) \
	}

static const struct stele_column fib4_columns[] = {
	STELE_KEY("table", STELE_U32), STELE_KEY("prefix", STELE_IPV4NET), ROUTE4,
	ROUTE_BEST(KERNEL_ROUTE4_AT),  ROUTE_REST(KERNEL_ROUTE4_AT),
};

static const struct stele_column fib6_columns[] = {
	STELE_KEY("table", STELE_U32),
	STELE_KEY("prefix", STELE_IPV6NET),
	ROUTE6,
	ROUTE_BEST(0),
	ROUTE_REST(0),
};

static const struct stele_column alternative4_columns[] = {
	STELE_KEY("table", STELE_U32),
	STELE_KEY("address", STELE_IPV4),
	STELE_KEY("length", STELE_U8),
	STELE_KEY("tos", STELE_U8),
	STELE_KEY("metric", STELE_U32),
	STELE_KEY("order", STELE_U16),
	ROUTE4,
	ROUTE_REST(KERNEL_ROUTE4_AT),
};

/* A route with a source prefix is only for packets from there. */
static const struct stele_column alternative6_columns[] = {
	STELE_KEY("table", STELE_U32),
	STELE_KEY("address", STELE_IPV6),
	STELE_KEY("length", STELE_U8),
	STELE_KEY("from", STELE_IPV6),
	STELE_KEY("from_length", STELE_U8),
	STELE_KEY("metric", STELE_U32),
	STELE_KEY("order", STELE_U16),
	ROUTE6,
	ROUTE_REST(0),
};

static const struct stele_column nexthop_columns[] = {
	STELE_KEY("id", STELE_U32),
	STELE_KEY("row", STELE_U16),
	{
		.name = "gateway",
		.type = STELE_IPV4,
		.size = 4,
		.offset = offsetof(struct kernel_nexthop, gateway4),
	},
	STELE_VALUE(struct kernel_nexthop, gateway6, STELE_IPV6),
	STELE_VALUE(struct kernel_nexthop, ifindex, STELE_U32),
	STELE_VALUE(struct kernel_nexthop, member, STELE_U32),
	STELE_VALUE(struct kernel_nexthop, weight, STELE_U16),
	STELE_VALUE_ENUM(struct kernel_nexthop, encap, STELE_U8, encap_words),
	STELE_VALUE(struct kernel_nexthop, blackhole, STELE_BOOL),
	STELE_VALUE(struct kernel_nexthop, bridge, STELE_BOOL),
	STELE_VALUE(struct kernel_nexthop, resilient, STELE_BOOL),
	STELE_VALUE(struct kernel_nexthop, buckets, STELE_U16),
	STELE_VALUE(struct kernel_nexthop, dead, STELE_BOOL),
	STELE_VALUE(struct kernel_nexthop, linkdown, STELE_BOOL),
	STELE_VALUE(struct kernel_nexthop, onlink, STELE_BOOL),
	STELE_VALUE(struct kernel_nexthop, protocol, STELE_CHAR),
	STELE_VALUE(struct kernel_nexthop, scope, STELE_CHAR),
};

static const struct stele_column bucket_columns[] = {
	STELE_KEY("id", STELE_U32),
	STELE_KEY("bucket", STELE_U16),
	STELE_VALUE(struct kernel_bucket, member, STELE_U32),
};

static const struct stele_word action_words[] = {
	{"unspec", FR_ACT_UNSPEC},       {"lookup", FR_ACT_TO_TBL},
	{"goto", FR_ACT_GOTO},           {"nop", FR_ACT_NOP},
	{"blackhole", FR_ACT_BLACKHOLE}, {"unreachable", FR_ACT_UNREACHABLE},
	{"prohibit", FR_ACT_PROHIBIT},
};

#define RULE_PREFIX(name_, type_, size_) \
	{ \
		.name = #name_, .type = (type_), .size = (size_), \
		.offset = offsetof(struct kernel_rule, name_) \
	}
#define RULE(net_, net_size_) \
	STELE_KEY("priority", STELE_U32), STELE_KEY("order", STELE_U32), \
		RULE_PREFIX(from, net_, net_size_), RULE_PREFIX(to, net_, net_size_), \
		STELE_VALUE(struct kernel_rule, iif, STELE_CHAR), \
		STELE_VALUE(struct kernel_rule, oif, STELE_CHAR), \
		STELE_VALUE(struct kernel_rule, mark, STELE_U32), \
		STELE_VALUE(struct kernel_rule, mask, STELE_U32), \
		STELE_VALUE(struct kernel_rule, tos, STELE_U8), \
		STELE_VALUE(struct kernel_rule, ip_protocol, STELE_U8), \
		STELE_VALUE(struct kernel_rule, sport_first, STELE_U16), \
		STELE_VALUE(struct kernel_rule, sport_last, STELE_U16), \
		STELE_VALUE(struct kernel_rule, dport_first, STELE_U16), \
		STELE_VALUE(struct kernel_rule, dport_last, STELE_U16), \
		STELE_VALUE(struct kernel_rule, uid_first, STELE_U32), \
		STELE_VALUE(struct kernel_rule, uid_last, STELE_U32), \
		STELE_VALUE(struct kernel_rule, invert, STELE_BOOL), \
		STELE_VALUE(struct kernel_rule, other, STELE_BOOL), \
		STELE_VALUE_ENUM(struct kernel_rule, action, STELE_U8, action_words), \
		STELE_VALUE(struct kernel_rule, table, STELE_U32), \
		STELE_VALUE(struct kernel_rule, target, STELE_U32), \
		STELE_VALUE(struct kernel_rule, l3mdev, STELE_BOOL), \
		STELE_VALUE(struct kernel_rule, suppress_prefixlength, STELE_I32), \
		STELE_VALUE(struct kernel_rule, suppress_ifgroup, STELE_I32), \
		STELE_VALUE(struct kernel_rule, protocol, STELE_CHAR)

static const struct stele_column rule4_columns[] = {
	RULE(STELE_IPV4NET, sizeof(struct stele_ipv4net)),
};
static const struct stele_column rule6_columns[] = {
	RULE(STELE_IPV6NET, sizeof(struct stele_ipv6net)),
};

static const struct stele_column status_columns[] = {
	STELE_KEY("id", STELE_U8),
	STELE_VALUE(struct kernel_status, synced, STELE_BOOL),
	STELE_VALUE(struct kernel_status, since, STELE_TIME),
	STELE_VALUE(struct kernel_status, doubt, STELE_CHAR),
	STELE_VALUE(struct kernel_status, losses, STELE_U64),
	STELE_VALUE(struct kernel_status, dumps, STELE_U64),
	STELE_VALUE(struct kernel_status, reads, STELE_U64),
	STELE_VALUE(struct kernel_status, messages, STELE_U64),
	STELE_VALUE(struct kernel_status, refused, STELE_U64),
	STELE_VALUE(struct kernel_status, lock, STELE_U64),
};

static const struct stele_schema links = STELE_SCHEMA(struct kernel_link, link_columns);
static const struct stele_schema addresses4 =
	STELE_SCHEMA(struct kernel_address4, address4_columns);
static const struct stele_schema addresses6 =
	STELE_SCHEMA(struct kernel_address6, address6_columns);
static const struct stele_schema neighbours4 =
	STELE_SCHEMA(struct kernel_neighbour, neighbour4_columns);
static const struct stele_schema neighbours6 =
	STELE_SCHEMA(struct kernel_neighbour, neighbour6_columns);
static const struct stele_schema proxies4 = STELE_SCHEMA(struct kernel_proxy, proxy4_columns);
static const struct stele_schema proxies6 = STELE_SCHEMA(struct kernel_proxy, proxy6_columns);
static const struct stele_schema fdb = STELE_SCHEMA(struct kernel_fdb, fdb_columns);
static const struct stele_schema fib4 = ROUTE_SCHEMA(KERNEL_ROUTE4_AT, fib4_columns);
static const struct stele_schema fib6 = ROUTE_SCHEMA(0, fib6_columns);
static const struct stele_schema alternatives4 =
	ROUTE_SCHEMA(KERNEL_ROUTE4_AT, alternative4_columns);
static const struct stele_schema alternatives6 = ROUTE_SCHEMA(0, alternative6_columns);
static const struct stele_schema nexthops = STELE_SCHEMA(struct kernel_nexthop, nexthop_columns);
static const struct stele_schema buckets = STELE_SCHEMA(struct kernel_bucket, bucket_columns);
static const struct stele_schema rules4 = STELE_SCHEMA(struct kernel_rule, rule4_columns);
static const struct stele_schema rules6 = STELE_SCHEMA(struct kernel_rule, rule6_columns);
static const struct stele_schema mirror_status = STELE_SCHEMA(struct kernel_status, status_columns);

const struct stele_schema *const kernel_schemas[KERNEL_TABLES] = {
	[KERNEL_LINKS] = &links,
	[KERNEL_ADDRESSES4] = &addresses4,
	[KERNEL_ADDRESSES6] = &addresses6,
	[KERNEL_NEIGHBOURS4] = &neighbours4,
	[KERNEL_NEIGHBOURS6] = &neighbours6,
	[KERNEL_PROXIES4] = &proxies4,
	[KERNEL_PROXIES6] = &proxies6,
	[KERNEL_FDB] = &fdb,
	[KERNEL_FIB4] = &fib4,
	[KERNEL_FIB6] = &fib6,
	[KERNEL_ALTERNATIVES4] = &alternatives4,
	[KERNEL_ALTERNATIVES6] = &alternatives6,
	[KERNEL_NEXTHOPS] = &nexthops,
	[KERNEL_BUCKETS] = &buckets,
	[KERNEL_RULES4] = &rules4,
	[KERNEL_RULES6] = &rules6,
	[KERNEL_STATUS] = &mirror_status,
};

int kernel_tables_find(struct stele_transaction *tx, struct stele_writable *tables[KERNEL_TABLES])
{
	int r = 0;

	for (int i = 0; i < KERNEL_TABLES && r >= 0; i++)
		r = stele_writable_open(tx, kernel_table_names[i], NULL, &tables[i]);
	return r;
}

int kernel_tables_open(struct stele_transaction *tx, struct stele_writable *tables[KERNEL_TABLES])
{
	int r = 0, created = 0;

	for (int i = 0; i < KERNEL_TABLES && r >= 0; i++) {
		r = stele_transaction_ensure_table(tx, kernel_table_names[i], kernel_schemas[i]);
		created |= r == 1;
	}
	if (r >= 0)
		r = kernel_tables_find(tx, tables);
	return r < 0 ? r : created;
}

/* ---- the values of routes ---- */

static size_t tables_route_at(bool wide)
{
	return wide ? 0 : KERNEL_ROUTE4_AT;
}

size_t kernel_route_read(bool wide, const struct stele_row *row, struct kernel_route *ret,
                         const struct kernel_hop **ret_hops)
{
	size_t at = tables_route_at(wide), size = offsetof(struct kernel_route, hops) - at;

	memset(ret, 0, sizeof(*ret));
	memcpy((uint8_t *)ret + at, row->value, size);
	*ret_hops = (const void *)((const uint8_t *)row->value + size);
	return (row->value_size - size) / sizeof(**ret_hops);
}

const void *kernel_route_value(bool wide, const struct kernel_route *route, size_t *ret_size)
{
	size_t at = tables_route_at(wide);

	*ret_size = offsetof(struct kernel_route, hops) - at;
	return (const uint8_t *)route + at;
}

void kernel_route_source(const struct kernel_route *route, uint8_t ret[16])
{
	/* A route has the member of its family only. */
	memcpy(ret, route->source6, 16);
	for (int i = 0; i < 4; i++)
		ret[i] |= route->source4[i];
}

/* ---- the space of the region ---- */

/* How many rows are put between two looks at the memory. */
#define SPACE_UNCHECKED 32
/* Nanoseconds after which refused rows are tried with a larger budget: at first, and at most. */
#define SPACE_RETRY_NS     (5 * NSEC_PER_SEC)
#define SPACE_RETRY_MAX_NS (600 * NSEC_PER_SEC)

int64_t kernel_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

/* Returns the bytes in use, but for those that history would give up. */
static uint64_t tables_space_used(const struct kernel_space *space)
{
	struct stele_publisher_stats stats = {.size = sizeof(stats)};

	return stele_publisher_describe(space->publisher, &stats) == 0
	               ? stats.arena_used - stats.history_used
	               : 0;
}

int kernel_space_put(struct kernel_space *space, struct stele_writable *table, const void *key,
                     unsigned key_bits, const void *value, size_t size)
{
	int r = -ENOSPC;

	if (space->budget && space->unchecked-- == 0) {
		space->full = tables_space_used(space) > space->budget;
		space->unchecked = SPACE_UNCHECKED;
	}
	if (!space->budget || !space->full) {
		r = stele_writable_put(table, key, key_bits, value, size);
		if (r == -ENOSPC && !space->denied)
			space->denied = tables_space_used(space);
	}
	if (r == -ENOSPC)
		space->refused++;
	return r;
}

void kernel_space_shrink(struct kernel_space *space)
{
	struct stele_publisher_stats stats = {.size = sizeof(stats)};

	if (!space->budget && stele_publisher_describe(space->publisher, &stats) == 0)
		space->budget = stats.arena_size;
	space->budget -= space->budget / 8;
	space->unchecked = 0;
	if (!space->retry_ns)
		space->retry_ns = SPACE_RETRY_NS;
	space->failed = true;
	space->retry_at = kernel_now() + space->retry_ns;
	/* Pages that are partly in use give no space to a commit. */
	(void)stele_publisher_compact(space->publisher);
}

/* Returns the bytes in use below which rows fit that were refused. */
static uint64_t tables_space_limit(const struct kernel_space *space)
{
	uint64_t limit = space->budget;

	if (space->denied && (!limit || space->denied < limit))
		limit = space->denied;
	return limit - limit / 8;
}

bool kernel_space_may_fit(struct kernel_space *space)
{
	int64_t now = kernel_now();
	bool deleted;

	if (!space->refused) {
		space->retry_ns = 0;
		space->denied = 0;
		return false;
	}
	if (now < space->looked_at + NSEC_PER_SEC)
		return false;
	space->looked_at = now;
	/* Rows were refused, but no transaction has failed. */
	if (!space->retry_ns) {
		space->retry_ns = SPACE_RETRY_NS;
		space->retry_at = now + space->retry_ns;
	}
	deleted = tables_space_used(space) < tables_space_limit(space);
	if (!deleted && now < space->retry_at)
		return false;
	if (!deleted) {
		/* Twice the time if the last attempt was in vain. */
		if ((space->failed || space->denied) && space->retry_ns < SPACE_RETRY_MAX_NS)
			space->retry_ns *= 2;
		space->failed = false;
		space->budget += space->budget / 2;
		space->retry_at = now + space->retry_ns;
	}
	space->denied = 0;
	space->unchecked = 0;
	return true;
}
