/* SPDX-License-Identifier: MIT
 *
 * stele record and stele replay: what was recorded is what happened, also if the recorder is
 * killed, the disk is full, or the region is replaced. */
#include <dirent.h>
#include <sched.h>
#include <stele/stele.h>
#include <sys/mount.h>
#include "tests/support/cli.h"
#include "tests/support/random.h"

static char folder[64], trial[64];
static struct cli_process recorder;

static void begin(void)
{
	cli_begin();
	snprintf(folder, sizeof(folder), "/tmp/%s.recordings", region);
	snprintf(trial, sizeof(trial), "%st", region);
	cr_assert(mkdir(folder, 0700) == 0);
}

/* Calls `each` for the path of each recording, oldest first. Returns their number. */
static int recordings(void (*each)(const char *path), char paths[][300], int capacity)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, NULL, alphasort), found = 0;

	for (int i = 0; i < count; i++) {
		char path[300];

		snprintf(path, sizeof(path), "%s/%.200s", folder, entries[i]->d_name);
		free(entries[i]);
		if (strcmp(path + strlen(path) - 7, ".record") != 0)
			continue;
		if (each)
			each(path);
		if (paths && found < capacity)
			snprintf(paths[found], 300, "%s", path);
		found++;
	}
	free(entries);
	return found;
}

static void remove_file(const char *path)
{
	unlink(path);
}

static void end(void)
{
	recordings(remove_file, NULL, 0);
	rmdir(folder);
	STELE("rm", trial);
	cli_end();
}

TestSuite(record_record, .init = begin, .fini = end);

static void start_with(char *option, char *value)
{
	STELE_START(&recorder, "record", region, "--to", folder, option, value);
	EXPECT_HAS(cli_line(&recorder), ": recording to ");
}

static void start(void)
{
	start_with("--rotate", "1h");
}

static void stop(void)
{
	kill(recorder.pid, SIGTERM);
	cr_expect(cli_wait(&recorder) == 0);
}

/* Waits until the recorder has reported that it recorded this version. */
static void until_recorded(uint64_t version)
{
	char applied[64];

	snprintf(applied, sizeof(applied), "\"applied\": %llu,", (unsigned long long)version);
	for (int i = 0; i < CLI_PATIENCE / 10; i++) {
		char *out = STELE("subscribers", "--format", "ndjson", region).out;
		char *mine = strstr(out, "\"label\": \"record\"");

		if (mine && strstr(mine, applied))
			return;
		usleep(10000);
	}
	cr_assert_fail("version %llu was not recorded in time", (unsigned long long)version);
}

/* Replays all recordings. */
static struct cli_result replay(void)
{
	static char paths[32][300];
	char *arguments[40] = {cli_command(), "replay", "--into", trial};
	int count = recordings(NULL, paths, 32);

	STELE("rm", trial);
	cr_assert(count > 0 && count <= 32, "%d recordings", count);
	for (int i = 0; i < count; i++)
		arguments[4 + i] = paths[i];
	return cli_run(NULL, arguments);
}

static char *dump_of(const char *of, const char *table, const char *version)
{
	char name[160];

	snprintf(name, sizeof(name), "%s/%s", of, table);
	if (version)
		return STELE("dump", "--format", "ndjson", "--version", (char *)version, name).out;
	return STELE("dump", "--format", "ndjson", name).out;
}

/* Expects that each version of the replayed region is the recorded one that its message names. */
static int expect_same_history(void)
{
	char *log = STELE("log", "--format", "ndjson", trial).out, *line;
	int versions = 0;

	while ((line = strsep(&log, "\n")) != NULL && *line) {
		unsigned long long replayed, recorded;
		char numbers[2][32], *message = strstr(line, "\"message\": \"");
		static const char *const tables[] = {"routes", "hosts"};

		cr_assert(message && sscanf(line, "{\"version\": %llu", &replayed) == 1 &&
		          sscanf(message, "\"message\": \"%llu@", &recorded) == 1);
		snprintf(numbers[0], 32, "%llu", replayed);
		snprintf(numbers[1], 32, "%llu", recorded);
		for (int i = 0; i < 2; i++)
			EXPECT_TEXT(dump_of(trial, tables[i], numbers[0]),
			            dump_of(region, tables[i], numbers[1]));
		versions++;
	}
	return versions;
}

