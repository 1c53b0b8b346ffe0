/* SPDX-License-Identifier: MIT
 *
 * The routes of FRR (kernel_fpm.h), from zebra and staticd, which run in the namespace of the test.
 * The region is compared with what zebra says it has installed. Needs root and the package frr. */
#include <jansson.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "tests/support/clock.h"
#include "tests/support/kernel/fpm_peer.h"
#include "tests/support/kernel_source.h"

#define DAEMONS "/usr/lib/frr/"
/* Seconds. FRR goes on with a walk of its tables after one second; staticd takes about five to find
 * a new zebra. Then all routes come again that were there, so the sync ends without HOLD. */
#define QUIET 3
#define HOLD  1e6

static char directory[64];
static pid_t zebra, staticd;
static struct kernel_fpm_options options;

/* ---- the daemons ---- */

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "w");
	cr_assert(file, "%s", path);
	fputs(text, file);
	fclose(file);
}

/* Starts a daemon. `module` may be NULL. */
static pid_t start_daemon(const char *name, const char *module)
{
	char program[64], configuration[128], api[128], pid_file[128], log[128];
	pid_t pid;

	snprintf(program, sizeof(program), DAEMONS "%s", name);
	snprintf(configuration, sizeof(configuration), "%s/%s.conf", directory, name);
	snprintf(pid_file, sizeof(pid_file), "%s/%s.pid", directory, name);
	snprintf(log, sizeof(log), "file:%s/%s.log", directory, name);
	snprintf(api, sizeof(api), "%s/api", directory);
	pid = fork();
	cr_assert_geq(pid, 0);
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)!freopen("/dev/null", "w", stderr);
	execl(program, name, "-u", "frr", "-g", "frr", "-f", configuration, "-z", api, "-i",
	      pid_file, "--vty_socket", directory, "-P", "0", "--log", log,
	      module ? "-M" : (char *)NULL, module, (char *)NULL);
	_exit(127);
}

static void end_daemon(pid_t *pid)
{
	if (*pid <= 0)
		return;
	kill(*pid, SIGKILL);
	waitpid(*pid, NULL, 0);
	*pid = 0;
}

static void setup(void)
{
	struct passwd *user = getpwnam("frr");

	if (access(DAEMONS "zebra", X_OK) != 0 || access(DAEMONS "staticd", X_OK) != 0 || !user)
		cr_skip_test("FRR is not installed (package frr)");
	kernel_setup();
	snprintf(directory, sizeof(directory), "/tmp/stele-test-frr-%d", (int)getpid());
	cr_assert_eq(mkdir(directory, 0755), 0);
	cr_assert_eq(chown(directory, user->pw_uid, user->pw_gid), 0);
}

static void teardown(void)
{
	char command[128];

	end_daemon(&staticd);
	end_daemon(&zebra);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	cr_assert_eq(system(command), 0);
	kernel_teardown();
}

/* Opens a pipe from vtysh. */
static FILE *open_vtysh(const char *commands)
{
	char line[1024];
	FILE *output;

	snprintf(line, sizeof(line), "vtysh --vty_socket %s %s 2>/dev/null", directory, commands);
	output = popen(line, "r");
	cr_assert(output);
	return output;
}

