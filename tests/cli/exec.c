/* SPDX-License-Identifier: MIT
 *
 * stele watch --exec: a user's command for each change. */
#include <stele/stele.h>
#include "tests/support/cli.h"
#include "lib/layout.h"

TestSuite(cli_exec, .init = cli_begin_routes, .fini = cli_end);

static struct cli_process watch;

#define CHANGED_TO(version, metric, before) \
	"{\"version\": " version ", \"change\": \"changed\", \"table\": \"routes\", \"row\": " \
	"{\"prefix\": \"10.0.0.0/8\", \"next_hop\": \"192.0.2.2\", \"interface\": \"eth1\", " \
	"\"metric\": " metric "}, \"before\": {\"prefix\": \"10.0.0.0/8\", \"next_hop\": " \
	"\"192.0.2.2\", \"interface\": \"eth1\", \"metric\": " before "}}"

static void expect_line(const char *text)
{
	char line[4096];

	snprintf(line, sizeof(line), "%s", cli_line(&watch));
	cli_plain(line);
	EXPECT_TEXT(line, text);
}

static void set_metric(const char *assignment)
{
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", assignment), 0);
}

/* Starts a watch. Its command first gets the three rows of the table, and then waits for a line. */
static void start(const char *command)
{
	STELE_START(&watch, "watch", "--initial", "--exec", command, region);
}

/* Returns the version that the only subscriber has reported as applied. */
static uint64_t applied(void)
{
	struct layout_slot slots[64];
	char path[128];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/dev/shm/stele.%s.subscribers", region);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	got = pread(fd, slots, sizeof(slots), sizeof(struct layout_subscribers_header));
	close(fd);
	cr_assert(got > 0);
	for (size_t i = 0; i < (size_t)got / sizeof(slots[0]); i++)
		if (slots[i].state == LAYOUT_SLOT_TAKEN)
			return slots[i].applied;
	return 0;
}

static void expect_clean_end(int signal_number)
{
	kill(watch.pid, signal_number);
	cr_expect(cli_wait(&watch) == 0);
	EXPECT_TEXT(cli_line(&watch), "");
	EXPECT_HAS(STELE("show", region).out, "subscribers         0\n");
}

Test(cli_exec, passes_each_change_to_the_command)
{
	char line[64];

	start("cat; echo \"$STELE_REGION $STELE_VERSION\"");
	for (int i = 0; i < 3; i++)
		EXPECT_HAS(cli_line(&watch), "{\"version\": 2, \"change\": \"added\", ");
	snprintf(line, sizeof(line), "%s 2", region);
	expect_line(line);
	set_metric("metric=21");
	expect_line(CHANGED_TO("3", "21", "20"));
	snprintf(line, sizeof(line), "%s 3", region);
	expect_line(line);
	expect_clean_end(SIGTERM);
	EXPECT_TEXT(cli_read_all(watch.err), "");
}

Test(cli_exec, changes_made_meanwhile_come_in_one_run)
{
	char fifo[64], command[128];
	int end;

	snprintf(fifo, sizeof(fifo), "/tmp/%s.fifo", region);
	cr_assert(mkfifo(fifo, 0600) == 0);
	snprintf(command, sizeof(command), "cat; echo; read -r line <%s", fifo);
	STELE_START(&watch, "watch", "--since", cli_token(1), "--exec", command, region);
	for (int i = 0; i < 3; i++)
		EXPECT_HAS(cli_line(&watch), "{\"version\": 2, \"change\": \"added\", ");
	expect_line("");
	set_metric("metric=21");
	set_metric("metric=22");
	set_metric("metric=23");
	end = open(fifo, O_WRONLY | O_CLOEXEC);
	cr_assert(end >= 0 && write(end, "\n", 1) == 1);
	close(end);
	expect_line(CHANGED_TO("5", "23", "20"));
	expect_line("");
	unlink(fifo);
	expect_clean_end(SIGINT);
}