/* Does one of the things that a publisher does, and returns true if it made a version. */
static bool step(uint64_t *seed)
{
	uint64_t number = random_from(seed);
	char key[64], assignment[64], hosts[80];
	struct cli_result result;

	snprintf(key, sizeof(key), "10.%d.0.0/16", (int)(number >> 8 & 15));
	snprintf(assignment, sizeof(assignment), "metric=%d", (int)(number >> 16 & 3));
	snprintf(hosts, sizeof(hosts), "%s/hosts", region);
	switch (number % 8) {
	case 0:
		result = STELE("delete", target, key);
		break;
	case 1:
		result = STELE("create", region, "--table", "hosts(name: text key, n: u64)");
		break;
	case 2:
		result = STELE("set", hosts, assignment, "n=7");
		break;
	case 3:
		snprintf(assignment, sizeof(assignment), "c%d: u32 default 7",
		         (int)(number >> 16 & 7));
		result = STELE("alter", target, "--add", assignment);
		break;
	case 4:
		result = number >> 20 & 1 ? STELE("drop", hosts) : STELE("rm", hosts);
		break;
	default:
		result = STELE("set", target, key, "next_hop=192.0.2.1", "interface=eth0",
		               assignment);
	}
	return result.status == 0 && !strstr(result.out, "nothing changed");
}

Test(record_record, each_version_is_recorded_and_replayed, .timeout = 300)
{
	uint64_t seed = 14;
	int made = 0;
	uint64_t newest;

	cr_log_info("seed %llu", (unsigned long long)seed);
	EXPECT_STATUS(STELE("create", region, "--history", "500", "--table", ROUTES), 0);
	start();
	for (int i = 0; i < 80; i++)
		made += step(&seed);
	cr_assert(made > 30, "%d versions", made);
	newest = (uint64_t)atoll(strstr(STELE("show", "-f", "json", region).out, "\"version\": ") +
	                         strlen("\"version\": "));
	until_recorded(newest);
	stop();
	EXPECT_TEXT(cli_read_all(recorder.err), "");
	EXPECT_STATUS(STELE("create", trial, "--history", "500"), 0);
	cr_assert(recordings(NULL, NULL, 0) == 1);
	{
		char paths[1][300];
		struct cli_result result;

		recordings(NULL, paths, 1);
		result = STELE("replay", paths[0], "--into", trial);
		EXPECT_STATUS(result, 0);
		EXPECT_TEXT(result.err, "");
	}
	cr_expect(expect_same_history() == (int)newest);
}

/* ---- a publisher in this process, whose versions can be told from their rows ---- */

static const char declaration[] = "routes(a: u32 key, version: u64, text: bytes)";

struct numbered {
	uint64_t version;
	char bytes[64];
};

static struct stele_publisher *open_numbered(const struct stele_publisher_options *options)
{
	char table[STELE_NAME_MAX + 1];
	struct stele_publisher *publisher;
	struct stele_transaction *tx;
	struct stele_schema *schema;

	cr_assert(stele_publisher_open(region, options, &publisher) == 0, "%s", stele_last_error());
	cr_assert(stele_schema_parse(declaration, table, &schema) == 0);
	cr_assert(stele_transaction_begin(publisher, &tx) == 0);
	cr_assert(stele_transaction_create_table(tx, table, schema) == 0);
	cr_assert(stele_transaction_commit(tx, NULL, NULL) == 1);
	stele_schema_free(schema);
	return publisher;
}

/* Commits a version in which each of the first rows, and one that moves, has its number. */
static uint64_t commit_numbered(struct stele_publisher *publisher, uint32_t rows)
{
	struct numbered value = {.version = stele_publisher_version(publisher) + 1};
	struct stele_transaction *tx;
	uint64_t version;

	memset(value.bytes, 'x', sizeof(value.bytes));
	cr_assert(stele_transaction_begin(publisher, &tx) == 0);
	for (uint32_t i = 0; i < rows; i++) {
		uint32_t key = htobe32(i);

		cr_assert(stele_transaction_put(tx, "routes", &key, 32, &value, sizeof(value)) == 1,
		          "%s", stele_last_error());
	}
	cr_assert(stele_transaction_commit(tx, "numbered", &version) == 1, "%s",
	          stele_last_error());
	return version;
}

