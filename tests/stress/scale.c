/* SPDX-License-Identifier: MIT
 *
 * Two thousand subscriber processes on one region. Some wait on queues, as many as the system
 * has, the others on the futex. Each sees the last of ten thousand commits, and leaves nothing
 * behind. */
#include <sys/resource.h>

#include "tests/support/ipc/ipc.h"

TestSuite(stress_scale, .init = ipc_begin, .fini = ipc_end, .timeout = 280);

/* Processes with sanitizers are heavy. */
#define SUBSCRIBERS (SANITIZED ? 200u : 2000u)
#define BURST       (SANITIZED ? 2000u : 10000u)
#define LAST        (BURST + 1)

enum { READY, DONE, FAILED };
enum { QUEUES, FUTEXES, VERSIONS };

static void count(unsigned which)
{
	__atomic_fetch_add(&shared->number[which], 1, __ATOMIC_SEQ_CST);
}

/* Runs a subscriber in as light a process as possible, which touches little but its own handle. */
static void subscribe_and_follow(void)
{
	struct stele_subscriber *subscriber = ipc_subscribe(0, NULL);
	uint64_t version = 1;

	count(strcmp(ipc_describe(subscriber).notifier, "mq") == 0 ? QUEUES : FUTEXES);
	__atomic_fetch_add(&shared->stage[READY], 1, __ATOMIC_SEQ_CST);
	while (version < LAST) {
		RETURNS(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version), 1, "");
		count(VERSIONS);
	}
	CHECK(version == LAST && ipc_read(subscriber) == LAST, "version %llu",
	      (unsigned long long)version);
	stele_subscriber_close(subscriber);
}

static void spawn_all(pid_t *pids)
{
	pid_t parent = getpid();

	for (unsigned i = 0; i < SUBSCRIBERS; i++) {
		pids[i] = fork();
		cr_assert(pids[i] >= 0, "%u processes: %s", i, strerror(errno));
		if (pids[i] > 0)
			continue;
		ipc_spawned = true;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		close(ipc_pipe);
		subscribe_and_follow();
		_exit(0);
	}
}

/* Leaves message queues for tests that run at the same time: each IPC namespace has a limit on the
 * number of queues. Without a namespace of its own, this test uses at most 100 queues. */
static void leave_queues_to_others(void)
{
	struct rlimit few = {100 * 104,
	                     /* bytes that the kernel counts for all queues of this user */
	                     100 * 104};

	if (unshare(CLONE_NEWIPC) < 0)
		cr_assert_eq(setrlimit(RLIMIT_MSGQUEUE, &few), 0);
}

static bool slots_are_free(void)
{
	static struct layout_slot slots[LAYOUT_SLOTS_MAX];
	unsigned used = ipc_slots(slots, LAYOUT_SLOTS_MAX);

	for (unsigned i = 0; i < used; i++)
		if (slots[i].state != LAYOUT_SLOT_FREE)
			return false;
	return used >= SUBSCRIBERS;
}

Test(stress_scale, thousands_of_processes_see_the_last_version)
{
	/* A thread sends the notices. Without it each commit would wake two thousand processes
	 * before it returns. */
	struct stele_publisher_options options = {
		.size = sizeof(options),
		.flags = STELE_CREATE | STELE_NOTIFIER_THREAD,
	};
	struct stele_publisher *publisher;
	pid_t *pids = calloc(SUBSCRIBERS, sizeof(*pids));
	int64_t begin = clock_now(), until = begin + 200 * NSEC_PER_SEC;
	unsigned wrong = 0;
	int status;

	leave_queues_to_others();
	publisher = ipc_publish(region, &options);
	spawn_all(pids);
	while (ipc_stage(READY) < SUBSCRIBERS) {
		cr_assert(clock_now() < until && waitpid(-1, &status, WNOHANG) <= 0,
		          "%u of %u are there", ipc_stage(READY), SUBSCRIBERS);
		sched_yield();
	}
	printf("%u subscribers after %.1f s: %llu on queues, %llu on the futex\n", SUBSCRIBERS,
	       (double)(clock_now() - begin) / NSEC_PER_SEC, (unsigned long long)ipc_told(QUEUES),
	       (unsigned long long)ipc_told(FUTEXES));
	cr_expect_eq(ipc_told(QUEUES) + ipc_told(FUTEXES), SUBSCRIBERS);
	begin = clock_now();
	for (unsigned i = 0; i < BURST; i++)
		ipc_commit(publisher);
	cr_assert_eq(stele_publisher_version(publisher), LAST);
	printf("%u commits in %.3f s\n", BURST, (double)(clock_now() - begin) / NSEC_PER_SEC);
	for (unsigned i = 0; i < SUBSCRIBERS; i++)
		wrong += waitpid(pids[i], &status, 0) != pids[i] || status != 0;
	printf("all have seen the last after %.3f s, and %.1f versions each\n",
	       (double)(clock_now() - begin) / NSEC_PER_SEC,
	       (double)ipc_told(VERSIONS) / SUBSCRIBERS);
	cr_expect_eq(wrong, 0, "%u of %u failed", wrong, SUBSCRIBERS);
	cr_expect(slots_are_free());
	cr_expect_eq(ipc_stats(publisher).notices_failed, 0);
	free(pids);
	stele_publisher_close(publisher);
}
