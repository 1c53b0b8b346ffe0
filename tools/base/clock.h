/* SPDX-License-Identifier: MIT
 * Reads the clocks of the system, in nanoseconds. May be called from any folder of tools. */
#ifndef TOOLS_BASE_CLOCK_H
#define TOOLS_BASE_CLOCK_H

#include <stdint.h>

/* Returns the time on CLOCK_MONOTONIC, which deadlines refer to. */
int64_t clock_now(void);
/* Returns the wall-clock time since 1970. */
uint64_t clock_wall(void);

#endif
