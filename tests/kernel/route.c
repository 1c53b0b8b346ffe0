/* SPDX-License-Identifier: MIT
 *
 * `stele route' against the kernel: random rules and routes, and random packets. After each round
 * the route that the command finds must be the one that `ip route get ... fibmatch' finds. Needs
 * root. Many kernels have no VRFs, so their rules are tested with a region that the test fills.
 *
 * STELE_KERNEL_ROUNDS is the number of rounds for each family, STELE_KERNEL_SEED the seed. */
#include <arpa/inet.h>
#include <jansson.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <stele/stele.h>

#include "tools/fib/kernel_rows.h"
#include "tests/support/kernel_source.h"
#include "tools/fib/kernel_tables.h"
#include "tests/support/random.h"

static unsigned random_below(uint64_t *state, unsigned limit)
{
	return (unsigned)(random_from(state) % limit);
}

#define PICK(words_) (words_)[random_below(state, (unsigned)(sizeof(words_) / sizeof((words_)[0])))]

/* ---- changes ---- */

static const char *const tables[] = {"main", "main", "77", "78", "1000"};

static void route_change(uint64_t *state, bool wide, FILE *batch)
{
	static const char *const verbs[] = {"replace", "replace", "replace", "del"};
	static const char *const types[] = {"throw",   "throw",   "blackhole", "unreachable",
	                                    "unicast", "unicast", "prohibit",  "unicast",
	                                    "unicast", "unicast", "unicast"};
	const char *verb = PICK(verbs), *type = PICK(types), *table = PICK(tables);
	unsigned at = random_below(state, 3), length = random_below(state, 4);
	unsigned link = random_below(state, 2), gateway = 2 + random_below(state, 4);

	fprintf(batch, "route %s %s ", verb, type);
	if (length == 0)
		fprintf(batch, "default");
	else if (wide)
		fprintf(batch, "fd32:%x::/%u", length == 1 ? 0 : at, 16 * length);
	else
		fprintf(batch, "10.%u.0.0/%u", length == 1 ? 32 : 32 + at, 8 + 4 * length);
	/* See docs/design/kernel.md for why not for other prefixes. */
	if (wide && length == 0 && random_below(state, 3) > 0)
		fprintf(batch, " from fd77::/%u", 16 + 16 * random_below(state, 3));
	if (strcmp(type, "unicast") == 0)
		fprintf(batch, wide ? " via fd0%u::%u" : " via 10.0.%u.%u", link, gateway);
	fprintf(batch, " table %s metric 5\n", table);
}

static void rule_change(uint64_t *state, bool wide, FILE *batch)
{
	static const char *const conditions4[] = {
		"",         "from 192.0.2.0/24", "from 192.0.0.0/8",  "to 10.32.0.0/14",
		"fwmark 3", "to 10.33.0.0/16",   "from 192.0.2.7/32", "iif d0",
		"iif lo",   "fwmark 2/6",        "iif missing",       "oif d1",
		"tos 8",    "ipproto 6",         "sport 53",          "l3mdev",
		"from all", "iif d1 fwmark 1/1", "to 10.0.0.0/8",     "uidrange 0-9",
	};
	static const char *const conditions6[] = {
		"",         "from fd77::/64",    "from fd00::/8", "to fd32::/16",
		"fwmark 3", "to fd32:1::/32",    "from fd77::7",  "iif d0",
		"iif lo",   "fwmark 2/6",        "iif missing",   "oif d1",
		"tos 8",    "ipproto 6",         "dport 5-9",     "l3mdev",
		"from all", "iif d1 fwmark 1/1", "to fd32::/32",  "uidrange 7-9",
	};
	static const char *const actions[] = {"blackhole", "unreachable", "prohibit", "nop", "nop"};
	unsigned priority = 1 + random_below(state, 12), kind = random_below(state, 12);
	const char *condition = wide ? PICK(conditions6) : PICK(conditions4);
	const char *table = PICK(tables);
	const char *not = random_below(state, 5) == 0 ? "not" : "";

	if (strcmp(condition, "l3mdev") == 0) {
		fprintf(batch, "rule add l3mdev priority %u\n", priority);
		return;
	}
	if (random_below(state, 3) == 0) {
		fprintf(batch, "rule del priority %u\n", priority);
		return;
	}
	fprintf(batch, "rule add %s %s priority %u ", not, condition, priority);
	if (kind == 0)
		fprintf(batch, "%s\n", PICK(actions));
	else if (kind <= 2)
		fprintf(batch, "goto %u\n", priority + 1 + random_below(state, 4));
	else if (kind <= 4)
		fprintf(batch, "lookup %s suppress_prefixlength %u\n", table,
		        wide ? 16 * random_below(state, 3) : 12 + 4 * random_below(state, 2));
	else if (kind == 5)
		fprintf(batch, "lookup %s suppress_ifgroup %u\n", table, random_below(state, 3));
	else
		fprintf(batch, "lookup %s\n", table);
}

