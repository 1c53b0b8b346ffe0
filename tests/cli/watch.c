/* SPDX-License-Identifier: MIT
 *
 * stele watch, a process of its own that sees the commits of other processes. */
#include <sched.h>
#include <stele/stele.h>
#include <sys/resource.h>
#include "tests/support/cli.h"

TestSuite(cli_watch, .init = cli_begin_routes, .fini = cli_end);

static struct cli_process watch;

/* Starts a watch and reads the three rows that exist, so that the watch sees all later commits. */
static void start_with_rows(const char *format)
{
	STELE_START(&watch, "watch", "--initial", "--format", format, region);
	for (int i = 0; i < 3; i++)
		EXPECT_HAS(cli_line(&watch),
		           "\"version\": 2, \"change\": \"added\", \"table\": \"routes\"");
}

static void expect_line(const char *text)
{
	char line[4096];

	snprintf(line, sizeof(line), "%s", cli_line(&watch));
	cli_plain(line);
	EXPECT_TEXT(line, text);
}

/* Ends the watch by a signal. */
static void expect_clean_end(int signal_number)
{
	kill(watch.pid, signal_number);
	cr_expect(cli_wait(&watch) == 0);
	EXPECT_TEXT(cli_line(&watch), "");
	EXPECT_HAS(STELE("show", region).out, "subscribers         0\n");
}

Test(cli_watch, sees_changes_in_order)
{
	start_with_rows("ndjson");
	EXPECT_HAS(STELE("show", region).out, "subscribers         1\n");
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "metric=21"), 0);
	expect_line(
		"{\"version\": 3, \"change\": \"changed\", \"table\": \"routes\", \"row\": {\"prefix\": "
		"\"10.0.0.0/8\", \"next_hop\": \"192.0.2.2\", \"interface\": \"eth1\", \"metric\": 21}, "
		"\"before\": {\"prefix\": \"10.0.0.0/8\", \"next_hop\": \"192.0.2.2\", \"interface\": "
		"\"eth1\", \"metric\": 20}}");
	EXPECT_STATUS(STELE("delete", target, "0.0.0.0/0", "10.1.0.0/16"), 0);
	expect_line(
		"{\"version\": 4, \"change\": \"removed\", \"table\": \"routes\", \"row\": {\"prefix\": "
		"\"0.0.0.0/0\", \"next_hop\": \"192.0.2.1\", \"interface\": \"eth0\", \"metric\": 100}, "
		"\"before\": null}");
	EXPECT_HAS(cli_line(&watch), "{\"version\": 4, \"change\": \"removed\"");
	EXPECT_STATUS(
		STELE("set", target, "10.9.0.0/16", "next_hop=192.0.2.9", "interface=", "metric=1"),
		0);
	EXPECT_HAS(cli_line(&watch), "{\"version\": 5, \"change\": \"added\"");
	EXPECT_TEXT(cli_read_all(watch.err), "");
	watch.err = cli_file(NULL);
	expect_clean_end(SIGTERM);
}

Test(cli_watch, the_table_format_shows_signs_and_old_values)
{
	STELE_START(&watch, "watch", "--initial", target);
	EXPECT_HAS(cli_line(&watch), "version  change  table   row");
	expect_line(
		"      2  +       routes  prefix=0.0.0.0/0 next_hop=192.0.2.1 interface=eth0 metric=100");
	cli_line(&watch);
	cli_line(&watch);
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "metric=21"), 0);
	expect_line(
		"      3  ~       routes  prefix=10.0.0.0/8 next_hop=192.0.2.2 interface=eth1 metric=21  "
		"metric=20");
	expect_clean_end(SIGINT);
}

Test(cli_watch, versions_committed_meanwhile_are_one_difference)
{
	start_with_rows("ndjson");
	kill(watch.pid, SIGSTOP);
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "metric=21"), 0);
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "metric=22"), 0);
	EXPECT_STATUS(STELE("delete", target, "10.1.0.0/16"), 0);
	kill(watch.pid, SIGCONT);
	EXPECT_HAS(cli_line(&watch), "{\"version\": 5, \"change\": \"changed\"");
	EXPECT_HAS(cli_line(&watch), "{\"version\": 5, \"change\": \"removed\"");
	expect_clean_end(SIGTERM);
}

