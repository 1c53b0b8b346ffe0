/* SPDX-License-Identifier: MIT
 *
 * The kernel mirror against a real kernel. Each test has a network namespace of its own, changes it
 * with ip(8), and waits until the region holds what `ip -json` prints, row for row. Needs root. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <stele/stele.h>

#include "tools/kernel/kernel.h"
#include "tools/fib/kernel_tables.h"
#include "tests/support/kernel_source.h"

Test(kernel_mirror, single_messages_are_applied, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 120)
{
	struct stele_subscriber *subscriber;
	struct stele_snapshot *snapshot;
	const struct kernel_hop *hops;
	struct kernel_route route;
	struct stele_row row;
	uint64_t before, after;
	unsigned dumps;

	kernel_source_start(0);
	subscriber = kernel_subscribe();
	/* Wait until duplicate address detection and the like are over. */
	kernel_ip("-6 address flush scope link");
	before = kernel_wait_agreement(subscriber, "start");
	kernel_ip("route add 192.0.2.0/24 via 10.0.0.9");
	before = kernel_wait_agreement(subscriber, "one route");
	dumps = counters->dumps;
	many_routes("add", 0, 400, 2, "");
	after = kernel_wait_agreement(subscriber, "400 routes added");
	cr_assert_lt(after - before, 200u, "a burst is a version, not each message");
	many_routes("replace", 100, 300, 3, "mtu 1400");
	kernel_wait_agreement(subscriber, "200 routes replaced");
	many_routes("add", 0, 50, 4, "metric 7");
	kernel_wait_agreement(subscriber, "50 second routes with a higher metric");
	many_routes("del", 0, 50, 4, "metric 7");
	many_routes("add", 200, 250, 4, "table 100");
	many_routes("del", 150, 400, 0, "");
	kernel_wait_agreement(subscriber, "250 routes deleted");
	cr_assert_eq(counters->dumps, dumps, "routes that are told one by one need no dump");
	cr_assert_gt(counters->updates, 0u);

	cr_assert_eq(stele_snapshot_open(subscriber, 0, &snapshot), 0);
	cr_assert_eq(stele_snapshot_match(snapshot, "fib4", NULL,
	                                  (uint8_t[]){0, 0, 0, 254, 10, 16, 120, 77}, 64, &row),
	             1);
	cr_assert_eq(row.key_bits, 32u + 24u);
	kernel_route_read(false, &row, &route, &hops);
	cr_assert(memcmp(route.gateway4, (uint8_t[]){10, 0, 0, 3}, 4) == 0);
	snapshot = stele_snapshot_close(snapshot);
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
}

