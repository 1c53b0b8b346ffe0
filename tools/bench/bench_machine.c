/* SPDX-License-Identifier: MIT
 * Prepares the machine: chooses cores, keeps them awake, and measures the latency between them. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <unistd.h>
#include "tools/base/clock.h"
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/bench/bench.h"
#include "tools/bench/bench_core.h"
#include "tools/bench/bench_machine.h"
#include "tools/bench/bench_reader.h"
#include "tools/bench/bench_samples.h"

static enum status machine_choose_cores(struct bench *bench)
{
	int given[] = {bench->publisher_core, bench->reader_core};
	int found = 0;

	if (sched_getaffinity(0, sizeof(bench->allowed), &bench->allowed) < 0)
		return fail(STATUS_SYSTEM, "cannot find out which cores this process may use: %s",
		            strerror(errno));
	for (int i = 0; i < 2 && given[i] >= 0; i++)
		if (given[i] >= CPU_SETSIZE || !CPU_ISSET((size_t)given[i], &bench->allowed))
			return fail(STATUS_INPUT, "--cores: this process may not use core %d",
			            given[i]);
	if (given[0] >= 0)
		return STATUS_DONE;
	for (int core = 0; core < CPU_SETSIZE && found < 2; core++) {
		if (!CPU_ISSET((size_t)core, &bench->allowed))
			continue;
		if (found++ == 0)
			bench->publisher_core = core;
		bench->reader_core = core;
	}
	return STATUS_DONE;
}

/* Keeps idle cores awake. A halted core takes many microseconds to wake, which would hide all other
 * costs. The kernel obeys the limit in /dev/cpu_dma_latency while the file is open. */
static bool machine_keep_awake(void)
{
	static const int32_t microseconds;
	int fd = open("/dev/cpu_dma_latency", O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, &microseconds, sizeof(microseconds)) == sizeof(microseconds);
}

/* ---- latency of a cache line ---- */

enum { TRIPS = 1000, BATCHES = 21 };

/* Runs in the reader: answers each odd number with the next even one. */
static int machine_answer(void *context, struct bench_reader *reader)
{
	uint32_t *word = &reader->shared->bare.word;

	(void)context;
	bench_reader_turn(reader);
	for (uint32_t i = 1; i <= 2 * TRIPS * BATCHES; i += 2) {
		while (__atomic_load_n(word, __ATOMIC_ACQUIRE) != i)
			bench_pause();
		__atomic_store_n(word, i + 1, __ATOMIC_RELEASE);
	}
	return 0;
}

enum status machine_measure_line(struct bench *bench)
{
	struct samples samples = {0};
	struct bench_reader *reader;
	enum status status;
	uint32_t *word;

	bench->line_us = NAN;
	if (bench->publisher_core == bench->reader_core)
		return STATUS_DONE;
	status = bench_readers_start(bench, NULL, 1, machine_answer, NULL, &reader);
	if (status != STATUS_DONE)
		return status;
	status = bench_reader_await(bench, reader, 1);
	word = &reader->shared->bare.word;
	for (uint32_t batch = 0; batch < BATCHES && status == STATUS_DONE; batch++) {
		int64_t begin = clock_now();
		for (uint32_t i = 2 * TRIPS * batch; i < 2 * TRIPS * (batch + 1); i += 2) {
			__atomic_store_n(word, i + 1, __ATOMIC_RELEASE);
			while (__atomic_load_n(word, __ATOMIC_ACQUIRE) != i + 2)
				bench_pause();
		}
		samples_add(&samples, (double)(clock_now() - begin) / 1e3 / 2 / TRIPS);
	}
	bench->line_us = samples_median(&samples, 0);
	samples_free(&samples);
	bench_readers_end(reader, 1, NULL);
	return status;
}

enum status machine_prepare(struct bench *bench)
{
	enum status status = machine_choose_cores(bench);

	if (status != STATUS_DONE)
		return status;
	bench->kept_awake = machine_keep_awake();
	bench_bind(bench, bench->publisher_core);
	return STATUS_DONE;
}
