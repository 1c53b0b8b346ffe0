/* SPDX-License-Identifier: MIT
 *
 * Tests with several real processes. Each test has a region of its own, named by its pid, and memory that its
 * processes share; a process beside the test removes what is left once the test has ended, however it did.
 *
 * CHECK and OK work in the test and in the processes it spawned: there they print and end the process, which
 * ipc_join() then finds. Waiting is always for a condition, and ends with a failure after IPC_PATIENCE.
 */
#ifndef TESTS_SUPPORT_IPC_H
#define TESTS_SUPPORT_IPC_H

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <stele/stele.h>

#include "lib/layout.h"
#include "notifier/notifier.h"

#ifdef NDEBUG
#error "tests need their assertions"
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IPC_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IPC_SANITIZED 1
#endif
#endif
#ifndef IPC_SANITIZED
#define IPC_SANITIZED 0
#endif

#define MILLISECOND  INT64_C(1000000)
#define SECOND       INT64_C(1000000000)
#define IPC_PATIENCE (60 * SECOND)
#define IPC_NOBODY   65534u

/* What the processes of a test share; zero at its start. */
struct ipc_shared {
	uint32_t stage[33];  /* the last: the process in namespaces of its own has ended */
	uint64_t number[33]; /* ... its pid */
	int segments[4]; /* System V segments that the test made itself: each one's shmid and 1 */
};

static char region[32], other_region[32];
static struct ipc_shared *shared;
static bool ipc_spawned; /* this is not the test's own process */
static pid_t ipc_pids[128];
static unsigned ipc_pid_count;
static int ipc_pipe = -1;

static inline int64_t ipc_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

/* ---- judging ---- */

static inline void __attribute__((format(printf, 3, 4)))
ipc_fail(int line, const char *condition, const char *format, ...)
{
	char text[1024];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	if (ipc_spawned) {
		fprintf(stderr, "process %d, line %d: %s: %s\n", (int)getpid(), line, condition,
		        text);
		_exit(1);
	}
	cr_assert(false, "line %d: %s: %s", line, condition, text);
}

