/* SPDX-License-Identifier: MIT
 *
 * Regions in System V segments: what readers may do with one, what is left of one after deaths and removals, and
 * which ones are refused.
 */
#include <grp.h>
#include <pthread.h>
#include <sys/ptrace.h>
#include <sys/shm.h>

#include "lib/memory.h"
#include "lib/region.h"
#include "tests/ipc.h"

TestSuite(ipc_sysv, .init = ipc_begin, .fini = ipc_end, .timeout = 240);

#define SIZE (UINT64_C(4) << 20)

static const struct stele_publisher_options sysv = {
	.size = sizeof(sysv),
	.flags = STELE_CREATE,
	.history = 4,
	.memory = STELE_MEMORY_SYSV,
	.maximum_size = SIZE,
};

static void needs_root(void)
{
	if (geteuid() != 0) {
		ipc_end();
		cr_skip_test("changing the user or a namespace takes root");
	}
}

/* ---- what the kernel says of segments ---- */

struct segment {
	int key, id, creator, attached;
	unsigned mode, user;
	uint64_t size;
};

/* The first one that `matches`: by its key, or by who created it. */
static bool find_segment(int key, pid_t creator, struct segment *ret)
{
	FILE *file = fopen("/proc/sysvipc/shm", "re");
	struct segment found;
	char line[512];
	bool is = false;

	CHECK(file != NULL && fgets(line, sizeof(line), file), "%s", strerror(errno));
	while (!is && fgets(line, sizeof(line), file)) {
		CHECK(sscanf(line, "%d %d %o %lu %d %*d %d %u", &found.key, &found.id, &found.mode, &found.size,
		             &found.creator, &found.attached, &found.user) == 7,
		      "%s", line);
		is = creator ? found.creator == creator : found.key == key;
	}
	fclose(file);
	if (is && ret)
		*ret = found;
	return is;
}

static void read_header(const char *name, struct layout_header *ret)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/dev/shm/stele.%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0 && pread(fd, ret, sizeof(*ret), 0) == (ssize_t)sizeof(*ret), "%s: %s", path, strerror(errno));
	close(fd);
}

static int key_of(const char *name)
{
	struct layout_header header;

	read_header(name, &header);
	return memory_key(header.uuid);
}

/* Gives the data file another header, with the right checksum. */
static void write_header(struct layout_header *header)
{
	char path[128];
	int fd;

	header->checksum = region_checksum(header);
	ipc_path(path, "");
	fd = open(path, O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0 && pwrite(fd, header, sizeof(*header), 0) == (ssize_t)sizeof(*header), "%s", strerror(errno));
	close(fd);
}

static struct stele_region_info describe(void)
{
	struct stele_region_info info = { .size = sizeof(info) };

	OK(stele_region_describe(region, &info));
	return info;
}

/* ---- reading ---- */

/* The permissions of this process's mapping of an address. */
static void permissions_of(const void *address, char ret[5])
{
	FILE *file = fopen("/proc/self/maps", "re");
	unsigned long from, to;
	char line[512], what[5];

	CHECK(file != NULL, "%s", strerror(errno));
	ret[0] = '\0';
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%lx-%lx %4s", &from, &to, what) == 3 && (unsigned long)address >= from &&
		    (unsigned long)address < to)
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
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "a reader's store: status 0x%x", status);
}

/* Spawned before there is a publisher, so it has no mapping of that one. */
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
	RETURNS(stele_snapshot_get(snapshot, "rows", key, 32, &row), 1, "");
	permissions_of(row.value, is);
	CHECK(strcmp(is, "r--s") == 0, "a reader's mapping is %s", is);
	store_into(row.value);
	stele_snapshot_close(snapshot);
	ipc_reach(1, 1);
	OK(stele_subscriber_wait(subscriber, 1, ipc_now() + IPC_PATIENCE, &version));
	CHECK(ipc_read(subscriber) == 2, "%s", stele_last_error());
	stele_subscriber_close(subscriber);
}

