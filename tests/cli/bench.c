/* SPDX-License-Identifier: MIT
 *
 * stele bench notify: what it prints, and that it leaves nothing behind. The tests do not check the
 * times. */
#include <jansson.h>
#include <mqueue.h>
#include <sys/resource.h>
#include <sys/msg.h>
#include "tests/support/cli.h"
#include "lib/layout.h"
#include "lib/storage/paths.h"

TestSuite(cli_bench, .timeout = 280);

static const char *const ways[] = {
	"mq", "futex", "socket", "fifo", "signal", "semaphore", "sysv", "spin", "thread",
};
enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

/* ---- checks of the output ---- */

static json_t *next_object(const char **at)
{
	size_t length = strcspn(*at, "\n");
	json_error_t error;
	json_t *object = json_loadb(*at, length, 0, &error);

	cr_assert(object && json_is_object(object), "%s in: %.*s", error.text, (int)length, *at);
	*at += length + ((*at)[length] == '\n');
	return object;
}

static const char *text_of(const json_t *object, const char *name)
{
	const json_t *member = json_object_get(object, name);

	cr_assert(json_is_string(member), "no text %s", name);
	return json_string_value(member);
}

/* Returns a number of the object, or -1 for null. */
static double figure_of(const json_t *object, const char *name)
{
	const json_t *member = json_object_get(object, name);

	cr_assert(member, "no member %s", name);
	cr_assert(json_is_number(member) || json_is_null(member), "%s is no number", name);
	return json_is_null(member) ? -1 : json_number_value(member);
}

/* Checks that percentiles rise, and that every row without a reason has figures. */
static void check_latency(const json_t *row)
{
	static const char *const always[] = {"p50_us", "max_us",  "commit_us", "by_hand_us",
	                                     "ratio",  "bare_us", "send_us"};
	static const char *const others[] = {
		"line_us",        "after_commit_us",   "by_hand_p99_us",
		"by_hand_max_us", "by_hand_commit_us", "bare_p99_us",
		"bare_max_us",    "publisher_core",    "reader_core",
	};
	bool there = !*text_of(row, "reason");
	double p50 = figure_of(row, "p50_us"), p99 = figure_of(row, "p99_us"),
	       p99_9 = figure_of(row, "p99_9_us"), most = figure_of(row, "max_us");

	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		cr_expect((figure_of(row, always[i]) > 0) == there, "%s: %s is %g",
		          text_of(row, "notifier"), always[i], figure_of(row, always[i]));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		figure_of(row, others[i]);
	cr_expect(json_is_boolean(json_object_get(row, "kept_awake")));
	cr_expect(p50 <= most && (p99 < 0 || (p50 <= p99 && p99 <= most)) &&
	                  (p99_9 < 0 || (p99 <= p99_9 && p99_9 <= most)),
	          "%s: %g, %g, %g, %g", text_of(row, "notifier"), p50, p99, p99_9, most);
}

static bool is_always_there(const char *notifier)
{
	return strcmp(notifier, "futex") == 0 || strcmp(notifier, "spin") == 0;
}

/* ---- objects that could be left behind ---- */

/* Returns whether the process was the last sender to a System V queue. Such queues have no names by
 * which the command's own could be found. */
static bool sent_to_a_sysv_queue(pid_t pid)
{
	struct msqid_ds queue;
	struct msginfo info;
	int highest = msgctl(0, MSG_INFO, (struct msqid_ds *)(void *)&info);

	for (int i = 0; i <= highest; i++)
		if (msgctl(i, MSG_STAT, &queue) >= 0 && queue.msg_lspid == pid)
			return true;
	return false;
}

static bool has_files(pid_t pid)
{
	char pattern[64];
	glob_t found;
	bool has;

	snprintf(pattern, sizeof(pattern), "/dev/shm/stele.bench-%d*", (int)pid);
	has = glob(pattern, 0, NULL, &found) == 0;
	globfree(&found);
	return has;
}

