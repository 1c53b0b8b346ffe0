/* SPDX-License-Identifier: MIT
 *
 * The system's clocks, in nanoseconds. Any part of the library may call these. */
#ifndef LIB_BASE_CLOCK_H
#define LIB_BASE_CLOCK_H

#include <stdint.h>

/* Return the time of day for people, since 1970; and of the clock that deadlines count on. */
uint64_t clock_realtime(void);
int64_t clock_monotonic(void);

/* Returns the monotonic time as of the last tick of the system, a few milliseconds old at most: a
 * call costs a fifth of clock_monotonic(). */
int64_t clock_coarse(void);

/* Returns the processor time that the calling thread has used: time for which other threads have the
 * processor does not count. */
int64_t clock_thread(void);

#endif