Test(ipc_sysv, others_read_and_cannot_write)
{
	pid_t reader = ipc_spawn(read_only, 0);
	struct stele_publisher *publisher = ipc_publish(region, &sysv);
	struct stele_region_info info = describe();
	struct segment segment;

	cr_expect_eq(info.memory, STELE_MEMORY_SYSV);
	cr_expect(info.file_size == SIZE && info.maximum_size == SIZE && info.limit_size == SIZE);
	cr_assert(find_segment(key_of(region), 0, &segment));
	cr_expect(segment.size == SIZE && segment.mode == 0640 && segment.attached == 1 && segment.user == geteuid(),
	          "%llu bytes, mode %o, %d attached", (unsigned long long)segment.size, segment.mode, segment.attached);
	ipc_reach(0, 1);
	ipc_await(1, 1);
	cr_expect(find_segment(key_of(region), 0, &segment) && segment.attached == 2);
	ipc_commit(publisher);
	ipc_join(reader);
	stele_publisher_close(publisher);
	cr_expect(find_segment(key_of(region), 0, &segment) && segment.attached == 0);
}

/* The default is shown, too. */
Test(ipc_sysv, the_kinds_and_their_options)
{
	struct stele_publisher_options options = { .size = sizeof(options), .flags = STELE_CREATE };
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
	RETURNS(stele_publisher_open(region, &options, &publisher), -EINVAL, "can't grow");
	options.limit_size = 4096;
	options.maximum_size = 0;
	RETURNS(stele_publisher_open(region, &options, &publisher), -EINVAL, "takes at least");
	RETURNS(stele_region_remove(region), -ENOENT, region);
	options.limit_size = 0;
	OK(stele_publisher_open(region, &options, &publisher));
	cr_expect_eq(describe().maximum_size, 64u << 20);
	cr_expect_eq(describe().limit_size, 64u << 20);
	stele_publisher_close(publisher);
	OK(stele_region_remove(region));
	options.memory = STELE_MEMORY_DEFAULT;
	OK(stele_publisher_open(region, &options, &publisher));
	cr_expect_eq(describe().memory, STELE_MEMORY_SHM);
	stele_publisher_close(publisher);
	/* A path that leads there is the same place. */
	snprintf(path, sizeof(path), "/dev/shm/%s", region);
	options.memory = STELE_MEMORY_SYSV;
	OK(stele_publisher_open(path, &options, &publisher));
	cr_expect_eq(describe().memory, STELE_MEMORY_SHM, "what exists stays what it is");
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
	struct stele_publisher *publisher = ipc_publish(region, &sysv);

	for (unsigned way = 0; way < 2; way++) {
		pid_t pid = ipc_spawn(wait_with, way);
		for (unsigned i = 0; i < 4; i++) {
			int64_t begin;
			uint64_t version;
			ipc_await(way, i + 1);
			UNTIL(ipc_blocked(pid));
			begin = ipc_now();
			version = ipc_commit(publisher);
			UNTIL(ipc_told(way) == version);
			cr_expect(ipc_now() - begin < IPC_PROMPT, "way %u took %lld ms", way,
			          (long long)((ipc_now() - begin) / MILLISECOND));
		}
		ipc_join(pid);
	}
	stele_publisher_close(publisher);
}

Test(ipc_sysv, history_pins_and_rollback)
{
	struct stele_publisher *publisher = ipc_publish(region, &sysv);
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
	RETURNS(stele_snapshot_open(subscriber, 2, &other), -ENOENT, "does not hold version 2 any more");
	RETURNS(stele_snapshot_get(pinned, "rows", key, 32, &row), 1, "");
	memcpy(&value, row.value, sizeof(value));
	cr_expect(value.number == 1 && ipc_whole(&value, 0));
	OK(stele_transaction_begin(publisher, &tx));
	OK(stele_transaction_rollback(tx, 199));
	RETURNS(stele_transaction_commit(tx, NULL, NULL), 1, "");
	OK(stele_snapshot_open(subscriber, 0, &other));
	cr_expect_eq(stele_snapshot_version(other), 202);
	RETURNS(stele_snapshot_get(other, "rows", key, 32, &row), 1, "");
	memcpy(&value, row.value, sizeof(value));
	cr_expect(value.number == 199 && ipc_whole(&value, 0));
	stele_subscriber_close(subscriber);
	stele_publisher_close(publisher);
}

