/* SPDX-License-Identifier: MIT
 *
 * Regions in System V segments: which options are allowed, and what readers and publishers can do
 * with them. */
#include <pthread.h>

#include "lib/base/atomic.h"
#include "tests/support/ipc/segment.h"
#include "tests/support/position.h"

TestSuite(ipc_sysv, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

/* ---- reading ---- */

/* Returns the permissions of this process's mapping of an address. */
static void permissions_of(const void *address, char ret[5])
{
	FILE *file = fopen("/proc/self/maps", "re");
	unsigned long from, to;
	char line[512], what[5];

	CHECK(file != NULL, "%s", strerror(errno));
	ret[0] = '\0';
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%lx-%lx %4s", &from, &to, what) == 3 &&
		    (unsigned long)address >= from && (unsigned long)address < to)
			strcpy(ret, what);
	fclose(file);
}

static void store_into(const void *address)
{
	int status;
	pid_t pid = fork();

	CHECK(pid >= 0, "%s", strerror(errno));
	if (pid == 0) {
		prctl(PR_SET_DUMPABLE, 0);
		signal(SIGSEGV, SIG_DFL);
		__atomic_store_n((unsigned char *)(uintptr_t)address, 1, __ATOMIC_RELAXED);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid, "%s", strerror(errno));
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "a reader's store: status 0x%x",
	      status);
}

/* This process is spawned before there is a publisher, so it inherits no mapping. */
static void read_only(unsigned argument)
{
	static const uint8_t key[4];
	struct stele_subscriber *subscriber;
	struct stele_snapshot *snapshot;
	struct stele_row row;
	uint64_t version;
	char is[5];

	(void)argument;
	ipc_await(0, 1);
	subscriber = ipc_subscribe(0, NULL);
	CHECK(ipc_read(subscriber) == 1, "%s", stele_last_error());
	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	RETURNS(stele_snapshot_get(snapshot, "rows", NULL, key, 32, &row), 1, "");
	permissions_of(row.value, is);
	CHECK(strcmp(is, "r--s") == 0, "a reader's mapping is %s", is);
	store_into(row.value);
	stele_snapshot_close(snapshot);
	ipc_reach(1, 1);
	OK(stele_subscriber_wait(subscriber, 1, clock_now() + IPC_PATIENCE, &version));
	CHECK(ipc_read(subscriber) == 2, "%s", stele_last_error());
	stele_subscriber_close(subscriber);
}

Test(ipc_sysv, other_processes_read_and_cannot_write)
{
	pid_t reader = ipc_spawn(read_only, 0);
	struct stele_publisher *publisher = ipc_publish(region, &segment_options);
	struct stele_region_info info = segment_describe();
	struct segment segment = {0};

	cr_expect_eq(info.memory, STELE_MEMORY_SYSV);
	cr_expect(info.file_size == SEGMENT_SIZE && info.maximum_size == SEGMENT_SIZE &&
	          info.limit_size == SEGMENT_SIZE);
	cr_assert(segment_find(segment_region_key(region), 0, &segment));
	cr_expect(segment.size == SEGMENT_SIZE && segment.mode == 0640 && segment.attached == 1 &&
	                  segment.user == geteuid(),
	          "%llu bytes, mode %o, %d attached", (unsigned long long)segment.size,
	          segment.mode, segment.attached);
	ipc_reach(0, 1);
	ipc_await(1, 1);
	cr_expect(segment_find(segment_region_key(region), 0, &segment) && segment.attached == 2);
	ipc_commit(publisher);
	ipc_join(reader);
	stele_publisher_close(publisher);
	cr_expect(segment_find(segment_region_key(region), 0, &segment) && segment.attached == 0);
}