#define CHECK(condition_, ...) \
	do { \
		if (!(condition_)) \
			ipc_fail(__LINE__, #condition_, __VA_ARGS__); \
	} while (0)
/* A call of the library that must succeed. */
#define OK(call_) \
	do { \
		int ok_ = (int)(call_); \
		if (ok_ < 0) \
			ipc_fail(__LINE__, #call_, "%d (%s)", ok_, stele_last_error()); \
	} while (0)
/* ... that must return this; where that is an error, with a sentence that has this part. */
#define RETURNS(call_, value_, part_) \
	do { \
		int is_ = (int)(call_), want_ = (value_); \
		if (is_ != want_) \
			ipc_fail(__LINE__, #call_, "%d, not %d (%s)", is_, want_, \
			         stele_last_error()); \
		if (want_ < 0 && !strstr(stele_last_error(), part_)) \
			ipc_fail(__LINE__, #call_, "no \"%s\" in: %s", part_, stele_last_error()); \
	} while (0)
/* Waits until the condition holds. */
#define UNTIL(condition_) \
	do { \
		int64_t until_ = ipc_now() + IPC_PATIENCE; \
		while (!(condition_)) { \
			if (ipc_now() > until_) \
				ipc_fail(__LINE__, #condition_, "not within %d s", \
				         (int)(IPC_PATIENCE / SECOND)); \
			sched_yield(); \
		} \
	} while (0)

/* ---- stages: numbers that only rise ---- */

static inline void ipc_reach(unsigned which, uint32_t stage)
{
	__atomic_store_n(&shared->stage[which], stage, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &shared->stage[which], FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

static inline uint32_t ipc_stage(unsigned which)
{
	return __atomic_load_n(&shared->stage[which], __ATOMIC_SEQ_CST);
}

static inline void ipc_await(unsigned which, uint32_t stage)
{
	int64_t until = ipc_now() + IPC_PATIENCE;
	uint32_t now;

	while ((now = ipc_stage(which)) < stage) {
		struct timespec slice = {.tv_sec = 1};
		CHECK(ipc_now() < until, "stage %u of %u was not reached, only %u", stage, which,
		      now);
		syscall(SYS_futex, &shared->stage[which], FUTEX_WAIT, now, &slice, NULL, 0);
	}
}

/* Numbers that a process tells the others. */
static inline void ipc_tell(unsigned which, uint64_t number)
{
	__atomic_store_n(&shared->number[which], number, __ATOMIC_SEQ_CST);
}

static inline uint64_t ipc_told(unsigned which)
{
	return __atomic_load_n(&shared->number[which], __ATOMIC_SEQ_CST);
}

/* ---- processes ---- */

/* Runs `work` in a process of its own, which dies with the test. */
static inline pid_t ipc_spawn(void (*work)(unsigned), unsigned argument)
{
	pid_t parent = getpid(), pid = fork();

	CHECK(pid >= 0, "%s", strerror(errno));
	if (pid == 0) {
		ipc_spawned = true;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		/* It keeps its end of the pipe: what it leaves is removed once it is dead, too. */
		ipc_pid_count = 0;
		work(argument);
		_exit(0);
	}
	for (unsigned i = 0; i < ipc_pid_count; i++)
		if (ipc_pids[i] == 0) {
			ipc_pids[i] = pid;
			return pid;
		}
	CHECK(ipc_pid_count < sizeof(ipc_pids) / sizeof(ipc_pids[0]), "too many processes");
	ipc_pids[ipc_pid_count++] = pid;
	return pid;
}

/* Waits for a process's end; its status as of waitpid(2). */
static inline int ipc_reap(pid_t pid)
{
	int status = -1, pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd pollfd = {.fd = pidfd, .events = POLLIN};
	int64_t until = ipc_now() + IPC_PATIENCE;

	CHECK(pidfd >= 0, "%s", strerror(errno));
	while (poll(&pollfd, 1, 1000) != 1)
		CHECK(ipc_now() < until, "process %d does not end", (int)pid);
	close(pidfd);
	CHECK(waitpid(pid, &status, 0) == pid, "%s", strerror(errno));
	for (unsigned i = 0; i < ipc_pid_count; i++)
		if (ipc_pids[i] == pid)
			ipc_pids[i] = 0;
	return status;
}

static inline void ipc_join(pid_t pid)
{
	int status = ipc_reap(pid);

	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "process %d ended with status 0x%x",
	      (int)pid, status);
}

static inline void ipc_kill(pid_t pid)
{
	kill(pid, SIGKILL);
	ipc_reap(pid);
}

/* ---- a process in namespaces of its own, one at a time ---- */

enum { IPC_INNER = 32 };
static int ipc_inner_namespaces;
static void (*ipc_inner_work)(unsigned);

/* Makes the namespaces, of which its child is the first process, and tells when that is dead. */
static inline void ipc_parent_of_inner(unsigned argument)
{
	pid_t pid;

	CHECK(unshare(ipc_inner_namespaces) == 0, "%s", strerror(errno));
	pid = fork();
	CHECK(pid >= 0, "%s", strerror(errno));
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		ipc_inner_work(argument);
		_exit(0);
	}
	ipc_tell(IPC_INNER, (uint64_t)pid);
	waitpid(pid, NULL, 0);
	ipc_reach(IPC_INNER, 1);
	pause();
}

/* Runs `work` in new namespaces (CLONE_NEWPID...); its pid out here. */
static inline pid_t ipc_spawn_inner(int namespaces, void (*work)(unsigned))
{
	ipc_inner_namespaces = namespaces;
	ipc_inner_work = work;
	ipc_tell(IPC_INNER, 0);
	ipc_reach(IPC_INNER, 0);
	ipc_spawn(ipc_parent_of_inner, 0);
	UNTIL(ipc_told(IPC_INNER) != 0);
	return (pid_t)ipc_told(IPC_INNER);
}

/* Waits until it has ended. */
static inline void ipc_join_inner(void)
{
	ipc_await(IPC_INNER, 1);
}

static inline void ipc_kill_inner(pid_t pid)
{
	kill(pid, SIGKILL);
	ipc_join_inner();
}

/* ---- what the system says of a process ---- */

/* Whether a process is in this state ('S' asleep, 'T' stopped). */
static inline bool ipc_is(pid_t pid, char state)
{
	char path[40], text[256], *end;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "r");
	if (!file)
		return false;
	end = fgets(text, sizeof(text), file) ? strrchr(text, ')') : NULL;
	fclose(file);
	return end && end[2] == state;
}

/* Descriptors that this process has open. */
static inline unsigned ipc_descriptors(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* Who waits from here on, in this process or one that it spawns, does not look by itself every second: what ends a wait is a
 * notice, so that it ends proves the notice. One that is lost is a wait without end, and no clock is asked. Called before this
 * process has subscribers, as one may have a thread that looks at it. */
static inline void ipc_only_notices(void)
{
	notifier_slice = 3600 * SECOND;
}

/* ---- the test's region ---- */

static inline void ipc_path(char path[128], const char *suffix)
{
	snprintf(path, 128, "/dev/shm/stele.%s%s", region, suffix);
}

static inline void ipc_unlink_all(const char *pattern)
{
	glob_t left;

	if (glob(pattern, 0, NULL, &left) == 0)
		for (size_t i = 0; i < left.gl_pathc; i++)
			if (unlink(left.gl_pathv[i]) < 0)
				rmdir(left.gl_pathv[i]);
	globfree(&left);
}

static inline void ipc_clean_after(int pipe_end)
{
	char pattern[128], byte;
	int64_t until;

	while (read(pipe_end, &byte, 1) < 0 && errno == EINTR)
		;
	/* The test and its processes are dead. */
	until = ipc_now() + 10 * SECOND;
	while (stele_region_remove(region) == -EBUSY && ipc_now() < until)
		sched_yield();
	while (stele_region_remove(other_region) == -EBUSY && ipc_now() < until)
		sched_yield();
	ipc_path(pattern, "*");
	ipc_unlink_all(pattern);
	/* Of subscribers that were dying still when the region was removed. */
	snprintf(pattern, sizeof(pattern), "/dev/mqueue/stele.%s*", region);
	ipc_unlink_all(pattern);
	for (unsigned i = 0; i < sizeof(shared->segments) / sizeof(shared->segments[0]); i++)
		if (shared->segments[i] != 0)
			shmctl(shared->segments[i] - 1, IPC_RMID, NULL);
	_exit(0);
}

static inline void ipc_begin(void)
{
	int pipes[2], nowhere;
	pid_t pid;

	snprintf(region, sizeof(region), "ipc%d-t", (int)getpid());
	snprintf(other_region, sizeof(other_region), "ipc%d-t2", (int)getpid());
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	              0);
	cr_assert(shared != MAP_FAILED && pipe2(pipes, O_CLOEXEC) == 0);
	pid = fork();
	cr_assert(pid >= 0);
	if (pid == 0) {
		nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
		for (int fd = 0; fd < 3; fd++)
			dup2(nowhere, fd);
		dup2(pipes[0], 3);
		close_range(4, ~0u, 0);
		setsid();
		ipc_clean_after(3);
	}
	close(pipes[0]);
	ipc_pipe = pipes[1];
}

static inline void ipc_end(void)
{
	for (unsigned i = 0; i < ipc_pid_count; i++)
		if (ipc_pids[i] > 0) {
			kill(ipc_pids[i], SIGKILL);
			waitpid(ipc_pids[i], NULL, 0);
		}
	stele_region_remove(region);
	stele_region_remove(other_region);
}

/* ---- one table "rows", whose row 0 holds the number of the version ---- */

struct ipc_value {
	uint64_t number;
	uint64_t check; /* made from the number and the key */
	uint8_t bulk[112];
};

static const struct stele_column ipc_columns[] = {
	STELE_KEY("id", STELE_U32),
	STELE_VALUE(struct ipc_value, number, STELE_U64),
	STELE_VALUE(struct ipc_value, check, STELE_U64),
	{.name = "bulk",
         .type = STELE_CHAR,
         .size = 112,
         .offset = offsetof(struct ipc_value, bulk)},
};
static const struct stele_schema ipc_schema = STELE_SCHEMA(struct ipc_value, ipc_columns);

static inline uint64_t ipc_mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static inline void ipc_fill(struct ipc_value *value, uint32_t id, uint64_t number)
{
	value->number = number;
	value->check = ipc_mix(number * 1000003 + id);
	memset(value->bulk, (int)(1 + value->check % 255), sizeof(value->bulk));
}

/* Whether a value is one that was written whole, for this row. */
static inline bool ipc_whole(const struct ipc_value *value, uint32_t id)
{
	struct ipc_value want;

	ipc_fill(&want, id, value->number);
	return memcmp(&want, value, sizeof(want)) == 0;
}

static inline void ipc_put(struct stele_transaction *tx, uint32_t id, uint64_t number)
{
	uint8_t key[4] = {(uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8),
	                  (uint8_t)id};
	struct ipc_value value;

	ipc_fill(&value, id, number);
	OK(stele_put(tx, "rows", key, 32, &value, sizeof(value)));
}

static inline struct stele_publisher *ipc_attach(const char *name,
                                                 const struct stele_publisher_options *options)
{
	struct stele_publisher_options create = {
		.size = sizeof(create), .flags = STELE_CREATE, .attach_timeout = IPC_PATIENCE};
	struct stele_publisher *publisher;

	OK(stele_publisher_open(name, options ? options : &create, &publisher));
	return publisher;
}

/* Makes one version more, which is returned. */
static inline uint64_t ipc_commit(struct stele_publisher *publisher)
{
	uint64_t next = stele_publisher_version(publisher) + 1, version;
	struct stele_transaction *tx;

	OK(stele_transaction_begin(publisher, &tx));
	ipc_put(tx, 0, next);
	RETURNS(stele_transaction_commit(tx, NULL, &version), 1, "");
	CHECK(version == next, "version %llu, not %llu", (unsigned long long)version,
	      (unsigned long long)next);
	return version;
}

/* Attaches, and makes the table where it is not yet there. The options may be NULL. */
static inline struct stele_publisher *ipc_publish(const char *name,
                                                  const struct stele_publisher_options *options)
{
	struct stele_publisher *publisher = ipc_attach(name, options);
	struct stele_transaction *tx;

	if (stele_publisher_version(publisher) > 0)
		return publisher;
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_table_create(tx, "rows", &ipc_schema));
	ipc_put(tx, 0, 1);
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	return publisher;
}

/* Makes a table, in a transaction of its own; and one that is declared so, by a name of its own. */
static inline void ipc_create_table(struct stele_publisher *publisher, const char *name,
                                    const struct stele_schema *schema)
{
	struct stele_transaction *tx;

	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_table_create(tx, name, schema));
	OK(stele_transaction_commit(tx, NULL, NULL));
}