/* Expects that the replayed region is one recorded version, and returns its number. */
static uint64_t expect_numbered(uint32_t rows)
{
	char *dump = dump_of(trial, "routes", NULL), *at = dump;
	char *log = STELE("log", "--format", "ndjson", "--lines", "1", trial).out;
	unsigned long long version, recorded;
	uint32_t found = 0;

	cr_assert(sscanf(strstr(log, "\"message\": \""), "\"message\": \"%llu@", &recorded) == 1);
	for (; (at = strstr(at, "\"version\": ")) != NULL; at++, found++) {
		cr_assert(sscanf(at, "\"version\": %llu", &version) == 1);
		cr_expect(version == recorded, "a row of version %llu in version %llu", version,
		          recorded);
	}
	/* The first version has the table alone. */
	cr_expect(found == rows || recorded == 1, "%u rows, not %u", found, rows);
	return recorded;
}

Test(record_record, killed_at_any_moment_it_is_readable_up_to_there, .timeout = 300)
{
	const struct stele_publisher_options options = {.size = sizeof(options),
	                                                .flags = STELE_CREATE};
	struct stele_publisher *publisher = open_numbered(&options);
	uint64_t seed = 7, newest = 1, replayed;

	cr_log_info("seed %llu", (unsigned long long)seed);
	for (int round = 0; round < 20; round++) {
		uint64_t commits = random_from(&seed) % 200;
		struct cli_result result;

		STELE_START(&recorder, "record", region, "--to", folder, "--rotate", "1h");
		/* In some rounds it is killed while it starts. */
		if (round % 4 != 0)
			EXPECT_HAS(cli_line(&recorder), ": recording to ");
		for (uint64_t i = 0; i < commits; i++)
			newest = commit_numbered(publisher, 50);
		kill(recorder.pid, SIGKILL);
		cr_expect(cli_wait(&recorder) == 128 + SIGKILL);
		close(recorder.out);
		if (recordings(NULL, NULL, 0) == 0)
			continue;
		result = replay();
		cr_expect(result.status == 0 || strstr(result.err, "too short"), "%s", result.err);
		if (result.status == 0 && !strstr(result.out, " 0 versions")) {
			replayed = expect_numbered(50);
			cr_expect(replayed <= newest);
		}
		recordings(remove_file, NULL, 0);
	}
	stele_publisher_close(publisher);
}

Test(record_record, a_file_that_is_cut_is_replayed_up_to_its_last_version)
{
	const struct stele_publisher_options options = {.size = sizeof(options),
	                                                .flags = STELE_CREATE};
	struct stele_publisher *publisher = open_numbered(&options);
	uint64_t seed = 3, newest = commit_numbered(publisher, 50), found = 0, was = UINT64_MAX;
	char path[1][300];
	struct stat status;

	cr_log_info("seed %llu", (unsigned long long)seed);
	start();
	for (int i = 0; i < 5; i++)
		newest = commit_numbered(publisher, 50);
	until_recorded(newest);
	stop();
	cr_assert(recordings(NULL, path, 1) == 1 && stat(path[0], &status) == 0);
	/* The snapshot takes less than 6000 bytes, and each delta more than 5000. */
	while ((status.st_size -= 1 + (off_t)(random_from(&seed) % 2500)) > 6000) {
		struct cli_result result;

		cr_assert(truncate(path[0], status.st_size) == 0);
		result = replay();
		EXPECT_STATUS(result, 0);
		EXPECT_HAS(result.err, "; replayed up to the version before");
		found = expect_numbered(50);
		cr_expect(found <= was && found < newest);
		was = found;
	}
	cr_expect(found == newest - 5, "the snapshot alone is version %llu",
	          (unsigned long long)found);
	stele_publisher_close(publisher);
}

Test(record_record, a_recorder_that_is_too_slow_merges_versions)
{
	const struct stele_publisher_options options = {
		.size = sizeof(options), .flags = STELE_CREATE, .history = 2};
	struct stele_publisher *publisher = open_numbered(&options);
	struct cli_result result;
	uint64_t newest = 0;

	start();
	kill(recorder.pid, SIGSTOP);
	for (int i = 0; i < 200; i++)
		newest = commit_numbered(publisher, 20);
	kill(recorder.pid, SIGCONT);
	until_recorded(newest);
	stop();
	EXPECT_TEXT(cli_read_all(recorder.err), "");
	result = replay();
	EXPECT_STATUS(result, 0);
	EXPECT_TEXT(result.err, "");
	cr_expect(expect_numbered(20) == newest);
	stele_publisher_close(publisher);
}