Test(ipc_sysv, a_full_one_says_so_and_keeps_its_version)
{
	struct stele_publisher *publisher = ipc_publish(region, &sysv);
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	struct stele_transaction *tx;
	uint32_t id;
	int r = 1;

	OK(stele_transaction_begin(publisher, &tx));
	for (id = 1; r >= 0; id++) {
		uint8_t key[4] = { (uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id };
		struct ipc_value value;
		ipc_fill(&value, id, 2);
		r = stele_put(tx, "rows", key, 32, &value, sizeof(value));
	}
	RETURNS(r, -ENOSPC, region);
	cr_expect_gt(id, 10000, "full after %u rows", id);
	stele_transaction_abort(tx);
	cr_expect_eq(ipc_read(subscriber), 1);
	ipc_commit(publisher);
	cr_expect_eq(ipc_read(subscriber), 2);
	RETURNS(stele_publisher_compact(publisher), -ENOTSUP, "fixed size");
	cr_expect_eq(describe().generation, 1);
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
	struct stele_publisher *publisher = ipc_publish(region, &sysv);
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
		cr_assert(version >= ipc_told(0) && version <= ipc_told(0) + 1, "%llu was told, %llu is there",
		          (unsigned long long)ipc_told(0), (unsigned long long)version);
		cr_assert_eq(ipc_read(subscriber), version);
		last = ipc_commit(publisher);
		stele_publisher_close(publisher);
	}
	cr_assert_eq(ipc_read(subscriber), last);
	stele_subscriber_close(subscriber);
}

static void create_traced(unsigned argument)
{
	struct stele_publisher *publisher;

	(void)argument;
	CHECK(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0, "%s", strerror(errno));
	raise(SIGSTOP);
	OK(stele_publisher_open(region, &sysv, &publisher));
	_exit(0);
}

/* Kills a creator before or after its n-th system call. False: it came to its end. */
static bool kill_creator(unsigned stops, pid_t *ret_pid)
{
	pid_t pid = ipc_spawn(create_traced, 0);
	int status;

	*ret_pid = pid;
	CHECK(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status), "%s", strerror(errno));
	for (unsigned i = 0; i < stops; i++) {
		CHECK(ptrace(PTRACE_SYSCALL, pid, NULL, NULL) == 0, "%s", strerror(errno));
		CHECK(waitpid(pid, &status, 0) == pid, "%s", strerror(errno));
		if (!WIFSTOPPED(status)) {
			CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status 0x%x", status);
			return false;
		}
	}
	kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status))
		;
	return true;
}

