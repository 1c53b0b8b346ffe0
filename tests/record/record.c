/* SPDX-License-Identifier: MIT
 *
 * stele record: what was recorded is what happened, also if the recorder is slow, the disk is full,
 * or the region is replaced. */
#include <poll.h>
#include <sched.h>
#include <stele/stele.h>
#include <sys/mount.h>
#include "tests/support/cli.h"
#include "tests/support/record/recorded.h"
#include "tools/record/recording.h"

TestSuite(record_record, .init = recorded_begin, .fini = recorded_end);

Test(record_record, a_recorder_that_is_too_slow_merges_versions)
{
	const struct stele_publisher_options options = {
		.size = sizeof(options), .flags = STELE_CREATE, .history = 2};
	struct stele_publisher *publisher = numbered_open(&options);
	struct cli_result result;
	uint64_t newest = 0;

	recorded_start();
	kill(recorder.pid, SIGSTOP);
	for (int i = 0; i < 200; i++)
		newest = numbered_commit(publisher, 20);
	kill(recorder.pid, SIGCONT);
	recorded_until(newest);
	recorded_stop();
	EXPECT_TEXT(cli_read_all(recorder.err), "");
	result = recorded_replay();
	EXPECT_STATUS(result, 0);
	EXPECT_TEXT(result.err, "");
	cr_expect(numbered_expect(20) == newest);
	stele_publisher_close(publisher);
}

Test(record_record, a_difference_that_cannot_be_had_becomes_a_snapshot)
{
	const struct stele_publisher_options options = {
		.size = sizeof(options), .flags = STELE_CREATE, .history = 2, .pinned_bytes = 4096};
	struct stele_publisher *publisher = numbered_open(&options);
	struct stele_publisher_stats stats = {.size = sizeof(stats)};
	struct cli_result result;
	uint64_t newest;

	newest = numbered_commit(publisher, 1000);
	recorded_start();
	recorded_until(newest);
	kill(recorder.pid, SIGSTOP);
	/* The rows that the recorder pins are all replaced. */
	for (int i = 0; i < 20; i++)
		newest = numbered_commit(publisher, 1000);
	cr_assert(stele_publisher_describe(publisher, &stats) == 0 && stats.pins_revoked > 0);
	kill(recorder.pid, SIGCONT);
	recorded_until(newest);
	recorded_stop();
	EXPECT_HAS(cli_read_all(recorder.err), "a snapshot follows");
	result = recorded_replay();
	EXPECT_STATUS(result, 0);
	EXPECT_TEXT(result.err, "");
	cr_expect(numbered_expect(1000) == newest);
	stele_publisher_close(publisher);
}

Test(record_record, goes_on_with_a_region_that_was_made_again)
{
	struct cli_result result;

	EXPECT_STATUS(STELE("create", region, "--table", ROUTES), 0);
	recorded_start();
	EXPECT_STATUS(
		STELE("set", target, "10.0.0.0/8", "next_hop=192.0.2.1", "interface=a", "metric=1"),
		0);
	recorded_until(2);
	EXPECT_STATUS(STELE("rm", region), 0);
	EXPECT_STATUS(STELE("create", region, "--table", "hosts(name: text key, n: u64)"), 0);
	recorded_until(1);
	recorded_stop();
	EXPECT_HAS(cli_read_all(recorder.err), "was removed; recording goes on");
	result = recorded_replay();
	EXPECT_STATUS(result, 0);
	EXPECT_TEXT(result.err, "");
	/* One version or two: the new region may have been seen before it had its table. */
	result = STELE("log", trial);
	EXPECT_HAS(result.out, "routes (dropped)");
	EXPECT_HAS(result.out, "hosts (created)");
	EXPECT_HAS(recorded_dump(trial, "routes", "2"), "\"metric\": 1");
}

/* Commits a version of one route, whose metric has this number. */
static void set_metric(int number)
{
	char metric[32];

	snprintf(metric, sizeof(metric), "metric=%d", number);
	EXPECT_STATUS(
		STELE("set", target, "10.0.0.0/8", "next_hop=192.0.2.1", "interface=a", metric), 0);
}