static inline void ipc_declare_table(struct stele_publisher *publisher, const char *declaration,
                                     const char *name)
{
	char declared[STELE_NAME_MAX + 1];
	struct stele_schema *schema;

	OK(stele_schema_parse(declaration, declared, &schema));
	ipc_create_table(publisher, name, schema);
	stele_schema_free(schema);
}

static inline struct stele_publisher_stats ipc_stats(struct stele_publisher *publisher)
{
	struct stele_publisher_stats stats = {.size = sizeof(stats)};

	OK(stele_publisher_stats(publisher, &stats));
	return stats;
}

static inline struct stele_subscriber *ipc_subscribe_to(const char *name, unsigned flags,
                                                        const char *notifier)
{
	struct stele_subscriber_options options = {
		.size = sizeof(options), .flags = flags, .notifier = notifier};
	struct stele_subscriber *subscriber;

	OK(stele_subscriber_open(name, &options, &subscriber));
	return subscriber;
}

static inline struct stele_subscriber *ipc_subscribe(unsigned flags, const char *notifier)
{
	return ipc_subscribe_to(region, flags, notifier);
}

static inline struct stele_subscriber_state ipc_describe(struct stele_subscriber *subscriber)
{
	struct stele_subscriber_state state = {.size = sizeof(state)};

	OK(stele_subscriber_describe(subscriber, &state));
	return state;
}

