/* SPDX-License-Identifier: MIT
 *
 * `stele publish --kernel-routes` beside `ip monitor`, in a network namespace of its own: how late
 * a row is after the kernel's change, and how much processor time the mirror takes. Both see the
 * same changes in the same run. Then the memory of the mirror and that of bird, if it is installed.
 * Needs root.
 *
 *   STELE_BENCH_ROUTES=N   IPv4 routes of the full table (default 900000); 8/45 as many of IPv6 */
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "lib/units.h"
#include "tests/support/bench/bench.h"
#include "tests/support/bench/change.h"
#include "tools/fib/kernel_tables.h"

#define ROUNDS    15
#define ADDS      301 /* routes of the small table whose latency is measured */
#define COSTS     5   /* rounds of what processor time is measured of */
#define CHURN     7.0 /* seconds of ten changes a second */
#define LINKS     1000
#define PODS      60
#define TIMES_MAX 2.0 /* how late the mirror may be, in times of ip monitor */
#define CPU_MAX   5.0 /* how much processor time it may take, in times of ip monitor */

/* A change that the watcher waits for: the route to a prefix of the table main goes to this router,
 * or is gone. */
static struct shared {
	uint8_t address[4], gateway[4];
	unsigned length;
	bool gone;
	_Atomic bool waits;
	_Atomic double seen; /* when a version had it; 0: not yet */
} * shared;

static pid_t mirror, monitor, watcher;
static int monitor_pipe = -1;
static struct stele_subscriber *subscriber;

/* Runs a command, which must succeed. */
static void __attribute__((format(printf, 1, 2))) run(const char *format, ...)
{
	char command[1024];
	va_list list;

	va_start(list, format);
	vsnprintf(command, sizeof(command), format, list);
	va_end(list);
	if (system(command) != 0)
		bench_fail(command);
}

/* ---- processes ---- */

static pid_t spawn(int output, const char *const arguments[])
{
	pid_t pid = fork();

	check(pid >= 0);
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(output, STDOUT_FILENO) >= 0)
		execvp(arguments[0], (char *const *)(uintptr_t)arguments);
	perror(arguments[0]);
	_exit(127);
}

static void stop(pid_t *pid)
{
	if (*pid > 0) {
		kill(*pid, SIGTERM);
		waitpid(*pid, NULL, 0);
	}
	*pid = 0;
}

/* Waits for versions, and writes the time of the first one that has the wanted change. */
static void watch(void)
{
	uint64_t version = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	must(stele_subscriber_open(bench_region, NULL, &subscriber));
	for (;;) {
		struct stele_snapshot *snapshot;
		const struct kernel_hop *hops;
		struct kernel_route route;
		struct stele_row row;
		uint8_t key[8] = {0, 0, 0, 254};
		int r;

		must(stele_snapshot_open(subscriber, 0, &snapshot));
		memcpy(key + 4, shared->address, 4);
		r = stele_snapshot_get(snapshot, "fib4", kernel_schemas[KERNEL_FIB4], key,
		                       32 + shared->length, &row);
		if (r == 1)
			kernel_route_read(false, &row, &route, &hops);
		if (shared->waits &&
		    (shared->gone ? r == 0
		                  : r == 1 && memcmp(route.gateway4, shared->gateway, 4) == 0)) {
			shared->waits = false;
			shared->seen = bench_seconds();
		}
		version = stele_snapshot_version(snapshot);
		stele_snapshot_close(snapshot);
		must(stele_subscriber_wait(
			subscriber, version,
			(int64_t)((bench_seconds() + 0.5) * (double)NSEC_PER_SEC), &version));
	}
}

static void start_mirror(void)
{
	const char *stele = getenv("STELE") ? getenv("STELE") : "build/stele";
	const char *const arguments[] = {stele, "publish", bench_region, "--kernel-routes", NULL};
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	uint64_t version;

	mirror = spawn(null, arguments);
	close(null);
	while (stele_subscriber_open(bench_region, NULL, &subscriber) < 0)
		check(waitpid(mirror, NULL, WNOHANG) == 0);
	must(stele_subscriber_wait(subscriber, 0, STELE_FOREVER, &version));
	watcher = fork();
	check(watcher >= 0);
	if (watcher == 0)
		watch();
}

/* Returns the processor time of a process in seconds. */
static double used(pid_t pid)
{
	struct timespec time;
	clockid_t clock;

	check(clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &time) == 0);
	return (double)time.tv_sec + (double)time.tv_nsec / (double)NSEC_PER_SEC;
}