Test(cli_watch, watching_one_table_omits_the_others)
{
	char other[64];

	EXPECT_STATUS(STELE("create", region, "--table", "other(a: u8 key)"), 0);
	snprintf(other, sizeof(other), "%s/other", region);
	STELE_START(&watch, "watch", "--initial", "--count", "1", "--format", "csv", target);
	for (int i = 0; i < 4; i++)
		cli_line(&watch);
	EXPECT_STATUS(STELE("set", other, "1"), 0);
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "metric=21"), 0);
	EXPECT_HAS(cli_line(&watch), "5,changed,routes,prefix=10.0.0.0/8 ");
	cr_expect(cli_wait(&watch) == 0);
	EXPECT_TEXT(cli_line(&watch), "");
}

Test(cli_watch, starts_at_a_version)
{
	struct cli_result result;
	const char *rows;

	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "metric=21"), 0);
	result = STELE("watch", "--since", cli_token(2), "--timeout", "0", "--format", "ndjson",
	               region);
	EXPECT_STATUS(result, 0);
	EXPECT_HAS(result.out, "{\"version\": 3, \"change\": \"changed\"");
	EXPECT_HAS(strchr(result.out, '\n'), "\n{\"version\": 3, \"change\": \"end\"");
	cr_expect(strchr(strchr(result.out, '\n') + 1, '\n')[1] == '\0', "more than two lines: %s",
	          result.out);
	EXPECT_TEXT(STELE("watch", "--since", cli_token(3), "--timeout", "0", "--format", "json",
	                  region)
	                    .out,
	            "[]\n");
	rows = STELE("watch", "--since", "0", "--timeout", "0", "--format", "csv", region).out;
	EXPECT_HAS(rows, "3,added,routes,prefix=10.1.0.0/16 ");
	EXPECT_FAILURE(STELE("watch", "--since", cli_token(4), "--timeout", "0", region), 3,
	               "has no version 4 yet");
}

Test(cli_watch, count_and_timeout_end_it)
{
	EXPECT_FAILURE(
		STELE("watch", "--count", "1", "--timeout", "0.05", "--format", "ndjson", region),
		1, "saw 0 of 1 versions");
	expect_done(STELE("watch", "--timeout", "0.05", "--format", "ndjson", region), "");
}

Test(cli_watch, a_version_outside_history_is_a_gap)
{
	struct stele_publisher_options options = {.size = sizeof(options)};
	struct stele_publisher *publisher;
	struct stele_transaction *tx;
	struct cli_result result;
	uint32_t value = 0;

	EXPECT_STATUS(STELE("rm", region), 0);
	EXPECT_STATUS(STELE("create", region, "--history", "2", "--table", "t(a: u8 key, b: u32)"),
	              0);
	cr_assert(stele_publisher_open(region, &options, &publisher) == 0, "%s",
	          stele_last_error());
	for (int i = 0; i < 500; i++) {
		value++;
		cr_assert(stele_transaction_begin(publisher, &tx) == 0);
		cr_assert(stele_transaction_put(tx, "t", "a", 8, &value, sizeof(value)) == 1);
		cr_assert(stele_transaction_commit(tx, NULL, NULL) == 1);
	}
	result = STELE("watch", "--since", cli_token(1), "--timeout", "0", "--format", "ndjson",
	               region);
	EXPECT_STATUS(result, 0);
	cli_plain(result.out);
	EXPECT_TEXT(result.out,
	            "{\"version\": 501, \"change\": \"gap\", \"table\": null, \"row\": "
	            "{\"all\": true}, \"before\": null}\n"
	            "{\"version\": 501, \"change\": \"created\", \"table\": \"t\", \"row\": "
	            "{\"schema\": \"t(a: u8 key, b: u32)\"}, \"before\": null}\n"
	            "{\"version\": 501, \"change\": \"added\", \"table\": \"t\", \"row\": "
	            "{\"a\": 97, \"b\": 500}, \"before\": null}\n"
	            "{\"version\": 501, \"change\": \"initial_end\", \"table\": null, \"row\": "
	            "null, \"before\": null}\n");
	stele_publisher_close(publisher);
}

enum { MANY = 24, FEW = 14 };

/* Commits one version in which every row changes. The first version has many rows, the others
 * few. */