/* Reads row 0 in both ways; it must be whole, and of the version that it is said to be. Returns that. */
static inline uint64_t ipc_read(struct stele_subscriber *subscriber)
{
	static const uint8_t key[4];
	struct stele_snapshot *snapshot;
	struct ipc_value value;
	struct stele_row row;
	size_t size = sizeof(value);
	uint64_t version, copied;

	RETURNS(stele_subscriber_get(subscriber, "rows", key, 32, &value, &size, &copied), 1, "");
	CHECK(size == sizeof(value) && value.number == copied && ipc_whole(&value, 0),
	      "number %llu at %llu", (unsigned long long)value.number, (unsigned long long)copied);
	for (int try = 0;; try++) {
		int r;
		OK(stele_snapshot_open(subscriber, 0, &snapshot));
		version = stele_snapshot_version(snapshot);
		r = stele_snapshot_get(snapshot, "rows", key, 32, &row);
		if (r == 1) {
			memcpy(&value, row.value, sizeof(value));
			r = stele_snapshot_check(snapshot) < 0 ? -ESTALE : 1;
		}
		stele_snapshot_close(snapshot);
		/* Without a pin a version may go away while it is read. */
		if (r == 1)
			break;
		CHECK(r == -ESTALE && try < 1000, "%d: %s", r, stele_last_error());
	}
	CHECK(value.number == version && ipc_whole(&value, 0), "number %llu at %llu",
	      (unsigned long long)value.number, (unsigned long long)version);
	CHECK(version >= copied, "%llu after %llu", (unsigned long long)version,
	      (unsigned long long)copied);
	return version;
}

