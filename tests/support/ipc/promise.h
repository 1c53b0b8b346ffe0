/* SPDX-License-Identifier: MIT
 *
 * The promises that every notifier keeps: a promise is a test that is run with each mechanism. */
#ifndef TESTS_SUPPORT_IPC_PROMISE_H
#define TESTS_SUPPORT_IPC_PROMISE_H

#include "lib/storage/paths.h"
#include "tests/support/ipc/ipc.h"
#include "tests/support/sanitized.h"

enum { MQ, SOCKET, FIFO, SIGNAL, SEMAPHORE, SYSV, FUTEX, MECHANISMS };
struct mechanism {
	const char *name;
	bool has_descriptor;
};
extern const struct mechanism mechanisms[MECHANISMS];

/* ThreadSanitizer can't start threads in a process that was forked from one that has some, and
 * Criterion's has. */
#define NOTIFIER_THREADS (!THREAD_SANITIZED)

/* Whether a process that the test spawns can use the mechanism. */
bool promise_can_spawn(unsigned mechanism);

/* A promise is a function of the mechanism and a region that has one version; the region is made
 * anew for each. Those _WITHIN the test's process spawn none. */
#define PROMISE(suite_, name_)        NOTIFIER_PROMISE(suite_, name_, true)
#define PROMISE_WITHIN(suite_, name_) NOTIFIER_PROMISE(suite_, name_, false)
#define NOTIFIER_PROMISE(suite_, name_, spawns_) \
	static void name_(unsigned mechanism, struct stele_publisher *publisher); \
	Test(suite_, name_) \
	{ \
		promise_for_each(name_, spawns_); \
	} \
	static void name_(unsigned mechanism, struct stele_publisher *publisher)

/* Runs a promise with each mechanism; for the macros above. */
void promise_for_each(void (*promise)(unsigned, struct stele_publisher *), bool spawns);

/* Subscribes to the region with a mechanism, which must be the one in use then. */
struct stele_subscriber *promise_subscribe(unsigned mechanism);

/* The slot of the subscriber that is this process. */
struct layout_slot promise_slot(pid_t pid, unsigned *ret_index);

/* The region's System V queue, or -1. */
int promise_sysv_queue(void);

/* The path of the slot's entry in the folder of the region's subscribers. */
void promise_entry_path(const struct layout_slot *slot, char path[NAMES_PATH_SIZE]);

/* ---- being woken ---- */

#define ROUNDS 12u

/* Waits for version after version, and tells each. Stages 0 and 1 are of subscriber 0, and so
 * on. */
void promise_follow(unsigned mechanism, unsigned who, unsigned rounds);

/* Follows as subscriber 0, for ROUNDS versions. */
void promise_follow_rounds(unsigned mechanism);

/* Commits once the child sleeps, and awaits that it is up, round after round. */
void promise_commit_rounds(struct stele_publisher *publisher, pid_t child, unsigned who,
                           unsigned from, unsigned to);

#endif