Test(record_record, a_difference_that_cannot_be_had_becomes_a_snapshot)
{
	const struct stele_publisher_options options = {
		.size = sizeof(options), .flags = STELE_CREATE, .history = 2, .pinned_bytes = 4096};
	struct stele_publisher *publisher = open_numbered(&options);
	struct stele_publisher_stats stats = {.size = sizeof(stats)};
	struct cli_result result;
	uint64_t newest;

	newest = commit_numbered(publisher, 1000);
	start();
	until_recorded(newest);
	kill(recorder.pid, SIGSTOP);
	/* The rows that the recorder pins are all replaced. */
	for (int i = 0; i < 20; i++)
		newest = commit_numbered(publisher, 1000);
	cr_assert(stele_publisher_describe(publisher, &stats) == 0 && stats.pins_revoked > 0);
	kill(recorder.pid, SIGCONT);
	until_recorded(newest);
	stop();
	EXPECT_HAS(cli_read_all(recorder.err), "a snapshot follows");
	result = replay();
	EXPECT_STATUS(result, 0);
	EXPECT_TEXT(result.err, "");
	cr_expect(expect_numbered(1000) == newest);
	stele_publisher_close(publisher);
}

Test(record_record, goes_on_with_a_region_that_was_made_again)
{
	struct cli_result result;

	EXPECT_STATUS(STELE("create", region, "--table", ROUTES), 0);
	start();
	EXPECT_STATUS(
		STELE("set", target, "10.0.0.0/8", "next_hop=192.0.2.1", "interface=a", "metric=1"),
		0);
	until_recorded(2);
	EXPECT_STATUS(STELE("rm", region), 0);
	EXPECT_STATUS(STELE("create", region, "--table", "hosts(name: text key, n: u64)"), 0);
	until_recorded(1);
	stop();
	EXPECT_HAS(cli_read_all(recorder.err), "was removed; recording goes on");
	result = replay();
	EXPECT_STATUS(result, 0);
	EXPECT_TEXT(result.err, "");
	/* One version or two: the new region may have been seen before it had its table. */
	result = STELE("log", trial);
	EXPECT_HAS(result.out, "routes (dropped)");
	EXPECT_HAS(result.out, "hosts (created)");
	EXPECT_HAS(dump_of(trial, "routes", "2"), "\"metric\": 1");
}

Test(record_record, rotates_and_removes_old_files)
{
	char paths[8][300], until[8][300];
	struct cli_result result;

	EXPECT_STATUS(STELE("create", region, "--table", ROUTES), 0);
	STELE_START(&recorder, "record", region, "--to", folder, "--rotate", "0", "--keep", "3");
	for (int i = 0; i < 6; i++) {
		char metric[32];

		snprintf(until[i], sizeof(until[i]), "%s", cli_line(&recorder));
		EXPECT_HAS(until[i], ": recording to ");
		snprintf(metric, sizeof(metric), "metric=%d", i);
		EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "next_hop=192.0.2.1",
		                    "interface=a", metric),
		              0);
	}
	EXPECT_HAS(cli_line(&recorder), ": recording to ");
	until_recorded(7);
	stop();
	cr_expect(recordings(NULL, paths, 8) == 3);
	/* Each file alone has all rows. */
	result = STELE("replay", paths[2], "--into", trial);
	EXPECT_STATUS(result, 0);
	EXPECT_HAS(dump_of(trial, "routes", NULL), "\"metric\": 5");
	result = replay();
	EXPECT_STATUS(result, 0);
	EXPECT_HAS(result.out, ": 3 versions replayed\n");
	EXPECT_HAS(dump_of(trial, "routes", "1"), "\"metric\": 3");
}

Test(record_record, idle_regions_cost_nothing)
{
	struct stat before, after;
	char paths[2][300];

	EXPECT_STATUS(STELE("create", region, "--table", ROUTES), 0);
	start_with("--rotate", "0");
	until_recorded(1);
	cr_assert(recordings(NULL, paths, 2) == 1 && stat(paths[0], &before) == 0);
	usleep(1500000);
	cr_assert(recordings(NULL, paths, 2) == 1 && stat(paths[0], &after) == 0);
	cr_expect(before.st_size == after.st_size);
	stop();
}