Test(cli_exec, a_failed_command_is_reported_and_the_watch_continues)
{
	const char *said;

	start("cat >/dev/null; echo $STELE_VERSION; case $STELE_VERSION in 3) exit 7;; "
	      "4) kill -9 $$;; esac");
	expect_line("2");
	set_metric("metric=21");
	expect_line("3");
	set_metric("metric=22");
	expect_line("4");
	set_metric("metric=23");
	expect_line("5");
	set_metric("metric=24");
	expect_line("6");
	expect_clean_end(SIGTERM);
	said = cli_read_all(watch.err);
	EXPECT_HAS(said, "stele: note: the command for version 3 exited with status 7\n");
	EXPECT_HAS(said, "stele: note: the command for version 4 was killed by signal 9\n");
	EXPECT_HAS_NOT(said, "version 2");
	EXPECT_HAS_NOT(said, "version 5");
}

/* The command is not run for a region that is gone, and gets all rows of the next one. */
Test(cli_exec, goes_on_with_the_next_region)
{
	char line[64];
	const char *gap;
	unsigned version = 99;

	start("cat; echo \"$STELE_REGION $STELE_VERSION\"");
	for (int i = 0; i < 3; i++)
		EXPECT_HAS(cli_line(&watch), "{\"version\": 2, \"change\": \"added\", ");
	snprintf(line, sizeof(line), "%s 2", region);
	expect_line(line);
	EXPECT_STATUS(STELE("rm", region), 0);
	EXPECT_STATUS(STELE("create", region, "--table", ROUTES), 0);
	/* The watch may find the region before its table is created. */
	gap = cli_line(&watch);
	EXPECT_HAS(gap, "\"change\": \"gap\", ");
	cr_expect(sscanf(gap, "{\"version\": %u, ", &version) == 1 && version <= 1, "%s", gap);
	snprintf(line, sizeof(line), "%s %u", region, version);
	expect_line(line);
	expect_clean_end(SIGTERM);
}

/* The next run starts after the result of the previous one was reported. */
Test(cli_exec, only_successful_runs_are_reported_as_applied)
{
	start("echo $STELE_VERSION; [ $STELE_VERSION != 3 ]");
	expect_line("2");
	set_metric("metric=21");
	expect_line("3");
	cr_expect_eq(applied(), 2);
	set_metric("metric=22");
	expect_line("4");
	cr_expect_neq(applied(), 3);
	set_metric("metric=23");
	expect_line("5");
	cr_expect_geq(applied(), 4);
	expect_clean_end(SIGTERM);
}

/* The input is more than fits in a pipe. */
Test(cli_exec, a_command_need_not_read_its_input)
{
	static char rows[1 << 20];
	struct cli_result result;
	size_t length = 0;
	char table[64];

	snprintf(table, sizeof(table), "%s/many", region);
	EXPECT_STATUS(STELE("create", region, "--table", "many(a: u32 key)"), 0);
	length += (size_t)sprintf(rows, "a\n");
	for (unsigned i = 0; i < 20000; i++)
		length += (size_t)sprintf(rows + length, "%u\n", i);
	EXPECT_STATUS(STELE_WITH(rows, "publish", table, "-"), 0);
	result = STELE("watch", "--since", cli_token(3), "--count", "1", "--exec",
	               "exec <&-; echo ran", region);
	expect_done(result, "ran\n");
	result = STELE("watch", "--since", cli_token(3), "--count", "1", "--exec", "head -n 1",
	               region);
	expect_done(result, "{\"version\": 4, \"change\": \"added\", \"table\": \"many\", \"row\": "
	                    "{\"a\": 0}, \"before\": null}\n");
	result = STELE("watch", "--since", cli_token(3), "--count", "1", "--exec", "wc -l", region);
	expect_done(result, "20000\n");
}

