/* SPDX-License-Identifier: MIT
 *
 * stele wait: blocks until there is a region, a table, or a newer version. */
#include <sched.h>
#include "tests/support/cli.h"

TestSuite(waiting_wait, .init = cli_begin_routes, .fini = cli_end);

static struct cli_process waiter;

/* Returns once the process sleeps: the command sleeps only where it waits for a publisher. */
static void until_it_waits(void)
{
	char path[64], line[256], state = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", waiter.pid);
	while (state != 'S') {
		FILE *status = fopen(path, "re");

		cr_assert(status != NULL);
		while (fgets(line, sizeof(line), status))
			sscanf(line, "State: %c", &state);
		fclose(status);
		cr_assert(state != 'Z', "the command has ended: %s", cli_line(&waiter));
		sched_yield();
	}
}

/* Returns how often the process has gone to sleep. */
static long sleeps(void)
{
	char path[64], line[256];
	long count = -1;
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%d/status", waiter.pid);
	status = fopen(path, "re");
	cr_assert(status != NULL);
	while (fgets(line, sizeof(line), status))
		sscanf(line, "voluntary_ctxt_switches: %ld", &count);
	fclose(status);
	cr_assert(count >= 0, "the command has ended: %s", cli_line(&waiter));
	return count;
}

/* Returns once the process has looked for a version after this call: it has been awake between two
 * sleeps. */
static void until_it_has_looked(void)
{
	long count = sleeps();

	while (sleeps() < count + 2)
		usleep(1000);
	until_it_waits();
}

/* Expects that the command prints this version of the present region, and ends. */
static void expect_version(uint64_t version)
{
	char expected[96];

	snprintf(expected, sizeof(expected), "%llu@%s", (unsigned long long)version, cli_uuid());
	EXPECT_TEXT(cli_line(&waiter), expected);
	cr_expect(cli_wait(&waiter) == 0);
}

Test(waiting_wait, ends_at_once_if_there_is_a_region)
{
	STELE_START(&waiter, "wait", region);
	expect_version(2);
	STELE_START(&waiter, "wait", target, "--timeout", "0");
	expect_version(2);
	STELE_START(&waiter, "wait", region, "--since", "0");
	expect_version(2);
	STELE_START(&waiter, "wait", region, "--since", cli_token(1));
	expect_version(2);
}

Test(waiting_wait, waits_for_a_region)
{
	EXPECT_STATUS(STELE("rm", region), 0);
	STELE_START(&waiter, "wait", region);
	until_it_waits();
	EXPECT_STATUS(STELE("create", region, "--table", "other(a: u8 key)"), 0);
	expect_version(1);
}

/* Also for one that is created with its region, which exists before it. */
Test(waiting_wait, waits_for_a_table)
{
	EXPECT_STATUS(STELE("rm", region), 0);
	STELE_START(&waiter, "wait", target);
	until_it_waits();
	EXPECT_STATUS(STELE("create", region, "--table", "other(a: u8 key)"), 0);
	until_it_waits();
	EXPECT_STATUS(STELE("create", region, "--table", ROUTES), 0);
	expect_version(2);
}

Test(waiting_wait, waits_for_a_newer_version)
{
	STELE_START(&waiter, "wait", "--since", cli_token(2), region);
	until_it_waits();
	/* It is no subscriber: it costs the publisher nothing. */
	EXPECT_HAS(STELE("show", region).out, "subscribers         0\n");
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "metric=21"), 0);
	expect_version(3);
	/* Versions that did not change the table do not count. */
	STELE_START(&waiter, "wait", "--since", cli_token(3), target);
	until_it_waits();
	EXPECT_STATUS(STELE("create", region, "--table", "other(a: u8 key)"), 0);
	until_it_has_looked();
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "metric=22"), 0);
	expect_version(5);
}

/* Fault 34: the next region of the name counts its versions from 1 again. */
Test(waiting_wait, a_version_of_another_region_is_newer)
{
	char *since = cli_token(2);

	STELE_START(&waiter, "wait", "--since", since, region);
	until_it_waits();
	EXPECT_STATUS(STELE("rm", region), 0);
	until_it_waits();
	EXPECT_STATUS(STELE("create", region, "--table", "other(a: u8 key)"), 0);
	expect_version(1);
	STELE_START(&waiter, "wait", "--since", since, region);
	expect_version(1);
}

Test(waiting_wait, gives_up_after_its_time)
{
	EXPECT_FAILURE(STELE("wait", "-T", "0.05", "--since", cli_token(2), region), 1,
	               "no version newer than ", " in the given time");
	EXPECT_FAILURE(STELE("wait", "-T", "0.05", cli_text("nothing/at_all")), 1,
	               "there was no region in the given time: ", "no region \"nothing\"");
	snprintf(target, sizeof(target), "%s/absent", region);
	EXPECT_FAILURE(STELE("wait", "-T", "0.05", target), 1,
	               "there was no table \"absent\" in the given time");
}

/* What does not change by waiting ends the command at once, also without --timeout. */
Test(waiting_wait, other_errors_end_it)
{
	char path[96];

	EXPECT_FAILURE(STELE("wait", "--since", "2", region), 2, "is ambiguous without the UUID");
	EXPECT_FAILURE(STELE("wait", "--timeout", "soon", region), 2, "--timeout: invalid value");
	EXPECT_STATUS(STELE("wait", region, region), 2);
	snprintf(path, sizeof(path), "/dev/shm/stele.%s", region);
	cr_assert(truncate(path, 100) == 0);
	EXPECT_STATUS(STELE("wait", region), 7);
}

/* A signal ends it, as it ends sleep(1): a script must not take that for success. */
Test(waiting_wait, a_signal_ends_it_with_an_error)
{
	STELE_START(&waiter, "wait", "--since", cli_token(2), region);
	until_it_waits();
	kill(waiter.pid, SIGTERM);
	cr_expect(cli_wait(&waiter) == 128 + SIGTERM);
}
