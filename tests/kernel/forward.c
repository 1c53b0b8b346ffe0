/* SPDX-License-Identifier: MIT
 *
 * Next hops as programs see them: the example docs/examples/forward.c, and `stele route', with a
 * mirror of routes of each kind. Needs root. */
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <stele/stele.h>

#include "lib/units.h"
#include "tests/support/kernel_source.h"

static const char *const routes[] = {
	"route add default via 10.0.0.9",
	"route add 10.50.0.0/16 via 10.0.0.2",
	"route add 10.51.0.0/16 dev d1",
	"route add blackhole 10.52.0.0/16",
	/* What the local table throws is looked up in the main table. */
	"route add throw 10.50.7.0/24 table local",
	"route add throw 10.53.0.0/16",
	/* RFC 5549 */
	"route add 10.54.0.0/16 via inet6 fd00::5",
	"route add 10.55.0.0/16 encap seg6 mode encap segs fd00::9 dev d0",
	/* The hop by v0, which has no carrier, is dead. */
	"route add 10.56.0.0/16 nexthop via 10.0.2.2 nexthop via 10.0.1.2",
	"nexthop add id 4 via 10.0.0.4 dev d0",
	"nexthop add id 5 via fd00::7 dev d0",
	"nexthop add id 6 group 4",
	"nexthop add id 7 encap ip id 7 dst 10.9.9.9 via 10.0.0.8 dev d0",
	"nexthop add id 8 group 4,3 type resilient buckets 8",
	"route add 10.57.0.0/16 nhid 4",
	"route add 10.58.0.0/16 nhid 5",
	"route add 10.59.0.0/16 nhid 6",
	"route add 10.60.0.0/16 nhid 7",
	"route add 10.61.0.0/16 nhid 8",
};

static void setup(void)
{
	kernel_setup();
	/* With this setting, messages about routes do not say what their next-hop objects are. */
	if (system("echo 0 >/proc/sys/net/ipv4/nexthop_compat_mode &&"
	           "for i in /proc/sys/net/ipv4/conf/*/ignore_routes_with_linkdown; do"
	           " echo 1 >$i; done") != 0)
		cr_skip_test("this kernel has no next-hop objects");
	kernel_ip("link add v0 type veth peer name v1");
	kernel_ip("address add 10.0.2.1/24 dev v0");
	kernel_ip("link set v0 up");
	kernel_ip("link set v1 up");
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		kernel_ip("%s", routes[i]);
	kernel_ip("link set v1 down");
	while (system("ip route show 10.56.0.0/16 | grep -q 'dev v0.* dead linkdown'") != 0)
		usleep(1000);
}

static const char *command_path(void)
{
	return getenv("STELE") ? getenv("STELE") : "build/stele";
}

/* Reads all that a command prints. */
static void run(const char *command, char *ret, size_t size)
{
	FILE *pipe = popen(command, "r");
	size_t length;

	cr_assert(pipe);
	length = fread(ret, 1, size - 1, pipe);
	ret[length] = '\0';
	pclose(pipe);
}

Test(kernel_forward, the_example_forwards, .init = setup, .fini = kernel_teardown, .timeout = 120)
{
	unsigned d0 = if_nametoindex("d0"), d1 = if_nametoindex("d1");
	char want[2048], have[2048], command[512];
	struct stele_subscriber *subscriber;

	kernel_source_start(0);
	subscriber = kernel_subscribe();
	kernel_wait_agreement(subscriber, "start");
	snprintf(want, sizeof(want),
	         "192.0.2.1: via 10.0.0.9 on link %u\n10.50.0.1: via 10.0.0.2 on link %u\n"
	         "10.51.0.1: on link %u\n10.52.0.1: not forwarded\n10.0.0.1: for this machine\n"
	         "10.50.7.1: via 10.0.0.2 on link %u\n10.53.0.1: no route\n"
	         "10.54.0.1: via fd00::5 on link %u\n10.55.0.1: encapsulation 5\n"
	         "10.56.0.1: via 10.0.1.2 on link %u\n10.57.0.1: via 10.0.0.4 on link %u\n"
	         "10.58.0.1: via fd00::7 on link %u\n10.59.0.1: via 10.0.0.4 on link %u\n"
	         "10.60.0.1: encapsulation 2\n10.61.0.1: via 10.0.0.4 on link %u\n",
	         d0, d0, d1, d0, d0, d1, d0, d0, d0, d0);
	snprintf(command, sizeof(command),
	         "for i in 192.0.2.1 10.50.0.1 10.51.0.1 10.52.0.1 10.0.0.1 10.50.7.1 10.53.0.1 "
	         "10.54.0.1 10.55.0.1 10.56.0.1 10.57.0.1 10.58.0.1 10.59.0.1 10.60.0.1 10.61.0.1; "
	         "do echo $i; done | \"$(dirname %s)\"/examples/forward %s",
	         command_path(), kernel_region);
	run(command, have, sizeof(have));
	cr_assert_str_eq(have, want);
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
}