/* A table in the newest version; NULL where that is gone before the table is open, which it can be
 * without a pin. */
static inline struct stele_snapshot *ipc_newest_table(struct stele_subscriber *subscriber,
                                                      const char *name, struct stele_table *ret)
{
	struct stele_snapshot *snapshot;
	int r;

	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	r = stele_table_open(snapshot, name, NULL, ret);
	if (r == -ESTALE)
		return stele_snapshot_close(snapshot);
	OK(r);
	return snapshot;
}

/* ---- the subscribers file, as anybody sees it ---- */

/* Copies the slots; how many there are. */
static inline unsigned ipc_slots(struct layout_slot *slots, unsigned most)
{
	char path[128];
	ssize_t got;
	int fd;

	ipc_path(path, ".subscribers");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0, "%s: %s", path, strerror(errno));
	got = pread(fd, slots, most * sizeof(*slots), sizeof(struct layout_subscribers_header));
	close(fd);
	CHECK(got >= 0, "%s", strerror(errno));
	return (unsigned)((size_t)got / sizeof(*slots));
}

/* True when the subscriber that is this process is about to block, or does. */
static inline bool ipc_blocked(pid_t pid)
{
	struct layout_slot slots[64];
	unsigned count = ipc_slots(slots, 64);

	for (unsigned i = 0; i < count; i++)
		if (slots[i].state == LAYOUT_SLOT_TAKEN && slots[i].pid == (uint32_t)pid &&
		    slots[i].ticket % 2 == 1)
			return ipc_is(pid, 'S');
	return false;
}

#endif
