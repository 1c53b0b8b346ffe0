/* SPDX-License-Identifier: MIT
 *
 * stele show, inspect, verify and subscribers: what they print about a region. */
#include <stele/stele.h>
#include "tests/support/cli.h"
#include "tests/support/mirror.h"

#include "lib/layout.h"

TestSuite(cli_inspect, .init = cli_begin_routes, .fini = cli_end);

static int open_data(void)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/dev/shm/stele.%s", region);
	fd = open(path, O_RDWR | O_CLOEXEC);
	cr_assert(fd >= 0);
	return fd;
}

Test(cli_inspect, reports_what_uses_memory)
{
	struct cli_result result = STELE("inspect", "--format", "json", region);

	EXPECT_STATUS(result, 0);
	EXPECT_HAS(
		result.out,
		"\"lock\": \"free\", \"versions\": 2, \"pinned_versions\": 0, \"given_up\": 0, \"rows\": 3, ");
	EXPECT_HAS(result.out, "\"used_by_pins\": 0, ");
	EXPECT_HAS(result.out, "\"whole\": true, ");
	EXPECT_HAS_NOT(result.out, "\"used_by_rows\": 0,");
	result = STELE("inspect", region);
	EXPECT_HAS(result.out, "\nlock                free\n");
	EXPECT_HAS(result.out, "\npublisher_attached  no, for ");
	EXPECT_HAS(result.out, "\ntable   rows");
	EXPECT_HAS_NOT(STELE("show", region).out, "lock");
	EXPECT_FAILURE(STELE("inspect", "no-such-region"), 3, "there is no region");
	EXPECT_FAILURE(STELE("inspect"), 2, "expected one REGION or FILE");
}

/* `stele show' of a mirror of the kernel says whether the tables are the kernel's state. */
Test(cli_inspect, shows_the_state_of_a_mirror)
{
	struct stele_publisher *publisher;
	struct cli_result result;

	EXPECT_HAS_NOT(STELE("show", region).out, "kernel_mirror");
	EXPECT_HAS_NOT(STELE("show", "--format", "json", region).out, "kernel_mirror");
	cr_assert(stele_publisher_open(region, NULL, &publisher) == 0, "%s", stele_last_error());
	mirror_publish(region, publisher, "", 0);
	result = STELE("show", region);
	EXPECT_STATUS(result, 0);
	EXPECT_HAS(result.out, "\nkernel_mirror       synced since 20");
	EXPECT_HAS_NOT(result.out, "gone");
	result = STELE("show", "--format", "json", region);
	EXPECT_HAS(result.out, "\"kernel_mirror\": {\"synced\": true, \"since\": \"20");
	EXPECT_HAS(result.out, "\"doubt\": \"\", \"losses\": 0, \"dumps\": 0, \"reads\": 0, "
	                       "\"messages\": 7, \"refused\": 0, \"running\": true}, "
	                       "\"tables\": ");
	EXPECT_HAS(STELE("inspect", region).out, "\nkernel_mirror       synced since 20");
	mirror_publish(region, publisher, "messages were lost", 0);
	EXPECT_HAS(STELE("show", region).out, "\nkernel_mirror       in doubt since 20");
	EXPECT_HAS(STELE("show", region).out, " (messages were lost)\n");
	mirror_publish(region, publisher, "the region is \033[1m full", 12);
	EXPECT_HAS(STELE("show", region).out, " (the region is ?[1m full, 12 rows are left out)\n");
	mirror_publish(region, publisher, "", 0);
	EXPECT_HAS_NOT(STELE("show", region).out, "gone");
	/* The mirror ends. Another publisher stays attached. */
	mirror_end();
	EXPECT_HAS(STELE("show", region).out, ", but its publisher is gone\n");
	EXPECT_HAS(STELE("show", "--format", "json", region).out, "\"running\": false}");
	mirror_publish(region, publisher, "", 0);
	EXPECT_HAS_NOT(STELE("show", region).out, "gone");
	stele_publisher_close(publisher);
	EXPECT_HAS(STELE("show", region).out, ", but its publisher is gone\n");
}

/* A table of this name may be anybody's. */
Test(cli_inspect, shows_no_mirror_for_another_table_of_its_name)
{
	char table[96];

	snprintf(table, sizeof(table), "%s/status", region);
	EXPECT_STATUS(STELE("create", region, "--table", "status(id: u8 key, synced: bool)"), 0);
	EXPECT_STATUS(STELE("set", table, "0", "synced=true"), 0);
	EXPECT_HAS_NOT(STELE("show", region).out, "kernel_mirror");
	EXPECT_HAS_NOT(STELE("doctor", region).out, "mirror");
}

Test(cli_inspect, reports_an_open_transaction)
{
	struct stele_publisher *publisher;
	struct stele_transaction *tx;
	char held[64];

	cr_assert(stele_publisher_open(region, NULL, &publisher) == 0, "%s", stele_last_error());
	cr_assert(stele_transaction_begin(publisher, &tx) == 0);
	snprintf(held, sizeof(held),
	         "lock                held by thread %d: a transaction is open\n", (int)gettid());
	EXPECT_HAS(STELE("inspect", region).out, held);
	EXPECT_HAS(STELE("inspect", region).out, "publisher_attached  yes, for ");
	EXPECT_STATUS(STELE("verify", region), 0);
	stele_transaction_abort(tx);
	EXPECT_HAS(STELE("inspect", region).out, "lock                free\n");
	stele_publisher_close(publisher);
}

