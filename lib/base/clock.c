/* SPDX-License-Identifier: MIT */
#include "lib/base/clock.h"

#include <time.h>

#include "lib/units.h"

static int64_t clock_read(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

uint64_t clock_realtime(void)
{
	return (uint64_t)clock_read(CLOCK_REALTIME);
}

int64_t clock_monotonic(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

int64_t clock_coarse(void)
{
	return clock_read(CLOCK_MONOTONIC_COARSE);
}

int64_t clock_thread(void)
{
	return clock_read(CLOCK_THREAD_CPUTIME_ID);
}