/* What makes the next region of the name, of whatever kind, removes what there is; and so does the removal. */
Test(ipc_sysv, a_creator_killed_at_any_system_call_leaves_nothing)
{
	struct stele_publisher_options next = sysv;
	unsigned segments = 0, stops;
	struct segment segment;
	pid_t dead;

	for (stops = 1;; stops++) {
		bool killed = kill_creator(stops, &dead), left = find_segment(0, dead, NULL);
		for (unsigned i = 0; i < ipc_pid_count; i++)
			if (ipc_pids[i] == dead)
				ipc_pids[i] = 0;
		segments += left;
		if (stops % 3 == 0) {
			int r = stele_region_remove(region);
			cr_assert(r == 0 || r == -ENOENT, "%s", stele_last_error());
		} else {
			struct stele_publisher *publisher;
			bool whole = stele_region_describe(region, &(struct stele_region_info){
			                                                   .size = sizeof(struct stele_region_info) }) == 0;
			next.memory = stops % 3 == 1 ? STELE_MEMORY_SYSV : STELE_MEMORY_SHM;
			OK(stele_publisher_open(region, &next, &publisher));
			cr_expect(!find_segment(0, dead, NULL) || whole, "after stop %u a segment is left", stops);
			stele_publisher_close(publisher);
			OK(stele_region_remove(region));
		}
		cr_assert(!find_segment(0, dead, &segment), "after stop %u segment %d is left", stops, segment.id);
		cr_assert(!find_segment(0, getpid(), &segment), "after stop %u segment %d is left", stops, segment.id);
		if (!killed)
			break;
	}
	cr_assert(stops > 40 && segments > 10, "%u stops, %u with a segment", stops, segments);
}

/* ---- removal ---- */

static void keep_reading(unsigned argument)
{
	struct stele_subscriber *subscriber = ipc_subscribe(0, argument ? "futex" : NULL);
	static const uint8_t key[4];
	struct stele_snapshot *snapshot;
	struct ipc_value value;
	struct stele_row row;
	uint64_t version;

	OK(stele_snapshot_open(subscriber, 0, &snapshot));
	ipc_reach(argument, 1);
	RETURNS(stele_subscriber_wait(subscriber, 1, STELE_FOREVER, &version), -ENOENT, "removed");
	OK(stele_snapshot_check(snapshot));
	RETURNS(stele_snapshot_get(snapshot, "rows", key, 32, &row), 1, "");
	memcpy(&value, row.value, sizeof(value));
	CHECK(ipc_whole(&value, 0) && value.number == 1, "number %llu", (unsigned long long)value.number);
	ipc_reach(argument, 2);
	ipc_await(argument, 3);
	stele_snapshot_close(snapshot);
	stele_subscriber_close(subscriber);
}

Test(ipc_sysv, removal_takes_the_segment_and_readers_keep_theirs)
{
	struct segment segment;
	pid_t pids[2];
	int id;

	stele_publisher_close(ipc_publish(region, &sysv));
	cr_assert(find_segment(key_of(region), 0, &segment));
	id = segment.id;
	for (unsigned i = 0; i < 2; i++) {
		pids[i] = ipc_spawn(keep_reading, i);
		ipc_await(i, 1);
		UNTIL(ipc_blocked(pids[i]));
	}
	OK(stele_region_remove(region));
	cr_expect(!find_segment(segment.key, 0, NULL), "the segment has its key still");
	for (unsigned i = 0; i < 2; i++)
		ipc_await(i, 2);
	for (unsigned i = 0; i < 2; i++) {
		ipc_reach(i, 3);
		ipc_join(pids[i]);
	}
	cr_expect_eq(shmctl(id, IPC_STAT, &(struct shmid_ds){ 0 }), -1, "the segment is there still");
}

static void follow_until_removed(unsigned argument)
{
	struct stele_subscriber *subscriber = ipc_subscribe(0, argument ? "futex" : NULL);
	struct stele_snapshot *first;
	uint64_t version = 0;
	int r;

	OK(stele_snapshot_open(subscriber, 0, &first));
	ipc_reach(argument, 1);
	while ((r = stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version)) == 1) {
		CHECK(ipc_read(subscriber) >= version, "%llu", (unsigned long long)version);
		/* Its pin is honoured, as the memory is the same. */
		OK(stele_snapshot_check(first));
		ipc_tell(argument, version);
	}
	RETURNS(r, -ENOENT, "removed");
	stele_subscriber_close(subscriber);
}

static void unlink_data(void)
{
	char path[128];

	ipc_path(path, "");
	cr_assert_eq(unlink(path), 0);
}

static bool data_is_there(void)
{
	char path[128];

	ipc_path(path, "");
	return access(path, F_OK) == 0;
}

