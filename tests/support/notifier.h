/* SPDX-License-Identifier: MIT
 *
 * What the tests of all notifiers share: each promise is a test that is run with each mechanism. */
#ifndef TESTS_SUPPORT_NOTIFIER_H
#define TESTS_SUPPORT_NOTIFIER_H

#include <sys/msg.h>

#include "lib/storage/folder.h"
#include "lib/storage/paths.h"
#include "tests/support/ipc.h"

enum { MQ, SOCKET, FIFO, SIGNAL, SEMAPHORE, SYSV, FUTEX, MECHANISMS };
static const struct {
	const char *name;
	bool has_descriptor;
} mechanisms[MECHANISMS] = {
	[MQ] = {"mq", true},         [SOCKET] = {"socket", true},        [FIFO] = {"fifo", true},
	[SIGNAL] = {"signal", true}, [SEMAPHORE] = {"semaphore", false}, [SYSV] = {"sysv", false},
	[FUTEX] = {"futex", false},
};

/* ThreadSanitizer can't start threads in a process that was forked from one that has some, and Criterion's has. */
#if defined(__SANITIZE_THREAD__)
#define NOTIFIER_THREADS false
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NOTIFIER_THREADS false
#endif
#endif
#ifndef NOTIFIER_THREADS
#define NOTIFIER_THREADS true
#endif

/* Whether a process that the test spawns can use the mechanism. */
static inline bool can_spawn(unsigned mechanism)
{
	return mechanism != SYSV || NOTIFIER_THREADS;
}

/* A promise is a function of the mechanism and a region that has one version; the region is made anew for each. Those
 * _WITHIN the test's process spawn none. */
#define PROMISE(suite_, name_)        NOTIFIER_PROMISE(suite_, name_, true)
#define PROMISE_WITHIN(suite_, name_) NOTIFIER_PROMISE(suite_, name_, false)
#define NOTIFIER_PROMISE(suite_, name_, spawns_) \
	static void name_(unsigned mechanism, struct stele_publisher *publisher); \
	Test(suite_, name_) \
	{ \
		for_each(name_, spawns_); \
	} \
	static void name_(unsigned mechanism, struct stele_publisher *publisher)

static inline void for_each(void (*promise)(unsigned, struct stele_publisher *), bool spawns)
{
	for (unsigned i = 0; i < MECHANISMS; i++) {
		struct stele_publisher *publisher;
		if (spawns && !can_spawn(i))
			continue;
		publisher = ipc_publish(region, NULL);
		memset(shared, 0, sizeof(*shared));
		promise(i, publisher);
		stele_publisher_close(publisher);
		OK(stele_region_remove(region));
	}
}

static inline struct stele_subscriber *subscribe(unsigned mechanism)
{
	struct stele_subscriber *subscriber = ipc_subscribe(0, mechanisms[mechanism].name);

	CHECK(strcmp(ipc_describe(subscriber).notifier, mechanisms[mechanism].name) == 0, "%s",
	      ipc_describe(subscriber).notifier);
	return subscriber;
}

/* Of the subscriber that is this process. */
static inline struct layout_slot slot_of(pid_t pid, unsigned *ret_index)
{
	struct layout_slot slots[64];
	unsigned count = ipc_slots(slots, 64), i = 0;

	while (i < count && (slots[i].state != LAYOUT_SLOT_TAKEN || slots[i].pid != (uint32_t)pid))
		i++;
	CHECK(i < count, "process %d is not registered", (int)pid);
	if (ret_index)
		*ret_index = i;
	return slots[i];
}

/* The region's System V queue, or -1. */
static inline int sysv_queue(void)
{
	struct stele_region_info info = {.size = sizeof(info)};
	key_t key;

	OK(stele_region_describe(region, &info));
	memcpy(&key, info.uuid, sizeof(key));
	return msgget(key, 0);
}

static inline void entry_path(const struct layout_slot *slot, char path[NAMES_PATH_SIZE])
{
	struct region_paths names;

	OK(paths_make(region, &names));
	folder_entry(&names, slot->uuid, path);
}

/* ---- being woken ---- */

#define ROUNDS 12u

/* Waits for version after version, and tells each. Stages 0 and 1 are of subscriber 0, and so on. */
static inline void follow(unsigned mechanism, unsigned who, unsigned rounds)
{
	struct stele_subscriber *subscriber = subscribe(mechanism);
	uint64_t version;

	OK(stele_subscriber_version(subscriber, &version));
	for (uint32_t round = 1; round <= rounds; round++) {
		ipc_reach(2 * who, round);
		RETURNS(stele_subscriber_wait(subscriber, version, STELE_FOREVER, &version), 1, "");
		CHECK(ipc_read(subscriber) >= version, "%llu", (unsigned long long)version);
		ipc_tell(8 + who, version);
		ipc_reach(2 * who + 1, round);
	}
	stele_subscriber_close(subscriber);
}

static inline void follow_rounds(unsigned mechanism)
{
	follow(mechanism, 0, ROUNDS);
}

/* Commits once the child sleeps, and awaits that it is up, round after round. */
static inline void commit_rounds(struct stele_publisher *publisher, pid_t child, unsigned who,
                                 unsigned from, unsigned to)
{
	for (uint32_t round = from; round <= to; round++) {
		ipc_await(2 * who, round);
		UNTIL(ipc_blocked(child));
		ipc_commit(publisher);
		ipc_await(2 * who + 1, round);
	}
}

#endif