static const struct {
	const char *step, *command;
} steps[] = {
	{"multipath", "route add 10.1.0.0/16 nexthop via 10.0.0.2 nexthop via 10.0.1.3 weight 3"},
	{"one hop less", "route replace 10.1.0.0/16 via 10.0.0.2"},
	{"blackhole", "route add blackhole 10.9.0.0/16"},
	{"unreachable over blackhole", "route replace unreachable 10.9.0.0/16"},
	{"prohibit in a table", "route add prohibit 10.9.0.0/16 table 1000"},
	{"TOS", "route add 10.1.0.0/16 tos 4 via 10.0.0.4"},
	{"higher metric", "route add 10.1.0.0/16 via 10.0.0.5 metric 50 mtu 1300"},
	{"a second one of higher metric", "route add 10.9.0.0/16 via 10.0.0.5 metric 50"},
	{"a lone one of high metric", "route add 10.3.0.0/16 via 10.0.0.5 metric 50"},
	{"lower metric comes second", "route add 10.3.0.0/16 via 10.0.0.6 metric 5"},
	{"best goes", "route del 10.1.0.0/16 via 10.0.0.2"},
	{"appended", "route append 10.2.0.0/16 via 10.0.0.2"},
	{"appended again", "route append 10.2.0.0/16 via 10.0.0.3"},
	{"replaced first of two", "route replace 10.2.0.0/16 via 10.0.0.7"},
	{"first of two gone", "route del 10.2.0.0/16 via 10.0.0.7"},
	{"prepended", "route prepend 10.2.0.0/16 via 10.0.0.8"},
	{"IPv6 router", "route add 10.77.0.0/16 via inet6 fd00::2 dev d0"},
	{"default", "route add default via 10.0.0.254 proto static"},
	{"preferred source", "address add 10.5.5.5/32 dev d1"},
	{"routes of that source", "route add 10.6.0.0/16 via 10.0.1.2 src 10.5.5.5"},
	{"source gone", "address del 10.5.5.5/32 dev d1"},
	{"peer", "address add 10.7.0.1 peer 10.7.0.2/32 dev d1"},
	{"second peer", "address add 10.7.0.1 peer 10.8.0.2/32 dev d1"},
	{"secondary", "address add 10.0.0.77/24 brd + dev d0"},
	{"neighbour", "neighbour add 10.0.0.2 lladdr 02:00:00:00:00:02 dev d0"},
	{"neighbour replaced", "neighbour replace 10.0.0.2 lladdr 02:00:00:00:00:03 dev d0"},
	{"neighbour of IPv6", "neighbour add fd00::2 lladdr 02:00:00:00:00:02 dev d0"},
	{"neighbour gone", "neighbour del 10.0.0.2 dev d0"},
	{"IPv6", "-6 route add fd10::/32 via fd00::2"},
	{"IPv6 replaced", "-6 route replace fd10::/32 via fd00::3 mtu 1400"},
	{"IPv6 multipath",
         "-6 route add fd01::/64 nexthop via fd00::2 nexthop via fd00::3 weight 2"},
	{"IPv6 third hop", "-6 route append fd01::/64 via fd00::4"},
	{"IPv6 a hop less", "-6 route del fd01::/64 via fd00::2"},
	{"IPv6 multipath over multipath",
         "-6 route replace fd01::/64 nexthop via fd00::8 nexthop via fd00::9"},
	{"IPv6 one over multipath", "-6 route replace fd01::/64 via fd00::7"},
	{"IPv6 device", "-6 route add fd06::/64 dev d0"},
	{"IPv6 device and router", "-6 route append fd06::/64 via fd00::7"},
	{"IPv6 two replaced", "-6 route replace fd06::/64 via fd00::8"},
	{"IPv6 lower metric", "-6 route add fd10::/32 via fd00::5 metric 5"},
	{"IPv6 lower metric gone", "-6 route del fd10::/32 via fd00::5 metric 5"},
	{"IPv6 source prefix", "-6 route add fd10::/32 from fd00::/64 via fd00::6"},
	{"IPv6 source prefix replaced", "-6 route replace fd10::/32 from fd00::/64 via fd00::7"},
	{"IPv6 source prefix alone", "-6 route add fd11::/33 from fd00::/64 via fd00::6"},
	{"IPv6 beside a source prefix", "-6 route replace fd11::/33 via fd00::6"},
	{"IPv6 preferred source", "address add fd00::5/128 dev d0 nodad"},
	{"IPv6 route of that source", "-6 route add fd12::/64 via fd00::2 src fd00::5"},
	{"IPv6 source gone", "address del fd00::5/128 dev d0"},
	{"IPv6 blackhole", "-6 route add blackhole fd09::/64"},
	{"IPv6 default", "-6 route add default via fd00::ffff"},
	{"next-hop object", "nexthop add id 5 via 10.0.0.2 dev d0"},
	{"route by next-hop object", "route add 10.20.0.0/16 nhid 5"},
	{"next-hop object changed", "nexthop replace id 5 via 10.0.0.3 dev d0"},
	{"next-hop group", "nexthop add id 7 group 5"},
	{"route by next-hop group", "route add 10.21.0.0/16 nhid 7"},
	{"next-hop object gone", "nexthop del id 5"},
	{"rule", "rule add from 10.0.0.0/8 to 10.77.0.0/16 lookup 1000 priority 100"},
	{"second rule of a priority", "rule add iif d0 oif d1 blackhole priority 100"},
	{"third rule of a priority", "rule add fwmark 3/7 lookup 70000 priority 100"},
	{"rule for ports", "rule add ipproto 6 sport 5 dport 10-20 tos 8 prohibit priority 100"},
	{"second of four rules gone", "rule del iif d0 oif d1 blackhole priority 100"},
	{"first of three rules gone", "rule del from 10.0.0.0/8 priority 100"},
	{"rule that suppresses",
         "rule add not uidrange 5-6 suppress_prefixlength 0 suppress_ifgroup 5 lookup main"},
	{"rule that goes on elsewhere", "rule add priority 7 goto 32766"},
	{"rule that does nothing", "rule add priority 8 nop protocol static"},
	{"rule without a link", "rule add iif missing unreachable"},
	{"rule for VRFs", "rule add l3mdev priority 1000"},
	{"IPv6 rule", "-6 rule add from fd00::/16 to fd10::/33 dport 53 ipproto 17 lookup 99"},
	{"IPv6 rule gone", "-6 rule del from fd00::/16"},
	{"all rules but the first gone", "rule flush"},
	{"main rule again", "rule add lookup main priority 32766"},
	{"group of a link", "link set d1 group 5"},
	{"MTU of a link", "link set d0 mtu 1400"},
	{"bridge", "link add br0 type bridge"},
	{"enslaved", "link set d1 master br0"},
	{"freed", "link set d1 nomaster"},
	{"link down", "link set d0 down"},
	{"link up", "link set d0 up"},
	{"addresses back", "address add fd00::1/64 dev d0 nodad"},
	{"routes back", "route add 10.1.0.0/16 nexthop via 10.0.0.2 nexthop via 10.0.1.3"},
	{"one hop's link down", "link set d1 down"},
	{"renamed", "link set d1 name other"},
	{"up by another name", "link set other up"},
	{"address gone", "address del 10.0.0.1/24 dev d0"},
	{"loopback down", "link set lo down"},
	{"link gone", "link del d0"},
};

