/* SPDX-License-Identifier: MIT
 *
 * Commands that change a region to which a daemon is attached: they say at once for whom they wait,
 * and need not wait if all publishers share the region. */
#include <stele/stele.h>
#include "tests/support/cli.h"

TestSuite(waiting_attached, .init = cli_begin_routes, .fini = cli_end);

/* Attaches this process, as a daemon that does not ask to share the region. */
static struct stele_publisher *attach(void)
{
	const struct stele_publisher_options options = {.size = sizeof(options)};
	struct stele_publisher *publisher = NULL;

	cr_assert(stele_publisher_open(region, &options, &publisher) == 0, "%s",
	          stele_last_error());
	return publisher;
}

/* Starts a command, and expects it to say that it waits for this process, long before it would
 * give up. Then lets it go on, and expects it to succeed. */
static void expect_to_be_named(char **arguments)
{
	struct stele_publisher *publisher = attach();
	struct cli_process process;
	char line[1024] = "", name[32];
	int ends[2];

	cr_assert(pipe2(ends, O_CLOEXEC) == 0);
	cli_spawn_with(&process, arguments, cli_file(NULL), cli_file(NULL), ends[1]);
	close(ends[1]);
	/* The line comes while the command waits: this process is still attached. */
	for (size_t i = 0; i + 1 < sizeof(line) && read(ends[0], line + i, 1) == 1; i++)
		if (line[i] == '\n')
			break;
	snprintf(name, sizeof(name), "process %d (", getpid());
	EXPECT_HAS(line, "stele: note: waiting: another publisher is attached to region ");
	EXPECT_HAS(line, name);
	EXPECT_HAS(line, "which does not share the region; stop it first");
	stele_publisher_close(publisher);
	cr_expect(cli_wait(&process) == 0);
	/* One line, and no more. */
	cr_expect(read(ends[0], line, 1) == 0);
	close(ends[0]);
}

Test(waiting_attached, each_command_says_for_whom_it_waits)
{
	char w[] = "--wait=30";
	char *const command = cli_command();
	char *commands[][9] = {
		{command, "set", w, target, "10.0.0.0/8", "metric=1", NULL},
		{command, "delete", w, target, "10.0.0.0/8", NULL},
		{command, "rollback", w, region, "--to", cli_token(2), NULL},
		{command, "create", "--table", "other(a: u8 key)", region, NULL},
		{command, "drop", w, target, NULL},
		{command, "compact", region, NULL},
	};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		expect_to_be_named(commands[i]);
}

/* The message at the end says what --shared would not have changed. */
Test(waiting_attached, a_daemon_that_does_not_share_is_named_as_such)
{
	struct stele_publisher *publisher = attach();

	EXPECT_FAILURE(STELE("set", "--wait", "0", "--shared", target, "10.0.0.0/8", "metric=1"), 4,
	               "which does not share the region; stop it first");
	stele_publisher_close(publisher);
}

Test(waiting_attached, an_operator_steps_in_where_all_publishers_share)
{
	struct stele_publisher *publisher;
	char saved[64];

	EXPECT_STATUS(STELE("rm", region), 0);
	EXPECT_STATUS(STELE("create", region, "--shared", "--table", ROUTES), 0);
	publisher = attach();
	EXPECT_STATUS(STELE("set", "--wait", "0", target, "10.0.0.0/8", "next_hop=192.0.2.2",
	                    "interface=eth1", "metric=1"),
	              0);
	EXPECT_STATUS(STELE("rollback", "--wait", "0", region, "--to", cli_token(1)), 0);
	EXPECT_HAS(STELE("show", region).out, " shared\n");
	stele_publisher_close(publisher);
	/* A saved file keeps the property. */
	cli_temporary(saved, ".stele", "");
	unlink(saved);
	EXPECT_STATUS(STELE("save", region, saved), 0);
	EXPECT_STATUS(STELE("rm", region), 0);
	EXPECT_STATUS(STELE("load", saved, region), 0);
	publisher = attach();
	EXPECT_STATUS(STELE("delete", "--wait", "0", target, "10.0.0.0/8"), 1);
	stele_publisher_close(publisher);
	/* A region that exists gets it by `stele alter'. */
	EXPECT_HAS(STELE("create", region, "--shared").err, "apply only to a new region");
	unlink(saved);
}