/* Each kind of memory refuses the options that it can't have. */
Test(ipc_sysv, each_kind_of_memory_accepts_only_its_options)
{
	struct stele_publisher_options options = {.size = sizeof(options), .flags = STELE_CREATE};
	struct stele_publisher *publisher;
	char path[128];

	options.memory = STELE_MEMORY_FILE;
	RETURNS(stele_publisher_open(region, &options, &publisher), -EINVAL, "DIRECTORY/NAME");
	options.memory = (enum stele_memory)9;
	RETURNS(stele_publisher_open(region, &options, &publisher), -EINVAL, "memory 9");
	snprintf(path, sizeof(path), "/tmp/%s", region);
	options.memory = STELE_MEMORY_SHM;
	RETURNS(stele_publisher_open(path, &options, &publisher), -EINVAL, "POSIX shared memory");
	options.memory = STELE_MEMORY_SYSV;
	RETURNS(stele_publisher_open(path, &options, &publisher), -EINVAL, "no directories");
	options.durability = STELE_DURABLE_COMMIT;
	RETURNS(stele_publisher_open(region, &options, &publisher), -EINVAL, "no disk");
	options.durability = STELE_DURABLE_CLOSE;
	options.maximum_size = 1 << 20;
	options.limit_size = 1 << 21;
	RETURNS(stele_publisher_open(region, &options, &publisher), -EINVAL, "cannot grow");
	options.limit_size = 4096;
	options.maximum_size = 0;
	RETURNS(stele_publisher_open(region, &options, &publisher), -EINVAL, "takes at least");
	RETURNS(stele_region_remove(region), -ENOENT, region);
	options.limit_size = 0;
	OK(stele_publisher_open(region, &options, &publisher));
	cr_expect_eq(segment_describe().maximum_size, 64u << 20);
	cr_expect_eq(segment_describe().limit_size, 64u << 20);
	stele_publisher_close(publisher);
	OK(stele_region_remove(region));
	options.memory = STELE_MEMORY_DEFAULT;
	OK(stele_publisher_open(region, &options, &publisher));
	cr_expect_eq(segment_describe().memory, STELE_MEMORY_SHM);
	stele_publisher_close(publisher);
	/* A path to the default directory is the same place. */
	snprintf(path, sizeof(path), "/dev/shm/%s", region);
	options.memory = STELE_MEMORY_SYSV;
	OK(stele_publisher_open(path, &options, &publisher));
	cr_expect_eq(segment_describe().memory, STELE_MEMORY_SHM, "what exists stays what it is");
	stele_publisher_close(publisher);
}

static void wait_with(unsigned argument)
{
	struct stele_subscriber *subscriber = ipc_subscribe(0, argument ? "futex" : NULL);
	uint64_t version = ipc_read(subscriber);

	for (unsigned i = 0; i < 4; i++) {
		ipc_reach(argument, i + 1);
		RETURNS(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version), 1, "");
		ipc_tell(argument, version);
	}
	stele_subscriber_close(subscriber);
}

Test(ipc_sysv, waits_end_with_a_commit)
{
	struct stele_publisher *publisher = ipc_publish(region, &segment_options);

	ipc_only_notices();
	for (unsigned way = 0; way < 2; way++) {
		pid_t pid = ipc_spawn(wait_with, way);
		for (unsigned i = 0; i < 4; i++) {
			uint64_t version;
			ipc_await(way, i + 1);
			UNTIL(ipc_blocked(pid));
			version = ipc_commit(publisher);
			UNTIL(ipc_told(way) == version);
		}
		ipc_join(pid);
	}
	stele_publisher_close(publisher);
}

Test(ipc_sysv, history_pins_and_rollback)
{
	struct stele_publisher *publisher = ipc_publish(region, &segment_options);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_snapshot *pinned, *other;
	struct stele_transaction *tx;
	static const uint8_t key[4];
	struct ipc_value value;
	struct stele_row row;

	OK(stele_snapshot_open(subscriber, 1, &pinned));
	for (unsigned i = 0; i < 200; i++)
		ipc_commit(publisher);
	OK(stele_snapshot_check(pinned));
	RETURNS(stele_snapshot_open(subscriber, 2, &other), -ESTALE,
	        "does not hold version 2 any more");
	RETURNS(stele_snapshot_get(pinned, "rows", NULL, key, 32, &row), 1, "");
	memcpy(&value, row.value, sizeof(value));
	cr_expect(value.number == 1 && ipc_whole(&value, 0));
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_rollback(tx, POSITION(tx, 199)));
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	OK(stele_snapshot_open(subscriber, 0, &other));
	cr_expect_eq(stele_snapshot_version(other), 202);
	RETURNS(stele_snapshot_get(other, "rows", NULL, key, 32, &row), 1, "");
	memcpy(&value, row.value, sizeof(value));
	cr_expect(value.number == 199 && ipc_whole(&value, 0));
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

