/* SPDX-License-Identifier: MIT
 *
 * Rows do not depend on how the mirror has learnt them: by messages, by dumping all objects, or by
 * reading the routes of a link. Needs root. */
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <stele/stele.h>

#include "lib/units.h"
#include "tests/support/kernel_source.h"

static const char *const changes[] = {
	"route add 10.50.0.0/16 via 10.0.0.2",
	/* These differ only in an attribute that has no column. */
	"route append 10.50.0.0/16 via 10.0.0.2 advmss 1000",
	"route append 10.50.0.0/16 via 10.0.0.2 advmss 1001",
	"route prepend 10.50.0.0/16 via 10.0.0.2 window 5000",
	"route add 10.51.0.0/16 via 192.0.2.9 dev d0 onlink",
	"route add 10.52.0.0/16 via inet6 fd00::5",
	"route add 10.53.0.0/16 nexthop via inet6 fd00::5 nexthop via 10.0.1.5 weight 7",
	"route add 10.54.0.0/16 nexthop via 192.0.2.9 dev d0 onlink nexthop via 10.0.1.5",
	"route add 10.55.0.0/16 encap ip id 100 dst 10.0.0.9 dev d0",
	"route add 10.56.0.0/16 encap seg6 mode encap segs fd00::9 dev d0",
	"route add throw 10.57.0.0/16 metric 5",
	"route add prohibit 10.57.0.0/16 metric 6 table 1000",
	"route add 10.58.0.0/16 via 10.0.0.2 src 10.0.0.1 realm 5 mtu lock 1400",
	"route add 10.58.0.0/16 tos 8 via 10.0.0.3",
	"nexthop add id 4 via 10.0.0.4 dev d0",
	"nexthop add id 5 via fd00::7 dev d0",
	"nexthop add id 6 group 4,9/5",
	"nexthop add id 7 group 4/5 type resilient buckets 8",
	"route add 10.59.0.0/16 nhid 6",
	"route add 10.60.0.0/16 nhid 7",
	"-6 route add fd60::/64 nhid 5",
	"-6 route add fd50::/64 via fd00::2 advmss 1000",
	"-6 route append fd50::/64 via fd00::3 advmss 1000",
	"-6 route add fd51::/64 encap seg6 mode inline segs fd00::9 dev d0",
	"-6 route add fd52::/64 from fd77::/64 via fd00::2",
	"-6 route add fd52::/64 via fd00::2 pref high",
	"-6 route add unreachable fd53::/64",
	"neighbour add 10.0.0.5 lladdr 02:00:00:00:00:05 dev d0 nud noarp extern_learn",
	"rule add from 10.0.0.0/8 lookup 1000 priority 100",
	"rule add to 10.0.0.0/8 lookup 1000 priority 100",
};

static const char *const sources[] = {
	"address add 10.99.0.1/32 dev lo",
	"route add 10.99.1.0/24 via 10.0.0.2 src 10.99.0.1",
	"-6 address add fd99::1/128 dev lo nodad",
	"-6 route add fd99:1::/64 via fd00::2 src fd99::1",
	"address del 10.99.0.1/32 dev lo",
	"-6 address del fd99::1/128 dev lo",
	"-6 route del fd99:1::/64",
};

/* Prints all rows but the one of the table `status`, which counts what was read. */
static char *dump_region(void)
{
	const char *stele = getenv("STELE") ? getenv("STELE") : "build/stele";
	size_t capacity = 1 << 20, length;
	char *text = malloc(capacity), command[512];
	FILE *pipe;

	snprintf(command, sizeof(command),
	         "for t in links addresses4 addresses6 neighbours4 fib4 fib6 alternatives4 "
	         "alternatives6 nexthops buckets rules4 rules6; do %s dump --format ndjson %s/$t; "
	         "done",
	         stele, kernel_region);
	pipe = popen(command, "r");
	cr_assert(text && pipe);
	length = fread(text, 1, capacity - 1, pipe);
	text[length] = '\0';
	cr_assert_eq(pclose(pipe), 0);
	return text;
}

