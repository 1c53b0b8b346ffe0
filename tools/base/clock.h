/* SPDX-License-Identifier: MIT
 * What time it is, in nanoseconds. */
#ifndef TOOLS_BASE_CLOCK_H
#define TOOLS_BASE_CLOCK_H

#include <stdint.h>

int64_t clock_now(void);   /* on CLOCK_MONOTONIC, as deadlines are */
uint64_t clock_wall(void); /* since 1970 */

#endif
