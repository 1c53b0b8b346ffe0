/* SPDX-License-Identifier: MIT
 *
 * What several notifiers do in the same way: wait for a slice, create an object in the region's folder
 * that the publisher may send to, close it. For the notifiers alone. common_grant and
 * common_error are for _open, and set the error message. */
#ifndef NOTIFIER_COMMON_H
#define NOTIFIER_COMMON_H

#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include "notifier/notifier.h"

/* The most notices that one call takes away: who may send and floods must not keep it busy. */
#define COMMON_DRAIN 16

/* The system call that takes the C library's struct timespec: a 32-bit process has 64-bit times, which
 * are the other call's there. */
#ifdef SYS_futex_time64
#define COMMON_SYS_FUTEX SYS_futex_time64
#else
#define COMMON_SYS_FUTEX SYS_futex
#endif

/* When a wait that begins now ends at the latest: at its deadline, or after a slice. */
int64_t common_until(int64_t deadline);
struct timespec common_time(int64_t nanoseconds);
/* Waits until `fd` is readable: true; or until a time on CLOCK_MONOTONIC or a signal: false. */
bool common_poll(int fd, int64_t until);

/* Mode 0620 for the open object (O_PATH will do), so that the publisher, who is the region's owner,
 * may send to it: where that is neither root nor this user, by the region's group. */
int common_grant(const struct channel *channel, int fd, const char *what);

/* The error for an entry of the folder that could not be made. */
int common_error(const struct channel *channel, const char *what, int errnum);
/* Remembers the path of the channel's entry as its name, for messages. */
void common_name(struct channel *channel);

/* Functions for struct notifier: does nothing; returns 0; closes the descriptor; removes the entry in
 * the folder; both. */
void common_do_nothing(struct channel *channel);
int common_succeed(struct channel *channel);
void common_detach(struct channel *channel);
int common_reap(struct channel *channel);
void common_close(struct channel *channel);

#endif
