/* SPDX-License-Identifier: MIT
 *
 * What every notifier promises when something goes wrong, tested with each: killed subscribers,
 * unusable objects, forged notices, other users; and to which processes a signal may be sent. */
#include <sys/msg.h>
#include <dirent.h>
#include <grp.h>
#include <mqueue.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "notifier/notifier.h"
#include "lib/storage/folder.h"
#include "tests/support/ipc/promise.h"
#include "tests/support/random.h"

TestSuite(notices_notifier_harm, .init = ipc_begin, .fini = ipc_end, .timeout = 240);

/* ---- killed ---- */

#define KILLS 40u
#define SEED  20250117u

static void come_and_go(unsigned mechanism)
{
	for (;;) {
		struct stele_subscriber *subscriber = promise_subscribe(mechanism);
		uint64_t version;
		ipc_tell(1, ipc_told(1) + 1);
		OK(stele_subscriber_wait(subscriber, UINT64_MAX >> 1, clock_now() + NSEC_PER_MSEC,
		                         &version));
		stele_subscriber_close(subscriber);
	}
}

static unsigned folder_entries(void)
{
	struct dirent *entry;
	struct region_paths names;
	unsigned count = 0;
	DIR *directory;

	OK(paths_make(region, &names));
	directory = opendir(names.folder);
	CHECK(directory, "%s: %s", names.folder, strerror(errno));
	while ((entry = readdir(directory)) != NULL)
		count += entry->d_name[0] != '.';
	closedir(directory);
	return count;
}

static void nothing_is_left(unsigned mechanism, unsigned round, const struct layout_slot *before,
                            unsigned count)
{
	struct layout_slot slots[64];
	struct msqid_ds status;
	char name[NAMES_QUEUE_SIZE];
	int queue = promise_sysv_queue();

	for (unsigned i = 0; i < count; i++) {
		paths_queue(region, before[i].uuid, name);
		CHECK(mq_open(name, O_WRONLY) < 0 && errno == ENOENT,
		      "%s round %u: %s is left (seed %u)", mechanisms[mechanism].name, round, name,
		      SEED);
	}
	count = ipc_slots(slots, 64);
	for (unsigned i = 0; i < count; i++)
		CHECK(slots[i].state == LAYOUT_SLOT_FREE, "%s round %u: slot %u is taken (seed %u)",
		      mechanisms[mechanism].name, round, i, SEED);
	CHECK(folder_entries() == 0, "%s round %u: entries are left (seed %u)",
	      mechanisms[mechanism].name, round, SEED);
	if (queue >= 0)
		CHECK(msgctl(queue, IPC_STAT, &status) == 0 && status.msg_qnum == 0,
		      "%s round %u: %lu messages are left (seed %u)", mechanisms[mechanism].name,
		      round, (unsigned long)status.msg_qnum, SEED);
}

PROMISE(notices_notifier_harm, a_subscriber_killed_at_any_moment_leaves_nothing)
{
	uint64_t random = SEED;

	for (unsigned round = 0; round < KILLS; round++) {
		struct layout_slot slots[64];
		uint64_t came = ipc_told(1);
		unsigned count;
		pid_t child = ipc_spawn(come_and_go, mechanism);
		int64_t until;
		if (round % 2)
			UNTIL(ipc_told(1) > came);
		/* Kill the subscriber at a random moment, while notices are being sent. */
		until = clock_now() + (int64_t)(random_from(&random) % (3 * NSEC_PER_MSEC));
		do
			ipc_commit(publisher);
		while (clock_now() < until);
		ipc_kill(child);
		count = ipc_slots(slots, 64);
		OK(stele_publisher_reap(publisher));
		nothing_is_left(mechanism, round, slots, count);
	}
}

/* ---- one subscriber's object can't be used ---- */

static void follow_first(unsigned mechanism)
{
	promise_follow(mechanism, 0, 1);
}

static void follow_second(unsigned mechanism)
{
	ipc_only_notices();
	promise_follow(mechanism, 1, 1);
}