static uint64_t commit_other_rows(struct stele_publisher *publisher, unsigned round)
{
	unsigned rows = round ? FEW : MANY;
	static char value[3000];
	struct stele_transaction *tx;
	uint64_t version = 0;

	cr_assert(stele_transaction_begin(publisher, &tx) == 0);
	for (unsigned char key = 0; key < rows; key++) {
		memset(value, 'a' + (int)(round + key) % 26, sizeof(value));
		cr_assert(stele_transaction_put(tx, "t", &key, 8, value, sizeof(value)) == 1, "%s",
		          stele_last_error());
	}
	for (unsigned char key = FEW; round == 1 && key < MANY; key++)
		cr_assert(stele_transaction_delete(tx, "t", &key, 8) == 1, "%s",
		          stele_last_error());
	cr_assert(stele_transaction_commit(tx, NULL, &version) == 1, "%s", stele_last_error());
	return version;
}

/* The versions of few rows fit, but not beside the version of many rows that a stopped watch pins.
 * The publisher reclaims that version, and the watch reports a gap and starts over. */
Test(cli_watch, a_reclaimed_version_is_a_gap)
{
	struct stele_publisher_options options = {.size = sizeof(options)};
	struct stele_publisher_stats stats = {.size = sizeof(stats)};
	struct stele_publisher *publisher;
	uint64_t version = 0;
	char line[128];

	EXPECT_STATUS(STELE("rm", region), 0);
	EXPECT_STATUS(STELE("create", region, "--history", "2", "--limit", "300K", "--table",
	                    "t(a: u8 key, b: text)"),
	              0);
	cr_assert(stele_publisher_open(region, &options, &publisher) == 0, "%s",
	          stele_last_error());
	version = commit_other_rows(publisher, 0);
	STELE_START(&watch, "watch", "--initial", "--format", "ndjson", region);
	for (int i = 0; i < MANY; i++)
		EXPECT_HAS(cli_line(&watch), "{\"version\": 2, \"change\": \"added\"");
	kill(watch.pid, SIGSTOP);
	for (unsigned round = 1; round < 20; round++)
		version = commit_other_rows(publisher, round);
	cr_assert(stele_publisher_describe(publisher, &stats) == 0);
	cr_expect(stats.pins_revoked > 0, "the publisher had room for all versions");
	kill(watch.pid, SIGCONT);
	snprintf(line, sizeof(line), "{\"version\": %llu, \"change\": \"gap\"",
	         (unsigned long long)version);
	EXPECT_HAS(cli_line(&watch), line);
	snprintf(line, sizeof(line), "{\"version\": %llu, \"change\": \"added\"",
	         (unsigned long long)version);
	for (int i = 0; i < FEW; i++)
		EXPECT_HAS(cli_line(&watch), line);
	stele_publisher_close(publisher);
	expect_clean_end(SIGTERM);
}

Test(cli_watch, reports_tables_created_dropped_and_changed)
{
	struct stele_publisher_options options = {.size = sizeof(options)};
	struct stele_publisher *publisher;
	struct stele_transaction *tx;
	struct stele_schema *schema;
	char name[STELE_NAME_MAX + 1];

	start_with_rows("ndjson");
	cr_assert(stele_publisher_open(region, &options, &publisher) == 0, "%s",
	          stele_last_error());
	cr_assert(stele_schema_parse("routes(name: text key)", name, &schema) == 0);
	cr_assert(stele_transaction_begin(publisher, &tx) == 0);
	cr_assert(stele_transaction_drop_table(tx, "routes") == 0);
	cr_assert(stele_transaction_create_table(tx, "routes", schema) == 0);
	cr_assert(stele_transaction_create_table(tx, "also", schema) == 0);
	cr_assert(stele_transaction_put(tx, "routes", "x", 8, NULL, 0) == 1);
	cr_assert(stele_transaction_put(tx, "also", "y", 8, NULL, 0) == 1);
	cr_assert(stele_transaction_commit(tx, NULL, NULL) == 1);
	expect_line(
		"{\"version\": 3, \"change\": \"added\", \"table\": \"also\", \"row\": {\"name\": \"y\"}, "
		"\"before\": null}");
	for (int i = 0; i < 3; i++)
		EXPECT_HAS(cli_line(&watch),
		           "\"change\": \"removed\", \"table\": \"routes\", \"row\": {\"prefix\"");
	EXPECT_HAS(cli_line(&watch), "{\"version\": 3, \"change\": \"dropped\", \"table\": "
	                             "\"routes\", \"row\": {\"schema\": \"" ROUTES "\"}, ");
	EXPECT_HAS(cli_any_line(&watch), "{\"version\": 3, \"change\": \"created\", \"table\": "
	                                 "\"routes\", \"row\": {\"schema\": \"routes(name: ");
	expect_line(
		"{\"version\": 3, \"change\": \"added\", \"table\": \"routes\", \"row\": {\"name\": \"x\"}, "
		"\"before\": null}");
	cr_assert(stele_transaction_begin(publisher, &tx) == 0);
	cr_assert(stele_transaction_drop_table(tx, "also") == 0);
	cr_assert(stele_transaction_commit(tx, NULL, NULL) == 1);
	expect_line(
		"{\"version\": 4, \"change\": \"removed\", \"table\": \"also\", \"row\": {\"name\": \"y\"}, "
		"\"before\": null}");
	EXPECT_HAS(cli_line(&watch), "\"change\": \"dropped\", \"table\": \"also\"");
	stele_publisher_close(publisher);
	stele_schema_free(schema);
	expect_clean_end(SIGTERM);
}

