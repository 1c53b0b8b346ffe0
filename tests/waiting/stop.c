/* SPDX-License-Identifier: MIT
 *
 * Signals that were ignored when the command started, as by nohup, stay ignored. */
#include <stele/stele.h>
#include "tests/support/cli.h"

TestSuite(waiting_stop, .init = cli_begin_routes, .fini = cli_end);

/* Reads a line of /proc/PID/status that is a set of signals. */
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

/* The processes that this test starts find these two signals ignored. */
static void ignore(void)
{
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
}

/* The command waits for SIGTERM, but not for the two ignored signals. For a moment, posix_spawn()
 * blocks all signals. */
static void expect_only_term(pid_t pid)
{
	unsigned long long blocked;
	int tries = 0;

	do {
		blocked = signals_of(pid, "SigBlk");
		poll(NULL, 0, 1);
	} while ((has(blocked, SIGHUP) || has(blocked, SIGINT)) && ++tries < 10000);
	cr_expect(has(blocked, SIGTERM));
	cr_expect_not(has(blocked, SIGHUP));
	cr_expect_not(has(blocked, SIGINT));
}

/* Checks that the command continues after the two signals: it prints a line for each of two
 * versions. SIGTERM ends it. */
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

Test(waiting_stop, fault_20_watch_continues_after_an_ignored_signal)
{
	struct cli_process watch;

	ignore();
	STELE_START(&watch, "watch", "--initial", "--format", "ndjson", region);
	for (int i = 0; i < 3; i++)
		EXPECT_HAS(cli_line(&watch), "\"version\": 2, ");
	expect_goes_on(&watch);
}

Test(waiting_stop, fault_20_trace_continues_after_an_ignored_signal)
{
	struct cli_process trace;

	ignore();
	STELE_START(&trace, "trace", "--since", "0", region);
	for (int i = 0; i < 2; i++)
		EXPECT_HAS(cli_line(&trace), "\"event\": \"commit\"");
	expect_goes_on(&trace);
}

Test(waiting_stop, fault_20_a_mirror_of_the_kernel_leaves_ignored_signals_alone)
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

/* The commands of --check and --exec also find them ignored, as commands of nohup do. */
Test(waiting_stop, fault_20_a_check_continues_after_an_ignored_signal)
{
	struct cli_process publish;
	char path[64];
	int pid;

	ignore();
	cli_temporary(path, ".csv",
	              "prefix,next_hop,interface,metric\n10.0.0.0/8,192.0.2.1,eth0,1\n");
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

/* Each of these signals ends a watch that was started without ignored signals. */
Test(waiting_stop, fault_20_other_signals_end_the_watch)
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

/* ---- signals while the command waits ---- */

/* The pipe has room for a page, and no process reads what the command prints. */
static void start_with_stuck_reader(struct cli_process *process, char **arguments)
{
	int pipes[2], in = cli_file(NULL);

	cr_assert(pipe2(pipes, O_CLOEXEC) == 0);
	cr_assert(fcntl(pipes[1], F_SETPIPE_SZ, 4096) == 4096);
	process->out = pipes[0];
	process->err = cli_file(NULL);
	cli_spawn_with(process, arguments, in, pipes[1], process->err);
	close(pipes[1]);
	close(in);
}

/* Checks that SIGTERM ends a command that has written its first page and is blocked. */
static void expect_end_of_stuck(char **arguments)
{
	struct cli_process process;
	struct pollfd ready;

	start_with_stuck_reader(&process, arguments);
	ready = (struct pollfd){.fd = process.out, .events = POLLIN};
	cr_assert(poll(&ready, 1, CLI_PATIENCE) == 1);
	kill(process.pid, SIGTERM);
	cr_expect(cli_wait(&process) == 0);
	EXPECT_TEXT(cli_read_all(process.err), "");
	close(process.out);
}

Test(waiting_stop, fault_20_a_watch_with_a_stuck_reader_can_be_ended)
{
	char *arguments[] = {cli_command(), "watch", "--initial", "--format",
	                     "ndjson",      region,  NULL};
	char rows[16384] = "prefix,next_hop,interface,metric\n";
	size_t length = strlen(rows);

	for (int i = 0; i < 200; i++)
		length += (size_t)snprintf(rows + length, sizeof(rows) - length,
		                           "10.1.%d.0/24,192.0.2.1,eth0,1\n", i);
	EXPECT_STATUS(STELE_WITH(rows, "publish", target, "-"), 0);
	expect_end_of_stuck(arguments);
}

Test(waiting_stop, fault_20_a_trace_with_a_stuck_reader_can_be_ended)
{
	char *arguments[] = {cli_command(), "trace", "--since", "0", region, NULL};

	for (int i = 0; i < 20; i++) {
		char metric[32];

		snprintf(metric, sizeof(metric), "metric=%d", 200 + i);
		EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", metric), 0);
	}
	expect_end_of_stuck(arguments);
}

Test(waiting_stop, fault_20_a_mirror_that_waits_for_another_publisher_can_be_ended)
{
	const struct stele_publisher_options options = {.size = sizeof(options)};
	struct stele_publisher *publisher;
	struct cli_process mirror;

	cr_assert(stele_publisher_open(region, &options, &publisher) == 0);
	STELE_START(&mirror, "publish", "--kernel-routes", "--wait", "100000", region);
	for (int i = 0; !has(signals_of(mirror.pid, "SigBlk"), SIGTERM); i++) {
		cr_assert(i < CLI_PATIENCE, "it did not get that far");
		poll(NULL, 0, 1);
	}
	kill(mirror.pid, SIGTERM);
	cr_expect(cli_wait(&mirror) == 0);
	EXPECT_TEXT(cli_read_all(mirror.err), "");
	stele_publisher_close(publisher);
}

/* Returns once the file at `path` has `lines` lines. */
static void until_lines(const char *path, int lines)
{
	for (int have = -1; have != lines; poll(NULL, 0, 1)) {
		FILE *file = fopen(path, "re");
		int byte;

		if (!file)
			continue;
		for (have = 0; (byte = getc(file)) != EOF;)
			have += byte == '\n';
		fclose(file);
		cr_assert(have <= lines, "%d lines in %s", have, path);
	}
}

Test(waiting_stop, a_trace_opens_its_file_again_at_sighup, .timeout = 120)
{
	struct cli_process trace;
	char path[64], old[80];

	ignore();
	cli_temporary(path, ".ndjson", "");
	snprintf(old, sizeof(old), "%s.1", path);
	STELE_START(&trace, "trace", "--since", "0", "--output", path, region);
	until_lines(path, 2);
	cr_assert(rename(path, old) == 0);
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "metric=21"), 0);
	until_lines(old, 3);
	kill(trace.pid, SIGHUP);
	until_lines(path, 0);
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "metric=22"), 0);
	until_lines(path, 1);
	until_lines(old, 3);
	kill(trace.pid, SIGTERM);
	cr_expect(cli_wait(&trace) == 0);
	EXPECT_TEXT(cli_line(&trace), "");
	unlink(path);
	unlink(old);
	EXPECT_FAILURE(STELE("trace", "--output", "/nowhere/file", region), 8,
	               "--output: cannot open /nowhere/file: No such file");
}
