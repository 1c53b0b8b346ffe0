/* SPDX-License-Identifier: MIT */
#include "tests/support/kernel_source.h"

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

char kernel_region[64];
struct counters *counters;
pid_t source_pid;
struct kernel_filter kernel_source_filter;
const struct kernel_fpm_options *kernel_source_fpm;

static char source_error[256];

static void count(void *context, const struct kernel_report *report)
{
	struct counters *to = context;

	to->losses += report->event == KERNEL_LOST;
	to->synced += report->event == KERNEL_SYNCED;
	to->full += report->event == KERNEL_FULL;
	to->updates += report->event == KERNEL_UPDATED;
	to->dumps += report->event == KERNEL_DUMPED;
}

void kernel_source_start(int receive_buffer)
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
		.filter = &kernel_source_filter,
		.fpm = kernel_source_fpm,
		.receive_buffer = receive_buffer,
		.error = source_error,
		.error_size = sizeof(source_error),
	};
	int r = kernel_run(kernel_region, &options);

	if (r < 0)
		fprintf(stderr, "the source failed: %s\n", source_error);
	_exit(r < 0 ? 1 : 0);
}

void kernel_command_start(const char *output, const char *option)
{
	const char *command = getenv("STELE") ? getenv("STELE") : "build/stele";
	bool frr = option && strncmp(option, "--fpm", 5) == 0;

	source_pid = fork();
	cr_assert(source_pid >= 0);
	if (source_pid > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (freopen(output, "w", stdout))
		execl(command, "stele", "publish", kernel_region, frr ? option : "--kernel-routes",
		      frr ? NULL : option, (char *)NULL);
	perror(command);
	_exit(127);
}

void kernel_source_stop(void)
{
	int status;

	kill(source_pid, SIGTERM);
	cr_assert_eq(waitpid(source_pid, &status, 0), source_pid);
	source_pid = 0;
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the source ended with status %d",
	          status);
}

/* ---- the namespace ---- */

void kernel_ip(const char *format, ...)
{
	char arguments[512], command[600];
	va_list list;

	va_start(list, format);
	vsnprintf(arguments, sizeof(arguments), format, list);
	va_end(list);
	snprintf(command, sizeof(command), "ip %s", arguments);
	cr_assert_eq(system(command), 0, "%s", command);
}

FILE *kernel_batch_open(bool strict)
{
	FILE *batch = popen(strict ? "ip -batch -" : "ip -force -batch - >/dev/null 2>&1", "w");

	cr_assert(batch);
	return batch;
}

int64_t now_ns(void)
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

void kernel_setup(void)
{
	snprintf(kernel_region, sizeof(kernel_region), "test-kernel-%d", (int)getpid());
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0)
		cr_skip_test("a network namespace needs root");
	if (system("ip link add d0 type veth peer name d1 2>/dev/null") != 0)
		cr_skip_test("this kernel has no veth links");
	kernel_ip("link set lo up");
	kernel_ip("link set d0 up");
	kernel_ip("link set d1 up");
	kernel_ip("address add 10.0.0.1/24 dev d0");
	kernel_ip("address add 10.0.1.1/24 dev d1");
	kernel_ip("address add fd00::1/64 dev d0 nodad");
	settle();
	counters = mmap(NULL, sizeof(*counters), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
	                -1, 0);
	cr_assert(counters != MAP_FAILED);
}

void kernel_teardown(void)
{
	if (source_pid > 0) {
		kill(source_pid, SIGKILL);
		waitpid(source_pid, NULL, 0);
	}
	stele_region_remove(kernel_region);
}

/* ---- waiting until the region and the kernel agree ---- */

struct stele_subscriber *kernel_subscribe(void)
{
	int64_t deadline = now_ns() + 60 * NSEC_PER_SEC;
	struct stele_subscriber *subscriber;
	uint64_t version;
	int r;

	while ((r = stele_subscriber_open(kernel_region, NULL, &subscriber)) == -ENOENT &&
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
	const struct kernel_status *status;
	struct stele_snapshot *snapshot;
	struct stele_row row;
	bool equal = true;

	kernel_state_read(kernel_has);
	cr_assert_eq(stele_snapshot_open(subscriber, 0, &snapshot), 0, "%s", stele_last_error());
	*ret_version = stele_snapshot_version(snapshot);
	cr_assert_eq(
		stele_snapshot_get(snapshot, "status", kernel_schemas[KERNEL_STATUS], "", 8, &row),
		1, "%s", stele_last_error());
	status = row.value;
	if (!status->synced && source_pid > 0) {
		snprintf(ret_difference, size, "status: %.48s", status->doubt);
		equal = false;
	}
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

uint64_t kernel_wait_agreement(struct stele_subscriber *subscriber, const char *step)
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

/* ---- routes and the status row ---- */

void many_routes(const char *verb, unsigned from, unsigned to, unsigned gateway, const char *more)
{
	FILE *batch = kernel_batch_open(true);

	for (unsigned i = from; i < to; i++) {
		fprintf(batch, "route %s 10.%u.%u.0/24 %s", verb, 16 + i / 256, i % 256, more);
		fprintf(batch, gateway ? " via 10.0.0.%u\n" : "\n", gateway);
	}
	cr_assert_eq(pclose(batch), 0);
}

struct kernel_status read_status(struct stele_subscriber *subscriber)
{
	struct kernel_status status;
	struct stele_snapshot *snapshot;
	struct stele_row row;

	cr_assert_eq(stele_snapshot_open(subscriber, 0, &snapshot), 0, "%s", stele_last_error());
	cr_assert_eq(
		stele_snapshot_get(snapshot, "status", kernel_schemas[KERNEL_STATUS], "", 8, &row),
		1);
	memcpy(&status, row.value, sizeof(status));
	snapshot = stele_snapshot_close(snapshot);
	return status;
}