/* ---- packets ---- */

static json_t *run_json(const char *command)
{
	json_error_t error;
	json_t *found;
	FILE *pipe = popen(command, "r");

	cr_assert(pipe);
	found = json_loadf(pipe, 0, &error);
	pclose(pipe);
	return found;
}

static const char *member(const json_t *object, const char *name, const char *otherwise)
{
	const json_t *value = json_object_get(object, name);

	return json_is_string(value) ? json_string_value(value) : otherwise;
}

/* Formats the route that the kernel takes as `PREFIX TYPE GATEWAY'. */
static void kernel_takes(const char *command, bool wide, char ret[128])
{
	json_t *all = run_json(command), *route = json_array_get(all, 0);
	const char *to = member(route, "dst", "");

	snprintf(ret, 128, "(none)");
	if (route && strcmp(to, "default") == 0)
		to = wide ? "::/0" : "0.0.0.0/0";
	if (route)
		snprintf(ret, 128, "%s%s %s %s", to,
		         strchr(to, '/') ? ""
		         : wide          ? "/128"
		                         : "/32",
		         member(route, "type", "unicast"), member(route, "gateway", "-"));
	json_decref(all);
}

static void command_takes(const char *command, char ret[128])
{
	json_t *all = run_json(command), *last = json_array_get(all, json_array_size(all) - 1);

	snprintf(ret, 128, "(none)");
	if (strcmp(member(last, "result", ""), "taken") == 0)
		snprintf(ret, 128, "%s %s %s", member(last, "prefix", ""), member(last, "type", ""),
		         member(json_array_get(json_object_get(last, "hops"), 0), "gateway", "-"));
	json_decref(all);
}

/* Compares the routes of a random packet. Returns true if there is one. */
static bool check_packet(uint64_t *state, bool wide, const char *step)
{
	const char *stele = getenv("STELE") ? getenv("STELE") : "build/stele";
	bool forwarded = random_below(state, 2);
	char to[40], from[40] = "", command[300], want[128], have[128];
	unsigned mark = random_below(state, 8), link = random_below(state, 2);

	snprintf(to, sizeof(to), wide ? "fd32:%x::%u" : "10.%u.0.%u",
	         wide ? random_below(state, 4) : 32 + random_below(state, 4),
	         1 + random_below(state, 3));
	/* The kernel takes no packet from its own addresses, nor sends one from another. */
	if (forwarded)
		snprintf(from, sizeof(from), wide ? "fd77:%u::%u" : "192.0.%u.%u",
		         random_below(state, 2) * (wide ? 1 : 2), 7 + random_below(state, 2));
	else if (random_below(state, 2))
		snprintf(from, sizeof(from), wide ? "fd0%u::1" : "10.0.%u.1", link);
	snprintf(command, sizeof(command),
	         "ip -json %s route get %s fibmatch %s %s %s mark %u 2>/dev/null",
	         wide ? "-6" : "-4", to, *from ? "from" : "", from,
	         !forwarded ? ""
	         : link     ? "iif d1"
	                    : "iif d0",
	         mark);
	kernel_takes(command, wide, want);
	snprintf(command, sizeof(command),
	         "%s route %s %s --format json %s%s %s --mark %u 2>/dev/null", stele, kernel_region,
	         to, *from ? "--from=" : "", from,
	         !forwarded ? ""
	         : link     ? "--iif=d1"
	                    : "--iif=d0",
	         mark);
	command_takes(command, have);
	cr_assert_str_eq(have, want, "%s: %s: the kernel takes %s, not %s", step, command, want,
	                 have);
	return strcmp(want, "(none)") != 0;
}

/* ---- the tests ---- */

