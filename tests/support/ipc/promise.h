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

/* ThreadSanitizer can't start threads in a process that was forked from a process with threads, and
 * Criterion's has some. */
#define NOTIFIER_THREADS (!THREAD_SANITIZED)

/* Returns whether a process that the test spawns can use the mechanism. */
bool promise_can_spawn(unsigned mechanism);

/* Defines a promise: a function of the mechanism and a region with one version, which is created
 * anew for each mechanism. A PROMISE_WITHIN spawns no processes. */
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

/* Subscribes to the region with a mechanism, and checks that the mechanism is in use. */
struct stele_subscriber *promise_subscribe(unsigned mechanism);

/* Returns the slot of the subscriber in process `pid`. */
struct layout_slot promise_slot(pid_t pid, unsigned *ret_index);

/* Returns the region's System V queue, or -1. */
int promise_sysv_queue(void);

/* Writes to `path` the path of the slot's entry in the folder of the region's subscribers. */
void promise_entry_path(const struct layout_slot *slot, char path[NAMES_PATH_SIZE]);

/* ---- waking subscribers ---- */

#define ROUNDS 12u

/* Waits for version after version, and announces each. Subscriber 0 uses stages 0 and 1, subscriber
 * 1 stages 2 and 3, and so on. */
void promise_follow(unsigned mechanism, unsigned who, unsigned rounds);

/* Follows as subscriber 0, for ROUNDS versions. */
void promise_follow_rounds(unsigned mechanism);

/* Commits whenever the child sleeps, and waits until the child is awake, round after round. */
void promise_commit_rounds(struct stele_publisher *publisher, pid_t child, unsigned who,
                           unsigned from, unsigned to);

#endif
