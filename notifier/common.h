/* SPDX-License-Identifier: MIT
 *
 * Helpers that several notifiers share: waiting with a time-out, and making and closing a
 * subscriber's entry (socket, pipe or lock file) in the region's folder. Only the notifiers call
 * these functions. (notifier_slice, which common.c defines too, is declared in notifier.h.) */
#ifndef NOTIFIER_COMMON_H
#define NOTIFIER_COMMON_H

#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include "notifier/notifier.h"

/* The maximum of notices that one drain consumes. Without it, a flood of notices could keep a
 * subscriber in the drain. */
#define COMMON_DRAIN 16

/* The futex system call that takes the C library's struct timespec. Its times have 64 bits in a
 * 32-bit process too, where SYS_futex would take 32-bit times. */
#ifdef SYS_futex_time64
#define COMMON_SYS_FUTEX SYS_futex_time64
#else
#define COMMON_SYS_FUTEX SYS_futex
#endif

/* Returns when a wait that begins now must end, on CLOCK_MONOTONIC: at `deadline`, or after
 * channel->slice if that is earlier. */
int64_t common_until(const struct channel *channel, int64_t deadline);
/* Converts nanoseconds to a struct timespec. */
struct timespec common_time(int64_t nanoseconds);
/* Waits until `fd` is readable. Returns false if a signal or `until` (CLOCK_MONOTONIC) came
 * first. */
bool common_poll(int fd, int64_t until);

/* Lets the publisher, which runs as the region's owner, send to the open object: sets mode 0620
 * and, if the owner is neither root nor this user, the region's group. `fd` may be opened with
 * O_PATH. `what` names the object's kind ("socket"). Returns 0 or a negative errno, with an error
 * message, for a notifier's `open`. */
int common_grant(const struct channel *channel, int fd, const char *what);

/* Sets the error message for an entry of the region's folder that could not be made. Returns
 * -errnum. */
int common_error(const struct channel *channel, const char *what, int errnum);
/* Sets channel->name to the path of the subscriber's entry in the region's folder. */
void common_name(struct channel *channel);

/* ---- ready-made members of struct notifier ---- */

void common_do_nothing(struct channel *channel);
/* Does nothing, and returns 0. */
int common_succeed(struct channel *channel);
/* Closes the channel's descriptor. */
void common_detach(struct channel *channel);
/* Removes the subscriber's entry from the region's folder. */
int common_reap(struct channel *channel);
/* Closes the channel's descriptor, and removes the subscriber's entry from the region's folder. */
void common_close(struct channel *channel);

#endif