/* Makes the object of one subscriber unusable: removed or, as the publisher is not root, without
 * permission. */
static void spoil(unsigned mechanism, pid_t pid, pid_t other)
{
	char name[NAMES_QUEUE_SIZE], path[NAMES_PATH_SIZE], other_path[NAMES_PATH_SIZE];
	struct layout_slot slot = promise_slot(pid, NULL), other_slot = promise_slot(other, NULL);

	paths_queue(region, slot.uuid, name);
	promise_entry_path(&slot, path);
	promise_entry_path(&other_slot, other_path);
	if (mechanism == MQ) {
		CHECK(mq_unlink(name) == 0, "%s", strerror(errno));
	} else if (geteuid() != 0) {
		CHECK(chmod(path, 0) == 0, "%s", strerror(errno));
	} else {
		/* A symbolic link, which must not be followed. */
		CHECK(unlink(path) == 0 && symlink(other_path, path) == 0, "%s", strerror(errno));
	}
}

/* Stops a waiting subscriber, so that it does not check by itself. */
static void stop_waiting(pid_t pid)
{
	for (;;) {
		UNTIL(ipc_blocked(pid));
		kill(pid, SIGSTOP);
		UNTIL(ipc_is(pid, 'T'));
		if (promise_slot(pid, NULL).ticket % 2 == 1)
			return;
		kill(pid, SIGCONT);
	}
}

PROMISE(notices_notifier_harm, a_failure_for_one_subscriber_affects_no_other)
{
	if (mechanism > SIGNAL)
		return; /* this notifier has no object of one subscriber that could fail alone */
	for (unsigned i = 0; i < 3; i++) {
		uint64_t failed = ipc_stats(publisher).notices_failed;
		pid_t first, second;
		memset(shared, 0, sizeof(*shared));
		first = ipc_spawn(follow_first, mechanism);
		stop_waiting(first);
		second = ipc_spawn(follow_second, mechanism);
		UNTIL(ipc_blocked(second));
		spoil(mechanism, first, second);
		ipc_commit(publisher);
		ipc_await(3, 1);
		for (unsigned j = 0; j < 20; j++)
			ipc_commit(publisher);
		cr_expect_eq(ipc_stats(publisher).notices_failed, failed + 1, "%s: %llu failed",
		             mechanisms[mechanism].name,
		             (unsigned long long)(ipc_stats(publisher).notices_failed - failed));
		/* The first subscriber finds the version by its own check. */
		kill(first, SIGCONT);
		ipc_await(1, 1);
		ipc_join(first);
		ipc_join(second);
	}
}

/* ---- forged notices ---- */

static void become(uid_t user, gid_t group)
{
	CHECK(setresgid(group, group, group) == 0 && setresuid(user, user, user) == 0, "%s",
	      strerror(errno));
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 1);
}

/* Sends whatever a subscriber may take for notices, as far as the system allows; returns the number
 * sent. */
static unsigned forge_some(unsigned mechanism, pid_t pid, const struct layout_slot *slot,
                           unsigned index)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct {
		long type;
		char none[1];
	} message = {.type = (long)index + 1};
	char path[NAMES_PATH_SIZE], name[NAMES_QUEUE_SIZE];
	unsigned sent = 0;
	int fd = -1;

	promise_entry_path(slot, path);
	paths_queue(region, slot->uuid, name);
	if (mechanism == MQ)
		fd = mq_open(name, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (mechanism == FIFO)
		fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (mechanism == SOCKET)
		fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", path);
	for (unsigned i = 0; i < 1000; i++) {
		if (mechanism == MQ)
			sent += mq_send(fd, "", 0, i % 100) == 0;
		if (mechanism == FIFO)
			sent += write(fd, "forged!", i % 9) > 0;
		if (mechanism == SOCKET)
			sent += sendto(fd, "forged!", i % 9, MSG_NOSIGNAL,
			               (struct sockaddr *)&address, sizeof(address)) >= 0;
		if (mechanism == SIGNAL)
			sent += sigqueue(pid, SIGRTMAX, (union sigval){0}) == 0;
		if (mechanism == SYSV)
			sent += msgsnd((int)ipc_told(20), &message, 0, IPC_NOWAIT) == 0;
	}
	if (fd >= 0)
		close(fd);
	return sent;
}