Test(ipc_sysv, a_full_region_is_reported_and_keeps_its_version)
{
	struct stele_publisher *publisher = ipc_publish(region, &segment_options);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_transaction *tx;
	uint32_t id;
	int r = 1;

	OK(stele_transaction_begin(publisher, &tx));
	for (id = 1; r >= 0; id++) {
		uint8_t key[4] = {(uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8),
		                  (uint8_t)id};
		struct ipc_value value;
		ipc_fill(&value, id, 2);
		r = stele_transaction_put(tx, "rows", key, 32, &value, sizeof(value));
	}
	RETURNS(r, -ENOSPC, region);
	cr_expect_gt(id, 10000, "full after %u rows", id);
	stele_transaction_abort(tx);
	cr_expect_eq(ipc_read(subscriber), 1);
	ipc_commit(publisher);
	cr_expect_eq(ipc_read(subscriber), 2);
	RETURNS(stele_publisher_compact(publisher), -ENOTSUP, "fixed size");
	cr_expect_eq(segment_describe().generation, 1);
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

/* ---- deaths ---- */

static void commit_for_ever(unsigned argument)
{
	struct stele_publisher *publisher = ipc_attach(region, NULL);

	for (;;)
		ipc_tell(argument, ipc_commit(publisher));
}

Test(ipc_sysv, a_killed_publisher_loses_nothing)
{
	struct stele_subscriber *subscriber;
	struct stele_publisher *publisher = ipc_publish(region, &segment_options);
	uint64_t last = 1;

	stele_publisher_close(publisher);
	subscriber = ipc_subscribe(0, "futex");
	for (unsigned i = 0; i < 20; i++) {
		pid_t pid = ipc_spawn(commit_for_ever, 0);
		uint64_t version;
		UNTIL(ipc_told(0) >= last + 5 + i * 7);
		ipc_kill(pid);
		publisher = ipc_attach(region, NULL);
		version = stele_publisher_version(publisher);
		cr_assert(version >= ipc_told(0) && version <= ipc_told(0) + 1,
		          "%llu was told, %llu is there", (unsigned long long)ipc_told(0),
		          (unsigned long long)version);
		cr_assert_eq(ipc_read(subscriber), version);
		last = ipc_commit(publisher);
		stele_publisher_close(publisher);
	}
	cr_assert_eq(ipc_read(subscriber), last);
	stele_subscriber_close(subscriber);
}

static void set_kernel(const char *name, const char *value)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/sys/kernel/%s", name);
	file = fopen(path, "we");
	cr_assert(file && fputs(value, file) >= 0 && fclose(file) == 0, "%s: %s", path,
	          strerror(errno));
}

Test(ipc_sysv, errors_name_the_kernel_s_settings)
{
	static const struct {
		const char *name, *bad, *good;
		int error;
	} settings[] = {
		{"shmmax", "1000000", "10000000000", -ENOSPC},
		{"shmall", "100", "10000000", -ENOSPC},
		{"shmmni", "0", "4096", -ENOSPC},
		{"shm_rmid_forced", "1", "0", -ENOTSUP},
	};
	struct stele_publisher *publisher;

	segment_needs_root();
	cr_assert_eq(unshare(CLONE_NEWIPC), 0, "%s", strerror(errno));
	for (unsigned i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		set_kernel(settings[i].name, settings[i].bad);
		RETURNS(stele_publisher_open(region, &segment_options, &publisher),
		        settings[i].error, settings[i].name);
		RETURNS(stele_region_remove(region), -ENOENT, region);
		set_kernel(settings[i].name, settings[i].good);
	}
	stele_publisher_close(ipc_publish(region, &segment_options));
	OK(stele_region_remove(region));
}

/* ---- threads, which under ThreadSanitizer have one mapping of the segment ---- */

#define THREAD_COMMITS 2000u
#ifdef STELE_TSAN
#define MAPPINGS 1
#else
#define MAPPINGS 2
#endif

static void *read_in_thread(void *argument)
{
	struct stele_subscriber *subscriber = ipc_subscribe(0, argument ? "futex" : NULL);
	uint64_t version = 0, before = 0;

	while (version <= THREAD_COMMITS) {
		version = ipc_read(subscriber);
		CHECK(version >= before, "%llu after %llu", (unsigned long long)version,
		      (unsigned long long)before);
		before = version;
		if (version <= THREAD_COMMITS)
			OK(stele_subscriber_wait(subscriber, version, clock_now() + IPC_PATIENCE,
			                         &version));
	}
	stele_subscriber_close(subscriber);
	return NULL;
}

Test(ipc_sysv, threads_of_one_process_share_a_segment)
{
	struct stele_publisher *publisher = ipc_publish(region, &segment_options);
	struct stele_subscriber *subscriber = ipc_subscribe(STELE_UNREGISTERED, NULL);
	struct segment segment = {0};
	pthread_t threads[2];

	cr_expect(segment_find(segment_region_key(region), 0, &segment) &&
	                  segment.attached == MAPPINGS,
	          "attached %d times", segment.attached);
	stele_subscriber_close(subscriber);
	for (unsigned i = 0; i < 2; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, read_in_thread, i ? &threads : NULL),
		             0);
	while (ipc_commit(publisher) <= THREAD_COMMITS)
		;
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	stele_publisher_close(publisher);
}
