/* SPDX-License-Identifier: MIT
 *
 * The recorder is killed at any moment: what it had announced can be replayed. */
#include <poll.h>
#include <stele/stele.h>
#include "tests/support/cli.h"
#include "tests/support/random.h"
#include "tests/support/record/recorded.h"

TestSuite(record_kill, .init = recorded_begin, .fini = recorded_end);

/* What the recorder has announced: that a file begins with a version, and in the list of
 * subscribers that it has recorded one. */
static void take_announced(const struct stele_subscriber_info *info, void *context)
{
	uint64_t *announced = context;

	if (info->pid == (uint32_t)recorder.pid && info->applied > *announced)
		*announced = info->applied;
}

static uint64_t announced(void)
{
	uint64_t version = 0;

	cr_assert(stele_region_subscribers(region, take_announced, &version) >= 0);
	return version;
}

/* Reads the line about a new file. Returns the version that it begins with. */
static uint64_t read_start(void)
{
	const char *line = cli_line(&recorder), *version = strstr(line, " from version ");

	cr_assert(strstr(line, ": recording to ") && version, "%s", line);
	return (uint64_t)atoll(version + strlen(" from version "));
}

/* Kills the recorder. Expects that a replay gives one version, which is not older than any that was
 * announced, and that each file alone can be replayed. */
static void expect_announced(uint64_t least, uint64_t newest, uint32_t rows)
{
	struct cli_result result;
	uint64_t replayed, version = announced();
	char paths[32][300];
	int count;

	kill(recorder.pid, SIGKILL);
	cr_expect(cli_wait(&recorder) == 128 + SIGKILL);
	close(recorder.out);
	least = version > least ? version : least;
	count = recorded_list(NULL, paths, 32);
	if (count == 0) {
		cr_expect(least == 0, "version %llu was announced", (unsigned long long)least);
		return;
	}
	result = recorded_replay();
	EXPECT_STATUS(result, 0);
	replayed = numbered_expect(rows);
	cr_expect(replayed >= least && replayed <= newest, "%llu is not in %llu to %llu",
	          (unsigned long long)replayed, (unsigned long long)least,
	          (unsigned long long)newest);
	/* A file has its name only when its snapshot is complete. */
	for (int i = 0; i < count; i++) {
		STELE("rm", trial);
		result = STELE("replay", "--into", trial, paths[i]);
		EXPECT_STATUS(result, 0);
		cr_expect(!strstr(result.out, " 0 versions"), "%s", paths[i]);
	}
}

Test(record_kill, killed_at_any_moment_it_is_readable_up_to_there, .timeout = 900)
{
	const struct stele_publisher_options options = {.size = sizeof(options),
	                                                .flags = STELE_CREATE};
	struct stele_publisher *publisher = numbered_open(&options);
	uint64_t seed = 7, newest = 1;

	cr_log_info("seed %llu", (unsigned long long)seed);
	for (int round = 0; round < 20; round++) {
		uint64_t commits = random_from(&seed) % 200, least = 0;

		STELE_START(&recorder, "record", region, "--to", folder, "--rotate", "1h");
		/* In some rounds it is killed while it starts. */
		if (round % 4 != 0)
			least = read_start();
		for (uint64_t i = 0; i < commits; i++)
			newest = numbered_commit(publisher, 50);
		expect_announced(least, newest, 50);
		recorded_remove();
	}
	stele_publisher_close(publisher);
}

/* Returns the path of the newest recording. */
static const char *newest_file(void)
{
	static char paths[32][300];
	int count = recorded_list(NULL, paths, 32);

	return count > 0 ? paths[count - 1] : "";
}

/* Returns true if the recorder writes a new file, which is hidden until it is complete, or has just
 * named it: `former` is no longer the newest one. */
static bool is_rotating(const char *former)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/.%s.record.new", folder, region);
	for (int i = 0; i < 200; i++)
		if (access(path, F_OK) == 0 || strcmp(newest_file(), former) != 0)
			return true;
	return false;
}

/* Adds a table of 8 MB, so that the snapshot at the start of a file takes its time. */
static void add_ballast(struct stele_publisher *publisher)
{
	char table[STELE_NAME_MAX + 1], value[1000] = {0};
	struct stele_transaction *tx;
	struct stele_schema *schema;

	cr_assert(stele_schema_parse("ballast(a: u32 key, text: bytes)", table, &schema) == 0);
	cr_assert(stele_transaction_begin(publisher, &tx) == 0);
	cr_assert(stele_transaction_create_table(tx, table, schema) == 0);
	for (uint32_t i = 0; i < 8000; i++)
		cr_assert(stele_transaction_put(tx, table, &i, 32, value, sizeof(value)) == 1, "%s",
		          stele_last_error());
	cr_assert(stele_transaction_commit(tx, NULL, NULL) == 1);
	stele_schema_free(schema);
}

/* The recorder is killed while it writes a new file, or a while after it has started one. The next
 * recorder goes on with the files that the former one has left. */
Test(record_kill, killed_while_it_rotates_it_loses_nothing, .timeout = 900)
{
	enum { ROWS = 100 };
	const struct stele_publisher_options options = {.size = sizeof(options),
	                                                .flags = STELE_CREATE};
	struct stele_publisher *publisher = numbered_open(&options);
	uint64_t seed = 11, newest;
	int found = 0;

	add_ballast(publisher);
	newest = numbered_commit(publisher, ROWS);
	cr_log_info("seed %llu", (unsigned long long)seed);
	for (int round = 0; round < 8; round++) {
		uint64_t after = random_from(&seed) % 40, least, next;
		bool rotating = false;
		char former[300];
		struct pollfd line;
		/* On a busy machine, the moment of a rotation may be missed. */
		int files = round % 2 ? 1 : 3;

		STELE_START(&recorder, "record", region, "--to", folder, "--rotate", "1s", "--keep",
		            "3");
		line = (struct pollfd){.fd = recorder.out, .events = POLLIN};
		least = read_start();
		snprintf(former, sizeof(former), "%s", newest_file());
		while (files > 0 && !rotating) {
			newest = numbered_commit(publisher, ROWS);
			rotating = round % 2 == 0 && is_rotating(former);
			if (!rotating && poll(&line, 1, 0) == 1) {
				next = read_start();
				cr_expect(next >= least);
				least = next;
				snprintf(former, sizeof(former), "%s", newest_file());
				files--;
			}
		}
		for (uint64_t i = 0; i < after && !rotating; i++)
			newest = numbered_commit(publisher, ROWS);
		found += rotating;
		expect_announced(least, newest, ROWS);
	}
	cr_log_info("killed %d times while a file was written", found);
	stele_publisher_close(publisher);
}
