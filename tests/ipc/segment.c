/* SPDX-License-Identifier: MIT
 *
 * The System V segment of a region and the file that names it: what remains of them after deaths
 * and removals, what happens when one of the two is lost, and which segments are refused. */
#include <grp.h>
#include <sys/ptrace.h>

#include "lib/base/checksum.h"
#include "lib/storage/storage_sysv.h"
#include "lib/region/region.h"
#include "tests/support/ipc/segment.h"

TestSuite(ipc_segment, .init = ipc_begin, .fini = ipc_end, .timeout = 240);

/* ---- creation ---- */

static void create_traced(unsigned argument)
{
	struct stele_publisher *publisher;

	(void)argument;
	CHECK(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0, "%s", strerror(errno));
	raise(SIGSTOP);
	OK(stele_publisher_open(region, &segment_options, &publisher));
	_exit(0);
}

/* Kills a creator before or after its n-th system call. Returns false if the creator finished
 * before that call. */
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

/* Creating the next region of that name, in whatever memory, removes the leftovers; so does
 * removing the region. */
Test(ipc_segment, a_creator_killed_at_any_system_call_leaves_nothing)
{
	struct stele_publisher_options next = segment_options;
	unsigned segments = 0, stops;
	struct segment segment = {0};
	pid_t dead;

	for (stops = 1;; stops++) {
		bool killed = kill_creator(stops, &dead), left = segment_find(0, dead, NULL);

		ipc_forget(dead);
		segments += left;
		if (stops % 3 == 0) {
			int r = stele_region_remove(region);
			cr_assert(r == 0 || r == -ENOENT, "%s", stele_last_error());
		} else {
			struct stele_publisher *publisher;
			bool whole =
				stele_region_describe(
					region,
					&(struct stele_region_info){
						.size = sizeof(struct stele_region_info)}) == 0;
			next.memory = stops % 3 == 1 ? STELE_MEMORY_SYSV : STELE_MEMORY_SHM;
			OK(stele_publisher_open(region, &next, &publisher));
			cr_expect(!segment_find(0, dead, NULL) || whole,
			          "after stop %u a segment is left", stops);
			stele_publisher_close(publisher);
			OK(stele_region_remove(region));
		}
		cr_assert(!segment_find(0, dead, &segment), "after stop %u segment %d is left",
		          stops, segment.id);
		cr_assert(!segment_find(0, getpid(), &segment), "after stop %u segment %d is left",
		          stops, segment.id);
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
	RETURNS(stele_snapshot_get(snapshot, "rows", NULL, key, 32, &row), 1, "");
	memcpy(&value, row.value, sizeof(value));
	CHECK(ipc_whole(&value, 0) && value.number == 1, "number %llu",
	      (unsigned long long)value.number);
	ipc_reach(argument, 2);
	ipc_await(argument, 3);
	stele_snapshot_close(snapshot);
	stele_subscriber_close(subscriber);
}

Test(ipc_segment, a_removed_segment_stays_with_its_readers)
{
	struct segment segment = {0};
	pid_t pids[2];
	int id;

	stele_publisher_close(ipc_publish(region, &segment_options));
	cr_assert(segment_find(segment_region_key(region), 0, &segment));
	id = segment.id;
	for (unsigned i = 0; i < 2; i++) {
		pids[i] = ipc_spawn(keep_reading, i);
		ipc_await(i, 1);
		UNTIL(ipc_blocked(pids[i]));
	}
	OK(stele_region_remove(region));
	cr_expect(!segment_find(segment.key, 0, NULL), "the segment has its key still");
	for (unsigned i = 0; i < 2; i++)
		ipc_await(i, 2);
	for (unsigned i = 0; i < 2; i++) {
		ipc_reach(i, 3);
		ipc_join(pids[i]);
	}
	cr_expect_eq(shmctl(id, IPC_STAT, &(struct shmid_ds){0}), -1, "the segment is there still");
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
		/* The pin of the first snapshot is still honoured, as the memory is the same. */
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

/* Removes the data file. One publisher, or one of two that share the region, writes it again for
 * the same segment. */
static void lose_name(unsigned flags)
{
	struct stele_publisher_options options = segment_options;
	struct stele_publisher *publishers[2];
	unsigned count = flags ? 2 : 1;
	struct layout_header before, after;
	struct segment segment = {0};
	pid_t pids[2];
	int attached;

	options.flags |= flags;
	for (unsigned i = 0; i < count; i++)
		publishers[i] = ipc_publish(region, &options);
	segment_read_header(region, &before);
	for (unsigned i = 0; i < 2; i++) {
		ipc_reach(i, 0);
		pids[i] = ipc_spawn(follow_until_removed, i);
		ipc_await(i, 1);
	}
	cr_assert(segment_find(storage_sysv_key(before.uuid), 0, &segment));
	attached = segment.attached;
	for (unsigned round = 0; round < 2; round++) {
		uint64_t version = 0;
		unlink_data();
		UNTIL((ipc_commit(publishers[round % count]), data_is_there()));
		segment_read_header(region, &after);
		cr_expect_arr_eq(&before, &after, sizeof(before));
		/* Each publisher continues for longer than the interval between its checks. */
		for (int64_t until = clock_now() + 3 * NSEC_PER_SEC / 2; clock_now() < until;
		     usleep(20000))
			for (unsigned i = 0; i < count; i++) {
				struct stele_transaction *tx;
				OK(stele_transaction_begin(publishers[i], &tx));
				ipc_put(tx, 0, segment_describe().version + 1);
				RETURNS(stele_transaction_commit(tx, NULL, &version), 1, "");
			}
		for (unsigned i = 0; i < 2; i++)
			UNTIL(ipc_told(i) == version);
		cr_expect_eq(segment_describe().generation, 1);
		cr_expect(segment_describe().publisher_attached);
		/* No process attached the segment twice. */
		cr_expect(segment_find(storage_sysv_key(before.uuid), 0, &segment) &&
		                  segment.attached == attached,
		          "attached %d times, not %d", segment.attached, attached);
	}
	for (unsigned i = 0; i < count; i++)
		stele_publisher_close(publishers[i]);
	OK(stele_region_remove(region));
	for (unsigned i = 0; i < 2; i++)
		ipc_join(pids[i]);
	cr_expect(!segment_find(storage_sysv_key(before.uuid), 0, NULL));
}

Test(ipc_segment, a_lost_file_is_rewritten_for_the_same_segment)
{
	lose_name(0);
}

Test(ipc_segment, a_lost_file_is_rewritten_for_shared_publishers)
{
	lose_name(STELE_SHARED);
}

Test(ipc_segment, a_removed_segment_is_reported)
{
	struct stele_publisher *publisher = ipc_publish(region, &segment_options), *second;
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL), *late;
	struct stele_transaction *tx;
	struct layout_header header;
	uint64_t version;
	int r;

	segment_read_header(region, &header);
	cr_assert_eq(shmctl(header.segment, IPC_RMID, NULL), 0);
	RETURNS(stele_subscriber_open(region, NULL, &late), -EBADMSG, "was removed");
	UNTIL((r = stele_transaction_begin(publisher, &tx)) < 0 ||
	      stele_transaction_abort(tx) != NULL);
	RETURNS(r, -EBADMSG, "removed while it was published");
	cr_expect_eq(ipc_read(subscriber), 1);
	/* A subscriber's wait fails with the same error. */
	RETURNS(stele_subscriber_wait(subscriber, 1, clock_now() + IPC_PATIENCE, &version),
	        -EBADMSG, "was removed");
	stele_publisher_close(publisher);
	RETURNS(stele_publisher_open(region, &segment_options, &second), -EBADMSG, "was removed");
	stele_subscriber_close(subscriber);
	RETURNS(stele_publisher_open(region, &segment_options, &second), -EBADMSG, "was removed");
	OK(stele_region_remove(region));
	stele_publisher_close(ipc_publish(region, &segment_options));
}

/* ---- segments that are refused ---- */

/* Writes another header into the data file, with the right checksum. */
static void write_header(struct layout_header *header)
{
	char path[128];
	int fd;

	header->checksum = checksum_header(header);
	ipc_path(path, "");
	fd = open(path, O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0 && pwrite(fd, header, sizeof(*header), 0) == (ssize_t)sizeof(*header), "%s",
	      strerror(errno));
	close(fd);
}

static void refused(int r, const char *part)
{
	struct stele_subscriber *subscriber;
	struct stele_publisher *publisher;

	RETURNS(stele_subscriber_open(region, NULL, &subscriber), r, part);
	RETURNS(stele_publisher_open(region, &segment_options, &publisher), r, part);
}

/* Creates a segment, which is removed after the test. */
static int make_segment(unsigned which, size_t size, int mode)
{
	int segment = shmget(IPC_PRIVATE, size, IPC_CREAT | mode);

	cr_assert_geq(segment, 0, "%s", strerror(errno));
	shared->segments[which] = segment + 1;
	return segment;
}

Test(ipc_segment, a_file_that_names_the_wrong_segment_is_refused)
{
	struct layout_header good, bad;
	int strange = make_segment(0, SEGMENT_SIZE, 0600),
	    writable = make_segment(1, SEGMENT_SIZE, 0660);
	int small = make_segment(2, 4096, 0600);

	stele_publisher_close(ipc_publish(region, &segment_options));
	stele_publisher_close(ipc_publish(other_region, &segment_options));
	segment_read_header(region, &good);
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
	refused(-EBADMSG, "its header does not fit");
	segment_read_header(other_region, &bad);
	bad.segment = good.segment;
	write_header(&bad);
	refused(-EBADMSG, "is not this region's");
	for (unsigned i = 0; i < 3; i++) {
		bad = good;
		if (i == 0)
			bad.generation++;
		else if (i == 1)
			bad.maximum_size = bad.limit_size = SEGMENT_SIZE / 2;
		else
			bad.arena_offset += LAYOUT_PAGE;
		write_header(&bad);
		refused(-EBADMSG, "is not this region's");
	}
	/* An unknown kind of memory counts as another layout. */
	bad = good;
	bad.memory = 7;
	write_header(&bad);
	RETURNS(stele_subscriber_open(region, NULL, &(struct stele_subscriber *){NULL}),
	        -EPROTONOSUPPORT, "kind of memory");
	/* Neither of the two other segments is removed with the region. */
	bad = good;
	bad.segment = strange;
	write_header(&bad);
	OK(stele_region_remove(region));
	cr_expect_eq(shmctl(strange, IPC_STAT, &(struct shmid_ds){0}), 0);
	cr_expect(!segment_find(storage_sysv_key(good.uuid), 0, NULL),
	          "the region's own segment is left");
	cr_expect(segment_find(segment_region_key(other_region), 0, NULL));
}

static void take_key(unsigned argument)
{
	int segment;

	(void)argument;
	CHECK(setgroups(0, NULL) == 0 && setgid(IPC_NOBODY) == 0 && setuid(IPC_NOBODY) == 0, "%s",
	      strerror(errno));
	segment = shmget((key_t)ipc_told(0), 4096, IPC_CREAT | IPC_EXCL | 0666);
	CHECK(segment >= 0, "%s", strerror(errno));
	shared->segments[0] = segment + 1;
}

/* ipcs -m shows the keys, and any user may take a free one. */
Test(ipc_segment, a_key_that_another_user_took_is_not_used_again)
{
	struct layout_header header;

	segment_needs_root();
	stele_publisher_close(ipc_publish(region, &segment_options));
	segment_read_header(region, &header);
	cr_assert_eq(shmctl(header.segment, IPC_RMID, NULL), 0);
	unlink_data();
	ipc_tell(0, (uint64_t)storage_sysv_key(header.uuid));
	ipc_join(ipc_spawn(take_key, 0));
	/* The publisher file stays, but a new region has a uuid of its own, and so another key. */
	stele_publisher_close(ipc_publish(region, &segment_options));
	cr_expect_neq(segment_region_key(region), storage_sysv_key(header.uuid));
	cr_expect_eq(shmctl(shared->segments[0] - 1, IPC_STAT, &(struct shmid_ds){0}), 0,
	             "a stranger's segment was removed");
}

static void as_nobody(unsigned mode)
{
	struct stele_subscriber *subscriber;
	struct layout_header header;
	int fd = (int)ipc_told(0);

	CHECK(pread(fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header), "%s",
	      strerror(errno));
	CHECK(setgroups(0, NULL) == 0 && setgid(IPC_NOBODY) == 0 && setuid(IPC_NOBODY) == 0, "%s",
	      strerror(errno));
	CHECK(shmat(header.segment, NULL, 0) == (void *)-1 && errno == EACCES,
	      "nobody attached it for writing");
	CHECK(shmctl(header.segment, IPC_RMID, NULL) < 0 && errno == EPERM, "nobody removed it");
	if (mode == 0644) {
		subscriber = ipc_subscribe(0, NULL);
		CHECK(ipc_read(subscriber) == 1, "%s", stele_last_error());
		CHECK(ipc_describe(subscriber).registered, "%s", ipc_describe(subscriber).reason);
		stele_subscriber_close(subscriber);
		return;
	}
	CHECK(shmat(header.segment, NULL, SHM_RDONLY) == (void *)-1 && errno == EACCES,
	      "nobody attached it");
	RETURNS(stele_subscriber_open(region, NULL, &subscriber), -EACCES, "may not open");
}

Test(ipc_segment, other_users_read_if_the_mode_allows_and_never_write)
{
	struct stele_publisher_options options = segment_options;
	char path[128];

	segment_needs_root();
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
	RETURNS(stele_publisher_open(region, &segment_options, &publisher), -EACCES,
	        "another IPC namespace");
	RETURNS(stele_region_remove(region), -EACCES, "another IPC namespace");
}

Test(ipc_segment, a_segment_is_invisible_in_another_ipc_namespace)
{
	struct stele_subscriber *subscriber;

	segment_needs_root();
	stele_publisher_close(ipc_publish(region, &segment_options));
	ipc_join(ipc_spawn(elsewhere, 0));
	subscriber = ipc_subscribe(0, NULL);
	cr_expect_eq(ipc_read(subscriber), 1);
	stele_subscriber_close(subscriber);
}