/* The command does not inherit the watch's signal settings. */
Test(cli_exec, a_command_gets_the_original_signal_settings)
{
	unsigned long long ignored, blocked;
	struct cli_result result;

	result = STELE("watch", "--since", cli_token(1), "--count", "1", "--exec",
	               "grep -E 'SigBlk|SigIgn' /proc/self/status", region);
	EXPECT_STATUS(result, 0);
	cr_assert(sscanf(result.out, "SigBlk: %llx SigIgn: %llx", &blocked, &ignored) == 2, "%s",
	          result.out);
	cr_expect_eq(blocked & (1ull << (SIGTERM - 1) | 1ull << (SIGINT - 1)), 0, "%s", result.out);
	cr_expect_eq(ignored & 1ull << (SIGPIPE - 1), 0, "%s", result.out);
}

Test(cli_exec, a_gap_is_among_the_changes)
{
	cli_begin_short_history();
	expect_done(
		STELE("watch", "--since", cli_token(2), "--timeout", "0", "--exec", "cat", region),
		"{\"version\": 201, \"change\": \"gap\", \"table\": null, \"row\": "
		"{\"all\": true}, \"before\": null}\n"
		"{\"version\": 201, \"change\": \"created\", \"table\": \"t\", \"row\": "
		"{\"schema\": \"t(a: u8 key, b: u32)\"}, \"before\": null}\n"
		"{\"version\": 201, \"change\": \"added\", \"table\": \"t\", \"row\": "
		"{\"a\": 97, \"b\": 200}, \"before\": null}\n");
}

/* Checks that the command ends when its watch ends. */
static void expect_end_of_both(const char *command)
{
	pid_t pid;

	start(command);
	pid = (pid_t)atoi(cli_line(&watch));
	cr_assert(pid > 1);
	expect_clean_end(SIGTERM);
	cr_expect(kill(pid, 0) < 0 && errno == ESRCH, "process %d is still there", (int)pid);
}

Test(cli_exec, a_signal_ends_the_command_too)
{
	expect_end_of_both("echo $$; exec sleep 1000");
}

Test(cli_exec, a_signal_lets_the_command_clean_up)
{
	start("trap 'echo in order; exit' TERM; echo ready; sleep 1000 & wait");
	expect_line("ready");
	kill(watch.pid, SIGTERM);
	expect_line("in order");
	cr_expect(cli_wait(&watch) == 0);
}

Test(cli_exec, a_signal_leaves_nothing_that_the_command_started)
{
	pid_t pid;

	start("(trap '' TERM; sh -c 'echo $$; exec sleep 1000') & wait");
	pid = (pid_t)atoi(cli_line(&watch));
	cr_assert(pid > 1);
	expect_clean_end(SIGTERM);
	/* The command is not the test's child, so another process may still have to reap it. */
	for (int i = 0; i < CLI_PATIENCE && kill(pid, 0) == 0; i++) {
		char path[64], state[64] = "";
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
		file = fopen(path, "r");
		if (file && fscanf(file, "%*d (%*[^)]) %1s", state) == 1 && *state == 'Z')
			i = CLI_PATIENCE;
		else
			cr_expect(i < CLI_PATIENCE - 1, "process %d is still there", (int)pid);
		if (file)
			fclose(file);
		poll(NULL, 0, 1);
	}
}

Test(cli_exec, a_command_that_ignores_sigterm_is_killed)
{
	expect_end_of_both("trap '' TERM; echo $$; while :; do sleep 1000; done");
}

Test(cli_exec, wrong_usage_is_refused)
{
	EXPECT_FAILURE(STELE("watch", "--exec", "cat", "--format", "csv", region), 2, "ndjson");
	EXPECT_FAILURE(STELE("watch", "--exec", "cat", "no-such-region"), 3, "there is no region");
}

/* --timeout also ends a command. */
Test(cli_exec, a_command_that_hangs_is_ended_at_the_timeout)
{
	struct cli_process process;
	int64_t begin = (int64_t)time(NULL);

	STELE_START(&process, "watch", "--initial", "--timeout", "0.5", "--exec", "sleep 50",
	            region);
	cr_expect(cli_wait(&process) == 0);
	cr_expect(time(NULL) - begin < 40, "it waited for the command");
	EXPECT_HAS(cli_read_all(process.err), "did not end in time and was terminated");
}