Test(cli_inspect, verify_accepts_an_undamaged_region)
{
	struct cli_result result = STELE("verify", "--format", "json", region);

	EXPECT_STATUS(result, 0);
	EXPECT_HAS(result.out,
	           "{\"whole\": true, \"version\": 2, \"oldest_version\": 1, \"versions\": 2, ");
	EXPECT_HAS(result.out, "\"tables\": 1, \"rows\": 3, \"nodes\": 2, ");
	EXPECT_HAS(result.out, "\"damages\": 0, \"damage\": [], ");
	EXPECT_HAS(STELE("verify", region).out, "whole            yes\n");
	EXPECT_FAILURE(STELE("verify", "no-such-region"), 3, "there is no region");
	EXPECT_FAILURE(STELE("verify", target), 2, "name");
}

/* Two counts of rows are changed: the table's own, and that in the commit's record. */
Test(cli_inspect, verify_reports_each_fault_and_its_place)
{
	struct layout_header header;
	struct layout_commit commit;
	struct cli_result result;
	struct layout_table table;
	char offset[64];
	off_t at;
	int fd = open_data();

	cr_assert(pread(fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header));
	cr_assert(pread(fd, &commit, sizeof(commit),
	                (off_t)(header.ring_offset + 2 * sizeof(commit))) ==
	          (ssize_t)sizeof(commit));
	at = (off_t)commit.catalog * 8 + 8;
	cr_assert(pread(fd, &table, sizeof(table), at) == (ssize_t)sizeof(table));
	cr_assert(table.rows == 3);
	table.rows = 4;
	cr_assert(pwrite(fd, &table, sizeof(table), at) == (ssize_t)sizeof(table));
	result = STELE("verify", region);
	EXPECT_STATUS(result, 7);
	EXPECT_HAS(result.out, "whole            no\n");
	EXPECT_HAS(result.out, "  a table does not have as many rows as it says\n");
	snprintf(offset, sizeof(offset), "      2  routes  %6lld  ", (long long)at - 8);
	EXPECT_HAS(result.out, offset);
	EXPECT_HAS(result.err, "is damaged: 1 fault found\n");
	EXPECT_HAS(STELE("inspect", region).out, "whole               no: see 'stele verify'\n");
	close(fd);
}

/* A label may have any bytes. Tables escape them for people, and JSON for programs. */
Test(cli_inspect, labels_are_listed_and_harmless)
{
	struct stele_subscriber_options options = {.size = sizeof(options),
	                                           .notifier = "futex",
	                                           .label = "worker \033[2J\"\xff\u202e"};
	struct stele_subscriber *subscriber;
	struct cli_result result;

	cr_assert_eq(stele_subscriber_open(region, &options, &subscriber), 0, "%s",
	             stele_last_error());
	result = STELE("subscribers", region);
	EXPECT_HAS(result.out, "worker \\x1b[2J");
	EXPECT_HAS_NOT(result.out, "\033");
	EXPECT_HAS_NOT(result.out, "\xff");
	EXPECT_HAS_NOT(result.out, "\u202e");
	result = STELE("subscribers", "--format", "json", region);
	EXPECT_HAS(result.out, "\"label\": \"worker \\u001b[2J\\\"");
	EXPECT_HAS_NOT(result.out, "\033");
	EXPECT_HAS_NOT(result.out, "\xff");
	stele_subscriber_close(subscriber);
	options.label = "this label has thirty-two bytes.";
	cr_expect_eq(stele_subscriber_open(region, &options, &subscriber), -EINVAL);
	EXPECT_HAS(stele_last_error(), "at most 31 bytes");
	options.label = "this label has thirty-one bytes";
	cr_assert_eq(stele_subscriber_open(region, &options, &subscriber), 0);
	EXPECT_HAS(STELE("subscribers", region).out, options.label);
	stele_subscriber_close(subscriber);
}

Test(cli_inspect, subscribers_are_listed_dead_or_alive)
{
	struct cli_process watch;
	struct cli_result result;
	char pid[64];

	expect_done(STELE("subscribers", "--format", "json", region), "[]\n");
	STELE_START(&watch, "watch", "--format", "ndjson", target);
	snprintf(pid, sizeof(pid), "\"pid\": %d, \"command\": \"stele\", \"label\": null, ",
	         (int)watch.pid);
	/* A watch that waits has read all existing versions. */
	for (int i = 0; i < 10000; i++) {
		result = STELE("subscribers", "--format", "ndjson", region);
		if (strstr(result.out, "\"state\": \"waiting\""))
			break;
	}
	EXPECT_HAS(result.out, pid);
	EXPECT_HAS(result.out, "\"lag\": 0, ");
	EXPECT_HAS_NOT(result.out, "\"dead\"");
	EXPECT_HAS(result.out, "\"notifier\": \"mq\", ");
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "metric=21"), 0);
	EXPECT_HAS(cli_line(&watch), "\"metric\": ");
	kill(watch.pid, SIGKILL);
	cli_wait(&watch);
	result = STELE("subscribers", region);
	EXPECT_HAS(result.out, "  dead ");
	EXPECT_HAS(STELE("subscribers", "--format", "ndjson", region).out, "\"tables\": 1, ");
	/* The next publisher reaps the dead subscriber. */
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "metric=22"), 0);
	expect_done(STELE("subscribers", "--format", "json", region), "[]\n");
	EXPECT_FAILURE(STELE("subscribers", "/tmp/file.stele"), 2,
	               "/tmp/file.stele is a saved file, which has no subscribers");
	EXPECT_FAILURE(STELE("subscribers", "no-such-region"), 3, "there is no region");
	close(watch.out);
	close(watch.err);
}