/* Scribbles over the words of the semaphore, and wakes. */
static unsigned scribble(unsigned index)
{
	uint64_t random = SEED, *words;
	char path[128];
	size_t size = sizeof(struct layout_subscribers_header) + 64 * sizeof(struct layout_slot);
	unsigned char *base;
	int fd;

	ipc_path(path, ".subscribers");
	fd = open(path, O_RDWR | O_CLOEXEC);
	base = fd < 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED)
		return 0;
	words = &((struct layout_slot *)(void *)(base +
	                                         sizeof(struct layout_subscribers_header)))[index]
	                 .semaphore;
	for (unsigned i = 0; i < 1000; i++) {
		__atomic_store_n(words, random_from(&random), __ATOMIC_SEQ_CST);
		syscall(SYS_futex, words, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
	}
	return 1000;
}

static pid_t victim;

/* Forges notices as a member of the region's group, or as an unrelated user. */
static void forge(unsigned argument)
{
	unsigned mechanism = argument % MECHANISMS, index, sent;
	bool member = argument < MECHANISMS;
	struct layout_slot slot = promise_slot(victim, &index);
	gid_t group = getegid();

	ipc_tell(20, (uint64_t)promise_sysv_queue());
	CHECK(setgroups(0, NULL) == 0, "%s", strerror(errno));
	become(IPC_NOBODY, member ? group : IPC_NOBODY);
	sent = mechanism == SEMAPHORE ? scribble(index)
	                              : forge_some(mechanism, victim, &slot, index);
	if (!member || mechanism == FIFO || mechanism == SIGNAL)
		CHECK(sent == 0, "%s: %u were sent", mechanisms[mechanism].name, sent);
	else
		CHECK(sent > 0, "%s: none was sent", mechanisms[mechanism].name);
}

PROMISE(notices_notifier_harm, forged_notices_cost_one_check_each)
{
	unsigned from = 2;
	pid_t child;

	if (geteuid() != 0)
		cr_skip_test("other users need root");
	if (mechanism == FUTEX)
		return;
	ipc_only_notices();
	child = ipc_spawn(promise_follow_rounds, mechanism);
	victim = child;
	promise_commit_rounds(publisher, child, 0, 1, 1);
	for (unsigned stranger = 0; stranger < 2; stranger++) {
		ipc_await(0, from);
		UNTIL(ipc_blocked(child));
		ipc_join(ipc_spawn(forge, mechanism + stranger * MECHANISMS));
		UNTIL(ipc_blocked(child));
		cr_expect_lt(ipc_stage(1), from, "%s: it returned version %llu",
		             mechanisms[mechanism].name, (unsigned long long)ipc_told(8));
		promise_commit_rounds(publisher, child, 0, from, from + 4);
		from += 5;
	}
	promise_commit_rounds(publisher, child, 0, from, ROUNDS);
	ipc_join(child);
}

/* ---- signals go to no other process ---- */

static struct region_paths names;
static struct stele_region_info info = {.size = sizeof(info)};
static uint64_t head;

static struct channel channel_to(const uint8_t uuid[16])
{
	struct channel channel = {
		.names = &names, .head = &head, .owner = geteuid(), .group = getegid(), .fd = -1};

	memcpy(channel.uuid, uuid, 16);
	memcpy(channel.region_uuid, info.uuid, 16);
	return channel;
}

enum { NO_LOCK, OPEN_FILE_LOCK, NO_SIGNAL, TOO_LONG, READ_LOCK, GOOD, LOCKS };

