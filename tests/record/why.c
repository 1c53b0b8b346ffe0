/* SPDX-License-Identifier: MIT
 *
 * stele why, on recordings that are written here with known times, and on history. */
#include <dirent.h>
#include <stele/stele.h>
#include "tests/support/cli.h"
#include "tools/base/heap.c"
#include "tools/base/text.c"
#include "tools/record/crc.c"
#include "tools/record/recording_writer.c"

#define NOON   UINT64_C(1769860800000000000) /* 2026-01-31T12:00:00Z */
#define SECOND UINT64_C(1000000000)
/* A user without a name. */
#define NOBODY 4000123u

static char folder[64];
static struct recording_writer writer;
static uint8_t uuid[16] = {0x3f, 0x2a, 0x9c, 0x1e};

static void remove_recordings(void)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, NULL, NULL);
	char path[400];

	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		unlink(path);
		free(entries[i]);
	}
	free(entries);
}

static void begin(void)
{
	setenv("TZ", "UTC", 1);
	cli_begin();
	snprintf(folder, sizeof(folder), "/tmp/%s.recordings", region);
	/* A test that was killed may have left it, and its pid comes again. */
	cr_assert(mkdir(folder, 0700) == 0 || errno == EEXIST);
	remove_recordings();
}

static void end(void)
{
	remove_recordings();
	rmdir(folder);
	cli_end();
}

TestSuite(record_why, .init = begin, .fini = end, .timeout = 120);

/* Starts a file so many seconds after noon. */
static void file_at(unsigned seconds)
{
	char path[160];
	int fd;

	snprintf(path, sizeof(path), "%s/%s.20260131T1200%02u.000Z.record", folder, region,
	         seconds);
	fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	cr_assert(fd >= 0 && recording_create(&writer, fd, region, NOON + seconds * SECOND) == 0);
}

static void group(enum recording_kind kind, uint64_t from, uint64_t version, unsigned seconds)
{
	const struct recording_begin first = {.kind = kind,
	                                      .region = {0x3f, 0x2a, 0x9c, 0x1e},
	                                      .from = from,
	                                      .version = version,
	                                      .time = NOON + seconds * SECOND};

	recording_append(&writer, FRAME_BEGIN, &first, sizeof(first), NULL, 0);
}

static void commit(uint64_t version, unsigned seconds, const char *command, const char *message)
{
	struct recording_commit record = {.version = version,
	                                  .time = NOON + seconds * SECOND,
	                                  .pid = 7,
	                                  .user = NOBODY,
	                                  .user_known = strcmp(command, "early") != 0};

	snprintf(record.command, sizeof(record.command), "%s", command);
	recording_append(&writer, FRAME_COMMIT, &record, sizeof(record), message, strlen(message));
}

static void table(enum recording_type type)
{
	const char *text = type == FRAME_TABLE ? "routes(prefix: ipv4net key, hop: u32)" : "routes";

	recording_append(&writer, type, text, strlen(text), NULL, 0);
}

/* Puts a route to 10.1.2.0 with this length. */
static void put(unsigned length, uint32_t hop, uint64_t version)
{
	static const uint8_t address[4] = {10, 1, 2, 0};
	const struct recording_put row = {.version = version, .value_size = 4, .key_bits = length};
	uint8_t key[4];

	memcpy(key, address, 4);
	if (length < 16)
		key[1] = 0;
	recording_append_row(&writer, &row, &hop, key);
}

static void drop(unsigned length)
{
	const struct recording_delete row = {.key_bits = length};

	recording_append(&writer, FRAME_DELETE, &row, sizeof(row), (const uint8_t[]){10, 1, 2, 0},
	                 (length + 7) / 8);
}

static void done(void)
{
	cr_assert(recording_end(&writer, 0) == 0);
}

static void subscriber(uint64_t applied, uint64_t seen, uint32_t pid, unsigned seconds)
{
	struct recording_subscriber is = {.time = NOON + seconds * SECOND,
	                                  .applied = applied,
	                                  .seen = seen,
	                                  .uuid = {(uint8_t)pid},
	                                  .command = "forward",
	                                  .pid = pid};

	recording_append(&writer, FRAME_SUBSCRIBER, &is, sizeof(is), "eth0", 4);
	cr_assert(recording_flush(&writer) == 0);
}