/* Each kind of change is made alone, and compared before the next one. */
Test(kernel_mirror, each_change_is_mirrored, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 240)
{
	struct stele_subscriber *subscriber;

	kernel_source_start(0);
	subscriber = kernel_subscribe();
	kernel_wait_agreement(subscriber, "start");
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		kernel_ip("%s", steps[i].command);
		kernel_wait_agreement(subscriber, steps[i].step);
	}
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
}

/* The kernel deletes and changes these routes without a message, or says nothing of the route that
 * it takes now. None of it needs a dump of all routes. */
static const char *const silent[] = {
	"route add 10.50.0.0/16 via 10.0.0.2 metric 10",
	"route add 10.50.0.0/16 via 10.0.1.2 metric 20",
	"route append 10.50.0.0/16 via 10.0.0.4 metric 10",
	"route del 10.50.0.0/16 via 10.0.0.2 metric 10",
	"route del 10.50.0.0/16 via 10.0.0.4 metric 10",
	"-6 route add fd50::/64 via fd00::2 metric 10",
	"-6 route append fd50::/64 via fd00::3 metric 10 proto static",
	"-6 route add fd50::/64 dev d1 metric 20",
	"-6 route del fd50::/64 via fd00::2 metric 10",
	"-6 route del fd50::/64 via fd00::3 metric 10",
	"route add 10.51.0.0/16 nexthop via 10.0.0.2 nexthop via 10.0.1.2",
	"link set d1 down",
	"link set d1 up",
	"route add 10.51.0.0/16 via 10.0.1.2 metric 7",
	"address add 10.0.7.1/32 dev d0",
	"route add 10.52.0.0/16 via 10.0.1.2 src 10.0.7.1",
	"address del 10.0.7.1/32 dev d0",
	"nexthop add id 4 via 10.0.0.2 dev d0",
	"nexthop add id 5 via 10.0.1.2 dev d1",
	"nexthop add id 6 group 4/5,3",
	"route add 10.53.0.0/16 nhid 6",
	"nexthop replace id 4 via 10.0.0.3 dev d0",
	"nexthop del id 5",
	"nexthop del id 4",
	"address del 10.0.1.1/24 dev d1",
	"link add v0 type veth peer name v1",
	"link set v0 up",
	"address add 10.9.9.1/24 dev v0",
	"link del v0",
};

