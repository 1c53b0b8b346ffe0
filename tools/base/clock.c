/* SPDX-License-Identifier: MIT */
#include <time.h>
#include "tools/base/clock.h"

static int64_t read_clock(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

int64_t time_monotonic(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t time_of_day(void)
{
	return (uint64_t)read_clock(CLOCK_REALTIME);
}