/* Holds a lock of the given kind on the file, until it is killed. */
static void hold(unsigned kind)
{
	struct flock lock = {.l_type = kind == READ_LOCK ? F_RDLCK : F_WRLCK,
	                     .l_whence = SEEK_SET,
	                     .l_start = kind == NO_SIGNAL ? SIGTERM : SIGRTMAX,
	                     .l_len = kind == TOO_LONG ? 2 : 1};
	sigset_t set;
	char path[NAMES_PATH_SIZE];
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMAX);
	sigprocmask(SIG_BLOCK, &set, NULL);
	folder_entry(&names, (const uint8_t *)"0123456789abcdef", path);
	fd = open(path, O_RDWR | O_CLOEXEC);
	CHECK(fd >= 0, "%s", strerror(errno));
	if (kind != NO_LOCK)
		CHECK(fcntl(fd, kind == OPEN_FILE_LOCK ? F_OFD_SETLK : F_SETLK, &lock) == 0, "%s",
		      strerror(errno));
	ipc_reach(0, 1);
	ipc_await(0, 2);
	execlp("sleep", "sleep", "1000", NULL);
}

Test(notices_notifier_harm, a_signal_is_sent_to_the_holder_of_the_lock_only)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);
	struct channel channel;
	char path[NAMES_PATH_SIZE], exe[64], target[64];

	OK(paths_make(region, &names));
	OK(stele_region_describe(region, &info));
	channel = channel_to((const uint8_t *)"0123456789abcdef");
	folder_entry(&names, channel.uuid, path);
	for (unsigned kind = 0; kind < LOCKS; kind++) {
		pid_t child;
		memset(shared, 0, sizeof(*shared));
		close(open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600));
		child = ipc_spawn(hold, kind);
		ipc_await(0, 1);
		if (kind != GOOD) {
			cr_expect_lt(notifier_signal.attach(&channel), 0, "kind %u", kind);
			ipc_kill(child);
			continue;
		}
		cr_expect_eq(notifier_signal.attach(&channel), 0);
		cr_expect_eq(notifier_signal.send(&channel, 7), 0);
		/* The process runs another program now: the lock is released, and with it the right
		 * to be signalled. */
		ipc_reach(0, 2);
		snprintf(exe, sizeof(exe), "/proc/%d/comm", (int)child);
		UNTIL(({
			FILE *file = fopen(exe, "r");
			bool sleeps = file && fgets(target, sizeof(target), file) &&
			              !strcmp(target, "sleep\n");
			if (file)
				fclose(file);
			sleeps;
		}));
		cr_expect_lt(notifier_signal.send(&channel, 8), 0);
		notifier_signal.detach(&channel);
		ipc_kill(child);
	}
	unlink(path);
	stele_publisher_close(publisher);
}

/* A lock names a process that the file's user may not signal. */
Test(notices_notifier_harm, root_signals_no_process_that_the_user_could_not)
{
	struct stele_publisher *publisher;
	struct channel channel;
	char path[NAMES_PATH_SIZE];
	pid_t child;

	if (geteuid() != 0)
		cr_skip_test("other users need root");
	publisher = ipc_publish(region, NULL);
	OK(paths_make(region, &names));
	OK(stele_region_describe(region, &info));
	channel = channel_to((const uint8_t *)"0123456789abcdef");
	folder_entry(&names, channel.uuid, path);
	close(open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600));
	child = ipc_spawn(hold, GOOD);
	ipc_await(0, 1);
	cr_assert_eq(chown(path, IPC_NOBODY, IPC_NOBODY), 0);
	if (notifier_signal.attach(&channel) == 0) {
		cr_expect_lt(notifier_signal.send(&channel, 7), 0);
		notifier_signal.detach(&channel);
	}
	ipc_kill(child);
	stele_publisher_close(publisher);
}

static void *sleep_for_ever(void *argument)
{
	for (;;)
		pause();
	return argument;
}

static void with_an_unblocked_thread(unsigned argument)
{
	struct stele_subscriber_options options = {.size = sizeof(options), .notifier = "signal"};
	struct stele_subscriber *subscriber;
	sigset_t after;
	pthread_t thread;

	(void)argument;
	CHECK(pthread_create(&thread, NULL, sleep_for_ever, NULL) == 0, "no thread");
	RETURNS(stele_subscriber_open(region, &options, &subscriber), -EBUSY, "SIGRTMAX-7");
	sigprocmask(SIG_BLOCK, NULL, &after);
	CHECK(!sigismember(&after, SIGRTMAX), "it stayed blocked");
	CHECK(folder_entries() == 0, "an entry is left");
}