/* Says that there was no further version so many seconds after noon. */
static void idle(unsigned seconds)
{
	const struct recording_idle is = {.time = NOON + seconds * SECOND};

	recording_append(&writer, FRAME_IDLE, &is, sizeof(is), NULL, 0);
	cr_assert(recording_flush(&writer) == 0);
}

/* At 12:00:00 10/8, at :03 10.1/16, at :05 10.1.2/24, which goes at :12, in the second file. */
static void write_files(void)
{
	file_at(0);
	group(GROUP_SNAPSHOT, 0, 2, 0);
	commit(1, 0, "early", "first");
	commit(2, 0, "other", "second");
	table(FRAME_TABLE);
	put(8, 1, 1);
	done();
	subscriber(2, 2, 100, 1);
	subscriber(0, 2, 200, 1);
	group(GROUP_DELTA, 2, 3, 3);
	commit(3, 3, "bgpd", "third");
	table(FRAME_ROWS);
	put(16, 2, 3);
	done();
	subscriber(3, 3, 100, 4);
	group(GROUP_DELTA, 3, 4, 5);
	commit(4, 5, "ospfd", "fourth");
	table(FRAME_ROWS);
	put(24, 3, 4);
	done();
	recording_close(&writer);
	file_at(10);
	group(GROUP_SNAPSHOT, 0, 4, 5);
	table(FRAME_TABLE);
	put(8, 1, 1);
	put(16, 2, 3);
	put(24, 3, 4);
	done();
	group(GROUP_DELTA, 4, 5, 12);
	commit(5, 12, "ospfd", "fifth");
	table(FRAME_ROWS);
	drop(24);
	done();
	idle(20);
	recording_close(&writer);
}

static struct cli_result why(char *key, char *at)
{
	return STELE("why", target, key, "--from", folder, "--at", at, "-f", "ndjson");
}

/* Expects members of the answer, in their order. If the reason is known, so is all else, and there
 * is no note on standard error. */
static struct cli_result expect_why(char *at, const char *row, const char *lost, const char *reason,
                                    const char *commit_text, const char *before)
{
	struct cli_result result = why("10.1.2.3", at);
	char text[1024];

	EXPECT_STATUS(result, 0);
	snprintf(text, sizeof(text), "\"row\": %s, \"written\": \"", row);
	EXPECT_HAS(result.out, text);
	snprintf(text, sizeof(text),
	         "\"lost\": %s, \"reason\": %s, \"commit\": {%s}, \"before\": %s", lost, reason,
	         commit_text, before);
	EXPECT_HAS(result.out, text);
	return result;
}

static void expect_all(char *at, const char *row, const char *lost, const char *reason,
                       const char *commit_text, const char *before)
{
	EXPECT_TEXT(expect_why(at, row, lost, reason, commit_text, before).err, "");
}

#define UUID  "3f2a9c1e-0000-0000-0000-000000000000"
#define ROW8  "{\"prefix\": \"10.0.0.0/8\", \"hop\": 1}"
#define ROW16 "{\"prefix\": \"10.1.0.0/16\", \"hop\": 2}"
#define ROW24 "{\"prefix\": \"10.1.2.0/24\", \"hop\": 3}"
#define BY_USER(version, time, user, command, message) \
	"\"version\": \"" version "@" UUID "\", \"time\": \"2026-01-31T12:00:" time \
	"Z\", \"user\": " user ", \"by\": \"" command " (7)\", \"message\": \"" message "\""
#define BY(version, time, command, message) BY_USER(version, time, "\"4000123\"", command, message)
/* Of a version of the library that did not store the user. */
#define BY_EARLY BY_USER("1", "00", "null", "early", "first")