static void prepare(bool wide)
{
	if (system("echo 1 >/proc/sys/net/ipv4/ip_forward;"
	           "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding;"
	           "for i in all d0 d1; do echo 0 >/proc/sys/net/ipv4/conf/$i/rp_filter; done") !=
	    0)
		cr_skip_test("the namespace cannot be prepared");
	kernel_ip("link set d1 group 2");
	if (wide) {
		kernel_ip("address add fd01::1/64 dev d1 nodad");
		kernel_ip("-6 route add fd32:3::/48 from fd77::/64 via fd00::9 table 78");
	}
	for (unsigned i = 0; i < 2; i++)
		kernel_ip(wide ? "-6 rule add lookup %u priority %u"
		               : "rule add lookup %u priority %u",
		          77 + i, 30 + i);
}

static void run_rounds(bool wide)
{
	const char *count = getenv("STELE_KERNEL_ROUNDS"), *given = getenv("STELE_KERNEL_SEED");
	unsigned rounds = count ? (unsigned)strtoul(count, NULL, 10) : 60;
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : 20261130, routes = 0;
	uint64_t random_state = seed, *state = &random_state;
	struct stele_subscriber *subscriber;

	prepare(wide);
	kernel_source_start(0);
	subscriber = kernel_subscribe();
	for (unsigned i = 0; i < rounds; i++) {
		FILE *batch = popen(wide ? "ip -6 -force -batch - >/dev/null 2>&1"
		                         : "ip -4 -force -batch - >/dev/null 2>&1",
		                    "w");
		char step[64];

		cr_assert(batch);
		for (unsigned j = 0; j < 4; j++)
			route_change(state, wide, batch);
		for (unsigned j = 0; j < 3; j++)
			rule_change(state, wide, batch);
		pclose(batch);
		snprintf(step, sizeof(step), "seed %u, round %u", seed, i);
		kernel_wait_agreement(subscriber, step);
		for (unsigned j = 0; j < 4; j++)
			routes += check_packet(state, wide, step);
	}
	cr_assert_gt(routes, rounds / 2, "too few packets have a route for this test");
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
}

Test(kernel_route, ipv4, .init = kernel_setup, .fini = kernel_teardown, .timeout = 36000)
{
	run_rounds(false);
}

Test(kernel_route, ipv6, .init = kernel_setup, .fini = kernel_teardown, .timeout = 36000)
{
	run_rounds(true);
}

/* ---- VRFs ---- */

/* Makes the message about a VRF's link that the kernel sends, and decodes it. */
static struct kernel_link decode_vrf(uint32_t table)
{
	uint8_t bytes[512] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *message = mnl_nlmsg_put_header(bytes);
	struct ifinfomsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
	struct nlattr *info, *data;
	struct kernel_link link;
	struct kernel_row row;

	message->nlmsg_type = RTM_NEWLINK;
	header->ifi_index = 10;
	mnl_attr_put_strz(message, IFLA_IFNAME, "red");
	mnl_attr_put_u32(message, IFLA_MTU, 65575);
	mnl_attr_put_u32(message, IFLA_GROUP, 7);
	info = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_strz(message, IFLA_INFO_KIND, "vrf");
	data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
	mnl_attr_put_u32(message, IFLA_VRF_TABLE, table);
	mnl_attr_nest_end(message, data);
	mnl_attr_nest_end(message, info);
	cr_assert(kernel_decode_link(message, &row));
	memcpy(&link, row.value, sizeof(link));
	return link;
}

static void put_route(struct stele_writable *fib, uint8_t table, uint8_t ifindex)
{
	const struct kernel_route route = {.type = RTN_UNICAST, .ifindex = ifindex, .next_hops = 1};
	size_t size;
	const void *value = kernel_route_value(false, &route, &size);

	cr_assert_eq(stele_writable_put(fib, (uint8_t[]){0, 0, 0, table}, 32, value, size), 1, "%s",
	             stele_last_error());
}

static void put_rule(struct stele_writable *rules, uint32_t priority, uint32_t table,
                     const char *iif)
{
	struct kernel_rule rule = {
		.action = FR_ACT_TO_TBL,
		.table = table,
		.l3mdev = table == 0,
		.suppress_prefixlength = -1,
		.suppress_ifgroup = -1,
		.uid_last = UINT32_MAX,
	};
	const uint32_t key[2] = {htonl(priority), 0};

	snprintf(rule.iif, sizeof(rule.iif), "%s", iif);
	cr_assert_eq(stele_writable_put(rules, key, 64, &rule, sizeof(rule)), 1, "%s",
	             stele_last_error());
}