Test(kernel_mirror, silent_changes_need_no_dump, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 120)
{
	struct stele_subscriber *subscriber;
	struct kernel_status before, after;

	kernel_source_start(0);
	subscriber = kernel_subscribe();
	kernel_wait_agreement(subscriber, "start");
	before = read_status(subscriber);
	for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++) {
		kernel_ip("%s", silent[i]);
		kernel_wait_agreement(subscriber, silent[i]);
	}
	after = read_status(subscriber);
	cr_assert_eq(after.dumps, before.dumps, "%llu dumps of all objects of a kind",
	             (unsigned long long)(after.dumps - before.dumps));
	cr_assert_gt(after.reads, before.reads);
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
	subscriber = kernel_subscribe();
	after = read_status(subscriber);
	cr_assert(!after.synced);
	cr_assert_str_eq(after.doubt, "the publisher has stopped");
	subscriber = stele_subscriber_close(subscriber);
}

/* Changes of links and addresses whose effect on routes follows from the tables. */
static const char *const followed[] = {
	"route add 10.60.0.0/16 via 10.0.0.2",
	"route add 10.60.0.0/16 via 10.0.1.2 metric 20",
	"route add 10.61.0.0/16 nexthop via 10.0.0.2 nexthop via 10.0.1.2",
	"route append 10.61.0.0/16 via 10.0.1.9",
	"route add local 10.62.0.1 dev d1",
	"route add 10.0.1.0/24 dev d0 metric 9",
	"-6 route add fd60::/64 nexthop via fd00::2 nexthop via fd01::2",
	"-6 route add fd61::/64 dev d1",
	"-6 route add fd61::/64 via fd00::3 metric 2000",
	"link set d1 down",
	"link set d1 up",
	"address add fd01::1/64 dev d1 nodad",
	"-6 route replace fd60::/64 nexthop via fd00::2 nexthop via fd01::2",
	"link set d1 mtu 1400",
	"link set d0 down",
	"link set d0 up",
	"address add fd00::1/64 dev d0 nodad",
	"link add v0 type veth peer name v1",
	"link set v0 mtu 1400 up",
	"link set v1 up",
	"address add 10.9.0.1/24 dev v0",
	"address add 10.9.0.2/24 dev v0",
	"route add 10.63.0.0/16 nexthop via 10.9.0.9 nexthop via 10.0.0.2",
	"route add 10.64.0.0/16 via 10.9.0.9",
	"route append 10.64.0.0/16 via 10.0.0.4",
	"link set v1 down",
	"link set v1 up",
	"address del 10.9.0.2/24 dev v0",
	"address del 10.9.0.1/24 dev v0",
	"address add 10.9.0.1/24 dev v0",
	"route add 10.64.1.0/24 via 10.9.0.9",
	"link set v0 down",
	"address add fd09::1/64 dev v0 nodad",
	"neighbour add 10.9.0.9 lladdr 02:00:00:00:00:02 dev v0",
	"link set v0 name w0",
	"link set w0 up",
	"route add 10.65.0.0/16 nexthop via 10.9.0.9 nexthop via 10.0.0.2",
	"link del w0",
	"link add v0 type veth peer name v1",
	"link set v0 up",
	"link set v1 up",
	"address add 10.9.0.1/24 dev v0",
	"route add 10.65.0.0/16 via 10.9.0.9 metric 9",
	"link set v0 netns 1",
};