static void with_eight(unsigned argument)
{
	struct stele_subscriber_options options = {.size = sizeof(options), .notifier = "signal"};
	struct stele_subscriber *subscribers[8];

	(void)argument;
	signal(SIGRTMAX - 1, SIG_IGN);
	for (unsigned i = 0; i < 7; i++)
		subscribers[i] = promise_subscribe(SIGNAL);
	RETURNS(stele_subscriber_open(region, &options, &subscribers[7]), -EBUSY,
	        "no signal is free");
	stele_subscriber_close(subscribers[3]);
	subscribers[3] = promise_subscribe(SIGNAL);
	for (unsigned i = 0; i < 7; i++)
		stele_subscriber_close(subscribers[i]);
}

Test(notices_notifier_harm, a_signal_that_could_end_the_process_is_refused)
{
	struct stele_publisher *publisher = ipc_publish(region, NULL);

	if (NOTIFIER_THREADS)
		ipc_join(ipc_spawn(with_an_unblocked_thread, 0));
	ipc_join(ipc_spawn(with_eight, 0));
	stele_publisher_close(publisher);
}

/* ---- other users, removal ---- */

static void as_another_user(unsigned mechanism)
{
	struct stele_subscriber_options options = {.size = sizeof(options),
	                                           .notifier = mechanisms[mechanism].name};
	struct stele_subscriber *subscriber;

	CHECK(setgroups(0, NULL) == 0, "%s", strerror(errno));
	become(IPC_NOBODY, getegid());
	if (mechanism == FIFO)
		RETURNS(stele_subscriber_open(region, &options, &subscriber), -EPERM, "socket");
	else
		promise_follow(mechanism, 0, ROUNDS);
}

PROMISE(notices_notifier_harm, root_reaches_another_user_s_subscriber)
{
	pid_t child;

	if (geteuid() != 0)
		cr_skip_test("other users need root");
	ipc_only_notices();
	child = ipc_spawn(as_another_user, mechanism);
	if (mechanism != FIFO)
		promise_commit_rounds(publisher, child, 0, 1, ROUNDS);
	ipc_join(child);
}

Test(notices_notifier_harm, a_region_s_queue_is_removed_with_it)
{
	char path[128];

	if (!promise_can_spawn(SYSV))
		cr_skip_test("ThreadSanitizer lets no spawned process start threads");
	ipc_only_notices();
	for (unsigned lost = 0; lost < 2; lost++) {
		struct stele_publisher *publisher = ipc_publish(region, NULL);
		struct msqid_ds status;
		pid_t child;
		int queue;
		memset(shared, 0, sizeof(*shared));
		child = ipc_spawn(promise_follow_rounds, SYSV);
		promise_commit_rounds(publisher, child, 0, 1, 3);
		queue = promise_sysv_queue();
		cr_assert_geq(queue, 0);
		cr_expect(msgctl(queue, IPC_STAT, &status) == 0 &&
		                  (status.msg_perm.mode & 0777) == 0660,
		          "mode %o", status.msg_perm.mode);
		/* The object is removed under the waiter. Another one is created, and the waiter is
		 * woken. */
		ipc_await(0, 4);
		UNTIL(ipc_blocked(child));
		cr_expect_eq(msgctl(queue, IPC_RMID, NULL), 0);
		promise_commit_rounds(publisher, child, 0, 4, ROUNDS);
		ipc_join(child);
		queue = promise_sysv_queue();
		cr_assert_geq(queue, 0);
		stele_publisher_close(publisher);
		ipc_path(path, "");
		if (lost)
			cr_assert_eq(unlink(path), 0);
		OK(stele_region_remove(region));
		cr_expect(msgctl(queue, IPC_STAT, &status) < 0, "the queue is left");
	}
}