/* The watch reports each version as applied, after it has printed it. */
Test(record_record, what_subscribers_have_applied_is_recorded)
{
	struct cli_process watch;
	char state[128];
	char *out = "";

	EXPECT_STATUS(STELE("create", region, "--table", ROUTES), 0);
	start();
	STELE_START(&watch, "watch", "--initial", region);
	EXPECT_STATUS(
		STELE("set", target, "10.0.0.0/8", "next_hop=192.0.2.1", "interface=a", "metric=1"),
		0);
	snprintf(state, sizeof(state),
	         "{\"process\": \"stele (%d)\", \"label\": \"\", "
	         "\"version\": 2, \"state\": \"applied\"}",
	         (int)watch.pid);
	for (int i = 0; i < CLI_PATIENCE / 50 && !strstr(out, state); i++) {
		out = STELE("why", target, "10.1.2.3", "--from", folder, "-f", "ndjson").out;
		usleep(50000);
	}
	EXPECT_HAS(out, state);
	kill(watch.pid, SIGTERM);
	cr_expect(cli_wait(&watch) == 0);
	for (int i = 0; i < CLI_PATIENCE / 50 && strstr(out, state); i++) {
		out = STELE("why", target, "10.1.2.3", "--from", folder, "-f", "ndjson").out;
		usleep(50000);
	}
	EXPECT_HAS(out, "\"subscribers\": []");
	stop();
}

/* A full disk, on a file system of this test alone. */
Test(record_record, a_full_disk_is_waited_for)
{
	const struct stele_publisher_options options = {.size = sizeof(options),
	                                                .flags = STELE_CREATE};
	struct stele_publisher *publisher;
	char filler[128], bytes[4096] = {0};
	struct cli_result result;
	uint64_t newest = 0;
	int fd;

	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("record", folder, "tmpfs", 0, "size=256k") < 0)
		cr_skip_test("needs root, for a small file system");
	publisher = open_numbered(&options);
	start();
	newest = commit_numbered(publisher, 20);
	until_recorded(newest);
	snprintf(filler, sizeof(filler), "%s/filler", folder);
	fd = open(filler, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	while (write(fd, bytes, sizeof(bytes)) > 0)
		continue;
	close(fd);
	/* More than the last page of the file has space for. */
	for (int i = 0; i < 3; i++)
		newest = commit_numbered(publisher, 200);
	for (int i = 0; i < CLI_PATIENCE / 10 && lseek(recorder.err, 0, SEEK_END) == 0; i++)
		usleep(10000);
	result = replay();
	EXPECT_STATUS(result, 0);
	EXPECT_TEXT(result.err, "");
	cr_expect(expect_numbered(20) < newest);
	unlink(filler);
	until_recorded(newest);
	stop();
	result = (struct cli_result){.err = cli_read_all(recorder.err)};
	EXPECT_HAS(result.err, "No space left on device; recording goes on when there is space");
	EXPECT_HAS(result.err, "there is space again");
	result = replay();
	EXPECT_STATUS(result, 0);
	EXPECT_TEXT(result.err, "");
	cr_expect(expect_numbered(200) == newest);
	stele_publisher_close(publisher);
	recordings(remove_file, NULL, 0);
	umount(folder);
}

Test(record_record, wrong_arguments_and_files_are_refused)
{
	char name[64];

	EXPECT_FAILURE(STELE("record", region), 2, "expected --to DIRECTORY");
	EXPECT_FAILURE(STELE("record", region, "--to", folder), 3, region);
	EXPECT_FAILURE(STELE("record", region, "--to", folder, "--rotate", "x"), 2, "--rotate");
	EXPECT_STATUS(STELE("create", region, "--table", ROUTES), 0);
	EXPECT_FAILURE(STELE("record", region, "--to", "/nowhere"), 3, "/nowhere");
	EXPECT_FAILURE(STELE("replay", "x", "--into", region), 2, "has versions already");
	EXPECT_FAILURE(STELE("replay", "/nowhere", "--into", trial), 3, "/nowhere");
	EXPECT_FAILURE(STELE("replay", "x"), 2, "expected --into REGION");
	EXPECT_FAILURE(STELE("replay", "--into", trial), 2, "expected one or more FILEs");
	EXPECT_FAILURE(STELE("replay", "x", "--into", trial, "--speed", "0"), 2, "--speed");
	/* The open of a FIFO would wait. */
	snprintf(name, sizeof(name), "/tmp/%s.fifo", region);
	cr_assert(mkfifo(name, 0600) == 0);
	EXPECT_FAILURE(STELE("replay", name, "--into", trial), 2, "Invalid argument");
	unlink(name);
	cli_temporary(name, ".txt", "neither a recording nor short enough to be empty");
	EXPECT_FAILURE(STELE("replay", name, "--into", trial), 7, "not a recording");
	unlink(name);
	cli_temporary(name, ".txt", "");
	EXPECT_FAILURE(STELE("replay", name, "--into", trial), 7, "too short");
	unlink(name);
}