/* The mirror does what the kernel does, and asks nothing. */
static void follow_links(const char *ignore)
{
	struct stele_subscriber *subscriber;
	struct kernel_status before, after;
	char command[160];

	for (const char *family = "46"; *family; family++) {
		snprintf(command, sizeof(command),
		         "echo %s | tee /proc/sys/net/ipv%c/conf/*/ignore_routes_with_linkdown "
		         ">/dev/null",
		         ignore, *family);
		cr_assert_eq(system(command), 0);
	}
	kernel_ip("address add fd01::1/64 dev d1 nodad");
	kernel_source_start(0);
	subscriber = kernel_subscribe();
	kernel_wait_agreement(subscriber, "start");
	before = read_status(subscriber);
	for (size_t i = 0; i < sizeof(followed) / sizeof(followed[0]); i++) {
		kernel_ip("%s", followed[i]);
		kernel_wait_agreement(subscriber, followed[i]);
		after = read_status(subscriber);
		cr_assert_eq(after.reads, before.reads, "\"%s\" was queried", followed[i]);
	}
	cr_assert_eq(after.dumps, before.dumps);
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
}

Test(kernel_mirror, link_changes_need_no_query, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 120)
{
	follow_links("0");
}

Test(kernel_mirror, hops_without_carrier_are_ignored, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 120)
{
	follow_links("1");
}

/* Without another change, the kernel takes routes through a link without a carrier or does not. */
Test(kernel_mirror, settings_are_followed, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 120)
{
	/* The default of IPv4 is that of links for which nothing else was set. */
	static const char *const links[] = {"default", "v0", "all"};
	struct stele_subscriber *subscriber;
	char command[160];

	kernel_ip("link add v0 type veth peer name v1");
	kernel_ip("link set v0 up"); /* without a carrier, because v1 is down */
	kernel_ip("address add fd09::1/64 dev v0 nodad");
	kernel_ip("route add 10.65.0.0/16 dev v0");
	kernel_source_start(0);
	subscriber = kernel_subscribe();
	kernel_wait_agreement(subscriber, "start");
	for (size_t i = 0; i < 3 * 2 * 2; i++) {
		snprintf(command, sizeof(command),
		         "echo %zu >/proc/sys/net/ipv%c/conf/%s/ignore_routes_with_linkdown",
		         1 - i % 2, "46"[i / 2 % 2], links[i / 4]);
		cr_assert_eq(system(command), 0);
		kernel_wait_agreement(subscriber, command);
	}
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
}

/* Finds the row of a next-hop object. */
static struct kernel_nexthop read_nexthop(struct stele_subscriber *subscriber, uint8_t id,
                                          uint8_t member)
{
	struct kernel_nexthop nexthop = {0};
	struct stele_snapshot *snapshot;
	struct stele_row row;

	cr_assert_eq(stele_snapshot_open(subscriber, 0, &snapshot), 0, "%s", stele_last_error());
	if (stele_snapshot_get(snapshot, "nexthops", kernel_schemas[KERNEL_NEXTHOPS],
	                       (uint8_t[]){0, 0, 0, id, 0, member}, 48, &row) == 1)
		memcpy(&nexthop, row.value, sizeof(nexthop));
	snapshot = stele_snapshot_close(snapshot);
	return nexthop;
}