/* The file comes back, and the memory stays: for one publisher, and for two that share it. */
static void lose_name(unsigned flags)
{
	struct stele_publisher_options options = sysv;
	struct stele_publisher *publishers[2];
	unsigned count = flags ? 2 : 1;
	struct layout_header before, after;
	struct segment segment;
	pid_t pids[2];
	int attached;

	options.flags |= flags;
	for (unsigned i = 0; i < count; i++)
		publishers[i] = ipc_publish(region, &options);
	read_header(region, &before);
	for (unsigned i = 0; i < 2; i++) {
		ipc_reach(i, 0);
		pids[i] = ipc_spawn(follow_until_removed, i);
		ipc_await(i, 1);
	}
	cr_assert(find_segment(memory_key(before.uuid), 0, &segment));
	attached = segment.attached;
	for (unsigned round = 0; round < 2; round++) {
		uint64_t version = 0;
		unlink_data();
		UNTIL((ipc_commit(publishers[round % count]), data_is_there()));
		read_header(region, &after);
		cr_expect_arr_eq(&before, &after, sizeof(before));
		/* Each of them goes on for longer than it takes it to look. */
		for (int64_t until = ipc_now() + 3 * SECOND / 2; ipc_now() < until; usleep(20000))
			for (unsigned i = 0; i < count; i++) {
				struct stele_transaction *tx;
				OK(stele_transaction_begin(publishers[i], &tx));
				ipc_put(tx, 0, describe().version + 1);
				RETURNS(stele_transaction_commit(tx, NULL, &version), 1, "");
			}
		for (unsigned i = 0; i < 2; i++)
			UNTIL(ipc_told(i) == version);
		cr_expect_eq(describe().generation, 1);
		cr_expect(describe().publisher_attached);
		/* Nobody has attached it a second time. */
		cr_expect(find_segment(memory_key(before.uuid), 0, &segment) && segment.attached == attached,
		          "attached %d times, not %d", segment.attached, attached);
	}
	for (unsigned i = 0; i < count; i++)
		stele_publisher_close(publishers[i]);
	OK(stele_region_remove(region));
	for (unsigned i = 0; i < 2; i++)
		ipc_join(pids[i]);
	cr_expect(!find_segment(memory_key(before.uuid), 0, NULL));
}

Test(ipc_sysv, a_lost_file_comes_back_for_the_same_segment)
{
	lose_name(0);
}

Test(ipc_sysv, a_lost_file_comes_back_for_those_that_share_it)
{
	lose_name(STELE_SHARED);
}

Test(ipc_sysv, a_segment_that_somebody_removed)
{
	struct stele_publisher *publisher = ipc_publish(region, &sysv), *second;
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL), *late;
	struct stele_transaction *tx;
	struct layout_header header;
	int r;

	read_header(region, &header);
	cr_assert_eq(shmctl(header.segment, IPC_RMID, NULL), 0);
	RETURNS(stele_subscriber_open(region, NULL, &late), -EBADMSG, "was removed");
	UNTIL((r = stele_transaction_begin(publisher, &tx)) < 0 || stele_transaction_abort(tx) != NULL);
	RETURNS(r, -EBADMSG, "removed under its publisher");
	cr_expect_eq(ipc_read(subscriber), 1);
	stele_publisher_close(publisher);
	RETURNS(stele_publisher_open(region, &sysv, &second), -EBADMSG, "was removed");
	stele_subscriber_close(subscriber);
	RETURNS(stele_publisher_open(region, &sysv, &second), -EBADMSG, "was removed");
	OK(stele_region_remove(region));
	stele_publisher_close(ipc_publish(region, &sysv));
}

/* ---- what is refused ---- */

static void refused(int r, const char *part)
{
	struct stele_subscriber *subscriber;
	struct stele_publisher *publisher;

	RETURNS(stele_subscriber_open(region, NULL, &subscriber), r, part);
	RETURNS(stele_publisher_open(region, &sysv, &publisher), r, part);
}