static bool has_queue(const char *name)
{
	mqd_t queue = mq_open(name, O_RDONLY | O_CLOEXEC);

	if (queue >= 0)
		mq_close(queue);
	return queue >= 0;
}

/* Finds the queue of one of the command's subscribers, once one is blocked. */
static bool blocked_queue(pid_t pid, char name[NAMES_QUEUE_SIZE])
{
	struct layout_slot slot;
	char path[64], bench[32];
	ssize_t got;
	int fd;

	snprintf(bench, sizeof(bench), "bench-%d", (int)pid);
	snprintf(path, sizeof(path), "/dev/shm/stele.%s.subscribers", bench);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	got = fd < 0 ? -1
	             : pread(fd, &slot, sizeof(slot), sizeof(struct layout_subscribers_header));
	if (fd >= 0)
		close(fd);
	if (got != sizeof(slot) || slot.state != LAYOUT_SLOT_TAKEN || slot.ticket % 2 == 0 ||
	    slot.notifier != LAYOUT_NOTIFIER_MQ)
		return false;
	paths_queue(bench, slot.uuid, name);
	return true;
}

#define UNTIL(condition_) \
	do { \
		struct timespec tick_ = {.tv_nsec = 100000}; \
		time_t until_ = time(NULL) + CLI_PATIENCE / 1000; \
		while (!(condition_)) { \
			cr_assert(time(NULL) < until_, "not in time: " #condition_); \
			nanosleep(&tick_, NULL); \
		} \
	} while (0)

/* ---- tests ---- */

Test(cli_bench, every_mechanism_has_a_row_or_a_reason)
{
	struct cli_result result = STELE("bench", "notify", "--count", "1", "--format", "ndjson");
	const char *at = result.out;

	EXPECT_STATUS(result, 0);
	EXPECT_TEXT(result.err, "");
	for (int i = 0; i < WAYS; i++) {
		json_t *row = next_object(&at);

		cr_expect(strcmp(text_of(row, "notifier"), ways[i]) == 0, "%s, not %s",
		          text_of(row, "notifier"), ways[i]);
		check_latency(row);
		if (is_always_there(ways[i]))
			cr_expect(!*text_of(row, "reason") && figure_of(row, "samples") == 200,
			          "%s: %s", ways[i], text_of(row, "reason"));
		/* With 200 samples, two lie above p99: too few to mean anything. */
		cr_expect(figure_of(row, "p99_us") == -1 && figure_of(row, "p99_9_us") == -1);
		json_decref(row);
	}
	EXPECT_TEXT(at, "");
}

Test(cli_bench, no_available_mechanism_is_reported_by_the_status)
{
	const struct rlimit none = {0, 0};
	struct cli_result result;

	cr_assert_eq(setrlimit(RLIMIT_MSGQUEUE, &none), 0);
	result = STELE("bench", "notify", "--count", "1", "--notifier", "mq", "--format", "ndjson");
	cr_expect_eq(result.status, 1);
	cr_expect(strstr(result.out, "\"reason\": \"cannot open the mechanism: "), "%s",
	          result.out);
	EXPECT_STATUS(STELE("bench", "notify", "--count", "1", "--notifier", "mq,futex"), 0);
}

Test(cli_bench, a_percentile_needs_ten_samples_above_it)
{
	struct cli_result result = STELE("bench", "notify", "--count", "5", "--notifier", "futex",
	                                 "--format", "ndjson");
	const char *at = result.out;
	json_t *row;

	EXPECT_STATUS(result, 0);
	row = next_object(&at);
	check_latency(row);
	cr_expect(figure_of(row, "samples") == 1000 && figure_of(row, "p99_us") > 0 &&
	          figure_of(row, "p99_9_us") == -1);
	json_decref(row);
	EXPECT_TEXT(at, "");
}

Test(cli_bench, many_subscribers_are_measured)
{
	struct cli_result result = STELE("bench", "notify", "--subscribers", "8", "--count", "1",
	                                 "--notifier", "futex,auto", "--format", "ndjson");
	const char *at = result.out;
	json_t *row;

	EXPECT_STATUS(result, 0);
	row = next_object(&at);
	cr_expect(strcmp(text_of(row, "notifier"), "futex") == 0 && !*text_of(row, "reason"));
	cr_expect(figure_of(row, "subscribers") == 8 && figure_of(row, "commit_us") > 0 &&
	          figure_of(row, "behind_us") > 0 && figure_of(row, "bare_us") > 0 &&
	          figure_of(row, "ratio") > 0);
	json_decref(row);
	row = next_object(&at);
	cr_expect(strcmp(text_of(row, "notifier"), "auto") == 0 &&
	          figure_of(row, "commit_us") > 0 && figure_of(row, "bare_us") == -1);
	json_decref(row);
	EXPECT_TEXT(at, "");
}

Test(cli_bench, a_table_names_the_cores_of_the_measurement)
{
	struct cli_result result = STELE("bench", "notify", "--count", "1", "--notifier", "futex");

	EXPECT_STATUS(result, 0);
	EXPECT_HAS(result.out, "publisher on core ");
	EXPECT_HAS(result.out, "idle cores ");
	EXPECT_HAS(result.out, "\nfutex ");
	EXPECT_HAS_NOT(result.out, "\nmq ");
}

Test(cli_bench, nothing_is_left_behind)
{
	struct cli_process process;

	STELE_START(&process, "bench", "notify", "--count", "1", "--format", "ndjson");
	while (*cli_line(&process))
		;
	cr_expect(cli_wait(&process) == 0);
	cr_expect(!has_files(process.pid), "a region is there");
	cr_expect(!sent_to_a_sysv_queue(process.pid), "a System V queue is there");
}

Test(cli_bench, a_signal_in_the_middle_leaves_nothing_behind)
{
	char name[NAMES_QUEUE_SIZE];
	struct cli_process process;

	STELE_START(&process, "bench", "notify", "--count", "2000", "--notifier", "mq");
	UNTIL(blocked_queue(process.pid, name));
	cr_expect(has_queue(name));
	kill(process.pid, SIGINT);
	cr_expect(cli_wait(&process) == 8);
	EXPECT_HAS(cli_read_all(process.err), "stopped by a signal");
	cr_expect(!has_files(process.pid), "a region is there");
	cr_expect(!has_queue(name), "%s is there", name);

	/* A signal also ends a run with many subscribers, which alternates with the bare
	 * mechanism. */
	STELE_START(&process, "bench", "notify", "--count", "2000", "--notifier", "sysv,futex",
	            "--subscribers", "8");
	UNTIL(sent_to_a_sysv_queue(process.pid) || has_files(process.pid));
	kill(process.pid, SIGINT);
	cr_expect(cli_wait(&process) == 8);
	cr_expect(!has_files(process.pid), "a region is there");
	cr_expect(!sent_to_a_sysv_queue(process.pid), "a System V queue is there");
}

Test(cli_bench, wrong_arguments_are_refused)
{
	EXPECT_FAILURE(STELE("bench"), 2, "notify");
	EXPECT_FAILURE(STELE("bench", "disk"), 2, "notify");
	EXPECT_FAILURE(STELE("bench", "notify", "--notifier", "mq,pigeon"), 2, "pigeon");
	EXPECT_FAILURE(STELE("bench", "notify", "--cores", "1"), 2, "--cores");
	EXPECT_FAILURE(STELE("bench", "notify", "--cores", "0,99999"), 2, "99999");
	EXPECT_FAILURE(STELE("bench", "notify", "--count", "0"), 2, "--count");
	EXPECT_FAILURE(STELE("bench", "notify", "--notifier", "spin", "--subscribers", "2"), 2,
	               "spins");
}