/* With this setting, messages about routes do not say what their next-hop objects are. */
Test(kernel_mirror, nexthop_objects_are_mirrored, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 120)
{
	struct stele_subscriber *subscriber;

	if (system("echo 0 >/proc/sys/net/ipv4/nexthop_compat_mode") != 0)
		cr_skip_test("this kernel has no next-hop objects");
	kernel_source_start(0);
	subscriber = kernel_subscribe();
	kernel_ip("nexthop add id 4 via 10.0.0.2 dev d0");
	kernel_ip("nexthop add id 5 via fd00::7 dev d0");
	kernel_ip("nexthop add id 6 group 4/5,3");
	kernel_ip("route add 10.53.0.0/16 nhid 6");
	kernel_wait_agreement(subscriber, "a route through a group");
	cr_assert_eq(memcmp(read_nexthop(subscriber, 4, 0).gateway4, (uint8_t[]){10, 0, 0, 2}, 4),
	             0);
	cr_assert_eq(read_nexthop(subscriber, 5, 0).gateway6[15], 7);
	cr_assert_eq(read_nexthop(subscriber, 6, 0).member, 4u);
	cr_assert_eq(read_nexthop(subscriber, 6, 1).member, 5u);
	cr_assert_eq(read_nexthop(subscriber, 6, 1).weight, 3u);
	kernel_ip("nexthop del id 6");
	kernel_wait_agreement(subscriber, "the group is gone, and the route with it");
	cr_assert_eq(read_nexthop(subscriber, 6, 0).member, 0u);
	kernel_ip("link set d0 down");
	kernel_wait_agreement(subscriber, "the link of the objects is down");
	cr_assert_eq(read_nexthop(subscriber, 4, 0).ifindex, 0u);
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
}

/* While the mirror is stopped, more changes happen than its receive buffer holds. */
Test(kernel_mirror, lost_messages_are_recovered, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 240)
{
	struct stele_subscriber *subscriber;

	kernel_source_start(1);
	subscriber = kernel_subscribe();
	kernel_wait_agreement(subscriber, "start");
	many_routes("add", 0, 100, 2, "");
	kernel_wait_agreement(subscriber, "100 routes added");
	kill(source_pid, SIGSTOP);
	many_routes("add", 100, 3000, 2, "");
	many_routes("replace", 50, 2000, 3, "");
	many_routes("del", 0, 60, 0, "");
	kernel_ip("link set d1 down");
	kill(source_pid, SIGCONT);
	kernel_wait_agreement(subscriber, "thousands of changes");
	cr_assert_gt(counters->losses, 0u,
	             "nothing was lost: the buffer is too large for this test");
	cr_assert_gt(read_status(subscriber).losses, 0u);
	subscriber = stele_subscriber_close(subscriber);
	/* A version is reported after subscribers have seen it. */
	kernel_source_stop();
	cr_assert_gt(counters->synced, 1u, "the end of the loss is reported");
}

/* With other files in /etc/iproute2, the rows have the names that ip(8) prints. */
Test(kernel_mirror, names_are_those_of_ip, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 120)
{
	struct stele_subscriber *subscriber;
	FILE *file;

	if (access("/etc/iproute2", F_OK) < 0)
		cr_skip_test("there is no /etc/iproute2 to mount other files on");
	cr_assert_eq(unshare(CLONE_NEWNS), 0);
	cr_assert_eq(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	cr_assert_eq(mount("none", "/etc/iproute2", "tmpfs", 0, NULL), 0);
	file = fopen("/etc/iproute2/rt_protos", "w");
	cr_assert(file);
	fputs("77 pear\n4 fixed\n", file);
	cr_assert_eq(fclose(file), 0);
	file = fopen("/etc/iproute2/rt_scopes", "w");
	cr_assert(file);
	fputs("50 street\n", file);
	cr_assert_eq(fclose(file), 0);
	kernel_source_start(0);
	subscriber = kernel_subscribe();
	kernel_ip("route add 10.60.0.0/16 via 10.0.0.2 proto pear");
	kernel_ip("route add 10.61.0.0/16 via 10.0.0.2 proto fixed");
	kernel_ip("route add 10.59.0.0/16 dev d0 proto 78 scope street");
	kernel_ip("-6 route add fd60::/64 via fd00::2 proto pear");
	kernel_ip("-6 route append fd60::/64 via fd00::3 proto pear");
	kernel_ip("nexthop add id 5 via 10.0.0.2 dev d0 proto pear");
	kernel_wait_agreement(subscriber, "routes of named protocols");
	kernel_ip("route del 10.60.0.0/16");
	kernel_ip("-6 route del fd60::/64 via fd00::2");
	kernel_wait_agreement(subscriber, "fewer routes of named protocols");
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
}