/* Compares line by line, so that a failure shows the row. */
static void check_equal(const char *told, const char *other, const char *how)
{
	while (*told && *other) {
		size_t a = strcspn(told, "\n") + 1, b = strcspn(other, "\n") + 1;

		cr_assert(a == b && memcmp(told, other, a) == 0, "told: %.*s%s: %.*s", (int)a, told,
		          how, (int)b, other);
		told += a;
		other += b;
	}
	cr_assert(!*told && !*other, "told: %s\n%s: %s", told, how, other);
}

/* Adds a route, or deletes it, and waits until the mirror has followed: then it has applied all
 * changes before, too. */
static void follow(const char *verb)
{
	const char *stele = getenv("STELE") ? getenv("STELE") : "build/stele";
	int64_t deadline = kernel_now() + 60 * NSEC_PER_SEC;
	char command[256];

	kernel_ip("route %s 10.255.0.0/16 via 10.0.0.2", verb);
	snprintf(command, sizeof(command), "%s get %s/fib4 254,10.255.0.0/16 >/dev/null 2>&1",
	         stele, kernel_region);
	while ((system(command) == 0) != (strcmp(verb, "add") == 0)) {
		cr_assert(kernel_now() < deadline, "after route %s the mirror does not follow",
		          verb);
		poll(NULL, 0, 10);
	}
}

Test(kernel_learnt, by_messages_by_reads_and_by_dumps, .init = kernel_setup,
     .fini = kernel_teardown, .timeout = 120)
{
	struct stele_subscriber *subscriber;
	struct kernel_status before, after;
	char *told, *other;

	/* The kernel goes on changing link-local addresses by itself. */
	kernel_ip("-6 address flush scope link");
	kernel_source_start(0);
	subscriber = kernel_subscribe();
	kernel_wait_agreement(subscriber, "start");
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		kernel_ip("%s", changes[i]);
	follow("add");
	follow("del");
	told = dump_region();
	cr_assert(strstr(told, "\"onlink\": true"), "%s", told);
	before = read_status(subscriber);
	/* When the source of a route goes, the routes of its link are read. A change during the
	 * read could be older than it, which may need a dump. */
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		kernel_ip("%s", sources[i]);
		follow("add");
		follow("del");
	}
	after = read_status(subscriber);
	cr_assert_geq(after.reads, before.reads + 2);
	cr_assert_eq(after.dumps, before.dumps);
	other = dump_region();
	check_equal(told, other, "read");
	free(other);
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
	stele_region_remove(kernel_region);

	kernel_source_start(0);
	subscriber = kernel_subscribe();
	other = dump_region();
	check_equal(told, other, "dumped");
	free(other);
	free(told);
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	cr_assert(file, "%s", path);
	cr_assert_geq(fputs(text, file), 0);
	cr_assert_eq(fclose(file), 0);
}

/* The route to an own address lasts when its link goes down, whatever the administrator calls its
 * scope. */
Test(kernel_learnt, a_scope_of_another_name, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 120)
{
	struct stele_subscriber *subscriber;
	char *told;

	if (access("/etc/iproute2", F_OK) < 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/etc/iproute2", "tmpfs", 0, "size=64k") < 0)
		cr_skip_test("there is no /etc/iproute2, or this process may not mount");
	write_file("/etc/iproute2/rt_scopes", "254 machine\n");
	kernel_ip("link add v0 type veth peer name v1");
	kernel_ip("link set v0 up");
	kernel_ip("address add 10.77.0.1/24 dev v0");
	kernel_source_start(0);
	subscriber = kernel_subscribe();
	follow("add");
	told = dump_region();
	cr_assert(strstr(told, "\"machine\""), "%s", told);
	cr_assert(strstr(told, "10.77.0.1/32"), "%s", told);
	free(told);
	kernel_ip("link set v0 down");
	follow("del");
	told = dump_region();
	cr_assert(strstr(told, "10.77.0.1/32"), "%s", told);
	free(told);
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
}