/* Commits versions until the recorder starts a new file. Returns the version with which it begins.
 * A busy recorder may start it after further versions were committed. */
static int until_rotated(int *number)
{
	struct pollfd line = {.fd = recorder.out, .events = POLLIN};
	const char *version;

	do {
		set_metric(++*number);
		recorded_until((uint64_t)*number + 1);
	} while (poll(&line, 1, 50) == 0);
	version = strstr(cli_line(&recorder), " from version ");
	cr_assert(version != NULL);
	return atoi(version + strlen(" from version "));
}

/* Replays a file into a new region. Expects this metric at the end, and returns the number of
 * versions. */
static int replay_file(char *path, int metric)
{
	struct cli_result result;
	char text[32];

	STELE("rm", trial);
	result = STELE("replay", path, "--into", trial);
	EXPECT_STATUS(result, 0);
	EXPECT_TEXT(result.err, "");
	snprintf(text, sizeof(text), "\"metric\": %d}", metric);
	EXPECT_HAS(recorded_dump(trial, "routes", NULL), text);
	return atoi(strstr(result.out, ": ") + 2);
}

/* Version N + 1 has the metric N. */
Test(record_record, rotates_and_removes_old_files)
{
	int number = 0, version = 0, versions;
	char paths[8][300], text[64];

	EXPECT_STATUS(STELE("create", region, "--table", ROUTES), 0);
	STELE_START(&recorder, "record", region, "--to", folder, "--rotate", "1s", "--keep", "2");
	EXPECT_HAS(cli_line(&recorder), ": recording to ");
	for (int i = 0; i < 3; i++)
		version = until_rotated(&number);
	recorded_stop();
	cr_assert(recorded_list(NULL, paths, 8) == 2);
	/* Each file alone has all rows. The former one ends where the last one begins. */
	cr_expect(replay_file(paths[1], number) == number + 2 - version);
	versions = replay_file(paths[0], version - 1);
	snprintf(text, sizeof(text), ": %d versions replayed\n", versions + number + 1 - version);
	EXPECT_HAS(recorded_replay().out, text);
}

Test(record_record, one_recorder_writes_at_a_time)
{
	EXPECT_STATUS(STELE("create", region, "--table", ROUTES), 0);
	recorded_start();
	EXPECT_FAILURE(STELE("record", region, "--to", folder), 4, "another recorder writes",
	               folder);
	/* Also while it waits for its region, and not in another directory. */
	EXPECT_FAILURE(STELE("record", region, "--to", folder, "--wait", "inf"), 4,
	               "another recorder");
	EXPECT_FAILURE(STELE("record", trial, "--to", folder), 3, trial);
	recorded_stop();
	/* A recorder that was killed does not keep the next one away. */
	recorded_start();
	kill(recorder.pid, SIGKILL);
	cr_expect(cli_wait(&recorder) == 128 + SIGKILL);
	recorded_start();
	recorded_stop();
	/* The directory has recordings alone: no lock, and no new file. */
	recorded_remove();
	cr_expect(rmdir(folder) == 0 && mkdir(folder, 0700) == 0);
}

Test(record_record, a_file_that_was_removed_is_replaced)
{
	EXPECT_STATUS(STELE("create", region, "--table", ROUTES), 0);
	recorded_start();
	set_metric(1);
	recorded_until(2);
	recorded_remove();
	/* Also if nothing changes. */
	EXPECT_HAS(cli_line(&recorder), "from version 2@");
	set_metric(2);
	recorded_until(3);
	recorded_stop();
	EXPECT_HAS(cli_read_all(recorder.err), " was removed, with the versions in it");
	EXPECT_HAS(recorded_replay().out, ": 2 versions replayed\n");
	EXPECT_HAS(recorded_dump(trial, "routes", NULL), "\"metric\": 2");
}

static time_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* Each sample shows that a subscriber has applied another version, and all of the file's growth is
 * these frames, and at most one in ten seconds which says that there was no version. */
