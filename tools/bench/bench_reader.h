/* SPDX-License-Identifier: MIT
 * Readers as processes, and taking turns with them. Every measurement may call it. */
#ifndef TOOLS_BENCH_BENCH_READER_H
#define TOOLS_BENCH_BENCH_READER_H

#include <stdint.h>
#include <sys/types.h>
#include "tools/base/status.h"
#include "tools/bench/bench.h"
#include "tools/bench/bench_bare.h"

/* What a reader and the publisher share. */
struct bench_reader_shared {
	_Alignas(64) uint32_t turn;
	int64_t start,
		taken;    /* of the row of the turn before: what it says, and when it was read */
	char reason[256]; /* why it failed */
	struct bare_shared bare;
};

struct bench_reader {
	pid_t pid;
	int stat; /* /proc/PID/stat */
	struct bare_pair pair;
	struct bench_reader_shared *shared;
};

/* Makes `count` readers, and the mechanism's way to each where there is one. Each runs `work`,
 * which returns 0 or a negative errno of the library's; then its sentence is the reason. */
enum status bench_readers_start(struct bench *bench, const struct bare *bare, size_t count,
                                int (*work)(void *context, struct bench_reader *reader),
                                void *context, struct bench_reader **ret);
/* Kills the readers, whatever they do, and frees them. */
void bench_readers_end(struct bench_reader *readers, size_t count, const struct bare *bare);

/* The reader's side: the next turn begins. */
void bench_reader_turn(struct bench_reader *reader);
/* The publisher's: waits until this turn has begun; and then until the reader sleeps. */
enum status bench_reader_await(struct bench *bench, const struct bench_reader *reader,
                               uint32_t turn);
enum status bench_reader_await_sleep(struct bench *bench, const struct bench_reader *reader);

#endif