Test(record_why, the_answer_its_commit_and_the_answer_before)
{
	write_files();
	EXPECT_TEXT(
		expect_why("2026-01-31T12:00:02Z", ROW8, "[]", "null", BY_EARLY, "null").err,
		"stele: note: the answer is the same since version 2, the oldest that is known\n");
	expect_all("2026-01-31 12:00:03", ROW16, "[" ROW8 "]", "\"added\"",
	           BY("3", "03", "bgpd", "third"), ROW8);
	/* The next file begins with the version that was the last one at this time. */
	expect_all("2026-01-31T14:00:09+02:00", ROW24, "[" ROW16 ", " ROW8 "]", "\"added\"",
	           BY("4", "05", "ospfd", "fourth"), ROW16);
	/* The change is in the file before. */
	expect_all("2026-01-31T12:00:11Z", ROW24, "[" ROW16 ", " ROW8 "]", "\"added\"",
	           BY("4", "05", "ospfd", "fourth"), ROW16);
	/* The row is older than the removal that made it the answer. An idle frame is later. */
	expect_all("@1769860813", ROW16, "[" ROW8 "]", "\"removed\"",
	           BY("5", "12", "ospfd", "fifth"), ROW24);
}

Test(record_why, what_subscribers_had_applied_by_then)
{
	struct cli_result result;

	write_files();
	result = why("10.1.2.3", "2026-01-31T12:00:03.5Z");
	EXPECT_HAS(result.out, "\"subscribers\": [{\"process\": \"forward (100)\", \"label\": "
	                       "\"eth0\", \"version\": 2, \"state\": \"behind\"}, {\"process\": "
	                       "\"forward (200)\", \"label\": \"eth0\", \"version\": 2, "
	                       "\"state\": \"behind\"}]");
	result = why("10.1.2.3", "2026-01-31T12:00:04Z");
	EXPECT_HAS(result.out, "\"version\": 3, \"state\": \"applied\"}, {");
	result = why("10.1.2.3", "2026-01-31T12:00:02Z");
	EXPECT_HAS(result.out, "\"version\": 2, \"state\": \"seen\"}]");
}

Test(record_why, what_is_not_known_is_said)
{
	write_files();
	EXPECT_HAS(why("10.1.2.3", "2026-01-31T12:00:02Z").err,
	           "the answer is the same since version 2");
	EXPECT_HAS(why("10.1.2.3", "2026-01-31T13:00:00Z").err,
	           "nothing is known of the time after 2026-01-31T12:00:20Z");
	EXPECT_FAILURE(why("10.1.2.3", "2026-01-31T11:59:59Z"), 3,
	               "no recording of 2026-01-31T11:59:59Z: the first one begins at "
	               "2026-01-31T12:00:00Z");
	cr_expect(why("11.1.2.3", "2026-01-31T12:00:02Z").status == 1);
	EXPECT_FAILURE(why("x", "2026-01-31T12:00:02Z"), 2, "\"x\" is no key");
	EXPECT_FAILURE(why("10.1.2.3", "soon"), 2, "--at: invalid value \"soon\"");
}

Test(record_why, versions_that_were_recorded_as_one)
{
	file_at(0);
	group(GROUP_SNAPSHOT, 0, 2, 0);
	table(FRAME_TABLE);
	put(8, 1, 1);
	put(16, 2, 2);
	done();
	group(GROUP_DELTA, 2, 7, 5);
	commit(7, 5, "bgpd", "seventh");
	table(FRAME_ROWS);
	drop(16);
	done();
	group(GROUP_DELTA, 7, 9, 6);
	commit(9, 6, "bgpd", "ninth");
	table(FRAME_ROWS);
	put(24, 3, 8);
	done();
	recording_close(&writer);
	EXPECT_HAS(why("10.1.2.3", "2026-01-31T12:00:05Z").err,
	           "in one of the versions 3 to 7, which were recorded as one");
	EXPECT_HAS(why("10.1.2.3", "2026-01-31T12:00:05Z").out,
	           "\"commit\": null, \"before\": " ROW16);
	/* The row says which version wrote it, whose commit is not known. */
	EXPECT_HAS(why("10.1.2.3", "2026-01-31T12:00:06Z").out,
	           "\"commit\": {\"version\": \"8@" UUID "\", \"time\": null, \"user\": null, "
	           "\"by\": null, \"message\": null}, \"before\": " ROW8);
}