/* A dry run needs no lock: a daemon that does not share may be within a transaction. */
Test(waiting_attached, a_dry_run_needs_no_lock)
{
	static const char rows[] = "prefix,next_hop,interface,metric\n"
				   "10.0.0.0/8,192.0.2.2,eth1,21\n10.1.0.0/16,192.0.2.3,eth2,30\n"
				   "10.1.0.0/24,192.0.2.3,eth2,30\n10.0.0.0/7,192.0.2.3,eth2,30\n";
	struct stele_publisher *publisher = attach();
	struct stele_transaction *tx;
	struct cli_result dry, done;

	cr_assert(stele_transaction_begin(publisher, &tx) == 0);
	dry = STELE_WITH(rows, "publish", "--dry-run", "--wait", "0", target, "-");
	EXPECT_STATUS(dry, 0);
	EXPECT_TEXT(dry.err, "");
	stele_transaction_abort(tx);
	EXPECT_FAILURE(
		STELE_WITH(rows, "publish", "--dry-run", cli_option("--if-head", 1), target, "-"),
		10, "is at version 2, not at version 1");
	EXPECT_FAILURE(STELE_WITH("prefix,next_hop,interface,metric\n10.0.0.0/8,192.0.2.2,eth1,21\n"
	                          "10.0.0.0/8,192.0.2.2,eth1,22\n",
	                          "publish", "--dry-run", target, "-"),
	               2, ":3: the key \"10.0.0.0/8\" is already in line 2");
	dry = STELE_WITH(rows, "publish", "--dry-run", cli_option("--if-head", 2), target, "-");
	EXPECT_STATUS(STELE_WITH(rows, "publish", "--wait", "0", target, "-"), 4);
	stele_publisher_close(publisher);
	EXPECT_STATUS(STELE_WITH(rows, "publish", target, "-"), 0);
	done = STELE("diff", target, "2", "3");
	EXPECT_TEXT(dry.out, done.out);
	EXPECT_HAS(dry.out, "metric=21");
}

Test(waiting_attached, a_region_that_exists_can_be_shared_from_now_on)
{
	struct stele_publisher *publisher;
	struct cli_process watch;

	STELE_START(&watch, "watch", "--initial", "-f", "ndjson", region);
	EXPECT_HAS(cli_line(&watch), "added");
	/* A publisher that does not share is still there. */
	publisher = attach();
	EXPECT_FAILURE(STELE("alter", region, "--publishers", "shared", "--wait", "0"), 4,
	               "stop it first");
	EXPECT_HAS_NOT(STELE("show", region).out, " shared\n");
	stele_publisher_close(publisher);
	EXPECT_HAS(STELE("alter", region, "--publishers", "shared").out, ": all publishers share");
	EXPECT_HAS(STELE("alter", region, "--publishers", "shared").out, "nothing changed");
	EXPECT_HAS(STELE("show", region).out, " shared\n");
	publisher = attach();
	EXPECT_STATUS(STELE("set", "--wait", "0", target, "10.0.0.0/8", "metric=7"), 0);
	/* Both go on as they attached. */
	EXPECT_STATUS(STELE("alter", region, "--publishers", "alone", "--wait", "0"), 0);
	EXPECT_HAS_NOT(STELE("show", region).out, " shared\n");
	/* The process that the message names may have ended: any of those that share. */
	EXPECT_FAILURE(STELE("set", "--wait", "0", target, "10.0.0.0/8", "metric=8"), 4,
	               "is the last one that committed); share it too");
	EXPECT_STATUS(STELE("set", "--wait", "0", "--shared", target, "10.0.0.0/8", "metric=8"), 0);
	stele_publisher_close(publisher);
	publisher = attach();
	EXPECT_STATUS(STELE("set", "--wait", "0", "--shared", target, "10.0.0.0/8", "metric=9"), 4);
	stele_publisher_close(publisher);
	EXPECT_STATUS(STELE("verify", region), 0);
	/* The subscriber has moved along, twice. */
	for (const char *line = cli_line(&watch); !strstr(line, "\"metric\": 8}");
	     line = cli_line(&watch))
		cr_assert(*line, "the watch has ended");
	kill(watch.pid, SIGTERM);
	cr_expect(cli_wait(&watch) == 0);
	EXPECT_FAILURE(STELE("alter", region, "--publishers", "both"), 2, "shared or alone");
	EXPECT_FAILURE(STELE("alter", target, "--publishers", "alone"), 2, "region");
	EXPECT_FAILURE(STELE("alter", region, "--publishers", "alone", "--force"), 2,
	               "other changes");
}
