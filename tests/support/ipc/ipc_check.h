/* SPDX-License-Identifier: MIT
 *
 * Assertions that work in the process of a test and in every process that the test spawns. In a
 * spawned process a failed assertion prints its message and ends the process with status 1, which
 * ipc_join() in the test then finds. */
#ifndef TESTS_SUPPORT_IPC_IPC_CHECK_H
#define TESTS_SUPPORT_IPC_IPC_CHECK_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <stele/stele.h>

#include "lib/units.h"
#include "tests/support/clock.h"

#define IPC_PATIENCE (60 * NSEC_PER_SEC) /* a longer wait has failed */

/* True in a process that a test has spawned. Set by ipc_spawn(). */
extern bool ipc_spawned;

/* Reports a failed assertion, and does not return. For the macros below. */
void __attribute__((format(printf, 3, 4)))
ipc_fail(int line, const char *condition, const char *format, ...);

#define CHECK(condition_, ...) \
	do { \
		if (!(condition_)) \
			ipc_fail(__LINE__, #condition_, __VA_ARGS__); \
	} while (0)
/* Checks that a call of the library succeeds. */
#define OK(call_) \
	do { \
		int ok_ = (int)(call_); \
		if (ok_ < 0) \
			ipc_fail(__LINE__, #call_, "%d (%s)", ok_, stele_last_error()); \
	} while (0)
/* Checks that a call returns this value. If the value is an error, the error message must have this
 * part. */
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
		int64_t until_ = clock_now() + IPC_PATIENCE; \
		while (!(condition_)) { \
			if (clock_now() > until_) \
				ipc_fail(__LINE__, #condition_, "not within %d s", \
				         (int)(IPC_PATIENCE / NSEC_PER_SEC)); \
			sched_yield(); \
		} \
	} while (0)

#endif