Test(record_why, what_happened_between_two_recorders_and_with_a_removed_region)
{
	struct recording_gone gone = {.time = NOON + 22 * SECOND};

	file_at(0);
	group(GROUP_SNAPSHOT, 0, 2, 0);
	table(FRAME_TABLE);
	put(8, 1, 1);
	done();
	recording_close(&writer);
	file_at(20);
	group(GROUP_SNAPSHOT, 0, 9, 15);
	commit(6, 12, "bgpd", "sixth");
	commit(9, 15, "bgpd", "ninth");
	table(FRAME_TABLE);
	put(8, 1, 1);
	put(16, 2, 6);
	done();
	memcpy(gone.region, uuid, sizeof(uuid));
	recording_append(&writer, FRAME_GONE, &gone, sizeof(gone), NULL, 0);
	cr_assert(recording_flush(&writer) == 0);
	recording_close(&writer);
	EXPECT_TEXT(
		expect_why("2026-01-31T12:00:21Z", ROW16, "[" ROW8 "]", "\"added\"",
	                   BY("6", "12", "bgpd", "sixth"), ROW8)
			.err,
		"stele: note: the answer changed after version 2, while nothing was recorded\n");
	cr_expect(why("10.1.2.3", "2026-01-31T12:00:23Z").status == 1);
	EXPECT_HAS(why("10.1.2.3", "2026-01-31T12:00:23Z").err,
	           "the region was removed at 2026-01-31T12:00:22Z");
}

/* A version that has no end did not happen. */
Test(record_why, half_a_version_does_not_count)
{
	file_at(0);
	group(GROUP_SNAPSHOT, 0, 2, 0);
	table(FRAME_TABLE);
	put(8, 1, 1);
	done();
	group(GROUP_DELTA, 2, 3, 3);
	commit(3, 3, "bgpd", "third");
	table(FRAME_ROWS);
	put(16, 2, 3);
	cr_assert(recording_flush(&writer) == 0);
	recording_close(&writer);
	EXPECT_HAS(why("10.1.2.3", "2026-01-31T12:00:09Z").out,
	           "\"version\": \"2@" UUID "\", \"row\": " ROW8);
	EXPECT_STATUS(why("10.1.2.3", "2026-01-31T12:00:09Z"), 0);
	EXPECT_HAS(why("10.1.2.3", "2026-01-31T12:00:09Z").err,
	           "ends inside of a version; used up to the version before");
}

/* A snapshot takes the place of a delta if the publisher has reclaimed the version before. */
Test(record_why, a_snapshot_after_a_version_says_between_which_the_answer_changed)
{
	file_at(0);
	group(GROUP_SNAPSHOT, 0, 5, 0);
	table(FRAME_TABLE);
	put(8, 1, 1);
	put(16, 2, 2);
	done();
	group(GROUP_SNAPSHOT, 0, 9, 5);
	table(FRAME_TABLE);
	put(8, 1, 1);
	done();
	recording_close(&writer);
	EXPECT_HAS(why("10.1.2.3", "2026-01-31T12:00:05Z").err,
	           "in one of the versions 6 to 9, which were recorded as one");
}

Test(record_why, a_recording_of_another_region_is_refused)
{
	char file[160], other[80];

	write_files();
	snprintf(file, sizeof(file), "%s/%s.20260131T120000.000Z.record", folder, region);
	snprintf(other, sizeof(other), "%sx/routes", region);
	EXPECT_FAILURE(STELE("why", other, "10.1.2.3", "--from", file), 2,
	               "is a recording of region", region);
	/* One file is read alone. */
	EXPECT_HAS(STELE("why", target, "10.1.2.3", "--from", file).err,
	           "nothing is known of the time after 2026-01-31T12:00:05Z");
}

/* Wrong bytes may hide versions; a file that is cut is what a killed recorder leaves. */
Test(record_why, a_damaged_recording_is_an_error)
{
	struct cli_result result;
	char file[160], byte;
	int fd;

	write_files();
	snprintf(file, sizeof(file), "%s/%s.20260131T120010.000Z.record", folder, region);
	fd = open(file, O_RDWR | O_CLOEXEC);
	cr_assert(pread(fd, &byte, 1, 500) == 1);
	byte ^= 1;
	cr_assert(pwrite(fd, &byte, 1, 500) == 1);
	close(fd);
	result = why("10.1.2.3", "2026-01-31T12:00:13Z");
	EXPECT_STATUS(result, 7);
	EXPECT_HAS(result.err, "damaged at byte ");
	EXPECT_HAS(result.out, "\"row\": " ROW24);
}

