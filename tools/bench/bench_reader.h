/* SPDX-License-Identifier: MIT
 * Processes that read, and the turns that publisher and readers take (see bench.h). Called by the
 * measurements and by bench_machine.c. */
#ifndef TOOLS_BENCH_BENCH_READER_H
#define TOOLS_BENCH_BENCH_READER_H

#include <stdint.h>
#include <sys/types.h>
#include "tools/base/status.h"
#include "tools/bench/bench.h"
#include "tools/bench/bench_bare.h"

/* Memory that a reader and the publisher share. */
struct bench_reader_shared {
	_Alignas(64) uint32_t turn;
	int64_t start;    /* when the publisher began to send the last row */
	int64_t taken;    /* when the reader had read the last row */
	char reason[256]; /* why the reader failed; "": no failure */
	struct bare_shared bare;
};

struct bench_reader {
	pid_t pid;
	int stat; /* descriptor of /proc/PID/stat */
	struct bare_pair pair;
	struct bench_reader_shared *shared;
};

/* Starts `count` readers, and opens the mechanism's channel to each unless `bare` is NULL. Each
 * reader runs `work`. If `work` returns a negative errno, the library's error message becomes the
 * reason. */
enum status bench_readers_start(struct bench *bench, const struct bare *bare, size_t count,
                                int (*work)(void *context, struct bench_reader *reader),
                                void *context, struct bench_reader **ret);
/* Kills the readers, closes their channels, and frees them. */
void bench_readers_end(struct bench_reader *readers, size_t count, const struct bare *bare);

/* Begins the reader's next turn. Called by the reader. */
void bench_reader_turn(struct bench_reader *reader);
/* Wait until the reader has begun this turn, or until the reader sleeps. Called by the
 * publisher. */
enum status bench_reader_await(struct bench *bench, const struct bench_reader *reader,
                               uint32_t turn);
enum status bench_reader_await_sleep(struct bench *bench, const struct bench_reader *reader);

#endif
