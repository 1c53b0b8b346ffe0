/* SPDX-License-Identifier: MIT
 *
 * The kernel mirror against a real kernel. Each test has a network namespace of its own, changes it
 * with ip(8), and waits until the region holds what `ip -json` prints, row for row. Needs root. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <stele/stele.h>

#include "lib/units.h"
#include "tools/kernel/kernel.h"
#include "tests/support/kernel_state.h"

/* ---- the mirror, in a process of its own ---- */

struct counters {
	volatile unsigned dumps, updates, losses;
};

static char region[64], source_error[256];
static struct counters *counters;
static pid_t source_pid;

static void count(void *context, const char *message, uint64_t version)
{
	struct counters *to = context;

	if (version == 0)
		to->losses++;
	else if (strncmp(message, "applied", 7) == 0)
		to->updates++;
	else
		to->dumps++;
}

static void source_start(int receive_buffer)
{
	sigset_t stop;

	source_pid = fork();
	cr_assert(source_pid >= 0);
	if (source_pid > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	struct kernel_options options = {
		.stop_fd = signalfd(-1, &stop, SFD_CLOEXEC),
		.report = count,
		.context = counters,
		.receive_buffer = receive_buffer,
		.error = source_error,
		.error_size = sizeof(source_error),
	};
	int r = kernel_run(region, &options);

	if (r < 0)
		fprintf(stderr, "the source failed: %s\n", source_error);
	_exit(r < 0 ? 1 : 0);
}

/* Starts the mirror by running the command. */
static void command_start(void)
{
	const char *command = getenv("STELE") ? getenv("STELE") : "build/stele";

	source_pid = fork();
	cr_assert(source_pid >= 0);
	if (source_pid > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (freopen("/dev/null", "w", stdout))
		execl(command, "stele", "publish", region, "--kernel-routes", (char *)NULL);
	perror(command);
	_exit(127);
}

static void source_stop(void)
{
	int status;

	kill(source_pid, SIGTERM);
	cr_assert_eq(waitpid(source_pid, &status, 0), source_pid);
	source_pid = 0;
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the source ended with status %d",
	          status);
}

/* ---- the namespace ---- */

static void __attribute__((format(printf, 1, 2))) ip(const char *format, ...)
{
	char arguments[512], command[600];
	va_list list;

	va_start(list, format);
	vsnprintf(arguments, sizeof(arguments), format, list);
	va_end(list);
	snprintf(command, sizeof(command), "ip %s", arguments);
	cr_assert_eq(system(command), 0, "%s", command);
}

/* Opens a pipe to a batch of ip(8). The batch continues after errors, unless it is `strict`. */
static FILE *batch_open(bool strict)
{
	FILE *batch = popen(strict ? "ip -batch -" : "ip -force -batch - >/dev/null 2>&1", "w");

	cr_assert(batch);
	return batch;
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

/* After a link is up, the kernel goes on changing IPv6 addresses by itself for some time: carrier
 * detection, duplicate address detection, local routes. A test of the order of changes has to begin
 * after that. */
static void settle(void)
{
	static const char settled[] =
		"test $(ip -6 route show table local | grep -c '^local fe80') = 2 &&"
		" ip -6 route show table local | grep -q '^local fd00::1 dev d0' &&"
		" ! ip -6 address show tentative | grep -q .";
	int64_t deadline = now_ns() + 60 * NSEC_PER_SEC;

	while (system(settled) != 0)
		cr_assert(now_ns() < deadline, "the kernel did not finish its IPv6 addresses");
}

static void setup(void)
{
	snprintf(region, sizeof(region), "test-kernel-%d", (int)getpid());
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0)
		cr_skip_test("a network namespace needs root");
	if (system("ip link add d0 type veth peer name d1 2>/dev/null") != 0)
		cr_skip_test("this kernel has no veth links");
	ip("link set lo up");
	ip("link set d0 up");
	ip("link set d1 up");
	ip("address add 10.0.0.1/24 dev d0");
	ip("address add 10.0.1.1/24 dev d1");
	ip("address add fd00::1/64 dev d0 nodad");
	settle();
	counters = mmap(NULL, sizeof(*counters), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
	                -1, 0);
	cr_assert(counters != MAP_FAILED);
}

static void teardown(void)
{
	if (source_pid > 0) {
		kill(source_pid, SIGKILL);
		waitpid(source_pid, NULL, 0);
	}
	stele_region_remove(region);
}

/* ---- waiting until the region and the kernel agree ---- */

static struct stele_subscriber *subscribe(void)
{
	int64_t deadline = now_ns() + 60 * NSEC_PER_SEC;
	struct stele_subscriber *subscriber;
	uint64_t version;
	int r;

	while ((r = stele_subscriber_open(region, NULL, &subscriber)) == -ENOENT &&
	       now_ns() < deadline)
		sched_yield();
	cr_assert_eq(r, 0, "%s", stele_last_error());
	cr_assert_eq(stele_subscriber_wait(subscriber, 0, deadline, &version), 1,
	             "no first version");
	return subscriber;
}

static bool agrees(struct stele_subscriber *subscriber, char *ret_difference, size_t size,
                   uint64_t *ret_version)
{
	struct lines kernel_has[KERNEL_TABLES] = {0}, region_has[KERNEL_TABLES] = {0};
	struct stele_snapshot *snapshot;
	bool equal = true;

	kernel_state_read(kernel_has);
	cr_assert_eq(stele_snapshot_open(subscriber, 0, &snapshot), 0, "%s", stele_last_error());
	*ret_version = stele_snapshot_version(snapshot);
	kernel_state_of_region(snapshot, region_has);
	snapshot = stele_snapshot_close(snapshot);
	for (int i = 0; i < KERNEL_TABLES; i++) {
		const char *difference =
			equal ? lines_differ(&region_has[i], &kernel_has[i]) : NULL;

		if (difference) {
			snprintf(ret_difference, size, "%s: %s", kernel_table_names[i], difference);
			equal = false;
		}
		lines_free(&kernel_has[i]);
		lines_free(&region_has[i]);
	}
	return equal;
}

static uint64_t wait_agreement(struct stele_subscriber *subscriber, const char *step)
{
	int64_t deadline = now_ns() + 60 * NSEC_PER_SEC;
	char difference[1200];
	uint64_t version;

	while (!agrees(subscriber, difference, sizeof(difference), &version)) {
		uint64_t newer;

		cr_assert(now_ns() < deadline,
		          "after \"%s\" the region differs from the kernel in %s", step,
		          difference);
		stele_subscriber_wait(subscriber, version, now_ns() + 50000000, &newer);
	}
	return version;
}

/* ---- the tests ---- */

/* Adds, replaces or deletes routes to 10.16.0.0 and up. With `gateway` 0 no gateway is named. */
static void many_routes(const char *verb, unsigned from, unsigned to, unsigned gateway,
                        const char *more)
{
	FILE *batch = batch_open(true);

	for (unsigned i = from; i < to; i++) {
		fprintf(batch, "route %s 10.%u.%u.0/24 %s", verb, 16 + i / 256, i % 256, more);
		fprintf(batch, gateway ? " via 10.0.0.%u\n" : "\n", gateway);
	}
	cr_assert_eq(pclose(batch), 0);
}

Test(ipc_kernel_routes, single_messages_are_applied, .init = setup, .fini = teardown,
     .timeout = 120)
{
	struct stele_subscriber *subscriber;
	struct stele_snapshot *snapshot;
	struct stele_row row;
	uint64_t before, after;
	unsigned dumps;

	source_start(0);
	subscriber = subscribe();
	/* Wait until duplicate address detection and the like are over. */
	ip("-6 address flush scope link");
	before = wait_agreement(subscriber, "start");
	ip("route add 192.0.2.0/24 via 10.0.0.9");
	before = wait_agreement(subscriber, "one route");
	dumps = counters->dumps;
	many_routes("add", 0, 400, 2, "");
	after = wait_agreement(subscriber, "400 routes added");
	cr_assert_lt(after - before, 200u, "a burst is a version, not each message");
	many_routes("replace", 100, 300, 3, "mtu 1400");
	wait_agreement(subscriber, "200 routes replaced");
	many_routes("add", 0, 50, 4, "metric 7");
	wait_agreement(subscriber, "50 second routes with a higher metric");
	many_routes("del", 0, 50, 4, "metric 7");
	many_routes("add", 200, 250, 4, "table 100");
	many_routes("del", 150, 400, 0, "");
	wait_agreement(subscriber, "250 routes deleted");
	cr_assert_eq(counters->dumps, dumps, "routes that are told one by one need no dump");
	cr_assert_gt(counters->updates, 0u);

	cr_assert_eq(stele_snapshot_open(subscriber, 0, &snapshot), 0);
	cr_assert_eq(stele_snapshot_match(snapshot, "routes4", NULL, (uint8_t[]){10, 16, 120, 77},
	                                  32, &row),
	             1);
	cr_assert_eq(row.key_bits, 24u);
	cr_assert(memcmp(((const struct kernel_route4 *)row.value)->gateway,
	                 (uint8_t[]){10, 0, 0, 3}, 4) == 0);
	snapshot = stele_snapshot_close(snapshot);
	subscriber = stele_subscriber_close(subscriber);
	source_stop();
}

Test(ipc_kernel_routes, the_command_publishes, .init = setup, .fini = teardown, .timeout = 60)
{
	struct stele_subscriber *subscriber;

	command_start();
	subscriber = subscribe();
	wait_agreement(subscriber, "start");
	many_routes("add", 0, 20, 2, "");
	wait_agreement(subscriber, "20 routes added");
	subscriber = stele_subscriber_close(subscriber);
	source_stop();
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
Test(ipc_kernel_routes, each_change_is_mirrored, .init = setup, .fini = teardown, .timeout = 240)
{
	struct stele_subscriber *subscriber;

	source_start(0);
	subscriber = subscribe();
	wait_agreement(subscriber, "start");
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		ip("%s", steps[i].command);
		wait_agreement(subscriber, steps[i].step);
	}
	subscriber = stele_subscriber_close(subscriber);
	source_stop();
}

/* While the mirror is stopped, more changes happen than its receive buffer holds. */
Test(ipc_kernel_routes, lost_messages_are_recovered, .init = setup, .fini = teardown,
     .timeout = 240)
{
	struct stele_subscriber *subscriber;

	source_start(1);
	subscriber = subscribe();
	wait_agreement(subscriber, "start");
	many_routes("add", 0, 100, 2, "");
	wait_agreement(subscriber, "100 routes added");
	kill(source_pid, SIGSTOP);
	many_routes("add", 100, 3000, 2, "");
	many_routes("replace", 50, 2000, 3, "");
	many_routes("del", 0, 60, 0, "");
	ip("link set d1 down");
	kill(source_pid, SIGCONT);
	wait_agreement(subscriber, "thousands of changes");
	cr_assert_gt(counters->losses, 0u,
	             "nothing was lost: the buffer is too large for this test");
	subscriber = stele_subscriber_close(subscriber);
	source_stop();
}

/* A mirror that starts on a region which an earlier one filled commits only the difference, or
 * nothing. */
Test(ipc_kernel_routes, a_second_start_commits_the_difference, .init = setup, .fini = teardown,
     .timeout = 120)
{
	struct stele_region_info info = {.size = sizeof(info)};
	struct stele_subscriber *subscriber;
	uint64_t first, second;

	many_routes("add", 0, 300, 2, "");
	ip("-6 address flush scope link");
	source_start(0);
	subscriber = subscribe();
	wait_agreement(subscriber, "start");
	source_stop();
	first = wait_agreement(subscriber, "stop");

	many_routes("del", 0, 2, 0, "");
	source_start(0);
	second = wait_agreement(subscriber, "second start");
	cr_assert_eq(second, first + 1);
	cr_assert_eq(stele_region_describe(region, &info), 0);
	cr_assert_eq(info.commit.removed, 4u, "two rows of rib4 and two of routes4, but %u",
	             (unsigned)info.commit.removed);
	cr_assert_eq(info.commit.added + info.commit.changed, 0u);
	source_stop();

	source_start(0);
	ip("route add 192.0.2.0/24 via 10.0.0.9");
	cr_assert_eq(wait_agreement(subscriber, "third start"), second + 1);
	subscriber = stele_subscriber_close(subscriber);
	source_stop();
}

static unsigned random_below(unsigned *state, unsigned limit)
{
	*state = *state * 1664525u + 1013904223u;
	return (*state >> 8) % limit;
}

static void random_change(FILE *batch, unsigned *state)
{
	static const char *const verbs[] = {"add",     "add", "replace", "append",
	                                    "prepend", "del", "del"};
	static const char *const metrics[] = {"", "", "metric 5", "metric 9 table 77",
	                                      "metric 3000"};
	const char *verb = verbs[random_below(state, 7)], *metric = metrics[random_below(state, 5)];
	unsigned prefix = random_below(state, 12), hop = 2 + random_below(state, 4);
	unsigned other = 2 + random_below(state, 4);

	switch (random_below(state, 12)) {
	case 0:
	case 1:
	case 2:
	case 3:
		fprintf(batch, "route %s 10.32.%u.0/24 via 10.0.0.%u %s\n", verb, prefix, hop,
		        metric);
		break;
	case 4:
	case 5:
	case 6:
		fprintf(batch, "-6 route %s fd32:%u::/32 via fd00::%u %s\n", verb, prefix, hop,
		        metric);
		break;
	case 7:
		fprintf(batch, "-6 route %s fd32:%u::/32 dev d%u %s\n", verb, prefix, prefix % 2,
		        metric);
		break;
	case 8:
		fprintf(batch,
		        "route %s 10.32.%u.0/24 %s nexthop via 10.0.0.%u nexthop via 10.0.1.%u\n",
		        verb, prefix, metric, hop, other);
		break;
	case 9:
		fprintf(batch,
		        "-6 route %s fd32:%u::/32 %s nexthop via fd00::%u nexthop via fd00::%u\n",
		        verb, prefix, metric, hop, other);
		break;
	case 10:
		fprintf(batch, "address %s 10.0.%u.%u/24 dev d%u\n", prefix % 2 ? "add" : "del",
		        prefix % 3, hop + 90, prefix % 2);
		break;
	default:
		if (prefix < 3)
			fprintf(batch, "link set d1 %s\n", prefix ? "up" : "down");
		break;
	}
}

Test(ipc_kernel_routes, random_changes_are_mirrored, .init = setup, .fini = teardown,
     .timeout = 240)
{
	struct stele_subscriber *subscriber;
	unsigned seed = 20261, state = seed;
	char step[64];

	source_start(0);
	subscriber = subscribe();
	for (unsigned i = 0; i < 40; i++) {
		FILE *batch = batch_open(false);

		for (unsigned j = 0; j < 60; j++)
			random_change(batch, &state);
		pclose(batch);
		snprintf(step, sizeof(step), "seed %u, round %u", seed, i);
		wait_agreement(subscriber, step);
	}
	subscriber = stele_subscriber_close(subscriber);
	source_stop();
}

Test(ipc_kernel_routes, a_table_of_another_kind_is_refused, .init = setup, .fini = teardown,
     .timeout = 60)
{
	static const struct stele_column columns[] = {STELE_KEY("name", STELE_TEXT)};
	static const struct stele_schema schema = {.columns = columns, .column_count = 1};
	struct stele_publisher_options options = {.size = sizeof(options), .flags = STELE_CREATE};
	struct kernel_options source = {.error = source_error, .error_size = sizeof(source_error)};
	struct stele_publisher *publisher;
	struct stele_transaction *tx;
	int never[2];

	cr_assert_eq(pipe(never), 0);
	source.stop_fd = never[0];
	cr_assert_eq(stele_publisher_open(region, &options, &publisher), 0, "%s",
	             stele_last_error());
	cr_assert_eq(stele_transaction_begin(publisher, &tx), 0, "%s", stele_last_error());
	cr_assert_eq(stele_transaction_create_table(tx, "rib4", &schema), 0, "%s",
	             stele_last_error());
	cr_assert_eq(stele_transaction_commit(tx, NULL, NULL), 1, "%s", stele_last_error());
	publisher = stele_publisher_close(publisher);
	cr_assert_eq(kernel_run(region, &source), -EEXIST);
	cr_assert(strstr(source_error, "\"rib4\""), "%s", source_error);
}