/* Checks what `stele route' prints of the next hops to an address. */
static void check_hops(const char *address, const char *want)
{
	char command[256], have[2048];

	snprintf(command, sizeof(command), "%s route %s %s", command_path(), kernel_region,
	         address);
	run(command, have, sizeof(have));
	cr_assert(strstr(have, want), "to %s: no \"%s\" in:\n%s", address, want, have);
}

Test(kernel_forward, the_command_prints_next_hops, .init = setup, .fini = kernel_teardown,
     .timeout = 120)
{
	struct stele_subscriber *subscriber;
	char have[1024], command[256];

	kernel_source_start(0);
	subscriber = kernel_subscribe();
	kernel_wait_agreement(subscriber, "start");
	check_hops("10.54.0.1", "gateway=fd00::5 interface=d0\n");
	check_hops("10.55.0.1", "interface=d0 encap=seg6\n");
	check_hops("10.56.0.1", "interface=v0 dead=true");
	check_hops("10.57.0.1", "gateway=10.0.0.4 interface=d0\n");
	check_hops("10.58.0.1", "gateway=fd00::7 interface=d0\n");
	check_hops("10.60.0.1", "gateway=10.0.0.8 interface=d0 encap=ip\n");
	check_hops("10.61.0.1", "gateway=10.0.0.4 interface=d0 weight=3\n");
	snprintf(command, sizeof(command), "%s get --format ndjson %s/nexthops 8,0", command_path(),
	         kernel_region);
	run(command, have, sizeof(have));
	cr_assert(strstr(have, "\"resilient\": true, \"buckets\": 8"), "%s", have);
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
}

/* `suppress_ifgroup' is about the link of the first next hop, dead or not, also of a next-hop
 * object whose hops the route does not name. */
Test(kernel_forward, rules_reject_links, .init = setup, .fini = kernel_teardown, .timeout = 120)
{
	static const struct {
		const char *address, *via;
	} packets[] = {{"10.62.0.1", "10.0.0.9"}, {"10.63.0.1", "10.0.1.7"}};
	struct stele_subscriber *subscriber;
	char kernel[1024], text[128];

	kernel_ip("link set d1 group 5");
	kernel_ip("link set v1 up");
	kernel_ip("nexthop add id 9 via 10.0.1.7 dev d1");
	kernel_ip("route add 10.62.0.0/16 table 77 nhid 9");
	kernel_ip("route add 10.63.0.0/16 table 77 nexthop via 10.0.2.9 dev v0 "
	          "nexthop via 10.0.1.7 dev d1");
	kernel_ip("rule add priority 40 lookup 77 suppress_ifgroup 5");
	kernel_ip("link set v1 down");
	while (system("ip route show table 77 | grep -q 'dev v0.* dead linkdown'") != 0)
		usleep(1000);
	kernel_source_start(0);
	subscriber = kernel_subscribe();
	kernel_wait_agreement(subscriber, "start");
	for (size_t i = 0; i < 2; i++) {
		snprintf(text, sizeof(text), "ip route get %s fibmatch", packets[i].address);
		run(text, kernel, sizeof(kernel));
		snprintf(text, sizeof(text), "via %s dev", packets[i].via);
		cr_assert(strstr(kernel, text), "%s", kernel);
		snprintf(text, sizeof(text), "gateway=%s", packets[i].via);
		check_hops(packets[i].address, text);
	}
	check_hops("10.62.0.1", "suppressed");
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
}