/* Starts `ip monitor`. Its output goes to a pipe, which must be read, or is dropped. */
static void start_monitor(bool read)
{
	static const char *const arguments[] = {"ip",      "-rcvbuf", "134217728",
	                                        "monitor", "all",     NULL};
	int ends[2] = {-1, -1};

	if (read)
		check(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
	else
		ends[1] = open("/dev/null", O_WRONLY | O_CLOEXEC);
	monitor = spawn(ends[1], arguments);
	close(ends[1]);
	monitor_pipe = ends[0];
	/* Nothing tells when it listens, but that it has nothing more to do. */
	for (double before = -1; before < used(monitor); usleep(200000))
		before = used(monitor);
}

static void stop_monitor(void)
{
	stop(&monitor);
	if (monitor_pipe >= 0)
		close(monitor_pipe);
	monitor_pipe = -1;
}

static struct kernel_status status(void)
{
	struct stele_snapshot *snapshot;
	struct kernel_status found;
	struct stele_row row;

	must(stele_snapshot_open(subscriber, 0, &snapshot));
	check(stele_snapshot_get(snapshot, "status", kernel_schemas[KERNEL_STATUS], "", 8, &row) ==
	      1);
	memcpy(&found, row.value, sizeof(found));
	stele_snapshot_close(snapshot);
	return found;
}

static uint64_t rows(const char *table)
{
	struct stele_snapshot *snapshot;
	struct stele_table found;
	uint64_t count;

	must(stele_snapshot_open(subscriber, 0, &snapshot));
	must(stele_table_open(snapshot, table, NULL, &found));
	count = stele_table_rows(&found);
	stele_snapshot_close(snapshot);
	return count;
}

/* ---- lateness ---- */

static const uint8_t any[4], near[4] = {10, 0, 0, 9}, far[4] = {10, 0, 1, 9};

/* Drops what `ip monitor` has printed until it has been silent for a moment. */
static void drain(void)
{
	struct pollfd waiting = {.fd = monitor_pipe, .events = POLLIN};
	char buffer[65536];

	while (poll(&waiting, 1, 20) > 0)
		check(read(monitor_pipe, buffer, sizeof(buffer)) > 0);
}

/* Sets what the watcher waits for. */
static void expect(const uint8_t address[4], unsigned length, const uint8_t gateway[4])
{
	drain();
	memcpy(shared->address, address, 4);
	memcpy(shared->gateway, gateway, 4);
	shared->length = length;
	shared->seen = 0;
	shared->waits = true;
}

/* Writes the seconds from `begin` until `ip monitor` had printed something, and until the region
 * had the expected route. */
static void await(double begin, double *ret_monitor, double *ret_mirror)
{
	struct pollfd waiting = {.fd = monitor_pipe, .events = POLLIN};

	check(poll(&waiting, 1, 60000) == 1);
	*ret_monitor = bench_seconds() - begin;
	while (shared->seen == 0) {
		check(bench_seconds() < begin + 60);
		usleep(100);
	}
	*ret_mirror = shared->seen - begin;
}

/* Prints medians, and the ratio to what is allowed. */
static void print_lateness(const char *name, double *monitors, double *mirrors, size_t count)
{
	double ratios[ADDS], times;
	char text[96];

	for (size_t i = 0; i < count; i++)
		ratios[i] = mirrors[i] / monitors[i];
	times = bench_median(ratios, count);
	snprintf(text, sizeof(text), "kernel/%s/ip_monitor", name);
	bench_print(text, bench_median(monitors, count) * 1e6, "us");
	snprintf(text, sizeof(text), "kernel/%s/row", name);
	bench_print(text, bench_median(mirrors, count) * 1e6, "us");
	snprintf(text, sizeof(text), "kernel/%s/times_ip_monitor", name);
	bench_print(text, times, "times");
	snprintf(text, sizeof(text), "kernel/%s/in_2_times_ip_monitor", name);
	bench_ratio(text, TIMES_MAX / times, 1);
}

/* A new route in a small table. */
static void measure_adds(void)
{
	double monitors[ADDS], mirrors[ADDS];

	for (unsigned i = 0; i < ADDS; i++) {
		const uint8_t address[4] = {172, 16, (uint8_t)(i / 256), (uint8_t)i};
		double begin;

		expect(address, 32, near);
		begin = bench_seconds();
		change_route(true, address, 32, near, 0);
		await(begin, &monitors[i], &mirrors[i]);
	}
	print_lateness("add_in_small_table", monitors, mirrors, ADDS);
}

/* The best of two default routes is deleted. */
static void measure_default(void)
{
	double monitors[ROUNDS], mirrors[ROUNDS];

	change_route(true, any, 0, far, 200);
	for (unsigned i = 0; i < ROUNDS; i++) {
		double begin, ignored;

		expect(any, 0, near);
		begin = bench_seconds();
		change_route(true, any, 0, near, 100);
		await(begin, &ignored, &ignored);
		expect(any, 0, far);
		begin = bench_seconds();
		change_route(false, any, 0, near, 100);
		await(begin, &monitors[i], &mirrors[i]);
	}
	print_lateness("best_default_deleted", monitors, mirrors, ROUNDS);
}

/* The link of the best of two default routes, and of a third of the table, goes down. */
static void measure_link(void)
{
	double monitors[ROUNDS], mirrors[ROUNDS];

	for (unsigned i = 0; i < ROUNDS; i++) {
		static const uint8_t via[4] = {10, 0, 2, 9};
		double begin, ignored;

		change_link("l0", true);
		expect(any, 0, via);
		begin = bench_seconds();
		change_route(true, any, 0, via, 50);
		await(begin, &ignored, &ignored);
		expect(any, 0, far);
		begin = bench_seconds();
		change_link("l0", false);
		await(begin, &monitors[i], &mirrors[i]);
		/* Later, the link has no other routes. */
		if (i == 0)
			bench_print("kernel/link_of_a_third_of_the_table_down/times_ip_monitor",
			            mirrors[i] / monitors[i], "times");
	}
	print_lateness("link_of_best_default_down", monitors, mirrors, ROUNDS);
}

/* ---- processor time ---- */

struct cost {
	double monitor, mirror;
	struct kernel_status status;
};

static struct cost cost_begin(void)
{
	return (struct cost){used(monitor), used(mirror), status()};
}

/* Returns what was used since cost_begin(). */
static struct cost cost_end(const struct cost *begin)
{
	struct cost end;

	sleep(2); /* the mirror reads again what is in doubt when the kernel is quiet */
	end = cost_begin();
	end.monitor -= begin->monitor;
	end.mirror -= begin->mirror;
	end.status.dumps -= begin->status.dumps;
	end.status.reads -= begin->status.reads;
	end.status.losses -= begin->status.losses;
	return end;
}

static void cost_print_figure(const char *name, const char *figure, double value, const char *unit)
{
	char text[96];

	snprintf(text, sizeof(text), "kernel/%s/%s", name, figure);
	bench_print(text, value, unit);
}

/* Prints medians of some rounds, and sums of counters; and the ratio to what is allowed, unless
 * `reach` is 0. */
static void cost_print(const char *name, const struct cost *costs, size_t count, double reach)
{
	double monitors[COSTS], mirrors[COSTS], ratios[COSTS], dumps = 0, reads = 0, losses = 0;
	char text[96];

	for (size_t i = 0; i < count; i++) {
		monitors[i] = costs[i].monitor * 1e3;
		mirrors[i] = costs[i].mirror * 1e3;
		ratios[i] = costs[i].mirror / costs[i].monitor;
		dumps += (double)costs[i].status.dumps;
		reads += (double)costs[i].status.reads;
		losses += (double)costs[i].status.losses;
	}
	cost_print_figure(name, "ip_monitor", bench_median(monitors, count), "ms");
	cost_print_figure(name, "mirror", bench_median(mirrors, count), "ms");
	cost_print_figure(name, "times_ip_monitor", bench_median(ratios, count), "times");
	cost_print_figure(name, "dumps", dumps, "");
	cost_print_figure(name, "reads_of_a_link", reads, "");
	cost_print_figure(name, "losses", losses, "");
	snprintf(text, sizeof(text), "kernel/%s/in_5_times_ip_monitor", name);
	if (reach > 0)
		bench_ratio(text, reach / bench_median(ratios, count), 1);
}

/* Ten changes a second, after an unrelated link came and went. */
static void measure_churn(void)
{
	static const uint8_t address[4] = {172, 31, 0, 1};
	struct cost costs[COSTS];

	for (int round = 0; round < COSTS; round++) {
		struct cost begin;
		double start;

		run("ip link add trg0 type veth peer name trg1 && ip link del trg0");
		begin = cost_begin();
		start = bench_seconds();
		for (unsigned i = 0; bench_seconds() < start + CHURN || i % 2; i++) {
			change_route(i % 2 == 0, address, 32, near, 0);
			usleep(100000);
		}
		costs[round] = cost_end(&begin);
	}
	cost_print("ten_changes_a_second", costs, COSTS, CPU_MAX);
}

/* Pods come and go, each with a link, a route and a neighbour. */
static void measure_pods(const char *name)
{
	struct cost costs[COSTS];

	for (int round = 0; round < COSTS; round++) {
		struct cost begin = cost_begin();

		for (int i = 0; i < PODS; i++)
			run("printf '%%s\\n' 'link add pod%d type veth peer name eth%d'"
			    " 'link set eth%d up' 'link set pod%d up'"
			    " 'route add 10.244.0.%d dev pod%d' 'neigh add 10.244.0.%d lladdr"
			    " 02:00:00:00:00:01 dev pod%d' | ip -batch -",
			    i, i, i, i, i, i, i, i);
		for (int i = 0; i < PODS; i++)
			run("ip link del pod%d", i);
		costs[round] = cost_end(&begin);
	}
	cost_print(name, costs, COSTS, CPU_MAX);
}

static void load(int family, unsigned count)
{
	run("awk -v family=%d -v count=%u -f tests/scripts/routers/prefixes.awk |"
	    " awk '{print \"route add \" $0 \" via %s\" NR %% 3 \"%s9\"}' | ip -%d -batch -",
	    family, count, family == 4 ? "10.0." : "fd00:", family == 4 ? "." : "::", family);
}

static void measure_load(unsigned count)
{
	struct cost begin;

	start_monitor(false);
	begin = cost_begin();
	load(4, count);
	load(6, count * 8 / 45);
	while (rows("fib4") < count || rows("fib6") < count * 8 / 45)
		usleep(10000);
	begin = cost_end(&begin);
	cost_print("load", &begin, 1, 0);
	stop_monitor();
}

/* ---- memory ---- */

/* Runs two birds, whose session flaps, and prints the ratio that the script prints. */
static void measure_memory(unsigned count)
{
	char line[256];
	double times = 0;
	FILE *script;

	if (system("command -v bird >/dev/null") != 0) {
		puts("left out: kernel/memory, as there is no bird (build-aux/packages.sh "
		     "routers)");
		return;
	}
	snprintf(line, sizeof(line),
	         "STELE_ROUTERS=bgp STELE_ROUTERS_ROUTES=%u tests/scripts/check_routers.sh", count);
	script = popen(line, "r");
	check(script);
	while (fgets(line, sizeof(line), script))
		if (strstr(line, "compacted:") && strstr(line, "MB: "))
			times = strtod(strstr(line, "MB: ") + 4, NULL);
	check(pclose(script) == 0 && times > 0);
	bench_print("kernel/memory_after_bgp_flap/times_bird", times, "times");
	bench_ratio("kernel/memory_after_bgp_flap/in_1.5_times_bird", 1.5 / times, 1);
}

/* ---- the namespace ---- */

static void make_links(void)
{
	static const char *const links[] = {"d", "e", "l"};

	check(unshare(CLONE_NEWNET) == 0);
	run("ip link set lo up; sysctl -qw net.ipv6.conf.default.accept_dad=0"
	    " net.ipv6.route.max_size=10000000 || :");
	for (int i = 0; i < 3; i++)
		run("ip link add %s0 type veth peer name %s1 && ip link set %s0 up &&"
		    " ip link set %s1 up && ip address add 10.0.%d.1/24 dev %s0 &&"
		    " ip address add fd00:%d::1/64 dev %s0",
		    links[i], links[i], links[i], links[i], i, links[i], i, links[i]);
	run("for i in $(seq %d); do echo link add v$i type veth peer name w$i; done | ip -batch -",
	    LINKS / 2);
	change_open();
}

int main(void)
{
	const char *option = getenv("STELE_BENCH_ROUTES");
	unsigned count = option ? (unsigned)strtoul(option, NULL, 10) : 900000;

	if (geteuid() != 0) {
		puts("left out: kernel, as network namespaces need root");
		return 0;
	}
	snprintf(bench_region, sizeof(bench_region), "bench-kernel-%ld", (long)getpid());
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	              0);
	check(shared != MAP_FAILED);
	make_links();
	start_mirror();
	start_monitor(true);
	measure_adds();
	stop_monitor();
	start_monitor(false);
	measure_pods("60_pods_small_table");
	stop_monitor();
	measure_load(count);
	start_monitor(true);
	measure_default();
	stop_monitor();
	start_monitor(false);
	measure_churn();
	measure_pods("60_pods_full_table");
	stop_monitor();
	start_monitor(true);
	measure_link();
	stop_monitor();
	stop(&watcher);
	stop(&mirror);
	stele_subscriber_close(subscriber);
	must(stele_region_remove(bench_region));
	measure_memory(count);
	return 0;
}