static void make_again(char *row)
{
	EXPECT_STATUS(STELE("create", region, "--table", ROUTES), 0);
	EXPECT_STATUS(STELE("set", target, row, "next_hop=192.0.2.1", "interface=eth0", "metric=1"),
	              0);
}

Test(cli_watch, goes_on_when_the_region_is_removed_and_created_again)
{
	start_with_rows("ndjson");
	for (int i = 0; i < 3; i++) {
		EXPECT_STATUS(STELE("rm", region), 0);
		expect_line(
			"{\"version\": 2, \"change\": \"gone\", \"table\": null, \"row\": null, "
			"\"before\": null}");
		make_again("10.7.0.0/16");
		/* The watch may look before the row is put. */
		EXPECT_HAS(cli_line(&watch), "\"change\": \"gap\", \"table\": null");
		EXPECT_HAS(cli_line(&watch), "{\"version\": 2, \"change\": \"added\", \"table\": "
		                             "\"routes\", \"row\": {\"prefix\": \"10.7.0.0/16\"");
	}
	EXPECT_STATUS(STELE("delete", target, "10.7.0.0/16"), 0);
	EXPECT_HAS(cli_line(&watch), "{\"version\": 3, \"change\": \"removed\"");
	EXPECT_HAS(STELE("show", region).out, "subscribers         1\n");
	EXPECT_TEXT(cli_read_all(watch.err), "");
	watch.err = cli_file(NULL);
	expect_clean_end(SIGTERM);
}

Test(cli_watch, the_table_format_says_that_the_region_went_and_came_back)
{
	const char *line;

	STELE_START(&watch, "watch", "--initial", target);
	for (int i = 0; i < 4; i++)
		cli_line(&watch);
	EXPECT_STATUS(STELE("rm", region), 0);
	EXPECT_HAS(cli_line(&watch),
	           "  2  !               the region was removed; the watch goes on "
	           "when it is created again");
	make_again("10.7.0.0/16");
	EXPECT_HAS(cli_line(&watch), "  !               another region: all rows of this version "
	                             "follow, others are gone");
	line = cli_line(&watch);
	/* The watch may have looked before the table was created. */
	if (strstr(line, "!"))
		line = cli_line(&watch);
	EXPECT_HAS(line, "  2  +       routes  prefix=10.7.0.0/16 ");
	expect_clean_end(SIGINT);
}

Test(cli_watch, tells_of_an_alter)
{
	start_with_rows("ndjson");
	EXPECT_STATUS(STELE("alter", target, "--add", "zone: char[8] default eu"), 0);
	EXPECT_HAS(
		cli_line(&watch),
		"{\"version\": 3, \"change\": \"altered\", \"table\": \"routes\", \"row\": "
		"{\"schema\": \"routes(prefix: ipv4net key, next_hop: ipv4, interface: char[16], "
		"metric: u32, zone: char[8] default \\\"eu\\\")\"}, \"before\": {\"schema\": "
		"\"" ROUTES "\"}, ");
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "metric=21"), 0);
	EXPECT_HAS(cli_line(&watch), "\"metric\": 21, \"zone\": \"eu\"");
	expect_clean_end(SIGTERM);
	STELE_START(&watch, "watch", "--since", "0", region);
	for (int i = 0; i < 4; i++)
		cli_line(&watch);
	EXPECT_STATUS(STELE("alter", target, "--rename", "metric=cost", "--deprecate", "zone"), 0);
	EXPECT_HAS(cli_line(&watch), "!       routes  column \"metric\" was renamed to \"cost\"; "
	                             "column \"zone\" is now deprecated");
	expect_clean_end(SIGINT);
}

