/* SPDX-License-Identifier: MIT
 *
 * The monotonic clock, for the deadlines of tests. */
#ifndef TESTS_SUPPORT_CLOCK_H
#define TESTS_SUPPORT_CLOCK_H

#include <stdint.h>
#include <time.h>

#include "lib/units.h"

/* Returns CLOCK_MONOTONIC in nanoseconds. */
static inline int64_t clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

#endif
