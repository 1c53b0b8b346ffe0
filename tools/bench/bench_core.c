/* SPDX-License-Identifier: MIT */
#include <poll.h>
#include <sched.h>
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/bench/bench.h"
#include "tools/bench/bench_core.h"

void bench_bind(const struct bench *bench, int core)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	if (core >= 0)
		CPU_SET((size_t)core, &set);
	/* If this fails, the thread runs where the kernel puts it. */
	sched_setaffinity(0, sizeof(set), core >= 0 ? &set : &bench->allowed);
}

enum status bench_check_stop(const struct bench *bench)
{
	struct pollfd stop = {.fd = bench->stop_fd, .events = POLLIN};

	if (poll(&stop, 1, 0) == 1)
		return fail(STATUS_SYSTEM, "stopped by a signal before everything was measured");
	return STATUS_DONE;
}
