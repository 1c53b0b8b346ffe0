/* SPDX-License-Identifier: MIT */
#include <time.h>
#include "lib/units.h"
#include "tools/base/clock.h"

static int64_t clock_read(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec * NSEC_PER_SEC + time.tv_nsec;
}

int64_t clock_now(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

uint64_t clock_wall(void)
{
	return (uint64_t)clock_read(CLOCK_REALTIME);
}