Test(record_record, a_region_in_which_nothing_changes_costs_almost_nothing)
{
	const off_t sample = sizeof(struct recording_frame) + sizeof(struct recording_subscriber);
	const off_t idle = sizeof(struct recording_frame) + sizeof(struct recording_idle);
	const time_t start_time = seconds();
	struct stele_subscriber *subscriber;
	off_t size, rest;
	char paths[2][300];

	EXPECT_STATUS(STELE("create", region, "--table", ROUTES), 0);
	recorded_start_with("--rotate", "1h");
	recorded_until(1);
	cr_assert(recorded_list(NULL, paths, 2) == 1);
	size = recorded_until_larger(paths[0], 0);
	cr_assert(stele_subscriber_open(region, NULL, &subscriber) == 0);
	rest = -size;
	for (uint64_t i = 1; i <= 4; i++) {
		off_t before = size;

		stele_subscriber_applied(subscriber, i);
		while (size < before + sample)
			size = recorded_until_larger(paths[0], size);
	}
	rest += size - 4 * sample;
	cr_expect(rest % idle == 0 && rest / idle <= (seconds() - start_time) / 10 + 1,
	          "%lld bytes", (long long)rest);
	stele_subscriber_close(subscriber);
	recorded_stop();
	/* At its end the recorder writes up to when it has watched. */
	cr_expect(recorded_list(NULL, paths, 2) == 1);
}

/* The watch reports each version as applied, after it has printed it. */
Test(record_record, what_subscribers_have_applied_is_recorded)
{
	struct cli_process watch;
	char state[128];
	char *out = "", *user;

	EXPECT_STATUS(STELE("create", region, "--table", ROUTES), 0);
	recorded_start();
	STELE_START(&watch, "watch", "--initial", region);
	EXPECT_STATUS(
		STELE("set", target, "10.0.0.0/8", "next_hop=192.0.2.1", "interface=a", "metric=1"),
		0);
	snprintf(state, sizeof(state),
	         "{\"process\": \"stele (%d)\", \"label\": \"\", "
	         "\"version\": 2, \"state\": \"applied\"}",
	         (int)watch.pid);
	for (int i = 0; i < CLI_PATIENCE / 50 && !strstr(out, state); i++) {
		out = STELE("why", target, "10.1.2.3", "--at", "now", "--from", folder, "-f",
		            "ndjson")
		              .out;
		usleep(50000);
	}
	EXPECT_HAS(out, state);
	/* The user is the one that the log of the region names. */
	user = strstr(STELE("log", "-f", "ndjson", "--lines", "1", region).out, "\"user\": ");
	cr_assert(user != NULL);
	*strstr(user, ", \"by\"") = '\0';
	EXPECT_HAS(out, user);
	cr_expect(!strstr(user, "null"));
	kill(watch.pid, SIGTERM);
	cr_expect(cli_wait(&watch) == 0);
	for (int i = 0; i < CLI_PATIENCE / 50 && strstr(out, state); i++) {
		out = STELE("why", target, "10.1.2.3", "--at", "now", "--from", folder, "-f",
		            "ndjson")
		              .out;
		usleep(50000);
	}
	EXPECT_HAS(out, "\"subscribers\": []");
	recorded_stop();
}

/* Mounts a small file system, of this test alone, in place of the folder. */
static void mount_small(const char *size)
{
	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("record", folder, "tmpfs", 0, size) < 0)
		cr_skip_test("needs root, for a small file system");
}

