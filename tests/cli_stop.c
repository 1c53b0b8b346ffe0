/* SPDX-License-Identifier: MIT
 * Signals that were ignored when the command started, as by nohup, stay ignored. */
#include "cli.h"

TestSuite(cli_stop, .init = cli_begin_routes, .fini = cli_end);

/* A line of /proc/PID/status that is a set of signals. */
static unsigned long long signals_of(pid_t pid, const char *name)
{
	unsigned long long set = 0;
	char path[64], line[256];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "r");
	cr_assert(file, "%s: %s", path, strerror(errno));
	while (!found && fgets(line, sizeof(line), file))
		found = strncmp(line, name, strlen(name)) == 0 &&
		        sscanf(line + strlen(name), ": %llx", &set) == 1;
	fclose(file);
	cr_assert(found, "no %s in %s", name, path);
	return set;
}

static bool has(unsigned long long set, int signal_number)
{
	return set >> (signal_number - 1) & 1;
}

/* The processes that this test starts find these two ignored. */
static void ignore(void)
{
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
}

/* The command waits for SIGTERM, not for the two that are ignored. */
static void expect_only_term(pid_t pid)
{
	unsigned long long blocked = signals_of(pid, "SigBlk");

	cr_expect(has(blocked, SIGTERM));
	cr_expect_not(has(blocked, SIGHUP));
	cr_expect_not(has(blocked, SIGINT));
}

/* Goes on after the two signals: prints a line for each of two versions. Ends at SIGTERM. */
static void expect_goes_on(struct cli_process *process)
{
	expect_only_term(process->pid);
	kill(process->pid, SIGHUP);
	kill(process->pid, SIGINT);
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "metric=21"), 0);
	EXPECT_HAS(cli_line(process), "\"version\": 3, ");
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "metric=22"), 0);
	EXPECT_HAS(cli_line(process), "\"version\": 4, ");
	kill(process->pid, SIGTERM);
	cr_expect(cli_wait(process) == 0);
}

Test(cli_stop, fault_20_watch_goes_on_after_a_signal_that_was_ignored)
{
	struct cli_process watch;

	ignore();
	STELE_START(&watch, "watch", "--initial", "--format", "ndjson", region);
	for (int i = 0; i < 3; i++)
		EXPECT_HAS(cli_line(&watch), "\"version\": 2, ");
	expect_goes_on(&watch);
}

Test(cli_stop, fault_20_trace_goes_on_after_a_signal_that_was_ignored)
{
	struct cli_process trace;

	ignore();
	STELE_START(&trace, "trace", "--since", "0", region);
	for (int i = 0; i < 2; i++)
		EXPECT_HAS(cli_line(&trace), "\"event\": \"commit\"");
	expect_goes_on(&trace);
}

Test(cli_stop, fault_20_a_mirror_of_the_kernel_leaves_ignored_signals_alone)
{
	struct cli_process mirror;

	ignore();
	EXPECT_STATUS(STELE("rm", region), 0);
	STELE_START(&mirror, "publish", "--kernel-routes", region);
	cr_assert(*cli_line(&mirror), "%s", cli_read_all(mirror.err));
	expect_only_term(mirror.pid);
	kill(mirror.pid, SIGHUP);
	kill(mirror.pid, SIGTERM);
	cr_expect(cli_wait(&mirror) == 0);
}

/* The command of --check and --exec finds them ignored, as the commands of nohup do. */
Test(cli_stop, fault_20_a_check_goes_on_after_a_signal_that_was_ignored)
{
	struct cli_process publish;
	char path[64];
	int pid;

	ignore();
	cli_temporary(path, ".csv", "prefix,next_hop,interface,metric\n");
	STELE_START(&publish, "publish", "--check",
	            "kill -HUP $PPID; kill -INT $PPID; echo $$; exec sleep 1000", target, path);
	pid = atoi(cli_line(&publish));
	cr_assert(pid > 1);
	expect_only_term(publish.pid);
	cr_expect(has(signals_of(pid, "SigIgn"), SIGHUP));
	cr_expect(has(signals_of(pid, "SigIgn"), SIGINT));
	cr_expect_not(has(signals_of(pid, "SigBlk"), SIGTERM));
	kill(publish.pid, SIGTERM);
	cr_expect(cli_wait(&publish) == 8);
	cr_expect(kill(pid, 0) < 0 && errno == ESRCH, "process %d is still there", pid);
	unlink(path);
}

/* Nothing is ignored: each of them ends the watch. */
Test(cli_stop, fault_20_other_signals_end_the_watch)
{
	static const int numbers[] = {SIGHUP, SIGINT, SIGTERM};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct cli_process watch;

		signal(SIGHUP, SIG_DFL);
		signal(SIGINT, SIG_DFL);
		STELE_START(&watch, "watch", "--initial", "--format", "ndjson", region);
		for (int row = 0; row < 3; row++)
			cli_line(&watch);
		kill(watch.pid, numbers[i]);
		cr_expect(cli_wait(&watch) == 0);
	}
}