/* Changes the configuration of staticd. Repeats it until the daemon answers. */
static void configure(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void configure(const char *format, ...)
{
	int64_t deadline = clock_now() + 60 * NSEC_PER_SEC;
	char command[256], line[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	snprintf(line, sizeof(line), "-d staticd -c 'configure' -c '%s' >/dev/null 2>&1", command);
	while (pclose(open_vtysh(line)) != 0)
		cr_assert_lt(clock_now(), deadline, "%s", command);
}

/* ---- comparing ---- */

/* The routes as sorted lines: "PREFIX GATEWAY INTERFACE [GATEWAY INTERFACE]...". */
struct routes {
	char lines[400][160];
	size_t count;
};

static int compare_lines(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void add_line(void *context, const char *line)
{
	struct routes *routes = context;

	cr_assert_lt(routes->count, 400u);
	snprintf(routes->lines[routes->count++], sizeof(routes->lines[0]), "%s", line);
}

/* Adds the installed next hops of a route of zebra to a line. */
static void describe_installed(json_t *route, char *line, size_t size)
{
	json_t *hop;
	size_t i;

	json_array_foreach(json_object_get(route, "nexthops"), i, hop)
	{
		const char *gateway = json_string_value(json_object_get(hop, "ip"));
		const char *link = json_string_value(json_object_get(hop, "interfaceName"));

		if (link && json_is_true(json_object_get(hop, "fib")))
			snprintf(line + strlen(line), size - strlen(line), " %s %s",
			         gateway ? gateway : "-", link);
	}
}

/* Reads what zebra has installed. */
static void read_installed(bool wide, struct routes *ret)
{
	FILE *output = open_vtysh(wide ? "-c 'show ipv6 route json'" : "-c 'show ip route json'");
	json_t *all = json_loadf(output, 0, NULL), *list, *route;
	const char *prefix;
	size_t i;

	pclose(output);
	ret->count = 0;
	json_object_foreach(all, prefix, list) json_array_foreach(list, i, route)
	{
		char line[160];

		if (!json_is_true(json_object_get(route, "selected")))
			continue;
		snprintf(line, sizeof(line), "%s", prefix);
		describe_installed(route, line, sizeof(line));
		add_line(ret, line);
	}
	json_decref(all);
	qsort(ret->lines, ret->count, sizeof(ret->lines[0]), compare_lines);
}

static void read_region(struct stele_subscriber *subscriber, bool wide, struct routes *ret)
{
	ret->count = 0;
	fpm_each(subscriber, wide, add_line, ret);
	qsort(ret->lines, ret->count, sizeof(ret->lines[0]), compare_lines);
}

/* Waits until the region has what zebra has installed, and says so. Returns a version that is not
 * older than the one that was found equal. */
static uint64_t wait_equal(struct stele_subscriber *subscriber, const char *step)
{
	int64_t deadline = clock_now() + 60 * NSEC_PER_SEC;
	static struct routes installed, mirrored;
	bool equal = false;

	while (!equal) {
		fpm_expect_status(subscriber, true, "");
		equal = true;
		for (int wide = 0; wide < 2 && equal; wide++) {
			read_installed(wide, &installed);
			read_region(subscriber, wide, &mirrored);
			for (size_t i = 0; i < installed.count || i < mirrored.count; i++) {
				const char *a = i < installed.count ? installed.lines[i] : "none";
				const char *b = i < mirrored.count ? mirrored.lines[i] : "none";

				equal = equal && strcmp(a, b) == 0;
				cr_assert(equal || clock_now() < deadline,
				          "after \"%s\" FRR has \"%s\", the region \"%s\"", step, a,
				          b);
			}
		}
	}
	return fpm_expect_status(subscriber, true, "");
}

/* Starts FRR and the publisher. */
static struct stele_subscriber *start(bool groups)
{
	options = fpm_options(QUIET, HOLD);
	kernel_source_fpm = &options;
	kernel_source_start(0);
	write_file("zebra.conf", groups ? "fpm address 127.0.0.1 port 2620\n"
	                                : "fpm address 127.0.0.1 port 2620\n"
	                                  "no fpm use-next-hop-groups\n");
	write_file("staticd.conf", "ip route 10.50.0.0/16 10.0.0.2\n"
	                           "ip route 10.51.0.0/16 10.0.0.2\n"
	                           "ip route 10.51.0.0/16 10.0.1.2\n"
	                           "ip route 10.52.0.0/16 blackhole\n"
	                           "ip route 10.53.0.0/16 10.50.0.1\n"
	                           "ipv6 route 2001:db8::/32 fd00::2\n");
	zebra = start_daemon("zebra", "dplane_fpm_nl");
	staticd = start_daemon("staticd", NULL);
	return kernel_subscribe();
}

/* Waits until zebra has installed a route. */
static void wait_installed(const char *prefix)
{
	int64_t deadline = clock_now() + 60 * NSEC_PER_SEC;
	static struct routes installed;
	bool found = false;

	while (!found) {
		read_installed(strchr(prefix, ':'), &installed);
		for (size_t i = 0; i < installed.count; i++)
			found |= strncmp(installed.lines[i], prefix, strlen(prefix)) == 0;
		cr_assert(found || clock_now() < deadline, "FRR has not installed %s", prefix);
	}
}

static void follow(bool groups)
{
	struct stele_subscriber *subscriber = start(groups);
	uint64_t before, after;

	wait_installed("10.51.0.0/16");
	wait_installed("2001:db8::/32");
	wait_installed("10.53.0.0/16");
	wait_equal(subscriber, "start");
	cr_assert_geq(fpm_count(subscriber, "fib4"), 6u);
	cr_assert_eq(fpm_count(subscriber, "nexthops") > 0, groups);
	for (int i = 0; i < 50; i++)
		configure("ip route 10.%d.0.0/16 10.0.0.%d", 100 + i, 2 + i);
	wait_installed("10.149.0.0/16");
	wait_equal(subscriber, "50 routes added");
	configure("ip route 10.50.0.0/16 10.0.1.3");
	configure("no ip route 10.50.0.0/16 10.0.0.2");
	configure("no ip route 10.100.0.0/16 10.0.0.2");
	/* zebra forgets such a route when it starts again. */
	configure("no ip route 10.53.0.0/16 10.50.0.1");
	wait_equal(subscriber, "routes changed");
	kernel_ip("link set d1 down");
	wait_equal(subscriber, "link down");
	kernel_ip("link set d1 up");
	wait_installed("10.50.0.0/16");
	wait_installed("10.51.0.0/16");
	before = wait_equal(subscriber, "link up");

	/* zebra is killed, and comes back with one route more. */
	end_daemon(&zebra);
	fpm_expect_status(subscriber, false, "FRR has closed the connection");
	cr_assert_eq(fpm_differences(kernel_region, "fib4", before,
	                             fpm_expect_status(subscriber, false, ""), '-'),
	             0);
	configure("ip route 10.160.0.0/16 10.0.0.3");
	zebra = start_daemon("zebra", "dplane_fpm_nl");
	wait_installed("10.160.0.0/16");
	wait_installed("10.149.0.0/16");
	after = wait_equal(subscriber, "zebra restarted");
	cr_assert_eq(fpm_differences(kernel_region, "fib4", before, after, '-'), 0);
	cr_assert_eq(fpm_differences(kernel_region, "fib4", before, after, '+'), 1);
	/* Readers saw no other change, except that zebra gives its objects new numbers. */
	for (uint64_t at = before; at < after; at++) {
		cr_assert_eq(fpm_differences(kernel_region, "fib4", at, at + 1, '-'), 0);
		if (!groups)
			cr_assert_eq(fpm_differences(kernel_region, "fib4", at, at + 1, '~'), 0);
	}
	stele_subscriber_close(subscriber);
	kernel_source_stop();
}

Test(kernel_frr, routes_are_followed, .init = setup, .fini = teardown, .timeout = 300)
{
	follow(false);
}

Test(kernel_frr, next_hop_groups_are_followed, .init = setup, .fini = teardown, .timeout = 300)
{
	follow(true);
}
