/* SPDX-License-Identifier: MIT
 *
 * stele replay: it publishes each version that was recorded, also of files that are cut or damaged.
 * */
#include <stele/stele.h>
#include "tests/support/cli.h"
#include "tests/support/random.h"
#include "tests/support/record/recorded.h"

TestSuite(record_replay, .init = recorded_begin, .fini = recorded_end);

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
			EXPECT_TEXT(recorded_dump(trial, tables[i], numbers[0]),
			            recorded_dump(region, tables[i], numbers[1]));
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

Test(record_replay, each_version_is_recorded_and_replayed, .timeout = 300)
{
	uint64_t seed = 14;
	int made = 0;
	uint64_t newest;

	cr_log_info("seed %llu", (unsigned long long)seed);
	EXPECT_STATUS(STELE("create", region, "--history", "500", "--table", ROUTES), 0);
	recorded_start();
	for (int i = 0; i < 80; i++)
		made += step(&seed);
	cr_assert(made > 30, "%d versions", made);
	newest = (uint64_t)atoll(strstr(STELE("show", "-f", "json", region).out, "\"version\": ") +
	                         strlen("\"version\": "));
	recorded_until(newest);
	recorded_stop();
	EXPECT_TEXT(cli_read_all(recorder.err), "");
	EXPECT_STATUS(STELE("create", trial, "--history", "500"), 0);
	cr_assert(recorded_list(NULL, NULL, 0) == 1);
	{
		char paths[1][300];
		struct cli_result result;

		recorded_list(NULL, paths, 1);
		result = STELE("replay", paths[0], "--into", trial);
		EXPECT_STATUS(result, 0);
		EXPECT_TEXT(result.err, "");
	}
	cr_expect(expect_same_history() == (int)newest);
}

Test(record_replay, a_file_that_is_cut_is_replayed_up_to_its_last_version)
{
	const struct stele_publisher_options options = {.size = sizeof(options),
	                                                .flags = STELE_CREATE};
	struct stele_publisher *publisher = numbered_open(&options);
	uint64_t seed = 3, newest = numbered_commit(publisher, 50), found = 0, was = UINT64_MAX;
	char path[1][300];
	struct stat status;

	cr_log_info("seed %llu", (unsigned long long)seed);
	recorded_start();
	for (int i = 0; i < 5; i++)
		newest = numbered_commit(publisher, 50);
	recorded_until(newest);
	recorded_stop();
	cr_assert(recorded_list(NULL, path, 1) == 1 && stat(path[0], &status) == 0);
	/* The snapshot takes less than 6000 bytes, and each delta more than 5000. */
	while ((status.st_size -= 1 + (off_t)(random_from(&seed) % 2500)) > 6000) {
		struct cli_result result;

		cr_assert(truncate(path[0], status.st_size) == 0);
		result = recorded_replay();
		EXPECT_STATUS(result, 0);
		EXPECT_HAS(result.err, "; replayed up to the version before");
		found = numbered_expect(50);
		cr_expect(found <= was && found < newest);
		was = found;
	}
	cr_expect(found == newest - 5, "the snapshot alone is version %llu",
	          (unsigned long long)found);
	stele_publisher_close(publisher);
}

Test(record_replay, wrong_arguments_and_files_are_refused)
{
	char name[64];

	EXPECT_FAILURE(STELE("record", region), 2, "expected --to DIRECTORY");
	EXPECT_FAILURE(STELE("record", region, "--to", folder), 3, region);
	EXPECT_FAILURE(STELE("record", region, "--to", folder, "--rotate", "x"), 2, "--rotate");
	EXPECT_FAILURE(STELE("record", region, "--to", folder, "--rotate", "0"), 2,
	               "minimum of 1s");
	EXPECT_FAILURE(STELE("record", region, "--to", folder, "--rotate", "999ms"), 2, "--rotate");
	EXPECT_FAILURE(STELE("record", region, "--to", folder, "--rotate", "0x10m"), 2, "--rotate");
	EXPECT_FAILURE(STELE("record", region, "--to", folder, "--rotate", "1e3h"), 2, "--rotate");
	EXPECT_FAILURE(STELE("record", region, "--to", folder, "--rotate", "1.5.2s"), 2,
	               "--rotate");
	EXPECT_STATUS(STELE("create", region, "--table", ROUTES), 0);
	EXPECT_FAILURE(STELE("record", region, "--to", "/nowhere"), 3, "/nowhere");
	cli_temporary(name, ".record", "STELEREC");
	EXPECT_FAILURE(STELE("replay", name, "--into", trial), 7, "too short");
	unlink(name);
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
	/* Nothing was created. */
	EXPECT_STATUS(STELE("show", trial), 3);
}

/* Changes one byte of a file, and returns true if the file has it. */
static bool change_byte(const char *path, off_t at)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	unsigned char byte;
	bool there = pread(fd, &byte, 1, at) == 1;

	byte ^= 0x10;
	there = there && pwrite(fd, &byte, 1, at) == 1;
	close(fd);
	return there;
}

/* A file that is cut is what a killed recorder leaves. One with wrong bytes has lost versions. */
Test(record_replay, a_damaged_file_is_replayed_up_to_there_with_an_error)
{
	const struct stele_publisher_options options = {.size = sizeof(options),
	                                                .flags = STELE_CREATE};
	struct stele_publisher *publisher = numbered_open(&options);
	uint64_t newest = numbered_commit(publisher, 50);
	struct cli_result result;
	char path[1][300];
	struct stat status;

	recorded_start();
	for (int i = 0; i < 3; i++)
		newest = numbered_commit(publisher, 50);
	recorded_until(newest);
	recorded_stop();
	cr_assert(recorded_list(NULL, path, 1) == 1 && stat(path[0], &status) == 0);
	cr_assert(change_byte(path[0], status.st_size - 3000));
	result = recorded_replay();
	EXPECT_STATUS(result, 7);
	EXPECT_HAS(result.err, "damaged at byte ");
	EXPECT_HAS(result.out, "3 versions replayed");
	cr_expect(numbered_expect(50) == newest - 1);
	/* A file that is missing is found before the first one is replayed. */
	STELE("rm", trial);
	EXPECT_FAILURE(STELE("replay", path[0], "/nowhere", "--into", trial), 3, "/nowhere");
	EXPECT_STATUS(STELE("show", trial), 3);
	/* Nothing of the snapshot can be used: the region does not stay. */
	cr_assert(change_byte(path[0], 200));
	result = recorded_replay();
	EXPECT_STATUS(result, 7);
	EXPECT_HAS(result.out, ": 0 versions replayed");
	EXPECT_STATUS(STELE("show", trial), 3);
	EXPECT_FAILURE(STELE("replay", path[0], "--into", region), 4,
	               "another publisher is attached");
	stele_publisher_close(publisher);
	EXPECT_FAILURE(STELE("replay", path[0], "--into", region), 2, "has versions already");
}