static struct cli_result why_flag(void)
{
	char flags[80];

	snprintf(flags, sizeof(flags), "%s/flags", region);
	return STELE("why", flags, "dark", "--from", folder);
}

/* A change of the table is not one of the row. */
Test(record_why, what_changed_is_said)
{
	struct cli_process recorder;
	struct cli_result result;
	char flags[80];

	snprintf(flags, sizeof(flags), "%s/flags", region);
	EXPECT_STATUS(STELE("create", region, "--table", "flags(name: text key, on: bool)"), 0);
	STELE_START(&recorder, "record", region, "--to", folder);
	EXPECT_HAS(cli_line(&recorder), ": recording to ");
	EXPECT_STATUS(STELE("set", flags, "dark", "on=true"), 0);
	EXPECT_HAS(why_flag().out, "reason   the row was added");
	EXPECT_STATUS(STELE("set", flags, "dark", "on=false"), 0);
	EXPECT_HAS(why_flag().out, "reason   the row was changed");
	EXPECT_STATUS(STELE("alter", flags, "--add", "zone: u8"), 0);
	EXPECT_HAS(why_flag().out, "reason   the table has another schema");
	EXPECT_STATUS(STELE("delete", flags, "dark"), 0);
	EXPECT_HAS(why_flag().out, "row      no row");
	EXPECT_HAS(why_flag().out, "reason   the row was removed");
	EXPECT_STATUS(STELE("set", flags, "dark", "on=true", "zone=1"), 0);
	EXPECT_STATUS(STELE("drop", flags), 0);
	result = why_flag();
	EXPECT_STATUS(result, 1);
	EXPECT_HAS(result.out, "reason   the table was dropped");
	EXPECT_STATUS(STELE("rm", region), 0);
	/* The recorder has noticed it. */
	for (int i = 0; i < CLI_PATIENCE / 10 && lseek(recorder.err, 0, SEEK_END) == 0; i++)
		usleep(10000);
	EXPECT_HAS(why_flag().err, "the region was removed at ");
	cr_expect(!strstr(why_flag().err, "nothing is known"), "%s", why_flag().err);
	kill(recorder.pid, SIGTERM);
	cr_expect(cli_wait(&recorder) == 0);
}

/* A search for each of the frames of a hostile file would take time for each pair. */
Test(record_why, no_more_subscribers_than_a_region_can_have)
{
	struct recording_subscriber is = {.time = NOON + SECOND, .applied = 2, .command = "x"};
	struct cli_result result;
	int count = 0;

	file_at(0);
	group(GROUP_SNAPSHOT, 0, 2, 0);
	table(FRAME_TABLE);
	put(8, 1, 1);
	done();
	for (uint32_t i = 0; i < 6000; i++) {
		memcpy(is.uuid, &i, sizeof(i));
		recording_append(&writer, FRAME_SUBSCRIBER, &is, sizeof(is), "", 0);
	}
	idle(3);
	recording_close(&writer);
	result = why("10.1.2.3", "2026-01-31T12:00:02Z");
	for (const char *at = result.out; (at = strstr(at, "\"process\"")) != NULL; at++)
		count++;
	cr_expect(count == 4096, "%d subscribers", count);
}

