/* SPDX-License-Identifier: MIT
 *
 * How long an attach waits for another publisher, and the callback that is told about the wait
 * (options.waiting). Used by the files of this folder: attach.c for locks on files, and mutex.c for
 * the mutex. */
#ifndef PUBLISHER_ATTACH_ATTACH_WAIT_H
#define PUBLISHER_ATTACH_ATTACH_WAIT_H

#include <stdbool.h>
#include <stdint.h>

struct attach_wait {
	int64_t until; /* time of clock_monotonic() at which waiting ends */
	int64_t tell;  /* time at which the callback is called; INT64_MAX: not (again) */
	void (*waiting)(const char *message, void *context);
	void *context;
};

/* Starts a wait of at most `timeout` nanoseconds. The callback may be NULL. */
void attach_wait_start(struct attach_wait *wait, int64_t timeout,
                       void (*waiting)(const char *message, void *context), void *context);

/* Returns the time of the next step: that at which the callback is called, or the end. */
int64_t attach_wait_next(const struct attach_wait *wait);

/* Returns true if the callback is to be called now. The caller sets the error message that the
 * callback gets, and calls attach_wait_tell(). */
bool attach_wait_is_due(const struct attach_wait *wait);
void attach_wait_tell(struct attach_wait *wait);

#endif