/* It is removed after the test. */
static int make_segment(unsigned which, size_t size, int mode)
{
	int segment = shmget(IPC_PRIVATE, size, IPC_CREAT | mode);

	cr_assert_geq(segment, 0, "%s", strerror(errno));
	shared->segments[which] = segment + 1;
	return segment;
}

Test(ipc_sysv, a_file_that_names_the_wrong_segment)
{
	struct layout_header good, bad;
	int strange = make_segment(0, SIZE, 0600), writable = make_segment(1, SIZE, 0660);
	int small = make_segment(2, 4096, 0600);

	stele_publisher_close(ipc_publish(region, &sysv));
	stele_publisher_close(ipc_publish(other_region, &sysv));
	read_header(region, &good);
	bad = good;
	bad.segment = strange;
	write_header(&bad);
	refused(-EBADMSG, "is not this region's");
	bad.segment = small;
	write_header(&bad);
	refused(-EBADMSG, "is not this region's");
	bad.segment = writable;
	write_header(&bad);
	refused(-EPERM, "may be written by others");
	bad.segment = good.segment + 32768;
	write_header(&bad);
	refused(-EBADMSG, "was removed");
	bad.segment = -5;
	write_header(&bad);
	refused(-EBADMSG, "was removed");
	read_header(other_region, &bad);
	bad.segment = good.segment;
	write_header(&bad);
	refused(-EBADMSG, "is not this region's");
	for (unsigned i = 0; i < 3; i++) {
		bad = good;
		if (i == 0)
			bad.generation++;
		else if (i == 1)
			bad.maximum_size = bad.limit_size = SIZE / 2;
		else
			bad.arena_offset += LAYOUT_PAGE;
		write_header(&bad);
		refused(-EBADMSG, "is not this region's");
	}
	/* A kind that nobody knows yet: it is another layout. */
	bad = good;
	bad.memory = 7;
	write_header(&bad);
	RETURNS(stele_subscriber_open(region, NULL, &(struct stele_subscriber *){ NULL }), -EPROTONOSUPPORT,
	        "kind of memory");
	/* Neither of the two others is removed with the region. */
	bad = good;
	bad.segment = strange;
	write_header(&bad);
	OK(stele_region_remove(region));
	cr_expect_eq(shmctl(strange, IPC_STAT, &(struct shmid_ds){ 0 }), 0);
	cr_expect(!find_segment(memory_key(good.uuid), 0, NULL), "the region's own segment is left");
	cr_expect(find_segment(key_of(other_region), 0, NULL));
}

static void as_nobody(unsigned mode)
{
	struct stele_subscriber *subscriber;
	struct layout_header header;
	int fd = (int)ipc_told(0);

	CHECK(pread(fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header), "%s", strerror(errno));
	CHECK(setgroups(0, NULL) == 0 && setgid(IPC_NOBODY) == 0 && setuid(IPC_NOBODY) == 0, "%s", strerror(errno));
	CHECK(shmat(header.segment, NULL, 0) == (void *)-1 && errno == EACCES, "nobody attached it for writing");
	CHECK(shmctl(header.segment, IPC_RMID, NULL) < 0 && errno == EPERM, "nobody removed it");
	if (mode == 0644) {
		subscriber = ipc_subscribe(0, NULL);
		CHECK(ipc_read(subscriber) == 1, "%s", stele_last_error());
		CHECK(ipc_describe(subscriber).registered, "%s", ipc_describe(subscriber).reason);
		stele_subscriber_close(subscriber);
		return;
	}
	CHECK(shmat(header.segment, NULL, SHM_RDONLY) == (void *)-1 && errno == EACCES, "nobody attached it");
	RETURNS(stele_subscriber_open(region, NULL, &subscriber), -EACCES, "may not open");
}