/* Routing tables have the names of /etc/iproute2, as ip(8) prints them. */
Test(kernel_forward, the_command_names_tables, .init = setup, .fini = kernel_teardown,
     .timeout = 120)
{
	struct stele_subscriber *subscriber;
	char have[2048], command[512];

	kernel_ip("route add 10.64.0.0/16 table 1000 via 10.0.0.3");
	kernel_ip("rule add priority 50 lookup 1000");
	kernel_ip("rule add priority 45 lookup 1001");
	kernel_source_start(0);
	subscriber = kernel_subscribe();
	kernel_wait_agreement(subscriber, "start");
	snprintf(command, sizeof(command),
	         "unshare --mount sh -c 'mount -t tmpfs none /etc && "
	         "mkdir -p /etc/iproute2/rt_tables.d && "
	         "echo 1000 blue >/etc/iproute2/rt_tables.d/blue.conf && "
	         "%s route --format csv %s 10.64.0.1'",
	         command_path(), kernel_region);
	run(command, have, sizeof(have));
	cr_assert(strstr(have, ",lookup local,no-route,local,"), "%s", have);
	cr_assert(strstr(have, ",lookup 1001,no-route,1001,"), "%s", have);
	cr_assert(strstr(have, ",lookup blue,taken,blue,10.64.0.0/16,"), "%s", have);
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
}

/* Returns what the kernel has, or the region, as lines GROUP BUCKET OBJECT. */
static void read_buckets(bool kernel, char *ret, size_t size)
{
	char command[300];

	if (kernel)
		snprintf(command, sizeof(command),
		         "ip nexthop bucket show | awk '{print $2, $4, $8}' | sort -n -k1 -k2");
	else
		snprintf(command, sizeof(command),
		         "%s dump --format csv %s/buckets | tail -n +2 | tr , ' '", command_path(),
		         kernel_region);
	run(command, ret, size);
}

/* Sends packets through the buckets of group 31. */
static void use_buckets(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	cr_assert(fd >= 0);
	/* Without the group, these fail. */
	for (uint32_t i = 1; i < 250; i++) {
		to.sin_addr.s_addr = htonl(10u << 24 | 70u << 16 | i);
		(void)sendto(fd, "", 1, 0, (struct sockaddr *)&to, sizeof(to));
	}
	close(fd);
}

static const struct {
	const char *command;
	const char *settled; /* succeeds when the kernel has moved all buckets that it will move */
} bucket_steps[] = {
	{"nexthop add id 20 via 10.0.0.2 dev d0", "true"},
	{"nexthop add id 21 via 10.0.1.2 dev d1", "true"},
	{"nexthop add id 22 via 10.0.0.3 dev d0", "true"},
	{"nexthop add id 30 group 20/21 type resilient buckets 4 idle_timer 1 unbalanced_timer 0",
         "true"},
	{"nexthop add id 31 group 22,5/21 type resilient buckets 16 idle_timer 1", "true"},
	{"route add 10.70.0.0/16 nhid 31", "true"},
	{"nexthop replace id 30 group 20,3/21 type resilient",
         "test $(ip nexthop bucket show id 30 | grep -c 'nhid 20') = 3"},
	{"nexthop replace id 31 group 20/22 type resilient", "true"},
	/* The kernel moves used buckets of members when they are idle for a second, with a message
	 * for each. */
	{"nexthop replace id 31 group 20,3/22 type resilient",
         "test $(ip nexthop bucket show id 31 | grep -c 'nhid 20') = 12"},
	/* The kernel moves buckets without a message. */
	{"nexthop del id 20", "true"},
	{"nexthop del id 30", "true"},
	{"link set d1 down", "true"},
};

Test(kernel_forward, buckets_are_mirrored, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 240)
{
	struct stele_subscriber *subscriber;
	struct kernel_status before, after;

	if (system("ip nexthop bucket show") != 0)
		cr_skip_test("this kernel has no resilient groups");
	kernel_source_start(0);
	subscriber = kernel_subscribe();
	kernel_wait_agreement(subscriber, "start");
	before = read_status(subscriber);
	for (size_t i = 0; i < sizeof(bucket_steps) / sizeof(bucket_steps[0]); i++) {
		char kernel_has[1024] = "", region_has[1024] = "?";
		int64_t deadline = kernel_now() + 60 * NSEC_PER_SEC;

		use_buckets();
		kernel_ip("%s", bucket_steps[i].command);
		while (system(bucket_steps[i].settled) != 0 ||
		       strcmp(kernel_has, region_has) != 0) {
			cr_assert(kernel_now() < deadline,
			          "after \"%s\" the region has\n%s\nthe kernel\n%s",
			          bucket_steps[i].command, region_has, kernel_has);
			read_buckets(true, kernel_has, sizeof(kernel_has));
			read_buckets(false, region_has, sizeof(region_has));
		}
	}
	after = read_status(subscriber);
	cr_assert_eq(after.dumps, before.dumps);
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
}
