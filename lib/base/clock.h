/* SPDX-License-Identifier: MIT
 *
 * The system's clocks, in nanoseconds. Any part of the library may call these. */
#ifndef LIB_BASE_CLOCK_H
#define LIB_BASE_CLOCK_H

#include <stdint.h>

/* Returns the wall-clock time, in nanoseconds since 1970. For display and for records. */
uint64_t clock_realtime(void);

/* Returns the time on CLOCK_MONOTONIC, which all deadlines refer to. */
int64_t clock_monotonic(void);

/* Returns the monotonic time of the kernel's last timer tick, which is a few milliseconds old at
 * most. A call costs a fifth of clock_monotonic(). */
int64_t clock_coarse(void);

/* Returns the processor time that the calling thread has used. Time in which the thread does not
 * run does not count. */
int64_t clock_thread(void);

#endif