Test(ipc_sysv, nobody_reads_it_if_the_mode_says_so_and_never_writes)
{
	struct stele_publisher_options options = sysv;
	char path[128];

	needs_root();
	for (unsigned i = 0; i < 2; i++) {
		int fd;
		options.mode = i == 0 ? 0644 : 0640;
		stele_publisher_close(ipc_publish(region, &options));
		ipc_path(path, "");
		fd = open(path, O_RDONLY);
		cr_assert_geq(fd, 0);
		ipc_tell(0, (uint64_t)fd);
		ipc_join(ipc_spawn(as_nobody, options.mode));
		close(fd);
		OK(stele_region_remove(region));
	}
}

static void elsewhere(unsigned argument)
{
	struct stele_subscriber *subscriber;
	struct stele_publisher *publisher;

	(void)argument;
	CHECK(unshare(CLONE_NEWIPC) == 0, "%s", strerror(errno));
	RETURNS(stele_subscriber_open(region, NULL, &subscriber), -EACCES, "another IPC namespace");
	RETURNS(stele_publisher_open(region, &sysv, &publisher), -EACCES, "another IPC namespace");
	RETURNS(stele_region_remove(region), -EACCES, "another IPC namespace");
}

Test(ipc_sysv, another_ipc_namespace_does_not_have_it)
{
	struct stele_subscriber *subscriber;

	needs_root();
	stele_publisher_close(ipc_publish(region, &sysv));
	ipc_join(ipc_spawn(elsewhere, 0));
	subscriber = ipc_subscribe(0, NULL);
	cr_expect_eq(ipc_read(subscriber), 1);
	stele_subscriber_close(subscriber);
}

static void set_limit(const char *name, const char *value)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/sys/kernel/%s", name);
	file = fopen(path, "we");
	cr_assert(file && fputs(value, file) >= 0 && fclose(file) == 0, "%s: %s", path, strerror(errno));
}

Test(ipc_sysv, the_kernels_limits_are_named)
{
	static const char *const limits[][2] = { { "shmmax", "1000000" }, { "shmall", "100" }, { "shmmni", "0" } };
	struct stele_publisher *publisher;

	needs_root();
	cr_assert_eq(unshare(CLONE_NEWIPC), 0, "%s", strerror(errno));
	for (unsigned i = 0; i < 3; i++) {
		set_limit(limits[i][0], limits[i][1]);
		RETURNS(stele_publisher_open(region, &sysv, &publisher), -ENOSPC, limits[i][0]);
		RETURNS(stele_region_remove(region), -ENOENT, region);
		set_limit(limits[i][0], i == 0 ? "10000000000" : i == 1 ? "10000000" : "4096");
	}
	stele_publisher_close(ipc_publish(region, &sysv));
	OK(stele_region_remove(region));
}

/* ---- threads, which under ThreadSanitizer have one mapping of the segment ---- */

#define THREAD_COMMITS 2000u

static void *read_in_thread(void *argument)
{
	struct stele_subscriber *subscriber = ipc_subscribe(0, argument ? "futex" : NULL);
	uint64_t version = 0, before = 0;

	while (version <= THREAD_COMMITS) {
		version = ipc_read(subscriber);
		CHECK(version >= before, "%llu after %llu", (unsigned long long)version, (unsigned long long)before);
		before = version;
		if (version <= THREAD_COMMITS)
			OK(stele_subscriber_wait(subscriber, version, ipc_now() + IPC_PATIENCE, &version));
	}
	stele_subscriber_close(subscriber);
	return NULL;
}

Test(ipc_sysv, threads_of_one_process)
{
	struct stele_publisher *publisher = ipc_publish(region, &sysv);
	pthread_t threads[2];

	for (unsigned i = 0; i < 2; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, read_in_thread, i ? &threads : NULL), 0);
	while (ipc_commit(publisher) <= THREAD_COMMITS)
		;
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	stele_publisher_close(publisher);
}
