/* SPDX-License-Identifier: MIT
 * Helpers for loops on the cores of publisher and readers. Called by the measurements and their
 * helpers. */
#ifndef TOOLS_BENCH_BENCH_CORE_H
#define TOOLS_BENCH_BENCH_CORE_H

#include "tools/base/status.h"
#include "tools/bench/bench.h"

/* Tells the core that it is in a spin loop. */
static inline void bench_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield");
#endif
}

/* Binds this thread to a core, or lets it use all allowed cores (-1). */
void bench_bind(const struct bench *bench, int core);
/* Returns STATUS_SYSTEM with an error message once a signal has asked this process to stop. */
enum status bench_check_stop(const struct bench *bench);

#endif
