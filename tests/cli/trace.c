/* SPDX-License-Identifier: MIT
 *
 * stele trace: each commit as a line of JSON; none is left out while history holds it. */
#include <jansson.h>
#include <stele/stele.h>
#include "tests/support/cli.h"

static uint64_t number_of(const json_t *object, const char *name)
{
	json_t *number = json_object_get(object, name);

	cr_assert(json_is_integer(number), "no number \"%s\"", name);
	return (uint64_t)json_integer_value(number);
}

static bool text_is(const json_t *object, const char *name, const char *text)
{
	const char *is = json_string_value(json_object_get(object, name));

	return is && strcmp(is, text) == 0;
}

/* Returns the next line of a trace in the background, to be freed with json_decref(). */
static json_t *next(struct cli_process *trace)
{
	const char *line = cli_line(trace);
	json_error_t error;
	json_t *object = json_loads(line, 0, &error);

	cr_assert(object, "no JSON: \"%s\": %s", line, error.text);
	return object;
}

static void expect_commit(struct cli_process *trace, uint64_t version)
{
	json_t *line = next(trace);

	cr_expect(text_is(line, "event", "commit"));
	cr_expect(number_of(line, "version") == version, "version %llu, not %llu",
	          (unsigned long long)number_of(line, "version"), (unsigned long long)version);
	json_decref(line);
}

static void set(const char *key, const char *hop)
{
	EXPECT_STATUS(STELE("set", target, (char *)key, (char *)hop), 0);
}

Test(cli_trace, reports_what_a_commit_did)
{
	struct cli_result result;
	json_t *line, *table, *publisher;

	cli_begin_routes();
	EXPECT_STATUS(STELE("set", "--message", "a \"quoted\"\nmessage", target, "10.0.0.0/8",
	                    "metric=21"),
	              0);
	EXPECT_STATUS(STELE("delete", target, "10.1.0.0/16"), 0);
	result = STELE("trace", "--since", cli_token(2), "--count", "2", region);
	EXPECT_STATUS(result, 0);
	line = json_loadb(result.out, strcspn(result.out, "\n"), 0, NULL);
	cr_assert(line);
	cr_expect(number_of(line, "version") == 3);
	cr_expect(text_is(line, "message", "a \"quoted\"\nmessage"));
	cr_expect(json_is_string(json_object_get(line, "time")));
	publisher = json_object_get(line, "publisher");
	cr_expect(text_is(publisher, "command", "stele") && number_of(publisher, "pid") > 0);
	cr_expect(strlen(json_string_value(json_object_get(publisher, "uuid"))) == 36);
	cr_assert(json_array_size(json_object_get(line, "tables")) == 1);
	table = json_array_get(json_object_get(line, "tables"), 0);
	cr_expect(text_is(table, "table", "routes") && number_of(table, "added") == 0 &&
	          number_of(table, "changed") == 1 && number_of(table, "removed") == 0);
	json_decref(line);
	EXPECT_HAS(result.out, "\"added\": 0, \"changed\": 0, \"removed\": 1");
	cli_end();
}

Test(cli_trace, prints_each_commit_at_once)
{
	struct cli_process trace;

	cli_begin_routes();
	STELE_START(&trace, "trace", "--since", cli_token(1), "--count", "3", region);
	expect_commit(&trace, 2);
	set("10.0.0.0/8", "metric=1");
	expect_commit(&trace, 3);
	set("10.0.0.0/8", "metric=2");
	expect_commit(&trace, 4);
	cr_expect(cli_wait(&trace) == 0);
	cli_end();
}

Test(cli_trace, does_not_register)
{
	struct cli_process trace;

	cli_begin_routes();
	STELE_START(&trace, "trace", "--since", cli_token(1), region);
	expect_commit(&trace, 2);
	EXPECT_HAS(STELE("show", "--format", "json", region).out, "\"subscribers\": 0");
	kill(trace.pid, SIGTERM);
	cr_expect(cli_wait(&trace) == 0);
	cli_end();
}

/* A publisher commits at full speed, and history holds all versions. */
Test(cli_trace, omits_no_version)
{
	struct stele_publisher_options options = {
		.size = sizeof(options), .flags = STELE_CREATE_NEW, .history = 4000};
	static const struct stele_column columns[] = {STELE_KEY("key", STELE_U32)};
	static const struct stele_schema schema = {
		.columns = columns, .column_count = 1, .value_size = 0};
	struct stele_publisher *publisher;
	struct stele_transaction *tx;
	struct cli_process trace;

	cli_begin();
	cr_assert(stele_publisher_open(region, &options, &publisher) == 0);
	STELE_START(&trace, "trace", "--since", "0", "--count", "3000", region);
	for (uint32_t i = 0; i < 3000; i++) {
		cr_assert(stele_transaction_begin(publisher, &tx) == 0);
		if (i == 0)
			cr_assert(stele_transaction_create_table(tx, "keys", &schema) == 0);
		cr_assert(stele_transaction_put(tx, "keys", &i, 32, NULL, 0) == 1);
		cr_assert(stele_transaction_commit(tx, NULL, NULL) == 1);
	}
	stele_publisher_close(publisher);
	for (uint64_t version = 1; version <= 3000; version++)
		expect_commit(&trace, version);
	cr_expect(cli_wait(&trace) == 0);
	cli_end();
}

