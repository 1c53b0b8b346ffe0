/* SPDX-License-Identifier: MIT
 * What publisher and readers do on their cores. Every measurement may call it. */
#ifndef TOOLS_BENCH_BENCH_CORE_H
#define TOOLS_BENCH_BENCH_CORE_H

#include "tools/base/status.h"
#include "tools/bench/bench.h"

/* In a loop that waits for another core. */
static inline void bench_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield");
#endif
}

/* Binds this thread to a core, or lets it use all that are allowed (-1). */
void bench_bind(const struct bench *bench, int core);
/* STATUS_SYSTEM once a signal has told this process to stop. */
enum status bench_check_stop(const struct bench *bench);

#endif