/* A region with the VRF "red" of table 100, its link "port", and the link "other". */
static void fill_region(struct stele_transaction *tx)
{
	struct stele_writable *to[KERNEL_TABLES];
	const struct kernel_link red = decode_vrf(100), port = {.name = "port", .master = 10},
				 other = {.name = "other"}, lo = {.name = "lo"};
	const struct kernel_link *links[] = {&red, &port, &other, &lo};

	cr_assert_eq(red.table, 100u);
	cr_assert_eq(red.group, 7u);
	cr_assert_geq(kernel_tables_open(tx, to), 0, "%s", stele_last_error());
	for (uint32_t i = 0; i < 4; i++)
		cr_assert_eq(stele_writable_put(to[KERNEL_LINKS], &(uint32_t){htonl(10 + i)}, 32,
		                                links[i], sizeof(*links[i])),
		             1, "%s", stele_last_error());
	put_route(to[KERNEL_FIB4], 100, 11);
	put_route(to[KERNEL_FIB4], 101, 12);
	put_route(to[KERNEL_FIB4], 254, 13);
	put_rule(to[KERNEL_RULES4], 1000, 0, "");
	put_rule(to[KERNEL_RULES4], 32766, 254, "");
}

/* Returns the link of the route that a packet takes. */
static const char *link_taken(const char *options, char ret[32])
{
	const char *stele = getenv("STELE") ? getenv("STELE") : "build/stele";
	char command[200];
	json_t *all, *last;

	snprintf(command, sizeof(command), "%s route %s 192.0.2.1 --format json %s", stele,
	         kernel_region, options);
	all = run_json(command);
	last = json_array_get(all, json_array_size(all) - 1);
	snprintf(ret, 32, "%s",
	         member(json_array_get(json_object_get(last, "hops"), 0), "interface", "-"));
	json_decref(all);
	return ret;
}

/* Returns the exit status of the command. */
static int exit_status(const char *options)
{
	const char *stele = getenv("STELE") ? getenv("STELE") : "build/stele";
	char command[200];
	int status;

	snprintf(command, sizeof(command), "%s route %s 192.0.2.1 %s >/dev/null 2>&1", stele,
	         kernel_region, options);
	status = system(command);
	cr_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

Test(kernel_route, vrf, .timeout = 60)
{
	struct stele_publisher_options options = {.size = sizeof(options), .flags = STELE_CREATE};
	struct stele_publisher *publisher;
	struct stele_transaction *tx;
	struct stele_writable *rules;
	char link[32];

	snprintf(kernel_region, sizeof(kernel_region), "test-route-%d", (int)getpid());
	cr_assert_eq(stele_publisher_open(kernel_region, &options, &publisher), 0, "%s",
	             stele_last_error());
	cr_assert_eq(stele_transaction_begin(publisher, &tx), 0);
	fill_region(tx);
	cr_assert_eq(stele_transaction_commit(tx, NULL, NULL), 1, "%s", stele_last_error());
	cr_expect_str_eq(link_taken("--iif port", link), "port");
	cr_expect_str_eq(link_taken("--iif red", link), "port");
	cr_expect_str_eq(link_taken("--iif other", link), "lo");
	cr_expect_str_eq(link_taken("", link), "lo");
	/* 1 would mean that no route is taken. */
	cr_expect_eq(exit_status("--iif missing"), 2);
	cr_expect_eq(exit_status("--iif port"), 0);
	/* A rule for packets that come in by the VRF is for those of its links. */
	cr_assert_eq(stele_transaction_begin(publisher, &tx), 0);
	cr_assert_eq(stele_writable_open(tx, "rules4", NULL, &rules), 0);
	put_rule(rules, 5, 101, "red");
	cr_assert_eq(stele_transaction_commit(tx, NULL, NULL), 1, "%s", stele_last_error());
	cr_expect_str_eq(link_taken("--iif port", link), "other");
	cr_expect_str_eq(link_taken("--iif other", link), "lo");
	publisher = stele_publisher_close(publisher);
	stele_region_remove(kernel_region);
}