Test(cli_trace, reports_versions_that_left_history)
{
	struct cli_process trace;
	uint64_t to;
	json_t *gap;

	cli_begin();
	EXPECT_STATUS(STELE("create", "--history", "2", region, "--table",
	                    "routes(prefix: ipv4net key, next_hop: ipv4)"),
	              0);
	set("10.0.0.0/8", "next_hop=192.0.2.1");
	for (int i = 0; i < 40; i++)
		set("10.0.0.0/8", i % 2 ? "next_hop=192.0.2.1" : "next_hop=192.0.2.2");
	STELE_START(&trace, "trace", "--since", cli_token(3), region);
	gap = next(&trace);
	cr_expect(text_is(gap, "event", "gap"));
	cr_expect(number_of(gap, "from") == 4);
	to = number_of(gap, "to");
	cr_expect(to > 4 && to < 41, "to %llu", (unsigned long long)to);
	json_decref(gap);
	for (uint64_t version = to + 1; version <= 42; version++)
		expect_commit(&trace, version);
	kill(trace.pid, SIGTERM);
	cr_expect(cli_wait(&trace) == 0);
	cli_end();
}

static bool is_stopped(pid_t pid)
{
	siginfo_t info = {0};

	return waitid(P_PID, (id_t)pid, &info, WSTOPPED) == 0 && info.si_code == CLD_STOPPED;
}

/* Creates another region of the same name while the trace is stopped. The trace reports that, and
 * continues with it. */
static void make_another(struct cli_process *trace)
{
	json_t *line;

	EXPECT_STATUS(STELE("create", region, "--table", ROUTES), 0);
	kill(trace->pid, SIGCONT);
	line = next(trace);
	/* Unless the trace was stopped before it looked. */
	if (text_is(line, "event", "gone")) {
		json_decref(line);
		line = next(trace);
	}
	cr_expect(text_is(line, "event", "replaced"));
	json_decref(line);
	expect_commit(trace, 1);
}

Test(cli_trace, reports_another_region_of_the_name)
{
	struct cli_process trace;

	cli_begin_routes();
	STELE_START(&trace, "trace", "--since", cli_token(1), region);
	expect_commit(&trace, 2);
	kill(trace.pid, SIGSTOP);
	cr_assert(is_stopped(trace.pid));
	EXPECT_STATUS(STELE("rm", region), 0);
	make_another(&trace);
	kill(trace.pid, SIGTERM);
	cr_expect(cli_wait(&trace) == 0);
	cli_end();
}

Test(cli_trace, says_that_the_region_is_gone)
{
	struct cli_process trace;
	json_t *gone, *replaced;

	cli_begin_routes();
	STELE_START(&trace, "trace", "--since", cli_token(1), region);
	expect_commit(&trace, 2);
	EXPECT_STATUS(STELE("rm", region), 0);
	gone = next(&trace);
	cr_expect(text_is(gone, "event", "gone"));
	EXPECT_STATUS(STELE("create", region, "--table", ROUTES), 0);
	replaced = next(&trace);
	cr_expect(text_is(replaced, "event", "replaced"));
	cr_expect(
		!json_equal(json_object_get(gone, "region"), json_object_get(replaced, "region")));
	json_decref(gone);
	json_decref(replaced);
	expect_commit(&trace, 1);
	EXPECT_STATUS(STELE("rm", region), 0);
	gone = next(&trace);
	cr_expect(text_is(gone, "event", "gone"));
	json_decref(gone);
	kill(trace.pid, SIGTERM);
	cr_expect(cli_wait(&trace) == 0);
	EXPECT_TEXT(cli_read_all(trace.err), "");
}

Test(cli_trace, waits_for_a_region_that_does_not_exist_yet)
{
	struct cli_process trace;

	cli_begin();
	STELE_START(&trace, "trace", "--wait", "inf", "--since", "0", "--count", "1", region);
	EXPECT_STATUS(STELE("create", region, "--table", ROUTES), 0);
	expect_commit(&trace, 1);
	cr_expect(cli_wait(&trace) == 0);
	EXPECT_STATUS(STELE("rm", region), 0);
	EXPECT_FAILURE(STELE("trace", "--wait", "0.05", region), 3, "there is no region");
}

/* The trace also continues if the region is absent for a while. */
Test(cli_trace, waits_for_another_region_of_the_name)
{
	struct cli_process trace;

	cli_begin_routes();
	STELE_START(&trace, "trace", "--since", cli_token(1), region);
	expect_commit(&trace, 2);
	for (int i = 0; i < 5; i++) {
		cr_assert(stele_region_remove(region) == 0);
		kill(trace.pid, SIGSTOP);
		cr_assert(is_stopped(trace.pid));
		make_another(&trace);
	}
	kill(trace.pid, SIGTERM);
	cr_expect(cli_wait(&trace) == 0);
	cli_end();
}

Test(cli_trace, ends_on_signals)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

	cli_begin_routes();
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		struct cli_process trace;

		STELE_START(&trace, "trace", "--since", cli_token(1), region);
		expect_commit(&trace, 2);
		kill(trace.pid, signals[i]);
		cr_expect(cli_wait(&trace) == 0, "signal %d", signals[i]);
		EXPECT_TEXT(cli_read_all(trace.err), "");
		close(trace.out);
	}
	cli_end();
}

Test(cli_trace, ends_with_its_reader)
{
	struct cli_process trace;

	cli_begin_routes();
	STELE_START(&trace, "trace", "--since", cli_token(1), region);
	expect_commit(&trace, 2);
	close(trace.out);
	cr_expect(cli_wait(&trace) == 8);
	EXPECT_TEXT(cli_read_all(trace.err), "");
	cli_end();
}

Test(cli_trace, refuses_missing_regions_and_versions)
{
	cli_begin_routes();
	EXPECT_FAILURE(STELE("trace", "--since", cli_token(9), region), 3, "has no version 9 yet",
	               "is 2");
	EXPECT_FAILURE(STELE("trace", "no-such-region"), 3, "there is no region");
	EXPECT_FAILURE(STELE("trace"), 2, "REGION");
	EXPECT_FAILURE(STELE("trace", "--since", "4x", region), 2, "--since");
	cli_end();
}