/* Writes a file, which takes all space but about this much. */
static void fill_all_but(off_t left)
{
	char filler[128], bytes[4096] = {0};
	int fd;

	snprintf(filler, sizeof(filler), "%s/filler", folder);
	fd = open(filler, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	while (write(fd, bytes, sizeof(bytes)) > 0)
		continue;
	cr_assert(ftruncate(fd, lseek(fd, 0, SEEK_END) - left) == 0);
	close(fd);
}

static void remove_filler(void)
{
	char filler[128];

	snprintf(filler, sizeof(filler), "%s/filler", folder);
	unlink(filler);
}

/* A snapshot of all rows takes 100 KiB, and a delta 2 KiB. */
Test(record_record, a_disk_without_space_for_a_new_file_has_some_for_changes, .timeout = 300)
{
	const struct stele_publisher_options options = {.size = sizeof(options),
	                                                .flags = STELE_CREATE};
	struct stele_publisher *publisher;
	char first[1][300], now[2][300];
	uint64_t newest = 0;
	char *err;

	mount_small("size=512k");
	publisher = numbered_open(&options);
	numbered_commit(publisher, 1000);
	STELE_START(&recorder, "record", region, "--to", folder, "--rotate", "1s", "--keep", "2");
	EXPECT_HAS(cli_line(&recorder), ": recording to ");
	cr_assert(recorded_list(NULL, first, 1) == 1);
	fill_all_but(80 << 10);
	for (int i = 0; i < CLI_PATIENCE / 100 && lseek(recorder.err, 0, SEEK_END) == 0; i++) {
		newest = numbered_commit(publisher, 2);
		recorded_until(newest);
		usleep(100000);
	}
	/* These do not try it again, and are recorded. */
	for (int i = 0; i < 10; i++)
		newest = numbered_commit(publisher, 2);
	recorded_until(newest);
	recorded_stop();
	err = cli_read_all(recorder.err);
	EXPECT_HAS(err, "cannot start a new recording in ");
	EXPECT_HAS(err, first[0]);
	cr_expect(!strstr(err, "recording goes on when there is space"), "%s", err);
	cr_expect(recorded_list(NULL, NULL, 0) == 1);
	/* The next recorder has space for a second file, and then removes the first for a third. */
	remove_filler();
	STELE_START(&recorder, "record", region, "--to", folder, "--rotate", "1s", "--keep", "2");
	EXPECT_HAS(cli_line(&recorder), ": recording to ");
	fill_all_but(80 << 10);
	for (int i = 0; i < CLI_PATIENCE / 100 && recorded_list(NULL, now, 2) == 2 &&
	                strcmp(now[0], first[0]) == 0;
	     i++) {
		newest = numbered_commit(publisher, 2);
		usleep(100000);
	}
	EXPECT_HAS(cli_line(&recorder), ": recording to ");
	recorded_until(newest);
	recorded_stop();
	EXPECT_TEXT(cli_read_all(recorder.err), "");
	EXPECT_STATUS(recorded_replay(), 0);
	stele_publisher_close(publisher);
	recorded_remove();
	umount(folder);
}

Test(record_record, a_full_disk_is_waited_for)
{
	const struct stele_publisher_options options = {.size = sizeof(options),
	                                                .flags = STELE_CREATE};
	struct stele_publisher *publisher;
	struct cli_result result;
	uint64_t newest = 0;

	mount_small("size=256k");
	publisher = numbered_open(&options);
	recorded_start();
	newest = numbered_commit(publisher, 20);
	recorded_until(newest);
	fill_all_but(0);
	/* More than the last page of the file has space for. */
	for (int i = 0; i < 3; i++)
		newest = numbered_commit(publisher, 200);
	for (int i = 0; i < CLI_PATIENCE / 10 && lseek(recorder.err, 0, SEEK_END) == 0; i++)
		usleep(10000);
	result = recorded_replay();
	EXPECT_STATUS(result, 0);
	EXPECT_TEXT(result.err, "");
	cr_expect(numbered_expect(20) < newest);
	remove_filler();
	recorded_until(newest);
	recorded_stop();
	result = (struct cli_result){.err = cli_read_all(recorder.err)};
	EXPECT_HAS(result.err, "No space left on device; recording goes on when there is space");
	EXPECT_HAS(result.err, "there is space again");
	result = recorded_replay();
	EXPECT_STATUS(result, 0);
	EXPECT_TEXT(result.err, "");
	cr_expect(numbered_expect(200) == newest);
	stele_publisher_close(publisher);
	recorded_remove();
	umount(folder);
}