Test(cli_watch, ends_while_there_is_no_region)
{
	start_with_rows("ndjson");
	EXPECT_STATUS(STELE("rm", region), 0);
	EXPECT_HAS(cli_line(&watch), "\"gone\"");
	kill(watch.pid, SIGTERM);
	cr_expect(cli_wait(&watch) == 0);
	EXPECT_TEXT(cli_line(&watch), "");
}

/* Returns once the watch has blocked SIGTERM, which it does before it looks for its region. */
static void until_it_looks(void)
{
	char path[64], line[256];
	unsigned long long blocked = 0;
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%d/status", watch.pid);
	while (!(blocked & 1ull << (SIGTERM - 1))) {
		status = fopen(path, "re");
		cr_assert(status);
		while (fgets(line, sizeof(line), status))
			sscanf(line, "SigBlk: %llx", &blocked);
		fclose(status);
		sched_yield();
	}
}

/* With --wait the table may be created after its region. */
Test(cli_watch, waits_for_a_region_that_does_not_exist_yet)
{
	EXPECT_STATUS(STELE("rm", region), 0);
	STELE_START(&watch, "watch", "--wait", "inf", "--initial", "--format", "ndjson", target);
	until_it_looks();
	EXPECT_STATUS(STELE("create", region, "--table", "other(a: u8 key)"), 0);
	make_again("10.7.0.0/16");
	EXPECT_HAS(cli_line(&watch), "\"row\": {\"prefix\": \"10.7.0.0/16\"");
	expect_clean_end(SIGTERM);
	EXPECT_STATUS(STELE("rm", region), 0);
	EXPECT_FAILURE(STELE("watch", "--wait", "0.05", target), 3, "there is no region");
	EXPECT_FAILURE(STELE("watch", "--wait", "inf", "--timeout", "0.05", region), 3,
	               "there is no region");
	EXPECT_FAILURE(STELE("watch", "--wait", "x", region), 2, "--wait: invalid value \"x\"");
	STELE_START(&watch, "watch", "--wait", "inf", region);
	until_it_looks();
	kill(watch.pid, SIGTERM);
	cr_expect(cli_wait(&watch) == 0);
}

Test(cli_watch, ends_when_its_reader_is_gone)
{
	start_with_rows("ndjson");
	close(watch.out);
	cr_expect(cli_wait(&watch) == 8);
	EXPECT_TEXT(cli_read_all(watch.err), "");
	EXPECT_HAS(STELE("show", region).out, "subscribers         0\n");
}

Test(cli_watch, reports_a_missing_queue_and_works_without_it)
{
	struct rlimit none = {0};

	cr_assert(setrlimit(RLIMIT_MSGQUEUE, &none) == 0);
	start_with_rows("ndjson");
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "metric=21"), 0);
	EXPECT_HAS(cli_line(&watch), "{\"version\": 3, \"change\": \"changed\"");
	expect_clean_end(SIGTERM);
	EXPECT_HAS(cli_read_all(watch.err), "stele: note: woken by \"socket\"");
}

Test(cli_watch, each_notifier_wakes_it)
{
	static const char *const names[] = {"auto",   "mq",        "socket", "fifo",
	                                    "signal", "semaphore", "sysv",   "futex"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char metric[32], *name = (char *)(uintptr_t)names[i];
		snprintf(metric, sizeof(metric), "metric=%u", 1000 + i);
		STELE_START(&watch, "watch", "--initial", "--format", "ndjson", "--notifier", name,
		            region);
		for (int row = 0; row < 3; row++)
			EXPECT_HAS(cli_line(&watch), "\"change\": \"added\"");
		EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", metric), 0);
		EXPECT_HAS(cli_line(&watch), "\"change\": \"changed\"");
		expect_clean_end(SIGTERM);
		EXPECT_TEXT(cli_read_all(watch.err), "");
	}
	EXPECT_FAILURE(STELE("watch", "--notifier", "sokcet", region), 2,
	               "did you mean \"socket\"?");
}

Test(cli_watch, unknown_regions_and_tables_are_reported)
{
	char other[64];

	snprintf(other, sizeof(other), "%s/route", region);
	EXPECT_FAILURE(STELE("watch", other), 3, "did you mean \"routes\"?");
	EXPECT_FAILURE(STELE("watch", "no-such-region"), 3, "there is no region");
}