/* The recorder has ended, and the region lives on: it has the later versions. */
Test(record_why, the_region_goes_on_where_the_recordings_end)
{
	struct cli_process recorder;
	struct cli_result result;

	EXPECT_STATUS(STELE("create", region, "--table", ROUTES), 0);
	STELE_START(&recorder, "record", region, "--to", folder);
	EXPECT_HAS(cli_line(&recorder), ": recording to ");
	kill(recorder.pid, SIGTERM);
	cr_expect(cli_wait(&recorder) == 0);
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "next_hop=192.0.2.1", "interface=a",
	                    "metric=1", "-m", "later"),
	              0);
	result = STELE("why", target, "10.1.2.3", "--from", folder);
	EXPECT_STATUS(result, 0);
	EXPECT_TEXT(result.err, "");
	EXPECT_HAS(result.out, "message=later");
	EXPECT_HAS(result.out, "the row was added, where no row matched");
	/* So does the next region of the name. */
	EXPECT_STATUS(STELE("rm", region), 0);
	EXPECT_HAS(STELE("why", target, "10.1.2.3", "--from", folder).err,
	           "nothing is known of the time after ");
	EXPECT_STATUS(STELE("create", region, "--table", ROUTES), 0);
	EXPECT_STATUS(STELE("set", target, "10.1.0.0/16", "next_hop=192.0.2.1", "interface=a",
	                    "metric=1", "-m", "again"),
	              0);
	result = STELE("why", target, "10.1.2.3", "--from", folder);
	EXPECT_STATUS(result, 0);
	EXPECT_HAS(result.out, "message=again");
}

Test(record_why, history_tells_the_same_without_a_recording)
{
	struct cli_result result;

	EXPECT_STATUS(STELE("create", region, "--table", ROUTES), 0);
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "next_hop=192.0.2.1", "interface=a",
	                    "metric=1", "-m", "wide"),
	              0);
	EXPECT_STATUS(STELE("set", target, "10.1.0.0/16", "next_hop=192.0.2.1", "interface=a",
	                    "metric=2", "-m", "narrow"),
	              0);
	EXPECT_STATUS(
		STELE("set", target, "11.0.0.0/8", "next_hop=192.0.2.1", "interface=a", "metric=1"),
		0);
	result = STELE("why", target, "10.1.2.3");
	EXPECT_STATUS(result, 0);
	EXPECT_TEXT(result.err, "");
	/* There is no later version, so this one is the answer up to now. */
	EXPECT_TEXT(STELE("why", target, "10.1.2.3", "--at", "now").err, "");
	EXPECT_HAS(result.out, "\nrow      prefix=10.1.0.0/16 ");
	EXPECT_HAS(result.out, "message=narrow");
	EXPECT_HAS(result.out, "before   prefix=10.0.0.0/8 ");
	EXPECT_FAILURE(STELE("why", target, "10.1.2.3", "--at", "2001-01-01"), 3,
	               "history does not reach back");
	EXPECT_STATUS(STELE("delete", target, "10.1.0.0/16", "-m", "away"), 0);
	EXPECT_HAS(STELE("why", target, "10.1.2.3").out, "message=away");
}

/* Replays both files. Returns the number of milliseconds that it took. */
static long replay(char *option, char *value, const char *out)
{
	char paths[2][160], trial[64], line[128];
	struct timespec from, to;
	struct cli_result result;

	snprintf(trial, sizeof(trial), "%st", region);
	for (int i = 0; i < 2; i++)
		snprintf(paths[i], sizeof(paths[i]), "%s/%s.20260131T1200%d0.000Z.record", folder,
		         region, i);
	snprintf(line, sizeof(line), "%s: %s\n", trial, out);
	clock_gettime(CLOCK_MONOTONIC, &from);
	result = STELE("replay", paths[0], paths[1], "--into", trial, option, value);
	clock_gettime(CLOCK_MONOTONIC, &to);
	expect_done(result, line);
	EXPECT_HAS(STELE("log", trial).out,
	           "3@3f2a9c1e of 2026-01-31T12:00:03Z by bgpd (7) of 4000123: third");
	STELE("rm", trial);
	return (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
}

Test(record_why, a_replay_ends_before_the_first_later_version)
{
	write_files();
	replay("--until", "2026-01-31T12:00:03Z", "2 versions replayed");
	replay("--until", "2026-01-31T12:00:11Z", "3 versions replayed");
	replay("--until", "now", "4 versions replayed");
}

/* The versions are twelve seconds apart. The only clock is a lower bound: a machine that is slow,
 * or stands still, takes longer and never less. */
Test(record_why, a_replay_takes_as_long_as_speed_says)
{
	long took;

	write_files();
	took = replay("--speed", "20", "4 versions replayed");
	cr_expect(took >= 590, "%ld ms", took);
}
