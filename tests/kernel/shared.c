/* SPDX-License-Identifier: MIT
 *
 * The kernel mirror in a region that other publishers share. Needs root. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <criterion/criterion.h>

#include <stele/stele.h>

#include "tests/support/kernel_source.h"

/* A publisher of other tables, which stays attached. */
static struct stele_publisher *other;

static void setup(void)
{
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = STELE_CREATE | STELE_SHARED_REGION};

	kernel_setup();
	cr_assert_eq(stele_publisher_open(kernel_region, &options, &other), 0, "%s",
	             stele_last_error());
}

static void teardown(void)
{
	other = stele_publisher_close(other);
	kernel_teardown();
}

TestSuite(kernel_shared, .init = setup, .fini = teardown, .timeout = 120);

/* Returns the exit status of a command of stele on the region, with `more` after it, and what it
 * has printed. */
static int run_with(const char *arguments, const char *more, char *ret, size_t size)
{
	const char *command = getenv("STELE") ? getenv("STELE") : "build/stele";
	char line[300];
	size_t length;
	FILE *pipe;

	snprintf(line, sizeof(line), "%s %s %s %s 2>&1", command, arguments, kernel_region, more);
	pipe = popen(line, "r");
	cr_assert(pipe);
	length = fread(ret, 1, size - 1, pipe);
	ret[length] = '\0';
	return WEXITSTATUS(pclose(pipe));
}

static int run(const char *arguments, char *ret, size_t size)
{
	return run_with(arguments, "", ret, size);
}

static bool shows(const char *arguments, const char *text)
{
	char output[8192];

	run(arguments, output, sizeof(output));
	return strstr(output, text);
}

/* Begins a transaction as soon as the mirror has none open. */
static struct stele_transaction *begin(void)
{
	struct stele_transaction *tx;
	int r;

	while ((r = stele_transaction_begin(other, &tx)) == -EBUSY)
		sched_yield();
	cr_assert_eq(r, 0, "%s", stele_last_error());
	return tx;
}

static void create_table(const char *name)
{
	static const struct stele_column columns[] = {STELE_KEY("name", STELE_TEXT)};
	static const struct stele_schema schema = {.columns = columns, .column_count = 1};
	struct stele_transaction *tx = begin();

	cr_assert_eq(stele_transaction_create_table(tx, name, &schema), 0, "%s",
	             stele_last_error());
	cr_assert_eq(stele_transaction_commit(tx, NULL, NULL), 1, "%s", stele_last_error());
}

/* Another publisher is attached, and the row of the table `status` still says synced. */
Test(kernel_shared, a_dead_mirror_does_not_look_alive)
{
	struct stele_region_info info = {.size = sizeof(info)};
	struct stele_subscriber *subscriber;
	char output[8192];

	kernel_source_start(0);
	subscriber = kernel_subscribe();
	kernel_wait_agreement(subscriber, "start");
	create_table("mine");
	cr_assert(!shows("show", "is gone"));
	cr_assert_eq(run_with("route", "10.0.0.9", output, sizeof(output)), 0, "%s", output);
	cr_assert(!strstr(output, "note: "), "%s", output);
	/* The region moves to another file. */
	cr_assert_eq(stele_publisher_compact(other), 0, "%s", stele_last_error());
	while (shows("show", "is gone"))
		sched_yield();
	kernel_ip("route add 10.60.0.0/16 via 10.0.0.2");
	kernel_wait_agreement(subscriber, "the mirror follows");
	cr_assert(!shows("show", "is gone"));

	kill(source_pid, SIGKILL);
	cr_assert_eq(waitpid(source_pid, NULL, 0), source_pid);
	source_pid = 0;
	create_table("more");
	cr_assert_eq(stele_region_describe(kernel_region, &info), 0, "%s", stele_last_error());
	cr_assert(info.publisher_attached);
	cr_assert(read_status(subscriber).synced);
	cr_assert(shows("show", ", but its publisher is gone"));
	cr_assert(shows("show --format json", "\"running\": false"));
	cr_assert_eq(run_with("route", "10.0.0.9", output, sizeof(output)), 0, "%s", output);
	cr_assert(strstr(output, "may differ from the kernel's state: the mirror died"), "%s",
	          output);
	cr_assert_eq(run_with("route --version -0", "10.0.0.9", output, sizeof(output)), 0, "%s",
	             output);
	cr_assert(!strstr(output, "note: "), "the past: %s", output);
	cr_assert_eq(run("doctor", output, sizeof(output)), 1, "%s", output);
	cr_assert(strstr(output, "the mirror died, and its table status still says synced"), "%s",
	          output);
	subscriber = stele_subscriber_close(subscriber);
}

/* The mirror says that it stops, although another publisher has a transaction open. */
Test(kernel_shared, a_mirror_stops_beside_an_open_transaction)
{
	struct stele_subscriber *subscriber;
	struct stele_transaction *tx;

	kernel_source_start(0);
	subscriber = kernel_subscribe();
	kernel_wait_agreement(subscriber, "start");
	tx = begin();
	kernel_source_stop();
	stele_transaction_abort(tx);
	cr_assert(shows("show", "is gone"));
	subscriber = stele_subscriber_close(subscriber);
}

/* The mirror makes a dropped table again, and reads its rows. */
Test(kernel_shared, a_dropped_table_is_read_again)
{
	struct stele_subscriber *subscriber;
	struct stele_transaction *tx;

	kernel_ip("route add 10.60.0.0/16 via 10.0.0.2");
	kernel_source_start(0);
	subscriber = kernel_subscribe();
	kernel_wait_agreement(subscriber, "start");
	tx = begin();
	cr_assert_eq(stele_transaction_drop_table(tx, "fib4"), 0, "%s", stele_last_error());
	cr_assert_eq(stele_transaction_commit(tx, NULL, NULL), 1, "%s", stele_last_error());
	kernel_ip("route add 10.61.0.0/16 via 10.0.0.2");
	kernel_wait_agreement(subscriber, "a table was dropped");
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
}
